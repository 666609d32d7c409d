"""``/v2/{feed}``: quotes, trades, bars and halts as they come, in MessagePack or JSON."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from twisted.web.server import Request

from papertrader.client import results as r
from papertrader.client import updates as u
from papertrader.core.quotes import QuoteFlag
from papertrader.gateway import msgpack
from papertrader.gateway.bars import bar_body
from papertrader.gateway.errors import ApiError
from papertrader.gateway.quotes import orderbook_body, quote_body, time_of, trade_body
from papertrader.gateway.seats import Visitor
from papertrader.gateway.streams import BATCH_MAX, STREAM_QUEUE_MAX, Around, Stream
from papertrader.gateway.values import moment
from papertrader.net.clock import Timer
from papertrader.wire.limits import SYMBOLS_MAX

STREAM_SYMBOLS_MAX: Final = SYMBOLS_MAX
"""Symbols of one channel of a stream: error 405."""
ALL: Final = "*"
CHANNELS: Final = (
    "trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds", "orderbooks",
)  # fmt: skip
_OF_QUOTES: Final = ("trades", "quotes", "statuses", "orderbooks")
_BARS: Final = {"bars": "1m", "dailyBars": "1d"}
_MINUTE_S: Final = 60
_DAY_S: Final = 86_400
_DAILY_BARS_MS: Final = 1_000
"""A day that goes on is told at most so often."""
_NEWEST_ONLY: Final = frozenset({"q", "t", "o"})
"""Kinds of which a symbol's older message gives way to a newer one while nobody reads."""


class DataStream(Stream):
    """One program that watches the market."""

    def __init__(self, around: Around, visitor: Visitor, in_msgpack: bool) -> None:
        super().__init__(around, visitor)
        self._in_msgpack = in_msgpack
        self._wanted: dict[str, dict[str, str]] = {channel: {} for channel in CHANNELS}
        """Of each channel: our symbol -> the program's name of it."""
        self._subscriptions: dict[str, tuple[int, frozenset[str]]] = {}
        self._last: dict[str, r.Quote] = {}
        self._bar: dict[tuple[str, int], tuple[datetime, bool]] = {}
        self._waiting: OrderedDict[tuple[str, str, int], dict[str, Any]] = OrderedDict()
        self._number = 0
        self._flush: Timer | None = None

    # --- what the program says --------------------------------------------------------------------

    def opened(self) -> None:
        """Say that it may begin."""
        self._say_now({"T": "success", "msg": "connected"})

    def read(self, data: bytes) -> Any:
        """Read a message in the form that was asked for. Raises `ValueError`."""
        if self._in_msgpack and data[:1] not in (b"{", b"["):
            return msgpack.unpack(data)
        return super().read(data)

    def asked(self, message: dict[str, Any]) -> None:
        """Take ``auth``, ``subscribe`` or ``unsubscribe``."""
        action = message.get("action")
        if action == "auth":
            if self.seat is not None:
                self._error(403, "already authenticated")
            else:
                self.authenticate(message.get("key"), message.get("secret"))
        elif action in ("subscribe", "unsubscribe"):
            if self.seat is None:
                self._error(401, "not authenticated")
            else:
                self.later((action, message))
        else:
            self.unreadable()

    def unreadable(self) -> None:
        """Answer what could not be read."""
        self._error(400, "invalid syntax")

    def answered(self, authorized: bool, error: ApiError | None) -> None:
        """Say whether the key is good."""
        if authorized:
            self._say_now({"T": "success", "msg": "authenticated"})
        elif error is not None and "session" in error.message:
            self._error(406, "connection limit exceeded")
        else:
            self._error(402, "auth failed")

    def late(self) -> None:
        """Say that no key came in time."""
        self._error(404, "auth timeout")

    def too_slow(self) -> None:
        """Say it, for whoever reads on."""
        self._error(407, "slow client")

    async def work(self, thing: Any) -> None:
        """Change what is subscribed to, as one message says."""
        action, message = thing
        changed = {name: dict(symbols) for name, symbols in self._wanted.items()}
        for channel in CHANNELS:
            names = message.get(channel)
            if names is None:
                continue
            if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
                self._error(400, "invalid syntax")
                return
            found = await self._symbols(names)
            if found is None:
                self._error(405, "symbol limit exceeded")
                return
            if action == "subscribe":
                changed[channel] |= found
            else:
                gone = set(changed[channel]) if ALL in names else set(found)
                changed[channel] = {s: n for s, n in changed[channel].items() if s not in gone}
        if any(len(symbols) > STREAM_SYMBOLS_MAX for symbols in changed.values()):
            self._error(405, "symbol limit exceeded")
            return
        self._wanted = changed
        await self._renew()
        listed = {channel: sorted(symbols.values()) for channel, symbols in changed.items()}
        self._say_now({"T": "subscription", **listed, "corrections": [], "cancelErrors": []})

    async def _symbols(self, names: Iterable[str]) -> dict[str, str] | None:
        """Return our symbol for each name; unknown ones are left out. None: too many."""
        found: dict[str, str] = {}
        seat = self.seat
        if seat is None:
            return found
        for name in names:
            if name == ALL:
                rows = await seat.client.assets(limit=STREAM_SYMBOLS_MAX + 1)
                found |= {row.symbol: row.symbol for row in rows}
            else:
                try:
                    found[(await self.around.book.find(seat, name)).symbol] = name
                except ApiError:
                    continue
            if len(found) > STREAM_SYMBOLS_MAX:
                return None
        return found

    async def _renew(self) -> None:
        """Subscribe to what is wanted now; what was there goes only when the new one stands."""
        quotes: set[str] = set()
        for channel in _OF_QUOTES:
            quotes |= set(self._wanted[channel])
        wanted = {"quotes": quotes, **{name: set(self._wanted[name]) for name in _BARS}}
        for what, symbols in wanted.items():
            number, present = self._subscriptions.get(what, (0, frozenset[str]()))
            seat = self.seat
            if symbols == present or seat is None:
                continue
            client = seat.client
            if not symbols:
                del self._subscriptions[what]
            elif what == "quotes":
                made = await client.subscribe_quotes(symbols, snapshot=False)
                self._subscriptions[what] = made, frozenset(symbols)
            else:
                made = await client.subscribe_bars(
                    symbols,
                    _BARS[what],
                    min_interval_ms=_DAILY_BARS_MS if what == "dailyBars" else 0,
                    snapshot=False,
                )
                self._subscriptions[what] = made, frozenset(symbols)
            if number and self.seat is not None:
                await client.unsubscribe(number)

    # --- what is pushed ---------------------------------------------------------------------------

    def pushed(self, event: u.Event) -> None:
        """Take quotes and bars."""
        if isinstance(event, u.QuoteUpdate):
            self._quote(event.quote)
        elif isinstance(event, u.BarUpdate):
            self._bar_update(event)

    def _quote(self, quote: r.Quote) -> None:
        symbol, before = quote.symbol, self._last.get(quote.symbol)
        if before is not None and quote.quote_seq <= before.quote_seq:
            # Two subscriptions stand for a moment while one gives way to the other.
            return
        self._last[symbol] = quote
        at = time_of(quote)
        wanted = self._wanted
        if symbol in wanted["quotes"]:
            self._put("q", wanted["quotes"][symbol], quote_body(quote), at)
        if symbol in wanted["orderbooks"]:
            self._put("o", wanted["orderbooks"][symbol], {**orderbook_body(quote), "r": True}, at)
        if symbol in wanted["trades"] and _traded(before, quote):
            body = trade_body(quote)
            if body is not None:
                self._put("t", wanted["trades"][symbol], body, at)
        halted = QuoteFlag.HALTED in quote.flags
        was = before is not None and QuoteFlag.HALTED in before.flags
        if symbol in wanted["statuses"] and halted != was:
            self._put("s", wanted["statuses"][symbol], _status_body(halted), at)

    def _bar_update(self, update: u.BarUpdate) -> None:
        symbol, length = update.symbol, update.interval_s
        key = (symbol, length)
        told = self._bar.get(key)
        is_new = told is None or told < (update.bar.time, update.final)
        if length == _MINUTE_S and update.final and is_new:
            self._bar[key] = (update.bar.time, True)
            if symbol in self._wanted["bars"]:
                name = self._wanted["bars"][symbol]
                self._put("b", name, bar_body(update.bar), update.bar.time)
        elif length == _DAY_S and symbol in self._wanted["dailyBars"]:
            name = self._wanted["dailyBars"][symbol]
            self._put("d", name, bar_body(update.bar), update.bar.time)

    # --- out --------------------------------------------------------------------------------------

    def _put(self, kind: str, name: str, body: dict[str, Any], at: datetime | None) -> None:
        """Have a message written with those of this turn, or when the program reads again."""
        self._number += 1
        key = (kind, name, 0 if kind in _NEWEST_ONLY and not self.can_write else self._number)
        if key in self._waiting:
            self.around.counters.conflated += 1
        elif len(self._waiting) >= STREAM_QUEUE_MAX:
            self.ended_as_slow()
            return
        stamp = at if self._in_msgpack else moment(at)
        self._waiting[key] = {"T": kind, "S": name, **body, "t": stamp}
        if self._flush is None and self.can_write:
            self._flush = self.around.clock.call_later(0, self._flushed)

    def _flushed(self) -> None:
        self._flush = None
        self.readable()

    def readable(self) -> None:
        """Write what waits."""
        while self._waiting and self.can_write:
            count = min(BATCH_MAX, len(self._waiting))
            self._write([self._waiting.popitem(last=False)[1] for _ in range(count)])

    def connectionLost(self, reason: Any) -> None:
        """End."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        self._waiting.clear()
        super().connectionLost(reason)

    def _error(self, code: int, text: str) -> None:
        self._say_now({"T": "error", "code": code, "msg": text})

    def _say_now(self, message: dict[str, Any]) -> None:
        if not self.is_over:
            self._write([message])

    def _write(self, messages: list[dict[str, Any]]) -> None:
        if self._in_msgpack:
            self.write(msgpack.pack(messages))
        else:
            self.write_text(json.dumps(messages, separators=(",", ":")))


def _traded(before: r.Quote | None, quote: r.Quote) -> bool:
    """Tell whether a quote's last price is another one, or was paid once more."""
    if before is None:
        return True
    return (before.last, before.last_size, before.day_volume) != (
        quote.last,
        quote.last_size,
        quote.day_volume,
    )


def _status_body(halted: bool) -> dict[str, Any]:
    return {
        "sc": "H" if halted else "T",
        "sm": "Trading Halt" if halted else "Trading Resumption",
        "rc": "",
        "rm": "",
        "z": "",
    }


def data_stream(around: Around, request: Request, visitor: Visitor) -> DataStream:
    """Build a stream in the form that the program asks for: MessagePack, or else JSON."""
    form = request.getHeader("Content-Type") or ""
    return DataStream(around, visitor, "msgpack" in form)
