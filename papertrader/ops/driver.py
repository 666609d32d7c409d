"""The driver of a server: it holds what must not be lost when the server crashes, and no more.

``twistd papertrader-master`` and ``twistd papertrader-worker`` are this. The driver holds the
listening socket, the lock on the state directory and the watchdog. It starts the *workings*
(`papertrader.ops.workings`) as a child, which inherits socket and lock. However the workings die,
the driver sets the event log's memory aside, starts them again, and writes ``crash-*.log``. Who
connects meanwhile waits in the socket's queue. The driver accepts nothing, parses nothing, and
opens no key and no store; it imports little, so that it starts quickly.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from papertrader.net.clock import Clock, Timer, install_monotonic
from papertrader.net.ports import cannot_listen
from papertrader.ops.autopsy import Autopsy, Findings
from papertrader.ops.files import make_private_directory
from papertrader.ops.heart import (
    GATEWAY_FD,
    GO_FD,
    HEART_FD,
    LISTEN_FD,
    LOADING,
    LOCK_FD,
    READY,
    SPARE,
    STACKS_FD,
    WEB_FD,
)
from papertrader.ops.notify import Notifier
from papertrader.ops.restarts import BACKOFF_MAX_S, CRASHES_WINDOW_S, Death, Restarts
from papertrader.ops.running import (
    EXIT_FAILED,
    EXIT_INTERNAL,
    StartError,
    StateLock,
    calm_collector,
    end_process,
    sentence_of,
    tell,
    widen_files,
    write_run_file,
)
from papertrader.ops.variable import place
from papertrader.ops.watching import LOOK_S, LastFigures, Watchdog

BACKLOG: Final = 1_024
"""Connections that may wait while no workings run; the system may allow fewer."""
STOP_S: Final = 30.0
"""Workings that have not ended so long after they were asked to are killed."""
SPARE_AFTER_S: Final = 2.0
"""A spare is started so long after the workings serve, and has a second of work then."""
SPARE_AGAIN_S: Final = 60.0
"""One that ended is followed by another after this."""
_SECOND: Final = 1_000_000_000


@attrs.frozen(kw_only=True)
class Role:
    """What there is to be driven: ``name`` says whose lock, files and lines it is.

    ``arguments`` are those of the workings; ``setting`` names what says where to listen.
    """

    name: str
    kind: str
    arguments: Sequence[str]
    host: str
    port: int
    setting: str
    web: tuple[str, int] | None = None
    """Where it also listens for browsers."""
    gateway: tuple[str, int] | None = None
    """Where it also listens for programs that speak Alpaca's API."""
    spare: bool = False
    """Whether other workings stand by that have loaded all their code: a restart then takes a
    second less, for some 50 MiB of memory."""


def listening_socket(host: str, port: int, setting: str) -> socket.socket:
    """Open a socket that queues connections. Raises `StartError`, with what to do."""
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        raise StartError(cannot_listen(place(host, port), setting, error)) from None
    return opened


class _Life(ProcessProtocol):
    """One life of the workings, from spawning to death."""

    def __init__(self, driver: Driver, watchdog: Watchdog, began_s: float) -> None:
        self.watchdog = watchdog
        self.began_s = began_s
        self.figures: LastFigures | None = None
        self.pid = 0
        self._driver = driver

    def connectionMade(self) -> None:
        """The child runs."""
        transport = self.transport
        if transport is not None:
            self.pid = transport.pid or 0
            self.figures = LastFigures(self.pid)

    def go(self, driver_s: float, died_of: str) -> None:
        """It is the turn of this spare."""
        self.watchdog = Watchdog(driver_s)
        self.began_s = driver_s
        self.figures = LastFigures(self.pid)
        transport = self.transport
        if transport is not None:
            transport.writeToChild(GO_FD, died_of.replace("\n", " ").encode() + b"\n")
            transport.closeChildFD(GO_FD)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """A heartbeat came, or the word that they serve."""
        self._driver.heard(self, data)

    def processExited(self, reason: Failure) -> None:
        """The child is dead and reaped."""
        self._driver.died(self, reason)

    def send(self, number: int) -> None:
        """Send the child a signal, if it lives."""
        transport = self.transport
        if transport is not None and transport.pid is not None:
            os.kill(transport.pid, number)


class Driver(Service):
    """Drives one server (see the module). ``environ`` is the workings' environment, too."""

    def __init__(
        self, role: Role, state: Path, reactor: Any, environ: dict[str, str] | None = None
    ) -> None:
        self.role = role
        self._state = state
        self._reactor = reactor
        self._environ = dict(os.environ if environ is None else environ)
        self._lock = StateLock(state, role.name)
        self._restarts = Restarts()
        self._notifier = Notifier(self._environ)
        self._clock: Clock | None = None
        self._socket: socket.socket | None = None
        self._web: socket.socket | None = None
        self._gateway: socket.socket | None = None
        self._autopsy: Autopsy | None = None
        self._life: _Life | None = None
        self._spare: _Life | None = None
        self._spare_timer: Timer | None = None
        self._dumping: Deferred[None] = succeed(None)
        self._look_timer: Timer | None = None
        self._start_timer: Timer | None = None
        self._ever_ready = False
        self._stopping = False
        self._ended: Deferred[None] | None = None
        self._died_of = ""

    # --- start ---------------------------------------------------------------------------------

    def startService(self) -> None:
        """Take lock and port and start the workings; a failure is one line and an exit code."""
        super().startService()  # type: ignore[no-untyped-call]
        install_monotonic(self._reactor)
        self._clock = Clock(self._reactor)
        role = self.role
        try:
            make_private_directory(self._state)
            self._lock.acquire()
            widen_files()
            self._socket = listening_socket(role.host, role.port, role.setting)
            if role.web is not None:
                self._web = listening_socket(*role.web, "web.listen")
            if role.gateway is not None:
                self._gateway = listening_socket(*role.gateway, "gateway.listen")
            log = self._state / "log"
            make_private_directory(log)
            self._autopsy = Autopsy(log, role.name)
            # For those who start other servers beside this one: the port will not change again.
            port = self._socket.getsockname()[1]
            said = {"driver": os.getpid(), "port": port}
            write_run_file(self._state, f"{role.name}-driver.json", said)
            for findings in self._autopsy.left_behind():
                self._dump(findings)
            self._spawn()
        except (StartError, OSError) as error:
            self._end(f"error: {sentence_of(error)}", EXIT_FAILED)
            return
        self._look()
        # Of a terminal that is closed nobody could tell any more that it was one.
        terminal = sys.stdin is not None and sys.stdin.isatty()
        hung_up = self._reactor.stop if terminal else self._hung_up
        signal.signal(signal.SIGHUP, lambda number, frame: self._reactor.callFromThread(hung_up))
        self._keep_systemd_calm()
        calm_collector()

    def _spawn_again(self) -> None:
        self._start_timer = None
        try:
            self._spawn()
        except OSError as error:
            tell(self.role.name, f"the workings cannot be started: {_why(error)}; trying again")
            self._life = None
            if self._clock is not None:
                self._start_timer = self._clock.call_later(BACKOFF_MAX_S, self._spawn_again)

    def _spawn(self) -> None:
        if self._stopping or self._socket is None or self._autopsy is None:
            return
        if self._spare is not None:
            self._autopsy.take_spare_stacks()
            self._life, self._spare = self._spare, None
            self._life.go(self._now_s(), self._died_of)
            return
        first = ["--died", self._died_of] if self._died_of else []
        with self._autopsy.new_stacks() as stacks:
            self._life = self._new_life(self._socket, stacks.fileno(), first, {})

    def _new_life(
        self, opened: socket.socket, stacks: int, first: list[str], more: dict[int, int | str]
    ) -> _Life:
        """Start workings, with ``first`` before their other arguments and ``more`` open files."""
        now = self._now_s()
        life = _Life(self, Watchdog(now), now)
        command = [
            sys.executable, "-m", "papertrader.ops.workings", self.role.kind, *first,
            *self.role.arguments,
        ]  # fmt: skip
        files: dict[int, int | str] = {
            0: 0, 1: 1, 2: 2, LISTEN_FD: opened.fileno(), HEART_FD: "r",
            LOCK_FD: self._lock.descriptor, STACKS_FD: stacks, **more,
        }  # fmt: skip
        if self._web is not None:
            files[WEB_FD] = self._web.fileno()
        if self._gateway is not None:
            files[GATEWAY_FD] = self._gateway.fileno()
        self._reactor.spawnProcess(life, sys.executable, command, env=self._environ, childFDs=files)
        return life

    def _want_spare(self, seconds: float) -> None:
        """Start a spare after a while, where there is to be one."""
        if self.role.spare and self._clock is not None and self._spare_timer is None:
            self._spare_timer = self._clock.call_later(seconds, self._spawn_spare)

    def _spawn_spare(self) -> None:
        self._spare_timer = None
        life, opened = self._life, self._socket
        if self._stopping or self._spare is not None or opened is None or self._autopsy is None:
            return
        if life is None or not life.watchdog.is_ready:
            return  # Those that start now will want one when they serve.
        try:
            with self._autopsy.new_spare_stacks() as stacks:
                self._spare = self._new_life(opened, stacks.fileno(), [SPARE], {GO_FD: "w"})
        except OSError as error:
            why = error.strerror or error
            tell(self.role.name, f"no spare can be started: {why}; trying again")
            self._want_spare(SPARE_AGAIN_S)

    # --- life ----------------------------------------------------------------------------------

    def heard(self, life: _Life, data: bytes) -> None:
        """Take what came through the pipe of heartbeats."""
        life.watchdog.heard(self._now_s())
        if LOADING in data:
            life.watchdog.loading(self._now_s())
        if READY in data and not life.watchdog.is_ready:
            life.watchdog.is_ready = self._ever_ready = True
            self._notifier.say(f"READY=1\nSTATUS=serving, workings {life.pid}")
            self._want_spare(SPARE_AFTER_S)

    def _look(self) -> None:
        """Look at the workings once a second."""
        clock, life = self._clock, self._life
        if clock is None:
            return
        self._look_timer = clock.call_later(LOOK_S, self._look)
        if life is None or life.figures is None:
            return
        life.figures.look()
        what = life.watchdog.look(self._now_s(), life.figures.worked_s)
        if what == "abort":
            tell(self.role.name, "the workings say nothing any more; ending them")
            life.send(signal.SIGABRT)
        elif what == "kill":
            life.send(signal.SIGKILL)

    def _hung_up(self) -> None:
        """Pass SIGHUP on: where no terminal was closed, it is for the workings.

        systemd takes it for a clean end, and would not start again what it ended.
        """
        life = self._life
        if life is not None and life.watchdog.is_ready:
            life.send(signal.SIGHUP)

    def _keep_systemd_calm(self) -> None:
        if self._notifier.watchdog_s and self._clock is not None and not self._stopping:
            # Before it serves, it is ours to say that a start is hung, not that of a time-out: the
            # views of a large store may be made again for longer.
            more = "" if self._ever_ready else f"\nEXTEND_TIMEOUT_USEC={self._patience_us}"
            self._notifier.say(f"WATCHDOG=1{more}")
            self._clock.call_later(self._notifier.watchdog_s / 2, self._keep_systemd_calm)

    @property
    def _patience_us(self) -> int:
        """How long systemd shall wait for the next word: two of them may be late."""
        return int(self._notifier.watchdog_s * 1_500_000)

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / _SECOND if self._clock is not None else 0.0

    # --- death ---------------------------------------------------------------------------------

    def died(self, life: _Life, reason: Failure) -> None:
        """The workings are dead: keep what they left, and start them again or give up."""
        if life is self._spare:
            self._spare = None
            self._want_spare(SPARE_AGAIN_S)
            return
        self._life = None
        now = self._now_s()
        death = self._death(life, reason)
        if death.was_ordered and death.code == 0:
            self._finish()
            return
        delay = self._restarts.after(death, now)
        findings = None
        if life.watchdog.is_ready or death.code is None:
            findings = self._examine(life, death, now)
            self._dump(findings)
        name = self.role.name
        if self._stopping:
            self._finish()
        elif not self._ever_ready and (death.is_crash or death.code is not None):
            # What hinders the first start is for its operator, who has been told by the workings.
            self._end("", EXIT_INTERNAL if death.code is None else death.code or EXIT_FAILED)
        elif delay is None:
            crashes = self._restarts.crashes(now)
            self._end(
                f"error: the workings crashed {crashes} times in {CRASHES_WINDOW_S / 60:.0f}"
                f" minutes, the last time of {death}; giving up. {self._state / 'log'} has a"
                " crash-*.log of each",
                EXIT_INTERNAL,
            )
        else:
            when = f"in {delay:.0f} s" if delay else "at once"
            tell(name, f"the workings ended ({death}); starting them again {when}")
            self._notifier.say(f"STATUS=the workings ended ({death})")
            self._died_of = f"{death}; {findings.file if findings else 'no crash file'} has more"
            if self._clock is not None:
                self._start_timer = self._clock.call_later(delay, self._spawn_again)

    def _death(self, life: _Life, reason: Failure) -> Death:
        value = reason.value
        signaled = value.signal if isinstance(value, ProcessTerminated) else None
        return Death(
            code=None if signaled is not None else getattr(value, "exitCode", None) or 0,
            signal=signaled,
            was_ordered=self._stopping,
            was_silent=life.watchdog.was_silent,
            out_of_memory=life.figures is not None and life.figures.out_of_memory,
        )

    def _examine(self, life: _Life, death: Death, now_s: float) -> Findings | None:
        """Take what the dead left out of the next life's way. No failure of it hinders that."""
        if self._autopsy is None or self._clock is None:
            return None
        try:
            return self._autopsy.examine(
                death,
                pid=life.pid,
                at_ns=self._clock.wall_ns(),
                lived_s=now_s - life.began_s,
                crashes=self._restarts.crashes(now_s),
                figures=life.figures.lines() if life.figures is not None else [],
            )
        except OSError as error:
            tell(self.role.name, f"the crash cannot be written down: {error.strerror or error}")
            return None

    def _dump(self, findings: Findings | None) -> None:
        """Write the crash file in a thread, one after the other."""
        if findings is None or self._autopsy is None:
            return
        write: Callable[[Findings], None] = self._autopsy.write

        def failed(failure: Failure) -> None:
            tell(self.role.name, f"no crash file: {failure.getErrorMessage()}")

        self._dumping.addCallback(lambda _: deferToThread(write, findings)).addErrback(failed)

    # --- end -----------------------------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Have the workings end in good order, then let go of port and lock."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._stopping = True
        self._notifier.say("STOPPING=1")
        for timer in (self._look_timer, self._start_timer, self._spare_timer):
            if timer is not None:
                timer.cancel()
        if self._spare is not None:
            self._spare.send(signal.SIGKILL)
        ended: Deferred[None] = Deferred()
        self._ended = ended
        life = self._life
        if life is None or self._clock is None:
            self._finish()
        else:
            life.send(signal.SIGTERM)
            self._clock.call_later(STOP_S, life.send, signal.SIGKILL)
        return ended

    def _finish(self) -> None:
        """No workings run any more: wait for the crash file, and end."""
        ended, self._ended = self._ended, None

        def release(_: object) -> None:
            if self._clock is not None:
                self._clock.cancel_all()
            for each in (self._socket, self._web, self._gateway):
                if each is not None:
                    each.close()
            self._lock.release()
            if ended is not None:
                ended.callback(None)

        self._dumping.addCallback(release)

    def _end(self, sentence: str, code: int) -> None:
        if sentence:
            tell(self.role.name, sentence)
        end_process(self._reactor, code)


def _why(error: OSError) -> str:
    """Return what the system says, with the file that it is about: a directory may be gone."""
    what = f"{error.filename}: " if error.filename else ""
    return f"{what}{error.strerror or error}"
