"""By bars the close completes a session's last bar for everybody, and the next day for nobody."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import attrs
import pytest

from papertrader.core.calendar import ExchangeCalendar
from papertrader.core.fills import LimitingRule
from papertrader.core.instants import DAY
from papertrader.core.intervals import BAR_NS
from papertrader.core.money import parse_amount
from papertrader.core.orders import Order, OrderFlag, OrderState, Side, TimeInForce
from papertrader.core.quotes import AssetFlag, AssetStatus, QuoteFlag
from papertrader.core.terms import FillModelKind
from tests.core.test_close import (
    MINUTE_CLOSE,
    MORNING,
    by_model,
    end_session,
    filled,
    for_close,
    minute,
    receipts_of,
)

m = parse_amount


def resting(floor: Any, quantity: str, limit: str | None = None, **fields: Any) -> Order:
    """Send an order of the portfolio that trades by bars."""
    order: Order = floor.order(quantity, limit, portfolio=2, **fields)
    return order


def for_day(floor: Any, quantity: str, limit: str | None = None, **fields: Any) -> Order:
    """Send an order for the day."""
    given = {"time_in_force": TimeInForce.DAY, "expire_at": MINUTE_CLOSE, **fields}
    return resting(floor, quantity, limit, **given)


def begin(floor: Any) -> None:
    """Open a portfolio that trades a tenth of each bar, and see the first quote."""
    by_model(floor, FillModelKind.BAR, participation=1_000)
    minute(floor, 1, "500")


def last_bar(floor: Any, low: str = "98", high: str = "102") -> None:
    """Let the session end with a bar of 200 shares that opens at 100 and closes at 101."""
    minute(floor, 9.1, "600")
    for number, last in enumerate((low, high, "101")):
        minute(floor, 9.2 + number / 10, "700", last=last)


def state_of(floor: Any, *orders: Order) -> list[OrderState]:
    """Return the states of orders."""
    return [floor.now_is(order).state for order in orders]


def test_what_the_day_had_before_is_not_the_bar_s(floor: Any) -> None:
    """Its low and high stand in every quote from then on; what nobody paid since fills nothing."""
    day = {"day_low": "90", "day_high": "110"}
    by_model(floor, FillModelKind.BAR, participation=1_000)
    minute(floor, 1, "500", **day)
    first, bought = for_day(floor, "1", "95"), resting(floor, "1")
    for number in range(2, 5):
        minute(floor, number, f"{number + 4}00", **day)
    assert filled(floor, bought) == [m("1")]
    sold = for_day(floor, "1", "105", side=Side.SELL)
    for number in range(5, 9):
        minute(floor, number, f"{number + 4}00", **day)
    floor.keep(end_session(floor))
    assert state_of(floor, first, sold) == [OrderState.EXPIRED] * 2


def test_who_rests_has_its_turn_before_who_waits_for_the_close(floor: Any) -> None:
    """The best price first and then the oldest, as ever; then the close takes what is left."""
    begin(floor)
    closes, late = for_close(floor, "13"), for_close(floor, "1")
    day, untouched = for_day(floor, "3", "98.5"), for_day(floor, "1", "97")
    market, good = resting(floor, "4"), resting(floor, "2", "99", time_in_force=TimeInForce.GTC)
    last_bar(floor)
    assert filled(floor, closes, day, untouched, market, good) == [0] * 5
    floor.keep(end_session(floor))
    turns = market, good, day, closes
    assert filled(floor, *turns, late) == [m("4"), m("2"), m("3"), m("11"), 0]
    prices = [floor.now_is(each).avg_price for each in turns]
    assert prices == [m("100"), m("99"), m("98.5"), m("101")]
    assert floor.now_is(untouched).state == OrderState.EXPIRED
    taken = [receipts_of(floor, each)[0].working.taken for each in turns]
    assert taken == [0, m("4"), m("6"), m("9")]


def test_who_expires_is_told_what_the_last_bar_had_for_it(floor: Any) -> None:
    """Its limit was not touched, its volume was gone, or it had begun when the order came."""
    begin(floor)
    whole, part = for_day(floor, "18"), for_day(floor, "5")
    none, low = for_day(floor, "1", "99"), for_day(floor, "1", "97")
    minute(floor, 9.1, "600")
    late = for_day(floor, "1")
    minute(floor, 9.3, "700", last="98")
    floor.keep(end_session(floor))
    assert filled(floor, whole, part, none, low, late) == [m("18"), m("2"), 0, 0, 0]
    ends = [receipts_of(floor, each)[-1] for each in (part, none, low, late)]
    volume, limit, bar = LimitingRule.VOLUME, LimitingRule.LIMIT, LimitingRule.BAR
    assert [each.limiting for each in ends] == [volume, volume, limit, bar]
    assert {each.working.interval.bar.volume for each in ends} == {m("200")}
    assert ends[0].working.taken == m("20")


def test_nobody_has_a_night_to_think_about_the_last_bar(floor: Any) -> None:
    """An order that rests alone has its fill at the close, and the next morning nothing of it."""
    begin(floor)
    floor.keep(floor.desk.advance(**floor.tick(), market_at=floor.now))
    touched, rest = resting(floor, "30", "99"), resting(floor, "1", "99")
    last_bar(floor)
    assert floor.desk.next_expiry() == MINUTE_CLOSE
    floor.keep(end_session(floor))
    assert filled(floor, touched, rest) == [m("20"), 0]
    assert floor.desk.next_expiry() == 0
    assert minute(floor, MORNING, "50") == []
    assert minute(floor, MORNING + 1, "100") == []
    assert filled(floor, touched, rest) == [m("20"), 0]


def test_a_quote_of_another_session_completes_no_bar(floor: Any) -> None:
    """Even where no close was worked, nor while a symbol is quoted that has not traded yet."""
    begin(floor)
    order = resting(floor, "1")
    last_bar(floor)
    assert minute(floor, MORNING, "0", last="0") == []
    assert minute(floor, MORNING + 0.1, "50", last="97") == []
    floor.now += DAY
    assert floor.keep(floor.desk.advance(**floor.tick(), market_at=floor.now)) == []
    assert filled(floor, order) == [0]


def test_a_quote_that_comes_late_completes_no_bar_twice(floor: Any) -> None:
    """The close has completed it, though the next quote is of the same session."""
    begin(floor)
    order = resting(floor, "30")
    minute(floor, 8.1, "600")
    minute(floor, 8.3, "700")
    floor.keep(end_session(floor))
    assert filled(floor, order) == [m("20")]
    assert minute(floor, 9.9, "800") == []
    assert floor.desk.next_expiry() == MINUTE_CLOSE, "that bar is the last one now"
    floor.keep(end_session(floor))
    assert filled(floor, order) == [m("30")]


@pytest.mark.parametrize("force", [TimeInForce.IOC, TimeInForce.FOK, TimeInForce.OPG])
def test_the_last_bar_may_be_the_only_chance(floor: Any, force: TimeInForce) -> None:
    """Of an order that was to have the first bar after it, or the first of its session."""
    begin(floor)
    fields = {"time_in_force": force, "expire_at": MINUTE_CLOSE}
    if force == TimeInForce.OPG:
        fields["works_from"] = MINUTE_CLOSE - BAR_NS
    small, big = resting(floor, "5", **fields), resting(floor, "25", **fields)
    last_bar(floor)
    floor.keep(end_session(floor))
    assert filled(floor, small, big) == [m("5"), 0 if force == TimeInForce.FOK else m("15")]
    assert state_of(floor, small, big) == [OrderState.FILLED, OrderState.CANCELLED]


def test_a_clock_that_goes_past_several_closes_works_each_at_its_time(floor: Any) -> None:
    """What expires before the close has nothing of its bar; a day later there is no other one."""
    begin(floor)
    before = for_day(floor, "1", time_in_force=TimeInForce.GTD, expire_at=MINUTE_CLOSE - 1)
    day = for_day(floor, "1")
    last_bar(floor)
    later = resting(
        floor, "1", time_in_force=TimeInForce.CLS, works_from=1, expire_at=MINUTE_CLOSE + DAY
    )
    floor.keep(floor.desk.advance(**floor.tick(), market_at=MINUTE_CLOSE + 4 * DAY))
    assert filled(floor, before, day, later) == [0, m("1"), 0]
    done = [each.order.order_id for each in floor.events[-4:] if hasattr(each, "order")]
    assert done == [before.order_id, day.order_id, later.order_id]


@pytest.mark.parametrize("how", ["halted", "halted quote", "split"])
def test_what_a_session_cannot_close_with(floor: Any, how: str) -> None:
    """A halted symbol's bar is nobody's, then or later, nor is one in shares of before a split."""
    begin(floor)
    orders = resting(floor, "5"), for_day(floor, "5"), for_close(floor, "5")
    last_bar(floor)
    if how == "halted":
        floor.desk.list_asset(_with(floor, status=AssetStatus.HALTED))
    elif how == "split":
        floor.split(2, 1)
    else:
        minute(floor, 9.8, "700", flags=QuoteFlag.HALTED)
    floor.keep(end_session(floor))
    floor.desk.list_asset(floor.asset)
    minute(floor, MORNING, "10")
    assert filled(floor, *orders) == [0, 0, 0]


def test_extended_hours_begin_after_the_last_bar(floor_class: Any) -> None:
    """An order that works in them has its turn at the close; a quote in them completes nothing."""
    floor = floor_class(flags=AssetFlag.EXTENDED_HOURS)
    begin(floor)
    until = MINUTE_CLOSE + 60 * BAR_NS
    order = for_day(floor, "25", "100", flags=OrderFlag.EXTENDED_HOURS, expire_at=until)
    last_bar(floor)
    floor.keep(end_session(floor))
    assert filled(floor, order) == [m("20")]
    assert minute(floor, 11, "900", flags=QuoteFlag.EXTENDED) == []
    assert minute(floor, 12.5, "950", flags=QuoteFlag.EXTENDED) == []
    floor.keep(floor.desk.advance(**floor.tick(), market_at=until))
    assert filled(floor, order) == [m("20")]
    assert receipts_of(floor, order)[-1].limiting == LimitingRule.BAR


def test_a_half_day_closes_early(floor: Any) -> None:
    """The close is that of the symbol's calendar."""
    early = MINUTE_CLOSE - 3 * 60 * BAR_NS
    half = ExchangeCalendar(
        mic="XNYS", timezone="America/New_York", first=date(1970, 1, 1), last=date(1970, 1, 1),
        regular=((1970, (time(9, 30), time(16))),), holidays=frozenset(),
        weekend_sessions=frozenset(), special={date(1970, 1, 1): (time(9, 30), time(13))},
    )  # fmt: skip
    floor.desk.calendars.know_all({"XNYS": half})
    by_model(floor, FillModelKind.BAR, participation=1_000)
    minute(floor, -179.5, "500")
    order = resting(floor, "5")
    minute(floor, -170.5, "700")
    assert floor.desk.next_expiry() == early
    floor.keep(floor.desk.advance(**floor.tick(), market_at=early))
    assert filled(floor, order) == [m("5")]


def test_around_the_clock_a_day_ends_at_midnight(floor_class: Any) -> None:
    """So do its orders: the last bar before is for them."""
    floor = floor_class(calendar="24/7")
    begin(floor)
    midnight = MINUTE_CLOSE + 180 * BAR_NS
    order = for_day(floor, "5", expire_at=midnight)
    minute(floor, 189.5, "700")
    assert floor.desk.next_expiry() == midnight
    floor.keep(floor.desk.advance(**floor.tick(), market_at=midnight))
    assert filled(floor, order) == [m("5")]
    assert minute(floor, 190.1, "10") == []


def test_symbols_of_several_calendars_close_each_at_its_time(floor_class: Any) -> None:
    """In one step of a clock, too: the earlier close comes first."""
    floor = floor_class(calendar="24/7")
    begin(floor)
    floor.desk.list_asset(_with(floor, symbol="BETA", calendar="XNYS"))
    minute(floor, 1.5, "500", symbol="BETA")
    always, beta = resting(floor, "5"), resting(floor, "5", symbol="BETA")
    minute(floor, 9.2, "700")
    minute(floor, 9.5, "700", symbol="BETA")
    floor.keep(floor.desk.advance(**floor.tick(), market_at=MINUTE_CLOSE + DAY))
    assert filled(floor, always, beta) == [m("5"), m("5")]
    fills = [each for each in floor.events if getattr(each, "fill", 0)]
    assert [each.order.symbol for each in fills] == ["BETA", "ACME"]


def test_volume_share_has_had_the_last_interval(floor: Any) -> None:
    """Its orders took their part when the last quote came: the close gives who rests no more."""
    by_model(floor, FillModelKind.VOLUME_SHARE, participation=1_000, impact=0)
    minute(floor, 1, "500")
    order = resting(floor, "30")
    minute(floor, 9.1, "600")
    assert filled(floor, order) == [m("10")]
    assert floor.desk.next_expiry() == 0
    assert end_session(floor) == []


def test_a_close_for_all_is_decided_again_by_what_was_used(floor: Any) -> None:
    """A desk that saw no quote but the last one comes to the same events, and to none without."""
    begin(floor)
    sent = resting(floor, "4", "99"), for_day(floor, "9"), for_day(floor, "1", "97")
    closes = for_close(floor, "12")
    last_bar(floor)
    again, forgetful = floor.recovered(), floor.recovered()
    for desk in (again, forgetful):
        desk.recall([floor.desk.last_quote("ACME")])
    floor.desk.forget_used()
    events = floor.keep(end_session(floor))
    assert filled(floor, *sent, closes) == [m(number) for number in ["4", "9", "0", "7"]]
    assert [each.symbol for each in floor.desk.assets_used()] == ["ACME"]
    assert [each.symbol for each in floor.desk.quotes_used()] == ["ACME"]
    given = {"seq": floor.seq, "at": floor.now, "market_at": MINUTE_CLOSE}
    assert again.advance(**given, closings=floor.desk.closings_used()) == events
    assert again.state_hash() == floor.desk.state_hash()
    assert len(forgetful.advance(**given, closings={})) == 3, "three expire"


def test_a_close_without_a_bar_for_anybody_notes_nothing(floor: Any) -> None:
    """It is an input once, and none again."""
    begin(floor)
    order = resting(floor, "1", "90")
    last_bar(floor)
    resting(floor, "1", "90", side=Side.BUY)
    floor.keep(end_session(floor))
    assert floor.now_is(order).state == OrderState.WORKING
    floor.desk.forget_used()
    assert end_session(floor) == []
    assert floor.desk.closings_used() == {}
    assert floor.desk.next_expiry() == 0


def _with(floor: Any, **fields: Any) -> Any:
    return attrs.evolve(floor.asset, **fields)
