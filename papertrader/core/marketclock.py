"""The market clock: which instant the market has reached, given the master's own clock.

Pure arithmetic on integers; the caller says what the wall shows. "Wall" is the master's instant
(nanoseconds, never running backward); "market" is the time the market is at: the same (live), or
that of a recorded or simulated market, which may run faster.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

from papertrader.core.calendar import Calendar
from papertrader.core.instants import NEVER, SECOND, Instant, format_instant

SPEED_NORMAL: Final = 1_000
"""Thousandths: one market second a wall second."""

SPEED_MAX: Final = 10_000_000
"""Fastest market clock: 10,000 market seconds a wall second."""

CLOSE_DWELL: Final = SECOND
"""Wall time a closed market that is skipped over stands at its closing instant, so that everybody
who looks at least this often sees the close (orders for the day expire) before the next open."""

SESSIONS_PER_CALL_MAX: Final = 64
"""Closes that one look at the clock goes past. After a longer gap the clock stands at the close it
has come to, and later looks go on from there: nothing is lost and no look takes long."""


class ClockMode(IntEnum):
    """Where market time comes from (wire numbers)."""

    LIVE = 1
    REPLAY = 2
    SIMULATED = 3


class ClockField(IntFlag):
    """What a CLOCK_SET sets (wire bits)."""

    MODE = 1
    NOW = 2
    STEP = 4
    SPEED = 8
    PAUSED = 16


class MarketClock:
    """Maps wall instants to market instants.

    From an anchor (a market instant and the wall instant at which it was reached) the market runs
    at ``speed_milli`` thousandths of wall speed. With ``skip_closed`` it stands at each session's
    close for `CLOSE_DWELL` of wall time and goes on at the next session's open, where a new
    anchor is set; nights, weekends and holidays are never walked through. What `now` answers
    depends on the wall instant alone, not on how often it was asked (save for gaps longer than
    `SESSIONS_PER_CALL_MAX` sessions).
    """

    def __init__(
        self,
        *,
        mode: ClockMode,
        calendar: Calendar,
        market_start: int,
        wall_start: int,
        speed_milli: int = SPEED_NORMAL,
        skip_closed: bool = False,
        paused: bool = False,
        market_end: int = NEVER,
    ) -> None:
        """Start at ``market_start`` when the wall shows ``wall_start``.

        ``paused``: market time stands still. ``market_end``: the clock never goes past it (`NEVER`:
        no end). Raises `ValueError` for a speed outside 1..`SPEED_MAX` and for a live clock that
        is to be paused, sped up, ended or made to skip.
        """
        _check_speed(speed_milli)
        if mode is ClockMode.LIVE and (
            speed_milli != SPEED_NORMAL or skip_closed or paused or market_end != NEVER
        ):
            raise ValueError(
                "a live market cannot be paused, sped up, ended or made to skip closed hours:"
                " choose the replay or simulated market for that"
            )
        self.mode = mode
        self.speed_milli = speed_milli
        self.skip_closed = skip_closed
        self.paused = paused
        self.market_end = market_end
        self._calendar = calendar
        self._market_anchor = market_start
        self._wall_anchor = wall_start
        self._close = 0
        self._latest = 0
        self._anchor(market_start, wall_start)

    def _anchor(self, market: int, wall: int) -> None:
        """Let the market be at ``market``, or the next opening after it, when the wall is there.

        A session's very close belongs to it: whoever stands there has not seen the next open.
        """
        if self.skip_closed:
            session = self._calendar.next_session(market - 1)
            market = max(market, session.open)
            self._close = session.close
        self._market_anchor, self._wall_anchor = market, wall
        self._latest = self._ended(market)

    def go_to(self, market: int, wall: int) -> Instant:
        """Turn the clock forward or back to a market instant; return where it then stands.

        With ``skip_closed`` that is the next opening if the market is closed then. Raises
        `ValueError` for a live clock, and for an instant after the clock's end.
        """
        self._check_free()
        if self.market_end != NEVER and market > self.market_end:
            raise ValueError(
                f"the market's data end at {format_instant(self.market_end)}; choose an earlier"
                " time"
            )
        self._anchor(market, wall)
        return Instant(self._latest)

    def pause(self, wall: int) -> None:
        """Let market time stand still. Raises `ValueError` for a live clock."""
        self._check_free()
        self.now(wall)
        self.paused = True

    def resume(self, wall: int) -> None:
        """Let market time go on from where it stands. Raises `ValueError` for a live clock."""
        self._check_free()
        if self.paused:
            self.paused = False
            self._anchor(self._latest, wall)

    def set_speed(self, speed_milli: int, wall: int) -> None:
        """Let market time run at another speed from now on.

        Raises `ValueError` for a live clock, and for a speed outside 1..`SPEED_MAX`.
        """
        self._check_free()
        _check_speed(speed_milli)
        at = self.now(wall)
        self.speed_milli = speed_milli
        self._anchor(at, wall)

    def _check_free(self) -> None:
        if self.mode is ClockMode.LIVE:
            raise ValueError(
                "a live market follows the real time and cannot be paused, sped up or turned:"
                " start the replay or simulated market for that"
            )

    def now(self, wall: int) -> Instant:
        """Return the market instant at ``wall``; never smaller than before, unless by `go_to`."""
        if not self.paused:
            self._latest = max(self._latest, self._ended(self._reached(wall)))
        return Instant(self._latest)

    def _reached(self, wall: int) -> int:
        """Return the market instant at ``wall``, moving the anchor past closes that lie behind."""
        market = self._run_from_anchor(wall)
        if not self.skip_closed:
            return market
        for _ in range(SESSIONS_PER_CALL_MAX):
            if market <= self._close or self._ended(self._close + 1) <= self._close:
                break
            going_on = self._wall_anchor + self._wall_needed(self._close) + CLOSE_DWELL
            if wall < going_on:
                break
            session = self._calendar.next_session(self._close)
            self._market_anchor, self._wall_anchor = session.open, going_on
            self._close = session.close
            market = self._run_from_anchor(wall)
        return min(market, self._close)

    def _run_from_anchor(self, wall: int) -> int:
        elapsed = max(wall - self._wall_anchor, 0)
        return self._market_anchor + elapsed * self.speed_milli // SPEED_NORMAL

    def _wall_needed(self, market: int) -> int:
        """Return the wall time from the anchor to that market instant, rounded up."""
        return -(-(market - self._market_anchor) * SPEED_NORMAL // self.speed_milli)

    def _ended(self, market: int) -> int:
        return market if self.market_end == NEVER else min(market, self.market_end)


def _check_speed(speed_milli: int) -> None:
    if not 1 <= speed_milli <= SPEED_MAX:
        raise ValueError(
            f"market speed {speed_milli} lies outside 1..{SPEED_MAX} (thousandths): choose"
            " a speed between 0.001 and 10,000"
        )
