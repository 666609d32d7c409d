"""What a position gained today: since the last close, or since it was bought today."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest

from papertrader.client.moneyresults import Position
from papertrader.client.protocol import TwistedClient
from papertrader.client.results import Asset, Page, Quote, Transaction
from papertrader.core.quotes import AssetFlag, AssetKind, AssetStatus, QuoteFlag
from papertrader.gateway import today
from papertrader.gateway.positions import own_price, position_body
from papertrader.wire.kinds import TxKind
from tests.gateway_kit import GatewayMarket

NOON = datetime(2020, 1, 7, 17, tzinfo=UTC)
ZERO = Decimal(0)


def asset(kind: AssetKind = AssetKind.STOCK, exchange: str = "XNYS") -> Asset:
    """Return what is traded."""
    return Asset(
        symbol="X", kind=kind, status=AssetStatus.TRADABLE, flags=AssetFlag(0), currency="USD",
        tick=Decimal("0.01"), lot=Decimal(1), quantity_min=Decimal(1), quantity_max=Decimal(1000),
        first_bar=None, last_bar=None, exchange=exchange,
    )  # fmt: skip


def quote(prev_close: Decimal | None = Decimal(100), at: datetime | None = NOON) -> Quote:
    """Return the newest prices."""
    return Quote(
        symbol="X", bid=None, ask=None, last=None, bid_size=ZERO, ask_size=ZERO, last_size=ZERO,
        day_open=None, day_high=None, day_low=None, prev_close=prev_close, day_volume=ZERO,
        source_time=at, observed_at=None, quote_seq=1, flags=QuoteFlag(0),
    )  # fmt: skip


def position(quantity: str, cost: str, mark: str | None = "112") -> Position:
    """Return what is held."""
    held, basis = Decimal(quantity), Decimal(cost)
    price = None if mark is None else Decimal(mark)
    value = None if price is None else price * held
    return Position(
        symbol="X", quantity=held, reserved=ZERO, average_cost=basis / held, cost_basis=basis,
        mark=price, last=price, market_value=value,
        unrealized_pnl=None if value is None else value - basis, realized_pnl=ZERO,
        opened_at=None, updated_at=None, fifo_cost_basis=basis, fifo_realized=ZERO,
    )  # fmt: skip


def row(
    kind: TxKind, quantity: str, price: str, at: datetime = NOON, symbol: str = "X"
) -> Transaction:
    """Return a trade as the ledger tells it."""
    return Transaction(
        transaction=1, portfolio=1, kind=kind, currency="USD", symbol=symbol,
        quantity=Decimal(quantity), price=Decimal(price), amount=ZERO, fees=ZERO, cash_after=ZERO,
        realized=ZERO, order_id=1, fill=1, received_at=None, executed_at=None, quote_seq=1,
        market_at=at,
    )  # fmt: skip


YESTERDAY = NOON - timedelta(days=1)
CASES = {
    "held before": (("10", "900"), [row(TxKind.BUY, "10", "90", YESTERDAY)], (120, 1000)),
    "nothing is known of it": (("10", "900"), [], (120, 1000)),
    "bought today": (("10", "1130"), [row(TxKind.BUY, "10", "113")], (-10, 1130)),
    "sold short today": (("-10", "-1130"), [row(TxKind.SHORT, "10", "113")], (10, 1130)),
    "partly from before": (
        ("15", "1465"),
        [row(TxKind.BUY, "5", "113"), row(TxKind.BUY, "10", "90", YESTERDAY)],
        (120 - 5, 1565),
    ),
    "sold of what was held before": (
        ("7", "651"), [row(TxKind.SELL, "8", "115"), row(TxKind.BUY, "5", "113")],
        (2 * 12 - 5, 765),
    ),
    "sold of today's, too": (
        ("3", "300"),
        [row(TxKind.SELL, "10", "115"), row(TxKind.BUY, "4", "110"), row(TxKind.BUY, "4", "114")],
        (0, 336),
    ),
    "short, partly covered": (
        ("-6", "-600"), [row(TxKind.COVER, "4", "115"), row(TxKind.SHORT, "3", "113")],
        (3 * -12 + 3, 639),
    ),
    "turned round today": (
        ("-2", "-230"),
        [row(TxKind.SHORT, "2", "115"), row(TxKind.SELL, "5", "115")],
        (6, 230),
    ),
    "split today": (
        ("20", "1800"), [row(TxKind.SPLIT, "20", "0"), row(TxKind.BUY, "10", "180")], (240, 2000),
    ),
    "of another symbol": (("10", "900"), [row(TxKind.BUY, "9", "5", symbol="Y")], (120, 1000)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_rule(case: str) -> None:
    """What was held at the close counts from it, what was bought since from its price."""
    held, trades, told = CASES[case]
    found = today.today_of(position(*held), asset(), quote(), trades, "USD")
    assert (found.profit, found.base) == told


def test_what_is_not_known() -> None:
    """Without a price, a quote or a close there is no figure, but today's needs no close."""
    held, bought = position("10", "1130"), [row(TxKind.BUY, "10", "113")]
    nothing = today.Today()
    assert today.today_of(held, asset(), None, bought, "USD") == nothing
    assert today.today_of(held, asset(), quote(at=None), bought, "USD") == nothing
    assert today.today_of(position("10", "1130", None), asset(), quote(), bought, "USD") == nothing
    assert today.today_of(held, asset(), quote(None), [], "USD") == nothing
    assert today.today_of(held, asset(), quote(None), bought, "USD").profit == -10


def test_what_is_priced_in_another_currency() -> None:
    """A close in dollars and a value in euros make no profit; what was bought today has its own."""
    held, bought = position("10", "1130"), [row(TxKind.BUY, "10", "150")]
    assert today.today_of(held, asset(), quote(), [], "EUR") == today.Today()
    assert today.today_of(held, asset(), quote(), bought[:0], "USD").profit == 120
    assert today.today_of(held, asset(), quote(), bought, "EUR").profit == -10
    newest = attrs.evolve(quote(), bid=Decimal(148), ask=Decimal(149))
    body = position_body(held, asset(), newest, today.Today(), "EUR")
    assert (body["current_price"], body["lastday_price"], body["change_today"]) == (
        "112", None, "0.48",
    )  # fmt: skip
    assert body["unrealized_intraday_pl"] is body["unrealized_intraday_plpc"] is None
    at_home = position_body(held, asset(), newest, today.Today(), "USD")
    assert (at_home["lastday_price"], at_home["change_today"]) == ("100", "0.12")
    assert own_price(Decimal(-1), newest) == 149
    assert own_price(Decimal(-1), attrs.evolve(newest, last=Decimal(147))) == 147
    assert own_price(Decimal(1), quote()) is own_price(Decimal(1), None) is None


def test_a_position_is_worth_its_last_price() -> None:
    """Not the bid: it is compared with closes, which are last prices; the bid where there is none.

    Worth and profit are rounded down as the server rounds them.
    """
    held = attrs.evolve(
        position("10", "1130"), mark=Decimal(111), market_value=Decimal(1110),
        unrealized_pnl=Decimal(-20),
    )  # fmt: skip
    bought = [row(TxKind.BUY, "10", "113")]
    body = position_body(
        held, asset(), quote(), today.today_of(held, asset(), quote(), bought, "USD"), "USD"
    )
    assert (body["current_price"], body["market_value"]) == ("112", "1120")
    assert (body["unrealized_pl"], body["unrealized_intraday_pl"]) == ("-10", "-10")
    assert today.today_of(held, asset(), quote(), [], "USD").profit == 120
    unsold = attrs.evolve(held, last=None)
    body = position_body(unsold, asset(), quote(), today.Today(), "USD")
    assert (body["current_price"], body["market_value"], body["unrealized_pl"]) == (
        "111", "1110", "-20",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "exchange", "is_today"),
    [
        (AssetKind.STOCK, "XNYS", True),
        (AssetKind.STOCK, "", True),
        (AssetKind.STOCK, "XETR", False),
        (AssetKind.CRYPTO, "24/7", False),
    ],
)
def test_a_day_is_told_by_the_exchange(kind: AssetKind, exchange: str, is_today: bool) -> None:
    """Half past seven in the evening of New York is another day elsewhere."""
    late = datetime(2020, 1, 8, 0, 30, tzinfo=UTC)
    bought = [row(TxKind.BUY, "10", "113", NOON)]
    what = asset(kind, exchange)
    found = today.today_of(position("10", "1130"), what, quote(at=late), bought, "USD")
    assert found.profit == (-10 if is_today else 120)


def test_a_share_bought_today_and_more_the_next_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the first day it is the whole profit; on the next both parts count, each by its rule.

    The trades are read once for as long as no position changes.
    """
    asked: list[int] = []
    read = TwistedClient.transactions

    async def watched(self: TwistedClient, **how: Any) -> Page[Transaction]:
        page = await read(self, **how)
        asked.append(len(page))
        return page

    monkeypatch.setattr(TwistedClient, "transactions", watched)
    with GatewayMarket(seed=3, speed=1_000) as market:
        bot = market.bot()
        bot.order(qty="10")
        market.advance(2)
        first = bot.get("/v2/positions/BRKF")
        assert first["lastday_price"] is not None
        assert first["unrealized_intraday_pl"] == first["unrealized_pl"]
        assert first["unrealized_intraday_plpc"] == first["unrealized_plpc"]
        change = Decimal(first["current_price"]) / Decimal(first["lastday_price"]) - 1
        assert Decimal(first["change_today"]) == pytest.approx(change, abs=Decimal("1e-8"))
        assert bot.get("/v2/positions")[0]["qty"] == "10"
        assert asked == [1]
        market.advance(26)
        old = bot.get("/v2/positions/BRKF")
        gain = 10 * (Decimal(old["current_price"]) - Decimal(old["lastday_price"]))
        assert Decimal(old["unrealized_intraday_pl"]) == gain
        bot.order(qty="5")
        market.advance(2)
        both = bot.get("/v2/positions/BRKF")
        assert asked == [1, 2]
        assert both["lastday_price"] == old["lastday_price"]
        price, close = Decimal(both["current_price"]), Decimal(both["lastday_price"])
        paid = Decimal(both["cost_basis"]) - Decimal(first["cost_basis"])
        wanted = 10 * (price - close) + 5 * price - paid
        assert Decimal(both["unrealized_intraday_pl"]) == wanted
        share = Decimal(both["unrealized_intraday_plpc"])
        assert share == pytest.approx(wanted / (10 * close + paid), abs=Decimal("1e-8"))
        monkeypatch.setattr(today, "TRADES_MAX", 1)
        bot.order(qty="1")
        market.advance(2)
        bot.get("/v2/positions")
        assert asked == [1, 2, 1], "no more than the limit is read"
