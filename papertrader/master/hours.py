"""When the market trades: MARKET_STATUS, CLOCK_GET, and EV_MARKET at each opening and close."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from papertrader.core.calendar import Calendar
from papertrader.core.instants import SECOND
from papertrader.master.commands import Command, Refused
from papertrader.master.markettime import MarketTime
from papertrader.master.providers.base import TapeSource
from papertrader.master.sessions import Session
from papertrader.net.clock import Clock
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import MarketState, RelayDownFlag, Status

HOURS_CACHE_S: Final = 1
ClockReplyT = TypeVar("ClockReplyT", m.ClockReply, m.ClockSetReply)


class MarketHours:
    """Tells the hours of the exchanges on which something is listed, and the market's clock.

    ``update_interval_ms`` is how often prices are taken.
    """

    def __init__(
        self, source: TapeSource, market: MarketTime, clock: Clock, update_interval_ms: int
    ) -> None:
        self._main = source.calendar_main
        calendars: Mapping[str, Calendar] = {
            calendar.mic: calendar for calendar in map(source.calendar, source.assets)
        }
        self._calendars = {**calendars, self._main.mic: self._main}
        self._market = market
        self._clock = clock
        self.update_interval_ms: Callable[[], int] = lambda: update_interval_ms
        """How often prices come; a live market's is as planned at the moment."""
        self._told: tuple[MarketState, int, int] | None = None
        self._was_set = False

    # --- questions -----------------------------------------------------------------------------

    def market_status(self, command: Command, session: Session, message: m.MarketStatus) -> None:
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
            update_interval_ms=self.update_interval_ms(),
            cache_until=command.accepted_at + HOURS_CACHE_S * SECOND,
        )
        _answer(command, session, reply)

    def clock_get(self, command: Command, session: Session, message: m.ClockGet) -> None:
        """Answer CLOCK_GET."""
        until = command.accepted_at + HOURS_CACHE_S * SECOND
        _answer(command, session, self.clock_reply(m.ClockReply, until))

    def clock_reply(self, shape: type[ClockReplyT], cache_until: int = 0) -> ClockReplyT:
        """Return the message ``shape`` that tells where market time stands."""
        market_clock, wall = self._market.market_clock, self._clock.wall_ns()
        return shape(
            mode=market_clock.mode,
            paused=market_clock.paused,
            skips_closed=market_clock.skip_closed,
            speed_milli=market_clock.speed_milli,
            now=market_clock.now(wall),
            ends_at=market_clock.market_end,
            as_of=wall,
            begins_at=self._market.begins_at,
            epoch=self._market.epoch,
            cache_until=cache_until,
        )

    # --- what is pushed ------------------------------------------------------------------------

    def event(self, market_at: int) -> bytes:
        """Return the EV_MARKET frame of the main exchange at that market time."""
        state, opens, closes = _hours(self._main, market_at)
        market_clock = self._market.market_clock
        return codec.encode(
            m.MarketEvent(
                exchange=self._main.mic,
                state=state,
                now=market_at,
                next_open=opens,
                next_close=closes,
                update_interval_ms=self.update_interval_ms(),
                epoch=self._market.epoch,
                speed_milli=0 if market_clock.paused else market_clock.speed_milli,
            )
        )

    def forget(self) -> None:
        """The clock was set: everybody is told where it is, whatever the hours are."""
        self._was_set = True

    def changed(self, market_at: int) -> bytes | None:
        """Return what to publish if the exchange opened or closed, or the clock was set, since."""
        hours = _hours(self._main, market_at)
        if hours == self._told and not self._was_set:
            return None
        first, self._told = self._told is None and not self._was_set, hours
        self._was_set = False
        return None if first else self.event(market_at)

    def _now(self) -> int:
        return self._market.now()


def _answer(command: Command, session: Session, reply: Message) -> None:
    """Answer with what the worker may answer again."""
    command.answer(
        codec.encode(reply, session=session.handle, correlation=command.header.correlation),
        flags=int(RelayDownFlag.CACHEABLE),
        cache_s=HOURS_CACHE_S,
    )


def _hours(calendar: Calendar, now: int) -> tuple[MarketState, int, int]:
    """Return (state, next opening after now, next close after now); a lunch break is closed.

    Openings and closes are those of sessions, in extended hours too.
    """
    session = calendar.next_session(now)
    extended = calendar.extended_at(now)
    if extended is not None:
        state = MarketState.PRE_MARKET if now < extended.open else MarketState.AFTER_HOURS
        return state, session.open, session.close
    if now < session.break_end:
        first = (session.open, session.break_start, session.break_end, session.close)
        upcoming = [at for at in first if at > now]
        if session.trades_at(now):
            return MarketState.OPEN, upcoming[1], upcoming[0]
        return MarketState.CLOSED, upcoming[0], upcoming[1]
    if session.open > now:
        return MarketState.CLOSED, session.open, session.close
    return MarketState.OPEN, calendar.next_session(session.close).open, session.close
