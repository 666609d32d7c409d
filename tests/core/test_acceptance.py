"""Acceptance: every refusal, its sentence, and which comes first when several apply."""

from __future__ import annotations

import itertools
import re
from typing import Any

import attrs
import pytest

from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import OrderType, Side, TimeInForce
from papertrader.core.quotes import AssetStatus
from papertrader.core.refusals import Refusal
from papertrader.core.rules import DeskRules

m = parse_amount

CASES: list[tuple[str, dict[str, Any], Refusal, str]] = [
    ("another's portfolio", {"portfolio": 2}, Refusal.NO_SUCH_PORTFOLIO, "no portfolio 2"),
    ("no such portfolio", {"portfolio": 3}, Refusal.NO_SUCH_PORTFOLIO, "no portfolio 3"),
    ("client id 0", {"client_order_id": 0}, Refusal.DUPLICATE_ORDER, "cannot name an order"),
    ("unknown symbol", {"symbol": "NONE"}, Refusal.NO_SUCH_SYMBOL, "NONE is not traded"),
    ("other currency", {"symbol": "EURO"}, Refusal.NO_QUOTE, "EURO trades in EUR"),
    ("halted", {"symbol": "HALT"}, Refusal.SYMBOL_HALTED, "HALT is halted"),
    ("delisted", {"symbol": "GONE"}, Refusal.SYMBOL_HALTED, "GONE is delisted"),
    ("close only", {"symbol": "LAST"}, Refusal.SYMBOL_HALTED, "may only be sold"),
    ("flags", {"flags": 5}, Refusal.TYPE_UNSUPPORTED, "in extended hours"),
    ("GTC that expires", {"expire_at": 10**6}, Refusal.TIF_UNSUPPORTED, "no expiry time"),
    (
        "DAY without a session",
        {"time_in_force": TimeInForce.DAY},
        Refusal.TIF_UNSUPPORTED,
        "no session",
    ),
    ("nothing", {"quantity": 0}, Refusal.BAD_LOT, "The quantity is 0; it must be more"),
    ("less than nothing", {"quantity": -SCALE}, Refusal.BAD_LOT, "The quantity is -1; it must"),
    ("too fine", {"quantity": SCALE // 2}, Refusal.BAD_LOT, "0.5 is too fine; .* multiples of 1."),
    ("too little", {"quantity": SCALE, "symbol": "TENS"}, Refusal.QUANTITY_LIMIT, "between 10"),
    ("too much", {"quantity": m("2000")}, Refusal.QUANTITY_LIMIT, "between 1 and 1,000"),
    ("no limit", {"limit_price": NULL}, Refusal.BAD_TICK, "is none"),
    ("limit 0", {"limit_price": 0}, Refusal.BAD_TICK, "is 0.00"),
    ("limit off tick", {"limit_price": m("10.005")}, Refusal.BAD_TICK, "is 10.005; .* of 0.01"),
    ("stop price", {"stop_price": m("10")}, Refusal.BAD_TICK, "LIMIT order has no stop price"),
    (
        "market with a limit",
        {"order_type": OrderType.MARKET},
        Refusal.BAD_TICK,
        "MARKET order has no limit price",
    ),
    (
        "buy without an ask",
        {"order_type": OrderType.MARKET, "limit_price": NULL},
        Refusal.NO_QUOTE,
        "No ask price of ACME",
    ),
    (
        "sell without a bid",
        {"order_type": OrderType.MARKET, "limit_price": NULL, "side": Side.SELL},
        Refusal.NO_QUOTE,
        "No bid price of ACME",
    ),
    ("limit too high", {"limit_price": m("1000000.01")}, Refusal.PRICE_BAND, "1,000,000.00"),
    (
        "expired",
        {"time_in_force": TimeInForce.DAY, "expire_at": 1_000_000_000, "market_at": 1_000_000_000},
        Refusal.DEADLINE_PASSED,
        "1970-01-01T00:00:01.000Z.* next session",
    ),
    ("short", {"side": Side.SELL_SHORT}, Refusal.SHORT_NOT_ALLOWED, "cash portfolio"),
    (
        "more than held",
        {"side": Side.SELL, "quantity": m("3")},
        Refusal.INSUFFICIENT_POSITION,
        "sells 3 ACME; you hold 0, of which 0",
    ),
    (
        "more than paid in",
        {"quantity": m("1000"), "limit_price": m("10.01")},
        Refusal.INSUFFICIENT_CASH,
        "needs 10,010.00 USD, available 9,990.00 USD",
    ),
]


LISTED: dict[str, dict[str, Any]] = {
    "EURO": {"currency": "EUR"},
    "HALT": {"status": AssetStatus.HALTED},
    "GONE": {"status": AssetStatus.DELISTED},
    "LAST": {"status": AssetStatus.CLOSE_ONLY},
    "TENS": {"quantity_min": m("10")},
}


@pytest.fixture
def busy_floor(floor_class: Any) -> Any:
    """Give a floor with several assets, none of which has a quote."""
    rules = DeskRules(
        quantity_max=m("1000"), price_max=m("1000000"), open_orders_max=5, open_orders_symbol_max=3
    )
    floor = floor_class(rules=rules)
    floor.open(2, 2)
    for symbol, fields in LISTED.items():
        floor.desk.list_asset(attrs.evolve(floor.asset, symbol=symbol, **fields))
    return floor


def refusal_of(floor: Any, change: dict[str, Any]) -> tuple[Refusal | None, str]:
    """Send a good order with ``change`` made to it; a refusal must leave the state alone."""
    before = floor.desk.state_hash()
    outcome = floor.desk.submit(attrs.evolve(floor.command("1", "10"), **change))
    if outcome.refusal is not None:
        assert outcome.events == []
        assert floor.desk.state_hash() == before
    return outcome.refusal, outcome.text


@pytest.mark.clause("13.1")
@pytest.mark.parametrize(
    ("change", "refusal", "text"), [each[1:] for each in CASES], ids=[each[0] for each in CASES]
)
def test_every_refusal(
    busy_floor: Any, change: dict[str, Any], refusal: Refusal, text: str
) -> None:
    """One change to a good order: the refusal, and a sentence with its figures."""
    assert refusal_of(busy_floor, {}) == (None, "")
    found, sentence = refusal_of(busy_floor, change)
    assert found == refusal, sentence
    assert re.search(text, sentence), sentence
    assert sentence.endswith(".")


@pytest.mark.clause("3.3")
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_money_that_cannot_be_counted(floor: Any, side: Side) -> None:
    """A quantity and a price that each fit, and whose product does not, are refused."""
    change = {"side": side, "quantity": m("1000000"), "limit_price": m("1000000")}
    refusal, text = refusal_of(floor, change)
    assert refusal == Refusal.AMOUNT_OVERFLOW
    assert "1,000,000 at 1,000,000.00" in text


def test_open_orders_are_bounded(busy_floor: Any) -> None:
    """So many in a symbol, and so many in all; other accounts are not concerned."""
    busy_floor.desk.list_asset(attrs.evolve(busy_floor.asset, symbol="MORE"))
    for _ in range(3):
        busy_floor.order("1", "10")
    refusal, text = refusal_of(busy_floor, {})
    assert refusal == Refusal.OPEN_ORDER_LIMIT
    assert "3 open orders in ACME, and 3 are allowed" in text
    for _ in range(2):
        busy_floor.order("1", "10", symbol="MORE")
    refusal, text = refusal_of(busy_floor, {"symbol": "MORE"})
    assert refusal == Refusal.OPEN_ORDER_LIMIT
    assert "5 open orders, and 5 are allowed" in text
    busy_floor.order("1", "10", account=2, portfolio=2)
    busy_floor.cancel(busy_floor.desk.orders_of(portfolio=1)[0].order_id)
    busy_floor.order("1", "10")


def test_funds_are_told_with_the_collar(floor: Any) -> None:
    """A market buy needs its ask plus the collar; the sentence says so."""
    floor.quote("99", "100")
    outcome = floor.submit("100")
    assert outcome.refusal == Refusal.INSUFFICIENT_CASH
    assert "needs 10,250.00 USD including the 2.5 % collar, available 10,000.00" in outcome.text


def test_a_client_order_id_is_used_once(floor: Any) -> None:
    """Used again, even for a finished order, it is refused with that order shown."""
    order = floor.order("1", "10", client_order_id=77)
    floor.cancel(order.order_id)
    outcome = floor.submit("5", "11", client_order_id=77)
    assert outcome.refusal == Refusal.DUPLICATE_ORDER
    assert outcome.order == floor.now_is(order)
    assert "77" in outcome.text
    floor.open(2, 2)
    foreign = floor.submit(client_order_id=77, account=2, portfolio=1)
    assert (foreign.refusal, foreign.order) == (Refusal.NO_SUCH_PORTFOLIO, None)
    floor.order("1", "10", client_order_id=77, account=2, portfolio=2)


@pytest.mark.parametrize(
    "fields",
    [
        {"limit_price": m("1000000")},
        {"order_type": OrderType.STOP, "limit_price": NULL, "stop_price": m("1000000")},
    ],
)
def test_the_highest_price_is_allowed(busy_floor: Any, fields: dict[str, Any]) -> None:
    """Beyond it is PRICE_BAND; at it the order is only too dear."""
    refusal, _ = refusal_of(busy_floor, fields)
    assert refusal == Refusal.INSUFFICIENT_CASH


def test_close_only_may_be_sold(busy_floor: Any) -> None:
    """What may only be sold is refused for other reasons, or not at all."""
    refusal, _ = refusal_of(busy_floor, {"symbol": "LAST", "side": Side.SELL})
    assert refusal == Refusal.INSUFFICIENT_POSITION


DEFECTS: list[tuple[Refusal, dict[str, Any]]] = [
    (Refusal.NO_SUCH_PORTFOLIO, {"portfolio": 3}),
    (Refusal.DUPLICATE_ORDER, {"client_order_id": 0}),
    (Refusal.NO_SUCH_SYMBOL, {"symbol": "NONE"}),
    (Refusal.SYMBOL_HALTED, {"symbol": "HALT"}),
    (Refusal.TYPE_UNSUPPORTED, {"flags": 1}),
    (Refusal.TIF_UNSUPPORTED, {"time_in_force": TimeInForce.GTD}),
    (Refusal.BAD_LOT, {"quantity": SCALE // 2}),
    (Refusal.QUANTITY_LIMIT, {"quantity": m("2000")}),
    (Refusal.BAD_TICK, {"stop_price": m("1")}),
    (Refusal.NO_QUOTE, {"order_type": OrderType.MARKET, "limit_price": NULL}),
    (Refusal.PRICE_BAND, {"limit_price": m("2000000")}),
    (
        Refusal.DEADLINE_PASSED,
        {"time_in_force": TimeInForce.DAY, "expire_at": 5, "market_at": 5},
    ),
    (Refusal.OPEN_ORDER_LIMIT, {"account": 2, "portfolio": 2}),
    (Refusal.SHORT_NOT_ALLOWED, {"side": Side.SELL_SHORT}),
    (Refusal.INSUFFICIENT_POSITION, {"side": Side.SELL}),
    (Refusal.INSUFFICIENT_CASH, {"quantity": m("1000"), "limit_price": m("10000")}),
]
"""One defect for each refusal; account 2 has as many open orders as it may."""

PAIRS = [
    (first, second)
    for first, second in itertools.combinations(DEFECTS, 2)
    if not first[1].keys() & second[1].keys()
]


@pytest.mark.clause("13.5")
@pytest.mark.parametrize(
    ("first", "second"), PAIRS, ids=[f"{a[0].name}+{b[0].name}" for a, b in PAIRS]
)
def test_the_first_refusal_wins(
    busy_floor: Any,
    first: tuple[Refusal, dict[str, Any]],
    second: tuple[Refusal, dict[str, Any]],
) -> None:
    """Of two refusals that both apply, the answer is the one that `Refusal` lists first."""
    precedence = list(Refusal)
    assert precedence.index(first[0]) < precedence.index(second[0])
    for _ in range(3):
        busy_floor.order("1", "10", account=2, portfolio=2)
    refusal, text = refusal_of(busy_floor, first[1] | second[1])
    assert refusal == first[0], text
