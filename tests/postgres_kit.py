"""A PostgreSQL for tests: the machine's own binaries, in a temporary folder, never as root.

`server` starts one, the first time somebody asks, and gives the same one again; it is stopped when
the tests end. Each state directory gets a schema of its own in it.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

from papertrader.master.engines import StorePlace, place_at
from tests.ports import free_port

START_S = 30.0
NOT_ROOT = ("postgres", "nobody")


class NoPostgres(Exception):
    """There is no PostgreSQL on this machine that could be started; the text says why."""


def binaries() -> Path:
    """Return the directory of ``postgres`` and ``initdb``; raises `NoPostgres`."""
    found = [Path(path).resolve().parent for path in [shutil.which("postgres")] if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for directory in found:
        if (directory / "initdb").exists() and (directory / "postgres").exists():
            return directory
    raise NoPostgres("no postgres and initdb found; Debian and Ubuntu: apt install postgresql")


class PostgresServer:
    """One server of its own: started, killed, started again."""

    def __init__(self) -> None:
        self.bin = binaries()
        memory = Path("/dev/shm")
        where = memory if os.access(memory, os.W_OK) else None
        self.directory = Path(tempfile.mkdtemp(prefix="pt-pg-", dir=where))
        self.port = free_port()
        self.user = "papertrader"
        self.process: subprocess.Popen[bytes] | None = None
        self._other: pwd.struct_passwd | None = None
        if os.geteuid() == 0:
            self._other = self._not_root()
            os.chown(self.directory, self._other.pw_uid, self._other.pw_gid)
        self._run(
            str(self.bin / "initdb"), "-D", str(self.data), "-A", "trust", "-U", self.user,
            "--no-sync", "--locale=C.UTF-8", "--encoding=UTF8",
        )  # fmt: skip
        self.start()

    @staticmethod
    def _not_root() -> pwd.struct_passwd:
        for name in NOT_ROOT:
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise NoPostgres("these tests run as root, and there is no other user for the server")

    @property
    def data(self) -> Path:
        """The cluster."""
        return self.directory / "data"

    def _options(self) -> dict[str, object]:
        chosen: dict[str, object] = {"cwd": self.directory, "stdin": subprocess.DEVNULL}
        if self._other is not None:
            chosen |= {
                "user": self._other.pw_uid, "group": self._other.pw_gid, "extra_groups": []
            }  # fmt: skip
        return chosen

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=120, **self._options()
        )  # type: ignore[call-overload]
        if done.returncode:
            raise NoPostgres(f"{command[0]} failed: {done.stderr.strip()[-300:]}")

    def start(self) -> None:
        """Start and wait until it answers."""
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                [
                    str(self.bin / "postgres"), "-D", str(self.data), "-p", str(self.port),
                    "-c", f"unix_socket_directories={self.directory}",
                    "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=32MB",
                    "-c", "max_connections=400", "-c", "restart_after_crash=on",
                    "-c", "autovacuum_naptime=60",
                ],
                stdout=log, stderr=log, start_new_session=True, **self._options(),
            )  # fmt: skip  # type: ignore[call-overload]
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise NoPostgres((self.directory / "log").read_text()[-300:])
            try:
                self.sql("SELECT 1")
            except Exception:
                time.sleep(0.05)
            else:
                return
        raise NoPostgres("the server does not answer")

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Run one statement as the owner of everything."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True, connect_timeout=3) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @property
    def url(self) -> str:
        """The server, without a schema."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/postgres"

    def schema_url(self, schema: str, port: int = 0) -> str:
        """Return the URL of a schema, which is made if need be; by another port for a proxy."""
        self.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        base = self.url if not port else self.url.replace(f":{self.port}/", f":{port}/")
        return f"{base}?options=-csearch_path%3D{schema}"

    def kill(self) -> None:
        """kill -9 of the postmaster; its children notice and end, as after a crash."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        # A new one refuses to start while children of the old one use its memory.
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._children():
            time.sleep(0.02)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _children(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and Path(os.readlink(entry / "cwd")) == self.data:
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def stop(self) -> None:
        """End it and remove everything."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@cache
def _started() -> PostgresServer | NoPostgres:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return NoPostgres("psycopg is not installed")
    try:
        made = PostgresServer()
    except NoPostgres as missing:
        return missing
    atexit.register(made.stop)
    return made


def server() -> PostgresServer:
    """Return the server of this run of tests; raises `NoPostgres`, with why there is none."""
    found = _started()
    if isinstance(found, NoPostgres):
        raise found
    return found


def schema_of(state: Path) -> str:
    """Return the name of a state directory's schema."""
    return "t_" + hashlib.sha256(str(state).encode()).hexdigest()[:24]


def url_of(state: Path) -> str:
    """Return the URL of a state directory's store."""
    return server().schema_url(schema_of(state))


def place_of(state: Path) -> StorePlace:
    """Return a state directory's place on the server."""
    return place_at(state, url_of(state))
