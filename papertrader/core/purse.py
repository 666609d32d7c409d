"""The purse: what a portfolio's money needs to remember beside its balance.

It follows from the portfolio's transactions and marks alone, so that the desk and the views keep
the same one.
"""

from __future__ import annotations

from typing import Final

import attrs

from papertrader.core.fees import month_of
from papertrader.core.ledger import CARRYING, Transaction, TransactionKind

UNSETTLED_MAX: Final = 512
"""Sums kept apart until they settle. One more, and the two that settle last are put together, to
settle with the later one."""
_TRADES: Final = frozenset(
    {TransactionKind.BUY, TransactionKind.SELL, TransactionKind.SHORT, TransactionKind.COVER}
)


@attrs.frozen
class Purse:
    """See the module. Money in 1e-8 units; never changed, but replaced by the next one.

    ``borrow`` and ``interest`` are what was posted in this season, less than 0 for costs.
    ``unsettled`` holds (market time of settlement, amount), rising. ``month`` and ``shares`` count
    what was traded in the month with a fee. ``carried_to`` is the market time of the last session
    close at which the portfolio was marked; ``called_at`` and ``due_at`` are of a margin call, 0
    for none, and ``shortfall`` what it asks for. ``margin`` tells whether the portfolio may borrow;
    then ``touched_at`` is the market time of its last transaction.
    """

    borrow: int = 0
    interest: int = 0
    unsettled: tuple[tuple[int, int], ...] = ()
    month: int = 0
    shares: int = 0
    carried_to: int = 0
    called_at: int = 0
    due_at: int = 0
    shortfall: int = 0
    margin: bool = False
    touched_at: int = 0

    def unsettled_at(self, market_at: int) -> int:
        """Return the cash that has not settled at a market time."""
        return sum(amount for settles_at, amount in self.unsettled if settles_at > market_at)

    def next_settlement(self, market_at: int) -> int:
        """Return when the next sum settles; 0 if none waits."""
        return next((at for at, _ in self.unsettled if at > market_at), 0)

    def shares_in(self, market_at: int) -> int:
        """Return the shares traded so far in the month of a market time."""
        return self.shares if self.month and self.month == month_of(market_at) else 0

    def after(self, transaction: Transaction) -> Purse:
        """Return the purse after a transaction."""
        changed = self
        if self.margin:
            changed = attrs.evolve(changed, touched_at=transaction.market_time)
        if transaction.kind == TransactionKind.BORROW:
            changed = attrs.evolve(changed, borrow=changed.borrow + transaction.amount)
        elif transaction.kind == TransactionKind.INTEREST:
            changed = attrs.evolve(changed, interest=changed.interest + transaction.amount)
        if transaction.settles_at or changed.unsettled:
            changed = attrs.evolve(changed, unsettled=_settling(changed.unsettled, transaction))
        if transaction.fees and transaction.kind in _TRADES:
            at = transaction.market_time
            changed = attrs.evolve(
                changed,
                month=month_of(at),
                shares=changed.shares_in(at) + transaction.quantity,
            )
        return changed

    def in_new_season(self) -> Purse:
        """Return the purse with which a new season begins: all has settled, nothing is owed."""
        return Purse(
            month=self.month,
            shares=self.shares,
            carried_to=self.carried_to,
            margin=self.margin,
            touched_at=self.touched_at,
        )

    def turned_back(self, market_at: int) -> Purse:
        """Return the purse after the market's clock was turned back: everything has settled."""
        return attrs.evolve(
            self,
            unsettled=(),
            carried_to=min(self.carried_to, market_at),
            touched_at=min(self.touched_at, market_at),
            called_at=0,
            due_at=0,
            shortfall=0,
        )

    def marked(self, *, carried_to: int, called_at: int, due_at: int, shortfall: int) -> Purse:
        """Return the purse after the portfolio was marked."""
        return attrs.evolve(
            self,
            carried_to=carried_to,
            called_at=called_at,
            due_at=due_at,
            shortfall=shortfall,
        )

    def concerns(self, transaction: Transaction) -> bool:
        """Tell, cheaply, whether a transaction changes the purse."""
        return bool(
            self.margin
            or self.unsettled
            or transaction.settles_at
            or transaction.fees
            or transaction.kind in CARRYING
        )


EMPTY_PURSE: Final = Purse()


def _settling(
    unsettled: tuple[tuple[int, int], ...], transaction: Transaction
) -> tuple[tuple[int, int], ...]:
    now = transaction.market_time
    waiting = {at: amount for at, amount in unsettled if at > now}
    if transaction.settles_at > now:
        at = transaction.settles_at
        waiting[at] = waiting.get(at, 0) + transaction.amount
    rows = sorted(waiting.items())
    if len(rows) > UNSETTLED_MAX:
        (_, amount), (at, last) = rows[-2:]
        rows[-2:] = [(at, amount + last)]
    return tuple(rows)
