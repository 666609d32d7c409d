"""QUOTE_GETs asked again: what they ask, and the answer as far as it stays the same.

Most clients ask again what they or others asked before. Of such a request only session and
correlation are new, octets 16 to 23, and they stand at the same place in its answer. So the request
is known by its other octets, and answering it is one join as long as no quote changed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from papertrader.core.instants import MILLISECOND
from papertrader.core.quotes import QuoteFlag
from papertrader.wire import codec, limits
from papertrader.wire.codec import CACHED, RESPONSE, Header
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Category, Opcode, Status, Tag
from papertrader.wire.messages import QuoteGet, QuoteReply, QuoteRow, SymbolRow

QUESTIONS_MAX: Final = 1_024
"""QUOTE_GETs whose reading is remembered. At the bound all are forgotten."""
QUESTION_OCTETS: Final = 512
"""A longer one is read each time; so at most 29 rows of an answer are kept for each."""
RUN_MAX: Final = 64
"""Requests of one read that are answered by one write at most: whether the client reads its answers
is looked at in between."""
_ROOT: Final = limits.HEADER_SIZE
_BODY_MAX: Final = QUESTION_OCTETS - _ROOT
_OBSERVED_AT: Final = slice(112, 120)
_FLAGS: Final = slice(128, 130)
_OPCODE: Final = struct.pack(">H", Opcode.QUOTE_GET)
_NOBODY: Final = bytes(4)
_pack_tail: Final = struct.Struct(">QQL4x").pack
"""seq of the header, and the root block of QUOTE_GET's reply."""
_SESSION: Final = slice(16, 20)

if QuoteRow.SIZE != 136 or QuoteReply.SIZE != 16:
    raise RuntimeError("the places of fields in QuoteRow or QuoteReply have moved")


@attrs.define(slots=True, eq=False)
class Question:
    """One QUOTE_GET: ``max_age`` in ns, 0 = any. The rest is its answer: see `keep`."""

    head: bytes
    """Its first 16 octets."""
    body: bytes
    symbols: Sequence[bytes]
    max_age: int
    version: int = -1
    """Of the topics, when the answer was made."""
    oldest: int = 0
    """When the oldest of the quotes was observed."""
    answer_head: bytes = b""
    rows: bytes = b""
    """The section of the answer."""
    count: int = 0

    @property
    def size(self) -> int:
        """Octets of the request."""
        return _ROOT + len(self.body)

    def keep(self, rows: Sequence[bytes], version: int) -> None:
        """Take the newest quotes of the symbols, in their order."""
        self.count = len(rows)
        self.rows = codec.group(Tag.QUOTES, QuoteRow.SIZE, rows)
        self.oldest = min([int.from_bytes(row[_OBSERVED_AT], "big") for row in rows], default=0)
        block = QuoteReply(as_of=0, rows=self.count).pack()
        whole = codec.frame(
            Category.DATA, Opcode.QUOTE_GET, block, self.rows, flags=RESPONSE | CACHED
        )
        self.answer_head = whole[: _SESSION.start]
        self.version = version

    def tail(self, now: int, rows: bytes) -> bytes:
        """Return what stands behind the address in an answer of that moment."""
        return _pack_tail(0, now, self.count) + rows

    def addresses(self, data: bytes, offset: int, session: bytes) -> list[bytes]:
        """Return session and correlation of each whole repetition that follows one another from
        ``offset`` on, RUN_MAX at most, as long as they are of that session."""
        prefix, body, found = self.head + session, self.body, []
        size = self.size
        last = min(len(data) - size, offset + (RUN_MAX - 1) * size)
        starts = data.startswith
        while offset <= last and starts(prefix, offset) and starts(body, offset + _ROOT):
            address = data[offset + 16 : offset + 24]
            if address[4:] == _NOBODY:
                break
            found.append(address)
            offset += size
        return found


class Questions:
    """The questions that are remembered."""

    def __init__(self) -> None:
        self._known: dict[bytes, Question] = {}

    def __len__(self) -> int:
        return len(self._known)

    def at(self, data: bytes, offset: int) -> Question | None:
        """Return the known question that may begin there; None if it is none."""
        if not data.startswith(_OPCODE, offset + 8):
            return None
        length = int.from_bytes(data[offset + 4 : offset + 8], "big")
        if length > _BODY_MAX:
            return None
        begin = offset + _ROOT
        return self._known.get(data[offset : offset + 16] + data[begin : begin + length])

    def read(self, header: Header, octets: bytes) -> Question:
        """Return what a QUOTE_GET asks; raises `RemoteFault`."""
        # All but session, correlation and seq, which say nothing about what is asked.
        head, body = octets[:16], octets[_ROOT:]
        known = self._known.get(head + body)
        if known is not None:
            return known
        request = codec.decode_body(header, octets)
        if not isinstance(request, QuoteGet):
            raise RemoteFault(Status.INVALID_FIELD, "QUOTE_GET is expected")
        question = Question(
            head, body, packed_symbols(request.symbols), request.max_age_ms * MILLISECOND
        )
        # A checksum covers what the key leaves out, so it is looked at each time.
        if len(octets) <= QUESTION_OCTETS and not header.flags & codec.CHECKSUM:
            if len(self._known) >= QUESTIONS_MAX:
                self._known.clear()
            self._known[head + body] = question
        return question


def packed_symbols(rows: Iterable[SymbolRow]) -> list[bytes]:
    """Return symbols as they stand in a quote: 16 octets; raises `RemoteFault` for an empty one."""
    symbols = [row.symbol.encode("ascii").ljust(16, b"\0") for row in rows]
    if any(not symbol[0] for symbol in symbols):
        raise RemoteFault(Status.INVALID_FIELD, "a symbol is empty")
    return symbols


def stale(section: bytes) -> bytes:
    """Return a section of quotes with STALE set in each."""
    changed = bytearray(section)
    # Tag and size of the section, size and number of its rows.
    first = codec.SECTION.size + codec.GROUP.size
    for row in range(first, len(changed), QuoteRow.SIZE):
        at = slice(row + _FLAGS.start, row + _FLAGS.stop)
        flags = int.from_bytes(changed[at], "big") | QuoteFlag.STALE
        changed[at] = flags.to_bytes(2, "big")
    return bytes(changed)
