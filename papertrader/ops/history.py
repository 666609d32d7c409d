"""Importing history into ``history.db``: from files, or from a provider within its limits.

A provider is asked with a fifth of its limits alone: that is what the plan of a running master
leaves for people, so that an import beside it never spends what the prices of now need.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import attrs
from twisted.internet.defer import Deferred

from papertrader.core.calendar import ALWAYS_OPEN, Calendar
from papertrader.core.callbudget import CallBudget, ProviderLimits
from papertrader.core.gaps import find_gaps
from papertrader.core.instants import DAY, MINUTE, SECOND, format_instant, midnight_of
from papertrader.core.quotes import Bar
from papertrader.master.barstore import DAY_S, FILE, KEPT_S, MINUTE_S, BarStore, KeptBar, both
from papertrader.master.providers.base import BARS_MAX, load_calendars
from papertrader.master.providers.datafiles import find_files
from papertrader.master.providers.datarows import Dataset, RowKind, read_dataset
from papertrader.master.providers.faults import FaultKind, ProviderFault
from papertrader.master.providers.filemarket import quote_tape
from papertrader.master.providers.path import Candle
from papertrader.master.providers.provider import BarsAnswer, Provider
from papertrader.master.providers.quotetape import QuoteTape

AnswerT = TypeVar("AnswerT")

SHARE: Final = 5
"""An import spends one in so many of a provider's calls."""
PAGES_MAX: Final = 10_000
"""Calls that one import of one symbol makes; the rest is for the next one."""
FAILURES_MAX: Final = 5
"""Failed calls in a row after which an import gives up."""
BACKOFF_S: Final = 2
WAIT_MAX_S: Final = 900
_BATCH: Final = 20_000

Progress = Callable[[int, int, str], None]
"""(done, of how much, what is done); done -1: as before."""


@attrs.define
class Imported:
    """What an import brought: bars by (symbol, interval), calls made."""

    bars: dict[tuple[str, int], int] = attrs.Factory(dict)
    calls: int = 0

    def count(self, symbol: str, interval_s: int, bars: int) -> None:
        """Count bars."""
        key = symbol, interval_s
        self.bars[key] = self.bars.get(key, 0) + bars


@attrs.frozen
class Kept:
    """What is kept of a symbol: the first and last bar, how many, imported ones, missing ones."""

    symbol: str
    interval_s: int
    first: int
    last: int
    count: int
    imported: int
    gaps: int
    missing: int


def open_history(state: Path) -> BarStore:
    """Open the installation's history. Raises `papertrader.master.database.StoreError`."""
    state.mkdir(parents=True, exist_ok=True)
    return BarStore(state / FILE)


def kept_history(store: BarStore) -> list[Kept]:
    """Return what is kept, with the gaps within trading hours."""
    calendars = load_calendars()
    rows = []
    for each in store.coverage():
        calendar = calendars[calendar_of(each.symbol)]
        gaps = find_gaps(store.times(each.symbol, each.interval_s), each.interval_s, calendar)
        missing = sum(gap.bars for gap in gaps)
        rows.append(
            Kept(
                each.symbol, each.interval_s, each.first, each.last, each.count, each.imported,
                len(gaps), missing,
            )
        )  # fmt: skip
    return rows


def calendar_of(symbol: str) -> str:
    """Return the calendar that the live market takes for a symbol's: pairs never close."""
    return ALWAYS_OPEN if "/" in symbol else "XNYS"


# --- files ---------------------------------------------------------------------------------------


def import_files(store: BarStore, place: Path, progress: Progress) -> Imported:
    """Take the bars of files in; quotes become minutes and days, minutes days as well.

    Corporate actions and what files say of assets are not history of prices and left out.

    Raises `papertrader.master.providers.recorded.DataFileError`; nothing is taken in then.
    """
    calendars = load_calendars()
    progress(0, 1, "reading the files")
    data = read_dataset(find_files(place), calendars)
    source = place.name[:24]
    found = Imported()
    rows: list[KeptBar] = []
    for done, symbol in enumerate(sorted(data.kinds)):
        progress(done, len(data.kinds), symbol)
        for interval_s, bars in _bars_of(symbol, data, calendars):
            rows += [KeptBar(symbol, interval_s, bar, source, True) for bar in bars]
            found.count(symbol, interval_s, len(bars))
    for at in range(0, len(rows), _BATCH):
        store.keep(rows[at : at + _BATCH])
    progress(1, 1, "done")
    return found


def _bars_of(
    symbol: str, data: Dataset, calendars: Mapping[str, Calendar]
) -> Iterator[tuple[int, list[Bar]]]:
    """Give (interval, bars) of one symbol: what its rows say, nothing that they do not."""
    calendar, kind = calendars[data.listed(symbol).calendar], data.kinds[symbol]
    if kind is RowKind.DAILY:
        days = sorted(data.days[symbol].items())
        yield DAY_S, [_bar(midnight_of(day), candle) for day, candle in days]
        return
    if kind is RowKind.MINUTE:
        minutes: list[Bar] = []
        for day, rows in sorted(data.minutes[symbol].items()):
            session = calendar.session(day)
            if session is not None:
                opened = session.open
                minutes += [_bar(opened + n * MINUTE, rows[n]) for n in sorted(rows)]
        yield MINUTE_S, minutes
        yield DAY_S, _days(minutes)
        return
    tape = quote_tape(symbol, data, calendars)
    for interval_s in (MINUTE_S, DAY_S):
        yield interval_s, list(_pages(tape, symbol, interval_s))


def _bar(time: int, candle: Candle) -> Bar:
    return Bar(time, candle.open, candle.high, candle.low, candle.close, candle.volume)


def _days(minutes: Iterable[Bar]) -> list[Bar]:
    days: list[Bar] = []
    for minute in minutes:
        midnight = minute.time - minute.time % DAY
        if days and days[-1].time == midnight:
            days[-1] = both(days[-1], minute, midnight)
        else:
            days.append(attrs.evolve(minute, time=midnight))
    return days


def _pages(tape: QuoteTape, symbol: str, interval_s: int) -> Iterator[Bar]:
    start = 0
    while True:
        bars = tape.bars(symbol, interval_s, start, 0, tape.last_time())
        yield from bars
        if len(bars) < BARS_MAX:
            return
        start = bars[-1].time + 1


# --- a provider ----------------------------------------------------------------------------------


def share_of(limits: ProviderLimits) -> ProviderLimits:
    """Return the part of a provider's limits that an import may spend: a fifth, a call at least."""

    def part(limit: int) -> int:
        return max(limit // SHARE, limits.cost(1)) if limit else 0

    return attrs.evolve(
        limits,
        calls_per_minute=part(limits.calls_per_minute),
        calls_per_hour=part(limits.calls_per_hour),
        calls_per_day=part(limits.calls_per_day),
    )


class Backfill:
    """Asks one provider for bars, page by page, within its share of the limits.

    What was spent is kept in the store, over imports.
    """

    def __init__(self, provider: Provider, store: BarStore, progress: Progress) -> None:
        self._provider = provider
        self._store = store
        self._wall_ns = provider.clock.wall_ns
        self._progress = progress
        self._key = f"calls.{provider.name}"
        self._budget = CallBudget(share_of(provider.limits), store.note(self._key))
        self.imported = Imported()

    async def run(self, symbols: Sequence[str], interval_s: int, start: int, end: int) -> Imported:
        """Import bars with ``start <= time < end`` of each symbol; what is kept stays kept.

        Raises `ProviderFault` when the provider refuses, or fails `FAILURES_MAX` times in a row.
        """
        if interval_s not in KEPT_S:
            raise ProviderFault(FaultKind.REFUSED, "only bars of a minute and of a day are kept")
        if not self._provider.prepared:
            await self._call(self._provider.prepare, "learning the symbols")
        for number, symbol in enumerate(symbols):
            await self._symbol(symbol, interval_s, start, end, number, len(symbols))
        self._progress(len(symbols) * 1_000, len(symbols) * 1_000, "done")
        return self.imported

    async def _symbol(
        self, symbol: str, interval_s: int, start: int, end: int, number: int, symbols: int
    ) -> None:
        at = start
        for _ in range(PAGES_MAX):
            done = number * 1_000 + 1_000 * (at - start) // max(end - start, 1)
            self._progress(done, symbols * 1_000, symbol)

            async def ask(since: int = at) -> BarsAnswer:
                return await self._provider.bars(symbol, interval_s, since, end)

            answer = await self._call(ask, symbol)
            rows = [
                KeptBar(symbol, interval_s, bar, self._provider.name, True) for bar in answer.bars
            ]
            self._store.keep(rows)
            self.imported.count(symbol, interval_s, len(rows))
            if answer.complete or not answer.bars:
                return
            at = answer.bars[-1].time + 1

    async def _call(self, ask: Callable[[], Awaitable[AnswerT]], what: str) -> AnswerT:
        """Make one call when the budget allows it; waits and asks again when it fails."""
        for failure in range(FAILURES_MAX):
            await self._allowed(what)
            self.imported.calls += 1
            try:
                return await ask()
            except ProviderFault as fault:
                if fault.kind not in (FaultKind.LIMITED, FaultKind.FAILED):
                    raise
                if failure == FAILURES_MAX - 1:
                    raise
                wait = min(fault.retry_after_s or BACKOFF_S << failure, WAIT_MAX_S)
                self._budget.penalize(self._wall_ns() + wait * SECOND)
        raise ProviderFault(FaultKind.FAILED, f"{what} was asked for in vain")

    async def _allowed(self, what: str) -> None:
        cost = self._provider.limits.cost(1)
        while not self._budget.take(self._wall_ns(), cost, reserve=True):
            free = self._budget.next_free(self._wall_ns(), cost, reserve=True)
            left = max((free - self._wall_ns()) / SECOND, 0.01)
            if left > WAIT_MAX_S:
                raise ProviderFault(
                    FaultKind.LIMITED,
                    f"the calls that an import may make are spent until {format_instant(free)};"
                    " run it again then, it goes on where it is",
                )
            self._progress(-1, 0, f"{what}: waiting {left:.0f} s for the provider's limits")
            waiting: Deferred[None] = Deferred()
            self._provider.clock.call_later(left, waiting.callback, None)
            await waiting
        self._store.set_note(self._key, self._budget.export())
