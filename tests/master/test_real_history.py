"""Thirteen real years: buying and holding through every split and dividend, counted twice.

The desk trades in the replay market; beside it, `Ledger` counts the same from the CSV files alone,
in `Decimal`, with nothing of ours but the prices that were paid.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from importlib import resources

import attrs
import pytest

from papertrader.core.desk import Desk
from papertrader.core.equity import Fold, value
from papertrader.core.events import Event, TransactionPosted
from papertrader.core.instants import SECOND
from papertrader.core.money import SCALE
from papertrader.core.orders import NewOrder, OrderState, OrderType, Side, TimeInForce
from papertrader.core.performance import compound, period_returns
from papertrader.core.quotes import Quote
from papertrader.master.providers.base import TapeSource, load_calendars
from papertrader.master.providers.replay import replay_source

SYMBOLS = ("AAPL", "IBM", "MSFT")
CASH = Decimal(100_000)
CENT = Decimal("0.01")
SHARES = {"AAPL": 100, "IBM": 200, "MSFT": 300}


def rows(name: str) -> Iterator[dict[str, str]]:
    """The lines of one of the data files that come with the package."""
    data = resources.files("papertrader.data").joinpath(name).read_bytes()
    text = gzip.decompress(data) if name.endswith(".gz") else data
    yield from csv.DictReader(text.decode("ascii").splitlines())


@attrs.define
class Ledger:
    """The independent count: shares and cash, day by day, from the files."""

    cash: Decimal = CASH
    shares: dict[str, Decimal] = attrs.Factory(lambda: dict.fromkeys(SYMBOLS, Decimal(0)))
    dividends: Decimal = Decimal(0)
    seen: int = 0
    actions: dict[str, list[dict[str, str]]] = attrs.Factory(dict)

    def __attrs_post_init__(self) -> None:
        for row in rows("wiki5_actions.csv"):
            self.actions.setdefault(row["ex_date"], []).append(row)

    def buy(self, symbol: str, shares: int, price: Decimal) -> None:
        """Shares bought."""
        self.shares[symbol] += shares
        self.cash -= shares * price

    def open_day(self, day: str) -> None:
        """Splits and dividends before the first price of ``day``."""
        for row in self.actions.get(day, ()):
            symbol = row["ticker"]
            if row["kind"] == "split":
                new, old = row["value"].split(":")
                self.shares[symbol] = self.shares[symbol] * int(new) / int(old)
            else:
                paid = (self.shares[symbol] * Decimal(row["value"])).quantize(CENT, ROUND_HALF_EVEN)
                self.cash += paid
                self.dividends += paid
            self.seen += 1


@attrs.define
class Trader:
    """The desk in the replay market: one quote a day, just after the opening."""

    source: TapeSource
    desk: Desk = attrs.Factory(Desk)
    seq: int = 0
    orders: int = 0
    events: list[Event] = attrs.Factory(list)

    def next(self) -> int:
        """The next input's number."""
        self.seq += 1
        return self.seq

    def begin(self, at: int) -> None:
        """Open the portfolio with the assets known."""
        for symbol in SYMBOLS:
            self.desk.list_asset(self.source.assets[symbol])
        self.events += self.desk.open_portfolio(
            seq=self.next(), at=at, account=1, portfolio=1, currency="USD",
            deposit=int(CASH) * SCALE,
        )  # fmt: skip

    def act(self, after: int, upto: int) -> None:
        """Corporate actions of the market, as it gives them."""
        for action in self.source.actions(after, upto):
            if action.symbol in SYMBOLS:
                self.events += self.desk.act(seq=self.next(), at=upto, action=action)

    def quote(self, symbol: str, at: int) -> Quote:
        """The market's quote then, as the desk observes it."""
        found = self.source.quote(symbol, at)
        assert found is not None
        seq = self.next()
        quote = attrs.evolve(found, observed_at=at, quote_seq=seq)
        self.events += self.desk.observe(seq=seq, quote=quote)
        return quote

    def buy(self, symbol: str, shares: int, at: int) -> Decimal:
        """Buy with a market order at the market's price a second later; returns that price."""
        self.quote(symbol, at)
        self.orders += 1
        outcome = self.desk.submit(
            NewOrder(
                seq=self.next(), at=at, received_at=at, market_at=at, account=1, portfolio=1,
                client_order_id=self.orders, symbol=symbol, side=Side.BUY,
                order_type=OrderType.MARKET, time_in_force=TimeInForce.GTC,
                quantity=shares * SCALE,
            )
        )  # fmt: skip
        assert outcome.refusal is None, outcome.text
        self.events += outcome.events
        cost = Decimal(0)
        for tick in range(1, 1_000):
            self.quote(symbol, at + tick * 5 * SECOND)
            assert outcome.order is not None
            order = self.desk.order(outcome.order.order_id)
            assert order is not None
            if order.state == OrderState.FILLED:
                cost = Decimal(order.notional_filled) / SCALE / order.filled
                break
        return cost

    def held(self, symbol: str) -> Decimal:
        """Shares held."""
        portfolio = self.desk.portfolio(1)
        assert portfolio is not None
        return Decimal(portfolio.quantity(symbol)) / SCALE

    @property
    def cash(self) -> Decimal:
        """The portfolio's cash."""
        portfolio = self.desk.portfolio(1)
        assert portfolio is not None
        return Decimal(portfolio.cash) / SCALE


def closes() -> dict[str, dict[str, Decimal]]:
    """The closing price of each symbol and day, by the file."""
    found: dict[str, dict[str, Decimal]] = {symbol: {} for symbol in SYMBOLS}
    for row in rows("wiki5_daily.csv.gz"):
        if row["Ticker"] in found:
            found[row["Ticker"]][row["Date"]] = Decimal(row["Close"]).quantize(CENT)
    return found


@pytest.mark.parametrize("reinvest", [False, True], ids=["held", "reinvested"])
def test_thirteen_years_to_the_cent(reinvest: bool) -> None:
    """Shares, cash, dividends and total return: the desk's are those of the files.

    With ``reinvest``, what has been paid buys whole shares of the payer the same morning.
    """
    calendars = load_calendars()
    source, calendar = replay_source(calendars), calendars["XNYS"]
    trader, count, prices = Trader(source), Ledger(), closes()
    days = sorted(prices["IBM"])
    then = source.first_time()
    trader.begin(then)
    waiting = Decimal(0)
    for number, day in enumerate(days):
        session = calendar.session(datetime.fromisoformat(day).replace(tzinfo=UTC).date())
        assert session is not None
        opening = session.open + 60 * SECOND
        trader.act(then, opening)
        before = count.dividends
        count.open_day(day)
        then = opening
        if number == 0:
            for symbol in SYMBOLS:
                paid = trader.buy(symbol, SHARES[symbol], opening)
                count.buy(symbol, SHARES[symbol], paid)
        paid_today = count.dividends - before
        payers = {row["ticker"] for row in count.actions.get(day, ()) if row["kind"] != "split"}
        for symbol in sorted(payers):
            waiting += paid_today
            paid_today = Decimal(0)
            quote = source.quote(symbol, opening)
            assert quote is not None
            shares = int(waiting / (Decimal(quote.ask) / SCALE * Decimal("1.05")))
            if reinvest and shares:
                paid = trader.buy(symbol, shares, opening)
                count.buy(symbol, shares, paid)
                waiting -= shares * paid
    assert count.seen == 95
    assert {s: trader.held(s) for s in SYMBOLS} == count.shares
    assert abs(trader.cash - count.cash) < CENT
    last = days[-1]
    worth = count.cash + sum(count.shares[s] * prices[s][last] for s in SYMBOLS)
    fold = Fold([])
    fold.take(e.transaction for e in trader.events if isinstance(e, TransactionPosted))
    end = fold.finish(source.last_time())[-1]
    point = value(end, lambda symbol, _at: int(prices[symbol][last] * SCALE))
    assert abs(Decimal(point.equity) / SCALE - worth) < CENT
    first = attrs.evolve(point, at=0, equity=int(CASH) * SCALE)
    assert compound(period_returns([first, point])) == pytest.approx(float(worth / CASH - 1))
    portfolio = trader.desk.portfolio(1)
    assert portfolio is not None
    assert Decimal(portfolio.dividends) / SCALE == count.dividends
    assert trader.desk.check_invariants() == []
