"""Half days and lunch breaks of the exchange calendars, as a running market keeps them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from papertrader.core.instants import MINUTE, SECOND
from papertrader.core.money import parse_amount
from papertrader.core.orders import OrderState, OrderType
from papertrader.core.quotes import QuoteFlag
from papertrader.master.hours import _hours
from papertrader.master.providers.base import load_calendars
from papertrader.master.providers.simulated import simulated_source
from papertrader.wire import messages as m
from papertrader.wire.kinds import MarketState
from tests.master.test_assets import at, go_to, market

CALENDARS = load_calendars()
CLOSED = QuoteFlag.CLOSED


def test_a_day_order_ends_with_the_half_day(tmp_path: Path) -> None:
    """On the day after Thanksgiving 2025 New York closes at 13:00 (18:00 UTC): the market says so,
    and an order for the day expires then, not at 16:00."""
    kit, ann = market(tmp_path, "2025-11-28 17:50", source="simulated", keep_closed_hours=True)
    assert ann.ask(m.MarketStatus()).message.next_close == at("2025-11-28 18:00")
    low = parse_amount("50.00")
    ann.order("ALRB", "1", order_type=OrderType.LIMIT, limit_price=low)
    go_to(kit, "2025-11-28 17:59")
    assert ann.ask(m.OrderGet(client_order_id=1)).message.state == OrderState.WORKING
    go_to(kit, "2025-11-28 18:00")
    assert ann.ask(m.OrderGet(client_order_id=1)).message.state == OrderState.EXPIRED
    assert ann.ask(m.MarketStatus()).message.state == MarketState.CLOSED
    coin = ann.ask(m.MarketStatus(exchange="24/7")).message
    assert coin.state == MarketState.OPEN
    kit.check()


def test_hours_around_a_lunch_break() -> None:
    """Tokyo, 2025-06-02 (UTC is nine hours behind): the break counts as closed, with the hours at
    which trading goes on and stops."""
    tokyo = CALENDARS["XTKS"]
    opens, lunch, back, closes = (
        at(f"2025-06-02 {hour}") for hour in ("00:00", "02:30", "03:30", "06:30")
    )
    tomorrow = at("2025-06-03 00:00")
    expected = (
        (opens - 1, MarketState.CLOSED, opens, lunch),
        (opens, MarketState.OPEN, back, lunch),
        (lunch - 1, MarketState.OPEN, back, lunch),
        (lunch, MarketState.CLOSED, back, closes),
        (back - 1, MarketState.CLOSED, back, closes),
        (back, MarketState.OPEN, tomorrow, closes),
        (closes, MarketState.CLOSED, tomorrow, tomorrow + lunch - opens),
    )
    for now, state, opening, closing in expected:
        assert _hours(tokyo, now) == (state, opening, closing)


def test_quotes_stand_still_in_a_lunch_break() -> None:
    """From 11:30 to 12:30 the last quote of the morning stands, flagged CLOSED: nothing fills."""
    source = simulated_source({**CALENDARS, "XNYS": CALENDARS["XTKS"]}, at("2025-06-02"))
    day = CALENDARS["XTKS"].session(date(2025, 6, 2))
    assert day is not None
    before = source.quote("ALRB", day.break_start - SECOND)
    during = [source.quote("ALRB", day.break_start + minute * MINUTE) for minute in (0, 30, 59)]
    after = source.quote("ALRB", day.break_end)
    assert before is not None
    assert after is not None
    assert not before.flags & CLOSED
    for quote in during:
        assert quote is not None
        assert quote.flags & CLOSED
        assert quote.source_time == day.break_start
        assert quote == during[0]
    assert not after.flags & CLOSED
    assert after.source_time == day.break_end
    closed = source.quote("ALRB", day.close + MINUTE)
    assert closed is not None
    assert closed.source_time == day.close
