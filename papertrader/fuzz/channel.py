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
from papertrader.fuzz.reference import Judged, Reference
from papertrader.wire import codec, kinds, limits
from papertrader.wire.codec import Header
from papertrader.wire.derived import Message
from papertrader.wire.errors import LocalFault, RemoteFault
from papertrader.wire.messages import LoginReply, ResumeReply

TRANSCRIPT_MAX: Final = 2_000
"""Pieces of a connection's transcript that are kept; older ones are forgotten."""
INBOX_MAX: Final = 20_000
"""Frames kept for whoever waits for them; older ones are forgotten."""
REFUSALS_KEPT: Final = 4_096
REFUSAL_OCTETS: Final = 512
"""Refusals that are known to be well-formed, and how long one of them may be."""


class UnreachableError(Exception):
    """The target does not take connections; the text says what to do."""


class Reader:
    """Decodes what comes, and checks that each frame is in the one encoding that it has.

    Refusals are alike, so the last `REFUSALS_KEPT` that were judged are not judged again.
    """

    def __init__(self) -> None:
        self._refusals: dict[bytes, Message] = {}

    def read(self, header: Header, octets: bytes) -> tuple[Message | None, Breach | None]:
        """Return the message, or None if there is none, and what breaks the framing."""
        if header.status and header.length < REFUSAL_OCTETS and not header.flags & codec.CHECKSUM:
            essence = octets[2:16] + octets[limits.HEADER_SIZE :]
            known = self._refusals.get(essence)
            if known is not None:
                return known, None
            message, breach = self._judged(header, octets)
            if message is not None and breach is None:
                if len(self._refusals) >= REFUSALS_KEPT:
                    self._refusals.clear()
                self._refusals[essence] = message
            return message, breach
        return self._judged(header, octets)

    def _judged(self, header: Header, octets: bytes) -> tuple[Message | None, Breach | None]:
        try:
            message = codec.decode_body(header, octets)
        except RemoteFault as fault:
            return None, Breach("framing", f"a frame from the target: {fault}")
        return message, self._uncanonical(header, octets, message)

    @staticmethod
    def _uncanonical(header: Header, octets: bytes, message: Message) -> Breach | None:
        if header.block_len != message.SIZE:
            return None  # A newer revision may lengthen blocks; what is behind cannot be rebuilt.
        try:
            again = codec.encode(
                message, opcode=header.opcode, flags=header.flags, status=header.status,
                session=header.session, correlation=header.correlation, seq=header.seq,
            )  # fmt: skip
        except LocalFault as fault:
            return Breach("framing", f"{type(message).__name__}: {fault}")
        if again != octets:
            return Breach("framing", f"{type(message).__name__} has another encoding than its own")
        return None


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

    ``write`` takes octets away, at once if its second argument says so; ``cut`` ends the
    connection: "close", "half" (no more from here) or "reset". ``now`` is a monotonic clock in
    seconds.
    """

    def __init__(
        self,
        number: int,
        now: Callable[[], float],
        write: Callable[[bytes, bool], None],
        cut: Callable[[str], None],
        leaks: LeakWatch | None = None,
        reader: Reader | None = None,
    ) -> None:
        self.number = number
        self.reference = Reference(now())
        self.inbox: deque[Frame] = deque(maxlen=INBOX_MAX)
        self.transcript: deque[Exchange] = deque(maxlen=TRANSCRIPT_MAX)
        self.breaches: list[Breach] = []
        self.ended = False
        self.connected = True
        """False while the target still works on the connection; what is sent waits for it."""
        self.frames_in = 0
        self.owner = ""
        self._now = now
        self._write = write
        self._cut = cut
        self._leaks = leaks
        self._reader = reader or Reader()
        self._buffer = b""
        self._broken = False

    # --- out -----------------------------------------------------------------------------------

    def send(self, octets: bytes, gather: bool = False) -> None:
        """Send octets, whatever they are, in a write of their own or (``gather``) with others of
        the same turn. After the end they are dropped."""
        if self.ended or not octets:
            return
        now = self._now()
        self.transcript.append(Exchange(now, True, octets))
        self.reference.sent(octets, now)
        self._write(octets, not gather)

    def send_judged(self, frames: list[Judged]) -> None:
        """Send requests that were judged already (see `Reference.sent_judged`), in one write."""
        if self.ended or not frames:
            return
        now = self._now()
        octets = b"".join([each.octets for each in frames])
        self.transcript.append(Exchange(now, True, octets))
        for each in frames:
            self.reference.sent_judged(each, now)
        self._write(octets, True)

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
        if self._leaks is not None:
            self.breaches += self._leaks.judge(self.owner, data)
        if self._broken:
            return
        buffer = self._buffer + data if self._buffer else data
        offset, end = 0, len(buffer)
        while end - offset >= limits.HEADER_SIZE:
            header = codec.parse_header(buffer, offset)
            try:
                # HELLO may be refused in version 0.
                known = header if header.version else header._replace(version=kinds.VERSION)
                codec.check_header(known, limits.FRAME_MAX)
            except RemoteFault as fault:
                self._broken = True
                self.breaches.append(Breach("framing", f"a header from the target: {fault}"))
                return
            size = limits.HEADER_SIZE + header.length
            if end - offset < size:
                break
            self._frame(header, buffer[offset : offset + size], now)
            offset += size
        self._buffer = buffer[offset:]

    def _frame(self, header: Header, octets: bytes, now: float) -> None:
        self.frames_in += 1
        message, breach = self._reader.read(header, octets)
        if breach is not None:
            self.breaches.append(breach)
        if self._leaks is not None and isinstance(message, LoginReply | ResumeReply):
            self._leaks.watch_token(message.token)
        self.inbox.append(Frame(header, octets, message))
        self.breaches += self.reference.received(header, octets, message, now)

    def end(self) -> None:
        """Take note that the connection is gone."""
        if self.ended:
            return
        self.ended = True
        if self._buffer and not self._broken:
            self.breaches.append(Breach("framing", "the connection ended within a frame"))
        self.breaches += self.reference.ended()

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
