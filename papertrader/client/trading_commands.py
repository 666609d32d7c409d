"""Amended orders, previews, several portfolios: requests with their results; see `commands`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import attrs

from papertrader.client import conditions
from papertrader.client import conversion as convert
from papertrader.client import results as r
from papertrader.client.arguments import flag_of, member_of, octets_of, of_kind
from papertrader.client.commands import (
    Amount,
    Command,
    order_wish,
    symbol_or_any,
    tag_of,
    whole_number,
)
from papertrader.client.moments import Moment, instant_of
from papertrader.client.results import decimal_of, decimal_or_none, moment_of, units_of
from papertrader.core.identifiers import check_name
from papertrader.core.money import NULL
from papertrader.core.orders import Side, SideFilter, TimeInForce
from papertrader.core.terms import PortfolioTerms
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import OrderFlag

VERSION_MAX = 2**32 - 1
_TERMS = tuple(field.name for field in attrs.fields(PortfolioTerms) if field.name != "assets")


@attrs.frozen(kw_only=True)
class CancelledAll:
    """How many orders a cancel-all has cancelled, and how many the portfolio has left open."""

    cancelled: int
    still_open: int


@attrs.frozen(kw_only=True)
class Preview:
    """What an order would be and cost if it were sent now; nothing was changed.

    ``price`` is what it would fill at on the newest quote, or its limit; ``cost`` the cash that
    would take (negative: bring), ``fees`` come on top. ``buying_power_after`` is the cash that
    would be free once it is accepted; in a margin portfolio what shares could then be bought for,
    ``margin`` is what it would reserve, and ``margin_left`` what coins could be bought for then.
    ``note`` is a sentence that the sender should read before; "" is nothing.
    """

    order: r.Order
    price: Decimal | None
    cost: Decimal
    fees: Decimal
    buying_power_after: Decimal
    currency: str
    asset_currency: str = ""
    """Of the price; empty if that of the money."""
    margin: Decimal = Decimal("0.00")
    margin_left: Decimal = Decimal("0.00")
    note: str = ""


@attrs.frozen(kw_only=True)
class PortfolioInfo:
    """A portfolio in short. ``name`` is "" until it was given one; a reset begins a ``season``.

    ``deposited`` (less what was taken out) and ``realized_pnl`` count within the season, which
    began at ``season_at``: None for the first.
    """

    portfolio: int
    name: str
    currency: str
    season: int
    season_at: datetime | None
    cash: Decimal
    reserved_cash: Decimal
    equity: Decimal | None
    deposited: Decimal
    realized_pnl: Decimal
    open_orders: int
    positions: int


def portfolio_info_of(row: m.ListedRow | m.ListedReply) -> PortfolioInfo:
    """Build a `PortfolioInfo`."""
    return PortfolioInfo(
        portfolio=row.portfolio,
        name=row.name,
        currency=row.currency,
        season=row.season,
        season_at=moment_of(row.season_at),
        cash=decimal_of(row.cash),
        reserved_cash=decimal_of(row.reserved_cash),
        equity=decimal_or_none(row.equity),
        deposited=decimal_of(row.deposited),
        realized_pnl=decimal_of(row.realized_pnl),
        open_orders=row.open_orders,
        positions=row.positions,
    )


# --- orders --------------------------------------------------------------------------------------


def order_replace(
    order_id: int,
    quantity: Amount | None,
    limit: Amount | None,
    client_order_id: int,
    expect_version: int,
    portfolio: int,
    stop: Amount | None = None,
    trail: Amount | None = None,
    tag: str | None = None,
) -> Command[r.Order]:
    """Put a new order in the place of an open one."""
    if all(each is None for each in (quantity, limit, stop, trail)):
        raise ValueError("give a new quantity, limit, stop or trail")
    units = 0 if quantity is None else units_of(quantity, "quantity")
    if quantity is not None and units <= 0:
        raise ValueError("the new quantity must be more than 0; cancel the order instead")
    message = m.OrderReplace(
        order=whole_number(order_id, "order_id"),
        client_order_id=whole_number(client_order_id, "client_order_id", least=1),
        portfolio=whole_number(portfolio, "portfolio"),
        quantity=units,
        limit_price=NULL if limit is None else units_of(limit, "limit"),
        stop_price=NULL if stop is None else units_of(stop, "stop"),
        trigger=conditions.trigger_rows(conditions.Conditions(trail=trail)),
        expect_version=whole_number(expect_version, "expect_version", VERSION_MAX),
        tag=tag_of(tag),
    )
    return Command(message=message, read=lambda parts: convert.order_of(parts[0]))


def order_cancel_all(symbol: str, side: Side | None, portfolio: int) -> Command[CancelledAll]:
    """Cancel every open order of a portfolio, or those of one symbol or side."""
    message = m.OrderCancelAll(
        portfolio=whole_number(portfolio, "portfolio"),
        symbol=symbol_or_any(symbol),
        side=SideFilter.ANY if side is None else SideFilter(member_of(side, "side", Side)),
    )

    def read(parts: Sequence[m.OrderCancelAllReply]) -> CancelledAll:
        return CancelledAll(cancelled=parts[0].cancelled, still_open=parts[0].still_open)

    return Command(message=message, read=read)


def order_preview(
    side: Side,
    symbol: str,
    quantity: Amount,
    limit: Amount | None,
    time_in_force: str | TimeInForce,
    client_order_id: int,
    portfolio: int,
    given: conditions.Conditions | None = None,
) -> Command[Preview]:
    """Ask what an order would cost, without sending it."""
    message = order_wish(
        side, symbol, quantity, limit, time_in_force, client_order_id, portfolio, None, given
    )
    message.flags |= int(OrderFlag.VALIDATE_ONLY)

    def read(parts: Sequence[m.OrderReply]) -> Preview:
        reply = parts[0]
        if not reply.preview:
            raise ValueError("a preview without its figures")
        row = reply.preview[0]
        return Preview(
            order=convert.order_of(reply),
            price=decimal_or_none(row.price),
            cost=decimal_of(row.cost),
            fees=decimal_of(row.fees),
            buying_power_after=decimal_of(row.buying_power_after),
            currency=row.currency,
            asset_currency=row.asset_currency,
            margin=decimal_of(row.margin),
            margin_left=decimal_of(row.margin_left),
            note=reply.text or "",
        )

    return Command(message=message, read=read)


@attrs.frozen(kw_only=True)
class Closing:
    """What a position_close has done: how many orders it cancelled, and those that it sent.

    ``text`` says which positions could not be closed, and why; "" if all could.
    """

    cancelled: int
    closing: int
    orders: tuple[r.Order, ...]
    text: str


def position_close(symbol: str, client_order_id: int, portfolio: int) -> Command[Closing]:
    """Close the position in a symbol, or every one."""
    message = m.PositionClose(
        portfolio=whole_number(portfolio, "portfolio"),
        symbol=symbol_or_any(symbol),
        client_order_id=whole_number(client_order_id, "client_order_id", least=1),
    )

    def read(parts: Sequence[m.PositionCloseReply]) -> Closing:
        reply = parts[0]
        return Closing(
            cancelled=reply.cancelled,
            closing=reply.closing,
            orders=convert.orders_of(reply.orders),
            text=reply.text or "",
        )

    return Command(message=message, read=read)


# --- portfolios ----------------------------------------------------------------------------------


def _read_one(parts: Sequence[m.ListedReply]) -> PortfolioInfo:
    return portfolio_info_of(parts[0])


def _cash(cash: Amount | None) -> int:
    """Return what a portfolio is to begin with; NULL leaves it to the server."""
    if cash is None:
        return NULL
    units = units_of(cash, "cash")
    if units < 0:
        raise ValueError("a portfolio cannot begin with less than 0 in cash")
    return units


def portfolios() -> Command[tuple[PortfolioInfo, ...]]:
    """Read the account's portfolios, the default one first."""

    def read(parts: Sequence[m.PortfolioListPart]) -> tuple[PortfolioInfo, ...]:
        return tuple(portfolio_info_of(row) for part in parts for row in part.portfolios)

    return Command(message=m.PortfolioList(), read=read)


def portfolio_create(name: str, cash: Amount | None) -> Command[PortfolioInfo]:
    """Open a further portfolio."""
    message = m.PortfolioCreate(name=check_name(name), cash=_cash(cash))
    return Command(message=message, read=_read_one)


def portfolio_rename(portfolio: int, name: str) -> Command[PortfolioInfo]:
    """Give a portfolio another name."""
    number = whole_number(portfolio, "portfolio")
    message = m.PortfolioUpdate(portfolio=number, name=check_name(name))
    return Command(message=message, read=_read_one)


def portfolio_reset(portfolio: int, cash: Amount | None) -> Command[PortfolioInfo]:
    """Begin a new season."""
    number = whole_number(portfolio, "portfolio")
    return Command(message=m.PortfolioReset(portfolio=number, cash=_cash(cash)), read=_read_one)


def portfolio_cash(portfolio: int, amount: Amount, sign: int) -> Command[PortfolioInfo]:
    """Pay ``amount``, which is more than 0, in (``sign`` 1) or out (-1)."""
    units = units_of(amount, "amount")
    if units <= 0:
        raise ValueError("the amount must be more than 0")
    number = whole_number(portfolio, "portfolio")
    message = m.PortfolioCash(portfolio=number, amount=sign * units)
    return Command(message=message, read=_read_one)


def portfolio_terms(portfolio: int) -> Command[PortfolioTerms]:
    """Read the terms by which a portfolio trades."""
    number = whole_number(portfolio, "portfolio")
    return Command(message=m.PortfolioTermsGet(portfolio=number), read=_read_terms)


def portfolio_terms_set(portfolio: int, terms: PortfolioTerms) -> Command[PortfolioTerms]:
    """Choose the terms by which an empty portfolio trades."""
    number = whole_number(portfolio, "portfolio")
    of_kind(terms, "terms", PortfolioTerms)
    fields = {name: getattr(terms, name) for name in _TERMS}
    symbols = tuple(m.SymbolRow(symbol) for symbol in terms.assets)
    message = m.PortfolioTermsSet(portfolio=number, **fields, symbols=symbols)
    return Command(message=message, read=_read_terms)


def _read_terms(parts: Sequence[m.PortfolioTermsReply]) -> PortfolioTerms:
    fields = {name: getattr(parts[0], name) for name in _TERMS}
    return PortfolioTerms(**fields, assets=tuple(row.symbol for row in parts[0].symbols))


def portfolio_fork(name: str, portfolio: int, at: Moment) -> Command[PortfolioInfo]:
    """Open a portfolio as another one is, or was."""
    message = m.PortfolioFork(
        portfolio=whole_number(portfolio, "portfolio"),
        name=check_name(name),
        at=instant_of(at, "at"),
    )
    return Command(message=message, read=_read_one)


def portfolio_freeze(portfolio: int, frozen: bool) -> Command[PortfolioInfo]:
    """Let a portfolio trade no more, or again."""
    number = whole_number(portfolio, "portfolio")
    return Command(
        message=m.PortfolioFreeze(portfolio=number, frozen=flag_of(frozen, "frozen")),
        read=_read_one,
    )


def portfolio_correct(portfolio: int, amount: Amount, reason: str) -> Command[PortfolioInfo]:
    """Post a correction to any portfolio."""
    if (
        not of_kind(reason, "reason", str).strip()
        or len(octets_of(reason, "reason")) > limits.TEXT_MAX
    ):
        raise ValueError(f"give a reason of at most {limits.TEXT_MAX} octets")
    message = m.PortfolioCorrect(
        portfolio=whole_number(portfolio, "portfolio"),
        amount=units_of(amount, "amount"),
        reason=reason,
    )
    return Command(message=message, read=_read_one)
