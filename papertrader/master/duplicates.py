"""Two links of one worker: which of them lives on.

A worker that lost its link comes again with the same boot: the older link is dead, and only we do
not know it yet. With another boot it is a worker that was started again - or somebody else with its
key. The older link is asked; if it answers, the newcomer is turned away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

import attrs
from twisted.logger import Logger

from papertrader.core.instants import SECOND
from papertrader.net.clock import Clock, Timer
from papertrader.wire import limits

PROBE_TOKEN = 2
"""Of the PING that asks whether a link lives; those that measure have 1."""
AUDIT_EVERY_NS = 60 * SECOND
"""The audit log notes a worker's duplicates once in so long, however many come."""


class AskedLink(Protocol):
    """A link, as it is asked."""

    worker_id: int
    boot: int

    @property
    def ended(self) -> bool:
        """Whether it is gone."""

    def ping(self, token: int) -> None:
        """Send a PING."""


@attrs.define(eq=False)
class _Question:
    older: AskedLink
    newer: AskedLink
    timer: Timer
    decided: Callable[[bool], None]


class Duplicates:
    """Decides between links (see the module). ``alarm`` is told: (worker, sentence)."""

    log = Logger()

    def __init__(self, clock: Clock, alarm: Callable[[int, str], None]) -> None:
        self.counts: Counter[int] = Counter()
        """Cases by worker, since the master's start."""
        self._clock = clock
        self._alarm = alarm
        self._questions: list[_Question] = []
        self._noted: dict[int, int] = {}

    def decide(self, older: AskedLink, newer: AskedLink, decided: Callable[[bool], None]) -> None:
        """Call ``decided`` with whether the newer link is let in: now, or when it is known."""
        if older.ended or older.boot == newer.boot:
            decided(True)
            return
        self.counts[older.worker_id] += 1
        self._say(older.worker_id, "a second link of worker {id} came while one is up")
        timer = self._clock.call_later(limits.DUPLICATE_PING_S, self._silent, older, newer)
        self._questions.append(_Question(older, newer, timer, decided))
        older.ping(PROBE_TOKEN)

    def answered(self, link: AskedLink) -> None:
        """The older link answered: it lives, and whoever waits for its place does not get it."""
        for question in self._take(lambda each: each.older is link):
            self._say(link.worker_id, "worker {id} is alive: the second link is turned away")
            question.decided(False)

    def lost(self, link: AskedLink) -> None:
        """A link is gone: as the older one it makes room, as the newer one it asks no more."""
        self._take(lambda each: each.newer is link)
        for question in self._take(lambda each: each.older is link):
            question.decided(True)

    def _silent(self, older: AskedLink, newer: AskedLink) -> None:
        for question in self._take(lambda each: each.older is older and each.newer is newer):
            self._say(older.worker_id, "the older link of worker {id} is dead: the second is in")
            question.decided(True)

    def _take(self, wanted: Callable[[_Question], bool]) -> list[_Question]:
        taken = [each for each in self._questions if wanted(each)]
        self._questions = [each for each in self._questions if each not in taken]
        for question in taken:
            question.timer.cancel()
        return taken

    def _say(self, worker_id: int, sentence: str) -> None:
        self.log.critical(f"ALERT: {sentence}", id=worker_id)
        now = self._clock.monotonic_ns()
        if now - self._noted.get(worker_id, -AUDIT_EVERY_NS) >= AUDIT_EVERY_NS:
            self._noted[worker_id] = now
            self._alarm(worker_id, sentence.format(id=worker_id))
