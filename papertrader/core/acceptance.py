"""Acceptance: whether a new order may enter, and what it has to reserve.

The checks run in the order of precedence of `Refusal`: when several apply, the first is the
answer. Each refusal is one sentence with the figures in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from papertrader.core.fills import collar_basis_points, collar_price, touch_price
from papertrader.core.identifiers import is_id
from papertrader.core.instants import format_instant
from papertrader.core.money import (
    NULL,
    SCALE,
    AmountOverflow,
    cost_of,
    format_amount,
    proceeds_of,
)
from papertrader.core.orders import (
    IMMEDIATE,
    NewOrder,
    Order,
    OrderType,
    Replacement,
    Side,
    TimeInForce,
)
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import Asset, AssetStatus, Quote
from papertrader.core.refusals import Refusal
from papertrader.core.rules import DeskRules
from papertrader.core.state import AccountState

TYPES: Final = frozenset({OrderType.MARKET, OrderType.LIMIT})
TIMES_IN_FORCE: Final = frozenset({TimeInForce.DAY, TimeInForce.GTC, *IMMEDIATE})


@attrs.define
class Refused:
    """Why an order may not enter: the reason, and a sentence for people."""

    refusal: Refusal
    text: str


@attrs.define
class Terms:
    """On what terms an order enters. A limit order has no collar: `NULL` and 0 basis points."""

    collar_price: int
    collar_basis_points: int
    reserved_cash: int
    reserved_quantity: int


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
    command: NewOrder, assets: Mapping[str, Asset], portfolio: PortfolioState
) -> Refused | Asset:
    """Return the asset named, if it is listed and trades in the portfolio's currency."""
    asset = assets.get(command.symbol)
    if asset is None:
        return Refused(
            Refusal.NO_SUCH_SYMBOL,
            f"{command.symbol} is not traded here; ask for the list of assets.",
        )
    if asset.currency != portfolio.currency:
        return Refused(
            Refusal.NO_SUCH_SYMBOL,
            f"{asset.symbol} trades in {asset.currency}, but this portfolio holds"
            f" {portfolio.currency}; use a portfolio in {asset.currency}.",
        )
    return asset


def check_shape(command: NewOrder, asset: Asset, rules: DeskRules) -> Refused | None:
    """Check what needs only the command, the asset and the rules, up to the tick."""
    return (
        _check_status(command, asset)
        or _check_kind(command)
        or _check_quantity(command, asset, rules)
        or _check_prices(command, asset)
    )


def _check_status(command: NewOrder, asset: Asset) -> Refused | None:
    halted = asset.status in (AssetStatus.HALTED, AssetStatus.DELISTED)
    if halted or (asset.status == AssetStatus.CLOSE_ONLY and command.side != Side.SELL):
        what = "may only be sold" if not halted else f"is {asset.status.name.lower()}"
        return Refused(
            Refusal.SYMBOL_HALTED, f"{asset.symbol} {what} at present; try again when it trades."
        )
    return None


def _check_kind(command: NewOrder) -> Refused | None:
    if command.order_type not in TYPES:
        return Refused(
            Refusal.TYPE_UNSUPPORTED,
            f"Orders of type {command.order_type.name} are not supported; use MARKET or LIMIT.",
        )
    if command.flags:
        return Refused(
            Refusal.TYPE_UNSUPPORTED,
            f"The order flags {command.flags:#04x} are not supported; send 0.",
        )
    if command.time_in_force not in TIMES_IN_FORCE:
        return Refused(
            Refusal.TIF_UNSUPPORTED,
            f"Time in force {command.time_in_force.name} is not supported; use DAY, GTC,"
            " IOC or FOK.",
        )
    if command.time_in_force == TimeInForce.GTC and command.expire_at:
        return Refused(
            Refusal.TIF_UNSUPPORTED, "A GTC order has no expiry time; send 0 for it, or use DAY."
        )
    if command.time_in_force != TimeInForce.GTC and command.expire_at <= 0:
        return Refused(
            Refusal.TIF_UNSUPPORTED,
            f"The calendar of {command.symbol} has no session to end a"
            f" {command.time_in_force.name} order; use GTC.",
        )
    return None


def _check_quantity(command: NewOrder, asset: Asset, rules: DeskRules) -> Refused | None:
    # Figures become text only for a refusal: this runs for every order.
    quantity = command.quantity
    if quantity <= 0:
        return Refused(
            Refusal.BAD_LOT,
            f"The quantity is {_shares(quantity)}; it must be more than 0.",
        )
    if quantity % asset.lot:
        return Refused(
            Refusal.BAD_LOT,
            f"The quantity {_shares(quantity)} is too fine; {asset.symbol} trades in multiples of"
            f" {_shares(asset.lot)}.",
        )
    most = min(asset.quantity_max, rules.quantity_max)
    if not asset.quantity_min <= quantity <= most:
        return Refused(
            Refusal.QUANTITY_LIMIT,
            f"The quantity {_shares(quantity)} of {asset.symbol} must lie between"
            f" {_shares(asset.quantity_min)} and {_shares(most)}.",
        )
    return None


def _shares(quantity: int) -> str:
    return format_amount(quantity, 0, group=True)


def _check_prices(command: NewOrder, asset: Asset) -> Refused | None:
    price = command.limit_price
    if command.stop_price != NULL:
        return Refused(
            Refusal.BAD_TICK,
            f"A {command.order_type.name} order has no stop price; leave it empty.",
        )
    if command.order_type == OrderType.MARKET:
        if price != NULL:
            return Refused(
                Refusal.BAD_TICK, "A MARKET order has no limit price; leave it empty, or use LIMIT."
            )
        return None
    if price <= 0 or price % asset.tick:
        shown = "none" if price == NULL else format_amount(price, group=True)
        return Refused(
            Refusal.BAD_TICK,
            f"The limit price of {asset.symbol} is {shown}; it must be more than 0 and a multiple"
            f" of {format_amount(asset.tick)}.",
        )
    return None


def find_terms(
    command: NewOrder, asset: Asset, quote: Quote | None, rules: DeskRules
) -> Refused | Terms:
    """Work out the collar and the reservation; refused without a quote, or if it does not fit.

    ``quote`` is the newest trustworthy one; only a market order needs it, for its collar.
    """
    bound = command.limit_price
    collar, points = NULL, 0
    if command.order_type == OrderType.MARKET:
        price = NULL if quote is None else touch_price(command.side, quote)
        if price == NULL:
            side = "ask" if command.side == Side.BUY else "bid"
            return Refused(
                Refusal.NO_QUOTE,
                f"No {side} price of {asset.symbol} is known yet; use a LIMIT order, or wait for"
                " the first quote.",
            )
        points = collar_basis_points(price, rules.collars)
        bound = collar = collar_price(command.side, price, points, asset.tick)
    elif bound > rules.price_max:
        return Refused(
            Refusal.PRICE_BAND,
            f"The limit price {format_amount(bound, group=True)} is above the highest allowed,"
            f" {format_amount(rules.price_max, group=True)}; send a lower one.",
        )
    try:
        if command.side == Side.BUY:
            return Terms(collar, points, cost_of(bound, command.quantity), 0)
        proceeds_of(bound, command.quantity)
    except AmountOverflow:
        return Refused(
            Refusal.AMOUNT_OVERFLOW,
            f"{_shares(command.quantity)} at"
            f" {format_amount(bound, group=True)} is more money than can be counted here; reduce"
            " the quantity.",
        )
    return Terms(collar, points, 0, command.quantity)


def check_room(
    command: NewOrder, account: AccountState, rules: DeskRules, old: Order | None = None
) -> Refused | None:
    """Check the order's deadline, and how many open orders the account has already.

    An order in the place of ``old`` makes them no more.
    """
    if 0 < command.expire_at <= command.market_at:
        return Refused(
            Refusal.DEADLINE_PASSED,
            f"The order would have expired at {format_instant(command.expire_at)}, and the market's"
            f" time is {format_instant(command.market_at)}; send it for the next session.",
        )
    if old is not None:
        return None
    if account.open_orders >= rules.open_orders_max:
        return Refused(
            Refusal.OPEN_ORDER_LIMIT,
            f"You have {account.open_orders} open orders, and {rules.open_orders_max} are allowed;"
            " cancel one first.",
        )
    in_symbol = account.open_orders_by_symbol.get(command.symbol, 0)
    if in_symbol >= rules.open_orders_symbol_max:
        return Refused(
            Refusal.OPEN_ORDER_LIMIT,
            f"You have {in_symbol} open orders in {command.symbol}, and"
            f" {rules.open_orders_symbol_max} are allowed; cancel one first.",
        )
    return None


def check_funds(
    command: NewOrder, terms: Terms, portfolio: PortfolioState, old: Order | None = None
) -> Refused | None:
    """Check that the portfolio has what the order would reserve.

    What ``old``, in whose place it would come, has reserved is there for it.
    """
    if command.side == Side.SELL_SHORT:
        return Refused(
            Refusal.SHORT_NOT_ALLOWED,
            f"This is a cash portfolio and cannot sell {command.symbol} short; buy it first, then"
            " use SELL.",
        )
    free, cash = portfolio.available_quantity(command.symbol), portfolio.available_cash
    if old is not None:
        free += old.reserved_quantity
        cash += old.reserved_cash
    if terms.reserved_quantity > free:
        held = portfolio.quantity(command.symbol)
        return Refused(
            Refusal.INSUFFICIENT_POSITION,
            f"The order sells {_shares(command.quantity)} {command.symbol};"
            f" you hold {_shares(held)}, of which"
            f" {_shares(held - free)} are in open sell orders; reduce the quantity or cancel one.",
        )
    if terms.reserved_cash > cash:
        points = terms.collar_basis_points
        percent = format_amount(points * SCALE // 100, 0)
        including = f" including the {percent} % collar" if points else ""
        return Refused(
            Refusal.INSUFFICIENT_CASH,
            f"The order needs {format_amount(terms.reserved_cash, group=True)} {portfolio.currency}"
            f"{including}, available {format_amount(cash, group=True)}"
            f" {portfolio.currency}; reduce the quantity or cancel an open order.",
        )
    return None


def new_order(command: NewOrder, terms: Terms, order_id: int, replaces: int = 0) -> Order:
    """Return the order that ``command`` makes on ``terms``."""
    return Order(
        order_id=order_id,
        client_order_id=command.client_order_id,
        account=command.account,
        portfolio=command.portfolio,
        symbol=command.symbol,
        side=command.side,
        order_type=command.order_type,
        time_in_force=command.time_in_force,
        flags=command.flags,
        quantity=command.quantity,
        limit_price=command.limit_price,
        stop_price=command.stop_price,
        reserved_cash=terms.reserved_cash,
        reserved_quantity=terms.reserved_quantity,
        collar_price=terms.collar_price,
        received_at=command.received_at,
        accepted_at=command.at,
        updated_at=command.at,
        expire_at=command.expire_at,
        replaces=replaces,
        sequence=command.seq,
    )
