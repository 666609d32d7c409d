"""The longest stall that any single frame causes: ``python -m tests.torture.stalls``.

For each kind of costly request a server is started, asked for it again and again, and stopped; the
histograms that master and worker wrote into their logs at the stop say how long their reactors
stood still. Beside them stands a server that is asked for nothing: what is as long there is the
machine's, not ours.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from papertrader.core.logrecord import Level
from papertrader.core.money import SCALE
from papertrader.core.orders import OrderType, TimeInForce
from papertrader.eventlog.reading import newest_entries
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Topic
from tests.server_kit import PASSWORD, Server, running
from tests.torture.line import Line, client_context

BOUND_MS = 50.0
BARS_MAX = 5_000
TIMES = 20
SYMBOLS = ("IBM", "AAPL", "MSFT", "GOOG")
_LONGEST = re.compile(r"stalls of the reactor: longest ([\d.]+) ms of (\d+) ticks; ([^\"]*)")


class Seen(NamedTuple):
    """What one process said of its stalls."""

    longest_ms: float
    ticks: int
    text: str


def said(server: Server, name: str) -> Seen:
    """Return what a stopped process wrote about its stalls."""
    lines = newest_entries(server.state / "log", name, since_ns=0, least=Level.DEBUG, limit=1_000)
    for line in reversed(lines):
        match = _LONGEST.search(line)
        if match is not None:
            return Seen(float(match[1]), int(match[2]), match[3])
    raise ValueError(f"the log of {name} says nothing about its stalls")


def orders(line: Line, count: int) -> None:
    """Place orders that stay open."""
    first, placed = time.monotonic_ns(), 0
    while placed < count:
        wanted = min(40, count - placed)
        messages: list[m.Message] = [
            m.OrderNew(
                client_order_id=first + placed + n, symbol=SYMBOLS[(placed + n) % len(SYMBOLS)],
                time_in_force=TimeInForce.GTC, order_type=OrderType.LIMIT, quantity=SCALE,
                limit_price=SCALE,
            )
            for n in range(wanted)
        ]  # fmt: skip
        statuses = line.ask_all(messages, changing=True)
        if any(statuses):
            raise ValueError(f"an order was refused: {next(filter(None, statuses)):#06x}")
        placed += wanted
        time.sleep(wanted / limits.COMMAND_RATE)


def nothing(line: Line) -> None:
    """Let time pass."""
    time.sleep(0.2)


def log_in_again(line: Line) -> None:
    """LOGIN with the password: the costly hash."""
    line.ask(m.Logout())
    line.session = 0
    line.log_in("stall", PASSWORD, new=False)


def day_bars(line: Line) -> None:
    """As many days as one transfer holds."""
    line.ask(m.BarsGet(symbol="IBM", interval_s=86_400, limit=BARS_MAX))


def minute_bars(line: Line) -> None:
    """As many minutes as one transfer holds."""
    for symbol in SYMBOLS:
        line.ask(m.BarsGet(symbol=symbol, interval_s=60, limit=BARS_MAX))


def all_orders(line: Line) -> None:
    """ORDER_LIST of everything."""
    line.ask(m.OrderList(limit=limits.ROWS_MAX))


def transactions(line: Line) -> None:
    """TRANSACTIONS_GET of everything."""
    line.ask(m.TransactionsGet(limit=limits.ROWS_MAX))


def listing(line: Line) -> None:
    """ASSET_LIST of everything."""
    line.ask(m.AssetList(limit=limits.ROWS_MAX))


def subscribe(line: Line) -> None:
    """The largest SUBSCRIBE, with a snapshot, and its end."""
    rows = tuple(m.SymbolRow(symbol=f"S{n}") for n in range(limits.SYMBOLS_MAX - len(SYMBOLS)))
    named = tuple(m.SymbolRow(symbol=symbol) for symbol in SYMBOLS)
    message = m.Subscribe(topics=Topic.QUOTES, snapshot=True, symbols=named + rows)
    header, _ = line.ask(message)
    line.ask(m.Unsubscribe(subscription=header.correlation))


def quotes(line: Line) -> None:
    """The largest QUOTE_GET."""
    rows = tuple(m.SymbolRow(symbol="IBM") for _ in range(limits.QUOTE_SYMBOLS_MAX))
    line.ask(m.QuoteGet(symbols=rows))


def cancel_all(line: Line) -> None:
    """ORDER_CANCEL_ALL with as many open orders as one account may have."""
    orders(line, 200)
    line.ask(m.OrderCancelAll(), changing=True)


def largest_frame(line: Line) -> None:
    """A frame as long as any may be, of sections that nobody knows."""
    correlation, octets = line.frame(m.PortfolioGet())
    room = limits.CLIENT_FRAME_MAX - len(octets) - 32 * codec.SECTION.size
    extra = b"".join(codec.section(0x7000 + n, bytes(room // 32)) for n in range(32))
    head = codec.parse_header(octets)
    body = octets[limits.HEADER_SIZE :]
    line.send(
        codec.frame(
            head.category, head.opcode, body[: head.block_len], body[head.block_len :] + extra,
            session=head.session, correlation=correlation,
        )
    )  # fmt: skip
    line.await_reply(correlation)


class Kind(NamedTuple):
    """A kind of request: ``prepare`` orders first, then ``ask`` so many times."""

    name: str
    ask: Callable[[Line], None]
    times: int = TIMES
    prepared: int = 0


KINDS = (
    Kind("nothing", nothing),
    Kind("LOGIN", log_in_again),
    Kind("BARS_GET of 5,000 days", day_bars),
    Kind("BARS_GET of 5,000 minutes", minute_bars, times=2),
    Kind("SUBSCRIBE to 512 symbols", subscribe),
    Kind("QUOTE_GET of 64 symbols", quotes),
    Kind("ASSET_LIST", listing),
    Kind("ORDER_LIST of 200 orders", all_orders, prepared=200),
    Kind("TRANSACTIONS_GET", transactions, prepared=200),
    Kind("ORDER_CANCEL_ALL of 200 orders", cancel_all, times=3),
    Kind("a frame of 64 KiB", largest_frame),
)


def measured(kind: Kind) -> tuple[Seen, Seen]:
    """Return what master and worker say after a server was asked for one kind of thing."""
    with (
        tempfile.TemporaryDirectory(prefix="papertrader-stalls-") as name,
        running(Path(name) / "state") as server,
    ):
        line = Line(server.workers[0], client_context(server.ca))
        line.log_in("stall", PASSWORD)
        orders(line, kind.prepared)
        for _ in range(kind.times):
            kind.ask(line)
            time.sleep(0.05)
        line.close()
        server.stop()
        return said(server, "master"), said(server, "worker-1")


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="tests.torture.stalls", description=__doc__)
    parser.add_argument("--only", default="", help="only kinds whose name has this text")
    options = parser.parse_args()
    print(f"{'':<34}{'master':>12}{'worker':>12}   (longest stall, milliseconds)")
    worst = 0.0
    for kind in KINDS:
        if options.only not in kind.name:
            continue
        master, worker = measured(kind)
        worst = max(worst, master.longest_ms, worker.longest_ms)
        print(f"{kind.name:<34}{master.longest_ms:>12.1f}{worker.longest_ms:>12.1f}")
        for seen in (master, worker):
            if seen.longest_ms > BOUND_MS:
                print(f"    {seen.text}")
        sys.stdout.flush()
    print(f"the longest: {worst:.1f} ms, at most {BOUND_MS:.0f} ms is wanted")
    return 0 if worst <= BOUND_MS else 1


if __name__ == "__main__":
    sys.exit(main())
