"""Acceptance: whether a new order may enter, and what it has to reserve.

The checks run in the order of precedence of `Refusal`: when several apply, the first is the
answer. Each refusal is one sentence with the figures in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from papertrader.core.allowance import margin_for, split_wish
from papertrader.core.board import Board
from papertrader.core.bounds import Bound, find_bound
from papertrader.core.exchange import CUSHION_POINTS, cushioned, paid_for, received_for
from papertrader.core.fees import fee_reserve, money_fees
from papertrader.core.identifiers import is_id
from papertrader.core.instants import format_instant
from papertrader.core.money import (
    NULL,
    SCALE,
    AmountOverflow,
    format_amount,
)
from papertrader.core.orders import (
    WAITING,
    NewOrder,
    Order,
    OrderFlag,
    OrderState,
    OrderTerms,
    OrderType,
    Replacement,
    Side,
)
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import Asset, Quote
from papertrader.core.refusals import NO_FIGURES, Figures, FigureUnit, Refusal, Refused
from papertrader.core.reserving import affordable
from papertrader.core.rules import DeskRules
from papertrader.core.shape import shares
from papertrader.core.state import AccountState
from papertrader.core.terms import DEFAULT_TERMS, FeeModelKind

# Python 3.11 looks the members of an enumeration up slowly: each costs as much as a call.
_BUY: Final = Side.BUY
_SELL_SHORT: Final = Side.SELL_SHORT
_PLAIN: Final = frozenset({OrderType.MARKET, OrderType.LIMIT})


@attrs.define
class Terms:
    """On what terms an order enters. A limit order has no collar: `NULL` and 0 basis points.

    ``stop_price`` and ``mark`` are those of a stop; ``quantity`` other than 0 stands instead of the
    command's.
    """

    collar_price: int
    collar_basis_points: int
    reserved_cash: int
    reserved_quantity: int
    stop_price: int = NULL
    mark: int = NULL
    quantity: int = 0
    opening_value: int = 0
    """What it opens is worth at its bound, without fees; 0 by the default terms."""
    legs: list[NewOrder] = attrs.Factory(list)
    currency: str = ""
    """Of its prices, where they are not in the portfolio's."""
    partner: Terms | None = None
    """On what terms the partner of an OCO order enters."""


def find_portfolio(
    command: NewOrder | Replacement, portfolios: Mapping[int, PortfolioState]
) -> Refused | PortfolioState:
    """Return the portfolio named, if it is the account's and the client order id is new to it."""
    portfolio = portfolios.get(command.portfolio)
    if portfolio is None or portfolio.account != command.account:
        return Refused(
            Refusal.NO_SUCH_PORTFOLIO,
            f"You have no portfolio {command.portfolio}; ask for the list of your portfolios.",
        )
    client_order_id = command.client_order_id
    if client_order_id in portfolio.client_order_ids:
        return Refused(
            Refusal.DUPLICATE_ORDER,
            f"Client order id {client_order_id} was already used in this portfolio; choose"
            " another for a new order.",
        )
    if not is_id(client_order_id):
        return Refused(
            Refusal.DUPLICATE_ORDER,
            f"Client order id {client_order_id} cannot name an order; use 1 to 2**64 - 1.",
        )
    return portfolio


def find_asset(
    command: NewOrder, assets: Mapping[str, Asset] | Board[Asset], portfolio: PortfolioState
) -> Refused | Asset:
    """Return the asset named, if it is listed and the portfolio may trade in its currency."""
    asset = assets.get(command.symbol)
    if asset is None:
        return Refused(
            Refusal.NO_SUCH_SYMBOL,
            f"{command.symbol} is not traded here; ask for the list of assets.",
        )
    if asset.currency != portfolio.currency and (portfolio.is_margin or portfolio.contest):
        what = "an entry of a contest" if portfolio.contest else "a margin portfolio"
        return Refused(
            Refusal.NO_SUCH_SYMBOL,
            f"{asset.symbol} trades in {asset.currency}, and {what} trades only in its own"
            f" currency, {portfolio.currency}; use a cash portfolio of your own.",
        )
    return asset


def find_terms(
    command: NewOrder,
    asset: Asset,
    quote: Quote | None,
    rules: DeskRules,
    portfolio: PortfolioState | None = None,
    exchange: Quote | None = None,
) -> Refused | Terms:
    """Work out the collar and the reservation, fees included, by the terms of ``portfolio``.

    ``exchange`` is the rate of the asset's currency where it is not the portfolio's; cash is
    reserved at a dearer one (`exchange.cushioned`). Refused without a quote, or if it does not
    fit. ``quote`` is the newest trustworthy one; only a market order needs it, for its collar, and
    a short sale, for its margin.
    """
    found = find_bound(command, asset, quote, rules)
    if isinstance(found, Refused):
        return found
    try:
        rate = None if exchange is None else cushioned(exchange)
    except AmountOverflow:
        return _too_much(command, found.price)
    terms = _plain_terms(command, asset, found, rate)
    if portfolio is None or portfolio.terms is DEFAULT_TERMS or isinstance(terms, Refused):
        return terms
    return _owned_terms(command, asset, quote, found, terms, portfolio, rate)


def _owned_terms(
    command: NewOrder,
    asset: Asset,
    quote: Quote | None,
    bound: Bound,
    terms: Terms,
    portfolio: PortfolioState,
    rate: Quote | None,
) -> Refused | Terms:
    """Add to ``terms`` what the terms of the portfolio ask for: fees, and margin for credit."""
    owner = portfolio.terms
    per_share = owner.fee_model in (FeeModelKind.PER_SHARE, FeeModelKind.TIERED)
    if command.flags & OrderFlag.NOTIONAL and per_share:
        return Refused(
            Refusal.TYPE_UNSUPPORTED,
            "This portfolio pays fees per share, and the shares of an order for an amount of money"
            " are not known before it fills; give a quantity.",
        )
    try:
        if portfolio.is_margin:
            wish = attrs.evolve(command, quantity=terms.quantity or command.quantity)
            split = split_wish(wish, asset, quote, bound, portfolio)
            if isinstance(split, Refused):
                return split
            terms.reserved_cash = margin_for(split.value, asset, command.market_at)
            terms.reserved_quantity, terms.opening_value = split.closes, split.value
            price, opens = split.price, split.opens
        else:
            opens = terms.quantity or command.quantity if command.side == _BUY else 0
            terms.opening_value, price = terms.reserved_cash, bound.price
            if rate is not None and price != NULL:
                price = -(-price * rate.ask // SCALE)
        if opens:
            if command.flags & OrderFlag.NOTIONAL:
                terms.reserved_cash += money_fees(owner, new_order(command, terms, 0))
            else:
                charged = new_order(attrs.evolve(command, quantity=opens), terms, 0)
                terms.reserved_cash += fee_reserve(owner, charged, price)
    except AmountOverflow:
        return _too_much(command, bound.price)
    return terms


def _too_much(command: NewOrder, price: int) -> Refused:
    return Refused(
        Refusal.AMOUNT_OVERFLOW,
        f"{shares(command.quantity)} at"
        f" {format_amount(price, group=True)} is more money than can be counted here; reduce"
        " the quantity.",
    )


def check_exchange(
    command: NewOrder, asset: Asset, portfolio: PortfolioState, exchange: Quote | None
) -> Refused | None:
    """Check that an asset of another currency can be traded: at a rate, for a quantity."""
    if asset.currency == portfolio.currency:
        return None
    if command.flags & OrderFlag.NOTIONAL:
        return Refused(
            Refusal.TYPE_UNSUPPORTED,
            f"{asset.symbol} trades in {asset.currency}, and an order for an amount of money is for"
            f" assets in {portfolio.currency}; give a quantity.",
        )
    if exchange is None:
        return Refused(
            Refusal.NO_QUOTE,
            f"{asset.symbol} trades in {asset.currency}, and what that is worth in"
            f" {portfolio.currency} is not known at the market's time; trade what is in"
            f" {portfolio.currency}.",
        )
    return None


def _plain_terms(
    command: NewOrder, asset: Asset, found: Bound, rate: Quote | None
) -> Refused | Terms:
    """Work out the terms in a cash portfolio without fees."""
    currency = "" if rate is None else asset.currency
    bound, collar, points = found.price, found.collar, found.basis_points
    quantity = command.quantity
    if command.flags and command.flags & OrderFlag.NOTIONAL:
        return _terms_for_money(command, asset, found)
    try:
        if command.side == _BUY:
            cash, kept = paid_for(bound * quantity, rate), 0
        else:
            cash, kept = 0, quantity
            if bound != NULL:
                received_for(bound * quantity, rate)
    except AmountOverflow:
        return _too_much(command, bound)
    return Terms(collar, points, cash, kept, found.stop, found.mark, currency=currency)


def _terms_for_money(command: NewOrder, asset: Asset, bound: Bound) -> Refused | Terms:
    """Work out the same for an order for an amount of money, which it reserves as a whole.

    Its quantity is what the money trades at the worst price, until a fill makes it exact.
    """
    quantity = affordable(command.quantity, bound.price, asset.lot)
    if quantity < asset.quantity_min:
        return Refused(
            Refusal.BAD_LOT,
            f"{format_amount(command.quantity, group=True)} {asset.currency} is less than"
            f" {shares(asset.quantity_min)} {asset.symbol}, the least that can be traded, costs at"
            f" {format_amount(bound.price, group=True)}; give more.",
            Figures(FigureUnit.QUANTITY, quantity, asset.quantity_min, bound.price),
        )
    cash = command.quantity if command.side == _BUY else 0
    kept = 0 if command.side == _BUY else quantity
    return Terms(bound.collar, bound.basis_points, cash, kept, quantity=quantity)


def cut_to_position(
    command: NewOrder, portfolio: PortfolioState, old: Order | None = None
) -> Refused | NewOrder:
    """Return a reduce-only order for no more than there is to close."""
    held = portfolio.quantity(command.symbol)
    free = portfolio.available_quantity(command.symbol)
    if old is not None:
        free += old.reserved_quantity
    if held == 0 or (held > 0) == (command.side == _BUY) or free <= 0:
        return Refused(
            Refusal.INSUFFICIENT_POSITION,
            f"The order may only reduce a position, and you have no {command.symbol} that it could"
            " close; leave the reduce-only flag out, or cancel an order that closes it already.",
            _of_shares(command, max(free, 0)),
        )
    if command.flags & OrderFlag.NOTIONAL or command.quantity <= free:
        return command
    return attrs.evolve(command, quantity=free)


def check_deadline(command: NewOrder) -> Refused | None:
    """Check that the time at which an order is to expire has not come."""
    if not 0 < command.expire_at <= command.market_at:
        return None
    return Refused(
        Refusal.DEADLINE_PASSED,
        f"The order would have expired at {format_instant(command.expire_at)}, and the market's"
        f" time is {format_instant(command.market_at)}; send it for the next session.",
        Figures(FigureUnit.INSTANT, command.market_at, command.expire_at),
    )


def check_room(
    command: NewOrder, account: AccountState, rules: DeskRules, old: Order | None = None
) -> Refused | None:
    """Check the order's deadline, and how many open orders the account has already.

    Its legs count with it. An order in the place of ``old`` makes them no more.
    """
    refused = check_deadline(command)
    if refused is not None or old is not None:
        return refused
    if account.open_orders + len(command.legs) >= rules.open_orders_max:
        return Refused(
            Refusal.OPEN_ORDER_LIMIT,
            f"You have {account.open_orders} open orders, and {rules.open_orders_max} are allowed;"
            " cancel one first.",
            Figures(
                FigureUnit.NUMBER,
                account.open_orders + len(command.legs) + 1,
                rules.open_orders_max,
            ),
        )
    in_symbol = account.open_orders_by_symbol.get(command.symbol, 0)
    if in_symbol + len(command.legs) >= rules.open_orders_symbol_max:
        return Refused(
            Refusal.OPEN_ORDER_LIMIT,
            f"You have {in_symbol} open orders in {command.symbol}, and"
            f" {rules.open_orders_symbol_max} are allowed; cancel one first.",
            Figures(
                FigureUnit.NUMBER,
                in_symbol + len(command.legs) + 1,
                rules.open_orders_symbol_max,
            ),
        )
    return None


def check_funds(
    command: NewOrder,
    terms: Terms,
    portfolio: PortfolioState,
    cash: int,
    old: Order | None = None,
) -> Refused | None:
    """Check that the portfolio has what the order would reserve; ``cash`` is what is free.

    What ``old``, in whose place it would come, has reserved is there for it.
    """
    if command.side == _SELL_SHORT and not portfolio.is_margin:
        return Refused(
            Refusal.SHORT_NOT_ALLOWED,
            f"This is a cash portfolio and cannot sell {command.symbol} short; buy it first, then"
            " use SELL.",
            _of_shares(command, max(portfolio.available_quantity(command.symbol), 0)),
        )
    free = portfolio.available_quantity(command.symbol) if terms.reserved_quantity else 0
    if old is not None:
        free += old.reserved_quantity
        cash += old.reserved_cash
    if terms.reserved_quantity > free:
        held = portfolio.quantity(command.symbol)
        does, have = ("sells", "hold") if command.side != _BUY else ("buys back", "owe")
        kind = "sell" if command.side != _BUY else "buy"
        return Refused(
            Refusal.INSUFFICIENT_POSITION,
            f"The order {does} {shares(terms.quantity or command.quantity)} {command.symbol};"
            f" you {have} {shares(abs(held))}, of which"
            f" {shares(abs(held) - free)} are in open {kind} orders; reduce the quantity or cancel"
            " one.",
            Figures(FigureUnit.QUANTITY, terms.reserved_quantity, free),
        )
    if not portfolio.is_margin and terms.reserved_cash > cash:
        points = terms.collar_basis_points
        percent = format_amount(points * SCALE // 100, 0)
        including = f" including the {percent} % collar" if points else ""
        if terms.currency:
            more = format_amount(CUSHION_POINTS * SCALE // 100, 0)
            including += f" {'and' if points else 'including'} {more} % for the rate of"
            including += f" {terms.currency}"
        return Refused(
            Refusal.INSUFFICIENT_CASH,
            f"The order needs {format_amount(terms.reserved_cash, group=True)} {portfolio.currency}"
            f"{including}, available {format_amount(cash, group=True)}"
            f" {portfolio.currency}; reduce the quantity or cancel an open order.",
            Figures(
                FigureUnit.MONEY,
                terms.reserved_cash,
                cash,
                worst_price(command, terms.collar_price),
            ),
        )
    return None


def _of_shares(command: NewOrder, there: int) -> Figures:
    """Return the figures of an order for more shares than there are; of one for money none."""
    if command.flags & OrderFlag.NOTIONAL:
        return NO_FIGURES
    return Figures(FigureUnit.QUANTITY, command.quantity, there)


def worst_price(command: NewOrder, collar: int) -> int:
    """Return the price that an order is reckoned with: collar, limit or stop; `NULL` if none."""
    if collar != NULL:
        return collar
    return command.limit_price if command.limit_price != NULL else command.stop_price


def new_order(command: NewOrder, terms: Terms, order_id: int, replaces: int = 0) -> Order:
    """Return the order that ``command`` makes on ``terms``."""
    # By place, as in `Order.snapshot`: by name it takes twice as long.
    return Order(
        order_id,
        command.client_order_id,
        command.account,
        command.portfolio,
        command.symbol,
        command.side,
        command.order_type,
        command.time_in_force,
        command.flags,
        terms.quantity or command.quantity,
        0,
        command.limit_price,
        terms.stop_price,
        0,
        terms.reserved_cash,
        terms.reserved_quantity,
        terms.collar_price,
        0,
        OrderState.PENDING,
        0,
        command.received_at,
        command.at,
        command.at,
        command.expire_at,
        1,
        0,
        replaces,
        command.seq,
        _order_terms(command, terms),
        command.tag,
    )


def _order_terms(command: NewOrder, terms: Terms) -> OrderTerms | None:
    """Return what the order has beyond a plain one; None for a plain one."""
    is_plain = command.order_type in _PLAIN
    is_notional = bool(command.flags and command.flags & OrderFlag.NOTIONAL)
    is_plain = is_plain and not terms.currency
    if is_plain and not is_notional and command.time_in_force not in WAITING:
        return None
    return OrderTerms(
        trail_kind=command.trail_kind,
        trail=command.trail,
        source=command.source,
        notional=command.quantity if is_notional else 0,
        works_from=command.works_from,
        mark=terms.mark,
        marked_at=command.at if terms.mark != NULL else 0,
        currency=terms.currency,
    )
