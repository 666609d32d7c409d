"""What is measured over the network: relay, cached reads, durable orders."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Final

from benchmarks import processes, product
from benchmarks.bench import Bench
from benchmarks.figures import Verdict
from benchmarks.peers.groupcommit import GroupCommit
from benchmarks.peers.postgres import postgres
from benchmarks.processes import Load, Running, Seen, module, only_rate, options, server
from benchmarks.product import Product

ECHO: Final = "floor: Twisted TLS echo"
RELAY: Final = "floor: Twisted TLS relay"
LOOKING: Final = "floor: a relay that looks"
JOURNAL: Final = "floor: relay with journal"
SQLITE: Final = "floor: sqlite3 group commit"
AMP: Final = "peer: AMP, one hop"
REST: Final = "peer: REST, SQLAlchemy"
PGBENCH: Final = "peer: pgbench -c 16"
OURS: Final = "product"
FRAME: Final = bytes(64)
REST_BODY: Final = b'{"account":1,"symbol":"AURUSD","side":"buy","quantity":1}'
REST_REQUEST: Final = (
    b"POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(REST_BODY), REST_BODY)
)
IN_FLIGHT: Final = ((1, 1), (8, 1), (12, 1), (16, 1), (64, 1), (64, 4), (50, 16), (64, 16))
"""Connections and requests open on each: 1 to 1,024 orders in flight, several near to where half of
the peak is."""
FSYNCS: Final = 200
SETTLE_S: Final = 20.0
Round = Callable[[float, float], Seen]
"""Runs for so many seconds after so many to get warm."""


@contextlib.contextmanager
def relay_floor(bench: Bench, *arguments: object) -> Iterator[tuple[Running, list[int]]]:
    """Run the bare relay; give its worker and the pids of worker and master."""
    name = "benchmarks.peers.relay"
    to_worker = [each for each in arguments if each == "--look"]
    with (
        server(*module(name, "master", bench.tls, *arguments)) as master,
        server(*module(name, "worker", bench.tls, master.port, *to_worker)) as worker,
    ):
        yield worker, [worker.pid, master.pid]


def floor_load(
    bench: Bench, running: Running, pids: Sequence[int], conns: int, depth: int
) -> contextlib.AbstractContextManager[Load]:
    """Connect a load of bare frames."""
    return processes.load(
        bench.program, "ask", "--port", running.port, "--conns", conns, "--depth", depth,
        "--framing", "fixed:64", "--request", bench.file(FRAME), *options("pid", pids),
    )  # fmt: skip


def product_load(
    bench: Bench,
    running: Product,
    requests: Sequence[bytes],
    conns: int,
    depth: int,
    *,
    of_one: int = product.SESSIONS_OF_ONE,
    skip: int = 0,
) -> contextlib.AbstractContextManager[Load]:
    """Connect a load of the product's requests, each connection with its session."""
    files = [bench.file(each) for each in requests]
    greeting = bench.file(product.prologue(running, conns, of_one=of_one, skip=skip))
    return processes.load(
        bench.program, "ask", "--port", running.worker.port, "--conns", conns, "--depth", depth,
        "--framing", "ptwp", "--alpn", "ptwp/1", "--prologue", greeting,
        "--keepalive", bench.file(product.keepalive()), *options("request", files),
        *options("pid", running.pids),
    )  # fmt: skip


def measure_relay(bench: Bench) -> None:
    """An account read through worker and master, beside the bare relay and AMP."""
    from benchmarks.peers import amp  # noqa: PLC0415 (makes an AMP box of its own)

    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        running = enter(product.product(bench.directory / "relay"))
        floor, pids = enter(relay_floor(bench))
        looking, their_pids = enter(relay_floor(bench, "--look"))
        boxes = enter(server(*module("benchmarks.peers.amp", bench.tls)))
        reads = product.account_read()
        for conns, depth in ((50, 16), (50, 1), (1, 1)):
            with contextlib.ExitStack() as loads:
                inside = {
                    OURS: loads.enter_context(product_load(bench, running, reads, conns, depth)),
                    RELAY: loads.enter_context(floor_load(bench, floor, pids, conns, depth)),
                    LOOKING: loads.enter_context(
                        floor_load(bench, looking, their_pids, conns, depth)
                    ),
                    AMP: loads.enter_context(
                        processes.load(
                            bench.program, "ask", "--port", boxes.port, "--conns", conns,
                            "--depth", depth, "--framing", f"fixed:{len(amp.REPLY)}",
                            "--request", bench.file(amp.REQUEST), "--pid", boxes.pid,
                        )
                    ),
                }  # fmt: skip
                section = f"relay {conns}x{depth}"
                for name, seen in bench.take_turns(inside).items():
                    bench.results.add_seen(section, name, seen)
    bench.results.judge("relay 50x16", OURS, RELAY, 0.5)
    bench.results.judge("relay 50x16", OURS, AMP, 4)


def measure_reads(bench: Bench) -> None:
    """Quotes from the worker's cache, beside the bare echo."""
    with (
        product.product(bench.directory / "reads") as running,
        server(*module("benchmarks.peers.echo", bench.tls)) as echo,
    ):
        reads = product.quote_read()
        for conns, depth, wanted in ((50, 16, 0.4), (1_000, 1, 0.7)):
            with (
                product_load(bench, running, reads, conns, depth) as ours,
                floor_load(bench, echo, [echo.pid], conns, depth) as floor,
            ):
                section = f"reads {conns}x{depth}"
                for name, seen in bench.take_turns({OURS: ours, ECHO: floor}).items():
                    bench.results.add_seen(section, name, seen)
            bench.results.judge(section, OURS, ECHO, wanted)


# --- durable orders -----------------------------------------------------------------------------


def measure_orders(bench: Bench) -> None:
    """Durable orders by the number in flight, beside floors and peers, all in turns."""
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        running = enter(product.product(bench.directory / "orders"))
        floor, pids = enter(relay_floor(bench, "--journal", bench.directory / "floor-journal"))
        bare, bare_pids = enter(relay_floor(bench))
        peers = _peers(bench, stack)
        loaded: dict[tuple[int, int], list[Seen]] = {}
        for conns, depth in IN_FLIGHT:
            shape, in_flight = (conns, depth), conns * depth
            raw = GroupCommit(bench.directory / f"group-{in_flight}.db")
            with (
                product_load(bench, running, product.orders(), conns, depth, of_one=1) as ours,
                floor_load(bench, floor, pids, conns, depth) as journal,
                floor_load(bench, bare, bare_pids, 1, 1) as one,
            ):
                more = {JOURNAL: journal.run} | (peers if shape == (50, 16) else {})
                if shape == (1, 1):
                    more[RELAY] = one.run
                more[SQLITE] = _in_memory(raw, in_flight)
                loaded[shape] = _orders_in_flight(bench, running, ours, more, shape)
            raw.close()
    bench.results.judge("orders 50x16", OURS, REST, 20)
    bench.results.judge("orders 50x16", OURS, PGBENCH, 4)
    bench.results.judge("orders 50x16", OURS, JOURNAL, 0.15)
    _half_load(bench, loaded)
    _one_client(bench)


def _orders_in_flight(
    bench: Bench, running: Product, ours: Load, more: dict[str, Round], shape: tuple[int, int]
) -> list[Seen]:
    """Measure one number of orders in flight; return the product's rounds."""
    behind: list[float] = []

    def ours_and_settle() -> Seen:
        # What the master does late must take no CPU from whoever comes next; it is told.
        seen = ours.run(bench.seconds, bench.warm)
        behind.append(processes.settle(running.master.workings, SETTLE_S))
        return seen

    def round_of(run: Round) -> Callable[[], Seen]:
        return lambda: run(bench.seconds, bench.warm)

    runners = {OURS: ours_and_settle} | {name: round_of(run) for name, run in more.items()}
    size = shape[0] * shape[1]
    section = "orders 50x16" if shape == (50, 16) else "orders"
    rounds = bench.turns(runners)
    for name, seen in rounds.items():
        if name != RELAY:
            bench.results.add_seen(section, name, seen, size=size)
        if shape == (1, 1) and name in (OURS, RELAY):
            bench.results.add("orders 1x1", name, "us p50", [each.p50_us for each in seen])
    bench.results.add(section, "product, then behind by", "s", behind)
    return rounds[OURS]


def _half_load(bench: Bench, loaded: dict[tuple[int, int], list[Seen]]) -> None:
    """The p99 at the number in flight whose rate is nearest to half of the peak."""
    rates = {shape: median(each.rate for each in seen) for shape, seen in loaded.items()}
    half = max(rates.values()) / 2
    shape = min(rates, key=lambda each: abs(rates[each] - half))
    p99 = [each.p99_us / 1e3 for each in loaded[shape]]
    note = f"{rates[shape]:,.0f}/s with {shape[0] * shape[1]} in flight, of {2 * half:,.0f}/s"
    bench.results.add("orders", "product, at half of its peak", "ms p99", p99, note=note)
    text = "orders: p99 at half of the peak, ms"
    bench.results.conclude(Verdict(text=text, ratio=median(p99), wanted=15, least=False))


def _in_memory(raw: GroupCommit, in_flight: int) -> Round:
    return lambda seconds, warm: only_rate(raw.run(in_flight, seconds))


def _peers(bench: Bench, stack: contextlib.ExitStack) -> dict[str, Round]:
    """Start REST and PostgreSQL, whichever can run here."""
    peers: dict[str, Round] = {}
    with bench.optional(REST):
        database = bench.directory / "rest.db"
        python = bench.peer_python()
        command = module("benchmarks.peers.rest", bench.tls, database, python=python)
        rest = stack.enter_context(server(*command))
        load = stack.enter_context(
            processes.load(
                bench.program, "ask", "--port", rest.port, "--conns", 50, "--depth", 1,
                "--framing", "http", "--request", bench.file(REST_REQUEST), "--pid", rest.pid,
            )
        )  # fmt: skip
        peers[REST] = load.run
    with bench.optional(PGBENCH):
        cluster = stack.enter_context(postgres())

        def transactions(seconds: float, warm: float) -> Seen:
            return only_rate(cluster.transactions(max(1, round(seconds))))

        peers[PGBENCH] = transactions
    return peers


def _one_client(bench: Bench) -> None:
    """One client, one order at a time, beside two TLS hops and an fsync."""
    bench.results.add("orders 1x1", "fdatasync of 4 KiB", "us p50", _fsyncs(bench))
    ours = bench.results.find("orders 1x1", OURS)
    sync = bench.results.find("orders 1x1", "fdatasync of 4 KiB")
    both = bench.results.find("orders 1x1", RELAY)
    if ours is not None and sync is not None and both is not None:
        ratio = ours.median / (both.median + sync.median)
        text = "orders 1x1: product / (two TLS hops + one fsync), p50"
        bench.results.conclude(Verdict(text=text, ratio=ratio, wanted=2.5, least=False))


def _fsyncs(bench: Bench) -> list[float]:
    """Return the median microseconds of a durable write of 4 KiB, for each round."""
    file = os.open(bench.directory / "fsync", os.O_RDWR | os.O_CREAT)
    try:
        os.pwrite(file, bytes(4096 * FSYNCS), 0)
        os.fsync(file)
        medians = []
        for _ in range(bench.rounds):
            times = []
            for number in range(FSYNCS):
                start = time.perf_counter_ns()
                os.pwrite(file, b"x" * 4096, 4096 * number)
                os.fdatasync(file)
                times.append((time.perf_counter_ns() - start) / 1e3)
            medians.append(sorted(times)[FSYNCS // 2])
    finally:
        os.close(file)
    return medians
