"""Bars of the past: Alpaca's time frames as our intervals, and a long range in pages."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import attrs

from papertrader.client import results as r
from papertrader.gateway.assets import AssetBook
from papertrader.gateway.errors import ApiError, bad_request
from papertrader.gateway.routing import Call
from papertrader.gateway.values import instant_in, moment

PAGE_ROWS_MAX: Final = 10_000
PAGE_ROWS: Final = 1_000
"""Bars of one answer at most, and where nothing is said."""
WINDOW_ROWS: Final = 4_000
"""Bars that one of our commands is asked for: fewer than a transfer may have."""
WINDOWS_MAX: Final = 64
"""Commands for one answer; what is left comes with its next page."""
BARS_SYMBOLS_MAX: Final = 100
"""Symbols of one question for bars: 400."""
_FRAME: Final = re.compile(r"([0-9]{1,2})(T|Min|H|Hour|D|Day|W|Week|M|Month)")
_UNITS: Final = {"T": "Min", "H": "Hour", "D": "Day", "W": "Week", "M": "Month"}
_MOST: Final = {"Min": 59, "Hour": 23, "Day": 1, "Week": 1, "Month": 12}
_BASES: Final = {
    "Min": ((15, "15m", 900), (5, "5m", 300), (1, "1m", 60)),
    "Hour": ((1, "1h", 3_600),),
    "Day": ((1, "1d", 86_400),),
    "Week": ((1, "1w", 604_800),),
    "Month": ((1, "1mo", 2_592_000),),
}
_ADJUSTMENTS: Final = {
    "raw": frozenset[str](),
    "split": frozenset({"split"}),
    "dividend": frozenset({"dividend"}),
    "spin-off": frozenset[str](),
    "all": frozenset({"split", "dividend"}),
}
"""What each of Alpaca's words asks for; of spin-offs we know none."""
_DIVIDENDS: Final = ("raw", "total", "split")
"""Ours have no bars that are adjusted for dividends alone: those of the first, by as much as the
second differs from the third."""
_LENGTHS: Final = {
    "Min": timedelta(minutes=1),
    "Hour": timedelta(hours=1),
    "Day": timedelta(days=1),
    "Week": timedelta(days=7),
    "Month": timedelta(days=31),
}
_WHOLE: Final = Decimal(1)
_UNIT: Final = Decimal("0.00000001")
_MICROSECOND: Final = timedelta(microseconds=1)


@attrs.frozen(kw_only=True)
class Frame:
    """A time frame of ``amount`` units, made of our ``interval`` of ``base_s`` seconds."""

    amount: int
    unit: str
    interval: str
    base_s: int

    @property
    def is_plain(self) -> bool:
        """Whether we have it as it is."""
        return self.amount == (self.base_s // 60 if self.unit == "Min" else 1)

    @property
    def length(self) -> timedelta:
        """How long a bar is, at most."""
        return _LENGTHS[self.unit] * self.amount

    def begin(self, at: datetime) -> datetime:
        """Return when the bar begins to which one of ours belongs."""
        if self.unit == "Month":
            month = (at.month - 1) // self.amount * self.amount + 1
            return at.replace(month=month, day=1, hour=0, minute=0, second=0, microsecond=0)
        day = at.replace(hour=0, minute=0, second=0, microsecond=0)
        return day + (at - day) // self.length * self.length


def frame_of(text: str) -> Frame:
    """Read a time frame such as 1Day. Raises `ApiError`."""
    match = _FRAME.fullmatch(text)
    unit = _UNITS.get(match[2], match[2]) if match is not None else ""
    amount = int(match[1]) if match is not None else 0
    if not unit or not 1 <= amount <= _MOST[unit] or (unit == "Month" and 12 % amount):
        raise bad_request(f"invalid timeframe: {text[:16]}")
    _, interval, base_s = next(base for base in _BASES[unit] if amount % base[0] == 0)
    return Frame(amount=amount, unit=unit, interval=interval, base_s=base_s)


def adjustments_of(text: str) -> tuple[str, ...]:
    """Read an adjustment, such as ``split,spin-off``: which of our own it takes, one or three.

    Raises `ApiError`.
    """
    words = text.split(",")
    if not all(word in _ADJUSTMENTS for word in words) or len(set(words)) < len(words):
        raise bad_request("adjustment must be raw, split, dividend, spin-off, all, or several")
    wanted = frozenset[str]().union(*(_ADJUSTMENTS[word] for word in words))
    if wanted == {"dividend"}:
        return _DIVIDENDS
    return ("total",) if "dividend" in wanted else (*wanted, "raw")[:1]


def scaled(bars: list[r.Bar], of: list[r.Bar], to: list[r.Bar]) -> list[r.Bar]:
    """Scale the prices of ``bars`` by those of the same times in ``of`` against ``to``.

    Each came with an answer of its own, and a bar that still forms may have moved between them: so
    no part of it is scaled by more than its open, or by less than nothing.
    """
    numerators = {each.time: each for each in of}
    denominators = {each.time: each for each in to}
    made = []
    for bar in bars:
        one, other = numerators.get(bar.time), denominators.get(bar.time)
        if one is None or other is None:
            continue
        least = one.open / other.open
        prices = {
            name: getattr(bar, name)
            * min(max(least, getattr(one, name) / getattr(other, name)), _WHOLE)
            for name in ("open", "high", "low", "close")
        }
        made.append(
            attrs.evolve(bar, **{name: each.quantize(_UNIT) for name, each in prices.items()})
        )
    return made


def bar_body(bar: r.Bar) -> dict[str, Any]:
    """Write a bar. We count no trades, so that ``n`` and ``vw`` are unknown."""
    return {
        "t": moment(bar.time),
        "o": float(bar.open),
        "h": float(bar.high),
        "l": float(bar.low),
        "c": float(bar.close),
        "v": float(bar.volume),
        "n": None,
        "vw": None,
    }


def joined(bars: list[r.Bar], frame: Frame) -> list[r.Bar]:
    """Make longer bars of ours, oldest first."""
    made: list[r.Bar] = []
    for bar in bars:
        begun = frame.begin(bar.time)
        if made and made[-1].time == begun:
            last = made[-1]
            made[-1] = attrs.evolve(
                last,
                high=max(last.high, bar.high),
                low=min(last.low, bar.low),
                close=bar.close,
                volume=last.volume + bar.volume,
            )
        else:
            made.append(attrs.evolve(bar, time=begun))
    return made


@attrs.frozen(kw_only=True)
class Question:
    """What is asked for of every symbol: bars that begin from ``start`` to ``end``."""

    frame: Frame
    start: datetime
    end: datetime
    adjusts: tuple[str, ...]
    newest_first: bool


@attrs.frozen
class BarHistory:
    """The requests for bars of the past."""

    book: AssetBook

    async def many(self, call: Call) -> dict[str, Any]:
        """GET .../bars: a page of bars, symbol by symbol, and the token of the next."""
        symbols = sorted(call.symbols())
        if len(symbols) > BARS_SYMBOLS_MAX:
            raise bad_request(f"at most {BARS_SYMBOLS_MAX} symbols can be asked for at once")
        question = await self._question(call)
        rows = call.whole("limit", PAGE_ROWS, PAGE_ROWS_MAX)
        place, reached = _token_in(call.query.get("page_token", ""), symbols)
        found: dict[str, list[dict[str, Any]]] = {}
        token = None
        for number, symbol in enumerate(symbols[place:], place):
            if rows <= 0:
                token = _token_out(symbol, None)
                break
            bars, token = await self._page(call, symbol, question, rows, reached)
            reached = None
            if bars:
                found[symbol] = [bar_body(bar) for bar in bars]
                rows -= len(bars)
            if token is not None or number == len(symbols) - 1:
                break
        return {"bars": found, "next_page_token": token}

    async def one(self, call: Call) -> dict[str, Any]:
        """GET /v2/stocks/{symbol}/bars."""
        symbol = call.names["symbol"].upper()
        page = await self.many(attrs.evolve(call, query={**call.query, "symbols": symbol}))
        return {
            "symbol": symbol,
            "bars": page["bars"].get(symbol, []),
            "next_page_token": page["next_page_token"],
        }

    async def _question(self, call: Call) -> Question:
        now = (await call.seat.client.clock()).now
        start, end = instant_in(call.query, "start"), instant_in(call.query, "end")
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return Question(
            frame=frame_of(call.query.get("timeframe", "")),
            start=start if start is not None else midnight,
            end=min(end, now) if end is not None else now,
            adjusts=adjustments_of(call.query.get("adjustment", "raw")),
            newest_first=call.query.get("sort", "asc") == "desc",
        )

    async def _page(
        self, call: Call, name: str, question: Question, rows: int, reached: datetime | None
    ) -> tuple[list[r.Bar], str | None]:
        """Return up to ``rows`` bars of a symbol, and the token of what follows them."""
        try:
            asset = await self.book.find(call.seat, name)
        except ApiError:
            # Of several symbols, those that we do not have are left out.
            return [], None
        start, end = question.start, question.end
        if asset.first_bar is not None:
            start = max(start, asset.first_bar - timedelta(days=1))
        if reached is not None:
            start, end = (start, reached) if question.newest_first else (reached, end)
        step = timedelta(seconds=question.frame.base_s) * WINDOW_ROWS
        found: list[r.Bar] = []
        for _ in range(WINDOWS_MAX):
            if len(found) > rows or start > end:
                break
            if question.newest_first:
                first = max(start, end - step)
                found += (await self._window(call, asset.symbol, question, first, end))[::-1]
                end = first - _MICROSECOND
            else:
                last = min(end, start + step)
                found += await self._window(call, asset.symbol, question, start, last)
                start = last + _MICROSECOND
        if len(found) > rows:
            return found[:rows], _token_out(name, found[rows].time)
        edge = end if question.newest_first else start
        return found, _token_out(name, edge) if start <= end else None

    async def _window(
        self, call: Call, symbol: str, question: Question, start: datetime, end: datetime
    ) -> list[r.Bar]:
        """Return the bars that begin from ``start`` to ``end``, whole ones: a range of ours cuts
        the bar in which it ends."""
        frame = question.frame
        found = [
            (
                await call.seat.client.bars(
                    symbol,
                    frame.interval,
                    from_time=start,
                    to_time=end + frame.length,
                    adjust=adjust,
                )
            ).bars
            for adjust in question.adjusts
        ]
        bars = scaled(*map(list, found)) if len(found) > 1 else list(found[0])
        whole = bars if frame.is_plain else joined(bars, frame)
        return [bar for bar in whole if start <= bar.time <= end]


def _token_out(symbol: str, at: datetime | None) -> str:
    text = f"{symbol}|{at.astimezone(UTC).isoformat() if at is not None else ''}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _token_in(token: str, symbols: list[str]) -> tuple[int, datetime | None]:
    """Return at which symbol a page begins, and at which time of it; raises `ApiError`."""
    if not token:
        return 0, None
    try:
        symbol, _, at = base64.urlsafe_b64decode(token.encode()).decode().partition("|")
        return symbols.index(symbol), datetime.fromisoformat(at) if at else None
    except ValueError:
        raise bad_request("page_token is not valid for these symbols") from None
