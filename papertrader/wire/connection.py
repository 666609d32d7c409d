"""One end of a connection without its socket: frames, HELLO, keep-alive, GOODBYE.

`Connection.receive` takes octets and returns the frames that are complete; frames of the connection
itself (HELLO, PING, HEARTBEAT, GOODBYE) are dealt with here. What is to be sent is fetched with
`data_to_send`. Time comes in with each call: nanoseconds of a clock that never goes back.

After a fault there is one GOODBYE with the code, and everything further is ignored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

import attrs

from papertrader.core.buckets import TokenBucket
from papertrader.core.instants import MILLISECOND, SECOND
from papertrader.wire import codec, kinds, limits
from papertrader.wire.codec import EVENT, HEADER, RESPONSE, Fields, Header
from papertrader.wire.errors import LocalFault, RemoteFault
from papertrader.wire.kinds import MAGIC, Opcode, Role, Status
from papertrader.wire.messages import Goodbye, Heartbeat, Hello, HelloReply, Ping, PingReply

HEADER_SIZE: Final = limits.HEADER_SIZE
PINGS_OPEN: Final = 8
"""PINGs of ours whose answers are waited for; an answer to an older one counts no more."""
_CONTROL_MAX: Final = 0x00FF
_CANCEL: Final = int(Opcode.CANCEL)
_STORED: Final = range(kinds.STORE_OPCODES, kinds.STORE_OPCODES + 0x100)
_INNER_FIRST: Final = int(kinds.INNER_OPCODES)
_INNER_END: Final = 0x8000
_ANSWERS: Final = RESPONSE | EVENT
_unpack: Final = HEADER.unpack_from


class State(Enum):
    """Where a connection is in its life."""

    WAIT_HELLO = "wait_hello"
    OPEN = "open"
    CLOSED = "closed"


# Python 3.11 looks the members of an enumeration up slowly, and each frame asks.
_WAIT_HELLO: Final = State.WAIT_HELLO


@attrs.frozen(kw_only=True)
class Link:
    """What this end is and what it allows.

    ``initiator`` says HELLO first. ``outer`` is set on the acceptor of a client link: no inner
    opcodes, no answers, no pushed frames are taken there. ``frame_max`` bounds received frames.
    """

    role: Role
    initiator: bool
    frame_max: int
    instance: int
    outer: bool = False
    keepalive_s: int = limits.KEEPALIVE_S
    connection_id: int = 0
    command_rate: int = limits.COMMAND_RATE
    """Told in the reply to HELLO."""
    software: str = "papertrader"
    grease: int = 0
    """Random, 32 bits: when not 0, HELLO carries reserved features and an unknown section."""


class Happening(Enum):
    """What can change the state of a connection."""

    HELLO = "hello"
    """The peer's HELLO was taken, and ours was said."""
    FRAME = "frame"
    """Any other frame of the peer but GOODBYE."""
    GOODBYE = "goodbye"
    """Either side said GOODBYE without accusing the other."""
    FAULT = "fault"
    """The peer broke the protocol, or kept silent for too long."""


TRANSITIONS: Final[Mapping[tuple[State, Happening], State]] = MappingProxyType(
    {
        (State.WAIT_HELLO, Happening.HELLO): State.OPEN,
        (State.WAIT_HELLO, Happening.GOODBYE): State.CLOSED,
        (State.WAIT_HELLO, Happening.FAULT): State.CLOSED,
        (State.OPEN, Happening.FRAME): State.OPEN,
        (State.OPEN, Happening.GOODBYE): State.CLOSED,
        (State.OPEN, Happening.FAULT): State.CLOSED,
    }
)
"""(state, happening) -> state. A pair that is absent is a FAULT (HELLO_EXPECTED for a frame before
HELLO, PROTOCOL_STATE for a second HELLO); when CLOSED nothing happens any more."""


class Connection:
    """The protocol's state of one connection (see the module).

    Raises `ValueError` for a keep-alive interval outside 1 to `KEEPALIVE_MAX_S` seconds.
    """

    def __init__(self, link: Link, now: int) -> None:
        if not 1 <= link.keepalive_s <= limits.KEEPALIVE_MAX_S:
            raise ValueError(f"a keep-alive interval of {link.keepalive_s} s is out of bounds")
        self.link = link
        self.state = State.WAIT_HELLO
        self.peer: Hello | HelloReply | None = None
        self.fault: RemoteFault | None = None
        self.goodbye: Goodbye | None = None
        self.keepalive = link.keepalive_s * SECOND
        self.frame_max_peer = limits.CLIENT_FRAME_MAX
        self.on_pong: Callable[[PingReply, int], None] | None = None
        """Told of the first answer to each PING of ours. What answers none of them is ignored."""
        self.next_event_seq = 0
        self._buffer = bytearray()
        self._need = 2
        self._partial_since = 0
        self._opened = now
        self._received = now
        self._sent = now
        self._out: list[bytes] = []
        self._pings: deque[tuple[int, int]] = deque(maxlen=PINGS_OPEN)
        self._control = TokenBucket(limits.CONTROL_RATE, limits.CONTROL_BURST, now)
        if link.initiator:
            self._out.append(self._hello())

    # --- HELLO ---------------------------------------------------------------------------------

    def _hello(self) -> bytes:
        grease = self.link.grease
        message = Hello(
            min_version=kinds.VERSION,
            max_version=kinds.VERSION,
            role=self.link.role,
            revision=kinds.REVISION,
            keepalive_s=self.link.keepalive_s,
            max_frame=self.link.frame_max,
            features=(grease << 56) & kinds.GREASE_FEATURES,
            instance=self.link.instance,
            software=self.link.software,
        )
        sections = codec.sections_of(message)
        if grease:
            tag = kinds.GREASE_TAGS[grease % len(kinds.GREASE_TAGS)]
            sections += codec.section(tag, grease.to_bytes(4, "big"))
        flags = int(kinds.FrameFlag.GREASE) if grease else 0
        return codec.frame(
            message.CATEGORY, Opcode.HELLO, message.pack(), sections, flags=flags, correlation=1
        )

    def _take_hello(self, header: Header, octets: bytes, now: int) -> None:
        # HELLO is frozen for ever: it is read whatever version its header names.
        if bool(header.flags & RESPONSE) != self.link.initiator:
            raise RemoteFault(Status.HELLO_EXPECTED, "the first frame must be HELLO")
        message = codec.decode_body(header, octets)
        if isinstance(message, HelloReply):
            if header.status or message.version != kinds.VERSION:
                raise RemoteFault(
                    Status.VERSION_UNSUPPORTED,
                    f"the peer speaks versions {message.min_version} to {message.max_version}",
                )
        elif isinstance(message, Hello):
            self._answer_hello(header, message, now)
        else:
            raise RemoteFault(Status.VERSION_UNSUPPORTED, "the peer refused the connection")
        self.peer = message
        self.frame_max_peer = min(max(message.max_frame, limits.FRAME_MAX_LEAST), limits.FRAME_MAX)
        self.keepalive = self._agreed(message.keepalive_s) * SECOND
        self._pass(Happening.HELLO)

    def _agreed(self, wished: int) -> int:
        """Return the keep-alive interval in force: the shorter wish, within bounds."""
        own = self.link.keepalive_s
        if wished == 0 or own < limits.KEEPALIVE_MIN_S:
            # On the worker link both sides are set to the same short interval.
            return own
        return min(own, max(limits.KEEPALIVE_MIN_S, wished))

    def _answer_hello(self, header: Header, message: Hello, now: int) -> None:
        spoken = message.min_version <= kinds.VERSION <= message.max_version
        reply = HelloReply(
            version=kinds.VERSION if spoken else 0,
            min_version=kinds.VERSION,
            max_version=kinds.VERSION,
            role=self.link.role,
            revision=min(kinds.REVISION, message.revision),
            keepalive_s=self._agreed(message.keepalive_s),
            max_frame=self.link.frame_max,
            features=0,
            server_time=now,
            connection_id=self.link.connection_id,
            max_inflight=limits.INFLIGHT_MAX,
            max_sessions=limits.SESSIONS_PER_CONNECTION,
            command_rate=self.link.command_rate,
            software=self.link.software,
        )
        status = Status.OK if spoken else Status.VERSION_UNSUPPORTED
        self._out.append(codec.encode(reply, status=status, correlation=header.correlation))
        if not spoken:
            raise RemoteFault(
                Status.VERSION_UNSUPPORTED,
                f"versions {message.min_version} to {message.max_version} are not spoken here",
            )

    @property
    def has_partial(self) -> bool:
        """Whether the beginning of a frame waits for its rest."""
        return bool(self._buffer)

    # --- receiving -----------------------------------------------------------------------------

    def receive(self, data: bytes, now: int) -> list[tuple[Header, bytes]]:
        """Take octets from the transport; return the frames that are complete, in order.

        Never raises for bad input: the fault is kept in `fault`, GOODBYE is queued, the state is
        CLOSED and the frames before the fault are returned.
        """
        return [(Header._make(fields), octets) for fields, octets in self.take(data, now)]

    def take(self, data: bytes, now: int) -> list[tuple[Fields, bytes]]:
        """Do what `receive` does, and make no object of the headers."""
        if self.state is State.CLOSED:
            return []
        self._received = now
        buffer = self._buffer
        if buffer:
            buffer += data
            if len(buffer) < self._need:
                return []
            data = bytes(buffer)
            buffer.clear()
        frames: list[tuple[Fields, bytes]] = []
        try:
            offset = self._split(data, frames, now)
        except RemoteFault as fault:
            self.fail(fault)
            return frames
        if offset < len(data):
            buffer += data[offset:]
            self._partial_since = self._partial_since or now
        return frames

    def _split(self, data: bytes, frames: list[tuple[Fields, bytes]], now: int) -> int:
        offset, size = 0, len(data)
        frame_max, outer = self.link.frame_max, self.link.outer
        while size - offset >= HEADER_SIZE:
            fields: Fields = _unpack(data, offset)
            if self.state is _WAIT_HELLO:
                fields = self._first(Header._make(fields))
            codec.check_header(fields, frame_max)
            opcode = fields[4]
            end = offset + HEADER_SIZE + fields[3]
            if end > size:
                self._need = end - offset
                if offset:
                    self._partial_since = 0
                return offset
            octets = data[offset:end]
            offset = end
            if opcode <= _CONTROL_MAX or self.state is _WAIT_HELLO:
                if self._control_frame(Header._make(fields), octets, now) is State.CLOSED:
                    return size
                if opcode == _CANCEL and fields[5] & EVENT:
                    # Whoever answers requests deals with it, in the order of what came.
                    frames.append((fields, octets))
                continue
            if outer:
                if fields[5] & _ANSWERS or _INNER_FIRST <= opcode < _INNER_END:
                    self._check_outer(Header._make(fields))
            elif opcode in _STORED:
                raise RemoteFault(Status.OPCODE_FORBIDDEN, "a journal record crosses no link")
            frames.append((fields, octets))
        if offset:
            self._partial_since = 0
        if offset < size and data[offset : offset + 2] != MAGIC[: size - offset]:
            raise RemoteFault(Status.BAD_MAGIC, "a frame begins with PT")
        self._need = HEADER_SIZE
        return offset

    def _first(self, header: Header) -> Header:
        if header.magic == MAGIC and header.opcode == Opcode.HELLO:
            return header._replace(version=kinds.VERSION)
        if header.magic == MAGIC and header.opcode != Opcode.GOODBYE:
            raise RemoteFault(Status.HELLO_EXPECTED, "the first frame must be HELLO")
        return header

    def _check_outer(self, header: Header) -> None:
        if header.flags & (RESPONSE | EVENT):
            raise RemoteFault(Status.PROTOCOL_STATE, "a client asks; it does not answer or push")
        if _INNER_FIRST <= header.opcode < _INNER_END:
            raise RemoteFault(Status.OPCODE_FORBIDDEN, f"opcode {header.opcode:#06x}")

    def _control_frame(self, header: Header, octets: bytes, now: int) -> State:
        if self.link.outer and not self._control.take(now):
            raise RemoteFault(Status.PROTOCOL_STATE, "too many control frames")
        if self.state is State.WAIT_HELLO:
            self._first_frame(header, octets, now)
        elif header.opcode == Opcode.HELLO:
            raise RemoteFault(Status.PROTOCOL_STATE, "HELLO was said before")
        else:
            self._control_message(header, octets, now)
        return self.state

    def _first_frame(self, header: Header, octets: bytes, now: int) -> None:
        if header.opcode == Opcode.HELLO:
            self._take_hello(header, octets, now)
            return
        # Whoever cannot take the connection at all may say GOODBYE at once, and why.
        message = codec.decode_body(header, octets)
        if not isinstance(message, Goodbye):
            raise RemoteFault(Status.HELLO_EXPECTED, "the first frame must be HELLO")
        self.goodbye = message
        self._pass(Happening.GOODBYE)

    def _control_message(self, header: Header, octets: bytes, now: int) -> None:
        try:
            message = codec.decode_body(header, octets)
        except RemoteFault as fault:
            later = fault.status == Status.UNKNOWN_OPCODE and header.flags & EVENT
            if later and not self.link.outer:
                return
            if fault.fatal or header.flags & (RESPONSE | EVENT):
                raise
            self._out.append(
                codec.failure(
                    header.opcode,
                    fault.status,
                    fault.text,
                    correlation=header.correlation,
                    field=fault.field,
                )
            )
            return
        if isinstance(message, Ping):
            reply = PingReply(token=message.token, sent_at=message.sent_at, received_at=now)
            self._out.append(codec.encode(reply, correlation=header.correlation))
        elif isinstance(message, PingReply):
            self._answered(message, now)
        elif isinstance(message, Heartbeat):
            self.next_event_seq = message.next_event_seq
        elif isinstance(message, Goodbye):
            self.goodbye = message
            self._pass(Happening.GOODBYE)

    def _answered(self, message: PingReply, now: int) -> None:
        asked = (message.token, message.sent_at)
        if asked in self._pings:
            self._pings.remove(asked)
            if self.on_pong is not None:
                self.on_pong(message, now)

    # --- sending -------------------------------------------------------------------------------

    def data_to_send(self) -> bytes:
        """Return and forget what this connection itself has to say."""
        if not self._out:
            return b""
        octets = b"".join(self._out)
        self._out.clear()
        return octets

    def sent(self, now: int) -> None:
        """Note that something was written, so that no heartbeat is due."""
        self._sent = now

    def ping(self, token: int, now: int) -> None:
        """Queue a PING; its answer goes to `on_pong`."""
        if self.state is not State.OPEN:
            raise LocalFault("a PING needs an open connection")
        self._pings.append((token, now))
        # Answers are told apart by what stands in them; but 0 is no correlation.
        self._out.append(codec.encode(Ping(token=token, sent_at=now), correlation=1))

    def say_goodbye(
        self, code: int, text: str = "", retry_after_ms: int = 0, workers: tuple[Any, ...] = ()
    ) -> None:
        """Queue the last frame and close this end; nothing is read any more."""
        if self.state is State.CLOSED:
            return
        message = Goodbye(
            code=code, retry_after_ms=retry_after_ms, text=codec.clipped(text), workers=workers
        )
        self._out.append(codec.encode(message))
        self._pass(Happening.GOODBYE)

    def fail(self, fault: RemoteFault) -> None:
        """Close because of the peer's fault: one GOODBYE with its code."""
        if self.state is State.CLOSED:
            return
        self.fault = fault
        message = Goodbye(code=fault.status, text=codec.clipped(fault.text))
        self._out.append(codec.encode(message))
        self._pass(Happening.FAULT)

    def _pass(self, happening: Happening) -> None:
        self.state = TRANSITIONS[self.state, happening]
        if self.state is State.CLOSED:
            self._buffer.clear()

    # --- time ----------------------------------------------------------------------------------

    @property
    def _silence(self) -> int:
        """How long a peer may be silent. On the worker link a little less, so that even a timer
        that is late sees a cut within 5 seconds."""
        quarters = 10 if self.keepalive >= limits.KEEPALIVE_MIN_S * SECOND else 9
        return self.keepalive * quarters // 4

    def next_deadline(self) -> int | None:
        """Return when `handle_time` wants to be called at the latest, or None when closed."""
        if self.state is State.CLOSED:
            return None
        if self.state is State.WAIT_HELLO:
            return self._opened + limits.HELLO_TIMEOUT_S * SECOND
        due = min(self._sent + self.keepalive, self._received + self._silence)
        if self._partial_since:
            due = min(due, self._partial_since + limits.FRAME_TIMEOUT_S * SECOND)
        return due

    def handle_time(self, now: int) -> None:
        """Do what fell due: heartbeat, or the end of a silent or dripping peer."""
        if self.state is State.WAIT_HELLO:
            if now >= self._opened + limits.HELLO_TIMEOUT_S * SECOND:
                self.fail(RemoteFault(Status.HELLO_TIMEOUT, "no HELLO in time"))
            return
        if self.state is State.CLOSED:
            return
        if now >= self._received + self._silence:
            self.fail(RemoteFault(Status.KEEPALIVE_TIMEOUT, "nothing heard for too long"))
        elif self._partial_since and now >= self._partial_since + limits.FRAME_TIMEOUT_S * SECOND:
            self.fail(RemoteFault(Status.KEEPALIVE_TIMEOUT, "a frame was not finished in time"))
        elif now >= self._sent + self.keepalive - MILLISECOND:
            self._out.append(codec.encode(Heartbeat(next_event_seq=0)))
            self._sent = now
