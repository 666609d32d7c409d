/* What a process does to the files of one directory: recorded, or made to fail. LD_PRELOAD it.
 *
 * PT_SHIM_DIR    only files below this directory count; memory-mapped -shm files never do
 * PT_SHIM_TRACE  write every call there, with its octets, after it was done
 * PT_SHIM_FAIL   KIND:N:WHAT; the Nth call of KIND (write, sync, open, truncate, any) fails with
 *                errno WHAT, or does half of it ("short"), or ends the process ("kill")
 *
 * A record is: kind (1), length of the path (2), offset (8), length of the octets (4), all
 * big-endian; then path and octets. For a sync the offset is the number of the records that were
 * written before it began: later ones are not made durable by it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 4096
#define RECORD 15

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *paths[FILES];
static const char *directory;
static size_t directory_length;
static int trace = -1;
static uint64_t records;
static char fail_kind[16], fail_what[16];
static long fail_at, calls;

#define REAL(result, name, ...) \
    static result (*real_##name)(__VA_ARGS__); \
    if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void)
{
    directory = getenv("PT_SHIM_DIR");
    directory_length = directory ? strlen(directory) : 0;
    const char *name = getenv("PT_SHIM_TRACE");
    if (name)
        trace = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const char *fail = getenv("PT_SHIM_FAIL");
    if (fail)
        sscanf(fail, "%15[a-z]:%ld:%15[A-Za-z]", fail_kind, &fail_at, fail_what);
}

/* For a process that was forked from one with the library in it: begin to fail here and now. */
void pt_shim_arm(const char *where, const char *fail)
{
    directory = strdup(where);
    directory_length = strlen(directory);
    fail_at = calls = 0;
    sscanf(fail, "%15[a-z]:%ld:%15[A-Za-z]", fail_kind, &fail_at, fail_what);
}

long pt_shim_calls(void)
{
    return calls;
}

static int counts(const char *path)
{
    if (!path || !directory_length || strncmp(path, directory, directory_length))
        return 0;
    size_t length = strlen(path);
    return length < 4 || strcmp(path + length - 4, "-shm");
}

static const char *path_of(int fd)
{
    return fd >= 0 && fd < FILES ? paths[fd] : NULL;
}

static void record(char kind, const char *path, uint64_t offset, const void *data, uint32_t length)
{
    if (trace < 0)
        return;
    unsigned char head[RECORD];
    uint16_t size = strlen(path);
    head[0] = kind;
    head[1] = size >> 8;
    head[2] = size;
    for (int i = 0; i < 8; i++)
        head[3 + i] = offset >> (56 - 8 * i);
    for (int i = 0; i < 4; i++)
        head[11 + i] = length >> (24 - 8 * i);
    struct iovec parts[3] = {{head, RECORD}, {(void *)path, size}, {(void *)data, length}};
    if (syscall(SYS_writev, trace, parts, length ? 3 : 2) < 0)
        _exit(99);
    records++;
}

/* Count a call; return 0 to go on, an errno to fail with, or -1 to do a half of it. */
static int trouble(const char *kind)
{
    if (!fail_at || (strcmp(fail_kind, kind) && strcmp(fail_kind, "any")))
        return 0;
    if (++calls != fail_at)
        return 0;
    if (!strcmp(fail_what, "kill"))
        kill(getpid(), SIGKILL);
    if (!strcmp(fail_what, "short"))
        return -1;
    if (!strcmp(fail_what, "ENOSPC"))
        return ENOSPC;
    if (!strcmp(fail_what, "EMFILE"))
        return EMFILE;
    return EIO;
}

static void opened(int fd, const char *path, int flags, int was_there)
{
    if (fd < 0 || fd >= FILES)
        return;
    pthread_mutex_lock(&lock);
    free(paths[fd]);
    paths[fd] = counts(path) ? strdup(path) : NULL;
    if (paths[fd] && (flags & O_CREAT) && !was_there)
        record('c', path, 0, NULL, 0);
    else if (paths[fd] && (flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY)
        record('t', path, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
}

static int do_open(int at, const char *path, int flags, mode_t mode)
{
    struct stat known;
    int was_there = 1;
    if (counts(path)) {
        was_there = syscall(SYS_newfstatat, at, path, &known, 0) == 0;
        pthread_mutex_lock(&lock);
        int why = trouble("open");
        pthread_mutex_unlock(&lock);
        if (why > 0) {
            errno = why;
            return -1;
        }
    }
    int fd = syscall(SYS_openat, at, path, flags, mode);
    opened(fd, path, flags, was_there);
    return fd;
}

static mode_t mode_of(int flags, va_list more)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = mode_of(flags, more); \
        va_end(more); \
        return do_open(AT_FDCWD, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int at, const char *path, int flags, ...) \
    { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = mode_of(flags, more); \
        va_end(more); \
        return do_open(at, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd)
{
    if (fd == trace)
        return 0;
    if (path_of(fd)) {
        pthread_mutex_lock(&lock);
        free(paths[fd]);
        paths[fd] = NULL;
        pthread_mutex_unlock(&lock);
    }
    return syscall(SYS_close, fd);
}

static ssize_t do_write(int fd, const void *data, size_t length, off_t offset, int positioned)
{
    const char *path = path_of(fd);
    if (!path)
        return positioned ? syscall(SYS_pwrite64, fd, data, length, offset)
                          : syscall(SYS_write, fd, data, length);
    pthread_mutex_lock(&lock);
    ssize_t done = -1;
    int why = trouble("write");
    if (why > 0) {
        errno = why;
    } else {
        if (why < 0 && length > 1)
            length /= 2;
        if (!positioned)
            offset = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
        done = positioned ? syscall(SYS_pwrite64, fd, data, length, offset)
                          : syscall(SYS_write, fd, data, length);
        if (done > 0)
            record('w', path, offset, data, done);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *data, size_t length)
{
    return do_write(fd, data, length, 0, 0);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    return do_write(fd, data, length, offset, 1);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    return do_write(fd, data, length, offset, 1);
}

static int do_truncate(int fd, off_t length)
{
    const char *path = path_of(fd);
    if (!path)
        return syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&lock);
    int done = -1, why = trouble("truncate");
    if (why > 0)
        errno = why;
    else if ((done = syscall(SYS_ftruncate, fd, length)) == 0)
        record('t', path, length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t length)
{
    return do_truncate(fd, length);
}

int ftruncate64(int fd, off64_t length)
{
    return do_truncate(fd, length);
}

static int do_sync(int fd, long call)
{
    const char *path = path_of(fd);
    if (!path)
        return syscall(call, fd);
    pthread_mutex_lock(&lock);
    uint64_t before = records;
    int why = trouble("sync");
    pthread_mutex_unlock(&lock);
    if (why > 0) {
        errno = why;
        return -1;
    }
    int done = syscall(call, fd);
    if (done == 0) {
        pthread_mutex_lock(&lock);
        if (path_of(fd))
            record('s', path_of(fd), before, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return done;
}

int fsync(int fd)
{
    return do_sync(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return do_sync(fd, SYS_fdatasync);
}

int unlink(const char *path)
{
    pthread_mutex_lock(&lock);
    int done = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (done == 0 && counts(path))
        record('u', path, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int link(const char *from, const char *to)
{
    pthread_mutex_lock(&lock);
    int done = syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (done == 0 && counts(from))
        record('l', from, 0, to, strlen(to));
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to)
{
    pthread_mutex_lock(&lock);
    int done = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (done == 0 && counts(from))
        record('r', from, 0, to, strlen(to));
    pthread_mutex_unlock(&lock);
    return done;
}
