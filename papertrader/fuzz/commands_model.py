"""Exactly once as the harness remembers it: commands by number, and the replies they got."""

from __future__ import annotations

from typing import Final

import attrs

from papertrader.fuzz.allowed import Statuses
from papertrader.fuzz.observe import Breach
from papertrader.wire import codec, kinds, limits
from papertrader.wire.codec import REPLAYED, Header
from papertrader.wire.kinds import Status

_DECIDED_NOT: Final = frozenset({int(Status.SEQ_REUSED), int(Status.SEQ_TOO_OLD)})


@attrs.frozen
class Decided:
    """A command whose stored reply came: what it was, and the reply after its address."""

    request: bytes
    reply: bytes


def essence(header: Header, octets: bytes) -> bytes:
    """Return what makes two commands the same: opcode and body (clause 12.4)."""
    return header.opcode.to_bytes(2, "big") + octets[limits.HEADER_SIZE :]


def plain_reply(octets: bytes) -> bytes:
    """Return a reply without what a repetition may change: REPLAYED, session, correlation, seq."""
    header = codec.parse_header(octets)
    flags = (header.flags & ~REPLAYED).to_bytes(2, "big")
    return octets[:10] + flags + octets[12:16] + octets[limits.HEADER_SIZE :]


_BEFORE_NUMBER: Final = frozenset(
    int(status)
    for status in (
        Status.NOT_LOGGED_IN, Status.SESSION_DETACHED, Status.SESSION_EXPIRED,
        Status.SESSION_REVOKED, Status.INVALID_FIELD, Status.SCOPE_DENIED,
    )
)  # fmt: skip
"""What may be found before the number of a command is looked at: the order is not specified."""


class CommandMemory:
    """The commands of one session. At most `REPLIES_KEPT` are remembered, as a master must."""

    def __init__(self) -> None:
        self.last = 0
        self._decided: dict[int, Decided] = {}
        self._under_way: dict[int, int] = {}

    def sent(self, header: Header, octets: bytes, statuses: Statuses) -> Statuses:
        """Narrow down what may answer a command that is well-formed."""
        seq = header.seq
        known = self._decided.get(seq)
        beside = bool(self._under_way)
        self._under_way[seq] = self._under_way.get(seq, 0) + 1
        if known is not None and not beside:
            if known.request != essence(header, octets):
                return frozenset({int(Status.SEQ_REUSED), *(statuses & _BEFORE_NUMBER)})
            return frozenset({codec.parse_header(known.reply).status, *(statuses & _NO_SESSION)})
        if seq > self.last and not beside:
            return statuses - _DECIDED_NOT
        return statuses

    def answered(
        self, asked: Header, request: bytes, header: Header, octets: bytes
    ) -> list[Breach]:
        """Take the reply of a command; return what breaks exactly-once."""
        seq, status = asked.seq, header.status
        count = self._under_way.pop(seq, 0)
        if count > 1:
            self._under_way[seq] = count - 1
        if not seq or not kinds.is_stored(status):
            return []
        known = self._decided.get(seq)
        same = known is not None and known.request == essence(asked, request)
        if known is None:
            self.last = max(self.last, seq)
            self._decided[seq] = Decided(essence(asked, request), octets)
            while len(self._decided) > limits.REPLIES_KEPT:
                del self._decided[next(iter(self._decided))]
            return []
        name = f"{codec.describe(asked.opcode)} seq {seq}"
        if not same:
            return [Breach("idempotency", f"{name}: another command was carried out under it")]
        found = []
        if plain_reply(known.reply) != plain_reply(octets):
            found.append(Breach("idempotency", f"{name}: the repeated reply differs"))
        if not header.flags & REPLAYED:
            found.append(Breach("idempotency", f"{name}: the repeated reply lacks REPLAYED"))
        return found


_NO_SESSION: Final = frozenset(
    int(status)
    for status in (
        Status.NOT_LOGGED_IN, Status.SESSION_DETACHED, Status.SESSION_EXPIRED,
        Status.SESSION_REVOKED,
    )
)  # fmt: skip
