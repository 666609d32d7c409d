"""The market's state, its clock and public subscriptions as requests; see `commands`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from papertrader.client import results as r
from papertrader.client import updates as u
from papertrader.client.arguments import choice_of, flag_of, of_kind, shown
from papertrader.client.commands import (
    INTERVAL_MS_MAX,
    Amount,
    Command,
    interval_seconds,
    symbol_rows_of,
    whole_number,
)
from papertrader.client.moments import Moment, instant_of
from papertrader.client.results import decimal_of, moment_of, units_of
from papertrader.core.identifiers import check_symbol
from papertrader.core.instants import DAY, to_datetime
from papertrader.core.logrecord import Level, LogRecord, parse_json
from papertrader.core.marketclock import SPEED_MAX, ClockField, ClockMode
from papertrader.core.quotes import BAR_INTERVALS_S
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import DrainMode, Topic

EXCHANGE_OCTETS = 4
DRAIN_MS_MAX = 3_600_000
STEP_NS_MAX: Final = 400 * DAY


def market_state_of(message: m.MarketStatusReply | m.MarketEvent) -> r.MarketState:
    """Build a `MarketState`."""
    pushed: dict[str, Any] = {}
    if isinstance(message, m.MarketEvent):
        speed = decimal_of(message.speed_milli * 100_000)
        pushed = {"epoch": message.epoch, "speed": speed}
    else:
        pushed = {"cache_until": moment_of(message.cache_until)}
    return r.MarketState(
        exchange=message.exchange,
        state=message.state,
        now=to_datetime(message.now),
        next_open=moment_of(message.next_open),
        next_close=moment_of(message.next_close),
        update_interval_ms=message.update_interval_ms,
        **pushed,
    )


def bar_update_of(subscription: int, event: m.BarEvent) -> u.BarUpdate:
    """Build a `BarUpdate`."""
    return u.BarUpdate(
        subscription=subscription,
        symbol=event.symbol,
        interval_s=event.interval_s,
        final=event.final,
        bar=r.Bar(
            time=to_datetime(event.time),
            open=decimal_of(event.open),
            high=decimal_of(event.high),
            low=decimal_of(event.low),
            close=decimal_of(event.close),
            volume=decimal_of(event.volume),
        ),
    )


def market(exchange: str) -> Command[r.MarketState]:
    """Read whether an exchange is open; ``""`` for the one that drives the market's clock."""
    if (
        len(of_kind(exchange, "exchange", str)) not in (0, EXCHANGE_OCTETS)
        or not exchange.isascii()
    ):
        raise ValueError(f"an exchange has a code of 4 letters, for example XNYS, not {exchange!r}")
    return Command(
        message=m.MarketStatus(exchange=exchange),
        read=lambda parts: market_state_of(parts[0]),
    )


def clock() -> Command[r.MarketClock]:
    """Read where market time stands."""
    return Command(message=m.ClockGet(), read=_clock_of)


def _clock_of(parts: Sequence[m.ClockReply | m.ClockSetReply]) -> r.MarketClock:
    reply = parts[0]
    return r.MarketClock(
        mode=reply.mode,
        paused=reply.paused,
        skips_closed=reply.skips_closed,
        speed=decimal_of(reply.speed_milli * 100_000),
        now=to_datetime(reply.now),
        ends_at=moment_of(reply.ends_at),
        as_of=to_datetime(reply.as_of),
        begins_at=moment_of(reply.begins_at),
        epoch=reply.epoch or 1,
        cache_until=moment_of(reply.cache_until),
    )


def clock_set(
    *,
    mode: str | None,
    now: Moment,
    step: timedelta | None,
    speed: Amount | None,
    paused: bool | None,
) -> Command[r.MarketClock]:
    """Set the market's clock: what is not None; answers how it then stands."""
    fields = ClockField(0)
    message = m.ClockSet()
    if mode is not None:
        names = {each.name.lower(): each for each in ClockMode}
        fields, message.mode = fields | ClockField.MODE, choice_of(mode, "mode", names)
    if now is not None:
        fields, message.now = fields | ClockField.NOW, instant_of(now, "now")
    if step is not None:
        of_kind(step, "step", timedelta)
        length = (step // timedelta(microseconds=1)) * 1_000
        if not 0 < length <= STEP_NS_MAX:
            raise ValueError("step must be more than nothing and 400 days at most")
        fields, message.step = fields | ClockField.STEP, length
    if speed is not None:
        message.speed_milli = speed_milli_of(speed)
        fields |= ClockField.SPEED
    if paused is not None:
        fields, message.paused = fields | ClockField.PAUSED, flag_of(paused, "paused")
    if not fields or (ClockField.NOW | ClockField.STEP) in fields:
        raise ValueError("give at least one of mode, now, step, speed, paused; now or step")
    message.fields = int(fields)
    return Command(message=message, read=_clock_of)


def speed_milli_of(speed: Amount) -> int:
    """Return a speed in thousandths; raises `ValueError` outside 0.001 to 10,000 or for more
    than three decimals."""
    milli, rest = divmod(units_of(speed, "speed"), 100_000)
    if rest or not 1 <= milli <= SPEED_MAX:
        raise ValueError(
            "the speed must lie between 0.001 and 10,000, with three decimals at most,"
            f" not {shown(speed)}"
        )
    return milli


def stats() -> Command[tuple[r.Figure, ...]]:
    """Read the counters of the service."""

    def read(parts: Sequence[m.StatsPart]) -> tuple[r.Figure, ...]:
        rows = (row for part in parts for row in part.stats)
        return tuple(r.Figure(worker=row.worker, name=row.key, value=row.value) for row in rows)

    return Command(message=m.StatsGet(), read=read)


def log(level: str, from_time: Moment, limit: int, flush: bool) -> Command[tuple[LogRecord, ...]]:
    """Read the newest entries of the master's event log."""
    names = {each.name.lower(): each for each in Level}
    message = m.LogDump(
        from_time=instant_of(from_time, "from_time"),
        limit=whole_number(limit, "limit", 2**32 - 1),
        least=choice_of(level, "level", names),
        flush=flag_of(flush, "flush"),
    )

    def read(parts: Sequence[m.LogPart]) -> tuple[LogRecord, ...]:
        return tuple(
            parse_json(line) for part in parts if part.lines for line in part.lines.split("\n")
        )

    return Command(message=message, read=read)


def halt(symbol: str, halted: bool, reason: str) -> Command[str]:
    """Halt trade in an asset, or let it go on; answers its status then, in small letters."""
    message = m.AssetHalt(
        symbol=check_symbol(symbol),
        halted=flag_of(halted, "halted"),
        reason=of_kind(reason, "reason", str) or None,
    )
    return Command(message=message, read=lambda parts: str(parts[0].status.name).lower())


def drain_worker(worker: int, mode: str, deadline_s: int) -> Command[int]:
    """Drain a worker, or let it be; answers how many clients it has."""
    names = {"off": DrainMode.OFF, "admit-none": DrainMode.ADMIT_NONE, "move": DrainMode.MOVE,
             "boot": DrainMode.BOOT}  # fmt: skip
    message = m.WorkerControl(
        worker_id=whole_number(worker, "worker"),
        mode=choice_of(mode, "mode", names),
        deadline_ms=1_000 * whole_number(deadline_s, "deadline_s", DRAIN_MS_MAX // 1_000),
    )
    return Command(message=message, read=lambda parts: int(parts[0].clients))


def subscribe_bars(
    symbols: str | Iterable[str], interval: str | int, min_interval_ms: int, snapshot: bool
) -> m.Subscribe:
    """Build the request for bars as they form."""
    rows = symbol_rows_of(symbols, limits.SYMBOLS_MAX)
    if not rows:
        raise ValueError("name at least one symbol")
    interval_s = interval_seconds(interval)
    if interval_s not in BAR_INTERVALS_S:
        choices = ", ".join(map(str, BAR_INTERVALS_S))
        raise ValueError(f"bars come in intervals of {choices} seconds, not {interval_s}")
    return m.Subscribe(
        topics=int(Topic.BARS),
        min_interval_ms=whole_number(min_interval_ms, "min_interval_ms", INTERVAL_MS_MAX),
        snapshot=flag_of(snapshot, "snapshot"),
        bar_interval_s=interval_s,
        symbols=rows,
    )


def subscribe_market(snapshot: bool) -> m.Subscribe:
    """Build the request for openings and closes."""
    return m.Subscribe(topics=int(Topic.MARKET), snapshot=flag_of(snapshot, "snapshot"))
