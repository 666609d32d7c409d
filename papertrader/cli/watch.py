"""``papertrader watch``: live quotes and own orders, line by line."""

from __future__ import annotations

from datetime import datetime

import click

from papertrader.cli.alerts import describe
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import amount, money, name, write_json
from papertrader.cli.parameters import SYMBOL, WATCHLIST_NAME
from papertrader.cli.problems import Problem
from papertrader.cli.visit import logged_in
from papertrader.client import errors
from papertrader.client import results as r
from papertrader.client import updates as u
from papertrader.client.alertresults import AlertUpdate
from papertrader.core.quotes import QuoteFlag
from papertrader.wire import limits
from papertrader.wire.kinds import Status

_KINDS = {
    u.QuoteUpdate: "quote",
    u.OrderUpdate: "order",
    u.TransactionUpdate: "transaction",
    AlertUpdate: "alert",
    u.EventsLost: "events_lost",
    u.ConnectionUpdate: "connection",
    u.SessionUpdate: "session",
    u.SubscriptionEnded: "subscription_ended",
}


@click.command()
@click.argument("symbols", metavar="[SYMBOL]...", type=SYMBOL, nargs=-1)
@click.option("--list", "title", type=WATCHLIST_NAME, help="Watch this watchlist's symbols too.")
@json_option
@pass_invocation
def watch(invocation: Invocation, symbols: tuple[str, ...], title: str | None) -> None:
    """Show live quotes, your own order events and price alerts until Ctrl-C.

    Each line says whose clock its time (UTC) is: the market's, or for an order's events the
    server's. Without symbols or a list: of what you hold. With --json: one object on each line.
    """
    with logged_in(invocation, learn_workers=True) as client:
        try:
            client.subscribe_account()
            wanted = symbols if title is None else symbols + client.watchlist(title).symbols
            watched = wanted or tuple(each.symbol for each in client.portfolio().positions)
            watched = tuple(dict.fromkeys(watched))
            if len(watched) > limits.SYMBOLS_MAX:
                raise Problem.usage(
                    f"{len(watched)} symbols are too many; {limits.SYMBOLS_MAX} can be watched"
                )
            if watched:
                # A symbol that there is not is told now: its prices would never come.
                for begin in range(0, len(watched), limits.QUOTE_SYMBOLS_MAX):
                    client.quotes(watched[begin : begin + limits.QUOTE_SYMBOLS_MAX])
                client.subscribe_quotes(watched)
            if not invocation.as_json:
                what = f"{', '.join(watched)} and your orders" if watched else "your orders"
                click.echo(f"watching {what}; Ctrl-C ends it", err=True)
            connections = 0
            for event in client.events():
                connections += isinstance(event, u.ConnectionUpdate)
                if isinstance(event, u.ConnectionUpdate) and connections == 1:
                    # The first one is no news.
                    continue
                if invocation.as_json:
                    write_json(event=_KINDS[type(event)], content=event)
                else:
                    _show(event)
                if isinstance(event, u.SessionUpdate):
                    raise errors.SessionEnded(Status.SESSION_EXPIRED, event.reason)
        except KeyboardInterrupt:
            # This is how it is meant to be ended.
            return


def warnings(quote: r.Quote) -> str:
    """Return what is to be said of a quote beside its prices, after two spaces; "" if nothing."""
    told = quote.flags & ~QuoteFlag.REPLAYED
    return f"  {name(told)}" if told else ""


def _market(moment: datetime | None) -> str:
    """Write an instant of the market's clock; in a replay that is another day than the server's."""
    return f"market {_clock(moment)}"


def _server(moment: datetime | None) -> str:
    return f"server {_clock(moment)}"


def _clock(moment: datetime | None) -> str:
    return "--:--:--" if moment is None else moment.strftime("%m-%d %H:%M:%S")


def _show(event: u.Event) -> None:
    if isinstance(event, u.QuoteUpdate):
        quote = event.quote
        click.echo(
            f"{_market(quote.source_time)}  {quote.symbol:<8}"
            f"  bid {money(quote.bid):>12}  ask {money(quote.ask):>12}"
            f"  last {money(quote.last):>12}{warnings(quote)}"
        )
    elif isinstance(event, u.OrderUpdate):
        order = event.order
        line = (
            f"{_server(order.updated_at)}  order {order.order_id} {name(event.kind)}:"
            f" {name(order.side)} {amount(order.quantity)} {order.symbol}"
        )
        if event.fill is not None:
            line += f", {amount(event.fill.quantity)} at {money(event.fill.price)}"
        click.echo(line)
    elif isinstance(event, u.TransactionUpdate):
        transaction = event.transaction
        at = transaction.market_at
        when = _server(transaction.executed_at) if at is None else _market(at)
        click.echo(
            f"{when}  {name(transaction.kind)} {transaction.symbol}"
            f"  {money(transaction.amount)}  cash now {money(transaction.cash_after)}"
            f"{f'  ({event.note})' if event.note else ''}"
        )
    elif isinstance(event, AlertUpdate):
        shown = event.alert
        line = f"{_market(shown.market_at)}  alert {shown.alert} {name(shown.state)}:"
        click.echo(f"{line} {describe(shown)}{f', at {money(shown.seen)}' if shown.seen else ''}")
    elif isinstance(event, u.ConnectionUpdate):
        state = "connected to" if event.connected else "lost"
        reason = f": {event.reason}" if event.reason else ""
        click.echo(f"{state} {event.worker}{reason}", err=True)
    elif isinstance(event, u.EventsLost | u.SubscriptionEnded):
        click.echo(f"warning: {event.reason}", err=True)
