"""When the market trades: MARKET_STATUS, CLOCK_GET, and EV_MARKET at each opening and close."""

from __future__ import annotations

from collections.abc import Mapping

from papertrader.core.calendar import Calendar
from papertrader.core.marketclock import MarketClock
from papertrader.master.commands import Command, Refused
from papertrader.master.providers.base import TapeSource
from papertrader.master.sessions import Session
from papertrader.net.clock import Clock
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import MarketState, Status


class MarketHours:
    """Tells the hours of the exchanges on which something is listed, and the market's clock.

    ``update_interval_ms`` is how often prices are taken.
    """

    def __init__(
        self, source: TapeSource, market_clock: MarketClock, clock: Clock, update_interval_ms: int
    ) -> None:
        self._main = source.calendar_main
        calendars: Mapping[str, Calendar] = {
            calendar.mic: calendar for calendar in map(source.calendar, source.assets)
        }
        self._calendars = {**calendars, self._main.mic: self._main}
        self._market_clock = market_clock
        self._clock = clock
        self._update_interval_ms = update_interval_ms
        self._told: tuple[MarketState, int, int] | None = None

    # --- questions -----------------------------------------------------------------------------

    def market_status(self, command: Command, session: Session, message: m.MarketStatus) -> bytes:
        """Answer MARKET_STATUS. Raises `Refused` for an exchange on which nothing is listed."""
        calendar = self._calendars.get(message.exchange) if message.exchange else self._main
        if calendar is None:
            known = ", ".join(sorted(self._calendars))
            raise Refused(
                Status.NO_DATA,
                f"Nothing of exchange {message.exchange} is listed here; ask for one of {known}.",
            )
        state, opens, closes = _hours(calendar, self._now())
        reply = m.MarketStatusReply(
            exchange=calendar.mic,
            state=state,
            now=self._now(),
            next_open=opens,
            next_close=closes,
            update_interval_ms=self._update_interval_ms,
        )
        head = command.header
        return codec.encode(reply, session=session.handle, correlation=head.correlation)

    def clock_get(self, command: Command, session: Session, message: m.ClockGet) -> bytes:
        """Answer CLOCK_GET."""
        market_clock, wall = self._market_clock, self._clock.wall_ns()
        reply = m.ClockReply(
            mode=market_clock.mode,
            paused=market_clock.paused,
            skips_closed=market_clock.skip_closed,
            speed_milli=market_clock.speed_milli,
            now=market_clock.now(wall),
            ends_at=market_clock.market_end,
            as_of=wall,
        )
        head = command.header
        return codec.encode(reply, session=session.handle, correlation=head.correlation)

    # --- what is pushed ------------------------------------------------------------------------

    def event(self, market_at: int) -> bytes:
        """Return the EV_MARKET frame of the main exchange at that market time."""
        state, opens, closes = _hours(self._main, market_at)
        return codec.encode(
            m.MarketEvent(
                exchange=self._main.mic,
                state=state,
                now=market_at,
                next_open=opens,
                next_close=closes,
                update_interval_ms=self._update_interval_ms,
            )
        )

    def changed(self, market_at: int) -> bytes | None:
        """Return what to publish if the main exchange opened or closed since the last call."""
        hours = _hours(self._main, market_at)
        if hours == self._told:
            return None
        first, self._told = self._told is None, hours
        return None if first else self.event(market_at)

    def _now(self) -> int:
        return self._market_clock.now(self._clock.wall_ns())


def _hours(calendar: Calendar, now: int) -> tuple[MarketState, int, int]:
    """Return (state, next opening after now, next close after now)."""
    session = calendar.next_session(now)
    if session.open > now:
        return MarketState.CLOSED, session.open, session.close
    return MarketState.OPEN, calendar.next_session(session.close).open, session.close
