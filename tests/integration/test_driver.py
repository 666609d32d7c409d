"""The driver as a real process: what it holds while its workings die, hang, or crash for ever.

The workings are replaced by a few lines here, put in by the interpreter's ``sitecustomize``: what
they do is to say that they serve and to die in the way that is tested. The whole server is in
``tests/torture/test_deaths.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from papertrader.eventlog.crashes import THE_END
from papertrader.ops.installation import prepare, prepare_settings
from papertrader.ops.restarts import CRASHES_MAX
from papertrader.ops.running import StartError, StateLock
from tests.server_kit import EVENTS_S, START_S, lives

pytestmark = pytest.mark.slow

FAKE = """
import os, sys
if "papertrader.ops.workings" in sys.orig_argv:
    import faulthandler, signal, socket, time
    state = sys.orig_argv[sys.orig_argv.index("--state-dir") + 1]
    if "--spare" in sys.orig_argv:
        with open(os.path.join(state, "spares"), "a") as spares:
            spares.write(f"{os.getpid()}\\n")
        if not os.read(9, 4096):
            os._exit(0)
    with open(os.path.join(state, "lives"), "a") as lives:
        lives.write(f"{os.getpid()} {os.getppid()}\\n")
    hold = os.path.join(os.path.dirname(state), "hold")
    for _ in range(12_000):
        if not os.path.exists(hold):
            break
        time.sleep(0.01)
    from papertrader.ops.workings import confine
    confine()
    faulthandler.enable(6)
    def main():
        __LIFE__
    main()
    os._exit(0)
elif os.path.basename(sys.argv[0] if hasattr(sys, "argv") else "") != "x":
    from papertrader.ops import restarts
    restarts.BACKOFF_MIN_S = restarts.BACKOFF_MAX_S = 0.05
    from papertrader.ops import driver
    driver.SPARE_AFTER_S = 0.1
"""
SERVE = """
listening = socket.socket(fileno=3)
listening.setblocking(True)
os.write(4, b"R")
os.set_blocking(4, False)
signal.setitimer(signal.ITIMER_REAL, 0.5, 0.5)
signal.signal(signal.SIGALRM, lambda *_: os.write(4, b"."))
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    peer, _ = listening.accept()
    peer.sendall(str(os.getpid()).encode())
    peer.close()
"""


class Driven:
    """A driver of a master whose workings are a few lines."""

    def __init__(
        self, tmp_path: Path, life: str, terminal: int = subprocess.DEVNULL, **environ: str
    ) -> None:
        self.state = tmp_path / "state"
        prepare_settings(self.state, lambda line: None)
        prepare(self.state, 1, now=datetime.now(UTC), new_uuid=uuid.uuid4)
        indented = life.strip().replace("\n", "\n        ")
        (tmp_path / "sitecustomize.py").write_text(FAKE.replace("__LIFE__", indented))
        self.errors = tmp_path / "errors"
        twistd = str(Path(sys.executable).with_name("twistd"))
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [
                    twistd, "-n", "--pidfile=", "--logger=papertrader.ops.running.no_observer",
                    "papertrader-master", "--state-dir", str(self.state),
                    "--set", "master.listen=127.0.0.1:0",
                ],
                stdin=terminal,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": str(tmp_path), **environ},
            )  # fmt: skip

    def until(self, true: Callable[[], object], seconds: float = EVENTS_S) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, self.errors.read_text()
            time.sleep(0.02)

    @property
    def lives(self) -> list[int]:
        """Process numbers of all workings so far."""
        with contextlib.suppress(FileNotFoundError):
            return [int(line.split()[0]) for line in (self.state / "lives").open()]
        return []

    @property
    def port(self) -> int:
        """Where it listens."""
        path = self.state / "run" / "master-driver.json"
        self.until(path.exists)
        return int(json.loads(path.read_text())["port"])

    def ask(self) -> int:
        """Connect, and return the process number of the workings that served."""
        with socket.create_connection(("127.0.0.1", self.port), EVENTS_S) as peer:
            peer.settimeout(EVENTS_S)
            return int(peer.recv(64) or b"0")

    def crash_files(self) -> list[str]:
        """Return what the whole crash files say."""
        return [path.read_text() for path in (self.state / "log").glob("crash-*.log")]

    def end(self) -> int:
        """Stop it as an operator would; nothing may be left."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(EVENTS_S)
        self.until(lambda: not any(map(lives, self.lives)))
        return code


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Callable[..., Driven]]:
    """Start drivers and leave none behind."""
    made: list[Driven] = []

    def make(life: str, **given: Any) -> Driven:
        made.append(Driven(tmp_path, life, **given))
        return made[-1]

    yield make
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


def test_the_port_never_closes_over_a_crash(driven: Callable[..., Driven]) -> None:
    """Whoever connects while no workings live is served by the next ones; none is refused."""
    server = driven(SERVE)
    first = server.ask()
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
        pid = server.ask()
        os.kill(pid, signal.SIGSTOP)
        # These are in the queue of a socket whose only reader is about to die.
        with contextlib.ExitStack() as stack:
            waiting = [
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port), EVENTS_S))
                for _ in range(20)
            ]
            os.kill(pid, number)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            served = []
            for peer in waiting:
                peer.settimeout(EVENTS_S)
                served.append(int(peer.recv(64) or b"0"))
        # One may have been accepted already when its workings died; it sees an end, not a refusal.
        assert served.count(0) + served.count(pid) <= 1
        assert set(served) - {0, pid} <= set(server.lives)
    assert first != server.ask()
    server.until(lambda: len(server.crash_files()) == 3)
    texts = "".join(server.crash_files())
    assert texts.count(THE_END) == 3
    assert "SIGKILL" in texts and "SIGSEGV" in texts and "Current thread" in texts
    server.end()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 5)


def test_a_crash_loop_ends_with_70_and_a_closed_port(driven: Callable[..., Driven]) -> None:
    """Ten crashes in ten minutes: the driver gives up, says so in one line, and is gone."""
    server = driven('os.write(4, b"R"); os._exit(3)')
    assert server.process.wait(2 * START_S) == 70
    assert len(server.lives) == CRASHES_MAX
    said = server.errors.read_text().splitlines()
    assert "crashed 10 times in 10 minutes" in said[-1] and "exit code 3" in said[-1]
    assert not any("Traceback" in line for line in said)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 5)
    assert len(server.crash_files()) == CRASHES_MAX


def test_a_spare_takes_over(driven: Callable[..., Driven]) -> None:
    """Workings that stand by serve when those before them die; one that ended is no harm."""
    server = driven(SERVE)
    spares = server.state / "spares"

    def spare_after(pid: int) -> int:
        server.until(lambda: spares.exists() and spares.read_text().endswith("\n"))
        server.until(lambda: int(spares.read_text().split()[-1]) != pid)
        return int(spares.read_text().split()[-1])

    first = server.ask()
    spare = spare_after(first)
    assert server.lives == [first]
    os.kill(first, signal.SIGKILL)
    # Who was accepted by the dying ones sees an end.
    server.until(lambda: server.ask() == spare)
    server.until(server.crash_files)
    last = spare_after(spare)
    os.kill(last, signal.SIGKILL)
    server.until(lambda: not lives(last))
    assert server.ask() == spare
    os.kill(spare, signal.SIGSEGV)
    server.until(lambda: server.ask() not in (0, first, spare, last))
    server.until(lambda: len(server.crash_files()) == 2)
    assert any("SIGSEGV" in text and "Current thread" in text for text in server.crash_files())
    server.end()
    server.until(lambda: not any(lives(int(pid)) for pid in spares.read_text().split()))


def test_a_hang_up_is_passed_on(driven: Callable[..., Driven]) -> None:
    """``systemctl kill -s HUP`` means each process: the driver goes on, and its workings hear."""
    heard = 'signal.signal(signal.SIGHUP, lambda *_: open(f"{state}/heard", "w").close())\n'
    server = driven(heard + SERVE)
    pid = server.ask()

    def is_heard() -> bool:
        # Workings that the driver does not know yet to serve are not told.
        server.process.send_signal(signal.SIGHUP)
        return (server.state / "heard").exists()

    server.until(is_heard)
    assert server.ask() == pid
    assert server.process.poll() is None
    server.end()


def test_a_terminal_that_is_closed_ends_a_server(driven: Callable[..., Driven]) -> None:
    """In good order, as SIGTERM does."""
    near, far = pty.openpty()
    try:
        server = driven("signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + SERVE, terminal=far)
        server.ask()
        server.process.send_signal(signal.SIGHUP)
        assert server.process.wait(EVENTS_S) == 0
        server.until(lambda: not any(map(lives, server.lives)))
    finally:
        os.close(near)
        os.close(far)


def test_a_spare_is_not_left_behind(driven: Callable[..., Driven]) -> None:
    """A driver that is killed takes it along."""
    server = driven(SERVE)
    spares = server.state / "spares"
    server.ask()
    server.until(lambda: spares.exists() and spares.read_text().endswith("\n"))
    server.process.kill()
    server.process.wait()
    server.until(lambda: not lives(int(spares.read_text())))


def test_workings_that_never_served_end_the_driver(driven: Callable[..., Driven]) -> None:
    """What hinders the first start is told by the workings; the driver adds nothing."""
    server = driven('os.write(2, b"papertrader-master: error: no luck today\\n"); os._exit(1)')
    assert server.process.wait(START_S) == 1
    assert server.errors.read_text() == "papertrader-master: error: no luck today\n"
    assert len(server.lives) == 1 and server.crash_files() == []


def test_a_hang_is_ended_with_its_stacks(driven: Callable[..., Driven]) -> None:
    """Five seconds without a heartbeat: SIGABRT, the stacks of the hang, and the next life."""
    life = """
if os.path.exists(state + "/again"):
    signal.pause()
open(state + "/again", "w").close()
os.write(4, b"R.")
def stuck_here():
    while True:
        time.sleep(0.1)
stuck_here()
"""
    server = driven(life)
    server.until(server.crash_files)
    text = server.crash_files()[0]
    assert "SIGABRT, hung: ended by the watchdog" in text
    assert "in stuck_here" in text
    server.until(lambda: len(server.lives) > 1)
    assert "say nothing any more" in server.errors.read_text()


def test_workings_whose_driver_dies_while_they_start_are_gone(
    driven: Callable[..., Driven], tmp_path: Path
) -> None:
    """The kernel is told too late to end them with their driver: they see it for themselves."""
    (tmp_path / "hold").touch()
    server = driven("open(state + '/served', 'w').close(); signal.pause()")
    server.until(lambda: server.lives)
    server.process.kill()
    server.process.wait()
    (pid,) = server.lives
    assert lives(pid)
    (tmp_path / "hold").unlink()
    server.until(lambda: not lives(pid))
    assert not (server.state / "served").exists()


def test_workings_die_with_their_driver_and_hold_its_lock(driven: Callable[..., Driven]) -> None:
    """Killed, the driver takes its workings along; no second master runs beside either."""
    server = driven(SERVE)
    pid = server.ask()
    server.process.kill()
    server.process.wait()
    server.until(lambda: not lives(pid))
    assert pid == server.lives[-1]
    lock = StateLock(server.state, "master")
    lock.acquire()
    lock.release()


def test_the_lock_is_held_while_any_of_the_two_lives(driven: Callable[..., Driven]) -> None:
    """Workings that have not died yet after their driver still keep a second master out."""
    # These refuse to die with the driver: the kernel is told to send nothing.
    life = """
import ctypes
ctypes.CDLL(None).prctl(1, 0)
os.write(4, b"R.")
open(state + "/set", "w").close()
while not os.path.exists(state + "/may-end"):
    time.sleep(0.02)
"""
    server = driven(life)
    server.until((server.state / "set").exists)
    server.process.kill()
    server.process.wait()
    assert lives(server.lives[0])
    with pytest.raises(StartError, match="another master runs"):
        StateLock(server.state, "master").acquire()
    (server.state / "may-end").touch()
    server.until(lambda: not lives(server.lives[0]))
    StateLock(server.state, "master").acquire()


class Ear(threading.Thread):
    """Listens as systemd does: at once, so that its queue is never full."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def run(self) -> None:
        """Keep every word, to the last one."""
        words = ""
        while words != "the end":
            words = self._socket.recv(256).decode()
            self.heard.put(words)

    def next(self) -> str:
        """Return the next word."""
        return self.heard.get(timeout=EVENTS_S)

    def end(self) -> None:
        """Hear no more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.settimeout(EVENTS_S)
            end.sendto(b"the end", str(self.path))
        self.join(EVENTS_S)
        self._socket.close()


def test_systemd_hears_when_it_serves(driven: Callable[..., Driven], tmp_path: Path) -> None:
    """READY=1 comes when the workings serve, WATCHDOG=1 as often as asked, STOPPING=1 last.

    A start that takes long is given more time as long as it goes on.
    """
    hold = tmp_path / "hold"
    hold.touch()
    ear = Ear(tmp_path / "notify")
    ear.start()
    try:
        server = driven(SERVE, NOTIFY_SOCKET=str(ear.path), WATCHDOG_USEC="200000")
        heard = [ear.next() for _ in range(3)]
        assert heard == ["WATCHDOG=1\nEXTEND_TIMEOUT_USEC=300000"] * 3
        hold.unlink()
        while "WATCHDOG=1" not in heard or not any(each.startswith("READY=1") for each in heard):
            heard.append(ear.next())
        server.end()
        while heard[-1] != "STOPPING=1":
            heard.append(ear.next())
        assert ear.heard.empty()
    finally:
        ear.end()


def test_the_driver_loads_little() -> None:
    """No store, no TLS, no codec, no HTTP: it starts quickly and can leak no secret."""
    code = (
        "import sys; from papertrader.ops import master_tap, worker_tap;"
        "print(*sorted(set(sys.modules) & {'peewee', 'treq', 'OpenSSL', 'construct',"
        "'cryptography',"
        "'papertrader.wire.codec', 'papertrader.master.main', 'papertrader.worker.main',"
        "'papertrader.eventlog.log'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
