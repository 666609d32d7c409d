"""EQUITY_GET: what a portfolio was worth over market time, worked out from the ledger.

The ledger is read and folded in the thread of the views; prices come from the market's own bars, a
few in each turn of the reactor, so that a long curve makes nobody wait.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from papertrader.core.actions import last_price
from papertrader.core.calendar import Calendar
from papertrader.core.equity import Fold, Holdings, curve_start, thinned, value
from papertrader.core.instants import DAY, to_datetime
from papertrader.core.ledger import Transaction
from papertrader.core.money import NULL, AmountOverflow
from papertrader.core.performance import EquityPoint
from papertrader.core.quotes import Bar, CorporateAction
from papertrader.master import records
from papertrader.master.accounts import AccountBook, account_shown
from papertrader.master.commands import Command, Refused
from papertrader.master.holdings import parts
from papertrader.master.intraday import INTRADAY_S, Ticks, check_prices, grid
from papertrader.master.journal import Journal
from papertrader.master.longseries import bars_from
from papertrader.master.providers.base import TapeSource
from papertrader.master.sessions import Session
from papertrader.master.sharebasis import ShareBasis
from papertrader.master.transactions import Transactions
from papertrader.master.views import Views
from papertrader.master.viewstore import ViewStore
from papertrader.net.clock import Clock
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Privacy, Status, Tag

DAY_S: Final = 86_400
WEEK_S: Final = 604_800
MONTH_S: Final = 2_592_000
INTERVALS_S: Final = (*INTRADAY_S, DAY_S, WEEK_S, MONTH_S)
PAGE_ROWS: Final = 5_000
"""Transactions read from the views at a time."""


def session_ends(calendar: Calendar, first: int, last: int) -> list[int]:
    """Return when the sessions from ``first`` to ``last`` ended, at most EQUITY_SESSIONS_MAX.

    Raises `Refused` for more.
    """
    ends: list[int] = []
    day = to_datetime(first).date() - timedelta(days=1)
    final = to_datetime(last).date() + timedelta(days=1)
    while day <= final:
        session = calendar.session(day)
        if session is not None and first <= session.close <= last:
            ends.append(session.close)
        day += timedelta(days=1)
        if len(ends) > limits.EQUITY_SESSIONS_MAX:
            raise Refused(
                Status.RANGE_TOO_LARGE,
                f"The curve has more than {limits.EQUITY_SESSIONS_MAX} sessions; ask for a part.",
            )
    return ends


def stored(store: ViewStore, account: int, portfolio: int) -> Iterator[Transaction]:
    """Give all transactions of a portfolio; for the thread of the views."""
    after = 0
    while True:
        rows = store.transactions(account, portfolio, after, 0, 0, 0, PAGE_ROWS)
        for row, detail, _ in rows:
            transaction = records.transaction_stored(row, detail)
            after = transaction.transaction_id
            yield transaction
        if len(rows) < PAGE_ROWS:
            return


class Closes:
    """The last price of each symbol at the end of each session; from bars, read once."""

    def __init__(self, source: TapeSource, clock: Clock, now: int) -> None:
        self._source = source
        self._clock = clock
        self._now = now
        self._bars: dict[str, list[Bar]] = {}
        self._times: dict[str, list[int]] = {}
        self._basis = ShareBasis({})

    async def read(self, symbols: Iterable[str], first: int) -> None:
        """Read the daily bars of ``symbols`` from ``first`` on, some in each turn."""
        start = first - first % DAY - 7 * DAY
        self._basis = ShareBasis.of(self._source.actions(start - DAY, self._now))
        for symbol in symbols:
            found = await bars_from(self._source, self._clock, symbol, DAY_S, start, 0, self._now)
            self._bars[symbol] = found
            self._times[symbol] = [bar.time for bar in found]

    def price(self, symbol: str, at: int) -> int:
        """Return the last price of a symbol at a session's end; `NULL` if none is known.

        In terms of the shares of then, if it is from before a split.
        """
        times = self._times.get(symbol, [])
        place = bisect_left(times, at) - 1
        if place < 0:
            return NULL
        bar = self._bars[symbol][place]
        return self._basis.price(symbol, bar.close, bar.time, at)


def period_key(interval_s: int) -> Callable[[int], object]:
    """Return what names the period of a market time: its ISO week, or its month."""

    def key(at: int) -> object:
        moment: datetime = to_datetime(at)
        return moment.isocalendar()[:2] if interval_s == WEEK_S else (moment.year, moment.month)

    return key


async def curve(
    holdings: Sequence[Holdings],
    closes: Closes | Ticks,
    begins: Closes | Ticks,
    last: Callable[[str], int],
    interval_s: int,
    worth: Callable[[str, int, int], int],
) -> list[EquityPoint]:
    """Return the points of a curve; ``last`` gives the newest price, for the last point.

    ``begins`` gives the prices of the first one, which may lie amid a session.
    ``worth`` (symbol, price, market time) gives a price in the portfolio's money. Raises
    `Refused` if a value is more than can be counted.
    """
    symbols = sorted({symbol for each in holdings for symbol in each.quantities})
    await closes.read(symbols, holdings[0].at if holdings else 0)
    if begins is not closes and holdings:
        await begins.read(sorted(holdings[0].quantities), holdings[0].at)

    def price(symbol: str, at: int) -> int:
        source = begins if at == holdings[0].at else closes
        return worth(symbol, source.price(symbol, at), at)

    try:
        points = [value(each, price) for each in holdings[:-1]]
        points += [value(each, lambda symbol, _at: last(symbol)) for each in holdings[-1:]]
    except AmountOverflow:
        raise Refused(
            Status.AMOUNT_OVERFLOW, "The portfolio was worth more than can be counted here."
        ) from None
    return points if interval_s <= DAY_S else thinned(points, period_key(interval_s))


class EquityCurves:
    """Answers EQUITY_GET."""

    def __init__(
        self,
        transactions: Transactions,
        journal: Journal,
        views: Views,
        store: ViewStore,
        source: TapeSource,
        clock: Clock,
        book: AccountBook,
        told: Callable[[], int],
    ) -> None:
        """``told``: market time up to which prices were told; later ones are nobody's yet."""
        self._transactions = transactions
        self._journal = journal
        self._views = views
        self._store = store
        self._source = source
        self._clock = clock
        self._book = book
        self._told = told

    async def equity_get(
        self, command: Command, session: Session, message: m.EquityGet
    ) -> list[bytes]:
        """Answer EQUITY_GET: the curve from the portfolio's first transaction on."""
        if message.interval_s not in INTERVALS_S:
            choices = ", ".join(map(str, INTERVALS_S))
            raise Refused(
                Status.INTERVAL_UNSUPPORTED, f"Equity comes in intervals of {choices} seconds."
            )
        account = session.account
        if message.username is not None:
            account = account_shown(
                self._book, session, message.username, Privacy.PORTFOLIO_PUBLIC
            ).account
        portfolio = self._transactions.portfolio_in(account, message.portfolio)
        now = self._transactions.market_now()
        if message.interval_s in INTRADAY_S:
            points = await self._within_days(account, portfolio, message)
        else:
            points = await self.points(account, portfolio, message.interval_s)
        head = m.EquityPart(
            portfolio=portfolio,
            currency=self._transactions.desk.state.portfolios[portfolio].currency,
            interval_s=message.interval_s,
            as_of=now,
        )
        rows = [
            m.EquityRow(each.at, each.equity, each.cash, each.flow).pack()
            for each in points
            if message.from_time <= each.at and (not message.to_time or each.at < message.to_time)
        ]
        return parts(command, session, Tag.EQUITY, m.EquityRow.SIZE, rows, head)

    async def points(self, account: int, portfolio: int, interval_s: int) -> list[EquityPoint]:
        """Return the whole curve of a portfolio. Raises `Refused` for too long a one."""
        now = self._transactions.market_now()
        posted = await self.posted(account, portfolio)
        first = curve_start(posted)
        ends = session_ends(self._source.calendar_main, first, now) if first else []
        holdings = await self._folded(ends, posted, now)
        # Who begins amid a session does so at the prices of then, not at those of its end.
        begins = self.closes(holdings[0].at if holdings else now)
        return await self._valued(portfolio, holdings, self.closes(now), begins, interval_s, now)

    async def _within_days(
        self, account: int, portfolio: int, message: m.EquityGet
    ) -> list[EquityPoint]:
        """Return the points of a curve within days, from the end of the session before on."""
        now = self._transactions.market_now()
        posted = await self.posted(account, portfolio)
        first, interval_s = curve_start(posted), message.interval_s
        since = max(message.from_time, first) if message.from_time else 0
        told = min(self._told(), now)
        until = min(message.to_time or told, told)
        times = grid(self._source.calendar_main, since, until, interval_s)
        check_prices(posted, len(times))
        ends = [each for each in times if each >= first] if first else []
        folded = await self._folded(ends, posted, now)
        # Who began within it begins with what they began with.
        holdings = [each for each in folded if times and each.at >= times[0]]
        ticks = Ticks(self._source, self._clock, told, interval_s)
        return await self._valued(portfolio, holdings, ticks, ticks, interval_s, now)

    async def _folded(
        self, ends: Sequence[int], posted: list[Transaction], now: int
    ) -> list[Holdings]:
        found: list[Holdings] = await self._views.ask(
            self._journal.durable_seq, fold_all, Fold(ends), posted, now
        )
        return found

    async def _valued(
        self,
        portfolio: int,
        holdings: Sequence[Holdings],
        closes: Closes | Ticks,
        begins: Closes | Ticks,
        interval_s: int,
        now: int,
    ) -> list[EquityPoint]:
        desk = self._transactions.desk
        state = desk.state.portfolios[portfolio]

        def last(symbol: str) -> int:
            return last_price(desk.worth(state, symbol, now))

        def worth(symbol: str, price: int, at: int) -> int:
            return desk.price_in(state.currency, symbol, price, at)

        return await curve(holdings, closes, begins, last, interval_s, worth)

    async def posted(self, account: int, portfolio: int) -> list[Transaction]:
        """Return all transactions of a portfolio that anybody may have been told of."""
        await self._journal.durable()

        def read() -> list[Transaction]:
            return list(stored(self._store, account, portfolio))

        found: list[Transaction] = await self._views.ask(self._journal.durable_seq, read)
        return found

    def actions(self, after: int, upto: int) -> list[CorporateAction]:
        """Return the corporate actions with ``after < at <= upto``, in the order they apply."""
        return self._source.actions(after, upto)

    def closes(self, now: int) -> Closes:
        """Return the last prices at the ends of sessions, none read yet."""
        return Closes(self._source, self._clock, now)

    def ends(self, first: int, last: int) -> list[int]:
        """Return when the main exchange's sessions ended; raises `Refused` for too many."""
        return session_ends(self._source.calendar_main, first, last)


def fold_all(fold: Fold, transactions: list[Transaction], now: int) -> list[Holdings]:
    """Return what there was at each session's end; for the thread of the views."""
    fold.take(transactions)
    return fold.finish(now)
