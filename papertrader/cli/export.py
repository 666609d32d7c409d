"""``papertrader export``: your data for other programs: CSV, JSON, or what Ghostfolio imports."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from papertrader.cli.ghostfolio import activities_of
from papertrader.cli.invocation import Invocation, pass_invocation
from papertrader.cli.newfile import write_new
from papertrader.cli.output import counted
from papertrader.cli.parameters import portfolio_option
from papertrader.cli.problems import Problem
from papertrader.cli.visit import logged_in
from papertrader.client import results as r
from papertrader.client.blocking import Client
from papertrader.client.curves import CurvePoint
from papertrader.client.moneyresults import Position
from papertrader.client.tables import columns, records
from papertrader.wire.kinds import Scope

PAGE_ROWS: Final = 5_000
_FORMATS: Final = ("csv", "sheet", "json", "ghostfolio")
_KINDS: Final[dict[str, type]] = {
    "transactions": r.Transaction,
    "orders": r.Order,
    "positions": Position,
    "equity": CurvePoint,
}


def _pages(read: Callable[[int], r.Page[Any]]) -> Iterator[Any]:
    """Give the rows of all pages, with progress on standard error where somebody looks."""
    after, count = 0, 0
    while True:
        page = read(after)
        yield from page
        count += len(page)
        if sys.stderr.isatty():
            click.echo(f"\r{count} rows ...", nl=False, err=True)
        after = page.next_after
        if not after:
            if sys.stderr.isatty():
                click.echo("\r" + " " * 24 + "\r", nl=False, err=True)
            return


def _rows(client: Client, what: str, portfolio: int) -> Iterable[Any]:
    if what == "positions":
        return client.portfolio(portfolio).positions
    if what == "orders":
        return _pages(
            lambda after: client.orders(
                every=True, after=after, limit=PAGE_ROWS, portfolio=portfolio
            )
        )
    if what == "equity":
        return client.equity("1d", portfolio=portfolio).points
    return _pages(
        lambda after: client.transactions(after=after, limit=PAGE_ROWS, portfolio=portfolio)
    )


def _plain(value: Any) -> Any:
    """Return what JSON can hold: numbers of things as they are, exact amounts and times as text."""
    return value if value is None or isinstance(value, bool | int) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        # All in one form: a program takes that of a column from its first row.
        return value.isoformat(timespec="microseconds")
    return str(value)


_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What text begins with that a spreadsheet would calculate."""


def _harmless(value: Any) -> str:
    text = _text(value)
    is_formula = type(value) is str and text.startswith(_FORMULA)
    return f"'{text}" if is_formula else text


SHEET_DIGITS_MAX: Final = 15
"""Of a whole number that a spreadsheet keeps; further ones become zeros."""


def _in_cell(value: Any) -> str:
    """Return what a spreadsheet takes for what it is: a number, a time, or text."""
    if isinstance(value, datetime):
        # With a zone, or parts of a second, it would be text.
        return value.strftime("%Y-%m-%d %H:%M:%S")
    text = _text(value)
    is_long = type(value) is int and abs(value) >= 10**SHEET_DIGITS_MAX
    is_number = type(value) is str and text[:1].isdecimal()
    return f"'{text}" if is_long or is_number else _harmless(value)


def as_csv(
    kind: type, found: list[dict[str, Any]], written: Callable[[Any], str] = _harmless
) -> str:
    """Return rows of a class as CSV: decimals exact, instants as ISO 8601 in UTC,
    to the microsecond.

    The heading is there without rows, too. Before text that a spreadsheet would take for a formula
    stands an apostrophe: it may be another's, such as why an operator corrected something.
    ``written`` says how else a value is to be written.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow("_".join(path) for path in columns(kind, nested=True))
    writer.writerows([written(value) for value in row.values()] for row in found)
    return out.getvalue()


def as_sheet(kind: type, found: list[dict[str, Any]]) -> str:
    """Return the same for a spreadsheet: instants in UTC, to the second, which it takes for such.

    Text that begins with a digit, and numbers with more digits than it keeps, have an apostrophe
    before them, too. The mark at its beginning says that it is UTF-8.
    """
    return "\ufeff" + as_csv(kind, found, _in_cell)


@click.command()
@click.argument("what", type=click.Choice(list(_KINDS)))
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="csv", show_default=True,
    help="What the other program reads.",
)  # fmt: skip
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False),
    help="Write there instead of to standard output; a file that is there is not overwritten.",
)  # fmt: skip
@portfolio_option
@pass_invocation
def export(
    invocation: Invocation, what: str, form: str, output: Path | None, portfolio: int | None
) -> None:
    """Write your transactions, orders, positions or equity curve for other programs.

    --format ghostfolio makes a file that Ghostfolio imports; it has transactions only, with all
    money in the portfolio's currency. In CSV an apostrophe stands before text that a spreadsheet
    would take for a formula. --format sheet is CSV in which it takes times (UTC) for times, and
    text and long numbers for text; LibreOffice asks at opening: tick "Detect special numbers".
    """
    if form == "ghostfolio" and what != "transactions":
        raise Problem.usage("Ghostfolio imports transactions", "papertrader export transactions")
    with logged_in(invocation, scope=Scope.READ) as client:
        rows = list(_rows(client, what, portfolio or 0))
    if form == "ghostfolio":
        text = json.dumps(activities_of(rows), indent=1) + "\n"
    elif form == "json":
        listed = [
            {name: _plain(value) for name, value in row.items()}
            for row in records(rows, nested=True)
        ]
        text = json.dumps(listed, indent=1) + "\n"
    else:
        write = as_sheet if form == "sheet" else as_csv
        text = write(_KINDS[what], records(rows, nested=True))
    if output is None:
        # Octets: what is made for other programs is UTF-8, whatever the terminal is.
        click.echo(text.encode(), nl=False)
        return
    write_new(output, text.encode())
    click.echo(f"In {output}: {counted(len(rows), 'row')}.", err=True)
