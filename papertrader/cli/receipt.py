"""``papertrader receipt``: why an order filled as it did, in words."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import click

from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import amount, moment, money, name, write_json
from papertrader.cli.parameters import IDENTIFIER
from papertrader.cli.visit import logged_in
from papertrader.client.blocking import Client
from papertrader.client.receipts import STOPPED_BY, OrderReceipt
from papertrader.client.refused import RefusedOrder
from papertrader.client.results import Receipt, Transaction
from papertrader.core.fills import LimitingRule
from papertrader.core.orders import OrderEventKind
from papertrader.core.terms import FillModelKind

PAGE_ROWS: Final = 1_000
ROWS_MAX: Final = 50_000
_NS: Final = 1_000_000_000


@click.command()
@click.argument("order", type=IDENTIFIER)
@json_option
@pass_invocation
def receipt(invocation: Invocation, order: int) -> None:
    """Tell why ORDER filled as it did: the quotes it used, what they cost, what stopped the rest.

    Every figure can be computed again from the quote that is shown.
    """
    with logged_in(invocation) as client:
        shown = client.order(order)
        found = list(all_receipts(client, order))
        paid = {each.transaction: _transaction(client, shown.portfolio, each) for each in found}
    if invocation.as_json:
        write_json(order=shown, receipts=found)
        return
    click.echo(
        f"Order {shown.order_id}: {name(shown.side)} {amount(shown.quantity)} {shown.symbol},"
        f" {name(shown.state)}, {amount(shown.filled)} filled"
    )
    if not found:
        click.echo("No quote has decided anything about it yet.")
    for each in found:
        click.echo("")
        for line in _lines(each, paid.get(each.transaction)):
            click.echo(line)


def all_receipts(client: Client, order: int) -> Iterator[OrderReceipt]:
    """Read all receipts of an order, page by page."""
    after = rows = 0
    while rows < ROWS_MAX:
        page = client.receipts(order, limit=PAGE_ROWS, after=after)
        yield from page
        rows += len(page)
        if not page.next_after or page.next_after <= after:
            return
        after = page.next_after


def _transaction(client: Client, portfolio: int, each: OrderReceipt) -> Transaction | None:
    """Return the ledger's transaction of a fill: it has its fees line by line, and its rate."""
    if not each.transaction:
        return None
    page = client.transactions(after=each.transaction - 1, limit=1, portfolio=portfolio)
    return next((row for row in page if row.transaction == each.transaction), None)


def _lines(each: OrderReceipt, paid: Transaction | None) -> Iterator[str]:
    quote = each.quote
    yield f"{moment(each.at)} UTC  {_what(each)}"
    if not quote.quote_seq and quote.bid is None and quote.ask is None and quote.last is None:
        yield "  no quote of the symbol was known"
        yield f"  {amount(each.remaining)} not filled: {_why(quote.limiting)}"
        return
    yield from quote_lines(quote)
    if each.model != FillModelKind.QUOTE:
        yield f"  fill model {name(each.model)}{_model(each)}"
    if each.fill:
        yield f"  spread cost {money(quote.spread_cost)}, slippage {money(quote.slippage)}"
        yield f"  fees {money(each.fees)}{_fee_lines(paid)}"
        if paid is not None and paid.rate is not None:
            yield f"  converted at {money(paid.rate)} {paid.currency} for 1 {paid.asset_currency}"
    if (each.remaining or not each.fill) and quote.limiting != LimitingRule.NONE:
        yield f"  {amount(each.remaining)} not filled: {_why(quote.limiting)}"


def _why(rule: int) -> str:
    return STOPPED_BY.get(rule, f"rule {rule}")


def _what(each: OrderReceipt) -> str:
    if each.fill:
        return f"fill {each.fill}: {amount(each.quantity)} at {money(each.price)}"
    if each.kind == OrderEventKind.WORKING:
        return "the first quote it could use left it waiting"
    why = f" ({each.reason.replace('_', ' ').lower()})" if each.reason else ""
    return f"{name(each.kind)}{why}"


def quote_lines(quote: Receipt | RefusedOrder, marks: str = "") -> Iterator[str]:
    """Tell a quote in two lines: its prices with ``marks`` behind them, and whence they are."""
    yield (
        f"  quote {quote.quote_seq}: bid {_sized(quote.bid, quote.bid_size)},"
        f" ask {_sized(quote.ask, quote.ask_size)}, last {money(quote.last)}{marks}"
    )
    yield (
        f"  observed {moment(quote.observed_at)} UTC, market time {moment(quote.source_time)} UTC,"
        f" {Decimal(quote.age_ns) / _NS:.3f} s old when it came"
    )


def _sized(price: Decimal | None, size: Decimal) -> str:
    return money(price) + (f" x {amount(size)}" if size else "")


def _model(each: OrderReceipt) -> str:
    said = f", from {money(each.reference)}" if each.reference is not None else ""
    if each.bar_time is not None:
        said += (
            f"; bar of {moment(each.bar_time)} UTC: open {money(each.bar_open)},"
            f" high {money(each.bar_high)}, low {money(each.bar_low)},"
            f" volume {amount(each.bar_volume)}"
        )
    elif each.volume:
        said += f"; volume of the interval {amount(each.volume)}"
    if each.taken:
        said += f", {amount(each.taken)} taken before"
    return said


def _fee_lines(paid: Transaction | None) -> str:
    if paid is None:
        return ""
    lines = (
        ("commission", paid.commission),
        ("SEC fee", paid.sec_fee),
        ("trading activity fee", paid.taf_fee),
    )
    said = [f"{label} {money(value)}" for label, value in lines if value]
    return f" ({', '.join(said)})" if said else ""
