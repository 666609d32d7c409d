"""The reference of one client connection: reads what is sent and what comes, and says what breaks.

It consumes the octets that go out exactly as a worker must read them, whatever the writes were, and
keeps for each request what may answer it (`papertrader.fuzz.allowed`). What comes in is compared.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import attrs

from papertrader.fuzz import allowed
from papertrader.fuzz.allowed import Statuses, Verdict
from papertrader.fuzz.commands_model import CommandMemory
from papertrader.fuzz.events_model import EventStream
from papertrader.fuzz.observe import Breach, Seen
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import EVENT, MORE, RESPONSE, Header
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Opcode, Status

CLOSE_S: Final = 5.0
"""A fatal fault must have closed the connection after so long."""
REPLY_S: Final = 15.0
"""A request must be answered after so long: 10 s of a lost link (clause 12.12), and some."""
_KNOWN_FLAGS: Final = sum(int(flag) for flag in kinds.FrameFlag)
_ENDING: Final = frozenset({Opcode.LOGIN, Opcode.RESUME, Opcode.LOGOUT})


@attrs.define
class Pending:
    """A request that was sent: what may answer it, and what came of its transfer."""

    header: Header
    octets: bytes
    verdict: Verdict
    statuses: Statuses
    sent_at: float
    must: bool
    part: int = 0
    parts: int = 0
    rows: int = 0
    total: int = 0


class Judged(NamedTuple):
    """A frame that was judged by `papertrader.fuzz.allowed` before it is sent."""

    header: Header
    octets: bytes
    verdict: Verdict


def rows_of(part: Message) -> int:
    """Return how many rows a part of a transfer has: lines are rows of a log, and each part is one
    of a file."""
    if isinstance(part, m.LogPart):
        return part.lines.count("\n") + 1 if part.lines else 0
    if isinstance(part, m.ContestFilePart):
        return 1
    # Further groups tell more of some rows; the first one has them.
    groups = [each.attribute for each in part.SECTIONS if each.kind == "group"]
    return len(getattr(part, groups[0])) if groups else 0


class Reference:
    """The reference (see the module). ``now`` is a monotonic clock in seconds."""

    def __init__(self, now: float) -> None:
        self.state = "WAIT_HELLO"
        self.handle = 0
        self.session_id = 0
        self.token = b""
        self.seen: list[Seen] = []
        self.goodbye: m.Goodbye | None = None
        self.answered = self.unavailable = 0
        self.last_reply: tuple[Header, bytes] | None = None
        self.command_rate = limits.COMMAND_RATE
        """Requests a second, as the reply to HELLO says."""
        self.memory = CommandMemory()
        self.events = EventStream()
        self._opened = now
        self._buffer = b""
        self._open: dict[int, Pending] = {}
        self._closes: set[int] = set(allowed.ALWAYS_CLOSE)
        self._doomed_at: float | None = None
        self._doubled: set[int] = set()
        """Correlations that were used again while open; at most as many as frames were sent."""
        self._deaf = False
        self._left = False
        self._unsure = False
        self._requests = self._controls = 0
        self._told = False

    @property
    def owes(self) -> bool:
        """Whether the target still has to answer or to close."""
        return self._doomed_at is not None or any(each.must for each in self._open.values())

    @property
    def doomed(self) -> bool:
        """Whether the connection must end, or has been left from here."""
        return self._doomed_at is not None or self._left

    # --- what goes out -------------------------------------------------------------------------

    def sent(self, data: bytes, now: float) -> None:
        """Read octets as a worker must."""
        if self._deaf:
            return
        self._buffer += data
        while len(self._buffer) >= limits.HEADER_SIZE and not self._deaf:
            header = codec.parse_header(self._buffer)
            first = self.state == "WAIT_HELLO" and header.opcode == Opcode.HELLO
            faults = allowed.header_faults(header, limits.CLIENT_FRAME_MAX, not first)
            if faults:
                if self.state == "WAIT_HELLO":
                    faults |= {int(Status.HELLO_EXPECTED)}
                self._doom(allowed.fatal(faults), now)
                return
            size = limits.HEADER_SIZE + header.length
            if len(self._buffer) < size:
                self._closes.add(int(Status.KEEPALIVE_TIMEOUT))
                return
            octets, self._buffer = self._buffer[:size], self._buffer[size:]
            self._frame(header, octets, now)
        if self._buffer and not self._deaf:
            self._closes.add(int(Status.KEEPALIVE_TIMEOUT))
            if self._buffer[:2] != kinds.MAGIC[: len(self._buffer)]:
                self._closes |= {int(Status.BAD_MAGIC), int(Status.HELLO_EXPECTED)}

    def sent_judged(self, frame: Judged, now: float) -> None:
        """Take a whole request that cannot end the connection, instead of reading it again.

        Its verdict is that of `allowed.request` for the session of this connection.
        """
        if self._deaf or self._buffer or self.state == "WAIT_HELLO":
            self.sent(frame.octets, now)
            return
        older = self._older(frame.header)
        self._requests += 1
        self._take(frame.header, frame.octets, frame.verdict, now, older)

    @property
    def open_count(self) -> int:
        """How many requests are not answered yet."""
        return len(self._open)

    def allow(self, correlation: int, *statuses: int) -> None:
        """Let an open request be answered with further statuses."""
        pending = self._open.get(correlation)
        if pending is not None:
            pending.statuses |= frozenset(statuses)

    def expect(self, correlation: int, status: int) -> None:
        """Let an open request be answered with one status alone, whatever it is."""
        pending = self._open.get(correlation)
        if pending is not None:
            pending.statuses = frozenset({status}) | allowed.OVERLOAD

    def is_open(self, correlation: int) -> bool:
        """Tell whether a request with this correlation is not answered yet."""
        return correlation in self._open

    @property
    def unsure(self) -> bool:
        """Whether the connection's session may change before what is sent next is read."""
        return self._unsure

    def cut(self) -> None:
        """Take note that the connection was ended from here."""
        self._left = True
        self._doomed_at = None
        for each in self._open.values():
            each.must = False

    def _frame(self, header: Header, octets: bytes, now: float) -> None:
        if self.state == "WAIT_HELLO":
            verdict = allowed.first_frame(header, octets)
            self._take(header, octets, verdict, now)
            if not verdict.beyond:
                self.state = "OPEN"
        elif header.opcode <= 0xFF:
            self._controls += 1
            if self._controls >= limits.CONTROL_BURST:
                self._closes.add(int(Status.PROTOCOL_STATE))
            verdict = allowed.control_frame(header, octets)
            target = self._open.get(getattr(verdict.message, "target", 0))
            if target is not None:
                target.statuses |= {int(Status.CANCELLED)}
            # What is not answered, such as HEARTBEAT, is no request: its number says nothing.
            older = self._older(header) if verdict.statuses else None
            self._take(header, octets, verdict, now, older)
        else:
            self._request(header, octets, now)

    def _older(self, header: Header) -> Pending | None:
        """Return the open request that has this number too: one of both may stay unanswered."""
        older = self._open.get(header.correlation)
        if older is not None:
            self._closes.add(int(Status.DUPLICATE_CORRELATION))
            older.must = False
        return older

    def _request(self, header: Header, octets: bytes, now: float) -> None:
        codes = set(allowed.forbidden(header))
        if not header.correlation:
            codes.add(int(Status.PROTOCOL_STATE))
        if codes:
            # A request may be judged by its body first only when it would be read at all.
            self._doom(allowed.fatal(codes), now)
            return
        older = self._older(header)
        self._requests += 1
        verdict = allowed.request(header, octets, self.handle, self._unsure)
        if header.opcode in _ENDING:
            self._unsure = True
        self._take(header, octets, verdict, now, older)

    def _take(
        self,
        header: Header,
        octets: bytes,
        verdict: Verdict,
        now: float,
        older: Pending | None = None,
    ) -> None:
        self._closes |= verdict.closes
        if verdict.fatal:
            self._doom(verdict, now)
        elif verdict.beyond:
            self._deaf = self._left = True
            for each in self._open.values():
                each.must = False
        statuses = self._narrowed(header, octets, verdict)
        if statuses:
            # With something fatal in its body either a reply or the end must come.
            must = verdict.answered and not self.doomed
            if older is not None:
                # The target may have answered the older one before it read this one.
                self._doubled.add(header.correlation)
                statuses |= older.statuses
            self._open[header.correlation] = Pending(header, octets, verdict, statuses, now, must)

    def _narrowed(self, header: Header, octets: bytes, verdict: Verdict) -> Statuses:
        statuses = verdict.statuses
        if not statuses or header.opcode <= 0xFF:
            return statuses
        if allowed.is_command(header, verdict.message) and header.seq:
            statuses = self.memory.sent(header, octets, statuses)
        if self._requests >= limits.COMMAND_BURST:
            statuses |= {int(Status.RATE_LIMITED)}
        if len(self._open) >= limits.INFLIGHT_MAX:
            statuses |= {int(Status.TOO_MANY_INFLIGHT)}
        return statuses | allowed.OVERLOAD

    def _doom(self, verdict: Verdict, now: float) -> None:
        self._closes |= verdict.closes
        self._doomed_at = now if self._doomed_at is None else self._doomed_at
        for each in self._open.values():
            each.must = False
        self._deaf = self._deaf or verdict.beyond

    # --- what comes in -------------------------------------------------------------------------

    def received(
        self, header: Header, octets: bytes, message: Message | None, now: float
    ) -> list[Breach]:
        """Judge a frame that came."""
        found = []
        if self.goodbye is not None:
            found.append(Breach("discipline", "a frame came after GOODBYE"))
        if header.flags & ~_KNOWN_FLAGS:
            found.append(Breach("framing", f"flags {header.flags:#06x} are not defined"))
        if header.flags & RESPONSE:
            return found + self._reply(header, octets, message)
        if header.flags & EVENT:
            return found + self._event(header, message)
        if header.opcode != Opcode.PING:
            name = codec.describe(header.opcode)
            found.append(Breach("framing", f"a request to a client: {name}"))
        return found

    def _reply(self, header: Header, octets: bytes, message: Message | None) -> list[Breach]:
        if header.opcode == Opcode.PING and message is None:
            return []
        pending = self._open.get(header.correlation)
        if pending is None or pending.header.opcode != header.opcode:
            if self._unsure_of_replies or header.correlation in self._doubled:
                return []
            name = codec.describe(header.opcode)
            text = f"a reply of {name} that nothing asked for (correlation {header.correlation})"
            return [Breach("framing", text)]
        self.seen.append(Seen(self.state, header.opcode, header.status, 0))
        self.answered += 1
        self.last_reply = (header, octets)
        found = self._judge_status(pending, header)
        if header.session not in (0, self.handle, pending.header.session) and not (
            header.opcode in _ENDING and not header.status
        ):
            name = codec.describe(header.opcode)
            found.append(Breach("leak", f"{name}: a reply with the session {header.session}"))
        found += self._part(pending, header, message)
        if header.opcode == Opcode.PING and isinstance(message, m.PingReply):
            asked = pending.verdict.message
            if isinstance(asked, m.Ping) and (asked.token, asked.sent_at) != (
                message.token, message.sent_at,
            ):  # fmt: skip
                found.append(Breach("model", "PING was not echoed as it was"))
        if header.flags & MORE:
            return found
        del self._open[header.correlation]
        if allowed.is_command(pending.header, pending.verdict.message):
            found += self.memory.answered(pending.header, pending.octets, header, octets)
        if message is not None:
            self._learn(pending, header, message)
        if header.opcode in _ENDING and header.status and self.handle:
            # It ended nothing: what is sent from now on finds the session as it was.
            self._unsure = any(p.header.opcode in _ENDING for p in self._open.values())
        return found

    @property
    def _unsure_of_replies(self) -> bool:
        return self._doomed_at is not None or self._left or self._deaf

    def _judge_status(self, pending: Pending, header: Header) -> list[Breach]:
        status = header.status
        if status in pending.statuses and status != Status.INTERNAL:
            self.unavailable += status in allowed.OVERLOAD
            return []
        name = codec.describe(header.opcode)
        if status == Status.INTERNAL:
            return [Breach("crash", f"{name} was answered INTERNAL")]
        expected = ", ".join(status_name(each) for each in sorted(pending.statuses))
        text = f"{name} was answered {status_name(status)}; allowed: {expected}"
        return [Breach("model", text)]

    def _part(self, pending: Pending, header: Header, message: Message | None) -> list[Breach]:
        part = getattr(message, "part", None)
        if part is None or message is None:
            return []
        name = codec.describe(header.opcode)
        parts, total = getattr(message, "parts", 0), getattr(message, "total_rows", 0)
        rows = getattr(message, "rows", 0)
        found = []
        if part != pending.part + 1 or (pending.part and (parts, total) != (
            pending.parts, pending.total,
        )):  # fmt: skip
            found.append(Breach("framing", f"{name}: part {part} of {parts} is out of order"))
        if rows != rows_of(message):
            found.append(Breach("framing", f"{name}: part {part} has not the rows it says"))
        pending.part, pending.parts, pending.total = part, parts, total
        pending.rows += rows
        more = bool(header.flags & MORE)
        if more != (part < parts) or (not more and pending.rows != total):
            found.append(Breach("framing", f"{name}: {pending.rows} of {total} rows, MORE {more}"))
        return found

    def _learn(self, pending: Pending, header: Header, message: Message) -> None:
        if isinstance(message, m.LoginReply | m.ResumeReply):
            self.handle, self.session_id = header.session, message.session_id
            self.token, self.state = message.token, "SESSION"
            if isinstance(message, m.LoginReply):
                self.memory = CommandMemory()
            else:
                self.memory.last = max(self.memory.last, message.last_command_seq)
            self.events.forget()
            self._unsure = any(p.header.opcode in _ENDING for p in self._open.values())
        elif isinstance(message, m.LogoutReply) and not header.status:
            self._no_session()
        elif isinstance(message, m.SubscribeReply) and isinstance(
            pending.verdict.message, m.Subscribe
        ):
            self.events.subscribed(header.correlation, pending.verdict.message, message)
        elif isinstance(message, m.HelloReply):
            self.command_rate = message.command_rate
            self.state = "OPEN" if self.state == "WAIT_HELLO" else self.state

    def _no_session(self) -> None:
        self.handle = 0
        self.state = "OPEN"
        self._unsure = True
        self.events.forget()
        for each in self._open.values():
            each.statuses |= allowed.NO_SESSION

    def _event(self, header: Header, message: Message | None) -> list[Breach]:
        if isinstance(message, m.Goodbye):
            return self._goodbye(message)
        if isinstance(message, m.SessionEvent):
            if message.code:
                self._no_session()
            return []
        if isinstance(message, m.Heartbeat):
            return []
        return self.events.received(header, message, self.handle)

    def _goodbye(self, message: m.Goodbye) -> list[Breach]:
        self.goodbye = message
        code = message.code
        self.seen.append(Seen(self.state, 0, 0, code))
        if code == Status.INTERNAL:
            return [Breach("crash", f"the connection was closed with INTERNAL: {message.text}")]
        quiet = code in (Status.HELLO_TIMEOUT, Status.KEEPALIVE_TIMEOUT, Status.IDLE)
        if code not in self._closes and not quiet:
            expected = ", ".join(status_name(each) for each in sorted(self._closes))
            text = f"GOODBYE({status_name(code)}); allowed: {expected}"
            return [Breach("discipline", text)]
        if code == Status.OK and self._doomed_at is not None:
            return [Breach("discipline", "a fatal fault was closed with GOODBYE(OK)")]
        return []

    def ended(self) -> list[Breach]:
        """Judge the end of the connection."""
        self._doomed_at, waited = None, self._doomed_at
        for each in self._open.values():
            each.must = False
        if self.goodbye is not None or self._left or self.state == "WAIT_HELLO":
            return []
        why = "after a fatal fault " if waited is not None else ""
        return [Breach("discipline", f"the connection ended {why}without GOODBYE")]

    def overdue(self, now: float) -> list[Breach]:
        """Return what should have happened by now; each is told once."""
        if self._told:
            return []
        found = []
        if self._doomed_at is not None and now - self._doomed_at > CLOSE_S:
            found.append(Breach("discipline", f"a fatal fault was not closed in {CLOSE_S:.0f} s"))
        late = [p for p in self._open.values() if p.must and now - p.sent_at > REPLY_S]
        if late:
            name = codec.describe(late[0].header.opcode)
            text = f"{len(late)} requests were not answered in {REPLY_S:.0f} s, first {name}"
            found.append(Breach("model", text))
        self._told = bool(found)
        return found


def status_name(status: int) -> str:
    """Return a status as people read it."""
    try:
        return Status(status).name
    except ValueError:
        return f"{status:#06x}"
