"""Master, worker and proxy as single processes, so that harm can be put between two of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.server_kit import STOP_S, running

ROOT = Path(__file__).parents[2]
TWISTD = str(Path(sys.executable).with_name("twistd"))
WAIT_S = 90.0


def wait_for(what: str, check: Callable[[], Any], seconds: float = WAIT_S) -> float:
    """Wait until something is so; return how many seconds it took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        with contextlib.suppress(OSError, ValueError, KeyError):
            if check():
                return time.monotonic() - began
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} seconds")


class Proxy:
    """A running fault proxy before an address."""

    def __init__(self, target: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.faultproxy", target],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def order(self, line: str) -> int:
        """Have it do harm from now on; return how much it has done."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(STOP_S)


class Parts:
    """An installation whose master and worker are started one by one.

    ``within`` runs the worker in a network namespace of that name.
    """

    def __init__(self, state: Path, master: str, within: str = "") -> None:
        self.state = state
        self.master_at = master
        self.within = within
        self._processes: list[subprocess.Popen[bytes]] = []
        with running(state) as server:  # Makes certificates, settings and the first books.
            self.ca = server.ca

    def _start(self, name: str, *arguments: str, prefix: tuple[str, ...] = ()) -> None:
        (self.state / "run" / f"{name}.json").unlink(missing_ok=True)
        command = [
            *prefix, TWISTD, "-n", "--pidfile=", "--logger=papertrader.ops.running.no_observer",
            *arguments, "--state-dir", str(self.state),
        ]  # fmt: skip
        printed = self.state.parent / f"{name}.out"
        with open(printed, "ab") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT
            )
        self._processes.append(process)

        def serves() -> bool:
            assert process.poll() is None, f"{name} ended: {printed.read_text()}"
            return bool(self.said(name)["pid"])

        wait_for(name, serves)

    def start_master(self) -> None:
        """Start the master."""
        self._start("master", "papertrader-master", "--set", f"master.listen={self.master_at}")

    def start_worker(self, master: str, listen: str) -> None:
        """Start the worker, told that the master is at an address."""
        prefix = ("ip", "netns", "exec", self.within) if self.within else ()
        self._start(
            "worker-1", "papertrader-worker", "--set", f"master.listen={master}",
            "--set", f"worker.listen={listen}", "--number", "1", prefix=prefix,
        )  # fmt: skip

    def said(self, name: str) -> dict[str, Any]:
        """Return what a process said of its run."""
        content: dict[str, Any] = json.loads((self.state / "run" / f"{name}.json").read_text())
        return content

    def end(self) -> None:
        """Stop everything."""
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def namespace(name: str) -> Iterator[tuple[str, str]]:
    """A network namespace joined to this one by a wire; gives both ends' addresses.

    The wire is cut by ``ip link set NAME0 down``. Raises `OSError` where that is not allowed.
    """
    near, far = f"{name}0", f"{name}1"
    ours, theirs = "10.99.7.1", "10.99.7.2"

    def ip(*arguments: str) -> None:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")

    if os.geteuid():
        raise OSError("only root may make a network namespace that others reach")
    ip("netns", "add", name)
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        ip("addr", "add", f"{ours}/24", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", name, "addr", "add", f"{theirs}/24", "dev", far)
        ip("-n", name, "link", "set", far, "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield ours, theirs
    finally:
        subprocess.run(["ip", "link", "del", near], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
