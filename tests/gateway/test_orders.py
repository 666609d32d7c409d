"""Orders: what Alpaca's requests become, and what our orders look like there."""

from __future__ import annotations

from typing import Any

import pytest
from alpaca.trading.models import Order

from papertrader.client.conditions import Conditions
from papertrader.client.errors import refusal
from papertrader.core.orders import OrderState, TimeInForce
from papertrader.gateway import orders
from papertrader.gateway.assets import AssetBook
from papertrader.gateway.errors import ApiError
from papertrader.gateway.ids import Kind, uuid_of
from papertrader.wire.kinds import Status
from tests.gateway_kit import Bot, GatewayMarket

PLAIN = {"qty": 1, "type": "market", "time_in_force": "day"}
LIMIT = {"qty": 1, "type": "limit", "time_in_force": "gtc", "limit_price": "90"}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"type": "magic"}, "type must be"),
        ({"type": None}, "type must be"),
        ({"time_in_force": "gtd"}, "time_in_force must be"),
        ({"qty": None}, "one of qty and notional"),
        ({"notional": 5}, "one of qty and notional"),
        ({"qty": "ten"}, "qty must be a number"),
        ({"qty": True}, "qty must be a number"),
        ({"qty": [1]}, "qty must be a number"),
        ({"qty": "1e30"}, "qty is out of range"),
        ({"qty": "NaN"}, "qty is out of range"),
        ({"qty": "1." + "0" * 60}, "too many decimals"),
        ({"qty": "9" * 200}, "qty must be a number"),
        ({"limit_price": 5}, "market orders have no limit_price"),
        ({"type": "limit"}, "limit orders require limit_price"),
        ({"type": "stop_limit", "limit_price": 5}, "stop_limit orders require stop_price"),
        ({"type": "trailing_stop"}, "one of trail_price and trail_percent"),
        (
            {"type": "trailing_stop", "trail_price": 1, "trail_percent": 1},
            "one of trail_price and trail_percent",
        ),
        ({"take_profit": {"limit_price": 9}}, "a simple order has neither"),
        ({"order_class": "bracket", "take_profit": {"limit_price": 9}}, "bracket orders require"),
        ({"order_class": "oto"}, "oto orders require"),
        ({"order_class": "bracket", "take_profit": 5}, "take_profit must be an object"),
        ({"extended_hours": "perhaps"}, "extended_hours must be true or false"),
    ],
)
def test_terms_that_make_no_sense(change: dict[str, Any], what: str) -> None:
    """Each is 422 and names what is wrong."""
    with pytest.raises(ApiError, match=what) as caught:
        orders.wish_of({**PLAIN, **change})
    assert (caught.value.status, caught.value.code) == (422, 42210000)


def test_terms_are_exact() -> None:
    """Numbers and texts mean the same, to the last decimal."""
    given = orders.wish_of({**LIMIT, "qty": "0.00000001", "limit_price": "123.45"})
    assert (str(given.quantity), str(given.limit)) == ("1E-8", "123.45")
    assert given.conditions == Conditions()


def test_legs_live_as_long_as_their_order() -> None:
    """As Alpaca's do; an order for one session alone has legs until they are cancelled."""
    for in_force, lasting in (("day", "day"), ("gtc", "gtc"), ("opg", None)):
        parts = {"take_profit": {"limit_price": "99"}, "stop_loss": {"stop_price": "80"}}
        body = {**LIMIT, "time_in_force": in_force, "order_class": "bracket", **parts}
        legs = orders.wish_of(body).conditions.legs
        assert [(leg.role, leg.time_in_force) for leg in legs] == [
            ("take_profit", lasting), ("stop_loss", lasting),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"side": "hold"}, 42210000),
        ({"symbol": None}, 42210000),
        ({"symbol": "NOPE"}, 40410000),
        ({"symbol": "x" * 100}, 40410000),
        ({"symbol": 5}, 42210000),
        ({"order_class": "mleg"}, 42210000),
        ({"order_class": "swarm"}, 42210000),
        ({"legs": [{"symbol": "BRKF"}]}, 42210000),
        ({"client_order_id": "x" * 129}, 42210000),
        ({"client_order_id": "ü" * 65}, 42210000),
        ({"client_order_id": "two\nlines"}, 42210000),
        ({"client_order_id": "\ud800"}, 42210000),
        ({"type": "limit", "limit_price": "90.001"}, 42210000),
        ({"qty": "100000"}, 40310000),
    ],
)
def test_orders_that_are_refused(guest: Bot, body: dict[str, Any], code: int) -> None:
    """Nothing is left of them."""
    whole = {"symbol": "BRKF", "side": "buy", **PLAIN, **body}
    reply = guest.ask("POST", "/v2/orders", whole)
    assert reply.body["code"] == code, reply.text
    assert guest.get("/v2/orders", status="all") == []


def test_every_state_has_a_name(shared: GatewayMarket, guest: Bot) -> None:
    """An order of each kind is read by alpaca-py's model, whoever has sent it."""
    guest.order()
    shared.advance(2)
    guest.owner.buy("BRKF", 1, conditions=Conditions(touch="1"), client_order_id=77)
    guest.owner.buy("BRKF", 1, limit="1", conditions=Conditions(touch="1"))
    until = Conditions(until=shared.now.replace(year=2021))
    guest.owner.buy("BRKF", 1, limit="1", time_in_force="gtd", conditions=until)
    listed = guest.get("/v2/orders", status="all")
    kinds = [(Order(**each).status.value, each["type"], each["time_in_force"]) for each in listed]
    assert kinds == [
        ("new", "limit", "gtc"), ("new", "stop_limit", "day"), ("new", "stop", "day"),
        ("filled", "market", "gtc"),
    ]  # fmt: skip
    assert listed[0]["expires_at"] is not None
    assert guest.get("/v2/orders:by_client_order_id", client_order_id="77")["type"] == "stop"
    assert set(orders._STATES) == set(OrderState)
    assert set(orders.IN_FORCE) == {each.name.lower() for each in TimeInForce} - {"gtd"}


def test_a_name_is_found_again(shared: GatewayMarket, guest: Bot) -> None:
    """As it was said, by whatever worker: the order itself keeps it. A new one has its own."""
    made = guest.order(type="limit", limit_price="1", client_order_id="my name / ü")
    assert guest.get(f"/v2/orders/{made['id']}")["client_order_id"] == "my name / ü"
    plain = guest.order(type="limit", limit_price="1", client_order_id="4711")
    assert plain["client_order_id"] == "4711"
    found = guest.get("/v2/orders:by_client_order_id", client_order_id="my name / ü")
    assert (found["id"], found["client_order_id"]) == (made["id"], "my name / ü")
    again = {"symbol": "BRKF", "side": "buy", **LIMIT, "client_order_id": "my name / ü"}
    assert guest.ask("POST", "/v2/orders", again, expect=422).body["code"] == 40010001
    path = f"/v2/orders/{made['id']}"
    new = guest.ask("PATCH", path, {"qty": "2"}).body
    assert new["client_order_id"].isdecimal()
    assert guest.get(path)["client_order_id"] == "my name / ü"
    newest = guest.ask("PATCH", f"/v2/orders/{new['id']}", {"qty": "3", "client_order_id": "b"})
    assert newest.body["client_order_id"] == "b"
    (order,) = [each for each in guest.owner.orders() if each.tag == "b"]
    assert guest.owner.order(tag="my name / ü").order_id < order.order_id
    tagged = guest.owner.buy("BRKF", 1, limit="1", tag="b", client_order_id=99)
    assert (
        guest.get("/v2/orders:by_client_order_id", client_order_id="99")["client_order_id"] == "99"
    )
    assert guest.owner.order(tag="b").order_id == tagged.order_id


def test_lists(shared: GatewayMarket, guest: Bot) -> None:
    """By state, side, symbol and time, in both directions, as many as are asked for."""
    made = [
        guest.order(symbol=symbol, type="limit", limit_price="1")["id"]
        for symbol in ("BRKF", "ALRB", "BRKF")
    ]
    guest.ask("DELETE", f"/v2/orders/{made[0]}", expect=204)

    def ids(**query: Any) -> list[str]:
        return [each["id"] for each in guest.get("/v2/orders", **query)]

    assert ids() == made[:0:-1]
    assert ids(status="closed") == made[:1]
    assert ids(status="all", direction="asc") == made
    assert ids(status="all", symbols="brkf") == [made[2], made[0]]
    assert ids(status="all", limit=1) == made[2:]
    assert ids(side="sell") == []
    assert ids(status="all", after="2027-01-01T00:00:00Z") == []
    assert ids(status="all", until="2027-01-01") == made[::-1]
    assert guest.ask("GET", "/v2/orders?status=some").status == 422
    assert guest.ask("GET", "/v2/orders?limit=none").status == 400


def test_the_orders_that_are_looked_through_are_bounded(
    guest: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than `ORDERS_READ_MAX` are 422."""
    monkeypatch.setattr(orders, "_READ_AT_ONCE", 1)
    monkeypatch.setattr(orders, "ORDERS_READ_MAX", 2)
    for _ in range(3):
        guest.order(type="limit", limit_price="1")
    assert guest.ask("GET", "/v2/orders?limit=1&side=sell").status == 422
    assert guest.ask("GET", "/v2/orders?limit=1").status == 200


@pytest.mark.parametrize("nested", ["true", "false"])
def test_a_list_reads_no_more_than_it_shows(
    shared: GatewayMarket, guest: Bot, monkeypatch: pytest.MonkeyPatch, nested: str
) -> None:
    """Whatever the pages, it is the list of all, cut off; legs stay with their parents."""
    for _ in range(3):
        guest.order(type="limit", limit_price="1")
        guest.order(
            type="limit", limit_price="1", order_class="bracket",
            take_profit={"limit_price": "200"}, stop_loss={"stop_price": "0.5"},
        )  # fmt: skip
    whole = guest.get("/v2/orders", status="all", limit=500, nested=nested)
    assert len(whole) == (6 if nested == "true" else 12)
    monkeypatch.setattr(orders, "_READ_AT_ONCE", 1)
    asked = [
        guest.get("/v2/orders", status="all", limit=limit, nested=nested)
        for limit in range(1, len(whole) + 1)
    ]
    assert asked == [whole[:limit] for limit in range(1, len(whole) + 1)]
    upwards = guest.get("/v2/orders", status="all", limit=2, nested=nested, direction="asc")
    assert [each["id"] for each in upwards] == [each["id"] for each in whole[:-3:-1]]


def test_a_trailing_stop_is_replaced_in_its_own_terms(shared: GatewayMarket, guest: Bot) -> None:
    """The new distance is of the kind that the old one was."""
    guest.order()
    shared.advance(2)
    stop = guest.order(side="sell", qty="5", type="trailing_stop", trail_percent="10")
    new = guest.ask("PATCH", f"/v2/orders/{stop['id']}", {"trail": 20}, expect=200).body
    assert (new["trail_percent"], new["trail_price"]) == ("20", None)
    wrong = guest.ask("PATCH", f"/v2/orders/{new['id']}", {"time_in_force": "day"})
    assert wrong.body["message"] == "another time_in_force is not supported by PaperTrader"
    assert guest.ask("PATCH", f"/v2/orders/{new['id']}", {}).status == 400


def test_a_sale_of_what_is_not_held(shared: GatewayMarket, guest: Bot) -> None:
    """It is a short one where that is allowed; else it says what is missing."""
    body = {"symbol": "BRKF", "side": "sell", **PLAIN}
    assert guest.ask("POST", "/v2/orders", body).body["message"].startswith("insufficient qty")
    wish = {"max_margin_multiplier": "2", "no_shorting": False}
    guest.ask("PATCH", "/v2/account/configurations", wish, expect=200)
    guest.ask("POST", "/v2/orders", body, expect=200)
    shared.advance(2)
    assert guest.get("/v2/positions/BRKF")["side"] == "short"
    closing = {**body, "position_intent": "sell_to_close"}
    assert guest.ask("POST", "/v2/orders", closing).body["code"] in (40310000, 42210000)
    opening = guest.order(side="sell", qty="1", position_intent="sell_to_open")
    assert (opening["side"], opening["position_intent"]) == ("sell", "sell_to_open")
    shared.advance(2)
    guest.order(side="buy", qty="2")
    shared.advance(2)
    assert guest.get("/v2/positions") == []


def test_an_order_that_cannot_be_shown_is_not_sent_again(
    shared: GatewayMarket, guest: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails after it was taken is neither 429 nor 504, after which alpaca-py repeats."""

    async def busy(*arguments: Any) -> Any:
        raise refusal(Status.RATE_LIMITED)

    guest.get("/v2/assets/BRKF")
    monkeypatch.setattr(AssetBook, "get", busy)
    body = {"symbol": "BRKF", "side": "buy", **LIMIT, "limit_price": "1"}
    monkeypatch.setattr(AssetBook, "find", _known)
    reply = guest.ask("POST", "/v2/orders", body)
    assert (reply.status, reply.body["code"]) == (500, 50010000)
    (order,) = guest.owner.orders()
    assert uuid_of(Kind.ORDER, order.order_id) in reply.body["message"]


async def _known(book: AssetBook, seat: Any, name: str) -> Any:
    return await seat.client.asset(name)
