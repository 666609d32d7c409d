"""The account, its configuration and history, its positions and lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest
from alpaca.trading.models import AccountConfiguration, Position, TradeAccount, Watchlist
from twisted.internet.defer import Deferred

from papertrader.client.protocol import TwistedClient
from papertrader.client.results import Page, Transaction
from papertrader.gateway import accounts, hours
from papertrader.gateway.assets import KNOWN_S, AssetBook
from papertrader.wire import limits
from tests.gateway_kit import Bot, GatewayMarket


def test_an_account_adds_up(shared: GatewayMarket, guest: Bot) -> None:
    """Equity is cash and positions; what is reserved is not to be spent."""
    guest.order(qty="100")
    guest.order(symbol="ALRB", qty="7")
    shared.advance(2)
    guest.order(type="limit", limit_price="10", qty="5")
    account = TradeAccount(**guest.get("/v2/account"))
    positions = [Position(**each) for each in guest.get("/v2/positions")]
    values = sum(Decimal(each.market_value or 0) for each in positions)
    assert Decimal(account.equity or 0) == Decimal(account.cash or 0) + values
    assert Decimal(account.long_market_value or 0) == values
    assert Decimal(account.buying_power or 0) == Decimal(account.cash or 0) - 50
    assert account.last_equity == "100000"
    for each in positions:
        assert Decimal(each.market_value or 0) == Decimal(each.qty) * Decimal(
            each.current_price or 0
        )
        gain = Decimal(each.market_value or 0) - Decimal(each.cost_basis)
        assert Decimal(each.unrealized_pl or 0) == gain


def test_another_day() -> None:
    """Yesterday's equity is what the last session ended with; money paid in is no profit."""
    with GatewayMarket(seed=3, speed=1_000) as market:
        bot = market.bot()
        bot.order(qty="100")
        market.advance(26)
        account = bot.get("/v2/account")
        assert account["last_equity"] != "100000"
        curve = bot.get("/v2/account/portfolio/history")
        assert curve["equity"][-2] == float(account["last_equity"])
        assert curve["equity"][-1] == float(account["equity"])
        bot.ask("DELETE", "/v2/positions", expect=207)
        market.advance(2)
        profit = bot.get("/v2/account/portfolio/history")["profit_loss"][-1]
        bot.owner.portfolio_deposit(5_000)
        after = bot.get("/v2/account/portfolio/history", period="10D", timeframe="1D")
        assert after["equity"][-1] == pytest.approx(105_000 + profit)
        assert after["profit_loss"][-1] == pytest.approx(profit)
        kinds = [body["activity_type"] for body in bot.get("/v2/account/activities/CSD")]
        assert kinds == ["CSD"] * 2


def test_a_day_in_short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the close before on; profit begins anew with each day unless it is not to."""
    path = "/v2/account/portfolio/history"
    with GatewayMarket(seed=3, speed=1_000) as market:
        bot = market.bot()
        bot.order(qty="100")
        market.advance(27)
        account, days = bot.get("/v2/account"), bot.get(path)
        day = bot.get(path, period="1D", timeframe="5Min")
        assert day["equity"][0] == day["base_value"] == float(account["last_equity"])
        assert (day["timestamp"][-1], day["equity"][-1]) == (
            days["timestamp"][-1], days["equity"][-1],
        )  # fmt: skip
        steps = {two - one for one, two in pairwise(day["timestamp"][1:-1])}
        assert (steps, day["timestamp"][1] % 300) == ({300}, 0)
        gained = [each - day["base_value"] for each in day["equity"]]
        assert day["profit_loss"] == pytest.approx(gained)
        assert bot.get(path, period="1D")["timeframe"] == "1Min"
        assert bot.get(path, period="2W")["timeframe"] == "15Min"
        week = bot.get(path, period="1W", timeframe="1H")
        whole = bot.get(path, period="1W", timeframe="1H", pnl_reset="no_reset")
        assert week["equity"] == whole["equity"]
        assert week["profit_loss"][-1] == pytest.approx(gained[-1])
        assert whole["profit_loss"][-1] == pytest.approx(whole["equity"][-1] - 100_000)
        for query in (
            {"timeframe": "2Min"}, {"extended_hours": "true"}, {"pnl_reset": "never"},
            {"intraday_reporting": "continuous"},
        ):  # fmt: skip
            assert bot.ask("GET", f"{path}?{urlencode(query)}").body["code"] == 42210000
        monkeypatch.setattr(limits, "EQUITY_POINTS_MAX", 1)
        assert bot.ask("GET", f"{path}?period=1D").status == 422


@pytest.mark.parametrize(
    ("period", "days"), [("1D", 1), ("2W", 14), ("3M", 93), ("1A", 366), ("1Y", 366)]
)
def test_periods(period: str, days: int) -> None:
    """They count back from the end."""
    end = datetime(2020, 1, 6, tzinfo=UTC)
    assert accounts.begin_of(period, end) == end - timedelta(days=days)
    assert accounts.begin_of("9999Y", end) == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"max_margin_multiplier": "4"}, 422),
        ({"no_shorting": False}, 422),
        ({"suspend_trade": True}, 422),
        ({"trade_confirm_email": "all"}, 422),
        ({"trade_confirm_email": "none", "no_shorting": True}, 200),
        ({"max_margin_multiplier": "2", "no_shorting": True}, 200),
    ],
)
def test_configurations(guest: Bot, body: dict[str, Any], status: int) -> None:
    """What cannot be is refused, and nothing of it done."""
    before = guest.get("/v2/account/configurations")
    reply = guest.ask("PATCH", "/v2/account/configurations", body, expect=status)
    after = guest.get("/v2/account/configurations")
    AccountConfiguration(**after)
    assert after == (reply.body if status == 200 else before)
    assert after["no_shorting"] is True


def test_a_configuration_is_chosen_while_the_account_is_empty(
    shared: GatewayMarket, guest: Bot
) -> None:
    """Afterwards it is refused."""
    guest.order()
    shared.advance(2)
    body = {"max_margin_multiplier": "2"}
    assert guest.ask("PATCH", "/v2/account/configurations", body).status == 422


def test_a_watchlist_of_nothing_says_what_to_do(guest: Bot) -> None:
    """In words of whoever asks, not in those of our client library."""
    reply = guest.ask("POST", "/v2/watchlists", {"name": "none", "symbols": []}, expect=400)
    assert reply.body["message"] == (
        "a watchlist needs one symbol at least; delete it to have none"
    )


def test_activities(shared: GatewayMarket, guest: Bot) -> None:
    """Fills tell how far their order had come; pages go on where they ended."""
    guest.order(qty="10")
    shared.advance(2)
    guest.order(qty="10", side="sell")
    shared.advance(2)
    every = guest.get("/v2/account/activities")
    fills = [each for each in every if each["activity_type"] == "FILL"]
    sold = [each for each in fills if each["side"] == "sell"]
    assert sold[0]["cum_qty"] == "10"
    assert (sold[0]["leaves_qty"], sold[0]["type"]) == ("0", "fill")
    assert fills == guest.get("/v2/account/activities", activity_types="FILL")
    page = guest.get("/v2/account/activities", page_size=1)
    rest = guest.get("/v2/account/activities", page_token=page[0]["id"])
    assert page + rest == every
    assert guest.get("/v2/account/activities", direction="asc") == every[::-1]
    assert guest.get("/v2/account/activities", date="2020-01-05") == []
    assert guest.get("/v2/account/activities", after="2020-01-06T14:30:00Z") == every
    assert guest.ask("GET", "/v2/account/activities?page_token=none").status == 422


def test_a_page_of_activities_is_one_question(guest: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is, and from whichever end: no more is read than is shown."""
    for amount in range(1, 6):
        guest.owner.portfolio_deposit(amount)
    asked: list[int] = []
    read = TwistedClient.transactions

    async def watched(self: TwistedClient, **how: Any) -> Page[Transaction]:
        page = await read(self, **how)
        asked.append(len(page))
        return page

    monkeypatch.setattr(TwistedClient, "transactions", watched)
    page = guest.get("/v2/account/activities", activity_types="CSD", page_size=2)
    more = guest.get("/v2/account/activities/CSD", page_size=2, page_token=page[1]["id"])
    assert [each["net_amount"] for each in page + more] == ["5", "4", "3", "2"]
    old = guest.get("/v2/account/activities", direction="asc", page_size=2)
    more = guest.get(
        "/v2/account/activities", direction="asc", page_size=2, page_token=old[1]["id"]
    )
    assert [each["net_amount"] for each in old + more] == ["100000", "1", "2", "3"]
    assert asked == [2, 2, 2, 2]
    monkeypatch.setattr(accounts, "ACTIVITIES_PAGE_MAX", 3)
    assert len(guest.get("/v2/account/activities")) == 3
    assert guest.get("/v2/account/activities/OPTEXP") == []
    assert asked == [2, 2, 2, 2, 3]


def test_fills_of_which_earlier_ones_are_not_shown(shared: GatewayMarket, guest: Bot) -> None:
    """What had been filled by then counts all fills of the order, shown or not."""
    order = guest.order(qty="900")
    shared.advance(30)
    fills = guest.get("/v2/account/activities/FILL", direction="asc")
    assert len(fills) > 1, "the market shows less at a time than it wants"
    assert {each["order_id"] for each in fills} == {order["id"]}
    total = Decimal(0)
    for each in fills:
        total += Decimal(each["qty"])
        assert Decimal(each["cum_qty"]) == total
        assert Decimal(each["leaves_qty"]) == 900 - total
    assert [each["type"] for each in fills] == ["partial_fill"] * (len(fills) - 1) + ["fill"]
    late = guest.get(
        "/v2/account/activities/FILL", page_size=1, page_token=fills[0]["id"], direction="asc"
    )
    assert late == fills[1:2]


def test_closing(shared: GatewayMarket, guest: Bot) -> None:
    """A part, in whole lots; what orders hold is set free when the whole is closed."""
    guest.order(qty="10")
    shared.advance(2)
    guest.order(side="sell", qty="6", type="limit", limit_price="10000")
    held = guest.get("/v2/positions/BRKF")
    assert (held["qty"], held["qty_available"]) == ("10", "4")
    for query in ({"qty": 1, "percentage": 5}, {"percentage": 0}, {"percentage": 101}):
        assert guest.ask("DELETE", "/v2/positions/BRKF", **query).status in (403, 422), query
    for wanted in ("9999", "10.0001", "8"):
        refused = guest.ask("DELETE", "/v2/positions/BRKF", qty=wanted, expect=403).body
        assert refused == {
            "code": 40310000, "symbol": "BRKF",
            "message": "insufficient qty available for order"
            f" (requested: {wanted}, available: 4)",
            "available": "4", "existing_qty": "10", "held_for_orders": "6",
        }  # fmt: skip
    refused = guest.ask("DELETE", "/v2/positions/BRKF", percentage="50", expect=403).body
    assert refused["message"].endswith("(requested: 5, available: 4)")
    part = guest.ask("DELETE", "/v2/positions/BRKF", percentage="33.333", expect=200).body
    assert part["qty"] == "3.3333"
    shared.advance(2)
    (closed,) = guest.ask("DELETE", "/v2/positions", expect=207).body
    assert (closed["symbol"], closed["status"], closed["body"]["qty"]) == ("BRKF", 200, "6.6667")
    shared.advance(2)
    assert guest.get("/v2/positions") == guest.get("/v2/orders") == []
    assert guest.ask("DELETE", "/v2/positions", expect=207).body == []


def test_watchlists(guest: Bot) -> None:
    """Our rules for lists hold: a name, a symbol at least, symbols that exist."""
    path = "/v2/watchlists"
    made = guest.ask("POST", path, {"name": "mine", "symbols": ["brkf", "AURUSD"]}, expect=200).body
    assert [each.symbol for each in Watchlist(**made).assets or []] == ["BRKF", "AURUSD"]
    for body in (
        {"name": "mine", "symbols": ["ALRB"]}, {"name": "no blanks", "symbols": ["ALRB"]},
        {"name": "empty", "symbols": []}, {"name": "none"}, {"name": "x", "symbols": ["NOPE"]},
        {"name": "x", "symbols": [5]}, {"name": 5, "symbols": ["ALRB"]},
    ):  # fmt: skip
        assert guest.ask("POST", path, body).status in (400, 404, 422), body
    one = f"{path}/{made['id']}"
    assert guest.ask("DELETE", f"{one}/ALRB").status == 404
    guest.ask("DELETE", f"{one}/AURUSD", expect=200)
    assert guest.ask("DELETE", f"{one}/BRKF").status == 400
    changed = guest.ask("PUT", one, {"name": "new", "symbols": ["ALRB"]}, expect=200).body
    assert [each["name"] for each in guest.get(path)] == ["new"]
    guest.ask("DELETE", f"{path}/{changed['id']}", expect=204)
    assert guest.ask("GET", one).status == 404


def test_the_calendar_is_bounded(guest: Bot) -> None:
    """A longer range than `CALENDAR_DAYS_MAX` is 400; without one it is around the market's day."""
    sessions = guest.get("/v2/calendar")
    assert 500 < len(sessions) < 510
    assert sessions[0]["date"] == "2019-01-07"
    early = guest.get("/v2/calendar", start="2019-11-29", end="2019-11-30")
    assert [(each["date"], each["close"]) for each in early] == [("2019-11-29", "13:00")]
    assert guest.get("/v2/calendar", start="2020-02-01", end="2020-01-01") == []
    end = (datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=hours.CALENDAR_DAYS_MAX)).date()
    assert guest.ask("GET", f"/v2/calendar?start=2000-01-01&end={end}").status == 400


def test_a_market_that_never_closes_has_a_calendar_too() -> None:
    """Every day is a session of it."""
    assert hours._row(hours.calendar_of("24/7"), datetime(2020, 1, 4, tzinfo=UTC).date()) == {
        "date": "2020-01-04", "open": "00:00", "close": "23:59",
        "session_open": "0000", "session_close": "2359",
    }  # fmt: skip


def test_the_assets_remembered_are_bounded() -> None:
    """The longest unused is forgotten; what is remembered is not asked for again for a while."""
    with GatewayMarket(seed=3) as market:
        bot = market.bot()
        bot.get("/v2/account")
        (seat,) = market.gateway.seats._seats.values()
        book = AssetBook(market.clock, most=1)

        def get(symbol: str) -> None:
            Deferred.fromCoroutine(book.get(seat, symbol))
            market.advance(0.2)

        for symbol in ("BRKF", "BRKF", "ALRB"):
            get(symbol)
        assert (list(book._known), book.forgotten) == (["ALRB"], 1)
        read_at = book._known["ALRB"][0]
        get("ALRB")
        assert book._known["ALRB"][0] == read_at
        market.advance(KNOWN_S + 1)
        get("ALRB")
        assert book._known["ALRB"][0] > read_at
