"""Peer: PostgreSQL under pgbench's TPC-B-like script: the textbook's durable transaction.

Settings: a cluster of its own, a Unix socket only, synchronous_commit on, fsync on, shared_buffers
256 MB, scale 10, pgbench -c 16 -j 2 -M prepared. Run by root it gives up root, as PostgreSQL asks.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.processes import BenchmarkError

USER: Final = "postgres"
SCALE: Final = 10
CLIENTS: Final = 16
COMMAND_S: Final = 120
_TPS: Final = re.compile(r"tps = ([0-9.]+)")
_SETTINGS: Final = (
    "-c listen_addresses='' -c synchronous_commit=on -c fsync=on -c shared_buffers=256MB"
    " -c max_wal_size=2GB"
)


class Postgres:
    """A running cluster; ``directory`` holds its data and its socket."""

    def __init__(self, directory: Path, programs: Path) -> None:
        self._directory = directory
        self._programs = programs

    @property
    def url(self) -> str:
        """The setting ``store.url`` of an installation that keeps its store here."""
        return f"postgresql://{USER}@/postgres?host={self._directory}"

    def command(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs; raises `BenchmarkError`."""
        words = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            words = ["runuser", "-u", USER, "--", *words]
        with tempfile.TemporaryFile("w+") as output:
            # A file, since a server started by pg_ctl would hold a pipe open.
            try:
                done = subprocess.run(
                    words, cwd=self._directory, stdin=subprocess.DEVNULL, stdout=output,
                    stderr=output, timeout=COMMAND_S, check=False,
                )  # fmt: skip
            except (OSError, subprocess.SubprocessError) as error:
                raise BenchmarkError(f"{program}: {error}") from None
            output.seek(0)
            text = output.read()
        if done.returncode:
            raise BenchmarkError(f"{program}: {text.strip()[-200:]}")
        return text

    def transactions(self, seconds: int) -> float:
        """Return pgbench's transactions a second."""
        said = self.command(
            "pgbench", "-h", str(self._directory), "-U", USER, "-c", str(CLIENTS), "-j", "2",
            "-M", "prepared", "-T", str(seconds), "-n", "postgres",
        )  # fmt: skip
        found = _TPS.search(said)
        if found is None:
            raise BenchmarkError(f"pgbench said {said!r}")
        return float(found[1])


def programs() -> Path:
    """Return where PostgreSQL's programs are; raises `BenchmarkError` when there is none."""
    config = shutil.which("pg_config")
    if config is not None:
        found = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        path = Path(found.stdout.strip())
        if all((path / name).exists() for name in ("initdb", "pg_ctl", "pgbench")):
            return path
    raise BenchmarkError("there is no PostgreSQL with initdb, pg_ctl and pgbench here")


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Make and run a cluster for the length of a block."""
    where = programs()
    with tempfile.TemporaryDirectory(prefix="bench-pg-") as name:
        directory = Path(name)
        if os.geteuid() == 0:
            shutil.chown(directory, USER)
        cluster = Postgres(directory, where)
        data = str(directory / "data")
        cluster.command("initdb", "-D", data, "-A", "trust", "-U", USER)
        options = f"{_SETTINGS} -c unix_socket_directories={directory}"
        cluster.command(
            "pg_ctl", "-D", data, "-w", "-l", f"{directory}/log", "-o", options, "start"
        )
        try:
            cluster.command(
                "pgbench", "-h", name, "-U", USER, "-i", "-q", "-s", str(SCALE), "postgres"
            )
            yield cluster
        finally:
            cluster.command("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
