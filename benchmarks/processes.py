"""Starting, measuring and ending the processes of a benchmark; each by its own pid."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

START_S: Final = 60.0
STOP_S: Final = 8.0
CONNECT_S: Final = 900.0
"""Five thousand TLS handshakes and logins one after the other: a minute; ten on a busy machine."""
SETTLE_STEP_S: Final = 0.25
SETTLED: Final = 0.2
"""Of a core: a server that uses less over a step has worked off what came before."""
ROOT: Final = Path(__file__).parents[1]
LOAD_SOURCE: Final = Path(__file__).with_name("load.c")
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class BenchmarkError(Exception):
    """Something that is measured did not run; the text says what."""


@attrs.define
class Running:
    """A server that said READY: its process, and the port it named."""

    process: subprocess.Popen[str]
    port: int
    workings: int = 0
    """Number of the process that serves, where the one that was started is only its driver."""
    web: int = 0
    """The port for browsers, if it has one."""

    @property
    def pid(self) -> int:
        """Number of the process that serves."""
        return self.workings or self.process.pid

    def stop(self) -> None:
        """Ask it to end, and kill it if it does not."""
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _line(process: subprocess.Popen[str], seconds: float) -> str:
    """Return the next line of a process; raises `BenchmarkError` when none comes in time."""
    if process.stdout is None:
        raise BenchmarkError("the process has no output")
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    line = process.stdout.readline() if ready else ""
    if not line:
        raise BenchmarkError(f"{process.args!r} said nothing within {seconds:.0f} s, or ended")
    return line


@contextlib.contextmanager
def server(*command: str) -> Iterator[Running]:
    """Run a program that prints ``READY pid port`` for the length of a block."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    running = Running(process, 0)
    try:
        words = _line(process, START_S).split()
        if words[:1] != ["READY"]:
            raise BenchmarkError(f"{command!r} said {words!r} where READY was expected")
        running.port = int(words[2])
        running.web = int(words[3]) if len(words) > 3 else 0
        yield running
    finally:
        running.stop()


def module(name: str, *arguments: object, python: Path | str = sys.executable) -> list[str]:
    """Return the command that runs a module of the benchmarks."""
    return [str(python), "-m", name, *map(str, arguments)]


def build_load(directory: Path) -> Path:
    """Compile the load generator; raises `BenchmarkError` without compiler or OpenSSL's headers."""
    program = directory / "load"
    if not program.exists() or program.stat().st_mtime < LOAD_SOURCE.stat().st_mtime:
        directory.mkdir(parents=True, exist_ok=True)
        command = [
            "cc", "-O2", "-Wall", "-Wextra", str(LOAD_SOURCE), "-o", str(program),
            "-pthread", "-lssl", "-lcrypto",
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        except OSError:
            raise BenchmarkError("no C compiler: install gcc and OpenSSL's headers") from None
        if done.returncode:
            raise BenchmarkError(f"the load generator does not compile: {done.stderr[:300]}")
    return program


@attrs.frozen(kw_only=True)
class Seen:
    """One round of one server. CPU in cores; latencies in microseconds.

    ``rate`` counts good answers alone: a refusal is cheaper than what was asked for.
    ``others`` is what everything else on the machine used meanwhile, in cores.
    """

    rate: float
    errors: int
    worst_status: int
    p50_us: float
    p99_us: float
    load_cpu: float
    server_cpu: tuple[float, ...]
    others: float = 0.0
    count: int = 0
    missed: int = 0
    """Quotes that subscribers did not get because a newer one went in their place."""

    @property
    def per_cpu_second(self) -> float:
        """What was done for each second of the servers' CPU."""
        return self.rate / (sum(self.server_cpu) or 1e-9)

    @property
    def delivered(self) -> float:
        """The share of what was published that subscribers got."""
        return self.count / ((self.count + self.missed) or 1)


def only_rate(rate: float) -> Seen:
    """Return a round of something that has no load generator and tells only its rate."""
    return Seen(
        rate=rate, errors=0, worst_status=0, p50_us=0.0, p99_us=0.0, load_cpu=0.0, server_cpu=()
    )


class Load:
    """One load generator, connected; see load.c for its arguments."""

    def __init__(self, program: Path, mode: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [str(program), mode, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            _line(self.process, CONNECT_S)
        except BenchmarkError:
            self.close()
            raise

    def run(self, seconds: float, warm: float) -> Seen:
        """Run one round and return what was seen."""
        if self.process.stdin is None:
            raise BenchmarkError("the load generator has no input")
        before = busy_seconds()
        self.process.stdin.write(f"run {seconds} {warm}\n")
        self.process.stdin.flush()
        said = json.loads(_line(self.process, seconds + warm + 20))
        busy = (busy_seconds() - before) / (seconds + warm)
        return Seen(
            rate=(said["count"] - said["errors"]) / said["seconds"],
            errors=said["errors"],
            worst_status=said["worst_status"],
            p50_us=said["p50_us"],
            p99_us=said["p99_us"],
            load_cpu=said["load_cpu"],
            server_cpu=tuple(said["server_cpu"]),
            count=said["count"],
            missed=said["missed"],
            others=max(0.0, busy - said["load_cpu"] - sum(said["server_cpu"])),
        )

    def close(self) -> None:
        """End it; the connections go with it."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def load(program: Path, mode: str, *arguments: object) -> Iterator[Load]:
    """Keep a load generator connected for the length of a block."""
    running = Load(program, mode, *arguments)
    try:
        yield running
    finally:
        running.close()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def busy_seconds() -> float:
    """Return the CPU time that this machine has spent since it started, what was stolen too."""
    words = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    numbers = [int(word) for word in words]
    return (sum(numbers) - numbers[3] - numbers[4]) / _TICKS


def settle(pid: int, seconds: float) -> float:
    """Wait until a process has little to do; return how long that took, ``seconds`` at most."""
    start = time.monotonic()
    while (waited := time.monotonic() - start) < seconds:
        before = cpu_seconds(pid)
        time.sleep(SETTLE_STEP_S)
        if cpu_seconds(pid) - before < SETTLE_STEP_S * SETTLED:
            return waited
    return seconds


def resident_kib(pid: int) -> int:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise BenchmarkError(f"process {pid} has no resident memory")


def wait_for_json(path: Path, process: subprocess.Popen[str], seconds: float) -> dict[str, object]:
    """Wait until a process has written a run file, and return its content."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            said = json.loads(path.read_text())
            if isinstance(said, dict) and process.pid in (said.get("pid"), said.get("driver")):
                return said
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise BenchmarkError(f"{process.args!r} did not start")


def options(name: str, values: Sequence[object]) -> list[str]:
    """Return a repeated option of the load generator."""
    return [part for value in values for part in (f"--{name}", str(value))]
