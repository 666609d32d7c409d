"""The desk alone, in memory: what an update costs by the orders that rest, and their memory.

Times are CPU times. No commit and no client is within them: they bound what a master can do with an
update.
"""

from __future__ import annotations

import os
import time
from typing import Final

from benchmarks import desk
from benchmarks.bench import Bench
from benchmarks.figures import Verdict
from benchmarks.processes import BenchmarkError, resident_kib
from papertrader.core.desk import Desk
from papertrader.core.money import SCALE
from papertrader.core.orders import NewOrder, OrderType, Side, TimeInForce
from papertrader.core.quotes import Asset, AssetKind, Quote

RESTING: Final = 100_000
FILLED: Final = (100, 1_000, 10_000)
UPDATES: Final = 1_000
OF_ONE: Final = 50
"""Open orders of one account in one symbol: the desk's own limit."""
DEPOSIT: Final = 1_000_000 * SCALE
PRICE: Final = 100 * SCALE
SYMBOL: Final = "ACME"


class Floor:
    """A desk, and numbers for its inputs."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.desk.list_asset(
            Asset(
                symbol=SYMBOL, name="Acme", kind=AssetKind.STOCK, currency="USD",
                tick=SCALE // 100, lot=SCALE, quantity_min=SCALE,
                quantity_max=10_000_000 * SCALE, calendar="XNYS",
            )
        )  # fmt: skip
        self.seq = 0
        self.observe(PRICE)

    def next(self) -> int:
        """Return the number of the next input."""
        self.seq += 1
        return self.seq

    def rest(self, count: int) -> None:
        """Have so many buys rest below the market, `OF_ONE` of each account.

        They have met a quote afterwards: the first one opens a new order, once.
        """
        for number in range(count):
            account = number // OF_ONE + 1
            if number % OF_ONE == 0:
                seq = self.next()
                self.desk.open_portfolio(
                    seq=seq, at=seq, account=account, portfolio=account, currency="USD",
                    deposit=DEPOSIT,
                )  # fmt: skip
            seq = self.next()
            outcome = self.desk.submit(
                NewOrder(
                    seq=seq, at=seq, received_at=seq, market_at=seq, account=account,
                    portfolio=account, client_order_id=seq, symbol=SYMBOL, side=Side.BUY,
                    order_type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, quantity=SCALE,
                    limit_price=PRICE // 2,
                )
            )  # fmt: skip
            if outcome.refusal is not None:
                raise BenchmarkError(f"the desk refused an order: {outcome.text}")
        self.observe(PRICE)

    def observe(self, price: int) -> int:
        """Take a quote as the master does; return how many events it made."""
        seq = self.next()
        quote = Quote(
            symbol=SYMBOL, bid=price - SCALE // 100, ask=price, observed_at=seq, source_time=seq,
            quote_seq=seq,
        )  # fmt: skip
        if not self.desk.would_act(quote):
            self.desk.note_quote(quote)
            return 0
        return len(self.desk.observe(seq=seq, quote=quote))


def measure(bench: Bench) -> None:
    """Measure market orders, updates that touch nothing, and updates that fill everything."""
    desk.measure(bench)
    idle, memory = [], 0.0
    for number in range(bench.rounds):
        if number == 0:
            before = resident_kib(os.getpid())
            floor = Floor()
            floor.rest(RESTING)
            memory = (resident_kib(os.getpid()) - before) / RESTING
        start = time.process_time_ns()
        for step in range(UPDATES):
            floor.observe(PRICE + step % 7 * SCALE // 100)
        idle.append((time.process_time_ns() - start) / UPDATES / 1e3)
    del floor
    bench.results.add("desk", f"update, {RESTING:,} rest, none touched", "us", idle)
    ratio = bench.results.figures[-1].median
    text = "desk: microseconds of an update that touches nothing"
    bench.results.conclude(Verdict(text=text, ratio=ratio, wanted=50, least=False))
    bench.results.add("desk", "memory of a resting order", "KiB", [memory])
    for count in FILLED:
        bench.results.add(
            "desk", "an order filled by an update", "us", _fills(bench, count), size=count
        )


def _fills(bench: Bench, count: int) -> list[float]:
    """Return the microseconds of one fill when ``count`` orders are filled by one update."""
    times = []
    for _ in range(bench.rounds):
        floor = Floor()
        floor.rest(count)
        start = time.process_time_ns()
        events = floor.observe(PRICE // 4)
        times.append((time.process_time_ns() - start) / count / 1e3)
        if events < count:
            raise BenchmarkError(f"{events} events of {count} fills")
    return times
