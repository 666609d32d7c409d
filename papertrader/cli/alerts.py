"""``papertrader alert`` with its subcommands."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import moment, money, name, table, write_json
from papertrader.cli.parameters import AMOUNT, MOMENT, SYMBOL
from papertrader.cli.problems import Problem
from papertrader.cli.visit import logged_in

if TYPE_CHECKING:
    from papertrader.client.alertresults import AlertInfo


@click.group(cls=Group)
def alert() -> None:
    """Have the server watch prices for you, whether you are there or not."""


@alert.command()
@click.argument("symbol", type=SYMBOL)
@click.argument("side", type=click.Choice(["above", "below"]))
@click.argument("price", type=AMOUNT)
@click.option(
    "--of",
    type=click.Choice(["last", "bid", "ask"]),
    default="last",
    show_default=True,
    help="Which price is watched.",
)
@click.option("--expires", type=MOMENT, help="Market time of its end (UTC); never otherwise.")
@json_option
@pass_invocation
def add(
    invocation: Invocation,
    /,
    symbol: str,
    side: str,
    price: Decimal,
    of: str,
    expires: datetime | None,
) -> None:
    """Tell me once when SYMBOL is at PRICE or above, or at PRICE or below."""
    above, below = (price, None) if side == "above" else (None, price)
    with logged_in(invocation) as client:
        try:
            made = client.alert_create(symbol, above=above, below=below, of=of, expires=expires)
        except ValueError as error:
            raise Problem.usage(str(error)) from None
    if invocation.as_json:
        write_json(alert=made)
        return
    click.echo(f"alert {made.alert}: {describe(made)}")


@alert.command("list")
@click.argument("symbol", type=SYMBOL, required=False)
@json_option
@pass_invocation
def list_alerts(invocation: Invocation, symbol: str | None) -> None:
    """List your alerts, open and ended: all, or those of SYMBOL."""
    with logged_in(invocation) as client:
        found = client.alerts(symbol or "")
    if invocation.as_json:
        write_json(alerts=list(found))
        return
    rows = [
        (
            str(each.alert), describe(each), name(each.state), money(each.seen),
            moment(each.market_at), moment(each.expires_at),
        )
        for each in found
    ]  # fmt: skip
    headings = (">alert", "condition", "state", ">seen", "ended (market)", "expires (market)")
    of = f" of {symbol}" if symbol else ""
    click.echo(table(headings, rows) if rows else f"You have no alerts{of}.")


@alert.command()
@click.argument("number", type=click.IntRange(1), metavar="ALERT")
@json_option
@pass_invocation
def delete(invocation: Invocation, number: int) -> None:
    """Delete an alert, open or not."""
    with logged_in(invocation) as client:
        deleted = client.alert_delete(number)
    _deleted(invocation, deleted)


@alert.command()
@json_option
@pass_invocation
def clear(invocation: Invocation) -> None:
    """Delete all alerts that have ended."""
    with logged_in(invocation) as client:
        deleted = client.alerts_clear()
    _deleted(invocation, deleted)


def _deleted(invocation: Invocation, deleted: int) -> None:
    if invocation.as_json:
        write_json(deleted=deleted)
        return
    click.echo(f"alerts deleted: {deleted}")


def describe(shown: AlertInfo) -> str:
    """Say in a few words what an alert waits for: ``AAPL last at least 220.00``."""
    return f"{shown.symbol} {name(shown.condition)} {money(shown.price)}"
