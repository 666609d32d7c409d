"""``papertrader performance``: the equity curve of a portfolio and its figures."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import click

from papertrader.cli.chart import styled
from papertrader.cli.exclusions import EitherOption
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import day, money, pairs, percent, table, write_json
from papertrader.cli.parameters import DATE, SYMBOL, of_option, portfolio_option
from papertrader.cli.plots import WIDTH_MIN, curve_lines
from papertrader.cli.visit import logged_in
from papertrader.client.costs import CostTable, cost_table
from papertrader.client.curves import Curve, drawdowns, growth, performance_of

if TYPE_CHECKING:
    from papertrader.client.blocking import Client
    from papertrader.client.results import Receipt, Transaction

PAGE_ROWS: Final = 5_000
_POINTS: Final = 30
"""Points of the curve that are listed at most, the newest; all of them as JSON."""
_CENTS: Final = Decimal("0.00")
"""Added to an amount, it has two decimals at least."""
NO_CURVE: Final = "Nothing is known of this portfolio at that time."
_COLUMNS_MAX: Final = 160
_LINES: Final = (8, 4)
"""Lines of the plots of equity and drawdown: with the figures below they fit into 24."""


@click.command()
@click.option("--from", "first", type=DATE, help="First day (market time).")
@click.option("--to", "last", type=DATE, help="Last day (market time).")
@click.option(
    "--interval", type=click.Choice(["1m", "5m", "15m", "1h", "1d", "1w", "1mo"]), default="1d",
    show_default=True, help="Length of a period; within days of the newest session unless --from.",
)  # fmt: skip
@click.option("--benchmark", type=SYMBOL, help="Compare with this asset, its dividends included.")
@click.option(
    "--risk-free", type=click.FloatRange(0, 100), default=0.0, metavar="PERCENT",
    help="Yearly interest without risk, for the ratios.",
)  # fmt: skip
@click.option("--costs", is_flag=True, help="What trading cost, line by line.")
@click.option(
    "--plot/--no-plot", cls=EitherOption, default=None,
    help="Draw the curve instead of listing it (the default at a terminal).",
)  # fmt: skip
@portfolio_option
@of_option
@json_option
@pass_invocation
def performance(
    invocation: Invocation,
    first: date | None,
    last: date | None,
    interval: str,
    benchmark: str | None,
    risk_free: float,
    portfolio: int | None,
    username: str | None,
    costs: bool,
    plot: bool | None,
) -> None:
    """Show how well a portfolio did: its worth over time, returns and risk."""
    if costs and username:
        raise click.UsageError("--costs reads the receipts of orders, which only their owner may")
    until = None if last is None else last + timedelta(days=1)
    number, owner = portfolio or 0, username or ""
    with logged_in(invocation) as client:
        curve = client.equity(
            interval, from_time=first, to_time=until, portfolio=number, username=owner
        )
        trades, earlier = transactions_of(client, number, owner), []
        compared = None
        if benchmark is not None and curve.points:
            start = curve.points[0].at - timedelta(days=14)
            compared = client.bars(benchmark, "1d", from_time=start, adjust="total")
        if not curve.points:
            trades = []
        else:
            within = (curve.points[0].at, curve.points[-1].at)
            earlier = [t for t in trades if t.market_at and t.market_at < within[0]]
            trades = [t for t in trades if t.market_at and within[0] <= t.market_at <= within[1]]
        spent = costs_of(client, trades, earlier) if costs else None
    figures = performance_of(curve, trades, risk_free=risk_free / 100, benchmark=compared)
    if invocation.as_json:
        shown = {} if spent is None else {"costs": spent}
        write_json(performance=figures, curve=curve, **shown)
        return
    if sys.stdout.isatty() if plot is None else plot:
        click.echo(drawn(curve) + "\n")
    else:
        click.echo(_listed(curve) + "\n")
    fall = figures.drawdown
    lines = [
        ("return", percent(figures.total_return)),
        ("return a year", percent(figures.annual_return)),
        ("money-weighted a year", percent(figures.money_weighted)),
        ("volatility a year", percent(figures.volatility)),
        ("Sharpe ratio", _ratio(figures.sharpe)),
        ("Sortino ratio", _ratio(figures.sortino)),
        ("deepest fall", percent(fall.depth)),
        ("closed trades", str(figures.trades)),
        ("won", percent(figures.win_rate)),
        ("profit factor", _ratio(figures.profit_factor)),
    ]
    if compared is not None:
        lines += [
            (f"return of {benchmark}", percent(figures.benchmark_return)),
            ("beta", _ratio(figures.beta)),
            ("alpha a year", percent(figures.alpha)),
        ]
    click.echo(pairs(lines))
    if spent is not None:
        lines_of_costs = (*spent.lines, ("together", spent.total))
        found = [(what, money(each + _CENTS)) for what, each in lines_of_costs]
        found += [(f"  {what} of open positions", money(each)) for what, each in spent.open_lines]
        click.echo("\n" + table(("earned and paid", f">{curve.currency}"), found))


def _listed(curve: Curve) -> str:
    """Return the newest points as a table."""
    if not curve.points:
        return NO_CURVE
    rows = [
        (each.at.strftime("%Y-%m-%d %H:%M"), money(each.equity), money(each.cash),
         money(each.flow) if each.flow else "")
        for each in curve.points[-_POINTS:]
    ]  # fmt: skip
    headings = ("market time (UTC)", f">equity {curve.currency}", ">cash", ">paid in")
    return table(headings, rows)


def drawn(curve: Curve, columns: int = 0) -> str:
    """Return the equity and, below it, the drawdown of the time-weighted growth, as plots.

    ``columns``: 0 for those of the terminal.
    """
    if not curve.points:
        return NO_CURVE
    if len(curve.points) < 2:
        return "The curve begins with the first trade; it is drawn from its second point on."
    width = columns or max(WIDTH_MIN, min(_COLUMNS_MAX, shutil.get_terminal_size().columns - 1))
    first, last = curve.points[0], curve.points[-1]
    when = f"{day(first.at)} to {day(last.at)}"
    equity = [float(each.equity) for each in curve.points]
    fall = drawdowns(growth(curve))
    return "\n".join(
        (
            f"equity in {curve.currency}, {when}, now {money(last.equity)}",
            styled(curve_lines(equity, width, _LINES[0])),
            "below the highest level so far, in percent",
            styled(curve_lines(fall, width, _LINES[1], "down")),
        )
    )


def costs_of(
    client: Client, trades: list[Transaction], earlier: Sequence[Transaction] = ()
) -> CostTable:
    """Read the receipts of a portfolio's fills, and attribute what some transactions earned.

    They come by pages of many orders, so that thousands of them take some requests only.
    """
    wanted = {each.transaction: each.portfolio for each in trades if each.order_id}
    receipts: dict[int, Receipt] = {}
    after = 0
    while wanted:
        portfolio = next(iter(wanted.values()))
        page = client.receipts(0, limit=PAGE_ROWS, after=after, portfolio=portfolio)
        for each in page:
            if each.transaction in wanted:
                receipts[each.transaction] = each.quote
        if not page.next_after or page.next_after <= after:
            break
        after = page.next_after
    return cost_table(trades, receipts, earlier)


def transactions_of(client: Client, portfolio: int, username: str) -> list[Transaction]:
    """Read all transactions of a portfolio, page by page."""
    found: list[Transaction] = []
    after = 0
    while True:
        page = client.transactions(
            limit=PAGE_ROWS, after=after, portfolio=portfolio, username=username
        )
        found.extend(page)
        if not page.next_after or page.next_after <= after:
            return found
        after = page.next_after


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"
