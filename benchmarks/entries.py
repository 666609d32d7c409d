"""What one entry of the event log costs beside Twisted's own file observers, and a whole dump.

CPU time of one process: the entry goes through ``twisted.logger`` to our observer (or past it, by
`EventLog.write`), and to Twisted's text and JSON observers on a file. Flushing is a thread's work
at the product and not within its entry; the file of the others is written to within theirs, as it
always is. The dump is what the driver does when its workings have died with a full memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as HandClock
from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    Logger,
    LogPublisher,
    jsonFileLogObserver,
    textFileLogObserver,
)

from benchmarks.bench import Bench
from benchmarks.figures import Verdict
from papertrader.core.logrecord import Level
from papertrader.eventlog.crashes import dump_death
from papertrader.eventlog.log import EventLog
from papertrader.eventlog.settings import EventLogSettings
from papertrader.net.clock import Clock

ENTRIES: Final = 10_000
"""Of each kind in a round: fewer than fill half of the memory, so that none waits for a flush."""
DUMP_S: Final = 1.0
TEXT: Final = "twisted textFileLogObserver"
JSON: Final = "twisted jsonFileLogObserver"
OURS: Final = "product, by twisted.logger"
DIRECT: Final = "product, written directly"


def measure_entries(bench: Bench) -> None:
    """Compare the cost of an entry, then fill the memory and dump it."""
    costs: dict[str, list[float]] = {name: [] for name in (OURS, DIRECT, TEXT, JSON)}
    dumps = []
    for number in range(bench.rounds):
        state = bench.directory / f"entries-{number}"
        state.mkdir()
        with (state / "text.log").open("w") as text, (state / "json.log").open("w") as lines:
            observers: dict[str, FileLogObserver] = {
                TEXT: textFileLogObserver(text), JSON: jsonFileLogObserver(lines),
            }  # fmt: skip
            for name, observer in observers.items():
                costs[name].append(_cost(_through(observer)))
        publisher = LogPublisher()
        log = _event_log(state, publisher)
        costs[OURS].append(_cost(_through(publisher)))
        costs[DIRECT].append(
            _cost(lambda n, log=log: log.write(Level.INFO, f"order {n} of account {n} was filled"))
        )
        dumps.append(_dump_s(state, log))
    for name, values in costs.items():
        bench.results.add("entries", name, "CPU us", values)
    for ours, wanted in ((OURS, 1.0), (DIRECT, 0.5)):
        bench.results.judge("entries", ours, TEXT, wanted, least=False)
    memory = EventLogSettings().memory_bytes
    bench.results.add("entries", "dump of a full memory", "s", dumps, size=memory)
    text_ = f"entries: dump of {memory >> 20} MiB, s"
    bench.results.conclude(Verdict(text=text_, ratio=max(dumps), wanted=DUMP_S, least=False))


def _cost(write: Callable[[int], object]) -> float:
    start = time.process_time()
    for number in range(ENTRIES):
        write(number)
    return (time.process_time() - start) / ENTRIES * 1e6


def _through(observer: ILogObserver) -> Callable[[int], object]:
    log = Logger(observer=observer, namespace="benchmark")
    return lambda n: log.info("order {order} of account {account} was filled", order=n, account=n)


def _event_log(state: Path, publisher: LogPublisher) -> EventLog:
    def never(function: Callable[[], None]) -> Deferred[None]:
        return Deferred()

    def at_once(function: Callable[[], object]) -> object:
        return function()

    log = EventLog(
        state=state, process="benchmark", boot_id=bytes(range(16)), settings=EventLogSettings(),
        clock=Clock(HandClock()), publisher=publisher, defer_to_thread=never,
        call_from_thread=at_once,
    )  # fmt: skip
    log.start()
    return log


def _dump_s(state: Path, log: EventLog) -> float:
    """Fill the memory, as after a stall of the disk, and dump it as the driver does."""
    text: Any = "an order of an account was filled at its price, and its owner was told"
    before = -1
    while log.counters().dropped == 0 and log.counters().unflushed_bytes > before:
        before = log.counters().unflushed_bytes
        for _ in range(1_000):
            log.write(Level.INFO, text)
    start = time.perf_counter()
    dump_death(log.directory / "benchmark.ring", log.directory, "benchmark", "a benchmark\n")
    return time.perf_counter() - start
