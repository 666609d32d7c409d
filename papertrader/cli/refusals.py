"""``papertrader refusals``: the orders that were refused on arrival, and why, in figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import click

from papertrader.cli.exclusions import one_of
from papertrader.cli.holdings import newest_rows
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import amount, moment, money, name, table, write_json
from papertrader.cli.parameters import IDENTIFIER, portfolio_option
from papertrader.cli.receipt import quote_lines
from papertrader.cli.visit import logged_in
from papertrader.client.refused import Figure, RefusalPage, RefusedOrder
from papertrader.core.quotes import QuoteFlag
from papertrader.core.refusals import FigureUnit

SHOWN_DEFAULT: Final = 20
SHOWN_MAX: Final = 50_000


@click.command()
@click.argument("number", type=IDENTIFIER, required=False)
@click.option(
    "--client-order-id",
    type=IDENTIFIER,
    default=None,
    metavar="ID",
    help="Only those that came under this number of the client's.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, SHOWN_MAX),
    default=SHOWN_DEFAULT,
    show_default=True,
    help="The newest so many.",
)
@portfolio_option
@json_option
@pass_invocation
def refusals(
    invocation: Invocation,
    number: int | None,
    client_order_id: int | None,
    limit: int,
    portfolio: int | None,
) -> None:
    """List the orders that were refused on arrival; with NUMBER tell all about that one.

    Each has a receipt: what it asked for, what there was, by which rule and which quote.
    """
    one_of("number", "client_order_id")
    kept_from = 0
    with logged_in(invocation) as client:

        def ask(after: int, rows: int) -> RefusalPage:
            nonlocal kept_from
            page = client.refusals(
                client_order_id or 0,
                limit=rows if number is None else 1,
                after=after if number is None else number - 1,
                portfolio=portfolio or 0,
                newest_first=number is None,
            )
            kept_from = page.kept_from
            return page

        if number is None:
            newest = newest_rows(ask, limit)
        else:
            newest = [each for each in ask(0, 1) if each.refusal == number]
    if invocation.as_json:
        write_json(refusals=newest, kept_from=kept_from)
        return
    if number is not None or client_order_id is not None:
        for each in newest:
            click.echo("\n".join(_lines(each)) + "\n")
    elif newest:
        _show(newest)
    if not newest:
        click.echo("No such order was refused." if number else "No order was refused.")
    if kept_from:
        click.echo(f"Refusals before number {kept_from} are no longer kept.")


def _show(found: Sequence[RefusedOrder]) -> None:
    rows = [
        (
            str(each.refusal), moment(each.at), str(each.portfolio), str(each.client_order_id),
            name(each.side),
            each.symbol, amount(each.quantity), each.reason.replace("_", " ").lower(),
            _figure(each.unit, each.asked), _figure(each.unit, each.there),
        )
        for each in found
    ]  # fmt: skip
    headings = (
        ">number", "refused (UTC)", ">portfolio", ">client order id", "side", "symbol",
        ">quantity", "why", ">asked", ">there",
    )  # fmt: skip
    click.echo(table(headings, rows))


def _figure(unit: int, figure: Figure) -> str:
    if figure is None:
        return ""
    if isinstance(figure, datetime):
        return f"{moment(figure)} UTC"
    return money(figure) if unit in (FigureUnit.MONEY, FigureUnit.PRICE) else amount(figure)


def _lines(each: RefusedOrder) -> Iterator[str]:
    """Give the receipt of one in words."""
    what = f"{name(each.side)} {amount(each.quantity)} {each.symbol}, {name(each.order_type)}"
    yield f"Refusal {each.refusal} of client order id {each.client_order_id}: {what}"
    yield f"  {each.reason}: {each.text}"
    if each.asked is not None:
        asked, there = _figure(each.unit, each.asked), _figure(each.unit, each.there)
        reckoned = f", reckoned at {money(each.price)}" if each.price is not None else ""
        yield f"  asked {asked}, there {there}{reckoned}"
    if each.points or each.rule_since is not None:
        since = f" since {moment(each.rule_since)} UTC" if each.rule_since is not None else ""
        yield f"  the rule: {Decimal(each.points) / 100:f} %{since}"
    yield f"  received {moment(each.received_at)} UTC, market time {moment(each.market_at)} UTC"
    if each.works_from is not None:
        yield f"  its session opens {moment(each.works_from)} UTC"
    if each.expire_at is not None:
        yield f"  it would have expired {moment(each.expire_at)} UTC"
    if not each.quote_seq:
        yield "  no quote of the symbol was known"
        return
    flags = ", ".join(str(flag.name).lower() for flag in QuoteFlag if flag & each.quote_flags)
    yield from quote_lines(each, f" ({flags})" if flags else "")
