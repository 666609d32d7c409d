"""What a price of another time is in terms of the shares that were held at a time.

Stored prices are raw. The last one that is known of a thin share may be of before a split, while
what is held has been split since; the two are put on one basis before they are multiplied.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import attrs

from papertrader.core.instants import DAY
from papertrader.core.money import NULL
from papertrader.core.quotes import ActionKind, CorporateAction


@attrs.frozen
class ShareBasis:
    """The splits that lie within a curve, by symbol: when, and new shares for an old one."""

    _splits: dict[str, list[tuple[int, Fraction]]]

    @classmethod
    def of(cls, actions: Iterable[CorporateAction]) -> ShareBasis:
        """Take the splits among ``actions``."""
        splits: dict[str, list[tuple[int, Fraction]]] = {}
        for each in actions:
            if each.kind == ActionKind.SPLIT:
                ratio = Fraction(each.numerator, each.denominator)
                splits.setdefault(each.symbol, []).append((each.at, ratio))
        return cls(splits)

    def price(self, symbol: str, price: int, known_at: int, at: int) -> int:
        """Return a price of a bar that began at ``known_at`` in terms of the shares of ``at``.

        Shares are split at the split's own time, prices of its whole UTC day are of new shares
        already (as in `papertrader.core.adjust`). Rounded half to even.
        """
        if price == NULL:
            return price
        factor = Fraction(1)
        for when, ratio in self._splits.get(symbol, ()):
            is_new, are_split = when - when % DAY <= known_at, when <= at
            if is_new != are_split:
                factor *= ratio if is_new else 1 / ratio
        return price if factor == 1 else round(price * factor)
