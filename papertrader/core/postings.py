"""Postings: the events of a fill, a deposit or a corporate action, made from the state.

Pure functions: they read the state and return events, and change nothing.
"""

from __future__ import annotations

from papertrader.core.actions import Posting
from papertrader.core.events import OrderChanged, TransactionPosted
from papertrader.core.fills import Fill, receipt_for
from papertrader.core.ledger import (
    CORPORATE,
    EQUITY,
    Entry,
    Transaction,
    TransactionKind,
    trade_entries,
    transfer_entries,
)
from papertrader.core.money import (
    checked,
    cost_of,
    cost_of_notional,
    proceeds_of,
    proceeds_of_notional,
)
from papertrader.core.orders import Order, OrderEventKind, Side, next_state
from papertrader.core.portfolio import PortfolioState, Position, trade
from papertrader.core.quotes import Quote
from papertrader.core.state import AccountState, DeskState


def fill_events(
    state: DeskState, order: Order, fill: Fill, quote: Quote
) -> tuple[OrderChanged, TransactionPosted]:
    """Return what ``fill`` does to ``order`` and to its portfolio.

    The order's event comes first: it releases the reservation that the money is then taken from.
    Raises `AmountOverflow` if some figure does not fit.
    """
    account, portfolio = state.accounts[order.account], state.portfolios[order.portfolio]
    at = quote.observed_at
    quantity = fill.quantity if order.side == Side.BUY else -fill.quantity
    changed, gross, market = _fill_order(order, fill, at)
    transaction_id = account.transaction_id + 1
    position, realized = trade(
        portfolio.positions.get(order.symbol) or Position(order.symbol),
        quantity=quantity,
        price=fill.price,
        gross=gross,
        at=at,
        transaction=transaction_id,
    )
    transaction = Transaction(
        transaction_id=transaction_id,
        portfolio=order.portfolio,
        kind=TransactionKind.BUY if order.side == Side.BUY else TransactionKind.SELL,
        currency=portfolio.currency,
        amount=gross,
        cash_after=checked(portfolio.cash + gross),
        executed_at=at,
        received_at=order.received_at,
        symbol=order.symbol,
        quantity=fill.quantity,
        price=fill.price,
        order=order.order_id,
        fill=changed.fills,
        quote_seq=quote.quote_seq,
        realized=realized,
    )
    entries = trade_entries(
        cash=portfolio.cash_account,
        position=portfolio.position_account,
        symbol=order.symbol,
        currency=portfolio.currency,
        quantity=quantity,
        gross=gross,
        market=market,
    )
    event = OrderChanged(
        order.account,
        order.portfolio,
        account.event_seq + 1,
        OrderEventKind.FILL,
        changed,
        at,
        fill=changed.fills,
        fill_quantity=fill.quantity,
        fill_price=fill.price,
        transaction=transaction_id,
        receipt=receipt_for(order, quote, fill),
    )
    return event, TransactionPosted(
        order.account, order.portfolio, account.event_seq + 2, transaction, entries, position, at
    )


def _fill_order(order: Order, fill: Fill, at: int) -> tuple[Order, int, int]:
    """Return the order after ``fill``, the user's change of cash, and the counterparty's.

    Money is the difference that the fill makes to the order's whole cost or proceeds, so rounding
    does not add up over many fills: paid and still reserved never exceed what was reserved first.
    """
    before = order.notional_filled
    after = before + fill.price * fill.quantity
    cost = cost_of_notional(after) - cost_of_notional(before)
    proceeds = proceeds_of_notional(after) - proceeds_of_notional(before)
    changed = order.snapshot()
    changed.filled += fill.quantity
    changed.notional_filled = after
    changed.fills += 1
    changed.version += 1
    changed.updated_at = at
    remaining = changed.remaining
    changed.state = next_state(order.state, OrderEventKind.FILL, complete=remaining == 0)
    if order.side == Side.BUY:
        whole = cost_of_notional(after + order.bound_price * remaining)
        changed.reserved_cash = whole - cost_of_notional(after)
        return changed, -cost, proceeds
    changed.reserved_quantity = remaining
    return changed, proceeds, -cost


def deposit_event(
    state: DeskState, portfolio: PortfolioState, amount: int, at: int
) -> TransactionPosted:
    """Return the event of ``amount`` paid in. Raises `AmountOverflow` if the cash does not fit."""
    return funding_event(state, portfolio, amount, TransactionKind.DEPOSIT, at)


def funding_event(
    state: DeskState, portfolio: PortfolioState, amount: int, kind: TransactionKind, at: int
) -> TransactionPosted:
    """Return the event of ``amount`` paid in or, if it is negative, out.

    Raises `AmountOverflow` if the cash does not fit.
    """
    account = state.accounts[portfolio.account]
    transaction = Transaction(
        transaction_id=account.transaction_id + 1,
        portfolio=portfolio.portfolio,
        kind=kind,
        currency=portfolio.currency,
        amount=amount,
        cash_after=checked(portfolio.cash + amount),
        executed_at=at,
        received_at=at,
    )
    entries = transfer_entries(
        source=EQUITY,
        cash=portfolio.cash_account,
        position=portfolio.position_account,
        currency=portfolio.currency,
        amount=amount,
    )
    return _posted(account, transaction, entries, None)


def closing_event(
    state: DeskState,
    portfolio: PortfolioState,
    position: Position,
    price: int,
    quote_seq: int,
    at: int,
) -> TransactionPosted:
    """Return the event of a reset closing ``position`` at ``price``.

    Proceeds are rounded down and the counterparty's cost up, as in a sale. Raises
    `AmountOverflow` if some figure does not fit.
    """
    account = state.accounts[portfolio.account]
    quantity, proceeds = position.quantity, proceeds_of(price, position.quantity)
    transaction_id = account.transaction_id + 1
    after, realized = trade(
        position,
        quantity=-quantity,
        price=price,
        gross=proceeds,
        at=at,
        transaction=transaction_id,
    )
    transaction = Transaction(
        transaction_id=transaction_id,
        portfolio=portfolio.portfolio,
        kind=TransactionKind.RESET,
        currency=portfolio.currency,
        amount=proceeds,
        cash_after=checked(portfolio.cash + proceeds),
        executed_at=at,
        received_at=at,
        symbol=position.symbol,
        quantity=quantity,
        price=price,
        quote_seq=quote_seq,
        realized=realized,
    )
    entries = trade_entries(
        cash=portfolio.cash_account,
        position=portfolio.position_account,
        symbol=position.symbol,
        currency=portfolio.currency,
        quantity=-quantity,
        gross=proceeds,
        market=-cost_of(price, quantity),
    )
    return _posted(account, transaction, entries, after)


def action_event(state: DeskState, posting: Posting, at: int) -> TransactionPosted:
    """Return the event of what a corporate action posts to one portfolio."""
    portfolio = posting.portfolio
    account = state.accounts[portfolio.account]
    symbol = posting.position.symbol
    is_split = posting.kind == TransactionKind.SPLIT
    transaction = Transaction(
        transaction_id=account.transaction_id + 1,
        portfolio=portfolio.portfolio,
        kind=posting.kind,
        currency=portfolio.currency,
        amount=posting.amount,
        cash_after=checked(portfolio.cash + posting.amount),
        executed_at=at,
        received_at=at,
        symbol=symbol,
        quantity=posting.quantity,
        price=posting.price,
        quote_seq=posting.quote_seq,
        realized=posting.realized,
    )
    entries = transfer_entries(
        source=CORPORATE,
        cash=portfolio.cash_account,
        position=portfolio.position_account,
        currency=portfolio.currency,
        amount=posting.amount,
        symbol=symbol,
        quantity=posting.quantity if is_split else 0,
    )
    return _posted(account, transaction, entries, posting.position)


def _posted(
    account: AccountState,
    transaction: Transaction,
    entries: tuple[Entry, ...],
    position: Position | None,
) -> TransactionPosted:
    return TransactionPosted(
        account.account,
        transaction.portfolio,
        account.event_seq + 1,
        transaction,
        entries,
        position,
        transaction.executed_at,
    )
