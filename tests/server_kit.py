"""A real PaperTrader for tests: ``papertrader up`` as a process, on free ports of 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from papertrader.client.blocking import Client
from papertrader.ops.inspection import Report, audit

START_S = 120.0
STOP_S = 60.0
EVENTS_S = 90.0
"""How long something is waited for that comes within a second on a machine at rest."""
PASSWORD = "a long enough one"
PROGRAM = Path(sys.executable).with_name("papertrader")
UP = [str(PROGRAM), "up"]


class Server:
    """One installation and its processes, started and stopped by pid."""

    def __init__(self, state: Path, *arguments: str) -> None:
        self.state = state
        self.arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None
        self.ready_line = ""
        self.output = state.parent / f"{state.name}.out"

    def start(self) -> Server:
        """Start and wait for READY; fails with what was printed."""
        command = [
            *UP, "--state-dir", str(self.state), "--worker-port", "0",
            "--master-port", "0", *self.arguments,
        ]  # fmt: skip
        with open(self.output, "ab") as out:
            start = out.tell()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            text = self.output.read_bytes()[start:].decode()
            ready = [line for line in text.splitlines() if line.startswith("READY ")]
            if ready:
                self.ready_line = ready[0]
                return self
            assert self.process.poll() is None, text
            time.sleep(0.05)
        raise AssertionError(self.output.read_text())

    def stop(self) -> None:
        """Stop as Ctrl-C would; a server that does not end within `STOP_S` fails the test."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(STOP_S)
        self.process = None
        assert code == 0, self.output.read_text()

    def end(self) -> None:
        """Make sure that nothing is left, whatever the test did."""
        if self.process is not None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process = None

    def said(self, name: str) -> dict[str, Any]:
        """Return what a server process said about its run."""
        content: dict[str, Any] = json.loads((self.state / "run" / name).read_text())
        return content

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Kill ``master`` or ``worker-N``; return the pid it had."""
        pid = int(self.said(f"{name}.json")["pid"])
        os.kill(pid, number)
        return pid

    def wait_for_new(self, name: str, old_pid: int, seconds: float = START_S) -> int:
        """Wait until a killed process was replaced; return the new pid."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid = int(self.said(f"{name}.json")["pid"])
            if pid != old_pid:
                return pid
            time.sleep(0.02)
        raise AssertionError(f"{name} did not come back")

    @property
    def workers(self) -> list[str]:
        """Addresses for clients."""
        return list(self.said("workers.json")["workers"])

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return Path(self.said("workers.json")["ca"])

    def client(self, name: str | None = None, **options: Any) -> Client:
        """Return a connected client, logged in as ``name`` if given (registered when new)."""
        client = Client(self.workers, self.ca, **options)
        client.__enter__()
        if name is not None:
            client.login(name, PASSWORD, remember=True)
        return client

    def audit(self) -> Report:
        """Audit the installation, running or not."""
        return audit(self.state)

    def cli(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command line as a person would."""
        return subprocess.run(
            [str(PROGRAM), "--state-dir", str(self.state), *arguments],
            input=stdin, capture_output=True, text=True, timeout=START_S, check=False,
        )  # fmt: skip


def lives(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def running(state: Path, *arguments: str) -> Iterator[Server]:
    """Run a server for the length of a block."""
    server = Server(state, *arguments)
    try:
        yield server.start()
    finally:
        server.end()


def events_until(client: Client, enough: Callable[[list[Any]], bool]) -> list[Any]:
    """Read a client's events until there are enough of them, or `EVENTS_S` have passed."""
    seen: list[Any] = []
    deadline = time.monotonic() + EVENTS_S
    while not enough(seen) and time.monotonic() < deadline:
        for event in client.events(timeout=0.2):
            seen.append(event)
            if enough(seen):
                break
    return seen
