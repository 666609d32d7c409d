"""Frames made from the schema: valid ones, and values at and beyond every bound."""

from __future__ import annotations

import random
from functools import cache
from typing import Any, Final

from papertrader.core.money import AMOUNT_MAX, AMOUNT_MIN, NULL, SCALE
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire import primitives as p
from papertrader.wire.declarations import Message, Section, Shape
from papertrader.wire.derived import Message as Made
from papertrader.wire.generate import Field, fields_of
from papertrader.wire.kinds import Opcode
from papertrader.wire.schema import BLOCKS, MESSAGES

SYMBOLS: Final = ("AAPL", "IBM", "MSFT", "GOOG", "NOSUCH", "A", "ZZZZZZZZZZZZZZZZ", "")
TEXTS: Final = (
    "x", "é", "\u202e right to left", "'; DROP TABLE account; --", "../../etc/passwd",
    "{0.__class__}", "%s%s%n", "\x1b[2J", "a\x00b", "\U0001f600" * 4,
)  # fmt: skip
TABLES: Final[dict[Shape, dict[int, type[Made]]]] = {
    Shape.REQUEST: m.REQUESTS,
    Shape.REPLY: m.REPLIES,
    Shape.EVENT: m.EVENTS,
}
CLIENT_REQUESTS: Final = tuple(
    message
    for message in MESSAGES
    if message.shape is Shape.REQUEST and 0x0100 <= message.opcode < kinds.INNER_OPCODES
)
"""What a client may ask, by the schema."""
BEGIN_OR_END: Final = frozenset({Opcode.LOGIN, Opcode.REGISTER, Opcode.RESUME, Opcode.LOGOUT})
"""Requests that begin or end a session."""
AMOUNTS: Final = (
    0, 1, -1, SCALE, -SCALE, 10 * SCALE, NULL, NULL + 1, AMOUNT_MAX, AMOUNT_MIN, AMOUNT_MAX - 1,
    2**31, 2**32, 2**53, SCALE - 1,
)  # fmt: skip
ROWS_MADE: Final = 4
"""Rows made for one group when it is not the bound that is tried."""


@cache
def _named_fields(struct: Any) -> tuple[Field, ...]:
    """Return the fields of a block that have a value."""
    return tuple(field for field in fields_of(struct) if not field.reserved)


class Generator:
    """Makes messages and frames from a source of chance; the same seed gives the same frames."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.mark = ""
        """A mark that goes into every text section that is stored (see the oracle of leaks)."""
        self._correlation = 1_000

    def correlation(self) -> int:
        """Return the next correlation number."""
        self._correlation = self._correlation % 0xFFFF_0000 + 1
        return self._correlation

    # --- values --------------------------------------------------------------------------------

    def value(self, field: Field) -> Any:
        """Return a value that the field's type takes, often at its bounds."""
        rng, inner = self.rng, field.inner
        if isinstance(inner, p.Ascii):
            if inner.length == 16:
                return rng.choice(SYMBOLS)
            if inner.length == 4:
                return rng.choice(("", "USD", "EUR", "ZZZZ"))
            return rng.choice(("", "ann", "A" * inner.length, "a.b-c_d"))
        if isinstance(inner, p.Octets):
            return rng.choice((bytes(inner.length), rng.randbytes(inner.length)))
        if isinstance(inner, p.Bool8):
            return rng.random() < 0.5
        if isinstance(inner, p.Choice):
            return rng.choice(list(inner.members))
        if isinstance(inner, p.Flags):
            return rng.choice((0, inner.mask, 1 << rng.randrange(8 * field.size))) & inner.mask
        bits = 8 * field.size
        if field.code == "q":
            return rng.choice(AMOUNTS)
        return rng.choice((0, 0, 1, 2, 10, 64, 500, 86_400, 2 ** (bits - 1), 2**bits - 1)) & (
            2**bits - 1
        )

    def block(self, struct: Any) -> dict[str, Any]:
        """Return values for each field of a block."""
        value = self.value
        return {field.name: value(field) for field in _named_fields(struct)}

    def section(self, section: Section) -> Any:
        """Return a section's value within its bounds, or None for its absence."""
        rng = self.rng
        if not section.required and rng.random() < 0.4:
            return () if section.kind == "group" else None
        if section.kind == "text":
            return self._text(section)
        if section.kind == "octets":
            size = rng.choice((section.size_min, section.size_min + 1, 64))
            return rng.randbytes(min(max(size, section.size_min), section.size_max))
        if section.kind in ("u16", "u32"):
            return rng.choice((0, 1, 0xFFFF))
        most = min(section.size_max, ROWS_MADE) if rng.random() < 0.95 else section.size_max
        if section.size_max > limits.SYMBOLS_MAX:
            most = ROWS_MADE
        cls = getattr(m, section.row)
        count = rng.randint(1, most)
        return tuple(cls(**self.block(BLOCKS[section.row].struct)) for _ in range(count))

    def _text(self, section: Section) -> str:
        rng = self.rng
        text = rng.choice((*TEXTS, "a" * section.size_max, "é" * (section.size_max // 2)))
        if self.mark and rng.random() < 0.5:
            text = self.mark + text
        octets = text.encode()[: section.size_max]
        while len(octets) < section.size_min:
            octets += b"x"
        return octets.decode("utf-8", "ignore") or "x" * max(1, section.size_min)

    # --- messages ------------------------------------------------------------------------------

    def message(self, declared: Message) -> Made:
        """Return a message with values of its types."""
        values = self.block(declared.struct)
        values.update({s.attribute: self.section(s) for s in declared.sections})
        return TABLES[declared.shape][declared.opcode](**values)

    def frame(self, declared: Message, **header: int) -> bytes:
        """Return a well-formed frame of a message."""
        message = self.message(declared)
        if declared.shape is Shape.REQUEST and "correlation" not in header:
            header["correlation"] = self.correlation()
        flags = int(kinds.FrameFlag.GREASE) if self.rng.random() < 0.1 else 0
        return codec.encode(message, flags=flags, **header)

    def request(self) -> bytes:
        """Return a well-formed request of a client."""
        declared = self.rng.choice(CLIENT_REQUESTS)
        changing = declared.opcode in kinds.STATE_CHANGING
        seq = self.rng.choice((0, 1, 2, 5, 2**63, 2**64 - 1)) if changing else 0
        return self.frame(declared, seq=seq)

    def order(self, **changes: Any) -> m.OrderNew:
        """Return an order that a market may take."""
        rng = self.rng
        values: dict[str, Any] = {
            "client_order_id": rng.getrandbits(62) + 1,
            "symbol": rng.choice(("AAPL", "IBM", "MSFT")),
            "side": rng.choice((1, 1, 2)),
            "order_type": 1,
            "time_in_force": rng.choice((1, 2)),
            "quantity": rng.randint(1, 20) * SCALE,
        }
        if rng.random() < 0.4:
            values |= {"order_type": 2, "limit_price": rng.randint(1, 200) * SCALE}
        if self.mark and rng.random() < 0.5:
            values["tag"] = self.mark
        return m.OrderNew(**(values | changes))


def harmless(octets: bytes) -> bool:
    """Tell whether a frame may be sent by chance.

    A wrong password counts against the harness' own address, an account costs a slow hash, and
    LOGOUT(everywhere) would end the keeper's session: these are for chosen sequences only.
    """
    if len(octets) < limits.HEADER_SIZE:
        return True
    header = codec.parse_header(octets)
    if header.opcode in (Opcode.LOGIN, Opcode.REGISTER, Opcode.PASSWORD_CHANGE):
        return header.block_len == 0 or header.length < 24
    body = octets[limits.HEADER_SIZE :]
    return header.opcode != Opcode.LOGOUT or not any(body[:1])
