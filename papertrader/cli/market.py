"""``papertrader quote``, ``bars``, ``market``, ``workers``."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import click

from papertrader.cli.exclusions import one_of
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import (
    NOTHING,
    amount,
    day,
    gaps,
    moment,
    money,
    name,
    table,
    write_json,
)
from papertrader.cli.parameters import DATE, SYMBOL
from papertrader.cli.problems import Problem
from papertrader.cli.visit import logged_in
from papertrader.client.blocking import Client
from papertrader.client.commands import INTERVALS
from papertrader.client.results import Bar, Quote
from papertrader.core.quotes import QuoteFlag

DAY_SECONDS = 86_400
AGE_EXACT_S = 120
"""A quote's age is told in tenths of seconds up to here, in minutes beyond."""
SPANS = {"day": "5m", "week": "1h", "month": "1d", "year": "1d", "all": "1mo"}
"""The length of the bars that each span is shown in."""
SPAN_DAYS = {"week": 7, "month": 31, "year": 366}
SPAN_BARS = 5_000


@click.command()
@click.argument("symbols", metavar="SYMBOL...", type=SYMBOL, nargs=-1, required=True)
@json_option
@pass_invocation
def quote(invocation: Invocation, symbols: tuple[str, ...]) -> None:
    """Show the newest prices of one or more symbols."""
    with logged_in(invocation) as client:
        try:
            found = client.quotes(symbols)
        except ValueError as error:
            raise Problem.usage(str(error)) from None
    if invocation.as_json:
        write_json(quotes=found, as_of=found.as_of)
        return
    shown = ~QuoteFlag.REPLAYED
    rows = [
        (
            each.symbol, money(each.bid), money(each.ask), money(each.last),
            amount(each.bid_size), amount(each.ask_size), money(each.prev_close),
            moment(each.source_time), _age(each, found.as_of), each.provider,
            name(each.flags & shown) if each.flags & shown else "",
        )
        for each in found
    ]  # fmt: skip
    headings = (
        "symbol", ">bid", ">ask", ">last", ">bid size", ">ask size", ">prev close",
        "market time (UTC)", ">observed", "from", "",
    )  # fmt: skip
    click.echo(table(headings, rows))
    missing = [symbol for symbol in symbols if symbol not in {each.symbol for each in found}]
    if missing:
        click.echo(f"no quote yet: {', '.join(missing)}", err=True)


def _age(quote: Quote, as_of: datetime | None) -> str:
    """Write how long before the answer a quote was observed, by the server's clock."""
    if as_of is None or quote.observed_at is None:
        return NOTHING
    seconds = max(0.0, (as_of - quote.observed_at).total_seconds())
    return f"{seconds:,.1f} s ago" if seconds < AGE_EXACT_S else f"{seconds / 60:,.0f} min ago"


@click.command()
@click.argument("symbol", type=SYMBOL)
@click.option(
    "--interval", type=click.Choice(list(INTERVALS)), default="1d", show_default=True,
    help="Length of a bar.",
)  # fmt: skip
@click.option("--from", "first", type=DATE, help="First day (UTC).")
@click.option("--to", "last", type=DATE, help="Last day (UTC).")
@click.option(
    "--limit", type=click.IntRange(1, 50_000), default=20, show_default=True,
    help="Bars at most, the newest.",
)  # fmt: skip
@click.option(
    "--adjust", type=click.Choice(["raw", "split", "total"]), default="raw", show_default=True,
    help="Prices as traded, or adjusted for splits, or for splits and dividends.",
)  # fmt: skip
@click.option(
    "--span",
    type=click.Choice(list(SPANS)),
    help="The last session, 7 days, 31 days, 366 days, or everything, in fitting bars; instead of"
    " --interval, --from, --to and --limit.",
)
@json_option
@pass_invocation
def bars(
    invocation: Invocation,
    symbol: str,
    interval: str,
    first: date | None,
    last: date | None,
    limit: int,
    adjust: str,
    span: str | None,
) -> None:
    """Show the prices of the past: the newest --limit bars of the range."""
    for instead in ("interval", "first", "last", "limit"):
        one_of("span", instead)
    if first is not None and last is not None and first > last:
        raise Problem.usage(f"--from {first} comes after --to {last}", "give the earlier day first")
    until = None if last is None else last + timedelta(days=1)
    since: date | datetime | None = first
    with logged_in(invocation) as client:
        if span is not None:
            interval, limit, until = SPANS[span], SPAN_BARS, None
            since = _beginning(client, symbol, span)
        found = client.bars(
            symbol, interval, from_time=since, to_time=until, limit=limit, adjust=adjust
        )
    if invocation.as_json:
        write_json(bars=found)
        return
    daily = INTERVALS[interval] >= DAY_SECONDS

    def row(bar: Bar) -> tuple[str, ...]:
        when = day(bar.time) if daily else moment(bar.time, seconds=False)
        prices = (money(price) for price in (bar.open, bar.high, bar.low, bar.close))
        return (when, *prices, amount(bar.volume))

    heading = "day" if daily else "begins (UTC)"
    headings = (heading, ">open", ">high", ">low", ">close", ">volume")
    rows = [row(each) for each in found]
    click.echo(table(headings, rows) if rows else f"There are no bars of {symbol} of that time.")
    if found.missing:
        click.echo(gaps(found.missing), err=True)


def _beginning(client: Client, symbol: str, span: str) -> date | datetime | None:
    """Return since when a span is, by market time; None for everything."""
    if span == "all":
        return None
    if span == "day":
        newest = list(client.bars(symbol, "1d", limit=1))
        return newest[-1].time if newest else None
    return client.clock().now - timedelta(days=SPAN_DAYS[span])


@click.command()
@click.argument("exchange", metavar="[EXCHANGE]", required=False, default="")
@json_option
@pass_invocation
def market(invocation: Invocation, exchange: str) -> None:
    """Show whether the market is open, its time and its speed.

    EXCHANGE is a code such as XNYS; without it, the exchange that drives the market's clock.
    """
    with logged_in(invocation) as client:
        try:
            state = client.market(exchange.upper())
        except ValueError as error:
            raise Problem.usage(str(error)) from None
        clock = client.clock()
    if invocation.as_json:
        write_json(market=state, clock=clock)
        return
    first, then = ("closes", "opens") if state.is_open else ("opens", "closes")
    times = {"opens": state.next_open, "closes": state.next_close}
    speed = "paused" if clock.paused else f"{amount(clock.speed)} times as fast as life"
    skips = ", closed hours left out" if clock.skips_closed else ""
    click.echo(f"{state.exchange} is {name(state.state)} ({name(clock.mode)} market)")
    click.echo(f"market time  {moment(clock.now)} UTC, {speed}{skips}")
    for what in (first, then):
        click.echo(f"{what:<11}  {moment(times[what])} UTC")
    if clock.ends_at is not None:
        click.echo(f"{'data ends':<11}  {moment(clock.ends_at)} UTC")


@click.command()
@json_option
@pass_invocation
def workers(invocation: Invocation) -> None:
    """List the workers that clients may use."""
    with logged_in(invocation) as client:
        found = client.workers()
    if invocation.as_json:
        write_json(workers=found)
        return
    rows = [
        (
            each.host or each.address, str(each.port), str(each.region), str(each.load),
            str(each.sessions), "draining" if each.draining else "",
        )
        for each in found
    ]  # fmt: skip
    click.echo(table(("host", ">port", ">region", ">load %", ">sessions", ""), rows))
