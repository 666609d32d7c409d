"""``papertrader assets``, ``quote``, ``bars``, ``market``, ``workers``."""

from __future__ import annotations

from datetime import date, timedelta

import click

from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import amount, day, moment, money, name, table, write_json
from papertrader.cli.parameters import DATE, SYMBOL
from papertrader.cli.problems import Problem
from papertrader.cli.visit import logged_in
from papertrader.client.commands import INTERVALS
from papertrader.client.results import Bar
from papertrader.core.quotes import QuoteFlag

DAY_SECONDS = 86_400


@click.command()
@click.argument("prefix", metavar="[PREFIX]", required=False, default="")
@click.option("--limit", type=click.IntRange(1, 65_535), default=500, show_default=True)
@json_option
@pass_invocation
def assets(invocation: Invocation, prefix: str, limit: int) -> None:
    """List what can be traded, or what begins with PREFIX."""
    with logged_in(invocation) as client:
        found = client.assets(prefix.upper(), limit=limit)
    if invocation.as_json:
        write_json(assets=found.items)
        return
    rows = [
        (
            each.symbol, name(each.kind), name(each.status), each.currency, money(each.tick),
            amount(each.lot), day(each.first_bar), day(each.last_bar),
        )
        for each in found
    ]  # fmt: skip
    headings = ("symbol", "kind", "status", "currency", ">tick", ">lot", "first bar", "last bar")
    click.echo(table(headings, rows))


@click.command()
@click.argument("symbols", metavar="SYMBOL...", type=SYMBOL, nargs=-1, required=True)
@json_option
@pass_invocation
def quote(invocation: Invocation, symbols: tuple[str, ...]) -> None:
    """Show the newest prices of one or more symbols."""
    with logged_in(invocation) as client:
        found = client.quotes(symbols)
    if invocation.as_json:
        write_json(quotes=found)
        return
    shown = QuoteFlag.STALE | QuoteFlag.DELAYED | QuoteFlag.CLOSED | QuoteFlag.SUSPECT
    rows = [
        (
            each.symbol, money(each.bid), money(each.ask), money(each.last),
            amount(each.bid_size), amount(each.ask_size), money(each.prev_close),
            moment(each.source_time), name(each.flags & shown) if each.flags & shown else "",
        )
        for each in found
    ]  # fmt: skip
    headings = (
        "symbol", ">bid", ">ask", ">last", ">bid size", ">ask size", ">prev close",
        "market time (UTC)", "",
    )  # fmt: skip
    click.echo(table(headings, rows))
    missing = [symbol for symbol in symbols if symbol not in {each.symbol for each in found}]
    if missing:
        click.echo(f"no quote yet: {', '.join(missing)}", err=True)


@click.command()
@click.argument("symbol", type=SYMBOL)
@click.option("--interval", type=click.Choice(list(INTERVALS)), default="1d", show_default=True)
@click.option("--from", "first", type=DATE, help="First day (UTC).")
@click.option("--to", "last", type=DATE, help="Last day (UTC).")
@click.option("--limit", type=click.IntRange(1, 50_000), default=20, show_default=True)
@click.option("--adjust", type=click.Choice(["raw", "split", "total"]), default="raw")
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
) -> None:
    """Show the prices of the past: the newest --limit bars of the range."""
    until = None if last is None else last + timedelta(days=1)
    with logged_in(invocation) as client:
        found = client.bars(
            symbol, interval, from_time=first, to_time=until, limit=limit, adjust=adjust
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
    click.echo(table((heading, ">open", ">high", ">low", ">close", ">volume"), map(row, found)))


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
