"""What this machine gives: its disk, the codec, and PaperTrader itself, measured side by side.

For an operator: from an installed package, without the peers that `benchmarks` compares with. The
product runs as it is, ``papertrader up`` with the simulated market on free ports, in a directory
that is made for it beside the state directory, so that it is on the same disk, and thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import select
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from papertrader.client.aio import AsyncClient
from papertrader.client.errors import RefusedError
from papertrader.core.money import NULL
from papertrader.core.orders import OrderType, Side, TimeInForce
from papertrader.wire import codec
from papertrader.wire import messages as m

FSYNCS: Final = 200
GROUPS: Final = 20
GROUP: Final = 64
PARSES: Final = 20_000
START_S: Final = 60.0
STOP_S: Final = 15.0
SYMBOL: Final = "AURUSD"
QUANTITY: Final = "0.001"
HELD: Final = "0.1"
"""Bought first, so that there is something to sell."""
FILLED_S: Final = 3.0
"""By then the next quote has filled it."""
ONE_BY_ONE: Final = 100
PAUSE_S: Final = 0.15
"""Between two connections: a worker takes ten new ones a second of an address."""
RATE_MAX: Final = 45
"""Orders a second of one client; its worker takes 50."""


class MeasuringError(Exception):
    """Something could not be measured; the text says what to do."""


@attrs.frozen
class Measured:
    """One figure, and what it was with."""

    name: str
    value: float
    unit: str
    note: str = ""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` (0 to 1) of some values lie; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def disk(directory: Path) -> Iterator[Measured]:
    """Measure what durability costs here: a write of 4 KiB, and commits of SQLite."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=directory) as name:
        place = Path(name)
        times = _fsyncs(place / "file")
        note = f"p99 {percentile(times, 0.99):,.0f} us"
        yield Measured("disk: fdatasync of 4 KiB, p50", percentile(times, 0.5), "us", note)
        for size in (1, GROUP):
            rate = _commits(place / f"rows-{size}.db", size)
            note = "WAL, synchronous FULL, five rows an order"
            yield Measured(f"SQLite: orders, {size} in a commit", rate, "/s", note)


def _fsyncs(path: Path) -> list[float]:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(file, bytes(4096 * FSYNCS), 0)
        os.fsync(file)
        times = []
        for number in range(FSYNCS):
            start = time.perf_counter_ns()
            os.pwrite(file, b"x" * 4096, 4096 * number)
            os.fdatasync(file)
            times.append((time.perf_counter_ns() - start) / 1e3)
        return times
    finally:
        os.close(file)


def _commits(path: Path, size: int) -> float:
    """Return the orders a second of plain SQLite: what a simpler program would do."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, kind INTEGER, body BLOB)")
        body = secrets.token_bytes(100)
        start = time.perf_counter()
        for _ in range(GROUPS):
            db.execute("BEGIN IMMEDIATE")
            for _ in range(size):
                for kind in range(5):
                    db.execute("INSERT INTO row (kind, body) VALUES (?, ?)", (kind, body))
            db.execute("COMMIT")
        return GROUPS * size / (time.perf_counter() - start)


def wire() -> Iterator[Measured]:
    """Measure the CPU time of reading a new order."""
    order = m.OrderNew(
        client_order_id=7, symbol=SYMBOL, side=Side.BUY, order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC, quantity=10**8, limit_price=NULL,
    )  # fmt: skip
    octets = codec.encode(order, session=1, correlation=1, seq=1)
    start = time.process_time_ns()
    for _ in range(PARSES):
        codec.decode(octets)
    spent = (time.process_time_ns() - start) / PARSES / 1e3
    yield Measured("codec: a new order read, with its header", spent, "us", "CPU of one core")


@contextlib.contextmanager
def server(directory: Path) -> Iterator[tuple[str, str]]:
    """Run PaperTrader for the length of a block; give the worker's address and the CA's file.

    Raises `MeasuringError` if it does not start.
    """
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=directory) as name:
        program = str(Path(sys.executable).with_name("papertrader"))
        command = [
            program, "up", "--state-dir", str(Path(name) / "state"), "--worker-port", "0",
            "--master-port", "0", "--market", "simulated",
        ]  # fmt: skip
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            words = dict(word.split("=", 1) for word in _ready(process).split()[1:])
            yield words["worker"], words["ca"]
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _ready(process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_S
    while process.stdout is not None and (left := deadline - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            break
        line = process.stdout.readline().decode(errors="replace")
        if line.startswith("READY "):
            return line
        if not line:
            break
    raise MeasuringError("papertrader up did not start here; run it by hand to see why")


async def product(address: str, ca: str, clients: int, rate: int, seconds: float) -> list[Measured]:
    """Measure one client with one order at a time, then ``clients`` with ``rate`` a second each."""
    async with contextlib.AsyncExitStack() as stack:
        traders = []
        for number in range(clients):
            trader = await stack.enter_async_context(AsyncClient(address, ca))
            password = secrets.token_hex(16)
            await trader.register(f"bench{number}", password)
            await trader.login(f"bench{number}", password)
            await trader.buy(SYMBOL, HELD)
            traders.append(trader)
            await asyncio.sleep(PAUSE_S)
        await asyncio.sleep(FILLED_S)
        found = await _one_by_one(traders[0])
        found.append(await _offered(traders, rate, seconds))
        return found


async def _one_by_one(trader: AsyncClient) -> list[Measured]:
    reads, orders = [], []
    for number in range(ONE_BY_ONE):
        began = time.perf_counter()
        await trader.account()
        reads.append((time.perf_counter() - began) * 1e3)
        orders.append(await _order(trader, number))
        # Below the rate that a worker takes of one session.
        await asyncio.sleep(max(0.0, 2.2 / 50 - (time.perf_counter() - began)))
    return [
        Measured(
            f"one client, one at a time: {name}, p50", percentile(times, 0.5), "ms",
            f"p99 {percentile(times, 0.99):.2f} ms",
        )
        for name, times in (("account read", reads), ("durable order", orders))
    ]  # fmt: skip


async def _order(trader: AsyncClient, number: int) -> float:
    """Send a market order; return the milliseconds until it was answered, durable."""
    began = time.perf_counter()
    if number % 2:
        await trader.sell(SYMBOL, QUANTITY)
    else:
        await trader.buy(SYMBOL, QUANTITY)
    return (time.perf_counter() - began) * 1e3


async def _offered(traders: Sequence[AsyncClient], rate: int, seconds: float) -> Measured:
    """Offer a steady load, whether or not it is answered; tell what came of it."""
    times: list[float] = []
    refused = 0

    async def one(trader: AsyncClient, number: int, due: float) -> None:
        nonlocal refused
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        try:
            await _order(trader, number)
        except RefusedError:
            refused += 1
            return
        # Counted from when it was due: who sends late has waited, too.
        times.append((time.perf_counter() - due) * 1e3)

    begun, used = time.perf_counter() + 0.1, time.process_time()
    orders = [
        one(trader, number, begun + number / rate + place / rate / len(traders))
        for place, trader in enumerate(traders)
        for number in range(int(rate * seconds))
    ]
    await asyncio.gather(*orders)
    passed = time.perf_counter() - begun
    share = (time.process_time() - used) / passed
    note = (
        f"offered {rate * len(traders):,}/s by {len(traders)} clients, p50"
        f" {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms,"
        f" {refused} refused, the clients' own CPU {share:.2f} cores"
    )
    return Measured("durable orders", len(times) / passed, "/s", note)
