"""Money audit: what orders reserve and fills were charged, worked out again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from papertrader.core.events import Event, OrderChanged, TransactionPosted
from papertrader.core.fees import fees_of_fill, regulatory_fees_of_fill
from papertrader.core.money import NULL, AmountOverflow, cost_of
from papertrader.core.orders import ACTIVE_STATES, Order, OrderEventKind, Side
from papertrader.core.rates import MARGIN_REQUIREMENTS
from papertrader.core.reserving import reserve_whole
from papertrader.core.state import DeskState
from papertrader.core.terms import BASIS_POINTS, FeeModelKind, PortfolioTerms

_FILL: Final = OrderEventKind.FILL


def reservation_violations(state: DeskState) -> Iterator[str]:
    """Give one sentence for each open order that does not reserve what its rest needs."""
    for numbers in state.open_orders.values():
        for number in sorted(numbers):
            order = state.orders.find(number)
            if order is None or order.state not in ACTIVE_STATES:
                continue
            portfolio = state.portfolios[order.portfolio]
            if portfolio.is_margin:
                yield from _margin_violations(order)
            else:
                yield from _cash_violations(order, portfolio.terms)


def _cash_violations(order: Order, terms: PortfolioTerms) -> Iterator[str]:
    if order.is_foreign and order.side == Side.BUY:
        # Nobody knows any more at which rate it reserved; it reserves something.
        if order.remaining and order.reserved_cash <= 0:
            yield f"I-07: order {order.order_id} is to pay in another currency and reserves nothing"
        return
    needed = order.snapshot()
    try:
        reserve_whole(needed, terms, order)
    except AmountOverflow:
        return
    wants, has = needed.reserved_cash, order.reserved_cash
    # A split may have raised the fees per share beyond what was reserved for them, and engine 2
    # reserved too little for the fees of an order for an amount of money.
    covered = has == wants if terms.fee_model == FeeModelKind.FREE else has <= wants
    if not covered or order.reserved_quantity != needed.reserved_quantity:
        yield (
            f"I-07: order {order.order_id} reserves {has} and {order.reserved_quantity} shares; its"
            f" rest needs {wants} and {needed.reserved_quantity}"
        )


def _margin_violations(order: Order) -> Iterator[str]:
    """Check the least: nobody knows any more what the ask was that a short sale reserved by.

    Its limit does not tell either, once a split has rounded it up; it reserves something.
    """
    opens = order.remaining - order.reserved_quantity
    is_covered = order.terms is not None and (order.terms.shares or order.terms.notional)
    bound = order.limit_price if order.limit_price != NULL else order.bound_price
    if opens <= 0 or is_covered or bound == NULL:
        return
    least = min(row.initial for row in MARGIN_REQUIREMENTS)
    wants = cost_of(bound, opens) * least // BASIS_POINTS if order.side == Side.BUY else 1
    if order.reserved_cash < wants:
        yield (
            f"I-07: order {order.order_id} reserves {order.reserved_cash} of margin; opening"
            f" {opens} needs {wants} at least"
        )


@attrs.define
class FeeAudit:
    """Follows the events of a journal and works out every fill's fees again."""

    _order: Order | None = None
    _changed: OrderChanged | None = None

    def check(self, state: DeskState, event: Event) -> Sequence[str]:
        """Return one sentence for each wrong figure of ``event``, which is about to be applied."""
        if isinstance(event, OrderChanged):
            self._order = self._changed = None
            if event.kind == _FILL:
                self._order, self._changed = state.orders.find(event.order.order_id), event
        elif isinstance(event, TransactionPosted) and event.transaction.order:
            order, changed = self._order, self._changed
            self._order = self._changed = None
            if order is not None and changed is not None:
                return _check_fill(state, order, changed, event)
        return ()


def _check_fill(
    state: DeskState, order: Order, changed: OrderChanged, posted: TransactionPosted
) -> list[str]:
    transaction = posted.transaction
    portfolio = state.portfolios[order.portfolio]
    at = transaction.market_time
    notional = transaction.price * transaction.quantity
    expected = fees_of_fill(
        portfolio.terms,
        order,
        quantity=transaction.quantity,
        notional=notional,
        gross=transaction.amount + transaction.fees,
        asset=None,
        market_at=at,
        month_shares=portfolio.purse.shares_in(at),
        rate=transaction.rate,
    )
    if (transaction.sec_fee or transaction.taf_fee) and order.side != Side.BUY:
        gross = transaction.amount + transaction.fees
        charged = regulatory_fees_of_fill(
            order, transaction.quantity, notional, at, transaction.rate
        )
        sec = min(charged[0], gross)
        taf = min(charged[1], gross - sec)
        most = min(expected.commission, gross - sec - taf)
        expected = attrs.evolve(expected, sec_fee=sec, taf_fee=taf, commission=most)
    lines = (transaction.commission, transaction.sec_fee, transaction.taf_fee)
    wanted = (expected.commission, expected.sec_fee, expected.taf_fee)
    found = []
    if lines != wanted:
        found.append(f"charges {lines}, by the terms and rates it is {wanted}")
    if changed.fill_fees != transaction.fees:
        found.append(f"charges {transaction.fees}, its order says {changed.fill_fees}")
    if not found:
        return found
    name = f"transaction {transaction.transaction_id} of account {posted.account}"
    return [f"I-15: {name} {each}" for each in found]
