"""The history of a live market: its bars, kept in ``history.db`` in the state directory.

Minutes and days are kept; longer bars are joined from them when somebody asks. A bar is *built*
from quotes as they came, or *imported* from a provider or a file; an imported one stands in the
place of a built one, for its source saw every trade. A built bar has one provider: two never mix.
The file can be deleted while the master is stopped; then history begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import peewee

from papertrader.core.instants import DAY, SECOND, midnight_of, to_datetime
from papertrader.core.quotes import Bar
from papertrader.master.engines import connect
from papertrader.master.providers.base import BARS_MAX, MONTH_S

FILE: Final = "history.db"
MINUTE_S: Final = 60
DAY_S: Final = 86_400
KEPT_S: Final = (MINUTE_S, DAY_S)
"""The lengths of bar that are kept."""
OCTETS_MAX: Final = 8 * 1024**3
"""Size of the file; when it is larger the oldest minutes go, `PRUNE_ROWS` at a time."""
PRUNE_ROWS: Final = 100_000
_WEEK_S: Final = 604_800
_FAR: Final = 250_000_000_000 * SECOND
"""A time after all others that still has a date."""
_PRAGMAS: Final = {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 5_000}
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS bar (symbol TEXT NOT NULL, interval_s INTEGER NOT NULL,"
    " time INTEGER NOT NULL, open INTEGER NOT NULL, high INTEGER NOT NULL, low INTEGER NOT NULL,"
    " close INTEGER NOT NULL, volume INTEGER NOT NULL, provider TEXT NOT NULL,"
    " imported INTEGER NOT NULL, PRIMARY KEY (symbol, interval_s, time)) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS note (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
)
_KEEP: Final = (
    "INSERT INTO bar VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (symbol, interval_s, time) DO UPDATE SET open = excluded.open,"
    " high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,"
    " provider = excluded.provider, imported = excluded.imported"
    " WHERE excluded.imported OR (NOT bar.imported AND bar.provider = excluded.provider)"
)
_READ: Final = (
    "SELECT time, open, high, low, close, volume FROM bar"
    " WHERE symbol = ? AND interval_s = ? AND time >= ? AND time < ? ORDER BY time"
)


@attrs.frozen
class KeptBar:
    """A bar of `MINUTE_S` or `DAY_S` as it is kept."""

    symbol: str
    interval_s: int
    bar: Bar
    provider: str
    imported: bool = False


@attrs.frozen
class Coverage:
    """How much of a symbol is kept: first and last bar, and how many."""

    symbol: str
    interval_s: int
    first: int
    last: int
    count: int
    imported: int


class BarStore:
    """The store (see the module). ``path`` None: in memory, for a market without a directory.

    `keep` may be called from a thread of its own, one at a time; the rest belongs to the reactor's.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        if path is None:
            self._writer = self._reader = peewee.SqliteDatabase(
                ":memory:", autoconnect=False, check_same_thread=False, thread_safe=False
            )
            self._writer.connect()
        else:
            self._writer, self._reader = connect(path, _PRAGMAS), connect(path, _PRAGMAS)
        for statement in _SCHEMA:
            self._writer.execute_sql(statement)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
        if self._reader is not self._writer:
            self._reader.close()

    def keep(self, rows: Iterable[KeptBar]) -> None:
        """Write bars, all or none."""
        values = [
            (
                row.symbol, row.interval_s, row.bar.time, row.bar.open, row.bar.high, row.bar.low,
                row.bar.close, row.bar.volume, row.provider, int(row.imported),
            )
            for row in rows
        ]  # fmt: skip
        with self._writer.atomic("IMMEDIATE"):
            self._writer.connection().executemany(_KEEP, values)

    def prune(self, octets_max: int = OCTETS_MAX) -> int:
        """Remove the oldest minutes if more than ``octets_max`` are used; return how many."""
        pages, free, size = (
            self._writer.execute_sql(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size <= octets_max:
            return 0
        oldest = self._writer.execute_sql(
            "SELECT symbol, interval_s, time FROM bar WHERE interval_s = ? ORDER BY time LIMIT ?",
            (MINUTE_S, PRUNE_ROWS),
        ).fetchall()
        with self._writer.atomic("IMMEDIATE"):
            self._writer.connection().executemany(
                "DELETE FROM bar WHERE symbol = ? AND interval_s = ? AND time = ?", oldest
            )
        return len(oldest)

    def rows(self, symbol: str, interval_s: int, start: int, end: int) -> list[Bar]:
        """Return the kept bars with ``start <= time < end``, oldest first; all in memory."""
        return list(self._iterate(symbol, interval_s, start, end, newest=False))

    def find(self, symbol: str, interval_s: int, time: int) -> tuple[Bar, str, bool] | None:
        """Return the kept bar that begins just then, its provider, and whether it is imported."""
        row = self._reader.execute_sql(
            "SELECT time, open, high, low, close, volume, provider, imported FROM bar"
            " WHERE symbol = ? AND interval_s = ? AND time = ?",
            (symbol, interval_s, time),
        ).fetchone()
        return None if row is None else (Bar(*row[:6]), row[6], bool(row[7]))

    def note(self, key: str) -> str:
        """Return what was noted under a key; empty for nothing."""
        row = self._reader.execute_sql("SELECT value FROM note WHERE key = ?", (key,)).fetchone()
        return "" if row is None else str(row[0])

    def set_note(self, key: str, value: str) -> None:
        """Note something, such as the calls that an import has spent."""
        self._writer.execute_sql(
            "INSERT INTO note VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )

    def times(self, symbol: str, interval_s: int) -> list[int]:
        """Return when each kept bar begins, oldest first."""
        cursor = self._reader.execute_sql(
            "SELECT time FROM bar WHERE symbol = ? AND interval_s = ? ORDER BY time",
            (symbol, interval_s),
        )
        return [row[0] for row in cursor]

    def coverage(self) -> list[Coverage]:
        """Return what is kept of each symbol and interval, in order."""
        found = self._reader.execute_sql(
            "SELECT symbol, interval_s, min(time), max(time), count(*), sum(imported) FROM bar"
            " GROUP BY symbol, interval_s ORDER BY symbol, interval_s"
        )
        return [Coverage(*row) for row in found]

    def bars(
        self,
        symbol: str,
        interval_s: int,
        start: int,
        end: int,
        limit: int,
        *,
        newest: bool,
        forming: Iterable[Bar] = (),
    ) -> list[Bar]:
        """Return bars of any length with ``start <= time < end``, oldest first.

        They are joined of the kept ones and of ``forming`` ones of the same base, which count
        before what is kept of the same time. ``limit`` 0: `BARS_MAX`; the oldest, or ``newest``.
        """
        base = DAY_S if interval_s >= DAY_S else MINUTE_S
        most = min(limit, BARS_MAX) if limit > 0 else BARS_MAX
        # The last bar is whole, though its parts may begin after ``end``.
        upper = _bar_end(end - 1, interval_s)
        fresh = sorted((b for b in forming if start <= b.time < upper), key=_time, reverse=newest)
        kept = self._iterate(symbol, base, start, upper, newest=newest)
        joined: list[Bar] = []
        for bar in _merged(kept, fresh, newest=newest):
            time = bar_start(bar.time, interval_s)
            if not start <= time < end:
                continue
            if joined and joined[-1].time == time:
                first, second = (bar, joined[-1]) if newest else (joined[-1], bar)
                joined[-1] = both(first, second, time)
            elif len(joined) == most:
                break
            else:
                joined.append(attrs.evolve(bar, time=time))
        return joined[::-1] if newest else joined

    def _iterate(
        self, symbol: str, interval_s: int, start: int, end: int, *, newest: bool
    ) -> Iterator[Bar]:
        order = " DESC" if newest else ""
        cursor = self._reader.execute_sql(_READ + order, (symbol, interval_s, start, end))
        for row in cursor:
            yield Bar(*row)


def bar_start(time: int, interval_s: int) -> int:
    """Return when the bar of that length begins that ``time`` lies in (UTC)."""
    if interval_s == MONTH_S:
        return midnight_of(to_datetime(time).date().replace(day=1))
    if interval_s == _WEEK_S:
        return time - time % DAY - to_datetime(time).weekday() * DAY
    return time - time % (interval_s * SECOND)


def _bar_end(time: int, interval_s: int) -> int:
    begun = bar_start(min(time, _FAR), interval_s)
    if interval_s == MONTH_S:
        return bar_start(begun + 31 * DAY, interval_s)
    return begun + interval_s * SECOND


def both(first: Bar, second: Bar, time: int) -> Bar:
    """Return two bars, one after the other, as one that begins at ``time``."""
    return Bar(
        time,
        first.open,
        max(first.high, second.high),
        min(first.low, second.low),
        second.close,
        first.volume + second.volume,
    )


def _time(bar: Bar) -> int:
    return bar.time


def _merged(kept: Iterator[Bar], fresh: list[Bar], *, newest: bool) -> Iterator[Bar]:
    """Give both, in order of time; of the same time the fresh one alone."""
    waiting: list[Any] = list(reversed(fresh))
    for bar in kept:
        while waiting and (waiting[-1].time > bar.time if newest else waiting[-1].time < bar.time):
            yield waiting.pop()
        if waiting and waiting[-1].time == bar.time:
            yield waiting.pop()
        else:
            yield bar
    while waiting:
        yield waiting.pop()
