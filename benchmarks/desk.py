"""The desk alone, in memory: market orders a second, and what an order costs as more is open.

A market order is accepted with its collar, reserves, fills on the next quote and is posted to the
ledger. Times are CPU times of one core; garbage is collected as the master's process does it. No
journal and no client is within them. The limits on open orders are lifted by the desk's rules.
"""

from __future__ import annotations

import gc
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench
from benchmarks.figures import Verdict
from benchmarks.processes import BenchmarkError
from papertrader.core.desk import Desk
from papertrader.core.events import OrderChanged
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import NewOrder, OrderEventKind, OrderType, Side, TimeInForce
from papertrader.core.quotes import Asset, AssetKind, Quote
from papertrader.core.rules import DeskRules
from papertrader.ops.running import GC_THRESHOLDS

WANTED: Final = 25_000
"""Market orders a second."""
ORDERS: Final = 20_000
BATCH: Final = 100
"""Orders that one quote fills."""
NAUTILUS: Final = "peer: NautilusTrader"
NAUTILUS_S: Final = 300
NAUTILUS_ORDERS: Final = 2_000
"""With a hundred orders to a quote it takes three times as long for each, and longer with more."""
SINGLE: Final = "market orders, a quote for each"
OPEN: Final = (1, 100, 10_000, 100_000)
ASSETS: Final = (10, 100, 1_000, 10_000)
MEASURED: Final = 4_000
ACCOUNTS: Final = 100
FLAT: Final = 1.5
"""How much dearer an order may be at the most than at the least."""
DEPOSIT: Final = 100_000_000 * SCALE
PRICE: Final = 100 * SCALE


class Pit:
    """A desk with so many assets, funded accounts, and numbers for its inputs."""

    def __init__(self, assets: int = 1) -> None:
        self.desk = Desk(DeskRules(open_orders_max=2**31, open_orders_symbol_max=2**31))
        self.symbols = [f"S{number}" for number in range(assets)]
        self.seq = 0
        for symbol in self.symbols:
            self.desk.list_asset(
                Asset(
                    symbol=symbol, name=symbol, kind=AssetKind.STOCK, currency="USD",
                    tick=SCALE // 100, lot=SCALE, quantity_min=SCALE,
                    quantity_max=10_000_000 * SCALE, calendar="XNYS",
                )
            )  # fmt: skip
            self.observe(symbol)
        for account in range(1, ACCOUNTS + 1):
            seq = self.next()
            self.desk.open_portfolio(
                seq=seq, at=seq, account=account, portfolio=account, currency="USD",
                deposit=DEPOSIT,
            )  # fmt: skip

    def next(self) -> int:
        """Return the number of the next input."""
        self.seq += 1
        return self.seq

    def send(self, symbol: str, side: Side = Side.BUY, limit: int = NULL) -> None:
        """Send an order of one share, of each account in turn."""
        seq = self.next()
        account = seq // 2 % ACCOUNTS + 1
        outcome = self.desk.submit(
            NewOrder(
                seq=seq, at=seq, received_at=seq, market_at=seq, account=account,
                portfolio=account, client_order_id=seq, symbol=symbol, side=side,
                order_type=OrderType.MARKET if limit == NULL else OrderType.LIMIT,
                time_in_force=TimeInForce.GTC, quantity=SCALE, limit_price=limit,
            )
        )  # fmt: skip
        if outcome.refusal is not None:
            raise BenchmarkError(f"the desk refused an order: {outcome.text}")

    def observe(self, symbol: str) -> int:
        """Take a quote as the master does; return how many fills it made."""
        seq = self.next()
        quote = Quote(
            symbol=symbol, bid=PRICE - SCALE // 100, ask=PRICE, observed_at=seq, source_time=seq,
            quote_seq=seq,
        )  # fmt: skip
        if not self.desk.would_act(quote):
            self.desk.note_quote(quote)
            return 0
        events = self.desk.observe(seq=seq, quote=quote)
        return sum(
            isinstance(event, OrderChanged) and event.kind == OrderEventKind.FILL
            for event in events
        )

    def rest(self, count: int) -> None:
        """Have so many limits rest far below the market, over all symbols in turn."""
        for number in range(count):
            self.send(self.symbols[number % len(self.symbols)], limit=PRICE // 2)
        for symbol in self.symbols:
            self.observe(symbol)

    def trade(self, orders: int, batch: int) -> float:
        """Return the seconds of so many market orders, ``batch`` of them filled by one quote."""
        filled, symbols = 0, self.symbols
        gc.collect()
        gc.freeze()
        start = time.process_time()
        for number in range(orders // batch):
            symbol = symbols[number % len(symbols)]
            for _ in range(batch):
                self.send(symbol)
            filled += self.observe(symbol)
        seconds = time.process_time() - start
        gc.unfreeze()
        if filled != orders // batch * batch:
            raise BenchmarkError(f"{filled} of {orders} market orders were filled")
        return seconds


def measure(bench: Bench) -> None:
    """Measure the rate, and the cost of an order by open orders and by assets."""
    before = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        _rate(bench)
        _flatness(bench, "a market order, others open", OPEN, lambda count: (1, count))
        _flatness(bench, "a market order, assets", ASSETS, lambda count: (count, count))
    finally:
        gc.set_threshold(*before)


def _rate(bench: Bench) -> None:
    rates = [ORDERS / Pit().trade(ORDERS, BATCH) for _ in range(bench.rounds)]
    bench.results.add("desk", "market orders", "/s", rates)
    ratio = bench.results.figures[-1].median
    text = "desk: market orders a second in one core"
    bench.results.conclude(Verdict(text=text, ratio=ratio, wanted=WANTED))
    single = [ORDERS / Pit().trade(ORDERS, 1) for _ in range(bench.rounds)]
    bench.results.add("desk", SINGLE, "/s", single)
    with bench.optional(NAUTILUS):
        bench.results.add("desk", NAUTILUS, "/s", _nautilus(bench))
        bench.results.judge("desk", SINGLE, NAUTILUS, 1)


def _nautilus(bench: Bench) -> list[float]:
    """Return NautilusTrader's rates where it is best: a quote for each order, not many orders."""
    program = Path(__file__).parent / "peers" / "nautilus.py"
    command = [bench.nautilus_python(), program, NAUTILUS_ORDERS, 1, bench.rounds]
    try:
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, check=False, timeout=NAUTILUS_S
        )
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"it took more than {NAUTILUS_S} s") from None
    if done.returncode:
        raise BenchmarkError(f"it ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    return [NAUTILUS_ORDERS / seconds for seconds in json.loads(done.stdout)]


def _flatness(
    bench: Bench, name: str, sizes: tuple[int, ...], shape: Callable[[int], tuple[int, int]]
) -> None:
    costs = []
    for size in sizes:
        assets, resting = shape(size)
        times = []
        for _ in range(bench.rounds):
            pit = Pit(assets)
            pit.rest(resting)
            times.append(pit.trade(MEASURED, 1) / MEASURED * 1e6)
        bench.results.add("desk", name, "us", times, size=size)
        costs.append(bench.results.figures[-1].median)
    text = f"desk: {name}, {sizes[-1]:,} against {sizes[0]:,}"
    verdict = Verdict(text=text, ratio=costs[-1] / costs[0], wanted=FLAT, least=False)
    bench.results.conclude(verdict)
