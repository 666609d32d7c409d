"""Corporate actions of a live market: asked for some times a day, of providers that have them.

Each call is spent from the provider's own ledger, from the share that is kept for people, so that
no price waits for it. What is asked for reaches back as far as adjusted history does, and ahead so
far that an action is known before its day; what fails is asked for again before long.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.core.callbudget import CallBudget
from papertrader.core.instants import SECOND, to_datetime
from papertrader.master.providers.faults import RETRY_AFTER_S_MAX, FaultKind, ProviderFault
from papertrader.master.providers.live import LiveSource
from papertrader.master.providers.provider import ActionsAnswer, Announcement, Problem, Provider
from papertrader.net.clock import Clock, Timer

EVERY_S: Final = 6 * 3_600
RETRY_S: Final = 600
BACK: Final = timedelta(days=730)
AHEAD: Final = timedelta(days=30)
SYMBOLS_MAX: Final = 100
"""Symbols of one call."""
PAGES_MAX: Final = 50
"""Pages of one question; a provider that never ends is not followed further."""


class Announcements:
    """The module (see above)."""

    log = Logger()

    def __init__(
        self,
        providers: Sequence[tuple[Provider, CallBudget]],
        source: LiveSource,
        clock: Clock,
    ) -> None:
        self._providers = [each for each in providers if each[0].facts.has_actions]
        self._source = source
        self._clock = clock
        self._running = False
        self._timer: Timer | None = None
        self._call: Deferred[None] | None = None
        self.calls = 0
        self.failures = 0

    def start(self) -> None:
        """Ask now, and then every `EVERY_S`; nothing if no provider announces anything."""
        self._running = bool(self._providers)
        if self._running:
            self._begin()

    def stop(self) -> None:
        """Ask no more; a call that is under way is given up."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _begin(self) -> None:
        self._timer = None
        call = self._call = Deferred.fromCoroutine(self._ask_all())
        call.addErrback(self._broken)

    def _broken(self, failure: Failure) -> None:
        self.log.failure("corporate actions could not be taken", failure=failure)

    async def _ask_all(self) -> None:
        wait = float(EVERY_S)
        for provider, budget in self._providers:
            try:
                self._source.take_actions(await self._ask(provider, budget), provider.name)
            except ProviderFault as fault:
                wait = RETRY_S
                self.failures += 1
                self._failed(provider, budget, fault)
            except CancelledError:
                return
        if self._running:
            self._timer = self._clock.call_later(wait, self._begin)

    def _failed(self, provider: Provider, budget: CallBudget, fault: ProviderFault) -> None:
        if fault.kind is FaultKind.LIMITED or fault.retry_after_s:
            seconds = min(fault.retry_after_s or RETRY_S, RETRY_AFTER_S_MAX)
            budget.penalize(self._clock.wall_ns() + seconds * SECOND)
        self.log.warn(
            "{provider}: no corporate actions: {kind}: {text}; asked again in {seconds} s",
            provider=provider.name,
            kind=str(fault.kind),
            text=str(fault),
            seconds=RETRY_S,
        )

    async def _ask(self, provider: Provider, budget: CallBudget) -> ActionsAnswer:
        """Ask for all symbols, page by page; raises `ProviderFault`, and nothing is taken then."""
        today = to_datetime(self._clock.wall_ns()).date()
        assets = self._source.assets.values()
        symbols = sorted(a.symbol for a in assets if provider.may_have(a.symbol, a.kind))
        found: list[Announcement] = []
        problems: list[Problem] = []
        for start in range(0, len(symbols), SYMBOLS_MAX):
            batch = symbols[start : start + SYMBOLS_MAX]
            page = ""
            for _ in range(PAGES_MAX):
                answer = await self._one(provider, budget, batch, today, page)
                found += answer.announcements
                problems += answer.problems
                page = answer.page
                if not page:
                    break
            else:
                problems.append(Problem("", f"more than {PAGES_MAX} pages"))
        return ActionsAnswer(tuple(found), tuple(problems))

    async def _one(
        self, provider: Provider, budget: CallBudget, symbols: list[str], today: date, page: str
    ) -> ActionsAnswer:
        while not budget.take(now := self._clock.wall_ns(), reserve=True):
            await self._until(budget.next_free(now, reserve=True))
        self.calls += 1
        return await provider.actions(symbols, today - BACK, today + AHEAD, page)

    async def _until(self, at: int) -> None:
        woken: Deferred[None] = Deferred(lambda _: timer.cancel())
        seconds = max(at - self._clock.wall_ns(), 0) / SECOND
        timer = self._clock.call_later(seconds, woken.callback, None)
        await woken
