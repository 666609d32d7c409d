"""Corporate actions: splits and cash dividends, read off the bars of the days around them.

Our protocol does not list actions; it tells bars as they were, adjusted for splits, and adjusted
for dividends too. What changes between two of these from one day to the next is the action of the
later day: a ratio, or an amount a share.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import attrs

from papertrader.gateway.assets import AssetBook
from papertrader.gateway.errors import bad_request, not_found, unprocessable
from papertrader.gateway.ids import Kind, number_of, uuid_of
from papertrader.gateway.routing import Call
from papertrader.gateway.values import day_in

ACTION_SYMBOLS_MAX: Final = 50
"""Assets that are looked through for one answer: 422 beyond."""
ACTION_DAYS_MAX: Final = 3_660
"""Days of one question: 422 beyond."""
LEAST_CHANGE: Final = Decimal("0.00001")
"""Prices have 8 decimals; what changes a factor by less is their rounding."""
RATIO_MAX: Final = 1_000
_BEFORE: Final = timedelta(days=20)
"""The last session before a day is not longer ago."""
_DAY: Final = timedelta(days=1)
_EPOCH: Final = date(1970, 1, 1)
_DAY_BITS: Final = 17
_LETTERS: Final = " ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.^=/-"
_SYMBOL_CHARACTERS: Final = 16


@attrs.frozen(kw_only=True)
class Action:
    """A split (``new`` shares for ``old`` ones) or, with an ``amount`` a share, a dividend."""

    symbol: str
    day: date
    amount: Decimal = Decimal(0)
    new: int = 1
    old: int = 1

    @property
    def is_split(self) -> bool:
        """Whether it is a split."""
        return not self.amount

    @property
    def uuid(self) -> str:
        """A UUID from which symbol, day and kind can be read again."""
        number = 0
        for character in self.symbol.ljust(_SYMBOL_CHARACTERS):
            number = number * len(_LETTERS) + _LETTERS.index(character)
        number = (number << _DAY_BITS | (self.day - _EPOCH).days) << 1 | self.is_split
        return uuid_of(Kind.ACTION, number)


def named(text: str) -> tuple[str, date, bool] | None:
    """Return symbol, day and whether it is a split, from a UUID; None if it is none of ours."""
    number = number_of(Kind.ACTION, text)
    if number is None:
        return None
    is_split, number = bool(number & 1), number >> 1
    days, number = number & (1 << _DAY_BITS) - 1, number >> _DAY_BITS
    letters = []
    for _ in range(_SYMBOL_CHARACTERS):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "".join(reversed(letters)).strip(), _EPOCH + days * _DAY, is_split


def actions_of(
    symbol: str, raw: dict[date, Decimal], split: dict[date, Decimal], total: dict[date, Decimal]
) -> list[Action]:
    """Return the actions of a symbol, oldest first, from its closes in the three ways."""
    found = []
    days = [day for day in sorted(raw) if raw[day] and split.get(day) and total.get(day)]
    for before, day in pairwise(days):
        ratio = split[day] * raw[before] / (raw[day] * split[before])
        if abs(ratio - 1) >= LEAST_CHANGE:
            whole = Fraction(ratio).limit_denominator(RATIO_MAX)
            found.append(Action(symbol=symbol, day=day, new=whole.numerator, old=whole.denominator))
        kept = total[before] * split[day] / (split[before] * total[day])
        amount = (raw[before] * (1 - kept)).quantize(Decimal("0.000001"))
        if amount >= LEAST_CHANGE:
            found.append(Action(symbol=symbol, day=day, amount=amount))
    return found


def announcement_body(action: Action) -> dict[str, Any]:
    """Write an action as the trading API's announcement. We know its ex-date only."""
    day = action.day.isoformat()
    kind = "reverse_split" if action.new < action.old else "stock_split"
    return {
        "id": action.uuid,
        "corporate_action_id": action.uuid,
        "ca_type": "split" if action.is_split else "dividend",
        "ca_sub_type": kind if action.is_split else "cash",
        "initiating_symbol": action.symbol,
        "initiating_original_cusip": "",
        "target_symbol": action.symbol,
        "target_original_cusip": "",
        "declaration_date": None,
        "ex_date": day,
        "record_date": None,
        "payable_date": day,
        "cash": str(action.amount),
        "old_rate": str(action.old),
        "new_rate": str(action.new),
    }


def data_body(action: Action) -> tuple[str, dict[str, Any]]:
    """Write an action as the data API does; returns its list and itself."""
    day = action.day.isoformat()
    head = {"id": action.uuid, "symbol": action.symbol, "ex_date": day, "process_date": day}
    if not action.is_split:
        dividend = {"cusip": "", "rate": float(action.amount), "special": False, "foreign": False}
        return "cash_dividends", {**head, **dividend}
    rates = {"new_rate": action.new, "old_rate": action.old}
    if action.new < action.old:
        return "reverse_splits", {**head, **rates, "old_cusip": "", "new_cusip": ""}
    return "forward_splits", {**head, **rates, "cusip": ""}


@attrs.frozen
class Announcements:
    """The requests about corporate actions."""

    book: AssetBook

    async def all(self, call: Call) -> list[dict[str, Any]]:
        """GET /v2/corporate_actions/announcements."""
        since, until = day_in(call.query, "since"), day_in(call.query, "until")
        if since is None or until is None:
            raise bad_request("since and until are required")
        name = call.query.get("symbol", "")
        found = await self._found(call, [name] if name else [], since, until)
        wanted = call.query.get("ca_types", "").lower().split(",")
        bodies = [announcement_body(each) for each in found]
        return [body for body in bodies if body["ca_type"] in wanted or wanted == [""]]

    async def one(self, call: Call) -> dict[str, Any]:
        """GET /v2/corporate_actions/announcements/{id}."""
        known = named(call.names["action"])
        if known is not None:
            symbol, day, is_split = known
            for each in await self._found(call, [symbol], day, day):
                if each.is_split == is_split:
                    return announcement_body(each)
        raise not_found("corporate action announcement not found")

    async def data(self, call: Call) -> dict[str, Any]:
        """GET /v1/corporate-actions."""
        now = (await call.seat.client.clock()).now.date()
        start = day_in(call.query, "start") or now
        end = day_in(call.query, "end") or now
        names = call.symbols() if call.query.get("symbols") else []
        wanted = {each for each in call.query.get("types", "").lower().split(",") if each}
        found: dict[str, list[dict[str, Any]]] = {}
        for each in await self._found(call, names, start, end):
            kind, body = data_body(each)
            if not wanted or kind.removesuffix("s") in wanted:
                found.setdefault(kind, []).append(body)
        return {"corporate_actions": found, "next_page_token": None}

    async def _found(
        self, call: Call, names: Iterable[str], since: date, until: date
    ) -> list[Action]:
        """Return the actions of some assets, or of all, of the days ``since`` to ``until``."""
        if (until - since).days > ACTION_DAYS_MAX:
            raise unprocessable(f"at most {ACTION_DAYS_MAX} days can be asked for at once")
        symbols = [(await self.book.find(call.seat, name)).symbol for name in names]
        if not symbols:
            rows = await call.seat.client.assets(limit=ACTION_SYMBOLS_MAX + 1)
            symbols = [row.symbol for row in rows]
        if len(symbols) > ACTION_SYMBOLS_MAX:
            raise unprocessable(f"name at most {ACTION_SYMBOLS_MAX} symbols")
        found: list[Action] = []
        for symbol in symbols:
            closes = [
                await self._closes(call, symbol, since, until, how)
                for how in ("raw", "split", "total")
            ]
            found += [each for each in actions_of(symbol, *closes) if since <= each.day <= until]
        return sorted(found, key=lambda each: (each.day, each.symbol))

    async def _closes(
        self, call: Call, symbol: str, since: date, until: date, how: str
    ) -> dict[date, Decimal]:
        try:
            start = datetime.combine(since - _BEFORE, time(), UTC)
            end = datetime.combine(until + _DAY, time(), UTC)
        except OverflowError:
            raise bad_request("since and until are out of range") from None
        answer = await call.seat.client.bars(symbol, "1d", from_time=start, to_time=end, adjust=how)
        return {bar.time.date(): bar.close for bar in answer.bars}
