"""Orders for the close: what others took of the last quote is not there for them again."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.events import OrderChanged
from papertrader.core.fills import LimitingRule, Receipt
from papertrader.core.intervals import BAR_NS
from papertrader.core.money import NULL, parse_amount
from papertrader.core.orders import Order, OrderState, Side, TimeInForce
from papertrader.core.quotes import AssetFlag, QuoteFlag
from papertrader.core.terms import AccountKind, FillModelKind, PortfolioTerms

m = parse_amount
CLOSE = 10**6


def closing(floor: Any, quantity: str, **fields: Any) -> Order:
    """Send an order for the close."""
    given = {"time_in_force": TimeInForce.CLS, "works_from": 1, "expire_at": CLOSE, **fields}
    order: Order = floor.order(quantity, **given)
    return order


def close(floor: Any, market_at: int = CLOSE) -> None:
    """Let market time go on to the close."""
    floor.keep(floor.desk.advance(**floor.tick(), market_at=market_at))


def filled(floor: Any, *orders: Order) -> list[int]:
    """Return how much of each order has filled."""
    return [floor.now_is(order).filled for order in orders]


def test_what_was_taken_when_the_quote_came_is_gone(floor: Any) -> None:
    """Of 10 displayed 6 went to the order that met the quote: 4 are left for the close."""
    floor.quote("99", "100", last="100")
    first, last = floor.order("6", "100"), closing(floor, "10")
    floor.quote("99", "100", last="100", ask_size="10", bid_size="10")
    close(floor)
    assert filled(floor, first, last) == [m("6"), m("4")]
    assert floor.now_is(last).state == OrderState.EXPIRED


@pytest.mark.parametrize(("after", "fills"), [(0, 0), (1, m("1"))])
def test_a_close_is_not_by_a_quote_that_was_seen(floor: Any, after: int, fills: int) -> None:
    """The session's last quote must have been observed after the order was stamped."""
    order: Order = floor.order(
        "1", "100", time_in_force=TimeInForce.CLS, works_from=1, expire_at=CLOSE
    )
    floor.quote("99", "100", last="100", observed_at=order.received_at + after)
    close(floor)
    assert filled(floor, order) == [fills]


def test_nothing_is_left_where_all_was_taken(floor: Any) -> None:
    """Not one share; the other side of the quote is another matter."""
    floor.hold("5", "100")
    first, last = floor.order("10", "100"), closing(floor, "1")
    sold = closing(floor, "5", side=Side.SELL)
    floor.quote("99", "100", last="100", ask_size="10", bid_size="10")
    close(floor)
    assert filled(floor, first, last, sold) == [m("10"), 0, m("5")]


def test_closes_of_one_quote_share_its_size(floor_class: Any) -> None:
    """Sales and short sales take from the same bid, one after the other."""
    floor = floor_class(flags=AssetFlag.SHORTABLE)
    terms = PortfolioTerms(account_kind=AccountKind.MARGIN)
    floor.open(1, 2)
    floor.keep(floor.desk.set_terms(**floor.tick(), account=1, portfolio=2, terms=terms).events)
    floor.hold("20", "100")
    sold = closing(floor, "6", side=Side.SELL)
    short = closing(floor, "6", side=Side.SELL_SHORT, portfolio=2)
    again = closing(floor, "6", side=Side.SELL)
    floor.quote("99", "100", last="100", bid_size="10")
    close(floor)
    assert filled(floor, sold, short, again) == [m("6"), m("4"), 0]


@pytest.mark.parametrize(("early", "fills"), [(1, 0), (0, m("1"))])
def test_a_quote_of_the_very_opening_is_one_of_the_session(
    floor: Any, early: int, fills: int
) -> None:
    """One of before is none."""
    opening = 500
    order: Order = floor.order(
        "1", "100", time_in_force=TimeInForce.CLS, works_from=opening, expire_at=CLOSE
    )
    flags = QuoteFlag.REPLAYED
    floor.quote("99", "100", last="100", source_time=opening - early, flags=flags)
    close(floor)
    assert filled(floor, order) == [fills]


def test_two_steps_of_a_clock_share_a_quote(floor: Any) -> None:
    """A close that is worked in two inputs gives no more than in one."""
    floor.quote("99", "100", last="100")
    first, second = closing(floor, "6"), closing(floor, "6", expire_at=CLOSE + 1)
    floor.quote("99", "100", last="100", ask_size="10")
    close(floor)
    close(floor, CLOSE + 1)
    assert filled(floor, first, second) == [m("6"), m("4")]


@pytest.mark.parametrize("model", [FillModelKind.IDEAL, FillModelKind.CONSERVATIVE])
def test_by_model(floor: Any, model: FillModelKind) -> None:
    """The ideal one takes from nobody; the conservative one from the same size as all."""
    floor.open(1, 2)
    terms = PortfolioTerms(fill_model=model)
    floor.keep(floor.desk.set_terms(**floor.tick(), account=1, portfolio=2, terms=terms).events)
    floor.quote("99", "100", last="100")
    first, last = floor.order("10", "100"), closing(floor, "4", portfolio=2)
    floor.quote("99", "100", last="100", ask_size="10")
    close(floor)
    expected = m("4") if model == FillModelKind.IDEAL else 0
    assert filled(floor, first, last) == [m("10"), expected]


def test_a_recovered_desk_knows_what_was_taken(floor: Any) -> None:
    """By the events alone, though the quote is told anew."""
    floor.quote("99", "100", last="100")
    floor.order("6", "100")
    last = closing(floor, "10")
    quote = floor.quote_of("99", "100", last="100", ask_size="10")
    floor.observe(quote)
    again = floor.recovered()
    again.note_quote(quote)
    assert again.advance(**floor.tick(), market_at=CLOSE)
    assert again.order(last.order_id).filled == m("4")


# --- models that take from the time between quotes -----------------------------------------------

MINUTE_CLOSE = 21 * 60 * BAR_NS
"""The close of the session of the 1st of January 1970: ten bars are played before it."""
MORNING = 10 + 17.5 * 60
"""Minutes from the first of these bars to the opening of the next day."""


def by_model(floor: Any, model: FillModelKind, portfolio: int = 2, **terms: int) -> int:
    """Open a portfolio that trades by a model; return its number."""
    floor.open(1, portfolio)
    chosen = PortfolioTerms(fill_model=model, **terms)
    tick = floor.tick()
    outcome = floor.desk.set_terms(**tick, account=1, portfolio=portfolio, terms=chosen)
    floor.keep(outcome.events)
    return portfolio


def minute(floor: Any, minutes: float, volume: str, last: str = "100", **fields: Any) -> list[Any]:
    """Observe a quote, with a day's volume, in one of the ten minutes before the close."""
    floor.now = MINUTE_CLOSE + int((minutes - 10) * BAR_NS)
    given = {"source_time": floor.now, "day_volume": volume, "last": last, **fields}
    events: list[Any] = floor.quote("99", "101", **given)
    return events


def for_close(floor: Any, quantity: str, portfolio: int = 2, **fields: Any) -> Order:
    """Send an order for the close of the session."""
    return closing(floor, quantity, portfolio=portfolio, expire_at=MINUTE_CLOSE, **fields)


def end_session(floor: Any, **given: Any) -> list[Any]:
    """Let the close come."""
    floor.now = MINUTE_CLOSE
    events: list[Any] = floor.desk.advance(**floor.tick(), market_at=MINUTE_CLOSE, **given)
    return events


def receipts_of(floor: Any, order: Order) -> list[Receipt]:
    """Return the receipts of an order's fills and of its end, oldest first."""
    changes = [each for each in floor.events if isinstance(each, OrderChanged)]
    mine = [each.receipt for each in changes if each.order.order_id == order.order_id]
    return [each for each in mine if each is not None]


def test_volume_share_takes_its_part_of_the_last_interval(floor: Any) -> None:
    """A tenth of the 200 that were traded before the last quote, at a price that this moves."""
    by_model(floor, FillModelKind.VOLUME_SHARE, participation=1_000, impact=1_000)
    minute(floor, 1, "500")
    whole, rest = for_close(floor, "15"), for_close(floor, "15")
    minute(floor, 2, "900")
    minute(floor, 9.9, "1100")
    floor.keep(end_session(floor))
    assert filled(floor, whole, rest) == [m("15"), m("5")]
    assert floor.now_is(whole).avg_price == m("101.06")  # 101 * (1 + 0.1 * (15 / 200) ** 2), up
    assert floor.now_is(rest).avg_price == m("101.11")  # ... (20 / 200) ** 2
    fill, end = receipts_of(floor, rest)
    assert (fill.limiting, end.limiting) == (LimitingRule.VOLUME, LimitingRule.VOLUME)
    assert fill.working.interval.volume == end.working.interval.volume == m("200")
    assert (fill.working.taken, end.working.taken) == (m("15"), m("20"))


def test_what_was_taken_of_the_interval_is_gone(floor: Any) -> None:
    """An order that met the last quote had its share of the same volume; a buy takes no sale's."""
    by_model(floor, FillModelKind.VOLUME_SHARE, participation=1_000, impact=0)
    minute(floor, 1, "500")
    met = floor.order("12", portfolio=2)
    last = for_close(floor, "15")
    minute(floor, 9.9, "700")
    floor.keep(end_session(floor))
    assert filled(floor, met, last) == [m("12"), m("8")]


def test_an_interval_without_volume_gives_nothing(floor: Any) -> None:
    """And the receipt says so: it is the rule by which other orders of the model wait."""
    by_model(floor, FillModelKind.VOLUME_SHARE)
    minute(floor, 1, "500")
    order = for_close(floor, "1")
    minute(floor, 2, "600")
    minute(floor, 9.9, "600")
    floor.keep(end_session(floor))
    (end,) = receipts_of(floor, order)
    assert (floor.now_is(order).state, end.limiting) == (OrderState.EXPIRED, LimitingRule.VOLUME)
    assert end.quote_seq == floor.quote_seq


def test_an_order_that_met_no_quote_ends_with_a_receipt_without_prices(floor: Any) -> None:
    """No number of a quote, no price, no size: it waited for the first."""
    order = floor.order("1", "100", time_in_force=TimeInForce.DAY, expire_at=CLOSE)
    close(floor)
    nothing = Receipt(0, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, LimitingRule.WAITING)
    assert floor.now_is(order).state == OrderState.EXPIRED
    assert receipts_of(floor, order) == [nothing]


def test_bar_fills_at_the_close_of_the_last_bar(floor: Any) -> None:
    """At its last price, neither its open nor a quote's side, and a tenth of its volume in all."""
    by_model(floor, FillModelKind.BAR, participation=1_000)
    minute(floor, 1, "500")
    first, rest = for_close(floor, "15"), for_close(floor, "15")
    too_low = for_close(floor, "1", limit="100.4")
    minute(floor, 8.5, "600", last="98")
    minute(floor, 9.1, "700", last="102")
    minute(floor, 9.9, "800", last="100.5")
    floor.keep(end_session(floor))
    assert filled(floor, first, rest, too_low) == [m("15"), m("5"), 0]
    assert floor.now_is(first).avg_price == floor.now_is(rest).avg_price == m("100.5")
    fill, end = receipts_of(floor, rest)
    assert fill.limiting == end.limiting == LimitingRule.VOLUME
    assert fill.working.reference == m("100.5")
    assert fill.working.interval.bar.volume == m("200")
    assert (fill.working.taken, fill.spread_cost, fill.slippage) == (m("15"), 0, 0)
    assert [each.limiting for each in receipts_of(floor, too_low)] == [LimitingRule.LIMIT]


@pytest.mark.parametrize("alone", [False, True])
def test_bar_asks_that_the_bar_began_after_the_order(floor: Any, alone: bool) -> None:
    """Else it was partly seen: such an order expires, and says that no bar was for it.

    So it is whether or not others had orders by which the bar was followed.
    """
    by_model(floor, FillModelKind.BAR)
    minute(floor, 1, "500")
    before = [] if alone else [for_close(floor, "1")]
    minute(floor, 9.1, "700")
    after = for_close(floor, "1")
    minute(floor, 9.9, "800")
    floor.keep(end_session(floor))
    assert filled(floor, *before, after) == [m("1")] * len(before) + [0]
    (end,) = receipts_of(floor, after)
    assert (end.limiting, end.quote_seq) == (LimitingRule.BAR, floor.quote_seq)


def test_what_was_taken_of_the_bar_before_is_another_matter(floor: Any) -> None:
    """The last quote of a session completes one bar, of which others took, and begins the last."""
    by_model(floor, FillModelKind.BAR, participation=1_000)
    minute(floor, 1, "500")
    last, other = for_close(floor, "15"), floor.order("10", portfolio=2)
    minute(floor, 8.1, "600")
    minute(floor, 9.1, "700")
    assert filled(floor, last, other) == [0, m("10")]
    floor.keep(end_session(floor))
    assert filled(floor, last, other) == [m("10"), m("10")]


@pytest.mark.parametrize("model", [FillModelKind.VOLUME_SHARE, FillModelKind.BAR])
def test_a_close_is_decided_again_by_what_was_used(floor: Any, model: FillModelKind) -> None:
    """A desk that saw no quote but the last one comes to the same with the interval of it."""
    by_model(floor, model, participation=1_000)
    minute(floor, 1, "500")
    order = for_close(floor, "15")
    minute(floor, 9.1, "700")
    minute(floor, 9.5, "800")
    again, forgetful = floor.recovered(), floor.recovered()
    for desk in (again, forgetful):
        desk.recall([floor.desk.last_quote("ACME")])
    floor.desk.forget_used()
    events = floor.keep(end_session(floor))
    closings = floor.desk.closings_used()
    assert floor.now_is(order).filled
    given = {"seq": floor.seq, "at": floor.now, "market_at": MINUTE_CLOSE}
    assert again.advance(**given, closings=closings) == events
    assert len(forgetful.advance(**given, closings={})) == 1, "it expires"
    floor.desk.forget_used()
    assert floor.desk.closings_used() == {}


def test_a_split_ends_what_is_known_of_the_interval(floor: Any) -> None:
    """Its volume and prices are in other shares; nothing is made up for it."""
    by_model(floor, FillModelKind.VOLUME_SHARE)
    minute(floor, 1, "500")
    order = for_close(floor, "1")
    minute(floor, 9.5, "800")
    floor.split(2, 1)
    floor.keep(end_session(floor))
    assert filled(floor, order) == [0]


def test_bar_opens_with_the_first_bar_of_the_session(floor: Any) -> None:
    """At its open and when it is complete: the last bar of the day before is none of its own."""
    by_model(floor, FillModelKind.BAR, participation=1_000)
    minute(floor, 1, "500")
    opening = MINUTE_CLOSE + int((MORNING - 10) * BAR_NS)
    order = floor.order(
        "15",
        portfolio=2,
        time_in_force=TimeInForce.OPG,
        works_from=opening,
        expire_at=opening + MINUTE_CLOSE,
    )
    minute(floor, 9.1, "700")
    minute(floor, 9.9, "800")
    assert minute(floor, MORNING + 0.01, "100", last="103", day_open="102") == []
    assert minute(floor, MORNING + 0.5, "200", last="104") == []
    minute(floor, MORNING + 1.2, "300", last="105")
    now = floor.now_is(order)
    assert (now.filled, now.avg_price) == (m("15"), m("102"))


def test_who_waits_for_a_session_is_not_told_that_a_size_was_used_up(floor: Any) -> None:
    """Cancelled before the close, or the opening, they met no quote that was for them."""
    floor.quote("99", "100", last="100")
    at_close = closing(floor, "5")
    tomorrow = floor.order(
        "5", time_in_force=TimeInForce.OPG, works_from=2 * CLOSE, expire_at=3 * CLOSE
    )
    at_once = floor.order("5", "90")
    floor.quote("99", "100", last="100")
    for order in (at_close, tomorrow, at_once):
        floor.cancel(order.order_id)
    told = [receipts_of(floor, each)[-1].limiting for each in (at_close, tomorrow, at_once)]
    assert told == [LimitingRule.SESSION, LimitingRule.SESSION, LimitingRule.LIMIT]


@pytest.mark.parametrize("model", [FillModelKind.VOLUME_SHARE, FillModelKind.BAR])
def test_a_receipt_of_nothing_tells_what_its_own_side_took(
    floor: Any, model: FillModelKind
) -> None:
    """Of the buys five are taken, of the sales two, whichever side has its turn first."""
    by_model(floor, model, participation=10_000)
    minute(floor, 1, "500")
    minute(floor, 2, "600")
    floor.order("9", portfolio=2)
    minute(floor, 3.1, "700")
    minute(floor, 4.1, "800")
    sold = floor.order("2", side=Side.SELL, portfolio=2)
    bought = floor.order("5", portfolio=2)
    far = floor.order("1", "50", portfolio=2), floor.order("1", "150", Side.SELL, portfolio=2)
    minute(floor, 5.1, "900")
    minute(floor, 6.1, "1000")
    assert filled(floor, sold, bought) == [m("2"), m("5")]
    receipts = [receipts_of(floor, each)[0] for each in far]
    assert [each.limiting for each in receipts] == [LimitingRule.LIMIT] * 2
    assert [each.working.taken for each in receipts] == [m("5"), m("2")]
