"""The replay market: real days kept exactly, no look-ahead, and the same for everybody."""

from __future__ import annotations

import csv
import gzip
from datetime import date, datetime
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.instants import DAY, MINUTE, SECOND, from_datetime, midnight_of, to_datetime
from papertrader.core.money import CENT, NULL, SCALE
from papertrader.core.quotes import ActionKind, Bar, Quote, QuoteFlag
from papertrader.master.providers.base import (
    INTERVALS_S,
    MONTH_S,
    IntervalUnsupported,
    TapeSource,
    UnknownSymbol,
    load_calendars,
)
from papertrader.master.providers.recorded import (
    DataFileError,
    load_actions,
    load_daily,
    read_actions,
    read_daily,
)
from papertrader.master.providers.replay import STEP, replay_source

CALENDARS = load_calendars()
XNYS = CALENDARS["XNYS"]
HISTORY = load_daily()
SOURCE: TapeSource = replay_source(CALENDARS)
NEW_YORK = ZoneInfo("America/New_York")
SYMBOL_DAYS = [(symbol, day) for symbol, days in sorted(HISTORY.days.items()) for day in days]


def new_york(year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> int:
    """Return an instant given as New York time."""
    return from_datetime(datetime(year, month, day, hour, minute, tzinfo=NEW_YORK))


def quote_at(symbol: str, instant: int) -> Quote:
    """Return a quote that must be there."""
    quote = SOURCE.quote(symbol, instant)
    assert quote is not None
    return quote


def day_bar(symbol: str, day: date) -> Bar:
    """Return the recorded day as a bar in 1e-8 units."""
    candle = HISTORY.candle(symbol, day)
    assert candle is not None
    return Bar(
        midnight_of(day),
        candle.open * CENT,
        candle.high * CENT,
        candle.low * CENT,
        candle.close * CENT,
        candle.volume * SCALE,
    )


def test_every_session_has_every_listed_stock() -> None:
    """The recorded days are the exchange's sessions, without a gap, from the listing to the end."""
    for symbol, days in HISTORY.days.items():
        session = XNYS.session(HISTORY.first_day(symbol))
        assert session is not None
        expected = []
        while session.close <= SOURCE.last_time():
            expected.append(session.day)
            session = XNYS.next_session(session.close)
        assert expected == list(days)


@settings(max_examples=20)
@given(chosen=st.sampled_from(SYMBOL_DAYS))
def test_the_ticks_of_a_day_are_the_real_day(chosen: tuple[str, date]) -> None:
    """All ticks of a session together reproduce open, high, low, close and volume exactly."""
    symbol, day = chosen
    session = XNYS.session(day)
    assert session is not None
    quotes = [quote_at(symbol, instant) for instant in range(session.open, session.close, STEP)]
    real = day_bar(symbol, day)
    assert quotes[0].last == quotes[0].day_open == real.open
    assert max(quote.last for quote in quotes) == quotes[-1].day_high == real.high
    assert min(quote.last for quote in quotes) == quotes[-1].day_low == real.low
    assert quotes[-1].last == real.close
    assert sum(quote.last_size for quote in quotes) == quotes[-1].day_volume == real.volume
    high = low = quotes[0].last
    for quote in quotes:
        high, low = max(high, quote.last), min(low, quote.last)
        assert (quote.day_high, quote.day_low) == (high, low)
        assert 0 < quote.bid < quote.ask
        assert quote.bid <= quote.last <= quote.ask
        assert quote.bid % CENT == quote.ask % CENT == quote.last % CENT == 0
        assert quote.flags == QuoteFlag.REPLAYED


@settings(max_examples=40)
@given(
    chosen=st.sampled_from(SYMBOL_DAYS),
    interval_s=st.sampled_from(INTERVALS_S),
    part=st.integers(0, 7 * 3600),
)
def test_the_bar_in_formation_knows_only_the_past(
    chosen: tuple[str, date], interval_s: int, part: int
) -> None:
    """The newest bar at any moment is made of the ticks so far, of none later."""
    symbol, day = chosen
    session = XNYS.session(day)
    assert session is not None
    now = min(session.open + part * SECOND, session.close)
    bars = SOURCE.bars(symbol, interval_s, 0, 0, now, 1, newest=True)
    assert len(bars) == 1
    bar = bars[0]
    begin = max(bar.time, session.open)
    ticks = [quote_at(symbol, t) for t in range(begin, min(now + 1, session.close), STEP)]
    assert bar.close == ticks[-1].last
    if interval_s > 86_400:
        return
    assert bar.open == ticks[0].last
    assert bar.high == max(tick.last for tick in ticks)
    assert bar.low == min(tick.last for tick in ticks)
    assert bar.volume == sum(tick.last_size for tick in ticks)


@pytest.mark.parametrize("interval_s", INTERVALS_S)
def test_past_bars_do_not_change_when_time_goes_on(interval_s: int) -> None:
    """What was complete stays as it was; nothing begins later than now."""
    now, later = new_york(2005, 3, 8, 11, 7), new_york(2005, 3, 9, 10, 3)
    start = new_york(2005, 1, 3, 9, 30)
    early = SOURCE.bars("AAPL", interval_s, start, 0, now, 0)
    late = SOURCE.bars("AAPL", interval_s, start, 0, later, 0)
    assert early[:-1] == late[: len(early) - 1]
    assert early[-1].time == late[len(early) - 1].time
    assert all(start <= bar.time <= now for bar in early)
    assert [bar.time for bar in late] == sorted({bar.time for bar in late})


@pytest.mark.parametrize("interval_s", INTERVALS_S)
def test_longer_bars_are_made_of_shorter_ones(interval_s: int) -> None:
    """Bars of every length agree with the minutes and with the recorded days."""
    month = 10 if interval_s > 86_400 else 11
    start, now = midnight_of(date(2012, month, 1)), new_york(2012, 11, 13, 11, 17)
    bars = SOURCE.bars("IBM", interval_s, start, 0, now, 0)
    finer = SOURCE.bars("IBM", 60 if interval_s < 86_400 else 86_400, start, 0, now, 0)
    for bar, following in zip(bars, [*bars[1:], None], strict=True):
        end = following.time if following else now + 1
        inside = [part for part in finer if bar.time <= part.time < end]
        assert bar.open == inside[0].open
        assert bar.high == max(part.high for part in inside)
        assert bar.low == min(part.low for part in inside)
        assert bar.close == inside[-1].close
        assert bar.volume == sum(part.volume for part in inside)
        finer = finer[len(inside) :]
    assert not finer


def test_day_bars_are_the_record() -> None:
    """Complete day bars are the recorded days, at midnight UTC of their date."""
    bars = SOURCE.bars("MSFT", 86_400, 0, 0, SOURCE.last_time(), 0)
    assert bars == [day_bar("MSFT", day) for day in HISTORY.days["MSFT"]]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    """Bars of a week and a month stand at midnight UTC of their first day, traded or not."""
    now = new_york(2012, 12, 14, 16)
    start = midnight_of(date(2012, 9, 1))
    weeks = SOURCE.bars("FB", 604_800, start, 0, now, 0)
    months = SOURCE.bars("FB", MONTH_S, start, 0, now, 0)
    assert {to_datetime(bar.time).weekday() for bar in weeks} == {0}
    assert weeks[0].time == midnight_of(date(2012, 9, 3))  # Labor Day: closed
    assert [to_datetime(bar.time).date() for bar in months] == [
        date(2012, month, 1) for month in (9, 10, 11, 12)
    ]


def test_a_range_excludes_its_end_and_a_limit_takes_one_side() -> None:
    """start <= time < end; the oldest are kept, or the newest when asked."""
    start, end = midnight_of(date(2012, 5, 1)), midnight_of(date(2012, 6, 1))
    now = SOURCE.last_time()
    month = SOURCE.bars("AAPL", 86_400, start, end, now, 0)
    assert len(month) == 22
    assert month[0].time == start
    assert month[-1].time < end
    assert SOURCE.bars("AAPL", 86_400, start, end, now, 5) == month[:5]
    assert SOURCE.bars("AAPL", 86_400, start, end, now, 5, newest=True) == month[-5:]
    assert SOURCE.bars("AAPL", 86_400, start + 1, month[4].time, now, 0) == month[1:4]
    assert SOURCE.bars("AAPL", 86_400, end, start, now, 0) == []
    assert SOURCE.bars("AAPL", 86_400, start, 0, start - DAY, 0) == []


@pytest.mark.parametrize("interval_s", [60, 300, 3_600, 604_800])
def test_limits_agree_with_the_whole(interval_s: int) -> None:
    """Oldest and newest parts are parts of the whole, within days and across them."""
    now = new_york(2010, 3, 10, 13, 31)
    start = new_york(2010, 2, 1, 9, 30)
    whole = SOURCE.bars("GOOG", interval_s, start, 0, now, 0)
    for limit in (1, 3, 100):
        assert SOURCE.bars("GOOG", interval_s, start, 0, now, limit) == whole[:limit]
        newest = SOURCE.bars("GOOG", interval_s, start, 0, now, limit, newest=True)
        assert newest == whole[-limit:]


def test_a_half_day_is_traded_to_its_end() -> None:
    """On the day after Thanksgiving the last tick comes before 13:00, then the market is closed."""
    close = new_york(2012, 11, 23, 13)
    assert quote_at("AAPL", close - 1).flags == QuoteFlag.REPLAYED
    assert quote_at("AAPL", close - 1).day_volume == day_bar("AAPL", date(2012, 11, 23)).volume
    assert quote_at("AAPL", close).flags == QuoteFlag.REPLAYED | QuoteFlag.CLOSED
    minutes = SOURCE.bars("AAPL", 60, midnight_of(date(2012, 11, 23)), 0, close + DAY, 0)
    assert len(minutes) == 210


def test_outside_the_session_the_last_quote_stands_closed() -> None:
    """From the close to the next open the quote is the session's last, flagged CLOSED."""
    close = new_york(2005, 2, 25, 16)
    last, closed = quote_at("AAPL", close - 1), quote_at("AAPL", close)
    assert closed.flags == QuoteFlag.CLOSED | QuoteFlag.REPLAYED
    assert closed.source_time == close
    assert last.source_time == close - STEP
    same = ("bid", "ask", "last", "day_open", "day_high", "day_low", "day_volume", "prev_close")
    assert all(getattr(closed, name) == getattr(last, name) for name in same)
    for later in (close + 1, new_york(2005, 2, 27), new_york(2005, 2, 28, 9, 30) - 1):
        assert quote_at("AAPL", later) == closed
    assert quote_at("AAPL", new_york(2005, 2, 28, 9, 30)).source_time > close


def test_prev_close_is_as_traded() -> None:
    """prev_close is the session before's close, unadjusted even when the stock was split."""
    assert quote_at("AAPL", new_york(2005, 2, 28)).prev_close == 8_899_000_000
    assert quote_at("AAPL", new_york(2005, 2, 28, 9, 30)).day_open == 4_468_000_000
    assert quote_at("AAPL", new_york(2000, 3, 1)).prev_close == NULL


def test_a_stock_has_no_quotes_before_it_is_listed() -> None:
    """FB appears with the open of 2012-05-18; before, it has neither quote nor bars."""
    opening = new_york(2012, 5, 18, 9, 30)
    assert SOURCE.quote("FB", opening - 1) is None
    for interval_s in INTERVALS_S:
        assert SOURCE.bars("FB", interval_s, 0, 0, opening - 1, 0) == []
        assert SOURCE.bars("FB", interval_s, 0, 0, new_york(2012, 5, 17), 3, newest=True) == []
    first = quote_at("FB", opening)
    assert first.last == first.day_open == 4_205_000_000
    assert first.prev_close == NULL
    assert SOURCE.assets["FB"].first_bar == midnight_of(date(2012, 5, 18))
    source = replay_source(CALENDARS)
    assert [quote.symbol for quote in source.quotes(opening - 1)] == ["AAPL", "GOOG", "IBM", "MSFT"]
    assert [quote.symbol for quote in source.quotes(opening)] == sorted(SOURCE.assets)


def test_quotes_come_once_for_each_tick() -> None:
    """Only symbols with a new tick are told; the close is told once, as CLOSED."""
    source = replay_source(CALENDARS)
    close = new_york(2013, 1, 4, 16)
    assert len(source.quotes(close - 2 * STEP)) == 5
    assert source.quotes(close - 2 * STEP) == []
    assert source.quotes(close - STEP - 1) == []
    assert {quote.source_time for quote in source.quotes(close - STEP)} == {close - STEP}
    closed = source.quotes(close)
    assert len(closed) == 5
    assert all(quote.flags & QuoteFlag.CLOSED for quote in closed)
    assert source.quotes(close + DAY) == []
    assert len(source.quotes(new_york(2013, 1, 7, 9, 30))) == 5


@settings(max_examples=25)
@given(
    chosen=st.sampled_from(SYMBOL_DAYS),
    seconds=st.lists(st.integers(0, 26_000), min_size=1, max_size=12),
)
def test_the_same_market_for_every_call_pattern(
    chosen: tuple[str, date], seconds: list[int]
) -> None:
    """Whatever was asked before, in whatever order, a moment's quotes are the same."""
    day = chosen[1]
    session = XNYS.session(day)
    assert session is not None
    source = replay_source(CALENDARS, seed=1) if len(seconds) > 10 else SOURCE
    for second in seconds:
        now = session.open + second * SECOND
        for quote in source.quotes(now):
            assert quote == SOURCE.quote(quote.symbol, now)
            assert (quote.observed_at, quote.quote_seq) == (0, 0)
            assert quote.source_time <= now


def test_another_seed_is_another_way_between_the_same_days() -> None:
    """The seed changes the ticks, not the days."""
    other = replay_source(CALENDARS, seed=2)
    start, now = midnight_of(date(2004, 6, 1)), new_york(2004, 6, 9, 16)
    for interval_s, alike in ((86_400, True), (60, False)):
        ours = SOURCE.bars("IBM", interval_s, start, 0, now, 0)
        assert (other.bars("IBM", interval_s, start, 0, now, 0) == ours) is alike


def test_the_tape_ends_with_its_last_close() -> None:
    """After the end nothing moves: the last quotes stand closed, no bar is added."""
    last = SOURCE.last_time()
    assert last == new_york(2013, 3, 1, 16)
    assert quote_at("IBM", last + 400 * DAY) == quote_at("IBM", last)
    assert quote_at("IBM", last).flags & QuoteFlag.CLOSED
    bars = SOURCE.bars("IBM", 86_400, 0, 0, last + 400 * DAY, 0)
    assert bars[-1].time == midnight_of(date(2013, 3, 1))


def test_before_the_tape_there_is_nothing() -> None:
    """No quotes before 2000-03-01 09:30 New York."""
    first = SOURCE.first_time()
    assert first == new_york(2000, 3, 1, 9, 30)
    source = replay_source(CALENDARS)
    assert source.quotes(first - 1) == []
    assert SOURCE.quote("AAPL", first - 1) is None
    assert len(source.quotes(first)) == 3


def test_unknown_symbols_and_intervals_are_refused() -> None:
    """Each with a sentence that says what there is."""
    with pytest.raises(UnknownSymbol, match="list the assets"):
        SOURCE.quote("TSLA", SOURCE.first_time())
    with pytest.raises(UnknownSymbol):
        SOURCE.calendar("TSLA")
    with pytest.raises(IntervalUnsupported, match="choose one of 60"):
        SOURCE.bars("AAPL", 61, 0, 0, SOURCE.last_time(), 0)


def test_actions_come_in_order_once() -> None:
    """(after, upto] takes each action once; they apply at the ex-date's open."""
    first, last = SOURCE.first_time(), SOURCE.last_time()
    actions = SOURCE.actions(0, last)
    assert len(actions) == 95
    assert [action.at for action in actions] == sorted(action.at for action in actions)
    assert [
        (a.symbol, a.numerator, a.denominator) for a in actions if a.kind is ActionKind.SPLIT
    ] == [
        ("AAPL", 2, 1),
        ("MSFT", 2, 1),
        ("AAPL", 2, 1),
    ]
    split_at = new_york(2005, 2, 28, 9, 30)
    assert [action.symbol for action in SOURCE.actions(split_at - 1, split_at)] == ["AAPL"]
    assert SOURCE.actions(split_at, split_at) == []
    middle = new_york(2006, 7, 4)
    assert SOURCE.actions(first - 1, middle) + SOURCE.actions(middle, last) == actions
    special = SOURCE.actions(midnight_of(date(2004, 11, 15)), midnight_of(date(2004, 11, 16)))
    assert [(action.symbol, action.amount) for action in special] == [("MSFT", 308_000_000)]


def test_actions_explain_the_adjusted_closes() -> None:
    """The record's adjusted closes follow from its closes and the actions, day by day."""
    packed = resources.files("papertrader.data").joinpath("wiki5_daily.csv.gz")
    factors: dict[tuple[str, date], float] = {}
    for action in load_actions(XNYS):
        key = action.symbol, to_datetime(action.at).date()
        factors[key] = (
            action.numerator / action.denominator
            if action.kind is ActionKind.SPLIT
            else action.amount / SCALE
        )
    before: tuple[str, float, float] = ("", 0.0, 0.0)
    compared = 0
    with packed.open("rb") as raw, gzip.open(raw, "rt") as text:
        for row in csv.DictReader(text):
            symbol, close, adjusted = row["Ticker"], float(row["Close"]), float(row["Adj Close"])
            if before[0] == symbol:
                factor = factors.pop((symbol, date.fromisoformat(row["Date"])), 0.0)
                # a split is a whole factor here, a dividend a part of the price
                growth = factor if factor == 2.0 else 1 + factor / close
                expected = close / before[1] * growth
                assert adjusted / before[2] == pytest.approx(expected, rel=1e-12)
                compared += 1
            before = symbol, close, adjusted
    assert compared == 12_149
    assert not factors


@pytest.mark.parametrize(
    "line",
    [
        "AAPL,2004-01-02,10,11,9,x,5,1",
        "AAPL,2004-01-02,10,11,9",
        "AAPL,2004-13-02,10,11,9,10,5,1",
        "AAPL,2004-01-02,10,9,9,10,5,1",
        "AAPL,2004-01-02,10,11,0,10,5,1",
        "AAPL,2004-01-02,10,11,9,10,-5,1",
        "AAPL,2004-01-02,10.00001,11,9,10,5,1",
    ],
)
def test_a_damaged_day_is_refused(line: str) -> None:
    """Unreadable and impossible days raise DataFileError with the line's number."""
    header = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close"
    with pytest.raises(DataFileError, match="line 2"):
        read_daily([header, line])


def test_prices_are_rounded_to_the_cent() -> None:
    """A price finer than a cent goes to the nearest, halves up; order is kept."""
    header = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close"
    history = read_daily([header, "AAPL,2004-01-02,10.125,10.1251,10.1149,10.12,5,1"])
    candle = history.candle("AAPL", date(2004, 1, 2))
    assert candle is not None
    assert (candle.open, candle.high, candle.low, candle.close) == (1013, 1013, 1011, 1012)
    assert history.candle("AAPL", date(2004, 1, 3)) is None


@pytest.mark.parametrize(
    "line",
    [
        "AAPL,2012-12-25,split,2:1",
        "AAPL,2012-12-24,split,2",
        "AAPL,2012-12-24,split,0:1",
        "AAPL,2012-12-24,merger,1",
        "AAPL,2012-12-24,cash_dividend,0",
        "AAPL,2012-12-24,cash_dividend,0.123",
    ],
)
def test_a_damaged_action_is_refused(line: str) -> None:
    """Unreadable and impossible actions raise DataFileError with the line's number."""
    with pytest.raises(DataFileError, match="line 2"):
        read_actions(["ticker,ex_date,kind,value", line], XNYS)


def test_minutes_of_a_session_are_its_minutes() -> None:
    """A whole session has 390 minutes, from its open on."""
    bars = SOURCE.bars(
        "AAPL",
        60,
        midnight_of(date(2012, 6, 6)),
        midnight_of(date(2012, 6, 7)),
        SOURCE.last_time(),
        0,
    )
    opening = new_york(2012, 6, 6, 9, 30)
    assert [bar.time for bar in bars] == [opening + n * MINUTE for n in range(390)]
