"""Exchange rates: what one unit of a currency was worth in another, by a dated table.

The table holds what one euro was worth in each currency on each working day, as the European
Central Bank publishes it; other pairs are crosses over the euro. A rate is written as a quote of
the pair (``"$EUR/USD"``): who gives the portfolio's money for another currency pays its ``ask``,
rounded up, who gets money for it receives its ``bid``, rounded down. So a rate is kept and given
back with an input like any quote that decided it. The sign keeps it apart from traded symbols.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import attrs

from papertrader.core.instants import MINUTE, midnight_of, to_datetime
from papertrader.core.money import (
    NULL,
    SCALE,
    checked,
    divide_half_even,
    format_amount,
    parse_amount,
)
from papertrader.core.quotes import Quote, QuoteFlag, QuoteProvider

PUBLISHED_AT: Final = 15 * 60 * MINUTE
"""Time of day (UTC) from which a day's rate counts: 16:00 in Frankfurt in winter."""
GAP_DAYS_MAX: Final = 14
"""One without a rate on so many days of the table has none. After its end the last counts."""
CUSHION_POINTS: Final = 100
"""An order to buy reserves at a rate higher by so many basis points: 1 %."""
_WHOLE_POINTS: Final = 10_000
_EURO: Final = "EUR"


@attrs.frozen
class RateTable:
    """What one euro was worth, by day; ``lines`` rise by date: ``2020-01-02,1.1193,...``."""

    currencies: tuple[str, ...] = ()
    lines: Sequence[str] = ()

    def rate(self, currency: str, base: str, market_at: int) -> Quote | None:
        """Return what one unit of ``currency`` was worth in ``base``; None if it is not known.

        It is that of the last day at or before ``market_at`` of which the rates were published.
        """
        day = to_datetime(market_at - PUBLISHED_AT).date()
        last = bisect_right(self.lines, f"{day.isoformat()}~")
        for line in reversed(self.lines[max(last - GAP_DAYS_MAX, 0) : last]):
            cells = line.split(",")
            of_currency, of_base = self._per_euro(cells, currency), self._per_euro(cells, base)
            if of_currency and of_base:
                whole = of_base * SCALE
                bid, ask = whole // of_currency, -(-whole // of_currency)
                if bid == 0:
                    return None
                published = midnight_of(date.fromisoformat(cells[0])) + PUBLISHED_AT
                return Quote(
                    symbol=pair_symbol(currency, base),
                    bid=checked(bid),
                    ask=checked(ask),
                    source_time=published,
                    provider=int(QuoteProvider.ECB),
                )
        return None

    def with_rate(self, quote: Quote) -> RateTable:
        """Return the table with a day's rate that the European Central Bank has just given.

        ``quote`` is of ``EUR/...``. Only the last day may be added to, and only later ones added:
        what was counted by the table stays true. Returns itself where there is nothing to add.
        """
        euro, _, currency = quote.symbol.partition("/")
        if euro != _EURO or currency not in self.currencies or quote.last <= 0:
            return self
        day = to_datetime(quote.source_time).date().isoformat()
        newest = self.lines[-1] if self.lines else ""
        if newest[:10] > day:
            return self
        fresh = newest[:10] < day
        cells = [day, *[""] * len(self.currencies)] if fresh else newest.split(",")
        column = 1 + self.currencies.index(currency)
        if cells[column]:
            return self
        cells[column] = format_amount(quote.last)
        kept = list(self.lines if fresh else self.lines[:-1])
        return RateTable(self.currencies, [*kept, ",".join(cells)])

    def _per_euro(self, cells: Sequence[str], currency: str) -> int:
        """Return what one euro was worth on a day, in 1e-8 units; 0 if it is not known."""
        if currency == _EURO:
            return SCALE
        if currency not in self.currencies:
            return 0
        text = cells[1 + self.currencies.index(currency)]
        return parse_amount(text) if text else 0


NO_RATES: Final = RateTable()


class Rates:
    """The table, with a note of what an input has looked at, as in `papertrader.core.board`.

    ``used`` is bounded by pairs of currencies and days of one input.
    """

    def __init__(self) -> None:
        self.table = NO_RATES
        self.used: dict[tuple[str, int], Quote] = {}
        self._recalled: list[Quote] | None = None

    def get(self, currency: str, base: str, market_at: int) -> Quote | None:
        """Return a rate for a decision, and note that it was used; None if it is not known."""
        found = self.peek(currency, base, market_at)
        if found is not None:
            self.used.setdefault((found.symbol, found.source_time), found)
        return found

    def peek(self, currency: str, base: str, market_at: int) -> Quote | None:
        """Return a rate for anything but a decision."""
        if self._recalled is None:
            return self.table.rate(currency, base, market_at)
        symbol = pair_symbol(currency, base)
        known = [
            each
            for each in self._recalled
            if each.symbol == symbol and each.source_time <= market_at
        ]
        return max(known, key=lambda each: each.source_time, default=None)

    def learn(self, quote: Quote) -> None:
        """Take a rate that a provider has just given into the table; other quotes change nothing.

        Each line is a day of the past, so that the table grows by one a working day.
        """
        if quote.provider == QuoteProvider.ECB and not quote.flags & QuoteFlag.SUSPECT:
            self.table = self.table.with_rate(quote)

    def recall(self, rates: Iterable[Quote]) -> None:
        """Let ``rates`` be all that are known, to decide an input of the past again."""
        self._recalled = list(rates)


def pair_symbol(currency: str, base: str) -> str:
    """Return under which symbol the rate of a currency in another is kept."""
    return f"${currency}/{base}"


def currency_of(rate: Quote) -> str:
    """Return the currency of which ``rate`` says what one unit is worth."""
    return rate.symbol[1:4]


def is_rate(quote: Quote) -> bool:
    """Tell whether a quote is a rate, and not that of a traded symbol."""
    return quote.symbol.startswith("$")


def paid_for(notional: int, rate: Quote | None) -> int:
    """Return what an exact ``price * quantity`` (16 decimals) costs: rounded up once, to a unit.

    ``rate`` None: the price is in the money's own currency.
    """
    if rate is None:
        return checked(-(-notional // SCALE))
    return checked(-(-notional * rate.ask // (SCALE * SCALE)))


def received_for(notional: int, rate: Quote | None) -> int:
    """Return what an exact ``price * quantity`` brings: rounded down once, to a unit."""
    if rate is None:
        return checked(notional // SCALE)
    return checked(notional * rate.bid // (SCALE * SCALE))


def converted_notional(notional: int, rate: int) -> int:
    """Return a notional (16 decimals) in the other currency, rounded up; `NULL`: it is in it."""
    return notional if rate == NULL else -(-notional * rate // SCALE)


def converted_price(price: int, rate: int) -> int:
    """Return a price in the other currency, half-even; a `NULL` of either stays what it is."""
    return price if NULL in (price, rate) else checked(divide_half_even(price * rate, SCALE))


def cushioned(rate: Quote) -> Quote:
    """Return the rate at which an order to buy reserves: dearer by `CUSHION_POINTS`."""
    ask = -(-rate.ask * (_WHOLE_POINTS + CUSHION_POINTS) // _WHOLE_POINTS)
    return attrs.evolve(rate, ask=checked(ask))


def converted_quote(quote: Quote, rate: Quote) -> Quote:
    """Return a quote's bid, ask and last in the other currency, as positions are valued by it."""

    def down(price: int) -> int:
        return NULL if price == NULL else price * rate.bid // SCALE

    ask = quote.ask if quote.ask == NULL else checked(-(-quote.ask * rate.ask // SCALE))
    return attrs.evolve(quote, bid=down(quote.bid), ask=ask, last=down(quote.last))


def read_rates(text: str) -> RateTable:
    """Read a table: a heading ``Date,USD,...``, then a line for each day, rising.

    Raises `ValueError` for a table that does not rise, or has a line of another length.
    """
    heading, *lines = text.split()
    currencies = tuple(heading.split(",")[1:])
    for before, line in zip(["", *lines], lines, strict=False):
        if line[:10] <= before[:10] or line.count(",") != len(currencies):
            raise ValueError(f"the table of rates has a line that does not fit: {line[:10]}")
    return RateTable(currencies, lines)
