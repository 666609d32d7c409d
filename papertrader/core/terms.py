"""Terms: the rules that one portfolio trades by, chosen by its owner while it is empty.

They are part of the state: an event sets them, and every decision about the portfolio's orders
reads them. The numbers of the enumerations are those of the wire and are never reused.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

import attrs

from papertrader.core.identifiers import check_symbol
from papertrader.core.money import AMOUNT_MAX, SCALE

BASIS_POINTS: Final = 10_000
ASSETS_MAX: Final = 256
"""Assets that the terms of one portfolio may name."""
LEVERAGE_MAX: Final = 40_000
"""The highest leverage that terms may allow, in basis points of equity: four times."""


class AccountKind(IntEnum):
    """Whether a portfolio may borrow."""

    CASH = 1
    """Only what is there is spent, and only what is held is sold."""
    MARGIN = 2
    """Buying on credit and selling short, within the margin rules."""


class FillModelKind(IntEnum):
    """What a quote gives an order (trading rules, part 4)."""

    IDEAL = 1
    QUOTE = 2
    CONSERVATIVE = 3
    VOLUME_SHARE = 4
    BAR = 5


class FeeModelKind(IntEnum):
    """What a fill costs besides its price."""

    FREE = 1
    PER_SHARE = 2
    """``fee_rate`` is money per share."""
    PERCENT = 3
    """``fee_rate`` is the part of the notional, in 1e-8."""
    TIERED = 4
    """Per share; the rate falls with the shares traded in the month."""
    MAKER_TAKER = 5
    """``fee_maker`` for orders that rested, ``fee_rate`` for others: parts of the notional."""


class TermsFlag(IntFlag):
    """Options of the terms."""

    REGULATORY_FEES = 1
    """Sales pay the dated fees of the regulators."""
    DELAYED_SETTLEMENT = 2
    """Proceeds settle after the dated number of sessions; otherwise at once."""
    NO_SHORTING = 4
    """A margin portfolio that may not sell short."""
    MARK_TO_MARKET = 8
    """Maintenance is checked with every mark, not only at the close."""


@attrs.frozen(kw_only=True)
class PortfolioTerms:
    """See the module. Rates in basis points unless said; money and prices in 1e-8 units.

    The defaults are those of a portfolio whose owner chose nothing. Raises `ValueError`, with one
    sentence, for terms that contradict themselves.
    """

    account_kind: AccountKind = AccountKind.CASH
    fill_model: FillModelKind = FillModelKind.QUOTE
    fee_model: FeeModelKind = FeeModelKind.FREE
    flags: int = 0
    slippage: int = 0
    """Added against the user by the conservative model, in basis points of the price."""
    participation: int = 1_000
    """Largest part of an interval's volume that the volume models give one order."""
    impact: int = 1_000
    """The factor k of ``k * (quantity / volume)^2``, in basis points of the price."""
    leverage: int = 0
    """Largest position value as a part of equity; 0 = what the margin rules allow."""
    position_cap: int = 0
    """Largest part of equity in one asset; 0 = no cap."""
    hold_seconds: int = 0
    """Least time between opening a position and closing it; 0 = none."""
    seed: int = 0
    """For fill models that use chance."""
    fee_rate: int = 0
    fee_maker: int = 0
    """Negative: a rebate."""
    fee_minimum: int = 0
    """Least fee of an order with a fill, in money."""
    fee_maximum: int = 0
    """Largest fee of a fill, in basis points of its notional; 0 = no bound."""
    price_minimum: int = 0
    """Assets below this price may not be bought or sold short; 0 = any."""
    assets: tuple[str, ...] = ()
    """The only assets that may be bought or sold short; empty = all."""

    def __attrs_post_init__(self) -> None:
        for problem in self._problems():
            raise ValueError(problem)

    def _problems(self) -> list[str]:
        found: list[str] = []
        found.extend(
            f"{name} must lie between 0 and {BASIS_POINTS} basis points"
            for name in ("slippage", "participation", "impact", "position_cap", "fee_maximum")
            if not 0 <= getattr(self, name) <= BASIS_POINTS
        )
        if self.participation == 0:
            found.append("participation must be more than 0 basis points")
        if not 0 <= self.leverage <= LEVERAGE_MAX:
            found.append(f"leverage must lie between 0 and {LEVERAGE_MAX} basis points")
        if self.account_kind == AccountKind.CASH and self.leverage > BASIS_POINTS:
            found.append("a cash portfolio has no leverage above 10000 basis points")
        if not 0 <= self.hold_seconds < 2**32 or not 0 <= self.seed < 2**64:
            found.append("hold_seconds and seed must not be negative, nor too large")
        if not 0 <= self.fee_rate <= SCALE or not -self.fee_rate <= self.fee_maker <= SCALE:
            found.append(
                "fee_rate must lie between 0 and 1, and a rebate must not exceed the taker's fee"
            )
        found.extend(
            f"{name} must not be negative"
            for name in ("fee_minimum", "price_minimum")
            if not 0 <= getattr(self, name) <= AMOUNT_MAX
        )
        if len(self.assets) > ASSETS_MAX or len(set(self.assets)) != len(self.assets):
            found.append(f"at most {ASSETS_MAX} assets may be named, each once")
        for symbol in self.assets:
            check_symbol(symbol)
        return found

    @property
    def restricts(self) -> bool:
        """Whether these terms alone may refuse an order."""
        return bool(self.assets or self.price_minimum or self.position_cap or self.hold_seconds)

    def has(self, flag: TermsFlag) -> bool:
        """Tell whether an option is set."""
        return bool(self.flags & flag)


DEFAULT_TERMS: Final = PortfolioTerms()
"""What a portfolio trades by until its owner chooses."""
