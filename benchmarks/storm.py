"""A storm of logins: a hundred a second offered, each by a connection of its own; others trade on.

Passwords are hashed as an installation does by default (19 MiB, two passes). What is beyond the
hashing thread's queue is refused and counted. Told are the p99 of orders of others while there is
no storm and while there is one, in windows by turns, and how long the master's reactor stood still.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks import product
from benchmarks.bench import Bench
from benchmarks.figures import Verdict, load_note
from benchmarks.processes import Seen
from benchmarks.product import Product
from benchmarks.scenarios import product_load
from papertrader.net.stalls import BOUNDS_MS
from papertrader.ops.certificates import authority_file
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Mechanism, Scope, Status

OFFERED: Final = 100
"""Logins a second."""
DIALLERS: Final = 24
TRADERS: Final = 4
ACCOUNTS: Final = 24
"""Of those who log in, besides the traders'."""
STALL_MS: Final = 20.0
P99_GROWTH: Final = 2.0
TIMEOUT_S: Final = 10.0
SETTINGS: Final = {
    "auth.argon2_memory_kib": "19456",
    "auth.argon2_time": "2",
    "metrics.listen": "127.0.0.1:0",
}


@attrs.define
class Storm:
    """Logins at a steady rate from several threads, whether or not they are answered."""

    running: Product
    answers: Counter[str] = attrs.Factory(Counter)
    over: threading.Event = attrs.Factory(threading.Event)
    _turn: int = 0
    _lock: threading.Lock = attrs.Factory(threading.Lock)
    _began: float = 0.0

    def _next(self) -> int:
        with self._lock:
            self._turn += 1
            return self._turn

    def run(self) -> None:
        """Log in whenever one is due, until it is over; for a thread."""
        context = ssl.create_default_context(cafile=str(authority_file(self.running.state)))
        context.set_alpn_protocols([kinds.ALPN_CLIENT])
        while not self.over.is_set():
            number = self._next()
            due = self._began + number / OFFERED
            if self.over.wait(max(0.0, due - time.monotonic())):
                return
            account = self.running.accounts[TRADERS + number % ACCOUNTS]
            try:
                said = self._log_in(context, account.username)
            except OSError as error:
                said = type(error).__name__
            with self._lock:
                self.answers[said] += 1

    def _log_in(self, context: ssl.SSLContext, username: str) -> str:
        login = m.Login(
            username=username, mechanism=Mechanism.PASSWORD, scope=Scope.TRADE,
            password=product.PASSWORD,
        )  # fmt: skip
        where = ("127.0.0.1", self.running.worker.port)
        with (
            socket.create_connection(where, timeout=TIMEOUT_S) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as link,
        ):
            link.sendall(product.hello() + codec.encode(login, correlation=1))
            header = _answer(link, 1)
            if not header.status:
                link.sendall(codec.encode(m.Logout(), session=header.session, correlation=2))
                _answer(link, 2)
        return Status(header.status).name

    @contextlib.contextmanager
    def blowing(self) -> Iterator[None]:
        """Blow for the length of a block."""
        self._began, self._turn = time.monotonic(), 0
        self.over.clear()
        threads = [threading.Thread(target=self.run) for _ in range(DIALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()


def _answer(link: ssl.SSLSocket, correlation: int) -> Any:
    while True:
        octets = product.exactly(link, limits.HEADER_SIZE)
        header = codec.parse_header(octets)
        product.exactly(link, header.length)
        if header.correlation == correlation:
            return header


def measure_storm(bench: Bench) -> None:
    """Orders of others, and the master's stalls, with and without a storm."""
    with product.product(bench.directory / "storm", SETTINGS) as running:
        product.open_accounts(running, TRADERS + ACCOUNTS)
        storm = Storm(running)
        calm: list[Seen] = []
        blown: list[Seen] = []
        ticks: Counter[int] = Counter()
        with product_load(bench, running, product.orders(), TRADERS, 1, of_one=1) as load:
            load.run(bench.seconds, bench.warm)
            for _ in range(bench.rounds):
                calm.append(load.run(bench.seconds, bench.warm))
                before = _stalls(running)
                with storm.blowing():
                    blown.append(load.run(bench.seconds, bench.warm))
                ticks += _stalls(running) - before
    _tell(bench, storm, calm, blown, ticks)


def _tell(
    bench: Bench, storm: Storm, calm: list[Seen], blown: list[Seen], ticks: Counter[int]
) -> None:
    results, name = bench.results, f"p99 of orders, {TRADERS} at once"
    told = ", ".join(f"{what} {count}" for what, count in storm.answers.most_common())
    for when, seen, more in (("no storm", calm, ""), ("storm", blown, f"; logins: {told}")):
        late = [each.p99_us / 1e3 for each in seen]
        results.add("storm", f"{name}, {when}", "ms", late, note=load_note(seen) + more)
    results.judge("storm", f"{name}, storm", f"{name}, no storm", P99_GROWTH, least=False)
    stall = p99_of(ticks)
    note = f"of {ticks.total()} ticks; upper bound of the bucket"
    results.add("storm", "p99 of the master's stalls", "ms", [stall], note=note)
    text = "storm: p99 stall of the master's reactor, ms"
    results.conclude(Verdict(text=text, ratio=stall, wanted=STALL_MS, least=False))


def p99_of(ticks: Counter[int]) -> float:
    """Return the bound in ms under which 99 of 100 ticks came late."""
    left = ticks.total() * 0.01
    for bound in sorted(ticks, reverse=True):
        left -= ticks[bound]
        if left < 0:
            return float(bound)
    return 0.0


def _stalls(running: Product) -> Counter[int]:
    """Return how many ticks of the master came late by at most so many ms."""
    said = json.loads((Path(running.state) / "run" / "master.json").read_text(encoding="utf-8"))
    url = f"http://127.0.0.1:{said['metrics']}/metrics"
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        lines = answer.read().decode().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if line and line[0] != "#")
    found = {bound: int(float(values[f"papertrader_stalls_to_{bound}_ms"])) for bound in BOUNDS_MS}
    found[2 * BOUNDS_MS[-1]] = int(float(values["papertrader_stalls_longer"]))
    return Counter(found)
