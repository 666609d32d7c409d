"""``papertrader buy``, ``sell``, ``cancel``, ``replace``, ``close``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any, Final

import attrs
import click

from papertrader.cli.conditions import (
    TRAIL,
    Asked,
    asked_for,
    condition_options,
    leg_line,
    price_of,
    reached,
)
from papertrader.cli.exclusions import EitherOption, excluding
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import amount, moment, money, name, pairs, write_json
from papertrader.cli.parameters import (
    AMOUNT,
    IDENTIFIER,
    SYMBOL,
    TAG,
    OrderCommand,
    portfolio_option,
)
from papertrader.cli.problems import EXIT_REFUSED, Problem, hint_of
from papertrader.cli.visit import logged_in
from papertrader.client import errors
from papertrader.client.blocking import CLIENT_ORDER_ID_BITS, Client
from papertrader.client.conditions import order_type_of
from papertrader.client.refused import RefusedOrder
from papertrader.client.results import Fill, Order, decimal_of, units_of
from papertrader.client.trading_commands import Closing
from papertrader.client.updates import EventsLost, OrderUpdate, SessionUpdate, TransactionUpdate
from papertrader.core.money import cost_of, proceeds_of
from papertrader.core.orders import OrderState, Side

CLOSING_BITS: Final = CLIENT_ORDER_ID_BITS - 1
"""Of the number of the first order that closes; the others count on from it."""
WAIT_DEFAULT_S: Final = 10.0
WAIT_MAX_S: Final = 86_400.0


WAIT: Final = click.option(
    "--wait",
    type=click.FloatRange(0, WAIT_MAX_S),
    default=WAIT_DEFAULT_S,
    show_default=True,
    metavar="SECONDS",
    help="Wait for the next price update to fill it; 0 = do not wait.",
)


@attrs.define
class Progress:
    """What became of an order while it was watched."""

    order: Order
    fills: list[Fill] = attrs.Factory(list)
    transactions: int = 0
    cash_after: Decimal | None = None
    currency: str = ""
    rate: str = ""
    """What converted a fill, in a sentence; empty if nothing was converted."""

    @property
    def is_complete(self) -> bool:
        """Whether the order has ended and everything about it is known."""
        return not self.order.is_open and self.transactions >= self.order.fills

    def take(self, event: object) -> None:
        """Take an event; those of other orders change nothing."""
        if isinstance(event, OrderUpdate) and event.order.order_id == self.order.order_id:
            if event.order.version >= self.order.version:
                self.order = event.order
            if event.fill is not None:
                self.fills.append(event.fill)
        elif isinstance(event, TransactionUpdate):
            transaction = event.transaction
            if transaction.order_id == self.order.order_id:
                self.transactions += 1
                self.cash_after = transaction.cash_after
                self.currency = transaction.currency
                if transaction.rate is not None:
                    self.rate = (
                        f"Converted at {money(transaction.rate)} {transaction.currency}"
                        f" for 1 {transaction.asset_currency}."
                    )


def _order_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what buy and sell have in common."""
    options = (
        click.argument("symbol", type=SYMBOL),
        click.argument("quantity", type=AMOUNT, required=False, default=None),
        click.option("--limit", type=AMOUNT, metavar="PRICE", help="This price or better."),
        click.option(
            "--gtc/--day",
            "good_till_canceled",
            cls=EitherOption,
            default=None,
            help="Keep it until it is filled or canceled / until the market closes (default).",
        ),
        click.option(
            "--ioc", is_flag=True, help="Take what the next price update gives; cancel the rest."
        ),
        click.option("--fok", is_flag=True, help="All of it at the next price update, or nothing."),
        click.option(
            "--preview", is_flag=True, help="Show what it would cost; nothing is sent to market."
        ),
        WAIT,
        click.option(
            "--client-order-id",
            type=IDENTIFIER,
            metavar="N",
            help="Your own number for it: the same number is never executed twice.",
        ),
        click.option("--tag", type=TAG, default=None, help="A note by which to know it again."),
        condition_options,
        portfolio_option,
        json_option,
        pass_invocation,
    )
    for option in reversed(options):
        function = option(function)
    return function


# A negative number is an argument to be refused with a reason, not an unknown option.
_SETTINGS: Final = {"ignore_unknown_options": True}


@click.command(cls=OrderCommand, context_settings=_SETTINGS)
@_order_options
def buy(invocation: Invocation, symbol: str, quantity: Decimal | None, **options: Any) -> None:
    """Buy QUANTITY of SYMBOL, at the market or with --limit.

    With --stop, --touch or --trail it begins later; --take-profit and --stop-loss come after it.
    The order fills on the first price update after it arrived; the fill is shown with the quote it
    was made on.
    """
    _trade(invocation, Side.BUY, symbol, quantity, **options)


@click.command(cls=OrderCommand, context_settings=_SETTINGS)
@_order_options
def sell(invocation: Invocation, symbol: str, quantity: Decimal | None, **options: Any) -> None:
    """Sell QUANTITY of SYMBOL that you hold, at the market or with --limit."""
    _trade(invocation, Side.SELL, symbol, quantity, **options)


def _trade(
    invocation: Invocation,
    side: Side,
    symbol: str,
    quantity: Decimal | None,
    *,
    limit: Decimal | None,
    good_till_canceled: bool | None,
    ioc: bool,
    fok: bool,
    preview: bool,
    wait: float,
    client_order_id: int | None,
    tag: str | None,
    portfolio: int | None,
    **more: Any,
) -> None:
    asked = asked_for(quantity, _named(good_till_canceled, ioc, fok), more)
    try:
        order_type_of(asked.conditions, limit)
    except ValueError as error:
        raise Problem.usage(str(error)) from None
    if preview:
        _show_preview(invocation, side, symbol, asked, limit, portfolio or 0)
        return
    number = client_order_id or invocation.randbits(CLIENT_ORDER_ID_BITS) or 1
    with logged_in(invocation) as client:
        if wait:
            client.subscribe_account()
        try:
            with receipt_named(client, number):
                order = client.order_new(
                    side,
                    symbol,
                    asked.quantity,
                    limit,
                    asked.in_force,
                    number,
                    portfolio or 0,
                    tag,
                    conditions=asked.conditions,
                )
        except KeyboardInterrupt:
            click.echo(
                f"the order may have been sent; look with: {invocation.command_line()}"
                f" orders --all{invocation.of_portfolio()} (client order id {number})",
                err=True,
            )
            raise
        progress = Progress(order)
        if not invocation.as_json:
            click.echo(_accepted(order))
            for leg in order.combined:
                click.echo(leg_line(leg))
        if wait:
            _follow(client, [progress], wait)
    if invocation.as_json:
        write_json(order=progress.order, fills=progress.fills, cash_after=progress.cash_after)
    else:
        _tell(invocation, progress, wait)
    if progress.order.state in {OrderState.REJECTED, OrderState.EXPIRED}:
        raise click.exceptions.Exit(EXIT_REFUSED)


def _named(good_till_canceled: bool | None, ioc: bool, fok: bool) -> str:
    """Return how long an order stands by the option that says it; "" without one."""
    given = {
        "gtc": good_till_canceled is True,
        "day": good_till_canceled is False,
        "ioc": ioc,
        "fok": fok,
    }
    chosen = [each for each, is_given in given.items() if is_given]
    if len(chosen) > 1:
        raise excluding(f"--{chosen[0]}", f"--{chosen[1]}")
    return chosen[0] if chosen else ""


@contextmanager
def receipt_named(client: Client, number: int) -> Iterator[None]:
    """Say with the refusal of an order, of client order id ``number``, where its receipt is."""
    try:
        yield
    except errors.RefusedError as error:
        found: tuple[RefusedOrder, ...] = ()
        with suppress(errors.PaperTraderError):
            found = client.refusals(number, limit=1, newest_first=True).items
        if not found:
            raise
        hints = [hint_of(error.code), f"its receipt: {{program}} refusals {found[0].refusal}"]
        hint = "; ".join(filter(None, hints))
        raise Problem(error.code, error.text, hint, EXIT_REFUSED) from error


def _follow(client: Client, watched: Sequence[Progress], seconds: float) -> None:
    """Watch orders until they have ended, at most for ``seconds``."""
    for event in client.events(seconds):
        if isinstance(event, SessionUpdate):
            raise errors.SessionEnded(0, event.reason)
        for progress in watched:
            if isinstance(event, EventsLost):
                progress.order = client.order(
                    progress.order.order_id, portfolio=progress.order.portfolio
                )
            progress.take(event)
        if all(progress.is_complete for progress in watched):
            return


def _accepted(order: Order) -> str:
    what = amount(order.quantity)
    if order.terms is not None and order.terms.notional is not None:
        what = f"for {money(order.terms.notional)}"
    return (
        f"Order {order.order_id}: {name(order.side)} {what} {order.symbol} {price_of(order)},"
        f" {name(order.time_in_force)}"
    )


def _value_of(side: int, price: Decimal, quantity: Decimal) -> Decimal:
    """Return what a fill cost or gave before fees, as the ledger counts it."""
    value = cost_of if side == Side.BUY else proceeds_of
    return decimal_of(value(units_of(price, "price"), units_of(quantity, "quantity")))


def _tell(invocation: Invocation, progress: Progress, waited: float) -> None:
    order = progress.order
    for fill in progress.fills:
        price = fill.price if fill.price is not None else Decimal(0)
        line = (
            f"Filled: {amount(fill.quantity)} {order.symbol} at {money(price)}"
            f" = {money(_value_of(order.side, price, fill.quantity))}"
        )
        receipt = fill.receipt
        if receipt is not None:
            line += (
                f" (bid {money(receipt.bid)}, ask {money(receipt.ask)},"
                f" market time {moment(receipt.source_time)} UTC)"
            )
        click.echo(line)
    if progress.rate:
        click.echo(progress.rate)
    if progress.cash_after is not None:
        click.echo(f"Cash now: {money(progress.cash_after)} {progress.currency}".rstrip())
    if not order.is_open and order.state != OrderState.FILLED:
        why = f": {order.reason.replace('_', ' ').lower()}" if order.reason else ""
        click.echo(f"The order is {name(order.state)}{why}.")
    elif order.is_open:
        rest = f"{amount(order.remaining)} of {amount(order.quantity)} not filled"
        after = f" within {waited:g} s" if waited else " yet"
        after += reached(order)
        click.echo(
            f"{rest}{after}; the order stays open. See it with: {invocation.command_line()} orders"
            + invocation.of_portfolio(),
            err=True,
        )


def _show_preview(
    invocation: Invocation,
    side: Side,
    symbol: str,
    asked: Asked,
    limit: Decimal | None,
    portfolio: int,
) -> None:
    """Print what an order would cost."""
    with logged_in(invocation) as client:
        found = client.order_preview(
            side,
            symbol,
            asked.quantity,
            limit,
            asked.in_force,
            portfolio,
            conditions=asked.conditions,
        )
    if invocation.as_json:
        write_json(preview=found)
        return
    what = "cost" if found.cost >= 0 else "proceeds"
    rows = [
        ("price", f"{money(found.price)} {found.asset_currency or found.currency}"),
        (what, f"{money(abs(found.cost))} {found.currency}"),
        ("fees", f"{money(found.fees)} {found.currency}"),
        (
            "margin" if found.margin else "reserved meanwhile",
            f"{money(found.order.reserved_cash)} {found.currency}",
        ),
        (
            "buying power then" if found.margin else "free cash then",
            f"{money(found.buying_power_after)} {found.currency}",
        ),
    ]
    if found.margin:
        rows.append(("  for coins", f"{money(found.margin_left)} {found.currency}"))
    quantity = amount(found.order.quantity)
    click.echo(f"{name(side)} {quantity} {symbol}: a preview, nothing was sent")
    click.echo(pairs(rows))
    if found.note:
        click.echo(found.note)


@click.command()
@click.argument("order_id", metavar="[ORDER_ID]", type=IDENTIFIER, required=False, default=None)
@click.option("--all", "every", is_flag=True, help="Every open order of the portfolio.")
@click.option("--symbol", type=SYMBOL, default=None, help="With --all: of this symbol only.")
@portfolio_option
@json_option
@pass_invocation
def cancel(
    invocation: Invocation,
    order_id: int | None,
    every: bool,
    symbol: str | None,
    portfolio: int | None,
) -> None:
    """Cancel an open order, or with --all every one."""
    if (order_id is None) != every:
        raise Problem.usage(
            "name one order, or give --all", "see your orders with: {program} orders{of}"
        )
    if symbol is not None and not every:
        raise Problem.usage("--symbol goes with --all")
    if order_id is None:
        _cancel_all(invocation, symbol or "", portfolio or 0)
        return
    with logged_in(invocation) as client:
        order = client.order_cancel(order_id, portfolio=portfolio or 0)
    if invocation.as_json:
        write_json(order=order)
    else:
        done = f", {amount(order.filled)} were filled before" if order.filled else ""
        click.echo(
            f"Order {order.order_id} canceled: {name(order.side)} {amount(order.quantity)}"
            f" {order.symbol}{done}"
        )


def _cancel_all(invocation: Invocation, symbol: str, portfolio: int) -> None:
    with logged_in(invocation) as client:
        done = client.order_cancel_all(symbol, portfolio=portfolio)
    if invocation.as_json:
        write_json(cancelled=done.cancelled, still_open=done.still_open)
    else:
        noun = "order" if done.cancelled == 1 else "orders"
        click.echo(f"{done.cancelled} {noun} canceled, {done.still_open} still open")


@click.command()
@click.argument("order_id", metavar="ORDER_ID", type=IDENTIFIER)
@click.option(
    "--quantity",
    type=AMOUNT,
    help="New total, with what has been filled already; money for an order with --notional.",
)
@click.option("--limit", type=AMOUNT, metavar="PRICE", help="New limit.")
@click.option("--stop", type=AMOUNT, metavar="PRICE", help="New stop, of one that waits.")
@click.option("--trail", type=TRAIL, metavar="N|N%", help="New distance of a trailing stop.")
@click.option("--tag", type=TAG, default=None, help="Another note on it than before.")
@portfolio_option
@json_option
@pass_invocation
def replace(
    invocation: Invocation,
    order_id: int,
    quantity: Decimal | None,
    limit: Decimal | None,
    stop: Decimal | None,
    trail: str | None,
    tag: str | None,
    portfolio: int | None,
) -> None:
    """Put a new order with another quantity, limit, stop or trail in the place of an open one.

    The new order has a number of its own. If a fill comes first, nothing is replaced.
    """
    if all(each is None for each in (quantity, limit, stop, trail)):
        raise Problem.usage("give --quantity, --limit, --stop, --trail, or several of them")
    number = invocation.randbits(CLIENT_ORDER_ID_BITS) or 1
    with logged_in(invocation) as client, receipt_named(client, number):
        try:
            order = client.order_replace(
                order_id,
                quantity=quantity,
                limit=limit,
                client_order_id=number,
                stop=stop,
                trail=trail,
                portfolio=portfolio or 0,
                tag=tag,
            )
        except ValueError as error:
            raise Problem.usage(str(error)) from None
    if invocation.as_json:
        write_json(order=order)
    else:
        click.echo(f"{_accepted(order)}, in the place of order {order.replaces}")


@click.command()
@click.argument("symbol", type=SYMBOL, required=False, default=None)
@click.option("--all", "every", is_flag=True, help="Every position of the portfolio.")
@WAIT
@portfolio_option
@json_option
@pass_invocation
def close(
    invocation: Invocation, symbol: str | None, every: bool, wait: float, portfolio: int | None
) -> None:
    """Close the position in SYMBOL, or with --all every one, at the market.

    Their open orders are canceled first; nobody can come between. The fills are shown as those of
    `buy` and `sell` are.
    """
    if (symbol is None) != every:
        raise Problem.usage("name one symbol, or give --all")
    number = invocation.randbits(CLOSING_BITS) or 1
    with logged_in(invocation) as client:
        if wait:
            client.subscribe_account()
        with receipt_named(client, number):
            done = client.position_close(
                symbol or "", client_order_id=number, portfolio=portfolio or 0
            )
        watched = [Progress(order) for order in done.orders]
        if not invocation.as_json:
            _show_closing(done)
        if wait and watched:
            _follow(client, watched, wait)
    if invocation.as_json:
        write_json(
            cancelled=done.cancelled,
            closing=done.closing,
            orders=[each.order for each in watched],
            fills=[fill for each in watched for fill in each.fills],
            text=done.text,
        )
    else:
        for each in watched:
            _tell(invocation, each, wait)
    if any(each.order.state in {OrderState.REJECTED, OrderState.EXPIRED} for each in watched):
        raise click.exceptions.Exit(EXIT_REFUSED)


def _show_closing(done: Closing) -> None:
    if done.cancelled:
        click.echo(f"{done.cancelled} open order{'s' * (done.cancelled > 1)} canceled")
    for order in done.orders:
        click.echo(_accepted(order))
    if done.text:
        click.echo(done.text, err=True)
