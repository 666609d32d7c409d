"""Extended hours: what the markets show then, which orders work then, and until when."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from papertrader.core.calendar import LongDays
from papertrader.core.instants import MINUTE
from papertrader.core.money import NULL, parse_amount
from papertrader.core.orders import OrderState, OrderType, TimeInForce
from papertrader.core.quotes import AssetFlag, Quote, QuoteFlag
from papertrader.master.hours import _hours
from papertrader.master.providers.base import TapeSource, load_calendars
from papertrader.master.providers.filemarket import files_source
from papertrader.master.providers.simulated import simulated_source
from papertrader.wire import messages as m
from papertrader.wire.kinds import MarketState, OrderFlag, Status
from tests.master.test_assets import at, go_to, market

CALENDARS = load_calendars(extended=True)
NEW_YORK = CALENDARS["XNYS"]
EXTENDED = QuoteFlag.EXTENDED
UNUSABLE = QuoteFlag.CLOSED | QuoteFlag.EXTENDED


def shown(source: TapeSource, symbol: str, when: str) -> Quote:
    """The quote of a moment."""
    quote = source.quote(symbol, at(when))
    assert quote is not None
    return quote


def test_hours_before_and_after_a_session() -> None:
    """2024-06-03 in New York (UTC is four hours ahead): the hours, and what the market says."""
    day = NEW_YORK.session(date(2024, 6, 3))
    assert day is not None
    assert (day.pre_open, day.open) == (at("2024-06-03 08:00"), at("2024-06-03 13:30"))
    assert (day.close, day.post_close) == (at("2024-06-03 20:00"), at("2024-06-04 00:00"))
    tomorrow = at("2024-06-04 13:30")
    for when, state, opening in (
        ("2024-06-03 07:59", MarketState.CLOSED, day.open),
        ("2024-06-03 08:00", MarketState.PRE_MARKET, day.open),
        ("2024-06-03 13:30", MarketState.OPEN, tomorrow),
        ("2024-06-03 20:00", MarketState.AFTER_HOURS, tomorrow),
        ("2024-06-04 00:00", MarketState.CLOSED, tomorrow),
    ):
        assert _hours(NEW_YORK, at(when))[:2] == (state, opening), when


def test_half_days_and_years_without() -> None:
    """On a half day they end at 17:00; before 2006, and unless asked for, there are none."""
    half = NEW_YORK.session(date(2024, 11, 29))
    assert half is not None
    assert (half.close, half.post_close) == (at("2024-11-29 18:00"), at("2024-11-29 22:00"))
    early = NEW_YORK.session(date(2005, 12, 30))
    assert early is not None
    assert early.pre_open == early.post_close == 0
    assert NEW_YORK.extended_at(early.close) is None
    assert load_calendars()["XNYS"].extended_at(half.close) is None
    assert CALENDARS["XLON"].extended_at(at("2024-06-03 19:00")) is None


def test_a_clock_sees_long_days() -> None:
    """By them a clock that skips closed hours stands at 20:00 and goes on at 04:00."""
    days = LongDays(NEW_YORK)
    evening = at("2024-06-03 21:00")
    today = days.session_at(evening)
    assert today is not None
    assert (today.open, today.close) == (at("2024-06-03 08:00"), at("2024-06-04 00:00"))
    assert days.next_session(evening) == today
    assert days.next_session(today.close).open == at("2024-06-04 08:00")
    before = days.previous_session(evening)
    assert before is not None
    assert before.day == date(2024, 5, 31)
    assert days.previous_session(today.close) == today
    assert days.is_open(evening)
    assert not days.is_open(today.close)
    assert days.session(date(2024, 6, 2)) is None


def test_the_simulated_market_goes_on() -> None:
    """From the close to 20:00, from there to the opening; wider, with less to be had; the day's
    figures stay the session's, and bars are of the session alone."""
    source = simulated_source(CALENDARS, at("2024-06-03"))
    assert source.assets["ALRB"].flags & AssetFlag.EXTENDED_HOURS
    assert not source.assets["AURUSD"].flags & AssetFlag.EXTENDED_HOURS
    last = shown(source, "ALRB", "2024-06-03 19:59:59")
    after = shown(source, "ALRB", "2024-06-03 20:00:00")
    late = shown(source, "ALRB", "2024-06-03 23:59:59.9")
    before = shown(source, "ALRB", "2024-06-04 08:00:00")
    opening = shown(source, "ALRB", "2024-06-04 13:30:00")
    assert abs(after.last - last.last) * 100 < last.last
    assert abs(before.last - late.last) * 100 < late.last
    assert (after.flags, before.flags) == (int(EXTENDED | QuoteFlag.SYNTHETIC),) * 2
    assert opening.flags == int(QuoteFlag.SYNTHETIC)
    assert after.ask - after.bid > last.ask - last.bid
    assert (after.day_volume, after.day_high) == (late.day_volume, late.day_high)
    assert (before.day_volume, before.day_open) == (0, NULL)
    night = shown(source, "ALRB", "2024-06-04 03:00:00")
    assert night.flags & UNUSABLE == QuoteFlag.CLOSED
    assert night.source_time == at("2024-06-04 00:00")
    bars = source.bars("ALRB", 3_600, at("2024-06-03"), at("2024-06-04"), at("2024-06-04"))
    assert [bar.time for bar in bars][:1] == [at("2024-06-03 13:00")]
    assert bars[-1].time == at("2024-06-03 19:00")


def test_the_same_market_in_the_session() -> None:
    """Extended hours change nothing of the session's prices, whatever was asked before."""
    plain = simulated_source(load_calendars(), at("2024-06-03"))
    source = simulated_source(CALENDARS, at("2024-06-03"))
    for minutes in range(0, 3_000, 37):
        now = at("2024-06-03 07:00") + minutes * MINUTE
        ours, theirs = source.quote("KESL", now), plain.quote("KESL", now)
        assert ours is not None
        assert theirs is not None
        if not ours.flags & UNUSABLE:
            assert ours == theirs
        again = simulated_source(CALENDARS, at("2024-06-03")).quote("KESL", now)
        assert again == ours


QUOTES = """symbol,time,bid,ask,last,bid_size,ask_size,last_size
ABC,2024-06-03T09:00:00Z,9.90,10.10,10.00,100,100,10
ABC,2024-06-03T13:30:01Z,10.00,10.02,10.01,100,100,20
ABC,2024-06-03T19:59:00Z,10.10,10.12,10.11,100,100,30
ABC,2024-06-03T21:00:00Z,10.30,10.60,10.50,100,100,40
"""
MINUTES = """symbol,time,open,high,low,close,volume
MMM,2024-06-03T13:30:00Z,20.00,20.10,19.90,20.05,500
MMM,2024-06-03T19:59:00Z,20.05,20.20,20.00,20.15,300
MMM,2024-06-04T09:00:00Z,20.40,20.50,20.30,20.45,70
MMM,2024-06-04T13:30:00Z,21.00,21.10,20.90,21.05,100
"""


def test_recorded_quotes_of_extended_hours(tmp_path: Path) -> None:
    """They are given out as recorded and flagged; the day's figures and bars leave them out."""
    (tmp_path / "quotes.csv").write_text(QUOTES)
    source = files_source(tmp_path, CALENDARS)
    assert source.assets["ABC"].flags & AssetFlag.EXTENDED_HOURS
    before = shown(source, "ABC", "2024-06-03 09:00")
    assert (before.last, before.flags) == (parse_amount("10"), EXTENDED | QuoteFlag.REPLAYED)
    assert (before.day_open, before.day_volume) == (NULL, 0)
    opening = shown(source, "ABC", "2024-06-03 13:30:02")
    assert (opening.day_open, opening.flags) == (parse_amount("10.01"), QuoteFlag.REPLAYED)
    assert opening.day_volume == parse_amount("20")
    assert shown(source, "ABC", "2024-06-03 20:30").flags & UNUSABLE == QuoteFlag.CLOSED
    after = shown(source, "ABC", "2024-06-03 21:00")
    assert (after.flags & UNUSABLE, after.day_volume) == (EXTENDED, parse_amount("50"))
    assert after.day_high == parse_amount("10.11")
    (bar,) = source.bars("ABC", 86_400, 0, 0, at("2024-06-03 23:00"))
    assert (bar.open, bar.high, bar.close) == tuple(map(parse_amount, ("10.01", "10.11", "10.11")))


def test_recorded_minutes_of_extended_hours(tmp_path: Path) -> None:
    """Minutes before the session are kept; where none was recorded the session's last stands."""
    (tmp_path / "minutes.csv").write_text(MINUTES)
    source = files_source(tmp_path, CALENDARS)
    before = shown(source, "MMM", "2024-06-04 09:00:59")
    assert (before.last, before.flags & UNUSABLE) == (parse_amount("20.45"), EXTENDED)
    (bar,) = source.bars("MMM", 86_400, 0, at("2024-06-04"), at("2024-06-03 23:00"))
    assert (bar.open, bar.high, bar.close) == tuple(map(parse_amount, ("20.00", "20.20", "20.15")))
    after = shown(source, "MMM", "2024-06-03 21:00")
    assert (after.last, after.flags & UNUSABLE) == (parse_amount("20.15"), QuoteFlag.CLOSED)


@pytest.mark.parametrize("name", ["quotes.csv", "minutes.csv"])
def test_without_the_setting_such_rows_are_refused(tmp_path: Path, name: str) -> None:
    """A row of a time at which nothing trades is a mistake, and named."""
    (tmp_path / name).write_text(QUOTES if name == "quotes.csv" else MINUTES)
    with pytest.raises(ValueError, match=r"line \d: XNYS is closed on 2024-06-0"):
        files_source(tmp_path, load_calendars())


def test_orders_in_extended_hours(tmp_path: Path) -> None:
    """A flagged limit order fills after the close and ends at 20:00; another one ends at the
    close; a market order sent then waits for the opening. The books and receipts are right."""
    kit, ann = market(
        tmp_path, "2024-06-03 19:55", source="simulated", extended_hours=True, speed_milli=600_000
    )
    high, low = parse_amount("2000.00"), parse_amount("1.00")
    flagged = OrderFlag.EXTENDED_HOURS
    day = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.DAY}
    plain = ann.order("ALRB", "1", limit_price=low, **day).message
    long = ann.order("ALRB", "1", limit_price=low, flags=flagged, **day).message
    assert (plain.expire_at, long.expire_at) == (at("2024-06-03 20:00"), at("2024-06-04 00:00"))
    go_to(kit, "2024-06-03 20:10")
    assert ann.ask(m.OrderGet(client_order_id=1)).message.state == OrderState.EXPIRED
    assert ann.ask(m.OrderGet(client_order_id=2)).message.state == OrderState.WORKING
    assert ann.ask(m.MarketStatus()).message.state == MarketState.AFTER_HOURS
    late = ann.order("ALRB", "1", limit_price=high, flags=flagged, **day).message
    assert late.expire_at == at("2024-06-04 00:00")
    ann.order("ALRB", "1")
    go_to(kit, "2024-06-03 20:30")
    assert ann.ask(m.OrderGet(client_order_id=3)).message.state == OrderState.FILLED
    assert ann.ask(m.OrderGet(client_order_id=4)).message.state == OrderState.PENDING
    refused = ann.order("AURUSD", "0.01", limit_price=high, flags=flagged, **day)
    assert refused.status == Status.TYPE_UNSUPPORTED
    go_to(kit, "2024-06-04 08:30")
    assert ann.ask(m.OrderGet(client_order_id=2)).message.state == OrderState.EXPIRED
    assert ann.ask(m.MarketStatus()).message.state == MarketState.PRE_MARKET
    assert ann.ask(m.OrderGet(client_order_id=4)).message.state == OrderState.PENDING
    kit.crash()
    go_to(kit, "2024-06-04 13:31")
    ann.resume()
    assert ann.ask(m.OrderGet(client_order_id=4)).message.state == OrderState.FILLED
    kit.check()


def test_the_recorded_days_have_none(tmp_path: Path) -> None:
    """The recorded market refuses the flag and says why."""
    _, ann = market(tmp_path, "2012-06-04 14:00")
    refused = ann.order(
        "AAPL", "1", order_type=OrderType.LIMIT, limit_price=parse_amount("500"),
        flags=OrderFlag.EXTENDED_HOURS,
    )  # fmt: skip
    assert refused.status == Status.TYPE_UNSUPPORTED
    assert "no prices of AAPL in extended hours" in refused.message.text
