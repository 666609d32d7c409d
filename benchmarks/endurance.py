"""Orders for a minute without a pause, and two workers against one."""

from __future__ import annotations

import contextlib
import threading
from typing import Final

from benchmarks import processes, product
from benchmarks.bench import Bench
from benchmarks.figures import Verdict
from benchmarks.peers.postgres import postgres
from benchmarks.processes import Load, Seen, module, only_rate, server
from benchmarks.product import Product
from benchmarks.scenarios import PGBENCH, product_load

SETTLE_S: Final = 60.0
BEHIND_S: Final = 1.0
"""Views that are further behind after the load would have fallen behind for good."""
CONNS: Final = 50
DEPTH: Final = 16


def measure_sustained(bench: Bench) -> None:
    """A minute of orders from 50 x 16: the rate in its halves, and how far behind the views are."""
    with (
        product.product(bench.directory / "sustained") as running,
        product_load(bench, running, product.orders(), CONNS, DEPTH, of_one=1) as load,
    ):
        half = bench.sustained_s / 2
        first = load.run(half, bench.warm)
        second = load.run(half, 0.0)
        behind = processes.settle(running.master.workings, SETTLE_S)
    bench.results.add_seen("sustained", "orders, first half", [first])
    bench.results.add_seen("sustained", "orders, second half", [second])
    bench.results.add("sustained", "then behind by", "s", [behind])
    text = "sustained: orders per CPU second, second half against first"
    ratio = second.per_cpu_second / first.per_cpu_second
    bench.results.conclude(Verdict(text=text, ratio=ratio, wanted=0.8))
    text = f"sustained: seconds behind after {bench.sustained_s:.0f} s"
    bench.results.conclude(Verdict(text=text, ratio=behind, wanted=BEHIND_S, least=False))


def measure_postgres(bench: Bench) -> None:
    """Durable orders with PostgreSQL as the store, beside pgbench on the same server, by turns."""
    with (
        postgres() as cluster,
        product.product(bench.directory / "postgres", {"store.url": cluster.url}) as running,
        product_load(bench, running, product.orders(), CONNS, DEPTH, of_one=1) as load,
        product_load(bench, running, product.orders(), 1, 1, of_one=1, skip=CONNS) as one,
    ):
        behind: list[float] = []

        def ours() -> Seen:
            seen = load.run(bench.seconds, bench.warm)
            behind.append(processes.settle(running.master.workings, SETTLE_S))
            return seen

        seen = bench.turns(
            {
                "product on PostgreSQL [50x16]": ours,
                "product on PostgreSQL [1x1]": lambda: one.run(bench.seconds, bench.warm),
                PGBENCH: lambda: only_rate(cluster.transactions(max(1, round(bench.seconds)))),
            }
        )
    for name, rounds in seen.items():
        bench.results.add_seen("postgres", name, rounds)
    bench.results.add("postgres", "product, then behind by", "s", behind)
    bench.results.judge("postgres", "product on PostgreSQL [50x16]", PGBENCH, 1)


def measure_workers(bench: Bench) -> None:
    """The same clients over one worker and over two: account reads, and orders."""
    with product.product(bench.directory / "workers", workers=2) as running:
        second = module("benchmarks.servers.worker", running.state, running.master.port, 2)
        with server(*second) as other:
            far = product.Product(
                running.state, running.master, other, running.start_cpu, running.accounts
            )
            for name, requests, of_one in (
                ("account reads", product.account_read(), product.SESSIONS_OF_ONE),
                ("orders", product.orders(), 1),
            ):
                _compare(bench, running, far, name, requests, of_one)


def _compare(
    bench: Bench, near: Product, far: Product, name: str, requests: list[bytes], of_one: int
) -> None:
    with contextlib.ExitStack() as stack:

        def load(running: Product, conns: int, skip: int) -> Load:
            made = product_load(bench, running, requests, conns, DEPTH, of_one=of_one, skip=skip)
            return stack.enter_context(made)

        one = load(near, CONNS, 0)
        # Each has accounts of its own: a session belongs to one connection.
        two = [load(near, CONNS // 2, CONNS), load(far, CONNS // 2, CONNS + CONNS // 2)]

        def both() -> Seen:
            seen: list[Seen] = []
            threads = [threading.Thread(target=_run, args=(bench, each, seen)) for each in two]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return _sum(seen)

        rounds = bench.turns(
            {
                "over one worker": lambda: one.run(bench.seconds, bench.warm),
                "over two workers": both,
            }
        )
    for kind, seen in rounds.items():
        bench.results.add_seen("workers", f"{name} {kind}", seen)


def _run(bench: Bench, load: Load, seen: list[Seen]) -> None:
    seen.append(load.run(bench.seconds, bench.warm))


def _sum(seen: list[Seen]) -> Seen:
    """Return two loads that ran at once as one; the master's CPU, in both, is counted once."""
    first, second = seen
    return Seen(
        rate=first.rate + second.rate,
        errors=first.errors + second.errors,
        worst_status=max(first.worst_status, second.worst_status),
        p50_us=max(first.p50_us, second.p50_us),
        p99_us=max(first.p99_us, second.p99_us),
        load_cpu=first.load_cpu + second.load_cpu,
        server_cpu=(first.server_cpu[0], second.server_cpu[0], first.server_cpu[1]),
        others=min(first.others, second.others),
    )
