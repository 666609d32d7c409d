"""How cost grows with what there is: fills of many orders, orders at rest, orders in the database,
accounts, pages of history, memory. All within a master of the benchmark's own (`inside.py`)."""

from __future__ import annotations

import contextlib
import gc
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks.bench import Bench
from benchmarks.figures import Verdict
from benchmarks.inside import Inside, Spent, an_order
from benchmarks.processes import BenchmarkError
from benchmarks.product import HOLDING, SYMBOL
from papertrader.core.money import SCALE
from papertrader.core.orders import OrderType, Side
from papertrader.core.quotes import Quote
from papertrader.wire import derived
from papertrader.wire.kinds import Opcode

ACCOUNTS: Final = 50
FILLED: Final = 10_000
"""Orders of one asset that one quote makes marketable."""
FILLED_WITHIN_S: Final = 2.0
RESTING: Final = 100_000
UNTOUCHED_US: Final = 50.0
QUOTES: Final = 2_000
ORDER_KIB: Final = 1.0
ACCOUNT_KIB: Final = 2.0
ORDERS_FOR_MEMORY: Final = 20_000
ACCOUNTS_FOR_MEMORY: Final = 2_000
OUT_OF_REACH: Final = 100 * SCALE
"""A buy at this price waits: the coin costs hundreds of times as much."""
BLOCK: Final = 4_000
"""Orders over which a cost is taken."""
FLAT: Final = 1.2
PARTS: Final = {
    "reactor": "an order, decided and told",
    "truth": "an order, its share of a commit",
    "views": "an order, its views",
}
"""Of `Spent`: what an order costs at the most orders in the database."""
OF_ACCOUNTS: Final = (10, 100, 1_000, 10_000)
PAGE: Final = 10
PAGES: Final = 1_000
ASKED: Final = 50


@contextlib.contextmanager
def inside(bench: Bench, name: str, accounts: int, *, follow: bool = False) -> Iterator[Inside]:
    """Run a master of our own with so many accounts that hold something to sell."""
    state = bench.directory / name
    state.mkdir()
    made = Inside(state)
    try:
        made.open(accounts, follow)
        yield made
    finally:
        made.close()


def hold(master: Inside) -> None:
    """Buy what the clients are to sell."""
    for symbol in ("AURUSD", "NIMUSD"):
        bought = an_order(symbol, Side.BUY, OrderType.MARKET, quantity=HOLDING)
        master.send([master.order(each, bought) for each in master.sessions])
        for _ in range(QUOTES):
            # A quote shows so much only.
            if not any(master.main.transactions.desk.state.open_orders.values()):
                break
            master.turn(0.1)
            master.alive()
        else:
            raise BenchmarkError("what was bought to be sold was not filled")


def _rest(master: Inside, count: int, limit: int) -> None:
    """Have so many buys wait, of all accounts in turn."""
    connections = list(master.sessions)
    wish = an_order(SYMBOL, Side.BUY, OrderType.LIMIT, limit)
    for begun in range(0, count, BLOCK):
        master.turn(0.002)
        several = range(begun, min(count, begun + BLOCK))
        master.send([master.order(connections[n % len(connections)], wish) for n in several])


def _quote(master: Inside, price: int, number: int) -> Quote:
    known = master.main.transactions.desk.last_quote(SYMBOL)
    if known is None:
        raise BenchmarkError("the market has shown no quote")
    return Quote(
        symbol=SYMBOL, bid=price, ask=price, last=price, bid_size=2**60, ask_size=2**60,
        observed_at=master.clock.stamp_ns(), source_time=known.source_time + number,
        quote_seq=known.quote_seq + number,
    )  # fmt: skip


def measure_fills(bench: Bench) -> None:
    """One quote that fills 10,000 orders: decided, committed, told; and one that touches none."""
    whole, parts, waited = [], Spent(), 0.0
    for number in range(bench.rounds):
        with inside(bench, f"fills-{number}", ACCOUNTS, follow=True) as master:
            master.turn(0.2)
            _rest(master, FILLED, OUT_OF_REACH)
            quote = _quote(master, OUT_OF_REACH, 1)
            master.transport.clear()
            start = time.perf_counter()
            with master.measured() as parts:
                master.main.transactions.observe(quote)
                master.turn()
            waited = time.perf_counter() - start
            whole.append(parts.reactor + parts.truth)
            told = sum(each.opcode == Opcode.EV_TX for each in master.replies())
            if told != FILLED:
                raise BenchmarkError(f"{told} of {FILLED} fills were told")
    note = (
        f"reactor {parts.reactor:.2f}, commit {parts.truth:.2f}, views later {parts.views:.2f};"
        f" by the clock, with the views, {waited:.2f} s"
    )
    bench.results.add("fills", "10,000 filled, committed, told", "CPU s", whole, note=note)
    text = "fills: CPU seconds until 10,000 orders are filled, committed and told"
    bench.results.conclude(
        Verdict(text=text, ratio=_median(whole), wanted=FILLED_WITHIN_S, least=False)
    )
    _untouched(bench)


def _untouched(bench: Bench) -> None:
    costs = []
    with inside(bench, "untouched", ACCOUNTS) as master:
        master.turn(0.2)
        _rest(master, RESTING, OUT_OF_REACH)
        for _ in range(3):
            # The first quote is the first that they meet: that is told of each of them, once.
            master.turn(0.2)
        for _ in range(bench.rounds):
            price = OUT_OF_REACH * 100
            quotes = [_quote(master, price, number + 1) for number in range(QUOTES)]
            observe = master.main.transactions.observe
            start = time.process_time()
            for quote in quotes:
                observe(quote)
            costs.append((time.process_time() - start) / QUOTES * 1e6)
    bench.results.add("fills", "a quote, 100,000 at rest untouched", "us", costs)
    text = "fills: us for a quote that touches none of 100,000 orders"
    bench.results.conclude(
        Verdict(text=text, ratio=_median(costs), wanted=UNTOUCHED_US, least=False)
    )


def measure_accounts_memory(bench: Bench) -> None:
    """Memory of the master for each order at rest, and each account that does nothing.

    What Python has allocated: the page caches of the databases, 18 MiB at most, stay apart, and so
    do remembered texts of frames.
    """
    _orders_memory(bench)
    count = ACCOUNTS_FOR_MEMORY
    with inside(bench, "accounts", 100) as master:
        tracemalloc.start(1)
        try:
            before = _traced()
            master.register(count)
            alone = (_traced() - before) / count
            before = _traced()
            master.open(100 + count)
            more = (_traced() - before) / count
        finally:
            tracemalloc.stop()
    name = "master, of an idle account"
    bench.results.add("memory", name, "KiB/account", [alone], size=count)
    named = f"{name}, its session and connection"
    bench.results.add("memory", named, "KiB/account", [more], size=count)
    text = "memory: KiB of the master for an idle account"
    bench.results.conclude(Verdict(text=text, ratio=alone, wanted=ACCOUNT_KIB, least=False))


def _orders_memory(bench: Bench) -> None:
    """Measure an order at rest that has met a quote; replies kept for sessions stay apart."""
    count = ORDERS_FOR_MEMORY
    with inside(bench, "orders-memory", ACCOUNTS) as master:
        master.turn(0.2)
        tracemalloc.start(1)
        try:
            before = _traced()
            _rest(master, count, OUT_OF_REACH)
            for _ in range(3):
                master.turn(0.2)
            for session in master.main.authorization.sessions:
                session.replies.clear()
            master.transport.clear()
            grown = (_traced() - before) / count
        finally:
            tracemalloc.stop()
    bench.results.add("memory", "master, of a resting order", "KiB/order", [grown], size=count)
    text = "memory: KiB of the master for a resting order"
    bench.results.conclude(Verdict(text=text, ratio=grown, wanted=ORDER_KIB, least=False))


def _traced() -> float:
    gc.collect()
    # Texts that frames had lately, 8,192 at most: they are no account's.
    derived._ascii_memo.clear()
    derived._packed_memo.clear()
    return tracemalloc.get_traced_memory()[0] / 1024


def measure_scale(bench: Bench) -> None:
    """CPU of the master for an order: by orders in the database, and by accounts."""
    _by_orders(bench)
    _by_accounts(bench)


def _by_orders(bench: Bench) -> None:
    sizes = [size for size in (100, 1_000, 10_000, 100_000, 1_000_000) if size <= bench.largest]
    costs: dict[int, list[float]] = {}
    with inside(bench, "scale", ACCOUNTS) as master:
        master.turn(0.2)
        hold(master)
        done, rounds = 0, BLOCK // (ACCOUNTS * 16)
        for size in sizes:
            while done < size:
                step = min(rounds, -(-(size - done) // (ACCOUNTS * 16)))
                master.trade(step)
                done += step * ACCOUNTS * 16
            costs[size] = []
            spends = []
            for _ in range(bench.rounds):
                spent = master.trade(rounds)
                done += rounds * ACCOUNTS * 16
                spends.append(spent)
                costs[size].append(spent.whole / (rounds * ACCOUNTS * 16) * 1e6)
    _tell_flat(bench, "an order, orders in the database", costs)
    for part, name in PARTS.items():
        values = [getattr(each, part) / (rounds * ACCOUNTS * 16) * 1e6 for each in spends]
        bench.results.add("scale", name, "CPU us", values)


def _by_accounts(bench: Bench) -> None:
    sizes = [size for size in OF_ACCOUNTS if size <= bench.largest]
    costs: dict[int, list[float]] = {}
    for size in sizes:
        with inside(bench, f"accounts-{size}", size) as master:
            master.turn(0.2)
            hold(master)
            everyone = dict(master.sessions)
            costs[size] = []
            orders = BLOCK // 16
            for number in range(bench.rounds + 1):
                names = list(everyone)
                first = number * orders % len(names)
                turn = (names[first:] + names[:first])[:orders]
                depth = max(1, 16 * orders // len(turn) // 4)
                master.sessions = {name: everyone[name] for name in turn}
                spent = master.trade(4, depth)
                if number:  # The first finds nothing in the caches.
                    costs[size].append(spent.whole / (4 * depth * len(turn)) * 1e6)
    _tell_flat(bench, "an order, accounts", costs)


def _tell_flat(bench: Bench, name: str, costs: dict[int, list[float]]) -> None:
    for size, values in costs.items():
        bench.results.add("scale", name, "CPU us", values, size=size)
    medians = [_median(values) for values in costs.values()]
    sizes = list(costs)
    text = f"scale: {name}: dearest of {sizes[0]:,} to {sizes[-1]:,} against the cheapest"
    ratio = max(medians) / min(medians)
    bench.results.conclude(Verdict(text=text, ratio=ratio, wanted=FLAT / 0.8, least=False))


def measure_pages(bench: Bench) -> None:
    """A page of an account's transactions by cursor: the first and the thousandth."""
    with inside(bench, "pages", 1) as master:
        master.turn(0.2)
        hold(master)
        while master.main.transactions.desk.state.accounts[1].transaction_id < PAGE * PAGES:
            master.trade(4, 400)
        store = master.main.view_store
        portfolio = master.main.transactions.desk.state.accounts[1].portfolios[0]

        def cost(after: int) -> float:
            start = time.process_time()
            for _ in range(ASKED):
                rows = store.transactions(1, portfolio, after, 0, 2**62, 0, PAGE)
            if len(rows) != PAGE:
                raise BenchmarkError(f"a page of {len(rows)} rows, not {PAGE}")
            return (time.process_time() - start) / ASKED * 1e6

        pages = {1: 0, PAGES: PAGE * (PAGES - 1) - PAGE}
        costs: dict[int, list[float]] = {number: [] for number in pages}
        for _ in range(bench.rounds):
            for number, after in pages.items():
                costs[number].append(cost(after))
    for number, values in costs.items():
        bench.results.add("scale", "a page of history, by its number", "us", values, size=number)
    ratio = _median(costs[PAGES]) / _median(costs[1])
    text = "scale: page 1,000 of a history against page 1"
    bench.results.conclude(Verdict(text=text, ratio=ratio, wanted=FLAT, least=False))


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
