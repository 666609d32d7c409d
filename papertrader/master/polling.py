"""Polling: who is asked for which symbols and when, and what is done when an answer is none.

Each provider has a queue (what is due), a ledger of calls (what may be sent) and a health. One call
at a time is under way at each. A symbol is asked for at the first provider of the operator's list
that can have it and is well; the others stand in until it is well again. One that lets a call wait
until its deadline is stood in for at once. Closed markets are asked
once more after their close, then not until they open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from papertrader.core.calendar import Calendar
from papertrader.core.callbudget import CallBudget
from papertrader.core.callplan import CallPlan, SymbolClass, plan_calls
from papertrader.core.instants import DAY, MILLISECOND, MINUTE, SECOND
from papertrader.core.pollqueue import PollQueue
from papertrader.core.quotes import Asset
from papertrader.master.providers.faults import RETRY_AFTER_S_MAX, FaultKind, ProviderFault
from papertrader.master.providers.provider import Answer, Provider
from papertrader.net.clock import Clock, Timer

REVIEW_S: Final = 1.0
"""How often it is looked at which symbols are wanted, and where from."""
PLAN_NS: Final = MINUTE
"""How long a plan of the intervals counts."""
FAULTS_MAX: Final = 5
"""After so many calls in a row that brought nothing, a provider is left alone for a while."""
REST_MIN_NS: Final = 10 * SECOND
"""A provider that rests longer than this is stood in for."""
CLOSE_SWEEP_NS: Final = 2 * MINUTE
"""Prices are asked for so long after a close: the last of them is the closing price."""
STAND_IN_S: Final = 30
"""A provider that let a call wait until its deadline is stood in for so long at least, and twice as
long each time in a row: each such call costs its symbols the time until the deadline."""
UNKNOWN_NS: Final = DAY
"""A symbol that a provider does not have is not asked for there again before this."""
_BACKOFF_S: Final = 2


class Interests(Protocol):
    """Who waits for which prices; sets of symbols, each asked for every `REVIEW_S`."""

    def orders(self) -> set[str]:
        """Symbols with open orders."""

    def positions(self) -> set[str]:
        """Symbols that somebody holds."""

    def watched(self) -> set[str]:
        """Symbols that somebody follows."""


class Taker(Protocol):
    """Who takes what the providers say."""

    def take(self, answer: Answer, provider: Provider, received: int) -> None:
        """Take a call's answer, received at that instant."""


@attrs.define(eq=False)
class Feed:
    """One provider's: the queue, the ledger, the health."""

    provider: Provider
    budget: CallBudget
    queue: PollQueue
    symbols: set[str] = attrs.Factory(set)
    plan: CallPlan | None = None
    planned_until: int = 0
    faults: int = 0
    rests_until: int = 0
    doubted_until: int = 0
    """Until then it is asked only for what no other provider has."""
    last_fault: str = ""
    silent: bool = False
    """Whether it was told that no prices come of it."""
    unknown: dict[str, int] = attrs.Factory(dict)
    call: Deferred[None] | None = None
    timer: Timer | None = None
    calls: int = 0
    failures: int = 0

    def is_well(self, now: int) -> bool:
        """Tell whether it is worth sending symbols here, rather than to another provider."""
        rests_until = max(self.rests_until, self.budget.blocked_until)
        return rests_until <= now + REST_MIN_NS and self.doubted_until <= now


class Polling:
    """The module (see above)."""

    log = Logger()

    def __init__(
        self,
        providers: Sequence[tuple[Provider, CallBudget]],
        assets: Mapping[str, Asset],
        calendars: Mapping[str, Calendar],
        clock: Clock,
        taker: Taker,
        jitter: Callable[[], float],
        interval_ms: int = 0,
    ) -> None:
        """``jitter`` gives numbers of 0 up to 1. ``interval_ms``: 0 lets it be planned."""
        self.feeds = [Feed(each, budget, PollQueue(budget)) for each, budget in providers]
        self._assets = assets
        self._calendars = calendars
        self._clock = clock
        self._taker = taker
        self._jitter = jitter
        self._interval_ms = interval_ms
        self._timer: Timer | None = None
        self._running = False
        self._hot: set[str] = set()
        self._seen: set[str] = set()
        self.interests: Interests | None = None
        self.tell: Callable[[str], object] = lambda sentence: None
        """Hears when no prices come of a provider, and when they do again: for who runs it."""

    # --- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to ask."""
        self._running = True
        self._review()

    async def stop(self) -> None:
        """Stop asking; calls that are under way are given up."""
        self._running = False
        timers = [self._timer, *(feed.timer for feed in self.feeds)]
        for timer in timers:
            if timer is not None:
                timer.cancel()
        for feed in self.feeds:
            if feed.call is not None:
                feed.call.cancel()

    def now(self) -> int:
        """Return the time that budgets go by."""
        return self._clock.wall_ns()

    def shortest_ms(self) -> int:
        """Return the interval of the most urgent symbols, by the plans that count now."""
        plans = [feed.plan for feed in self.feeds if feed.plan is not None]
        return min((plan.interval_ms for plan in plans), default=self._interval_ms)

    def interval_ns(self, symbol: str) -> int:
        """Return how often a symbol is asked for, by the plan that counts now; 0 if it is not."""
        for feed in self.feeds:
            if symbol in feed.symbols and feed.plan is not None:
                return max(of.interval_ms for of in feed.plan.classes) * MILLISECOND
        return 0

    # --- who is asked for what -----------------------------------------------------------------

    def _review(self) -> None:
        self._timer = self._clock.call_later(REVIEW_S, self._review)
        try:
            self.review()
        except Exception:
            self.log.failure("it could not be settled which prices are wanted")

    def review(self) -> None:
        """Settle which symbols are asked for, at whom, and how urgently; then go on asking."""
        now = self._clock.wall_ns()
        wanted = self._wanted(now)
        for feed in self.feeds:
            mine = {
                symbol: of for symbol, of in wanted.items() if self._feed_for(symbol, now) is feed
            }
            for symbol in feed.symbols - mine.keys():
                feed.queue.drop(symbol)
            for symbol, of in mine.items():
                fresh = of is SymbolClass.ORDERS and symbol not in self._hot
                first = symbol not in self._seen and symbol not in feed.symbols
                feed.queue.follow(symbol, of, now, urgent=fresh or first)
            feed.symbols = set(mine)
            self._replan(feed, now)
        self._hot = {symbol for symbol, of in wanted.items() if of is SymbolClass.ORDERS}
        for feed in self.feeds:
            self._turn(feed)

    def _wanted(self, now: int) -> dict[str, SymbolClass]:
        """Return the class of each symbol that is to be asked for now."""
        asked = {name: self._is_asked(calendar, now) for name, calendar in self._calendars.items()}
        wanted = {
            symbol: SymbolClass.REST
            for symbol, asset in self._assets.items()
            if asked[asset.calendar] or symbol not in self._seen
        }
        if self.interests is not None:
            for symbols, of in (
                (self.interests.watched(), SymbolClass.WATCHED),
                (self.interests.positions(), SymbolClass.POSITIONS),
                (self.interests.orders(), SymbolClass.ORDERS),
            ):
                wanted.update((symbol, of) for symbol in symbols if symbol in wanted)
        return wanted

    @staticmethod
    def _is_asked(calendar: Calendar, now: int) -> bool:
        if calendar.is_open(now):
            return True
        before = calendar.previous_session(now)
        return before is not None and now < before.close + CLOSE_SWEEP_NS

    def _feed_for(self, symbol: str, now: int) -> Feed | None:
        """Return the first provider that can have a symbol and is well, or else the first."""
        kind = self._assets[symbol].kind
        able = [
            feed
            for feed in self.feeds
            if feed.provider.may_have(symbol, kind) and feed.unknown.get(symbol, 0) <= now
        ]
        return next((feed for feed in able if feed.is_well(now)), able[0] if able else None)

    def _replan(self, feed: Feed, now: int) -> None:
        demand = feed.queue.demand()
        same = feed.plan is not None and feed.plan.demand == demand
        if not feed.symbols or (same and now < feed.planned_until):
            return
        feed.plan = plan_calls(
            feed.budget.limits,
            demand,
            open_s=self._open_s(feed, now),
            interval_ms=self._interval_ms,
            day_left=feed.budget.day_left(now),
            extra_rate=feed.queue.extra_rate(now),
        )
        feed.planned_until = now + PLAN_NS
        feed.queue.replan(feed.plan, now)

    def _open_s(self, feed: Feed, now: int) -> int:
        """Return the seconds of open market that are left of the provider's day."""
        end = feed.budget.day_end(now)
        calendars = {self._assets[symbol].calendar for symbol in feed.symbols}
        longest = 0
        for name in calendars:
            calendar, at, left = self._calendars[name], now, 0
            while (session := calendar.next_session(at)).open < end:
                left += min(session.close, end) - max(session.open, now)
                at = session.close
            longest = max(longest, left)
        return min(max(longest // SECOND, 1), 86_400)

    # --- asking --------------------------------------------------------------------------------

    def _turn(self, feed: Feed) -> None:
        """Send the next call of a provider if one is due and allowed, or wait for that."""
        if not self._running or feed.call is not None or not feed.symbols:
            return
        now = self._clock.wall_ns()
        if feed.timer is not None:
            feed.timer.cancel()
            feed.timer = None
        at = feed.rests_until
        if at <= now:
            if not feed.provider.prepared:
                if feed.budget.take(now):
                    self._send(feed, ())
                    return
                at = feed.budget.next_free(now)
            else:
                batch = feed.queue.next_batch(now)
                if batch:
                    self._send(feed, batch)
                    return
                at = feed.queue.wake_at(now)
        feed.timer = self._clock.call_later(max(at - now, 0) / SECOND, self._turn, feed)

    def _send(self, feed: Feed, batch: tuple[str, ...]) -> None:
        feed.calls += 1
        call = feed.call = Deferred.fromCoroutine(self._ask(feed, batch))
        if feed.call is call and call.called:
            feed.call = None
        call.addErrback(
            lambda failure: self.log.failure("an answer could not be taken", failure=failure)
        )

    async def _ask(self, feed: Feed, batch: tuple[str, ...]) -> None:
        try:
            if batch:
                answer = await feed.provider.quotes(batch)
                self._answered(feed, batch, answer)
            else:
                await feed.provider.prepare()
                feed.faults = 0
        except ProviderFault as fault:
            self._failed(feed, batch, fault)
        except CancelledError:
            feed.queue.failed(batch, self._clock.wall_ns())
        except Exception:
            # A provider that surprises us is one that is broken; the market goes on without it.
            self.log.failure("{name}: its answer broke us", name=feed.provider.name)
            self._failed(feed, batch, ProviderFault(FaultKind.MALFORMED, "an answer that broke us"))
        finally:
            feed.call = None
            if self._running:
                # Not at once: an answer from memory would call for the next without an end.
                feed.timer = self._clock.call_later(0, self._turn, feed)

    def _answered(self, feed: Feed, batch: tuple[str, ...], answer: Answer) -> None:
        now = self._clock.wall_ns()
        if feed.faults >= FAULTS_MAX:
            self.log.info("{name} answers again", name=feed.provider.name)
        if feed.silent:
            feed.silent = False
            self.tell(f"{feed.provider.name} answers again")
        feed.faults = feed.doubted_until = 0
        feed.queue.answered(batch, now)
        for problem in answer.problems:
            if problem.unknown and feed.unknown.get(problem.symbol, 0) <= now:
                feed.unknown[problem.symbol] = now + UNKNOWN_NS
                self.log.warn(
                    "{name}: {symbol}: {text}",
                    name=feed.provider.name,
                    symbol=problem.symbol,
                    text=problem.text,
                )
        self._seen.update(seen.symbol for seen in answer.observations)
        self._taker.take(answer, feed.provider, now)

    def _failed(self, feed: Feed, batch: Iterable[str], fault: ProviderFault) -> None:
        now = self._clock.wall_ns()
        feed.faults += 1
        feed.failures += 1
        wait = self._wait(feed, fault)
        if fault.kind is FaultKind.LIMITED or fault.retry_after_s:
            feed.budget.penalize(now + wait)
        if fault.kind in (FaultKind.LIMITED, FaultKind.DENIED) or feed.faults >= FAULTS_MAX:
            feed.rests_until = now + wait
        if fault.kind is FaultKind.DEADLINE:
            doubted = min(STAND_IN_S << min(feed.faults - 1, 10), RETRY_AFTER_S_MAX)
            feed.doubted_until = now + doubted * SECOND
        feed.queue.failed(batch, now + wait)
        if str(fault) != feed.last_fault or feed.faults == FAULTS_MAX:
            feed.last_fault = str(fault)
            self.log.warn(
                "{name}: {kind}: {text}; next call in {seconds} s",
                name=feed.provider.name,
                kind=str(fault.kind),
                text=str(fault),
                seconds=wait // SECOND,
            )
        gone = fault.kind is FaultKind.DENIED or feed.faults >= FAULTS_MAX
        if gone and not feed.silent:
            feed.silent = True
            self.tell(f"{feed.provider.name}: {fault.kind}: {fault}; no prices until it answers")

    def _wait(self, feed: Feed, fault: ProviderFault) -> int:
        """Return how long to wait after a fault: what the provider says, or ever longer."""
        if fault.retry_after_s:
            # A little more, and not the same for everybody who was sent away at once.
            return fault.retry_after_s * SECOND + int(self._jitter() * SECOND)
        if fault.kind is FaultKind.DENIED:
            return RETRY_AFTER_S_MAX * SECOND
        longest = min(_BACKOFF_S ** min(feed.faults, 10), RETRY_AFTER_S_MAX)
        return SECOND + int(self._jitter() * longest * SECOND)
