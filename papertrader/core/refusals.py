"""Why a trading command was refused: one number per reason, never reused.

The numbers are those of the wire's status registry (range 0x04xx, ``papertrader.wire.kinds``), so
that a refusal goes out as it is. Members stand in order of precedence: when several apply, the
desk answers the first one listed.
"""

from __future__ import annotations

from enum import IntEnum

import attrs


class Refusal(IntEnum):
    """A final answer to a trading command that will never be executed."""

    DUPLICATE_ORDER = 0x040B
    NO_SUCH_PORTFOLIO = 0x0415
    NO_SUCH_SYMBOL = 0x0401
    SYMBOL_HALTED = 0x0402
    TYPE_UNSUPPORTED = 0x0411
    TIF_UNSUPPORTED = 0x0410
    BAD_LOT = 0x0408
    QUANTITY_LIMIT = 0x0409
    BAD_TICK = 0x0407
    NO_QUOTE = 0x040F
    PRICE_BAND = 0x040A
    AMOUNT_OVERFLOW = 0x0412
    DEADLINE_PASSED = 0x0414
    OPEN_ORDER_LIMIT = 0x0413
    SHORT_NOT_ALLOWED = 0x0406
    INSUFFICIENT_POSITION = 0x0405
    INSUFFICIENT_CASH = 0x0404
    NO_SUCH_ORDER = 0x040C
    ORDER_DONE = 0x040D
    STALE_VERSION = 0x040E
    NOT_FILLABLE = 0x0416
    NAME_TAKEN = 0x0417
    PORTFOLIO_LIMIT = 0x0418
    PORTFOLIO_IN_USE = 0x0419
    COMBINATION_ENDED = 0x041A
    BAD_COMBINATION = 0x041B
    TERMS_FORBID = 0x041C
    NO_SUCH_CONTEST = 0x041D
    CONTEST_CLOSED = 0x041E
    CONTEST_FORBIDS = 0x041F
    PORTFOLIO_FROZEN = 0x0420
    INSUFFICIENT_MARGIN = 0x0421
    CLOCK_TURNED_BACK = 0x0430


@attrs.define
class Refused:
    """Why a command is not executed: the reason, and a sentence for people."""

    refusal: Refusal
    text: str
