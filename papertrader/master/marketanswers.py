"""What the market is asked: its assets, its newest quotes, its history.

The answers are public: a worker may give most of them again, for as long as each says.
"""

from __future__ import annotations

from typing import Final

from papertrader.core.adjust import adjust, joined
from papertrader.core.desk import Desk
from papertrader.core.gaps import find_gaps
from papertrader.core.instants import DAY, SECOND
from papertrader.core.money import NULL
from papertrader.core.quotes import AssetStatus, Bar
from papertrader.master import records
from papertrader.master.assets import Assets
from papertrader.master.commands import Command, Refused
from papertrader.master.holdings import parts, rows_limit
from papertrader.master.longseries import newest_bars
from papertrader.master.markettime import MarketTime
from papertrader.master.providers.base import BARS_MAX, INTERVALS_S, TapeSource
from papertrader.master.sessions import Session
from papertrader.net.clock import Clock
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Adjustment, Opcode, RelayDownFlag, Status, Tag

ASSET_CACHE_S: Final = 30
BARS_CACHE_S: Final = 1
RETRY_MS: Final = 100
_DAY_S: Final = 86_400
_CACHEABLE: Final = int(RelayDownFlag.CACHEABLE)


class MarketAnswers:
    """Answers questions about the market (see the module)."""

    def __init__(
        self, source: TapeSource, market: MarketTime, clock: Clock, desk: Desk, assets: Assets
    ) -> None:
        self._source = source
        self._market = market
        self._clock = clock
        self._desk = desk
        self._assets = assets
        self._newest = assets.newest

    def asset_get(self, command: Command, session: Session, message: m.AssetGet) -> None:
        """Answer ASSET_GET."""
        asset = self._assets.asset(message.symbol)
        head = command.header
        reply = m.AssetReply(
            symbol=asset.symbol,
            kind=asset.kind,
            status=asset.status,
            flags=asset.flags,
            currency=asset.currency,
            tick=asset.tick,
            lot=asset.lot,
            quantity_min=asset.quantity_min,
            quantity_max=asset.quantity_max,
            first_bar=asset.first_bar,
            last_bar=self._assets.told_at,
            name=asset.name or None,
            exchange=asset.exchange or None,
            source=asset.source or None,
            cache_until=command.accepted_at + ASSET_CACHE_S * SECOND,
        )
        command.answer(
            codec.encode(reply, session=session.handle, correlation=head.correlation),
            flags=_CACHEABLE,
            cache_s=ASSET_CACHE_S,
        )

    def asset_list(self, command: Command, session: Session, message: m.AssetList) -> None:
        """Answer ASSET_LIST: what is listed by now, in order of symbol."""
        limit = rows_limit(message.limit)
        prefix = (message.prefix or "").upper()
        listed, last_bar = self._assets.listed(), self._assets.told_at
        found = [
            self._desk.asset(symbol) or asset
            for symbol, asset in sorted(self._source.assets.items())
            if symbol in listed
            and (not message.kinds or message.kinds >> asset.kind & 1)
            and (symbol.startswith(prefix) or asset.name.upper().startswith(prefix))
        ]
        rows = [
            m.AssetRow(
                symbol=a.symbol,
                kind=a.kind,
                status=AssetStatus(a.status),
                flags=a.flags,
                currency=a.currency,
                tick=a.tick,
                lot=a.lot,
                quantity_min=a.quantity_min,
                quantity_max=a.quantity_max,
                first_bar=a.first_bar,
                last_bar=last_bar,
            ).pack()
            for a in found[:limit]
        ]
        until = command.accepted_at + ASSET_CACHE_S * SECOND
        head = m.AssetListPart(as_of=command.accepted_at, cache_until=until)
        frames = parts(command, session, Tag.ASSETS, m.AssetRow.SIZE, rows, head)
        command.answer_parts(frames, flags=_CACHEABLE, cache_s=ASSET_CACHE_S)

    def quote_get(self, command: Command, session: Session, message: m.QuoteGet) -> bytes:
        """Answer QUOTE_GET; the worker answers most of them itself."""
        rows = []
        for wanted in message.symbols:
            self._assets.asset(wanted.symbol)
            quote = self._newest.get(wanted.symbol)
            if quote is not None:
                rows.append(records.quote_block(quote))
        head = command.header
        block = m.QuoteReply(as_of=command.accepted_at, rows=len(rows)).pack()
        sections = codec.group(Tag.QUOTES, m.QuoteRow.SIZE, rows) if rows else b""
        return codec.frame(
            m.QuoteReply.CATEGORY,
            Opcode.QUOTE_GET,
            block,
            sections,
            flags=codec.RESPONSE,
            session=session.handle,
            correlation=head.correlation,
        )

    async def bars_get(self, command: Command, session: Session, message: m.BarsGet) -> None:
        """Answer BARS_GET in parts; what lies after market time is not known to anybody."""
        self._assets.asset(message.symbol)
        if message.interval_s not in INTERVALS_S:
            choices = ", ".join(map(str, INTERVALS_S))
            raise Refused(
                Status.INTERVAL_UNSUPPORTED, f"Bars come in intervals of {choices} seconds."
            )
        if message.limit > limits.BARS_ROWS_MAX:
            text = f"At most {limits.BARS_ROWS_MAX} bars are sent; ask for a part."
            raise Refused(Status.RANGE_TOO_LARGE, text)
        now, epoch = self._assets.told_at, self._market.epoch
        limit = message.limit or limits.BARS_ROWS_MAX
        bars = await newest_bars(
            self._source,
            self._clock,
            message.symbol,
            message.interval_s,
            message.from_time,
            message.to_time,
            now,
            limit,
        )
        if self._market.epoch != epoch:
            raise Refused(
                Status.SERVER_BUSY,
                "The market's clock was turned back meanwhile; ask again.",
                retry_after_ms=RETRY_MS,
            )
        complete = len(bars) < limit or not message.from_time
        gaps = find_gaps(
            [bar.time for bar in bars],
            message.interval_s,
            self._source.calendar(message.symbol),
        )
        if message.adjustment != Adjustment.RAW and bars:
            bars = await self._adjusted(message, bars, now)
        if message.newest_first:
            bars = bars[::-1]
        rows = [m.BarRow(b.time, b.open, b.high, b.low, b.close, b.volume).pack() for b in bars]
        head = m.BarsPart(
            symbol=message.symbol,
            interval_s=message.interval_s,
            adjustment=message.adjustment,
            complete=complete,
            as_of=now,
            missing=sum(gap.bars for gap in gaps),
            cache_until=command.accepted_at + BARS_CACHE_S * SECOND,
        )
        frames = parts(command, session, Tag.BARS, m.BarRow.SIZE, rows, head)
        command.answer_parts(frames, flags=_CACHEABLE, cache_s=BARS_CACHE_S)

    async def _adjusted(self, message: m.BarsGet, bars: list[Bar], now: int) -> list[Bar]:
        symbol, with_dividends = message.symbol, message.adjustment == Adjustment.TOTAL
        actions = [a for a in self._source.actions(bars[0].time, now) if a.symbol == symbol]

        def adjusted(raw: list[Bar]) -> list[Bar]:
            return adjust(
                raw, actions, lambda at: self._close_before(symbol, at, now), with_dividends
            )

        if not actions or message.interval_s <= _DAY_S:
            return adjusted(bars)
        # A split may lie within a week or month: its days are adjusted one by one.
        start, upto = bars[0].time, message.to_time
        days = await newest_bars(
            self._source, self._clock, symbol, _DAY_S, start, upto, now, BARS_MAX
        )
        return joined(adjusted(days), [bar.time for bar in bars])

    def _close_before(self, symbol: str, at: int, now: int) -> int:
        days = self._source.bars(symbol, _DAY_S, 0, at - at % DAY, now, 1, newest=True)
        return days[-1].close if days and days[-1].close != NULL else 0
