/* Closed-loop load generator: one thread, epoll, TLS 1.3 by OpenSSL. (Some more while it connects.)
 *
 *   load MODE --port N --conns N [--depth N] [--framing KIND] [--request FILE]...
 *        [--prologue FILE] [--keepalive FILE] [--alpn NAME] [--pid N]...
 *
 * MODE is `ask` (depth requests open on each connection, the next sent when one is answered),
 * `listen` (count what arrives) or `idle` (connect only). It connects, prints {"ready": N}, then
 * obeys lines on stdin: `run SECONDS WARM` prints one line of JSON with what was seen. End of
 * file ends it. So the connections live through all rounds, and rounds of several servers can
 * be interleaved.
 *
 * KIND says where a message ends and which count:
 *   fixed:N   every N octets are one reply (echo, relay, AMP's constant answers)
 *   http      HTTP/1.1 replies with Content-Length; a status other than 2xx is an error
 *   ptwp      frames of the product; RESPONSE frames are replies (status != 0 is an error), in
 *             `listen` EV_QUOTE frames count, their age is measured by observed_at, and what a
 *             connection missed by quote_seq (of one symbol: subscribe to no more)
 *   ptws      the same frames within WebSocket messages, as browsers have them
 *   sock:N    a frame of N octets each: WebSocket or bare; octets 4..12 of its last 64 hold the
 *             wall clock in ns, as the fan-out peers write it
 * With ptwp, session, correlation, seq and client_order_id are written into the request.
 * What --keepalive names is sent on each connection every 15 seconds, as the protocol's default asks,
 * when nothing else is.
 * The prologue has, for each connection: u32 length and octets of what opens it (HELLO and LOGIN,
 * or a WebSocket's upgrade); u32 length and octets of one request sent within the session; u32
 * what is awaited after the first: 0 nothing, 1 an HTTP head, 2 the reply to LOGIN, 3 an HTTP head:
 * another such piece follows, for the same connection. With ptws what goes out after the upgrade is
 * one masked message each, under the mask 0, so that session and correlation can be written into it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FIXED, HTTP, PTWP, SOCK };
enum { SLOTS = 256, IN_MAX = 65536, OUT_MAX = 65536, REQUESTS_MAX = 8, PIDS_MAX = 8 };
enum { BUCKETS = 64 * 64, STATUSES = 4096 };
#define KEEPALIVE_NS 15000000000u
enum { DIALLERS = 8 };
enum { AWAIT_NOTHING, AWAIT_HTTP, AWAIT_LOGIN, AWAIT_UPGRADE };
enum { OP_CONTROL_LAST = 0x00ff, OP_GOODBYE = 0x0004, OP_LOGIN = 0x0102, FLAG_RESPONSE = 1 };

typedef uint64_t u64;
typedef struct {
    int fd, open, writing, index;
    atomic_int greeted;
    SSL *ssl;
    u64 sent_at[SLOTS];
    u64 head, tail; /* requests sent, replies seen */
    u64 kept_at;
    uint32_t session;
    u64 quote; /* newest quote_seq seen */
    int in_len, out_len, out_at;
    unsigned char *in, *out;
    /* Of a WebSocket: octets left of the present message, and whether they are ours to read. */
    u64 message_left;
    int message_data, head_len;
    unsigned char head_part[10];
} Conn;

static int websocket;
static int port, conns = 1, depth = 1, framing = FIXED, fixed_size = 64, event_quote = 0x0510;
static int pids[PIDS_MAX], npids, listening, event_age = 112;
static const char *alpn;
static unsigned char *requests[REQUESTS_MAX];
static int request_len[REQUESTS_MAX], nrequests;
static unsigned char *prologue, *keepalive;
static long prologue_len, keepalive_len;
static SSL_CTX *ctx;
static Conn *all;
static int poller;
static u64 buckets[BUCKETS], counted, latest, statuses[STATUSES], octets_in, reads, writes, missed;
static int measuring, sending;
static atomic_int connected;
static u64 order_base;

static void die(const char *why) {
    fprintf(stderr, "load: %s\n", why);
    ERR_print_errors_fp(stderr);
    exit(2);
}
static u64 clock_ns(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}
static u64 now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
static uint32_t get32(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static u64 get64(const unsigned char *p) { return (u64)get32(p) << 32 | get32(p + 4); }
static void put32(unsigned char *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (unsigned char)(v >> (24 - 8 * i));
}
static void put64(unsigned char *p, u64 v) { put32(p, (uint32_t)(v >> 32)); put32(p + 4, (uint32_t)v); }

/* Latencies: 64 buckets in each power of two of nanoseconds, so an error of 1.6 % at most. */
static void measured(u64 ns) {
    int e = ns < 64 ? 0 : 63 - __builtin_clzll(ns) - 5;
    u64 i = e ? (u64)e * 64 + (ns >> (e - 1) & 63) : ns;
    buckets[i < BUCKETS ? i : BUCKETS - 1]++;
    counted++;
    if (ns > latest) latest = ns;
}
static double percentile(double share) {
    u64 want = (u64)(counted * share + 0.999999), sum = 0;
    for (int i = 0; i < BUCKETS; i++) {
        sum += buckets[i];
        if (sum >= want && sum) {
            int e = i / 64;
            return (e ? (double)((u64)(i % 64 | 64) << (e - 1)) : i % 64) / 1000.0;
        }
    }
    return 0;
}
static double own_cpu(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec)
        + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}
/* Only threads living at the end count; the servers' threads live as long as they do. */
static double cpu_of(int pid) {
    char path[400];
    double sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *d = opendir(path);
    if (!d) return 0;
    for (struct dirent *e; (e = readdir(d));) {
        u64 v = 0;
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, e->d_name);
        FILE *f = fopen(path, "r");
        if (f) {
            if (fscanf(f, "%lu", &v) == 1) sum += (double)v;
            fclose(f);
        }
    }
    closedir(d);
    return sum / 1e9;
}
static unsigned char *slurp(const char *path, long *len) {
    FILE *f = fopen(path, "rb");
    if (!f) die(path);
    fseek(f, 0, SEEK_END);
    *len = ftell(f);
    rewind(f);
    unsigned char *b = malloc((size_t)*len + 1);
    if (fread(b, 1, (size_t)*len, f) != (size_t)*len) die(path);
    fclose(f);
    return b;
}

/* --- connecting: blocking, one after the other ------------------------------------------------ */

static void write_all(Conn *c, const unsigned char *b, int n) {
    while (n) {
        int r = SSL_write(c->ssl, b, n);
        if (r <= 0) die("the server closed while it was greeted");
        b += r;
        n -= r;
    }
}
static void read_all(Conn *c, unsigned char *b, int n) {
    while (n) {
        int r = SSL_read(c->ssl, b, n);
        if (r <= 0) die("the server closed while it greeted");
        b += r;
        n -= r;
    }
}
/* Take octets that came over a WebSocket: heads and control frames out, the rest moved to the front.
 * Returns how many octets are left. A server's frames are not masked. */
static int without_heads(Conn *c, unsigned char *b, int n) {
    int at = 0, kept = 0;
    while (at < n) {
        if (c->message_left) {
            int take = n - at < (int)c->message_left ? n - at : (int)c->message_left;
            if (c->message_data) { memmove(b + kept, b + at, (size_t)take); kept += take; }
            c->message_left -= (u64)take;
            at += take;
            continue;
        }
        c->head_part[c->head_len++] = b[at++];
        if (c->head_len < 2) continue;
        int kind = c->head_part[1] & 127, size = kind == 126 ? 4 : kind == 127 ? 10 : 2;
        if (c->head_len < size) continue;
        c->message_left = kind == 126 ? (u64)(c->head_part[2] << 8 | c->head_part[3])
            : kind == 127 ? get64(c->head_part + 2) : (u64)kind;
        c->message_data = (c->head_part[0] & 15) <= 2;
        if ((c->head_part[0] & 15) == 8) die("the server closed its WebSocket");
        c->head_len = 0;
    }
    return kept;
}
static void read_payload(Conn *c, unsigned char *b, int n) {
    while (n) {
        /* While greeting, one octet at a time until a message begins. */
        int want = !websocket ? n : c->message_left && c->message_data
            ? (n < (int)c->message_left ? n : (int)c->message_left) : 1;
        read_all(c, b, want);
        int kept = websocket ? without_heads(c, b, want) : want;
        b += kept;
        n -= kept;
    }
}
static void read_http_head(Conn *c) {
    unsigned char last[4] = {0};
    while (memcmp(last, "\r\n\r\n", 4)) {
        memmove(last, last + 1, 3);
        read_all(c, last + 3, 1);
    }
}
static void await_reply(Conn *c, int opcode) {
    unsigned char b[IN_MAX];
    for (;;) {
        read_payload(c, b, 32);
        uint32_t length = get32(b + 4);
        if (length > IN_MAX - 32) die("a frame is too long");
        read_payload(c, b + 32, (int)length);
        if ((b[8] << 8 | b[9]) == OP_GOODBYE) {
            fprintf(stderr, "load: the server said GOODBYE with %#x\n", b[32] << 8 | b[33]);
            exit(3);
        }
        if ((b[10] << 8 | b[11]) & FLAG_RESPONSE && (b[8] << 8 | b[9]) == opcode) {
            int status = b[14] << 8 | b[15];
            if (status) {
                fprintf(stderr, "load: opcode %#x refused with %#x\n", opcode, status);
                exit(3);
            }
            if (opcode == OP_LOGIN) c->session = get32(b + 16);
            return;
        }
    }
}
static int masked_head(const unsigned char *b) {
    int kind = b[1] & 127;
    return (kind == 126 ? 4 : kind == 127 ? 10 : 2) + 4;
}
static void greet(Conn *c, const unsigned char *p) {
    int first = (int)get32(p);
    const unsigned char *one = p + 4, *two = one + first + 4;
    int second = (int)get32(one + first), await = (int)get32(two + second);
    if (first) write_all(c, one, first);
    if (await == AWAIT_UPGRADE) {
        read_http_head(c);
        greet(c, two + second + 4);
        return;
    }
    if (await == AWAIT_HTTP) read_http_head(c);
    if (await == AWAIT_LOGIN) await_reply(c, OP_LOGIN);
    if (second) {
        unsigned char b[65536];
        unsigned char *f = b;
        memcpy(b, two, (size_t)second);
        if (websocket) f += masked_head(b);
        put32(f + 16, c->session);
        write_all(c, b, second);
        await_reply(c, f[8] << 8 | f[9]);
    }
}
static void dial(Conn *c) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (void *)&a, sizeof a)) die("cannot connect");
    c->ssl = SSL_new(ctx);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_tlsext_host_name(c->ssl, "localhost");
    if (SSL_connect(c->ssl) != 1) die("the TLS handshake failed");
    c->in = malloc(IN_MAX);
    c->out = malloc(OUT_MAX);
}
/* Silent connections would be closed; a connection with a whole request to write is not silent. */
static void keep_alive(void) {
    u64 now = now_ns();
    if (!keepalive) return;
    for (int i = 0; i < conns; i++) {
        Conn *c = &all[i];
        if (!c->greeted || c->out_len || now < c->kept_at + KEEPALIVE_NS) continue;
        c->kept_at = now;
        SSL_write(c->ssl, keepalive, (int)keepalive_len);
    }
}
static void turn(int wait_ms);
static const unsigned char **greetings;
static atomic_int next_up;
/* Blocking, each connection by one thread, until all are up; then it is the main thread's alone. */
static void *dialler(void *nothing) {
    int i;
    while ((i = next_up++) < conns) {
        Conn *c = &all[i];
        c->index = i;
        dial(c);
        if (prologue) greet(c, greetings[i]);
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        c->kept_at = now_ns();
        c->greeted = 1;
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
        connected++;
    }
    return nothing;
}
static void find_greetings(void) {
    const unsigned char *at = prologue;
    greetings = calloc((size_t)conns, sizeof *greetings);
    for (int i = 0; prologue && i < conns; i++) {
        if (at + 8 > prologue + prologue_len) die("the prologue is too short");
        greetings[i] = at;
        for (;;) {
            at += 4 + get32(at);
            at += 4 + get32(at);
            at += 4;
            if (get32(at - 4) != AWAIT_UPGRADE) break;
        }
    }
}
static void connect_all(void) {
    pthread_t threads[DIALLERS];
    find_greetings();
    for (int i = 0; i < DIALLERS; i++)
        if (pthread_create(&threads[i], NULL, dialler, NULL)) die("no thread");
    /* What comes meanwhile is read, so that nothing old waits when a round begins. */
    while (connected < conns) turn(20);
    for (int i = 0; i < DIALLERS; i++) pthread_join(threads[i], NULL);
}

/* --- running ---------------------------------------------------------------------------------- */

static void want_write(Conn *c, int on) {
    if (c->writing == on) return;
    c->writing = on;
    struct epoll_event e = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}
static void flush_out(Conn *c) {
    while (c->out_at < c->out_len) {
        int r = SSL_write(c->ssl, c->out + c->out_at, c->out_len - c->out_at);
        if (r <= 0) {
            if (SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_WRITE) { want_write(c, 1); return; }
            die("the server closed");
        }
        writes++;
        c->out_at += r;
    }
    c->out_at = c->out_len = 0;
    want_write(c, 0);
}
static void fill(Conn *c, u64 now) {
    while (c->head - c->tail < (u64)depth) {
        int k = (int)(c->head % (u64)nrequests), n = request_len[k];
        if (c->out_len + n > OUT_MAX) break;
        unsigned char *b = c->out + c->out_len;
        memcpy(b, requests[k], (size_t)n);
        c->head++;
        c->sent_at[c->head % SLOTS] = now;
        if (framing == PTWP) {
            put32(b + 16, c->session);
            put32(b + 20, (uint32_t)c->head);
            if (get64(b + 24)) {
                put64(b + 24, c->head);
                put64(b + 32, order_base + c->head * (u64)conns + (u64)c->index);
            }
        }
        c->out_len += n;
    }
}
static void replied(Conn *c, u64 number, int status, u64 now) {
    c->tail++;
    if (!measuring) return;
    measured(now - c->sent_at[number % SLOTS]);
    if (status) statuses[status & (STATUSES - 1)]++;
}
/* Returns the octets of one whole message at p, or 0. Counts it. */
static int message(Conn *c, const unsigned char *p, int n, u64 now) {
    if (framing == PTWP) {
        if (n < 32) return 0;
        int size = 32 + (int)get32(p + 4), flags = p[10] << 8 | p[11], opcode = p[8] << 8 | p[9];
        if (size > IN_MAX) die("a frame is too long");
        if (n < size) return 0;
        if (opcode <= OP_CONTROL_LAST) return size;
        if (flags & FLAG_RESPONSE && c->open && !listening)
            replied(c, get32(p + 20), p[14] << 8 | p[15], now);
        else if (listening && opcode == event_quote) {
            u64 at = get64(p + 32 + event_age), seq = get64(p + 40 + event_age);
            if (measuring) {
                u64 wall = clock_ns(CLOCK_REALTIME);
                measured(wall > at ? wall - at : 0);
                if (c->quote && seq > c->quote) missed += seq - c->quote - 1;
            }
            c->quote = seq;
        }
        return size;
    }
    if (framing == HTTP) {
        const unsigned char *end = memmem(p, (size_t)n, "\r\n\r\n", 4);
        if (!end) return 0;
        const char *h = memmem(p, (size_t)(end - p), "content-length: ", 16);
        int size = (int)(end - p) + 4 + (h ? atoi(h + 16) : 0);
        if (n < size) return 0;
        replied(c, c->tail + 1, p[9] == '2' ? 0 : atoi((const char *)p + 9), now);
        return size;
    }
    if (n < fixed_size) return 0;
    if (framing == SOCK) {
        u64 at = get64(p + fixed_size - 60), wall = clock_ns(CLOCK_REALTIME);
        if (measuring) measured(wall > at ? wall - at : 0);
    } else replied(c, c->tail + 1, 0, now);
    return fixed_size;
}
static void take_in(Conn *c) {
    for (;;) {
        int r = SSL_read(c->ssl, c->in + c->in_len, IN_MAX - c->in_len), at = 0, size;
        if (r <= 0) {
            if (SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_READ) break;
            die("the server closed");
        }
        reads++;
        octets_in += (u64)r;
        if (websocket) r = without_heads(c, c->in + c->in_len, r);
        c->in_len += r;
        u64 now = now_ns();
        while ((size = message(c, c->in + at, c->in_len - at, now))) at += size;
        memmove(c->in, c->in + at, (size_t)(c->in_len - at));
        c->in_len -= at;
    }
    if (sending && !listening) fill(c, now_ns());
    if (c->out_len) flush_out(c);
}
static void turn(int wait_ms) {
    static struct epoll_event events[512];
    int n = epoll_wait(poller, events, 512, wait_ms);
    if (listening || !sending) keep_alive();
    for (int i = 0; i < n; i++) {
        Conn *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) flush_out(c);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) take_in(c);
    }
}
static void report(double seconds, double own, const double *cpu) {
    u64 errors = 0;
    int worst = 0;
    for (int i = 0; i < STATUSES; i++) {
        errors += statuses[i];
        if (statuses[i] > statuses[worst]) worst = i;
    }
    printf("{\"seconds\": %.4f, \"count\": %lu, \"errors\": %lu, \"worst_status\": %d, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"max_us\": %.1f, \"load_cpu\": %.4f, \"reads\": %lu, \"writes\": %lu, "
           "\"octets_in\": %lu, \"missed\": %lu, \"server_cpu\": [",
           seconds, counted, errors, worst, percentile(.5), percentile(.99), (double)latest / 1e3,
           (own_cpu() - own) / seconds, reads, writes, octets_in, missed);
    for (int i = 0; i < npids; i++) printf("%s%.4f", i ? ", " : "", (cpu_of(pids[i]) - cpu[i]) / seconds);
    printf("]}\n");
    fflush(stdout);
}
static int outstanding(void) {
    for (int i = 0; i < conns; i++)
        if (all[i].head != all[i].tail) return 1;
    return 0;
}
static void run(double seconds, double warm) {
    double cpu[PIDS_MAX], own;
    u64 start, end, drained;
    order_base = clock_ns(CLOCK_REALTIME);
    sending = 1;
    for (int i = 0; i < conns && !listening; i++) {
        all[i].open = 1;
        fill(&all[i], now_ns());
        flush_out(&all[i]);
    }
    for (end = now_ns() + (u64)(warm * 1e9); now_ns() < end;) turn(20);
    memset(buckets, 0, sizeof buckets);
    memset(statuses, 0, sizeof statuses);
    counted = latest = reads = writes = octets_in = missed = 0;
    for (int i = 0; i < npids; i++) cpu[i] = cpu_of(pids[i]);
    own = own_cpu();
    measuring = 1;
    start = now_ns();
    for (end = start + (u64)(seconds * 1e9); now_ns() < end;) turn(20);
    report((double)(now_ns() - start) / 1e9, own, cpu);
    measuring = sending = 0;
    for (drained = now_ns() + 5000000000u; outstanding() && now_ns() < drained;) turn(20);
    if (!listening && outstanding()) die("replies are missing after 5 s");
}
/* Waits for the next line, and keeps the connections alive and empty meanwhile. */
static char *next_line(char *line, int size) {
    struct pollfd in = {.fd = 0, .events = POLLIN};
    while (poll(&in, 1, 500) == 0) turn(0);
    return fgets(line, size, stdin);
}
static void choose_framing(const char *kind) {
    if (!strcmp(kind, "http")) framing = HTTP;
    else if (!strcmp(kind, "ptwp")) framing = PTWP;
    else if (!strcmp(kind, "ptws")) { framing = PTWP; websocket = 1; }
    else if (!strncmp(kind, "fixed:", 6)) fixed_size = atoi(kind + 6);
    else if (!strncmp(kind, "sock:", 5)) { framing = SOCK; fixed_size = atoi(kind + 5); }
    else die("what framing?");
}
static void make_context(void) {
    ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                              | SSL_MODE_RELEASE_BUFFERS);
    if (alpn) {
        unsigned char b[64] = {(unsigned char)strlen(alpn)};
        memcpy(b + 1, alpn, b[0]);
        SSL_CTX_set_alpn_protos(ctx, b, b[0] + 1u);
    }
}
int main(int argc, char **argv) {
    static const struct option options[] = {
        {"port", 1, 0, 'p'}, {"conns", 1, 0, 'c'}, {"depth", 1, 0, 'd'}, {"framing", 1, 0, 'f'},
        {"request", 1, 0, 'r'}, {"prologue", 1, 0, 'o'}, {"alpn", 1, 0, 'a'}, {"pid", 1, 0, 'i'},
        {"keepalive", 1, 0, 'k'}, {"event", 1, 0, 'e'}, {"age", 1, 0, 'g'}, {0, 0, 0, 0}};
    char line[200];
    double seconds, warm;
    long n;
    if (argc < 2) die("usage: see the top of load.c");
    listening = strcmp(argv[1], "ask");
    signal(SIGPIPE, SIG_IGN);
    optind = 2;
    for (int o; (o = getopt_long(argc, argv, "", options, 0)) != -1;) switch (o) {
        case 'p': port = atoi(optarg); break;
        case 'c': conns = atoi(optarg); break;
        case 'd': depth = atoi(optarg); break;
        case 'f': choose_framing(optarg); break;
        case 'a': alpn = optarg; break;
        case 'e': event_quote = (int)strtol(optarg, 0, 0); break;
        case 'g': event_age = atoi(optarg); break;
        case 'k': keepalive = slurp(optarg, &keepalive_len); break;
        case 'o': prologue = slurp(optarg, &prologue_len); break;
        case 'i': if (npids < PIDS_MAX) pids[npids++] = atoi(optarg); break;
        case 'r':
            if (nrequests == REQUESTS_MAX) die("too many requests");
            requests[nrequests] = slurp(optarg, &n);
            request_len[nrequests++] = (int)n;
            break;
        default: die("unknown option");
    }
    if (!listening && !nrequests) die("ask needs --request");
    if (depth > SLOTS / 2) die("depth is at most 128");
    make_context();
    poller = epoll_create1(0);
    all = calloc((size_t)conns, sizeof *all);
    connect_all();
    printf("{\"ready\": %d}\n", conns);
    fflush(stdout);
    while (next_line(line, sizeof line))
        if (sscanf(line, "run %lf %lf", &seconds, &warm) == 2) run(seconds, warm);
    return 0;
}
