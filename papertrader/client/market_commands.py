"""The market's state, its clock and public subscriptions as requests; see `commands`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from papertrader.client import results as r
from papertrader.client.commands import (
    INTERVAL_MS_MAX,
    Command,
    Moment,
    instant_of,
    interval_seconds,
    symbol_rows_of,
    whole_number,
)
from papertrader.client.results import decimal_of, moment_of
from papertrader.core.instants import to_datetime
from papertrader.core.logrecord import Level, LogRecord, parse_json
from papertrader.core.quotes import BAR_INTERVALS_S
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import DrainMode, Topic

EXCHANGE_OCTETS = 4
DRAIN_MS_MAX = 3_600_000


def market_state_of(message: m.MarketStatusReply | m.MarketEvent) -> r.MarketState:
    """Build a `MarketState`."""
    return r.MarketState(
        exchange=message.exchange,
        state=message.state,
        now=to_datetime(message.now),
        next_open=moment_of(message.next_open),
        next_close=moment_of(message.next_close),
        update_interval_ms=message.update_interval_ms,
    )


def bar_update_of(subscription: int, event: m.BarEvent) -> r.BarUpdate:
    """Build a `BarUpdate`."""
    return r.BarUpdate(
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
    if len(exchange) not in (0, EXCHANGE_OCTETS) or not exchange.isascii():
        raise ValueError(f"an exchange has a code of 4 letters, for example XNYS, not {exchange!r}")
    return Command(
        message=m.MarketStatus(exchange=exchange),
        read=lambda parts: market_state_of(parts[0]),
    )


def clock() -> Command[r.MarketClock]:
    """Read where market time stands."""

    def read(parts: Sequence[m.ClockReply]) -> r.MarketClock:
        reply = parts[0]
        return r.MarketClock(
            mode=reply.mode,
            paused=reply.paused,
            skips_closed=reply.skips_closed,
            speed=decimal_of(reply.speed_milli * 100_000),
            now=to_datetime(reply.now),
            ends_at=moment_of(reply.ends_at),
            as_of=to_datetime(reply.as_of),
        )

    return Command(message=m.ClockGet(), read=read)


def stats() -> Command[tuple[r.Figure, ...]]:
    """Read the counters of the service."""

    def read(parts: Sequence[m.StatsPart]) -> tuple[r.Figure, ...]:
        rows = (row for part in parts for row in part.stats)
        return tuple(r.Figure(worker=row.worker, name=row.key, value=row.value) for row in rows)

    return Command(message=m.StatsGet(), read=read)


def log(level: str, from_time: Moment, limit: int, flush: bool) -> Command[tuple[LogRecord, ...]]:
    """Read the newest entries of the master's event log."""
    names = {each.name.lower(): each for each in Level}
    if level not in names:
        raise ValueError(f"level must be one of {', '.join(names)}, not {level!r}")
    message = m.LogDump(
        from_time=instant_of(from_time, "from_time"),
        limit=whole_number(limit, "limit", 2**32 - 1),
        least=names[level],
        flush=bool(flush),
    )

    def read(parts: Sequence[m.LogPart]) -> tuple[LogRecord, ...]:
        return tuple(
            parse_json(line) for part in parts if part.lines for line in part.lines.split("\n")
        )

    return Command(message=message, read=read)


def drain_worker(worker: int, mode: str, deadline_s: int) -> Command[int]:
    """Drain a worker, or let it be; answers how many clients it has."""
    names = {"off": DrainMode.OFF, "admit-none": DrainMode.ADMIT_NONE, "move": DrainMode.MOVE,
             "boot": DrainMode.BOOT}  # fmt: skip
    if mode not in names:
        raise ValueError(f"mode must be one of {', '.join(names)}, not {mode!r}")
    message = m.WorkerControl(
        worker_id=whole_number(worker, "worker"),
        mode=names[mode],
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
        snapshot=bool(snapshot),
        bar_interval_s=interval_s,
        symbols=rows,
    )


def subscribe_market(snapshot: bool) -> m.Subscribe:
    """Build the request for openings and closes."""
    return m.Subscribe(topics=int(Topic.MARKET), snapshot=bool(snapshot))
