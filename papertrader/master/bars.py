"""Bars in formation: for each symbol and interval that some worker follows, what has changed.

The numbers are those that BARS_GET gives at the same market time; a closed bar is told once as
final, and none is left out however far the market went between two looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

import attrs

from papertrader.core.instants import SECOND
from papertrader.core.quotes import Bar
from papertrader.master.providers.base import TapeSource
from papertrader.wire import codec
from papertrader.wire import messages as m

BarTopic: TypeAlias = tuple[str, int]
"""Symbol and interval in seconds."""

BARS_PER_UPDATE: Final = 64
"""Topics worked out in one market update, in turn; what does not fit comes in the next one."""
_DAY_S: Final = 86_400


@attrs.define(slots=True)
class _Followed:
    """What was told of a topic: the newest bar's start, and whether it was told as final."""

    time: int
    frame: bytes
    final: bool
    stale: bool = False


class FormingBars:
    """The bars that workers follow. ``market_at`` is market time everywhere."""

    def __init__(self, source: TapeSource, epoch: int) -> None:
        self._source = source
        self._epoch = epoch
        self._followed: dict[BarTopic, _Followed | None] = {}

    def __len__(self) -> int:
        return len(self._followed)

    def newest(self, topic: BarTopic, market_at: int) -> bytes | None:
        """Follow a topic from now on, and return its newest EV_BAR frame; None before its first."""
        followed = self._followed.get(topic)
        if followed is None:
            symbol, interval_s = topic
            bars = self._source.bars(symbol, interval_s, 0, 0, market_at, 1, newest=True)
            followed = self._told(topic, bars[-1], market_at) if bars else None
            self._followed[topic] = followed
        return None if followed is None else followed.frame

    def forget(self, topic: BarTopic) -> None:
        """Nobody follows a topic any more."""
        self._followed.pop(topic, None)

    def turn_back(self, epoch: int) -> None:
        """Nothing told counts any more: an epoch has begun. What is followed stays so."""
        self._epoch = epoch
        self._followed = dict.fromkeys(self._followed)

    def update(self, symbols: Iterable[str], market_at: int) -> list[tuple[BarTopic, bytes]]:
        """Return the EV_BAR frames to publish after quotes of ``symbols`` came."""
        fresh = set(symbols)
        for (symbol, _), followed in self._followed.items():
            if followed is not None and symbol in fresh:
                followed.stale = True
        due = [
            topic
            for topic, followed in self._followed.items()
            if followed is None or followed.stale
        ][:BARS_PER_UPDATE]
        frames: list[tuple[BarTopic, bytes]] = []
        for topic in due:
            frames += self._looked_at(topic, market_at)
            # Whoever had a turn goes to the end, so that all have one.
            self._followed[topic] = self._followed.pop(topic)
        return frames

    def _looked_at(self, topic: BarTopic, market_at: int) -> list[tuple[BarTopic, bytes]]:
        symbol, interval_s = topic
        before = self._followed[topic]
        start = before.time if before is not None else 0
        limit = 0 if before is not None else 1
        bars = self._source.bars(symbol, interval_s, start, 0, market_at, limit, newest=True)
        frames = []
        for place, bar in enumerate(bars):
            closed = place < len(bars) - 1 or self._is_closed(topic, bar, market_at)
            frame = self._frame(topic, bar, closed)
            if before is not None and bar.time == before.time and before.final:
                continue
            if before is None or frame != before.frame:
                frames.append((topic, frame))
        if bars:
            self._followed[topic] = self._told(topic, bars[-1], market_at)
        return frames

    def _told(self, topic: BarTopic, bar: Bar, market_at: int) -> _Followed:
        closed = self._is_closed(topic, bar, market_at)
        return _Followed(bar.time, self._frame(topic, bar, closed), closed)

    def _is_closed(self, topic: BarTopic, bar: Bar, market_at: int) -> bool:
        """Tell whether the newest bar will not change: its time, or its session, is over.

        A bar of a week or month is closed when the next one has begun.
        """
        symbol, interval_s = topic
        if interval_s > _DAY_S:
            return False
        close = self._source.calendar(symbol).next_session(bar.time).close
        return market_at >= min(bar.time + interval_s * SECOND, close)

    def _frame(self, topic: BarTopic, bar: Bar, final: bool) -> bytes:
        return codec.encode(
            m.BarEvent(
                symbol=topic[0],
                interval_s=topic[1],
                final=final,
                time=bar.time,
                open=bar.open,
                high=bar.high,
                low=bar.low,
                close=bar.close,
                volume=bar.volume,
                epoch=self._epoch,
            )
        )
