"""What is measured of a server's state: fan-out, memory of idle clients, start-up, audit."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable
from typing import Final

import attrs

from benchmarks import processes, product
from benchmarks.bench import Bench
from benchmarks.figures import load_note
from benchmarks.processes import Load, Seen, module, options, resident_kib, server
from benchmarks.product import Product
from benchmarks.scenarios import ECHO, OURS, floor_load, product_load
from papertrader.ops.inspection import audit

SUBSCRIBERS: Final = (100, 1_000)
PERIOD_S: Final = 0.1
WEBSOCKET: Final = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
AWAIT_HTTP: Final = 1
TWISTED: Final = "peer: Twisted transport.write"
OUR_WORKER: Final = "product, its worker alone"
IDLE: Final = (500, 1_000)
"""Start-up leaves memory of its own free; the first hundreds take that and seem to cost little."""
AUDITED_S: Final = 4.0
Connect = Callable[[int], contextlib.AbstractContextManager[Load]]


def measure_fanout(bench: Bench) -> None:
    """Deliveries for each CPU second, one update of one symbol ten times a second."""
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(product.product(bench.directory / "fanout"))
        connects: dict[str, Connect] = {OURS: lambda conns: subscribers(bench, running, conns)}
        for kind, name in (
            ("twisted", TWISTED),
            ("websockets", "peer: websockets.broadcast"),
            ("fastapi", "peer: FastAPI WebSocket"),
        ):
            with bench.optional(name):
                connects[name] = _peer(bench, stack, kind)
        for conns in SUBSCRIBERS:
            seen = bench.turns(
                {name: _once(bench, connect, conns) for name, connect in connects.items()}
            )
            for name, rounds in seen.items():
                rates = [each.per_cpu_second for each in rounds]
                note = f"{rounds[0].rate:,.0f} deliveries/s, {load_note(rounds)}"
                bench.results.add("fan-out", name, "/CPU s", rates, size=conns, note=note)
            # The peers have no market and no second process: their like is the worker alone.
            alone = [each.rate / (each.server_cpu[0] or 1e-9) for each in seen[OURS]]
            bench.results.add("fan-out", OUR_WORKER, "/CPU s", alone, size=conns)
    for ours, name in itertools.product((OUR_WORKER, OURS), list(connects)[1:]):
        wanted = 1.4 if name == TWISTED else 1.0
        bench.results.judge("fan-out", ours, name, wanted, size=SUBSCRIBERS[-1])


def _once(bench: Bench, connect: Connect, conns: int) -> Callable[[], Seen]:
    def run() -> Seen:
        # Connected for this round only: another server's deliveries would take its CPU.
        with connect(conns) as load:
            return load.run(bench.seconds, bench.warm)

    return run


def subscribers(
    bench: Bench, running: Product, conns: int, *, web: bool = False
) -> contextlib.AbstractContextManager[Load]:
    """Connect clients that follow every quote of one symbol; ``web``: as browsers do."""
    greeting = product.prologue(running, conns, then=product.subscription(), web=web)
    alive = product.masked(product.keepalive()) if web else product.keepalive()
    port = running.worker.web if web else running.worker.port
    spoken = ("--framing", "ptws") if web else ("--framing", "ptwp", "--alpn", "ptwp/1")
    return processes.load(
        bench.program, "listen", "--port", port, "--conns", conns, *spoken,
        "--prologue", bench.file(greeting), "--keepalive", bench.file(alive),
        *options("pid", running.pids),
    )  # fmt: skip


def _peer(bench: Bench, stack: contextlib.ExitStack, kind: str) -> Connect:
    """Start a peer and return what connects a load to it."""
    bare = kind == "twisted"
    name = "benchmarks.peers.broadcast"
    command = (
        module(name, bench.tls, kind, PERIOD_S)
        if bare
        else module(name, bench.tls, kind, PERIOD_S, python=bench.peer_python())
    )
    peer = stack.enter_context(server(*command))

    def connect(conns: int) -> contextlib.AbstractContextManager[Load]:
        one = (
            len(WEBSOCKET).to_bytes(4, "big") + WEBSOCKET + bytes(4) + bytes((0, 0, 0, AWAIT_HTTP))
        )
        # A WebSocket frame of 160 octets has a head of 4.
        more = [] if bare else ["--prologue", bench.file(one * conns)]
        framing = "sock:160" if bare else "sock:164"
        return processes.load(
            bench.program, "listen", "--port", peer.port, "--conns", conns, "--framing", framing,
            "--pid", peer.pid, *more,
        )  # fmt: skip

    return connect


def measure_memory(bench: Bench) -> None:
    """Resident memory of each idle client: with a session at a worker, bare at the floor. Each
    number of clients meets a new one; what the first clients need is not counted."""
    per_client: dict[str, list[float]] = {OURS: [], ECHO: []}
    for number in range(bench.rounds):
        with product.product(bench.directory / f"memory-{number}", workers=2) as running:
            # What opened the accounts has grown already; clients of it would seem to need nothing.
            product.open_accounts(running, -(-IDLE[1] // product.SESSIONS_OF_ONE))
            second = module("benchmarks.servers.worker", running.state, running.master.port, 2)
            ours, floor = [], []
            for conns in IDLE:
                with server(*second) as worker:
                    new = attrs.evolve(running, worker=worker)
                    ours.append(_resident(worker.pid, _idle(bench, new, conns)))
                with server(*module("benchmarks.peers.echo", bench.tls)) as echo:
                    load = floor_load(bench, echo, [echo.pid], conns, 1)
                    floor.append(_resident(echo.pid, load))
        for name, sizes in ((OURS, ours), (ECHO, floor)):
            per_client[name].append((sizes[1] - sizes[0]) / (IDLE[1] - IDLE[0]))
    for name, values in per_client.items():
        bench.results.add("memory", name, "KiB/client", values)


def _idle(bench: Bench, running: Product, conns: int) -> contextlib.AbstractContextManager[Load]:
    return product_load(bench, running, product.quote_read(), conns, 1)


def _resident(pid: int, load: contextlib.AbstractContextManager[Load]) -> int:
    with load:
        time.sleep(0.5)
        return resident_kib(pid)


def measure_start(bench: Bench) -> None:
    """CPU seconds until READY, of a new installation."""
    masters, workers = [], []
    for number in range(bench.rounds):
        with product.product(bench.directory / f"start-{number}") as running:
            masters.append(running.start_cpu[0])
            workers.append(running.start_cpu[1])
    bench.results.add("start", "master", "CPU s", masters)
    bench.results.add("start", "worker", "CPU s", workers)


def measure_audit(bench: Bench) -> None:
    """Orders audited a second, of an installation that took orders for some seconds."""
    state = bench.directory / "audit"
    with (
        product.product(state) as running,
        product_load(bench, running, product.orders(), 50, 16, of_one=1) as load,
    ):
        load.run(AUDITED_S, 0.2)
    rates = []
    for _ in range(bench.rounds):
        start = time.perf_counter()
        report = audit(state)
        rates.append(report.orders / (time.perf_counter() - start))
        if report.violations:
            raise processes.BenchmarkError(f"the books are wrong: {report.violations[0]}")
    note = f"{report.orders} orders, {report.inputs} inputs, {report.transactions} transactions"
    bench.results.add("audit", "orders audited", "/s", rates, note=note)
