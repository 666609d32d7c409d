"""Many readers of one worker, and one among them that does not read.

`measure_crowd`: a thousand and five thousand subscribers, two TLS hops from the market; what they
get, how late, and what each costs. `measure_stall`: the same readers' p99 with and without one
client that asks for more than it ever reads, by turns, and what the worker keeps for it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import statistics
from collections.abc import Iterator
from typing import Final

from benchmarks import processes, product
from benchmarks.bench import Bench
from benchmarks.figures import Verdict, load_note
from benchmarks.processes import Load, Seen, resident_kib
from benchmarks.product import Product
from benchmarks.scenarios import OURS
from benchmarks.states import subscribers
from papertrader.ops.certificates import authority_file
from papertrader.wire import codec, kinds
from papertrader.wire import messages as m

CROWDS: Final = ((1_000, 100), (5_000, 200))
"""Subscribers, and the ms between updates: about a quarter, and over half, of one core's time."""
CASH: Final = "1000000.00"
"""Of each of some hundred accounts; they buy a hundredth of a coin."""
LATE_MS: Final = 100.0
"""The p99 from observation to receipt that is wanted at most."""
CLIENT_KIB: Final = 32.0
DELIVERED: Final = 0.95
"""The rest was conflated: a newer quote went in its place."""
BROWSERS: Final = 1_000
MESSAGE: Final = 100_000_000
PIECE: Final = 65_536
MESSAGE_GROWTH_KIB: Final = 1_024.0
OTHERS: Final = 300
PAIRS: Final = 10
"""Windows with one that stalls, each beside one without, so that the noise is the same for both."""
WINDOW_S: Final = 3.0
P99_GROWTH: Final = 1.2
MEMORY_GROWTH_KIB: Final = 5 * 1024
UNREAD_MAX: Final = 100_000
"""Requests that the stalled client sends at most; the worker listens to far fewer."""
RECEIVE_BUFFER: Final = 4_096
WINDOW_WARM_S: Final = 0.2


def measure_crowd(bench: Bench) -> None:
    """What so many subscribers of one symbol get of one worker."""
    for conns, every_ms in CROWDS:
        settings = {"market.update_interval_ms": str(every_ms), "accounts.starting_cash": CASH}
        with product.product(bench.directory / f"crowd-{conns}", settings) as running:
            product.open_accounts(running, -(-conns // product.SESSIONS_OF_ONE))
            before = resident_kib(running.worker.pid)
            with subscribers(bench, running, conns) as load:
                seen = [load.run(bench.seconds, bench.warm) for _ in range(bench.rounds)]
                memory = (resident_kib(running.worker.pid) - before) / conns
        _tell_crowd(bench, conns, every_ms, seen, memory)


def _tell_crowd(bench: Bench, conns: int, every_ms: int, seen: list[Seen], memory: float) -> None:
    results = bench.results
    results.add(
        "crowd", OURS, "deliveries/s", [each.rate for each in seen], size=conns,
        note=f"every {every_ms} ms, {load_note(seen)}",
    )  # fmt: skip
    late = [each.p99_us / 1e3 for each in seen]
    results.add("crowd", "p99, observed to received", "ms", late, size=conns)
    results.add("crowd", "memory, TLS and subscribed", "KiB/client", [memory], size=conns)
    # A window need not hold whole updates, so its rate says nothing of what was left out.
    got = [each.delivered for each in seen]
    results.add("crowd", "delivered / published", "", got, size=conns)
    for text, ratio, wanted, least in (
        ("delivered / published", statistics.median(got), DELIVERED, True),
        ("p99 from observation to receipt, ms", statistics.median(late), LATE_MS, False),
        ("KiB of the worker for each client", memory, CLIENT_KIB, False),
    ):
        verdict = f"crowd {conns}: {text}"
        results.conclude(Verdict(text=verdict, ratio=ratio, wanted=wanted, least=least))


def measure_browsers(bench: Bench) -> None:
    """A thousand browsers' WebSockets beside as many plain clients; a message beyond all bounds."""
    plain, web = f"{BROWSERS:,} plain clients", f"{BROWSERS:,} WebSocket clients"
    with product.product(bench.directory / "browsers") as running:
        product.open_accounts(running, -(-BROWSERS // product.SESSIONS_OF_ONE))

        def once(as_browsers: bool) -> Seen:
            # Connected for this round only: the others' deliveries would take its CPU.
            with subscribers(bench, running, BROWSERS, web=as_browsers) as load:
                return load.run(bench.seconds, bench.warm)

        seen = bench.turns({plain: lambda: once(False), web: lambda: once(True)})
        grown = _endless_message(running)
    for name, rounds in seen.items():
        alone = [each.rate / (each.server_cpu[0] or 1e-9) for each in rounds]
        note = f"{rounds[0].rate:,.0f} deliveries/s, {load_note(rounds)}"
        bench.results.add("browsers", name, "/CPU s", alone, note=note)
    bench.results.add("browsers", "a message of 100 MB: worker grew by", "KiB", [grown])
    text = "browsers: KiB that the worker grew for a message of 100 MB"
    verdict = Verdict(text=text, ratio=grown, wanted=MESSAGE_GROWTH_KIB, least=False)
    bench.results.conclude(verdict)


def _endless_message(running: Product) -> float:
    """Send a message of 100 MB on a browser's WebSocket for as long as somebody reads it; return
    by how many KiB the worker grew at most."""
    context = ssl.create_default_context(cafile=str(authority_file(running.state)))
    port = running.worker.web
    with (
        socket.create_connection(("127.0.0.1", port), timeout=processes.STOP_S) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as link,
    ):
        link.sendall(product.upgrade(port))
        head = b""
        while b"\r\n\r\n" not in head:
            head += link.recv(1)
        if b" 101 " not in head:
            raise processes.BenchmarkError(f"the worker did not upgrade: {head[:60]!r}")
        link.sendall(product.masked(product.hello()))
        before = peak = resident_kib(running.worker.pid)
        try:
            link.sendall(b"\x82\xff" + MESSAGE.to_bytes(8, "big") + bytes(4))
            for _ in range(0, MESSAGE, PIECE):
                link.sendall(bytes(PIECE))
                peak = max(peak, resident_kib(running.worker.pid))
        except OSError:
            return float(max(peak, resident_kib(running.worker.pid)) - before)
    raise processes.BenchmarkError("the worker read a message of 100 MB to its end")


def measure_stall(bench: Bench) -> None:
    """The others' p99 with and without a client that does not read, by turns; then the worker's
    memory while one does not read for ``Bench.stall_s``."""
    with product.product(bench.directory / "stall") as running:
        product.open_accounts(running, -(-OTHERS // product.SESSIONS_OF_ONE) + 1)
        with subscribers(bench, running, OTHERS) as load:
            load.run(WINDOW_S, bench.warm)
            quiet, beside = _pairs(running, load, min(WINDOW_S, bench.stall_s))
            growth, asked, late = _long_stall(bench, running, load)
    section, name = "stall", f"p99 of {OTHERS} others"
    for when, seen in (("none stalls", quiet), ("one stalls", beside)):
        rounds = [each.p99_us / 1e3 for each in seen]
        bench.results.add(section, f"{name}, {when}", "ms", rounds, note=load_note(seen))
    ratios = [one.p99_us / other.p99_us for one, other in zip(beside, quiet, strict=True)]
    bench.results.add(section, "p99 of each pair, one / none", "", ratios)
    text = f"stall: p99 of {OTHERS} others, one stalls / none, median of {PAIRS} pairs"
    ratio = statistics.median(ratios)
    bench.results.conclude(Verdict(text=text, ratio=ratio, wanted=P99_GROWTH, least=False))
    note = f"{asked} requests sent, no reply read, {bench.stall_s:.0f} s; {load_note([late])}"
    bench.results.add(section, "memory of the worker, growth", "KiB", [growth], note=note)
    text = "stall: KiB that the worker grew while one stalled"
    verdict = Verdict(text=text, ratio=growth, wanted=MEMORY_GROWTH_KIB, least=False)
    bench.results.conclude(verdict)


def _pairs(running: Product, load: Load, seconds: float) -> tuple[list[Seen], list[Seen]]:
    """Measure windows without and with a stalled client, beginning with either by turns."""
    quiet: list[Seen] = []
    beside: list[Seen] = []
    for number in range(PAIRS):
        for stalls in (False, True) if number % 2 else (True, False):
            if stalls:
                with stalled(running):
                    beside.append(load.run(seconds, WINDOW_WARM_S))
            else:
                quiet.append(load.run(seconds, WINDOW_WARM_S))
    return quiet, beside


def _long_stall(bench: Bench, running: Product, load: Load) -> tuple[float, int, Seen]:
    """Let one client stall for as long as wanted; return by how many KiB the worker grew at most,
    how many requests it sent, and the others' whole time."""
    before = peak = resident_kib(running.worker.pid)
    with stalled(running) as asked:
        seen = load.run(bench.stall_s, WINDOW_WARM_S)
        peak = max(peak, resident_kib(running.worker.pid))
    return float(peak - before), asked, seen


@contextlib.contextmanager
def stalled(running: Product) -> Iterator[int]:
    """Keep a client that follows every coin, asks until nobody listens to it, and reads nothing.

    Gives how many requests it got rid of. The last account is its.
    """
    account = running.accounts[-1]
    context = ssl.create_default_context(cafile=str(authority_file(running.state)))
    context.set_alpn_protocols([kinds.ALPN_CLIENT])
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    raw.settimeout(processes.STOP_S)
    raw.connect(("127.0.0.1", running.worker.port))
    with context.wrap_socket(raw, server_hostname="localhost") as link:
        session = product.log_in(link, account)
        follow = m.Subscribe(
            topics=int(kinds.Topic.QUOTES), symbols=tuple(map(m.SymbolRow, product.COINS))
        )
        link.sendall(codec.encode(follow, correlation=2, session=session))
        link.settimeout(1.0)
        asked = 0
        with contextlib.suppress(TimeoutError, ssl.SSLWantWriteError):
            while asked < UNREAD_MAX:
                asked += 1
                question = codec.encode(m.AssetList(), correlation=2 + asked, session=session)
                link.sendall(question)
        yield asked
