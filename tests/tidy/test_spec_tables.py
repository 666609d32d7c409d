"""The generated tables of ``specs/deployment.rst`` and ``specs/ledger.rst`` are what the code says.

``python -m tests.tidy.test_spec_tables``, run at the root of the sources, writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

import pytest

from papertrader.core.desk import Desk
from papertrader.core.events import Event, TransactionPosted
from papertrader.core.ledger import (
    EQUITY,
    Entry,
    Ledger,
    LedgerAccount,
    LedgerKind,
    trade_entries,
    transfer_entries,
)
from papertrader.core.money import NULL, SCALE, format_amount, parse_amount
from papertrader.core.orders import NewOrder, OrderType, Side, TimeInForce
from papertrader.core.portfolio import Position, trade
from papertrader.core.quotes import ActionKind, Asset, AssetKind, CorporateAction, Quote
from papertrader.ops.variables import VARIABLES
from papertrader.wire import tables
from tests.tidy import limit_tests

SPECS = Path(__file__).parents[2] / "specs"
REGION = re.compile(
    r"^\.\. begin generated: (?P<name>[a-z0-9-]+)\n\n(?P<text>.*?)\n\n"
    r"\.\. end generated: (?P=name)$",
    re.M | re.S,
)

BOUNDS = (
    ("net.factory", "ACCEPT_RATE", "new connections a second from one address: closed before TLS"),
    ("net.factory", "ACCEPT_BURST", "of them at once: closed before TLS"),
    ("net.factory", "ADDRESSES_MAX", "addresses remembered: the longest unseen is forgotten"),
    ("ops.metrics", "CROWD", "connections to metrics.listen: one more takes a silent one's place"),
    ("net.onethread", "JOBS_MAX", "calls that wait for one thread: the next one fails"),
    ("net.services", "STOP_S", "seconds that a stopping server waits for its connections: cut"),
    ("worker.cache", "CACHE_OCTETS", "octets of a worker's cache: the longest unused reply goes"),
    ("worker.topics", "TOPICS_MAX", "symbols that a worker follows: SERVER_BUSY"),
    ("worker.topics", "ASKED_MAX", "of them only because of QUOTE_GET: the longest unasked goes"),
    ("worker.market", "STALE_S", "seconds without link after which quotes are flagged STALE"),
    (
        "worker.upstream",
        "LINK_WAIT_S",
        "seconds that a request waits for the link: MASTER_UNAVAILABLE or OUTCOME_UNKNOWN",
    ),
    ("core.shedding", "TARGET", "nanoseconds that a command may wait before it counts as late"),
    ("core.shedding", "INTERVAL", "of lateness, after which one more kind of work is SERVER_BUSY"),
    ("master.intake", "TURN_COMMANDS", "commands done in one turn of the reactor: the rest wait"),
    (
        "master.intake",
        "RUN_COMMANDS",
        "commands of one connection in a row when others wait: the next has its turn",
    ),
    ("master.intake", "QUEUE_PER_WORKER", "commands of one worker that wait: SERVER_BUSY"),
    ("master.passwords", "QUEUE_MAX", "passwords waiting to be hashed: SERVER_BUSY"),
    ("master.passwords", "WAIT_MAX_S", "seconds that one waits for its hash: SERVER_BUSY"),
    ("master.tries", "TRIES_FREE", "failed logins of a name in a row before it has to wait"),
    ("master.tries", "TRIES_PER_HOUR", "failed logins of a name in an hour: RATE_LIMITED"),
    ("master.tries", "ADDRESS_TRIES", "failed logins from an address in ten minutes: RATE_LIMITED"),
    (
        "master.tries",
        "KNOWN_ADDRESSES",
        "addresses of an account that count apart: the oldest goes",
    ),
    ("master.admission", "LOGIN_BURST_S", "seconds whose logins over a worker may come at once"),
    ("master.admission", "REGISTRATION_BURST_S", "the same for registrations: RATE_LIMITED"),
    ("master.secondfactor", "SETUPS_MAX", "seeds that wait for their first code: the oldest goes"),
    ("master.tries", "TRIES_KEYS_MAX", "addresses and names counted: the oldest goes"),
    ("master.sessions", "SESSIONS_MAX", "sessions of all accounts: SERVER_BUSY"),
    ("master.accounts", "ACCOUNTS_MAX", "accounts: REGISTRATION_CLOSED"),
    ("master.viewstore", "BACKLOG_MAX", "records that wait for the views: orders get SERVER_BUSY"),
    ("master.workerlink", "PUBLISH_OCTETS_MAX", "octets of quotes in one TOPIC_PUBLISH: split"),
    ("master.flow", "WAITING_OCTETS_MAX", "replies and events without credit: SLOW_CONSUMER"),
    ("master.flow", "TRANSFER_OCTETS_MAX", "transfers that wait for one client: SERVER_BUSY"),
    ("master.bars", "BARS_PER_UPDATE", "bar topics worked out in one update: the rest follow"),
    ("master.directory", "TOLD_MAX", "workers named in a GOODBYE: near and idle ones"),
    ("worker.draining", "MOVED_PER_CHECK", "clients moved in 0.1 s: the rest follow"),
    ("eventlog.reading", "ENTRIES_MAX", "entries of one LOG_DUMP: RANGE_TOO_LARGE"),
    (
        "master.inputs",
        "QUOTES_KEPT_MAX",
        "quotes and closes in one record of an input: market time that goes on has several",
    ),
    ("core.portfolio", "LOTS_MAX", "lots of one position: the two oldest become one"),
    ("client.calls", "CALLS_MAX", "requests that wait in one client: TooManyCalls"),
    ("client.retries", "SAVED_MAX", "repeats that a client saves up for a busy server: they wait"),
    ("eventlog.crashes", "CRASH_FILES_MAX", "crash files kept: the oldest goes"),
    ("eventlog.memory", "SET_ASIDE_MAX", "entries logged inside the log itself: counted as lost"),
    ("core.ringlog", "PAYLOAD_BYTES_MAX", "octets of one log entry's text: cut, and counted"),
    ("gateway.server", "QUERY_MAX", "parameters of one request: 400"),
    ("gateway.server", "IDLE_S", "seconds without a request on a connection: closed"),
    ("gateway.seats", "SEATS_MAX", "keys in use at once: the longest idle goes, or 503"),
    ("gateway.seats", "SEAT_IDLE_S", "seconds without a request: the session of a key ends"),
    ("gateway.seats", "SEAT_REQUESTS_MAX", "requests of one key at a time: 429"),
    ("gateway.memory", "WAITING_OCTETS_MAX", "octets that wait within the process: cut"),
    ("gateway.assets", "KNOWN_MAX", "assets remembered: the longest unused goes"),
    ("gateway.routing", "LIST_MAX", "symbols of one request: 400"),
    ("gateway.bars", "BARS_SYMBOLS_MAX", "of them for bars: 400"),
    ("gateway.quotes", "SNAPSHOT_SYMBOLS_MAX", "of them for snapshots: 400"),
    ("gateway.bars", "PAGE_ROWS_MAX", "bars of one answer: the rest is its next page"),
    ("gateway.bars", "WINDOWS_MAX", "commands for one answer of bars: the rest is its next page"),
    ("gateway.hours", "CALENDAR_DAYS_MAX", "days of one question for the calendar: 400"),
    ("gateway.orders", "ORDERS_READ_MAX", "orders looked through for one answer: 422"),
    ("gateway.accounts", "ACTIVITIES_PAGE_MAX", "transactions of one page; read by one question"),
    (
        "gateway.announcements",
        "ACTION_SYMBOLS_MAX",
        "assets looked through for corporate actions: 422",
    ),
    ("gateway.streams", "STREAMS_MAX", "streams of each kind: 503"),
    ("gateway.streams", "STREAM_QUEUE_MAX", "messages that wait for a slow program: closed"),
    ("gateway.streams", "AUTH_S", "seconds until a stream must have shown its key: closed"),
    ("gateway.streams", "SILENCE_S", "seconds without a sign of life on a stream: cut"),
    ("gateway.datastream", "STREAM_SYMBOLS_MAX", "symbols of one channel of a stream: error 405"),
    ("gateway.msgpack", "ITEMS_MAX", "values in one message of a stream: error 400"),
    ("eventlog.syslog", "FRAME_OCTETS_MAX", "octets of one entry that is forwarded: text is cut"),
    ("eventlog.syslog", "VALUE_CHARACTERS_MAX", "of one value beside the text: its front is cut"),
    (
        "eventlog.tail",
        "READ_OCTETS",
        "octets of a log read at once; a longer line is no entry",
    ),
    ("ops.forwarded", "PROCESSES_MAX", "processes whose log is forwarded: the first by name"),
    ("ops.forwarding", "HELD_OCTETS", "octets that a receiver has not taken: no more is read"),
    ("ops.forwarding", "MARKS_MAX", "batches that have not settled: two settle as one, later"),
    ("ops.forwarding", "REPEATED_OCTETS", "octets sent again after a receiver that stalled"),
    ("ops.forwarding", "STALLED_S", "seconds in which a receiver took nothing: cut"),
    ("ops.forwarding", "HANDSHAKE_S", "seconds of a TLS handshake with a receiver: cut"),
    ("ops.forwarding", "RETRY_MAX_S", "seconds between two attempts to reach a receiver"),
)


def variables_table() -> str:
    """Return the table of the deployment variables."""
    rows = [
        (
            f"``{variable.name}``",
            f"``{variable.default}``",
            f"``{variable.environment_name}``",
            " ".join(variable.comment.split()),
        )
        for variable in VARIABLES
    ]
    return tables.table(("variable", "default", "environment", "meaning"), rows)


def bounds_table() -> str:
    """Return the table of the bounds that are not the protocol's."""
    rows = []
    for module, name, meaning in BOUNDS:
        value = getattr(import_module(f"papertrader.{module}"), name)
        rows.append((f"``{module}.{name}``", f"{value:,}", meaning))
    return tables.table(("name", "value", "bounds what: what happens at it"), rows)


def limit_tests_table() -> str:
    """Return which test hits each limit, and which counter of ``papertrader stats`` counts it."""
    rows = [
        (f"``{name}``", "" if counter == "-" else f"``{counter}``", f"``{test}``")
        for name, (counter, test) in (*limit_tests.WIRE.items(), *limit_tests.BOUNDS.items())
    ]
    return tables.table(("limit", "counter", "the test that hits it"), rows)


def shown(account: LedgerAccount) -> str:
    """Return how the examples call a ledger account."""
    return f"{account.kind.name} of portfolio 1" if account.portfolio else account.kind.name


def entries_table(steps: Iterable[tuple[str, Sequence[Entry]]]) -> str:
    """Return the entries of several transactions as one table."""
    rows = []
    for step, entries in steps:
        for number, entry in enumerate(entries):
            amount = format_amount(entry.amount, 2, group=True)
            account = shown(entry.ledger_account)
            rows.append(("" if number else step, account, entry.asset, amount))
    return tables.table(("what", "ledger account", "asset", "amount"), rows)


def amounts(**figures: int) -> str:
    """Return figures as a sentence: ``cash 92,198.00, average 52.00``."""
    parts = [f"{name.replace('_', ' ')} {format_amount(units, 2, group=True)}"
             for name, units in figures.items()]  # fmt: skip
    return "Then: " + ", ".join(parts) + "."


def example_1() -> str:
    """Deposit 100,000; buy 100 and 50; sell 120; a fee of 1.00 each."""
    cash, held = LedgerAccount(LedgerKind.CASH, 1), LedgerAccount(LedgerKind.POSITION, 1)
    deposit = transfer_entries(
        source=EQUITY, cash=cash, position=held, currency="USD", amount=parse_amount("100000")
    )
    ledger, position = Ledger(), Position("ACME")
    ledger.post(deposit)
    steps: list[tuple[str, Sequence[Entry]]] = [("deposit 100,000", deposit)]
    for what, quantity, price in (
        ("buy 100 at 50.00", 100, 50),
        ("buy 50 at 56.00", 50, 56),
        ("sell 120 at 60.00", -120, 60),
    ):
        gross = -price * quantity * SCALE
        entries = trade_entries(
            cash=cash, position=held, symbol="ACME", currency="USD", quantity=quantity * SCALE,
            gross=gross, market=-gross, fees=SCALE,
        )  # fmt: skip
        ledger.post(entries)
        steps.append((what, entries))
        position, _ = trade(
            position, quantity=quantity * SCALE, price=price * SCALE, gross=gross, at=len(steps),
            transaction=len(steps),
        )  # fmt: skip
    figures = amounts(
        cash=ledger.balance(cash, "$USD"),
        shares=position.quantity,
        realized_on_average_cost=position.realized,
        average_cost=position.avg_cost,
        realized_first_in_first_out=position.fifo_realized,
        average_of_the_open_lots=position.fifo_avg_cost,
    )
    return entries_table(steps) + "\n\n" + figures


def floor(cash: str, lot: int) -> Desk:
    """Return a desk with one asset and one portfolio."""
    desk = Desk()
    desk.list_asset(
        Asset(
            symbol="ACME", name="Acme", kind=AssetKind.STOCK, currency="USD", tick=SCALE // 100,
            lot=lot, quantity_min=lot, quantity_max=10**15, calendar="XNYS",
        )
    )  # fmt: skip
    desk.open_portfolio(
        seq=1, at=1, account=1, portfolio=1, currency="USD", deposit=parse_amount(cash)
    )
    return desk


def bought(desk: Desk, quantity: str, price: str) -> list[Event]:
    """Buy at a limit price and return what the fill did."""
    units = parse_amount(price)
    outcome = desk.submit(
        NewOrder(
            seq=2, at=10, received_at=10, market_at=10, account=1, portfolio=1, client_order_id=1,
            symbol="ACME", side=Side.BUY, order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC, quantity=parse_amount(quantity), limit_price=units,
        )
    )  # fmt: skip
    if outcome.refusal is not None:
        raise RuntimeError(outcome.text)
    quote = Quote(symbol="ACME", bid=units, ask=units, observed_at=20, source_time=20, quote_seq=1)
    return desk.observe(seq=3, quote=quote)


def posted(events: Iterable[Event]) -> TransactionPosted:
    """Return the one transaction among events."""
    (found,) = [event for event in events if isinstance(event, TransactionPosted)]
    return found


def example_rounding() -> str:
    """Buy a fraction whose cost is not a whole number of units."""
    desk = floor("100", 1)
    event = posted(bought(desk, "0.00012345", "29001.37"))
    figures = amounts(paid=-event.transaction.amount, cash=event.transaction.cash_after)
    return entries_table([("buy 0.00012345 at 29,001.37", event.entries)]) + "\n\n" + figures


def example_3() -> str:
    """A split of 3 for 2 with 7 shares at 30.00 and a last price of 33.00."""
    desk = floor("1000", SCALE)
    bought(desk, "7", "30")
    last = parse_amount("33")
    quote = Quote(
        symbol="ACME", bid=last, ask=last, last=last, observed_at=30, source_time=30, quote_seq=2
    )
    desk.note_quote(quote)
    action = CorporateAction(
        symbol="ACME", kind=ActionKind.SPLIT, at=40, numerator=3, denominator=2
    )
    event = posted(desk.act(seq=4, at=40, action=action))
    position = desk.state.portfolios[1].positions["ACME"]
    figures = amounts(
        shares=position.quantity,
        average_cost=position.avg_cost,
        paid_in_cash=event.transaction.amount,
        price_of_a_new_share=event.transaction.price,
        realized=event.transaction.realized,
    )
    return entries_table([("3-for-2 split of 7 shares", event.entries)]) + "\n\n" + figures


def example_4() -> str:
    """A dividend of 0.24 a share on 10.5 shares."""
    desk = floor("1000", SCALE // 2)
    bought(desk, "10.5", "20")
    action = CorporateAction(
        symbol="ACME", kind=ActionKind.CASH_DIVIDEND, at=40, amount=parse_amount("0.24")
    )
    event = posted(desk.act(seq=4, at=40, action=action))
    figures = amounts(
        paid=event.transaction.amount,
        cash=event.transaction.cash_after,
        dividends=desk.state.portfolios[1].dividends,
        realized=desk.state.portfolios[1].realized,
    )
    return entries_table([("dividend of 0.24 on 10.5 shares", event.entries)]) + "\n\n" + figures


REGIONS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "deployment.rst": {
        "variables": variables_table,
        "limits": tables.REGIONS["limits"],
        "bounds": bounds_table,
        "limit-tests": limit_tests_table,
    },
    "ledger.rst": {
        "example-1": example_1,
        "example-rounding": example_rounding,
        "example-3": example_3,
        "example-4": example_4,
    },
}


def written(name: str) -> dict[str, str]:
    """Return the generated regions of a file as they stand there."""
    text = (SPECS / name).read_text(encoding="utf-8")
    return {match["name"]: match["text"] for match in REGION.finditer(text)}


@pytest.mark.parametrize("name", REGIONS)
def test_generated_tables_are_current(name: str) -> None:
    """Each region is there and says what the code says; the docstring above tells how to mend."""
    expected = {region: make() for region, make in REGIONS[name].items()}
    assert written(name) == expected


def test_no_table_is_cut_short_by_its_values() -> None:
    """Every variable has a row of its own, whatever its comment holds."""
    rows = written("deployment.rst")["variables"].splitlines()[3:-1]
    assert [row.split("``")[1] for row in rows] == [variable.name for variable in VARIABLES]


def test_null_is_no_price_in_the_examples() -> None:
    """No example shows the number that stands for "none"."""
    for region in written("ledger.rst").values():
        assert format_amount(NULL, 2, group=True) not in region


def write() -> None:
    """Write all regions anew."""
    for name, regions in REGIONS.items():
        path = SPECS / name
        text = path.read_text(encoding="utf-8")

        def filled(match: re.Match[str], regions: Mapping[str, Callable[[], str]] = regions) -> str:
            region = match["name"]
            made = regions[region]()
            return f".. begin generated: {region}\n\n{made}\n\n.. end generated: {region}"

        path.write_text(REGION.sub(filled, text), encoding="utf-8")


if __name__ == "__main__":
    write()
