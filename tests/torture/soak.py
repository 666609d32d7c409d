"""Hours at half load: ``python -m tests.torture.soak --seconds 3600``.

A real server (``papertrader up``: master, worker, TLS) is first asked as much as it takes, then for
the rest of the time at half of that, by traders, readers, listeners and clients that come and go.
Every ten seconds the memory and the open files of each of its processes are noted, every minute
how many Deferreds, timers and objects there are (``probe/sitecustomize.py``).

What must be flat is flat: open files, Deferreds, timers, and all of a worker. A master's memory
grows by what the books hold, so it is also told per order, and has a bound there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import attrs

from papertrader.client.blocking import Client
from papertrader.client.errors import PaperTraderError
from tests.server_kit import PASSWORD, Server, running
from tests.torture import processes

PROBE = Path(__file__).parent / "probe"
TRADERS = 8
SAMPLE_S = 10.0
COUNT_S = 60.0
CALIBRATE_S = 15.0
WARM_UP = 1 / 6
"""Part of the run that is not judged: caches, pools and the allocator fill up."""
MIB = 1024 * 1024
HOUR_S = 3600.0

WORKER_SLOPE_MAX = 2.0 * MIB
"""Octets that a worker may grow by in an hour."""
PER_ORDER_MAX = 8 * 1024
"""Octets of memory that a master may take for an order, with its events and its stored replies."""
SPREAD_MAX = {"files": 12, "Deferred": 400, "DelayedCall": 200, "Timer": 200, "Failure": 50}
"""How far the mean of the last third may lie above that of the first third."""


@attrs.define
class Load:
    """How fast the clients ask, and what came of it; ``rate`` 0 is as fast as they can."""

    rate: float = 0.0
    stopping: bool = False
    answered: int = 0
    orders: int = 0
    refused: int = 0
    errors: list[str] = attrs.Factory(list)

    def pause(self, began: float) -> None:
        """Wait until a trader's next request is due."""
        if self.rate:
            time.sleep(max(0.0, began + TRADERS / self.rate - time.monotonic()))


def requests(client: Client, chance: random.Random, load: Load) -> Iterator[Callable[[], object]]:
    """Give what a trader asks, one after another, for ever."""
    symbols = ("IBM", "AAPL", "MSFT", "GOOG")
    while True:
        symbol = chance.choice(symbols)
        kind = chance.randrange(10)
        if kind < 2:
            order = client.buy(symbol, 1, limit="1.00")
            load.orders += 1
            yield lambda: None
            yield partial(client.order_cancel, order.order_id)
        elif kind < 4:
            load.orders += 1
            yield partial(client.buy, symbol, 1)
        elif kind < 5:
            load.orders += 1
            yield partial(client.sell, symbol, 1)
        elif kind < 7:
            yield partial(client.quotes, symbols)
        elif kind < 8:
            yield client.portfolio
        elif kind < 9:
            yield partial(client.bars, symbol, "1d", limit=100)
        else:
            yield partial(client.transactions, limit=50)


def trade(server: Server, number: int, load: Load) -> None:
    """Be one trader until the end."""
    chance = random.Random(number)
    try:
        with server.client(f"trader{number}", timeout=60, patient=True) as client:
            wishes = requests(client, chance, load)
            while not load.stopping:
                began = time.monotonic()
                try:
                    next(wishes)()
                    load.answered += 1
                except PaperTraderError:
                    load.refused += 1
                    wishes = requests(client, chance, load)
                load.pause(began)
    except Exception as error:
        load.errors.append(f"trader {number}: {error!r}")


def listen(server: Server, load: Load) -> None:
    """Follow an account's events and quotes, and read what comes."""
    try:
        with server.client("listener", timeout=60, patient=True) as client:
            client.subscribe_quotes(["IBM", "AAPL", "MSFT", "GOOG"])
            client.subscribe_account()
            while not load.stopping:
                for _ in client.events(timeout=1.0):
                    pass
    except Exception as error:
        load.errors.append(f"listener: {error!r}")


def come_and_go(server: Server, load: Load) -> None:
    """Connect, log in, ask, log out, and go without a word every other time; every two seconds."""
    turn = 0
    while not load.stopping:
        turn += 1
        try:
            client = server.client("visitor", timeout=60, patient=True)
            client.portfolio()
            if turn % 2:
                client.logout()
            client.close()
        except Exception as error:
            load.errors.append(f"visitor: {error!r}")
        time.sleep(2.0)


@attrs.define
class Series:
    """One figure of one process over time: (seconds, value)."""

    points: list[tuple[float, float]] = attrs.Factory(list)

    def judged(self) -> list[tuple[float, float]]:
        """Return what comes after the warm-up."""
        end = self.points[-1][0]
        return [point for point in self.points if point[0] >= end * WARM_UP]

    def slope(self) -> float:
        """Return how much it grows in an hour: least squares."""
        points = self.judged()
        if len(points) < 3:
            return 0.0
        line = statistics.linear_regression(*zip(*points, strict=True))
        return float(line.slope) * HOUR_S

    def rise(self) -> float:
        """Return how far the mean of the last third lies above that of the first."""
        values = [value for _, value in self.judged()]
        third = max(1, len(values) // 3)
        return statistics.fmean(values[-third:]) - statistics.fmean(values[:third])


class Watch:
    """The figures of all processes of a server."""

    def __init__(self, server: Server, probe: Path) -> None:
        self._state = server.state
        self._probe = probe
        self.names: dict[int, str] = {}
        self.series: dict[tuple[int, str], Series] = {}

    def note(self, pid: int, what: str, at: float, value: float) -> None:
        """Add a point."""
        self.series.setdefault((pid, what), Series()).points.append((at, value))

    def look(self, at: float, count: bool) -> None:
        """Note memory and open files of each process; with ``count`` its objects, too."""
        for pid, line in processes.of_state(self._state).items():
            self.names[pid] = name_of(line)
            try:
                self.note(pid, "resident", at, processes.resident(pid))
                self.note(pid, "files", at, processes.descriptors(pid))
                if count and (self._probe / f"{pid}.ready").exists():
                    os.kill(pid, signal.SIGUSR2)
            except OSError:
                continue
        if count:
            time.sleep(1.0)
            self._read_counts(at)

    def write(self, path: Path) -> None:
        """Write every point down."""
        points = {
            f"{self.names.get(pid, 'load')} {pid} {what}": series.points
            for (pid, what), series in self.series.items()
        }
        path.write_text(json.dumps(points))

    def _read_counts(self, at: float) -> None:
        for path in self._probe.glob("*.json"):
            for what, value in json.loads(path.read_text()).items():
                self.note(int(path.stem), what, at, value)
            path.unlink()


def name_of(line: str) -> str:
    """Return what a process of the server is, by its command line."""
    for name in ("master", "worker"):
        if f"papertrader.ops.workings {name}" in line:
            return name
        if f"papertrader-{name}" in line:
            return f"driver of a {name}"
    return "up" if " up " in line else line[:24]


def open_accounts(server: Server) -> None:
    """Register everybody."""
    with server.client(timeout=60) as client:
        for name in (*(f"trader{n}" for n in range(TRADERS)), "listener", "visitor"):
            client.register(name, PASSWORD)


def drive(server: Server, probe: Path, seconds: float, rate: float) -> tuple[Watch, Load]:
    """Run the load and watch; with ``rate`` 0 half of what the server takes."""
    load, watch = Load(), Watch(server, probe)
    open_accounts(server)
    threads = [threading.Thread(target=trade, args=(server, n, load)) for n in range(TRADERS)]
    threads += [
        threading.Thread(target=each, args=(server, load)) for each in (listen, come_and_go)
    ]
    for thread in threads:
        thread.start()
    time.sleep(3.0)
    before = load.answered
    time.sleep(CALIBRATE_S)
    peak = (load.answered - before) / CALIBRATE_S
    load.rate = rate or peak / 2
    print(f"the server takes {peak:.0f} requests/s; it is asked {load.rate:.0f}/s", flush=True)
    began, counted = time.monotonic(), -COUNT_S
    while (at := time.monotonic() - began) < seconds:
        due = at - counted >= COUNT_S
        counted = at if due else counted
        watch.look(at, due)
        watch.note(0, "orders", at, load.orders)
        if due:
            print(f"{at:7.0f} s  {load.answered} answered, {load.orders} orders, "
                  f"{load.refused} refused, {len(load.errors)} errors", flush=True)  # fmt: skip
        time.sleep(min(SAMPLE_S, max(0.0, seconds - at)))
    load.stopping = True
    for thread in threads:
        thread.join(120)
    return watch, load


def judge(watch: Watch, load: Load) -> list[str]:
    """Print the figures of each process; return what is not as it must be."""
    wrong = [f"a client failed: {error}" for error in load.errors[:5]]
    orders = watch.series[0, "orders"].slope()
    for pid, name in sorted(watch.names.items()):
        memory = watch.series[pid, "resident"]
        if len(memory.judged()) < 3:
            continue
        slope = memory.slope()
        print(f"{name} ({pid}): resident {memory.points[-1][1] / MIB:.1f} MiB, "
              f"{slope / MIB:+.2f} MiB an hour")  # fmt: skip
        if name == "master" and orders > 0:
            print(f"    {slope / orders:.0f} octets for each of {orders:.0f} orders an hour")
            if slope / orders > PER_ORDER_MAX:
                wrong.append(f"{name} takes {slope / orders:.0f} octets for an order")
        elif slope > WORKER_SLOPE_MAX:
            wrong.append(f"{name} grows by {slope / MIB:.2f} MiB an hour")
        for what in ("files", "objects", "Deferred", "DelayedCall", "Timer", "Failure", "Order"):
            series = watch.series.get((pid, what))
            if series is None or len(series.points) < 3:
                continue
            first, last = series.judged()[0][1], series.points[-1][1]
            print(f"    {what:<12}{first:>10.0f} ->{last:>10.0f}   {series.rise():+10.1f}")
            if series.rise() > SPREAD_MAX.get(what, float("inf")):
                wrong.append(f"{name}: {what} grow from {first:.0f} to {last:.0f}")
    return wrong


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="tests.torture.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second, not half load")
    parser.add_argument("--json", type=Path, help="write every point there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="papertrader-soak-") as place:
        probe = Path(place) / "probe"
        probe.mkdir()
        os.environ["PAPERTRADER_PROBE"] = str(probe)
        path = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PROBE), path)))
        with running(Path(place) / "state") as server:
            watch, load = drive(server, probe, options.seconds, options.rate)
            if options.json:
                watch.write(options.json)
            wrong = judge(watch, load)
            server.stop()
            report = server.audit()
    wrong += report.violations
    print(f"audit: {report.orders} orders, {report.transactions} transactions, "
          f"{len(report.violations)} violations")  # fmt: skip
    print(f"not as it must be: {'; '.join(wrong) or 'nothing'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
