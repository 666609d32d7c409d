"""A log over a real directory, a clock that stands still and a thread that runs when told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock as TaskClock
from twisted.logger import Logger, LogPublisher

from papertrader.core.logrecord import LogRecord, parse_json
from papertrader.core.ringlog import RingReader
from papertrader.eventlog.log import EventLog
from papertrader.eventlog.settings import EventLogSettings
from papertrader.net.clock import Clock


@attrs.define
class Desk:
    """A log and what surrounds it. Jobs for the thread wait in ``jobs`` until `work`."""

    state: Path
    reactor: TaskClock = attrs.field(factory=TaskClock)
    publisher: LogPublisher = attrs.field(factory=LogPublisher)
    jobs: list[tuple[Callable[[], None], Deferred[None]]] = attrs.field(factory=list)
    calls: list[Callable[[], object]] = attrs.field(factory=list)
    told: list[str] = attrs.field(factory=list)
    logs: list[EventLog] = attrs.field(factory=list)

    def begin(
        self,
        boot_id: bytes = b"0123456789abcdef",
        tell: Callable[[str], object] | None = None,
        **settings: int,
    ) -> EventLog:
        log = EventLog(
            state=self.state,
            process="master",
            boot_id=boot_id,
            settings=EventLogSettings(**({"memory_bytes": 65536} | settings)),
            clock=Clock(self.reactor, lambda: 1_767_323_045_000_000_000),
            publisher=self.publisher,
            defer_to_thread=self.defer,
            call_from_thread=self.calls.append,
            tell=tell or self.told.append,
        )
        log.start()
        self.logs.append(log)
        return log

    def defer(self, job: Callable[[], None]) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.jobs.append((job, done))
        return done

    def work(self) -> int:
        """Run the thread's jobs, and those that follow; return how many there were."""
        count = 0
        while self.jobs:
            job, done = self.jobs.pop(0)
            maybeDeferred(job).chainDeferred(done)
            count += 1
        return count

    @property
    def logger(self) -> Logger:
        return Logger("test.space", observer=self.publisher)

    def lines(self) -> list[str]:
        paths = sorted((self.state / "log").glob("master-*.log"))
        return [line for path in paths for line in path.read_text("ascii").splitlines()]

    def entries(self) -> list[LogRecord]:
        """What is in the segment files."""
        return [parse_json(line) for line in self.lines() if "segment" not in json.loads(line)]

    def messages(self) -> list[str]:
        return [entry.message for entry in self.entries()]

    def ring(self) -> RingReader:
        return RingReader((self.state / "log" / "master.ring").read_bytes())

    def in_ring(self) -> list[str]:
        return [record.message for record in self.ring().records()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose logs are stopped at the end."""
    made = Desk(state=tmp_path)
    yield made
    for log in made.logs:
        stopped = log.stop()
        made.work()
        assert stopped.called
