"""The newest quotes, trades, bars and snapshots of the market; of the past, what there is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import attrs

from papertrader.client import results as r
from papertrader.gateway.assets import AssetBook
from papertrader.gateway.bars import bar_body
from papertrader.gateway.errors import ApiError, bad_request
from papertrader.gateway.routing import Call
from papertrader.gateway.values import instant_in, moment
from papertrader.wire.limits import QUOTE_SYMBOLS_MAX

SNAPSHOT_SYMBOLS_MAX: Final = 50
"""Symbols of one question for snapshots or newest bars, which take commands of their own: 400."""
Write = Callable[[r.Quote], Any]
Answering = Callable[[Call], Coroutine[Any, Any, dict[str, Any]]]


def _number(value: Decimal | None) -> float:
    return float(value) if value is not None else 0.0


def time_of(quote: r.Quote) -> datetime | None:
    """Return the market's time of a quote."""
    return quote.source_time or quote.observed_at


def quote_body(quote: r.Quote) -> dict[str, Any]:
    """Write a quote; a side that is not known is 0, as Alpaca writes it."""
    return {
        "t": moment(time_of(quote)),
        "ax": "",
        "ap": _number(quote.ask),
        "as": _number(quote.ask_size),
        "bx": "",
        "bp": _number(quote.bid),
        "bs": _number(quote.bid_size),
        "c": [],
        "z": "",
    }


def trade_body(quote: r.Quote) -> dict[str, Any] | None:
    """Write the last price of a quote as a trade; None if there is none."""
    if quote.last is None:
        return None
    return {
        "t": moment(time_of(quote)),
        "x": "",
        "p": float(quote.last),
        "s": _number(quote.last_size),
        "c": [],
        "i": quote.quote_seq,
        "z": "",
    }


def orderbook_body(quote: r.Quote) -> dict[str, Any]:
    """Write a book of one level: we have no deeper one."""
    return {
        "t": moment(time_of(quote)),
        "b": [{"p": float(quote.bid), "s": _number(quote.bid_size)}] if quote.bid else [],
        "a": [{"p": float(quote.ask), "s": _number(quote.ask_size)}] if quote.ask else [],
    }


@attrs.frozen
class LatestData:
    """The requests for what is newest. Symbols that we do not have are left out of an answer."""

    book: AssetBook

    async def known(self, call: Call, names: list[str]) -> dict[str, str]:
        """Return our symbol for each of the names that we have an asset for."""
        found = {}
        for name in names:
            try:
                found[name] = (await self.book.find(call.seat, name)).symbol
            except ApiError:
                continue
        return found

    async def newest(self, call: Call, names: list[str]) -> dict[str, r.Quote]:
        """Return the newest quotes, by the name that was asked for."""
        symbols = await self.known(call, names)
        listed = list(dict.fromkeys(symbols.values()))
        by_symbol: dict[str, r.Quote] = {}
        for first in range(0, len(listed), QUOTE_SYMBOLS_MAX):
            part = listed[first : first + QUOTE_SYMBOLS_MAX]
            by_symbol |= {each.symbol: each for each in await call.seat.client.quotes(part)}
        return {name: by_symbol[each] for name, each in symbols.items() if each in by_symbol}

    def latest(self, key: str, write: Write) -> Answering:
        """Return what answers with one thing of the newest quote of each symbol."""

        async def answer(call: Call) -> dict[str, Any]:
            return {key: _written(await self.newest(call, call.symbols()), write)}

        return answer

    def past(self, key: str, write: Write) -> Answering:
        """Return what answers for a range of the past: the newest, if it lies within.

        No quotes and trades of the past are kept that a command of ours could read.
        """

        async def answer(call: Call) -> dict[str, Any]:
            start, end = instant_in(call.query, "start"), instant_in(call.query, "end")
            within = {
                name: quote
                for name, quote in (await self.newest(call, call.symbols())).items()
                if (at := time_of(quote)) is not None
                and (start is None or start <= at)
                and (end is None or at <= end)
            }
            return {
                key: {name: [each] for name, each in _written(within, write).items()},
                "next_page_token": None,
            }

        return answer

    async def bars(self, call: Call) -> dict[str, Any]:
        """GET .../bars/latest: the newest minute."""
        found = {}
        for name, symbol in (await self.known(call, _few(call))).items():
            bars = await self._newest_bars(call, symbol, "1m", 1)
            if bars:
                found[name] = bar_body(bars[-1])
        return {"bars": found}

    async def snapshots(self, call: Call) -> dict[str, Any]:
        """GET /v2/stocks/snapshots."""
        found = {}
        for name, quote in (await self.newest(call, _few(call))).items():
            minute = await self._newest_bars(call, quote.symbol, "1m", 1)
            days = await self._newest_bars(call, quote.symbol, "1d", 2)
            found[name] = {
                "latestTrade": trade_body(quote),
                "latestQuote": quote_body(quote),
                "minuteBar": bar_body(minute[-1]) if minute else None,
                "dailyBar": bar_body(days[-1]) if days else None,
                "prevDailyBar": bar_body(days[-2]) if len(days) > 1 else None,
            }
        return found

    async def crypto_snapshots(self, call: Call) -> dict[str, Any]:
        """GET /v1beta3/crypto/us/snapshots."""
        return {"snapshots": await self.snapshots(call)}

    async def _newest_bars(
        self, call: Call, symbol: str, interval: str, count: int
    ) -> tuple[r.Bar, ...]:
        answer = await call.seat.client.bars(symbol, interval, limit=count)
        return answer.bars


def _few(call: Call) -> list[str]:
    names = call.symbols()
    if len(names) > SNAPSHOT_SYMBOLS_MAX:
        raise bad_request(f"at most {SNAPSHOT_SYMBOLS_MAX} symbols can be asked for at once")
    return names


def _written(quotes: Mapping[str, r.Quote], write: Write) -> dict[str, Any]:
    bodies = {name: write(quote) for name, quote in quotes.items()}
    return {name: body for name, body in bodies.items() if body is not None}
