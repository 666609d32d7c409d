"""The process that forwards the event log: its receiver, its connection, its life."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
from zope.interface import provider

from papertrader.core.logrecord import Level
from papertrader.net.clock import Clock, install_monotonic
from papertrader.net.services import address
from papertrader.net.tls import log_client_factory
from papertrader.net.unsent import octets_unsent
from papertrader.ops.forwarded import Forwarded, ForwardedError, read_forwarded
from papertrader.ops.forwarding import Forwarder
from papertrader.ops.notify import Notifier
from papertrader.ops.outbox import Outbox
from papertrader.ops.running import EXIT_INTERNAL, StateLock, end_process, tell

NAME: Final = "forward"
CONNECT_S: Final = 10.0
"""What an attempt to connect may take."""
PORT_MAX: Final = 65_535
_RECEIVER: Final = re.compile(r"(tls|tcp)://(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]/:@\s]+)):(\d{1,5})\Z")


@attrs.frozen
class Receiver:
    """Where the log goes: ``tls://HOST:PORT``, or ``tcp://`` on this very machine."""

    host: str
    port: int
    secure: bool

    @classmethod
    def parse(cls, text: str) -> Receiver:
        """Read an address. Raises `ValueError` with a sentence for people."""
        match = _RECEIVER.match(text)
        if match is None or not 0 < int(match[4]) <= PORT_MAX:
            raise ValueError(f"{text!r} is no receiver; write tls://HOST:PORT")
        made = cls(match[2] or match[3], int(match[4]), match[1] == "tls")
        if not made.secure and not made.is_own:
            raise ValueError("tcp:// is for a receiver on this machine alone; use tls://")
        return made

    @property
    def is_own(self) -> bool:
        """Whether it is on this machine, by an address that cannot lead elsewhere."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{'tls' if self.secure else 'tcp'}://{address(self.host, self.port)}"

    def endpoint(
        self, reactor: Any, ca: Path | None, own: tuple[Path, Path] | None
    ) -> IStreamClientEndpoint:
        """Return what connects to it; ``ca`` and ``own`` are for ``tls://`` alone.

        Raises `CredentialsError`, and `ValueError` if there is no authority to know it by.
        """
        there = HostnameEndpoint(reactor, self.host, self.port, timeout=CONNECT_S)
        if not self.secure:
            return there
        if ca is None:
            raise ValueError("a receiver is known by an authority: name its file")
        wrapped: IStreamClientEndpoint = wrapClientTLS(
            log_client_factory(ca, self.host, own), there
        )
        return wrapped


def begin(log: Path, receiver: Receiver, say: Callable[[str], None]) -> Forwarded:
    """Return how far the log was forwarded; from its oldest entry if nobody knows."""
    try:
        found = read_forwarded(log)
    except ForwardedError as error:
        say(f"{error}; begins with the oldest entry, what was sent before comes twice")
        found = None
    if found is None:
        return Forwarded(receiver=str(receiver))
    if found.receiver != str(receiver):
        say(f"went to {found.receiver} before; goes on where that ended")
    return attrs.evolve(found, receiver=str(receiver))


def forward_log(
    state: Path,
    receiver: Receiver,
    *,
    ca: Path | None,
    own: tuple[Path, Path] | None,
    least: Level,
) -> None:
    """Forward until SIGTERM or SIGINT. Ends the process with EXIT_INTERNAL after an error of ours.

    Raises `StartError` if another one runs, `CredentialsError`, and `ValueError` for a receiver
    that cannot be known.
    """
    from twisted.internet import reactor  # noqa: PLC0415 (installs one)

    lock = StateLock(state, NAME)
    lock.acquire()
    install_monotonic(reactor)
    clock = Clock(reactor)
    log = state / "log"

    def say(sentence: str) -> None:
        tell(NAME, sentence)

    forwarded = begin(log, receiver, say)
    outbox = Outbox(
        log,
        host=socket.gethostname(),
        least=least,
        places=forwarded.places,
        wall_ns=clock.wall_ns,
        say=say,
    )
    forwarder = Forwarder(
        endpoint=receiver.endpoint(reactor, ca, own),
        secure=receiver.secure,
        outbox=outbox,
        forwarded=forwarded,
        log=log,
        clock=clock,
        unsent=octets_unsent,
        say=say,
    )
    _end_at_errors(reactor, say)
    _report(reactor, clock, forwarder)
    reactor.run()
    lock.release()
    counts = outbox.counts
    say(
        f"stopped: {counts.entries} entries in {forwarder.connections} connections,"
        f" {counts.lost} lost, {counts.cut} cut, {counts.unreadable} lines unreadable"
    )


def _report(reactor: Any, clock: Clock, forwarder: Forwarder) -> None:
    """Start and stop with the reactor, and tell systemd that all is well while it turns."""
    notifier = Notifier(os.environ)

    def alive() -> None:
        notifier.say("WATCHDOG=1")
        clock.call_later(notifier.watchdog_s / 3, alive)

    def begun() -> None:
        forwarder.start()
        notifier.say("READY=1")
        if notifier.watchdog_s:
            alive()

    reactor.callWhenRunning(begun)
    reactor.addSystemEventTrigger("before", "shutdown", forwarder.stop)


def _end_at_errors(reactor: Any, say: Callable[[str], None]) -> None:
    """End the process at an error of ours: one that goes on without its timer sends nothing."""

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            say(failure.getTraceback(detail="brief"))
            end_process(reactor, EXIT_INTERNAL)

    globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False, discardBuffer=True)
