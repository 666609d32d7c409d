"""What the in-memory worker of `client_kit` tells of assets, prices and the clock of the market."""

from __future__ import annotations

from papertrader.core.instants import SECOND
from papertrader.core.marketclock import ClockField, ClockMode
from papertrader.core.money import SCALE
from papertrader.core.quotes import AssetKind, AssetStatus
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Scope, Status
from tests.client_accounts import ASK, BID, START


class ListingPeer:
    """Answers of `Peer`: reads send their reply, commands return it with its status."""

    def _asset_list(self, header: codec.Header, message: m.AssetList) -> None:
        rows = [
            m.AssetRow(
                symbol=name, kind=AssetKind.STOCK, status=AssetStatus.TRADABLE, currency="USD",
                tick=1_000_000, lot=SCALE, quantity_min=SCALE, quantity_max=1_000_000 * SCALE,
            )
            for name in ("AAPL", "IBM", "MSFT")
            if name.startswith(message.prefix or "")
        ]  # fmt: skip
        self._parts(
            header, m.AssetListPart, "assets", rows, as_of=START, cache_until=START + SECOND
        )

    def _bars_get(self, header: codec.Header, message: m.BarsGet) -> None:
        rows = [
            m.BarRow(START + day * 86_400 * SECOND, BID, ASK, BID, ASK, 1_000 * SCALE)
            for day in range(5)
        ]
        self._parts(
            header, m.BarsPart, "bars", rows, symbol=message.symbol,
            interval_s=message.interval_s, adjustment=message.adjustment, complete=True,
            as_of=START, missing=self.market.bars_missing, cache_until=START + SECOND,
        )  # fmt: skip

    def _quote_get(self, header: codec.Header, message: m.QuoteGet) -> None:
        known = {"AAPL", "IBM", "MSFT"}
        if any(row.symbol not in known for row in message.symbols):
            self._fail(header, Status.NO_SUCH_SYMBOL, "There is no such symbol.")
            return
        rows = tuple(m.QuoteRow(**self.market.quote(row.symbol)) for row in message.symbols)
        self._send(header, m.QuoteReply(as_of=START, rows=len(rows), quotes=rows))

    def _asset_get(self, header: codec.Header, message: m.AssetGet) -> None:
        reply = m.AssetReply(
            symbol=message.symbol, kind=AssetKind.STOCK, status=AssetStatus.TRADABLE,
            currency="USD", tick=1_000_000, lot=SCALE, quantity_min=SCALE,
            quantity_max=10**6 * SCALE, name="Apple Inc.", exchange="XNAS", source="wiki",
        )  # fmt: skip
        self._send(header, reply)

    def _market_status(self, header: codec.Header, message: m.MarketStatus) -> None:
        if message.exchange not in {"", "XNYS"}:
            self._fail(header, Status.NO_DATA, "Nothing of that exchange is listed here.")
            return
        self._send(header, m.MarketStatusReply(**self.market.hours()))

    def _clock_get(self, header: codec.Header, message: m.ClockGet) -> None:
        self._send(
            header,
            m.ClockReply(
                mode=ClockMode.REPLAY, skips_closed=True, speed_milli=60_000, now=START,
                as_of=START,
            ),
        )  # fmt: skip

    def _change_clock_set(self, wish: m.ClockSet) -> tuple[object, int]:
        if self.market.clock_is_refused and self.session.scope != Scope.ADMIN:
            return codec.Failure("Only an operator may set the clock."), Status.SCOPE_DENIED
        shown = m.ClockSetReply(
            mode=ClockMode.REPLAY, skips_closed=True, speed_milli=60_000, now=START, as_of=START,
            begins_at=START - SECOND, epoch=1,
        )  # fmt: skip
        if wish.fields & ClockField.NOW:
            shown.now, shown.epoch = wish.now, 2
        shown.paused = bool(wish.fields & ClockField.STEP) or wish.paused
        if wish.fields & ClockField.SPEED:
            shown.speed_milli = wish.speed_milli
        return shown, Status.OK
