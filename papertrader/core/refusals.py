"""Why a trading command was refused: one number per reason, never reused.

The numbers are those of the wire's status registry (range 0x04xx, ``papertrader.wire.kinds``), so
that a refusal goes out as it is. Members stand in order of precedence: when several apply, the
desk answers the first one listed.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import attrs

from papertrader.core.money import AMOUNT_MAX, NULL


class Refusal(IntEnum):
    """A final answer to a trading command that will never be executed."""

    NO_SUCH_PORTFOLIO = 0x0415
    DUPLICATE_ORDER = 0x040B
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


class FigureUnit(IntEnum):
    """What the figures of a refusal count."""

    NONE = 0
    MONEY = 1
    """Of the portfolio's currency, in 1e-8 units."""
    QUANTITY = 2
    """Shares or coins, in 1e-8 units."""
    PRICE = 3
    """Of the asset's currency, in 1e-8 units."""
    NUMBER = 4
    """Of orders, or of an order's version."""
    INSTANT = 5
    """Market time, in nanoseconds."""


@attrs.frozen
class Figures:
    """What an order asked for, and what there was for it: the two numbers that a rule compared.

    ``price`` is the worst price that the order was reckoned with, `NULL` if none. Of a rule that
    is dated data ``since`` is the market time from which it holds, and ``points`` what it says, in
    basis points; 0 for the others.
    """

    unit: FigureUnit
    asked: int
    there: int
    price: int = NULL
    since: int = 0
    points: int = 0

    def bounded(self) -> Figures:
        """Return the same with every number one that can be counted: what is beyond is the most."""
        return attrs.evolve(self, asked=_bounded(self.asked), there=_bounded(self.there))


def _bounded(amount: int) -> int:
    return max(-AMOUNT_MAX, min(AMOUNT_MAX, amount))


NO_FIGURES: Final = Figures(FigureUnit.NONE, 0, 0)
"""Of a refusal that compared no numbers: no such symbol, a flag that contradicts another."""


@attrs.define
class Refused:
    """Why a command is not executed: the reason, a sentence for people, and its figures."""

    refusal: Refusal
    text: str
    figures: Figures = NO_FIGURES
