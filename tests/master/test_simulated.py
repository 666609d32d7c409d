"""The simulated market: one seed, one market; quotes and history agree; shapes are plausible."""

from __future__ import annotations

import math
from datetime import date
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.instants import DAY, MILLISECOND, MINUTE, SECOND, midnight_of
from papertrader.core.money import CENT, SCALE
from papertrader.core.quotes import AssetFlag, AssetKind, Quote, QuoteFlag
from papertrader.master.providers.base import INTERVALS_S, TapeSource, load_calendars
from papertrader.master.providers.simulated import (
    HISTORY_DAYS,
    HORIZON_DAYS,
    SimulatedHistory,
    simulated_source,
)

CALENDARS = load_calendars()
XNYS = CALENDARS["XNYS"]
OPENING = XNYS.next_session(midnight_of(date(2026, 3, 2))).open
SOURCE: TapeSource = simulated_source(CALENDARS, OPENING, seed=7)
SYMBOLS = sorted(SOURCE.assets)
COINS = [s for s in SYMBOLS if SOURCE.assets[s].kind is AssetKind.CRYPTO]
STOCKS = [s for s in SYMBOLS if s not in COINS]
LIQUID, QUIET = "KESL", "CALX"
SATURDAY = midnight_of(date(2026, 3, 7)) + 15 * 60 * MINUTE


def quote_at(symbol: str, instant: int) -> Quote:
    """Return a quote that must be there."""
    quote = SOURCE.quote(symbol, instant)
    assert quote is not None
    return quote


def test_there_are_stocks_and_coins() -> None:
    """Twenty stocks of New York hours and two coins that never close, all in whole cents."""
    assert len(STOCKS) == 20
    assert len(COINS) == 2
    for symbol in STOCKS:
        asset = SOURCE.assets[symbol]
        assert asset.calendar == "XNYS"
        assert asset.lot == (100 if AssetFlag.FRACTIONAL in asset.flags else SCALE)
    for symbol in COINS:
        asset = SOURCE.assets[symbol]
        assert (asset.calendar, asset.lot) == ("24/7", 1)
        assert asset.flags == AssetFlag.ALWAYS_OPEN | AssetFlag.FRACTIONAL
    assert {asset.tick for asset in SOURCE.assets.values()} == {CENT}
    assert any(AssetFlag.FRACTIONAL not in SOURCE.assets[symbol].flags for symbol in STOCKS)


@settings(max_examples=40)
@given(
    symbol=st.sampled_from(SYMBOLS),
    interval_s=st.sampled_from([60, 300]),
    day=st.integers(-300, 300),
    second=st.integers(1, 23_400),
)
def test_bars_are_made_of_the_ticks(symbol: str, interval_s: int, day: int, second: int) -> None:
    """The newest bar at any moment is exactly the ticks of its time so far."""
    session = SOURCE.calendar(symbol).next_session(OPENING + day * DAY)
    now = session.open + second * SECOND
    if now >= session.close:
        return
    (bar,) = SOURCE.bars(symbol, interval_s, 0, 0, now, 1, newest=True)
    ticks = [quote_at(symbol, t) for t in range(bar.time, now + 1, 250 * MILLISECOND)]
    ticks = list({tick.source_time: tick for tick in ticks}.values())
    assert bar.open == ticks[0].last
    assert bar.high == max(tick.last for tick in ticks)
    assert bar.low == min(tick.last for tick in ticks)
    assert bar.close == ticks[-1].last
    assert bar.volume == sum(tick.last_size for tick in ticks)


@pytest.mark.parametrize("symbol", [LIQUID, QUIET, "AURUSD"])
@pytest.mark.parametrize("interval_s", INTERVALS_S)
def test_bars_of_every_length_agree(symbol: str, interval_s: int) -> None:
    """Long bars are made of day bars, day bars and hours of minutes, the unfinished too."""
    days = 75 if interval_s > 86_400 else 4
    start, now = midnight_of(date(2026, 3, 1)), OPENING + days * DAY + 3 * 3600 * SECOND
    bars = SOURCE.bars(symbol, interval_s, start, 0, now, 0)
    finer = SOURCE.bars(symbol, 86_400 if interval_s > 86_400 else 60, start, 0, now, 0)
    if interval_s == 604_800:  # the week that begins before the range is not asked for
        finer = [bar for bar in finer if bar.time >= bars[0].time]
    for bar, following in zip(bars, [*bars[1:], None], strict=True):
        end = following.time if following else now + 1
        inside = [part for part in finer if part.time < end]
        finer = finer[len(inside) :]
        assert bar.open == inside[0].open
        assert bar.high == max(part.high for part in inside)
        assert bar.low == min(part.low for part in inside)
        assert bar.close == inside[-1].close
        assert bar.volume == sum(part.volume for part in inside)
    assert not finer


@settings(max_examples=30)
@given(seconds=st.lists(st.integers(-400 * 86_400, 400 * 86_400), min_size=1, max_size=6))
def test_the_same_market_for_every_call_pattern(seconds: list[int]) -> None:
    """A moment's quotes do not depend on what was asked before, nor on the market's start."""
    other = simulated_source(CALENDARS, OPENING + 20 * DAY, seed=7)
    for second in seconds:
        now = OPENING + second * SECOND
        quotes = other.quotes(now)
        assert quotes == [SOURCE.quote(quote.symbol, now) for quote in quotes]
        assert all(quote.source_time <= now for quote in quotes)
        assert other.quotes(now) == []


def test_the_market_is_the_same_on_every_machine() -> None:
    """The digest of some quotes and bars of seed 7, pinned."""
    digest = sha256()
    for step in range(40):
        for symbol in SYMBOLS:
            digest.update(repr(SOURCE.quote(symbol, OPENING + step * 997 * SECOND)).encode())
    digest.update(repr(SOURCE.bars(LIQUID, 86_400, 0, 0, OPENING, 0)).encode())
    assert digest.hexdigest() == "fd3326124c7c184da40930d8038d1e8524b84bfe0f884c1d95f6c65ddcebb291"


def test_another_seed_is_another_market() -> None:
    """Seeds share nothing but the list of symbols."""
    other = simulated_source(CALENDARS, OPENING, seed=8)
    for symbol in SYMBOLS:
        assert other.bars(symbol, 86_400, 0, 0, OPENING, 5) != SOURCE.bars(
            symbol, 86_400, 0, 0, OPENING, 5
        )


def test_liquid_symbols_tick_four_times_a_second_others_once() -> None:
    """Within a second a liquid symbol has four quotes, another one."""
    source = simulated_source(CALENDARS, OPENING, seed=7)
    heard: dict[str, int] = {}
    for step in range(40):
        for quote in source.quotes(OPENING + step * 100 * MILLISECOND):
            heard[quote.symbol] = heard.get(quote.symbol, 0) + 1
    assert heard[LIQUID] == heard["AURUSD"] == 16
    assert heard[QUIET] == 4
    assert len(heard) == 22


def test_coins_trade_on_weekends_and_stocks_do_not() -> None:
    """On Saturday stocks stand closed at Friday's last price while coins move."""
    for symbol in STOCKS:
        quote = quote_at(symbol, SATURDAY)
        assert quote.flags == QuoteFlag.SYNTHETIC | QuoteFlag.CLOSED
    for symbol in COINS:
        quote = quote_at(symbol, SATURDAY)
        assert quote.flags == QuoteFlag.SYNTHETIC
        assert quote.source_time == SATURDAY
        assert len({quote_at(symbol, SATURDAY + n * SECOND).last for n in range(120)}) > 5


def test_a_coin_goes_on_where_the_day_before_ended() -> None:
    """At UTC midnight a coin's price does not jump."""
    for symbol in COINS:
        bars = SOURCE.bars(symbol, 86_400, 0, 0, OPENING, 0)
        assert all(a.close == b.open for a, b in pairwise(bars))


def test_history_reaches_back_two_years_and_the_tape_ends_in_twenty() -> None:
    """More than a year of bars before the start; a bounded future."""
    assert SOURCE.first_time() == midnight_of(date(2024, 3, 2))
    assert SOURCE.last_time() == SOURCE.first_time() + (HISTORY_DAYS + HORIZON_DAYS) * DAY
    assert SOURCE.quotes(SOURCE.first_time() - 1) == []
    for symbol in SYMBOLS:
        bars = SOURCE.bars(symbol, 86_400, 0, 0, OPENING, 0)
        assert len(bars) > (499 if symbol in STOCKS else 729)
        assert bars[0].time >= SOURCE.first_time() == SOURCE.assets[symbol].first_bar


def test_days_look_like_a_market() -> None:
    """Prices stay positive and near their base; daily moves have the symbol's volatility."""
    source = simulated_source(CALENDARS, OPENING + 5000 * DAY, seed=3)
    for symbol in SYMBOLS:
        history = SOURCE.bars(symbol, 86_400, 0, 0, OPENING, 0)
        future = source.bars(symbol, 86_400, 0, 0, OPENING + 5000 * DAY, 0)
        for bars in (history, future):
            moves = [math.log(b.close / a.close) for a, b in pairwise(bars)]
            deviation = math.sqrt(sum(move * move for move in moves) / len(moves))
            assert 0.005 < deviation < 0.07
            assert max(abs(move) for move in moves) < 0.3
            assert all(0 < bar.low <= min(bar.open, bar.close) for bar in bars)
            assert all(max(bar.open, bar.close) <= bar.high for bar in bars)
            assert all(bar.volume > 0 for bar in bars[:-1])


def test_prices_are_the_exponential_of_the_walk() -> None:
    """The integer exponential agrees with the mathematical one to the cent."""
    history = SimulatedHistory(5)
    for symbol, base in (("AURUSD", 2_900_000), ("GLDE", 73_500), ("QNTA", 550)):
        for ordinal in range(738_000, 739_200, 7):
            exact = base * math.exp(history._walk(symbol, ordinal) / 2**32)
            close = history.candle(symbol, date.fromordinal(ordinal)).close
            assert exact - 1.001 <= close <= exact + 0.001


def test_a_walk_goes_on_from_block_to_block() -> None:
    """Where one stretch of 512 days ends the next begins: no jump at the border."""
    history = SimulatedHistory(5)
    for number in range(1438, 1444):
        block = history._make_block("KESL", number)
        assert block[512] == history._make_block("KESL", number + 1)[0]
        steps = [abs(b - a) for a, b in pairwise(block)]
        assert max(steps) < 2**32 * 15 // 100


def test_no_actions_are_invented() -> None:
    """Companies of the simulated market neither split nor pay."""
    assert SOURCE.actions(0, SOURCE.last_time()) == []


def test_a_start_before_the_calendars_is_refused() -> None:
    """The start must leave room for history."""
    with pytest.raises(ValueError, match="1992"):
        simulated_source(CALENDARS, midnight_of(date(1991, 6, 3)))
