"""One connection as the harness sees it: octets both ways, cut into frames, judged, remembered.

A `Channel` does no I/O. A target (`papertrader.fuzz.target`, or one in memory) hands it what came
in and carries away what goes out; the `Reference` beside it says what may come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import attrs

from papertrader.fuzz.observe import Breach, LeakWatch, Seen
from papertrader.fuzz.reference import Reference
from papertrader.wire import codec, limits
from papertrader.wire.codec import Header
from papertrader.wire.derived import Message
from papertrader.wire.errors import LocalFault, RemoteFault
from papertrader.wire.messages import LoginReply, ResumeReply

TRANSCRIPT_MAX: Final = 2_000
"""Pieces of a connection's transcript that are kept; older ones are forgotten."""
INBOX_MAX: Final = 20_000
"""Frames kept for whoever waits for them; older ones are forgotten."""


class UnreachableError(Exception):
    """The target does not take connections; the text says what to do."""


class Frame(NamedTuple):
    """One frame that came in; ``message`` is None when it does not decode."""

    header: Header
    octets: bytes
    message: Message | None


@attrs.frozen
class Exchange:
    """A piece of a transcript: when, which way, what."""

    at: float
    sent: bool
    octets: bytes


class Channel:
    """One connection (see the module).

    ``write`` takes octets away, ``cut`` ends the connection: "close", "half" (no more from here)
    or "reset". ``now`` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        number: int,
        now: Callable[[], float],
        write: Callable[[bytes], None],
        cut: Callable[[str], None],
        leaks: LeakWatch | None = None,
    ) -> None:
        self.number = number
        self.reference = Reference(now())
        self.inbox: deque[Frame] = deque(maxlen=INBOX_MAX)
        self.transcript: deque[Exchange] = deque(maxlen=TRANSCRIPT_MAX)
        self.breaches: list[Breach] = []
        self.ended = False
        self.octets_in = self.octets_out = self.frames_in = 0
        self.owner = ""
        self._now = now
        self._write = write
        self._cut = cut
        self._leaks = leaks
        self._buffer = b""
        self._broken = False

    # --- out -----------------------------------------------------------------------------------

    def send(self, octets: bytes) -> None:
        """Send octets, whatever they are. After the end they are dropped."""
        if self.ended or not octets:
            return
        now = self._now()
        self.transcript.append(Exchange(now, True, octets))
        self.octets_out += len(octets)
        self.reference.sent(octets, now)
        self._write(octets)

    def cut(self, how: str) -> None:
        """End the connection from here: "close", "half" or "reset"."""
        if not self.ended:
            self.reference.cut()
            self._cut(how)

    # --- in ------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take octets that came in."""
        now = self._now()
        self.transcript.append(Exchange(now, False, data))
        self.octets_in += len(data)
        if self._leaks is not None:
            self.breaches += self._leaks.judge(self.owner, data)
        if self._broken:
            return
        self._buffer += data
        while len(self._buffer) >= limits.HEADER_SIZE:
            header = codec.parse_header(self._buffer)
            try:
                codec.check_header(header._replace(version=1), limits.FRAME_MAX)
            except RemoteFault as fault:
                self._broken = True
                self.breaches.append(Breach("framing", f"a header from the target: {fault}"))
                return
            size = limits.HEADER_SIZE + header.length
            if len(self._buffer) < size:
                return
            octets, self._buffer = self._buffer[:size], self._buffer[size:]
            self._frame(header, octets, now)

    def _frame(self, header: Header, octets: bytes, now: float) -> None:
        self.frames_in += 1
        message: Message | None = None
        try:
            message = codec.decode_body(header, octets)
        except RemoteFault as fault:
            self.breaches.append(Breach("framing", f"a frame from the target: {fault}"))
        else:
            self._check_canonical(header, octets, message)
        if self._leaks is not None and isinstance(message, LoginReply | ResumeReply):
            self._leaks.watch_token(message.token)
        self.inbox.append(Frame(header, octets, message))
        self.breaches += self.reference.received(header, octets, message, now)

    def _check_canonical(self, header: Header, octets: bytes, message: Message) -> None:
        if header.block_len != message.SIZE:
            return  # A newer revision may lengthen blocks; what is behind cannot be built again.
        try:
            again = codec.encode(
                message, opcode=header.opcode, flags=header.flags, status=header.status,
                session=header.session, correlation=header.correlation, seq=header.seq,
            )  # fmt: skip
        except LocalFault as fault:
            self.breaches.append(Breach("framing", f"{type(message).__name__}: {fault}"))
            return
        if again != octets:
            name = type(message).__name__
            self.breaches.append(Breach("framing", f"{name} has another encoding than its own"))

    def end(self) -> None:
        """Take note that the connection is gone."""
        if self.ended:
            return
        self.ended = True
        if self._buffer and not self._broken:
            self.breaches.append(Breach("framing", "the connection ended within a frame"))
        self.breaches += self.reference.ended(self._now())

    # --- what became of it ---------------------------------------------------------------------

    def take_breaches(self) -> list[Breach]:
        """Return and forget what was found, with what is overdue by now."""
        found = [*self.breaches, *self.reference.overdue(self._now())]
        self.breaches = []
        return found

    def take_seen(self) -> list[Seen]:
        """Return and forget the (state, opcode, status, close code) that were seen."""
        seen, self.reference.seen = self.reference.seen, []
        return seen

    @property
    def settled(self) -> bool:
        """Whether nothing more is owed: all requests answered, or the connection gone."""
        return self.ended or not self.reference.owes


class Target(Protocol):
    """What can be connected to."""

    @property
    def may_connect(self) -> bool:
        """Whether a connection can be opened now without waiting for its turn."""

    def connect(self, owner: str = "") -> Channel:
        """Open a connection; raises `UnreachableError`."""

    def pump(self, seconds: float) -> None:
        """Move octets for at most so long; returns early when something came."""

    def now(self) -> float:
        """Return the time of a monotonic clock, seconds."""

    def forget(self, channel: Channel) -> None:
        """Cut a channel for good and give its place free."""
