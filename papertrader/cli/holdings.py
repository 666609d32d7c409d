"""``papertrader orders``, ``history``, and what ``papertrader portfolio`` shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import click

from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import amount, moment, money, name, pairs, table, write_json
from papertrader.cli.parameters import DATE, SYMBOL, TAG, of_option, portfolio_option
from papertrader.cli.visit import logged_in
from papertrader.client.moneyresults import Margin, Position
from papertrader.client.results import ItemT, Order, Page, Transaction
from papertrader.core.orders import OrderType, TimeInForce

ROWS_MAX: Final = 50_000
ROWS_DEFAULT: Final = 50
PAGE_ROWS: Final = 5_000

_LIMIT = click.option(
    "--limit",
    type=click.IntRange(1, ROWS_MAX),
    default=ROWS_DEFAULT,
    show_default=True,
    help="Rows at most, the newest.",
)


def newest_rows(
    ask: Callable[[int, int], Page[ItemT]],
    limit: int,
    wanted: Callable[[ItemT], bool] = lambda row: True,
) -> list[ItemT]:
    """Return the newest ``limit`` rows that are ``wanted``, the newest last.

    ``ask`` is given where to go on and how many rows, and answers from the newest on.
    """
    rows: list[ItemT] = []
    after = 0
    while len(rows) < limit:
        page = ask(after, min(limit - len(rows), PAGE_ROWS))
        rows += [row for row in page if wanted(row)]
        after = page.next_after
        if not after:
            break
    return rows[:limit][::-1]


def show_portfolio(
    invocation: Invocation, number: int, username: str, *, lots: bool = False
) -> None:
    """Print cash, positions and what they are worth; 0 is the default portfolio, "" the user."""
    with logged_in(invocation) as client:
        found = client.portfolio(number, username=username)
    if invocation.as_json:
        write_json(portfolio=found)
        return
    if found.positions:
        rows = [
            (
                each.symbol, amount(each.quantity), amount(each.reserved),
                money(each.average_cost), money(each.mark), money(each.market_value),
                money(each.unrealized_pnl), money(each.realized_pnl),
            )
            for each in found.positions
        ]  # fmt: skip
        headings = (
            "symbol", ">quantity", ">in orders", ">average cost", ">mark", ">value",
            ">unrealized", ">realized",
        )  # fmt: skip
        click.echo(table(headings, rows) + "\n")
        if lots:
            _show_lots(found.positions)
    totals = [
        ("cash", found.cash),
        ("reserved for orders", found.reserved_cash),
        ("positions", found.market_value),
        ("equity", found.equity),
        ("unrealized profit", found.unrealized_pnl),
        ("realized profit", found.realized_pnl),
    ]
    if found.earnings is not None:
        parts = found.earnings
        totals += [
            ("  of prices", parts.price),
            ("  fees", -parts.fees),
            ("  dividends", parts.dividends),
            ("  borrow fees", parts.borrow),
            ("  interest", parts.interest),
            ("settled cash", parts.settled_cash),
        ]
    if found.margin is not None:
        totals += [
            ("buying power", found.margin.buying_power),
            ("  for coins", max(found.margin.available, Decimal("0.00"))),
            ("maintenance", found.margin.maintenance),
        ]
    width = max(len(money(value)) for _, value in totals)
    lines = [(label, f"{money(value).rjust(width)} {found.currency}") for label, value in totals]
    lines.append(("market time", f"{moment(found.market_time)} UTC"))
    click.echo(pairs(lines))
    if found.margin is not None and found.margin.called_at is not None:
        _show_call(found.margin, found.currency)


def _show_lots(positions: Sequence[Position]) -> None:
    """Print the same lots by average and first in first out, and what they have gained at last."""
    rows = [
        (
            each.symbol, money(each.cost_basis), money(each.realized_pnl),
            money(each.fifo_cost_basis), money(each.fifo_realized),
            money(each.last), money(each.unrealized_at_last),
        )
        for each in positions
    ]  # fmt: skip
    headings = (
        "symbol", ">cost by average", ">realized", ">cost by FIFO", ">realized by FIFO",
        ">last", ">unrealized at last",
    )  # fmt: skip
    click.echo(table(headings, rows) + "\n")


def _show_call(margin: Margin, currency: str) -> None:
    """Print a margin call and its plan."""
    if not margin.plan:
        click.echo(
            f"\nMARGIN CALL of {moment(margin.called_at)} UTC: nothing is missing any more; at"
            f" {moment(margin.due_at)} UTC (market time) it is looked at again."
        )
        return
    click.echo(
        f"\nMARGIN CALL: {money(margin.shortfall)} {currency} are missing. Pay in, or close"
        f" positions, until {moment(margin.due_at)} UTC (market time); else this is closed:\n"
    )
    rows = [
        (
            "sell" if step.quantity < 0 else "buy back",
            amount(abs(step.quantity)),
            step.symbol,
            money(step.mark),
        )
        for step in margin.plan
    ]
    click.echo(table(("what", ">quantity", "symbol", ">at about"), rows))


def _prices(order: Order) -> str:
    """Return limit and stop of an order in short."""
    limit = "market" if order.limit_price is None else money(order.limit_price)
    if order.stop_price is None:
        return limit
    touched = order.order_type in (OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED)
    begins = "touch" if touched else "stop"
    trail = ""
    if order.terms is not None and order.terms.trail is not None:
        percent = order.terms.trails_percent
        trail = (
            f", trails {f'{amount(order.terms.trail)}%' if percent else money(order.terms.trail)}"
        )
    return f"{begins} {money(order.stop_price)}{'' if limit == 'market' else f'/{limit}'}{trail}"


def _in_force(order: Order) -> str:
    """Return how long an order stands."""
    if order.time_in_force == TimeInForce.GTD:
        return f"until {moment(order.expire_at, seconds=False)}"
    return name(order.time_in_force)


@click.command()
@click.option("--all", "every", is_flag=True, help="Ended orders too.")
@click.option("--symbol", type=SYMBOL, default=None, help="Only those of this symbol.")
@click.option("--tag", type=TAG, default=None, help="Only those with this note on them.")
@_LIMIT
@portfolio_option
@json_option
@pass_invocation
def orders(
    invocation: Invocation,
    every: bool,
    symbol: str | None,
    tag: str | None,
    limit: int,
    portfolio: int | None,
) -> None:
    """List your open orders, the newest last."""
    with logged_in(invocation) as client:
        newest = newest_rows(
            lambda after, rows: client.orders(
                symbol or "",
                every=every,
                limit=rows if tag is None else PAGE_ROWS,
                after=after,
                portfolio=portfolio or 0,
                newest_first=True,
            ),
            limit,
            lambda order: tag in (None, order.tag),
        )
    if invocation.as_json:
        write_json(orders=newest)
        return
    rows = [
        (
            str(each.order_id), moment(each.accepted_at), name(each.side), each.symbol,
            amount(each.quantity), amount(each.filled),
            _prices(each),
            money(each.average_price), _in_force(each), name(each.state),
            each.reason.replace("_", " ").lower(), each.tag,
        )
        for each in newest
    ]  # fmt: skip
    headings = (
        ">order", "accepted (UTC)", "side", "symbol", ">quantity", ">filled", ">limit",
        ">average", "in force", "state", "", "tag" if any(each.tag for each in newest) else "",
    )  # fmt: skip
    of = f" of {symbol}" if symbol else ""
    nothing = f"There are no orders{of}." if every else f"No order{of} is open; ended ones: --all"
    click.echo(table(headings, rows) if rows else nothing)


def converted(row: Transaction) -> str:
    """Return at which rate the price became the amount; empty if both are in one currency."""
    if row.rate is None:
        return ""
    return f"{money(row.rate)} {row.currency} for 1 {row.asset_currency}"


@click.command()
@click.option("--from", "first", type=DATE, help="First day (UTC, the server's clock).")
@click.option("--to", "last", type=DATE, help="Last day (UTC, the server's clock).")
@_LIMIT
@portfolio_option
@of_option
@json_option
@pass_invocation
def history(
    invocation: Invocation,
    first: date | None,
    last: date | None,
    limit: int,
    portfolio: int | None,
    username: str | None,
) -> None:
    """List what changed your cash and positions, the newest last."""
    until = None if last is None else last + timedelta(days=1)
    with logged_in(invocation) as client:
        newest = newest_rows(
            lambda after, rows: client.transactions(
                from_time=first,
                to_time=until,
                limit=rows,
                after=after,
                portfolio=portfolio or 0,
                username=username or "",
                newest_first=True,
            ),
            limit,
        )
    if invocation.as_json:
        write_json(transactions=newest)
        return
    rows = [
        (
            moment(each.market_at), name(each.kind), each.symbol,
            amount(each.quantity) if each.symbol else "", money(each.price),
            money(each.fees) if each.fees else "", money(each.amount), money(each.cash_after),
            money(each.realized) if each.realized else "", converted(each),
            " ".join(each.note.split()),
        )
        for each in newest
    ]  # fmt: skip
    headings = (
        "market time (UTC)", "kind", "symbol", ">quantity", ">price", ">fees", ">amount",
        ">cash after", ">realized", "converted at" if any(map(converted, newest)) else "",
        "why" if any(each.note for each in newest) else "",
    )  # fmt: skip
    click.echo(table(headings, rows) if rows else "Nothing happened then.")
    if not rows and (first or last):
        click.echo("hint: --from and --to are the server's days, not the market's", err=True)
