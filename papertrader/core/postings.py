"""Postings: the events of a fill, a deposit or a corporate action, made from the state.

Pure functions: they read the state and return events, and change nothing.
"""

from __future__ import annotations

from typing import Any, Final

from papertrader.core.actions import Posting
from papertrader.core.events import OrderChanged, TransactionPosted
from papertrader.core.exchange import converted_price, currency_of, received_for
from papertrader.core.fees import NO_FEES, Fees, fees_of_fill
from papertrader.core.fills import Fill, Receipt
from papertrader.core.ledger import (
    CARRY,
    CORPORATE,
    EQUITY,
    Entry,
    LedgerAccount,
    Transaction,
    TransactionKind,
    trade_entries,
    transfer_entries,
)
from papertrader.core.money import (
    NULL,
    SCALE,
    checked,
    cost_of_notional,
    divide_half_even,
    proceeds_of_notional,
)
from papertrader.core.orders import Order, OrderEventKind, Side, next_state
from papertrader.core.portfolio import PortfolioState, Position, trade, trade_through
from papertrader.core.quotes import Asset, Quote, market_time
from papertrader.core.reserving import reserve_rest
from papertrader.core.state import DeskState
from papertrader.core.terms import DEFAULT_TERMS, AccountKind, PortfolioTerms

# Python 3.11 looks the members of an enumeration up slowly: each costs as much as a call.
_BUY: Final = Side.BUY
_FILL: Final = OrderEventKind.FILL
_CASH: Final = AccountKind.CASH


class Unaffordable(Exception):
    """A fill would take more than its order has reserved and than there is besides."""


def fill_events(
    state: DeskState,
    order: Order,
    fill: Fill,
    quote: Quote,
    receipt: Receipt,
    asset: Asset | None = None,
    settles_at: int = 0,
    exchange: Quote | None = None,
) -> tuple[OrderChanged, TransactionPosted]:
    """Return what ``fill`` does to ``order`` and to its portfolio.

    The order's event comes first: it releases the reservation that the money is then taken from.
    ``settles_at`` is the market time at which proceeds settle; ``exchange`` the rate of the asset's
    currency, if that is not the portfolio's. Raises `AmountOverflow` if some figure does not fit,
    and `Unaffordable` if a cash portfolio cannot pay for it.
    """
    account, portfolio = state.accounts[order.account], state.portfolios[order.portfolio]
    at = quote.observed_at
    quantity = fill.quantity if order.side == _BUY else -fill.quantity
    rate = rate_for(order.side, exchange)
    changed, gross, market = _fill_order(order, fill, at, portfolio.terms, rate)
    fees, charged = NO_FEES, 0
    if portfolio.terms is not DEFAULT_TERMS:
        fees = _fees_of(portfolio, order, fill, quote, gross, asset, rate)
        charged = fees.total
        changed.fees = checked(order.fees + charged)
    cash = checked(portfolio.cash + gross - charged)
    _check_affordable(portfolio, order, changed, cash, quote)
    transaction_id = account.transaction_id + 1
    held = portfolio.positions.get(order.symbol) or Position(order.symbol)
    price = fill.price if rate == NULL else converted_price(fill.price, rate)
    market_at = market_time(quote)
    opened = opening_time(portfolio, market_at)
    position, realized = trade_through(held, quantity, price, gross, at, transaction_id, opened)
    # By place, as in `Order.snapshot`: by name it takes twice as long.
    transaction = Transaction(
        transaction_id,
        order.portfolio,
        _kind_of(quantity, held.quantity),
        portfolio.currency,
        gross - charged,
        cash,
        at,
        order.received_at,
        order.symbol,
        fill.quantity,
        fill.price,
        charged,
        order.order_id,
        changed.fills,
        quote.quote_seq,
        realized,
        _market_at(market_at, at),
        settles_at if gross > 0 else 0,
        fees.sec_fee,
        fees.taf_fee,
        rate,
        "" if exchange is None else currency_of(exchange),
    )
    entries = trade_entries(
        portfolio.cash_account, portfolio.position_account, order.symbol, portfolio.currency,
        quantity, gross, market, charged,
    )  # fmt: skip
    event = _filled(account.event_seq + 1, changed, fill, transaction, receipt)
    return event, TransactionPosted(
        order.account, order.portfolio, account.event_seq + 2, transaction, entries, position, at
    )


def _filled(
    event_seq: int, changed: Order, fill: Fill, transaction: Transaction, receipt: Receipt
) -> OrderChanged:
    """Return the event of an order's fill."""
    return OrderChanged(
        changed.account,
        changed.portfolio,
        event_seq,
        _FILL,
        changed,
        transaction.executed_at,
        changed.fills,
        fill.quantity,
        fill.price,
        transaction.fees,
        transaction.transaction_id,
        receipt,
    )


def rate_for(side: Side, exchange: Quote | None) -> int:
    """Return the rate that ``side`` of the asset gets; `NULL` where nothing is converted."""
    if exchange is None:
        return NULL
    return exchange.ask if side == _BUY else exchange.bid


def _fees_of(
    portfolio: PortfolioState,
    order: Order,
    fill: Fill,
    quote: Quote,
    gross: int,
    asset: Asset | None,
    rate: int,
) -> Fees:
    market_at = market_time(quote)
    return fees_of_fill(
        portfolio.terms,
        order,
        quantity=fill.quantity,
        notional=fill.price * fill.quantity,
        gross=gross,
        asset=asset,
        market_at=market_at,
        month_shares=portfolio.purse.shares_in(market_at),
        rate=rate,
    )


def _check_affordable(
    portfolio: PortfolioState, order: Order, changed: Order, cash: int, quote: Quote
) -> None:
    """Raise `Unaffordable` if a cash portfolio would have less than it then reserves.

    What has not settled pays for nothing that was not reserved.
    """
    if portfolio.terms.account_kind == _CASH:
        released = order.reserved_cash - changed.reserved_cash
        free = portfolio.reserved_cash - released
        if portfolio.purse.unsettled and portfolio.cash - cash > released:
            free += portfolio.purse.unsettled_at(market_time(quote))
        if cash < free:
            raise Unaffordable(f"order {order.order_id} would leave {cash}, reserved {free}")


def _fill_order(
    order: Order, fill: Fill, at: int, owner: PortfolioTerms, rate: int
) -> tuple[Order, int, int]:
    """Return the order after ``fill``, the user's change of cash, and the counterparty's.

    Money is the difference that the fill makes to the order's whole cost or proceeds, so rounding
    does not add up over many fills: paid and still reserved never exceed what was reserved first.
    At a rate of exchange, which changes from fill to fill, each fill is rounded by itself.
    """
    before = order.notional_filled
    notional = fill.price * fill.quantity
    after = before + notional
    if rate != NULL:
        # Both sides at one rate; what lies between them is only rounding.
        cost, proceeds = _cost_at(notional, rate), checked(notional * rate // (SCALE * SCALE))
    else:
        cost, proceeds = cost_of_notional(after), proceeds_of_notional(after)
        if before:
            cost -= cost_of_notional(before)
            proceeds -= proceeds_of_notional(before)
    changed = order.snapshot()
    changed.filled += fill.quantity
    changed.notional_filled = after
    changed.fills += 1
    changed.version += 1
    changed.updated_at = at
    complete = changed.filled == changed.quantity
    changed.state = next_state(order.state, _FILL, complete)
    if complete:
        changed.reserved_cash = changed.reserved_quantity = 0
    else:
        reserve_rest(changed, owner, order)
    return (changed, -cost, proceeds) if order.side == _BUY else (changed, proceeds, -cost)


def _priced_in(exchange: Quote | None) -> str:
    """Return the currency of a price that was converted at a rate; empty without one."""
    return "" if exchange is None else currency_of(exchange)


def _kind_of(quantity: int, held: int) -> TransactionKind:
    """Return what a fill does: it goes by the position, not by the order's side."""
    if quantity > 0:
        return TransactionKind.COVER if held < 0 else TransactionKind.BUY
    return TransactionKind.SELL if held > 0 else TransactionKind.SHORT


def opening_time(portfolio: PortfolioState, market_at: int) -> int:
    """Return what a lot notes as its beginning: market time if it must be held, 0 for the clock.

    Journals of before there was such a time are decided again as they were.
    """
    return market_at if portfolio.terms.hold_seconds else 0


def _market_at(market_at: int, at: int) -> int:
    """Return a transaction's market time: 0 where it is the master's instant, or is not known."""
    return 0 if market_at == at else market_at


def deposit_event(
    state: DeskState, portfolio: PortfolioState, amount: int, at: int, market_at: int = 0
) -> TransactionPosted:
    """Return the event of ``amount`` paid in. Raises `AmountOverflow` if the cash does not fit."""
    return funding_event(state, portfolio, amount, TransactionKind.DEPOSIT, at, market_at)


def funding_event(
    state: DeskState,
    portfolio: PortfolioState,
    amount: int,
    kind: TransactionKind,
    at: int,
    market_at: int = 0,
) -> TransactionPosted:
    """Return the event of ``amount`` paid in or, if it is negative, out.

    Raises `AmountOverflow` if the cash does not fit.
    """
    transaction = _transaction(state, portfolio, kind, amount, at, market_at)
    return _transferred(state, portfolio, transaction, EQUITY)


def delivery_event(
    state: DeskState,
    portfolio: PortfolioState,
    symbol: str,
    quantity: int,
    cost: int,
    at: int,
    market_at: int = 0,
) -> TransactionPosted:
    """Return the event of ``quantity`` bought for exactly ``cost``, as a fork begins with it."""
    price = divide_half_even(cost * SCALE, quantity)
    transaction = _transaction(
        state,
        portfolio,
        TransactionKind.BUY,
        -cost,
        at,
        market_at,
        symbol=symbol,
        quantity=quantity,
        price=price,
    )
    position, _ = trade(
        portfolio.positions.get(symbol) or Position(symbol),
        quantity=quantity,
        price=price,
        gross=-cost,
        at=at,
        transaction=transaction.transaction_id,
        market_at=opening_time(portfolio, market_at),
    )
    return _traded(state, portfolio, transaction, position, quantity, cost)


def carry_event(
    state: DeskState,
    portfolio: PortfolioState,
    kind: TransactionKind,
    amount: int,
    at: int,
    *,
    market_at: int,
    symbol: str = "",
    quantity: int = 0,
    price: int = NULL,
) -> TransactionPosted:
    """Return the event of interest or a borrow fee: ``amount`` is less than 0 for a cost."""
    transaction = _transaction(
        state,
        portfolio,
        kind,
        amount,
        at,
        market_at,
        symbol=symbol,
        quantity=quantity,
        price=price,
    )
    return _transferred(state, portfolio, transaction, CARRY)


def closing_event(
    state: DeskState,
    portfolio: PortfolioState,
    position: Position,
    price: int,
    quote_seq: int,
    at: int,
    market_at: int = 0,
    kind: TransactionKind = TransactionKind.RESET,
    exchange: Quote | None = None,
) -> TransactionPosted:
    """Return the event of a reset, or a delisting, closing ``position`` at ``price``.

    ``exchange`` is the rate of the price's currency, if it is another than the portfolio's.
    Proceeds are rounded down and the counterparty's cost up, as in a sale. Raises
    `AmountOverflow` if some figure does not fit.
    """
    quantity = position.quantity
    proceeds = received_for(price * quantity, exchange)
    rate = NULL if exchange is None else exchange.bid
    after, realized = trade(
        position,
        quantity=-quantity,
        price=converted_price(price, rate),
        gross=proceeds,
        at=at,
        transaction=state.accounts[portfolio.account].transaction_id + 1,
    )
    transaction = _transaction(
        state,
        portfolio,
        kind,
        proceeds,
        at,
        market_at,
        symbol=position.symbol,
        quantity=quantity,
        price=price,
        quote_seq=quote_seq,
        realized=realized,
        rate=rate,
        asset_currency=_priced_in(exchange),
    )
    market = -_cost_at(price * quantity, rate)
    return _traded(state, portfolio, transaction, after, -quantity, market)


def _cost_at(notional: int, rate: int) -> int:
    """Return the counterparty's side of proceeds at ``rate``: rounded up."""
    if rate == NULL:
        return cost_of_notional(notional)
    return checked(-(-notional * rate // (SCALE * SCALE)))


def symbol_event(
    state: DeskState,
    portfolio: PortfolioState,
    position: Position,
    change: int,
    realized: int,
    at: int,
    market_at: int,
) -> TransactionPosted:
    """Return the event of shares leaving an old symbol, or coming under the new one."""
    transaction = _transaction(
        state,
        portfolio,
        TransactionKind.SYMBOL_CHANGE,
        0,
        at,
        market_at,
        symbol=position.symbol,
        quantity=change,
        realized=realized,
    )
    return _transferred(state, portfolio, transaction, CORPORATE, position, change)


def action_event(
    state: DeskState, posting: Posting, at: int, market_at: int = 0
) -> TransactionPosted:
    """Return the event of what a corporate action posts to one portfolio."""
    is_split = posting.kind == TransactionKind.SPLIT
    transaction = _transaction(
        state,
        posting.portfolio,
        posting.kind,
        posting.amount,
        at,
        market_at,
        symbol=posting.position.symbol,
        quantity=posting.quantity,
        price=posting.price,
        quote_seq=posting.quote_seq,
        realized=posting.realized,
        rate=NULL if posting.exchange is None else posting.exchange.bid,
        asset_currency=_priced_in(posting.exchange),
    )
    moved = posting.quantity if is_split else 0
    return _transferred(state, posting.portfolio, transaction, CORPORATE, posting.position, moved)


def _transaction(
    state: DeskState,
    portfolio: PortfolioState,
    kind: TransactionKind,
    amount: int,
    at: int,
    market_at: int,
    **more: Any,
) -> Transaction:
    """Return a portfolio's next transaction, which nobody ordered; ``more`` are fields of it.

    Raises `AmountOverflow` if the cash does not fit.
    """
    return Transaction(
        transaction_id=state.accounts[portfolio.account].transaction_id + 1,
        portfolio=portfolio.portfolio,
        kind=kind,
        currency=portfolio.currency,
        amount=amount,
        cash_after=checked(portfolio.cash + amount),
        executed_at=at,
        received_at=at,
        market_at=_market_at(market_at, at),
        **more,
    )


def _transferred(
    state: DeskState,
    portfolio: PortfolioState,
    transaction: Transaction,
    source: LedgerAccount,
    position: Position | None = None,
    quantity: int = 0,
) -> TransactionPosted:
    """Return the event of a transaction whose money, and ``quantity``, come from ``source``."""
    entries = transfer_entries(
        source=source,
        cash=portfolio.cash_account,
        position=portfolio.position_account,
        currency=portfolio.currency,
        amount=transaction.amount,
        symbol=transaction.symbol,
        quantity=quantity,
    )
    return _posted(state, portfolio, transaction, entries, position)


def _traded(
    state: DeskState,
    portfolio: PortfolioState,
    transaction: Transaction,
    position: Position,
    quantity: int,
    market: int,
) -> TransactionPosted:
    """Return the event of a trade that nobody ordered; ``market`` is the counterparty's money."""
    entries = trade_entries(
        cash=portfolio.cash_account,
        position=portfolio.position_account,
        symbol=transaction.symbol,
        currency=portfolio.currency,
        quantity=quantity,
        gross=transaction.amount,
        market=market,
    )
    return _posted(state, portfolio, transaction, entries, position)


def _posted(
    state: DeskState,
    portfolio: PortfolioState,
    transaction: Transaction,
    entries: tuple[Entry, ...],
    position: Position | None,
) -> TransactionPosted:
    account = state.accounts[portfolio.account]
    return TransactionPosted(
        account.account,
        transaction.portfolio,
        account.event_seq + 1,
        transaction,
        entries,
        position,
        transaction.executed_at,
    )
