"""Watchlists and price alerts in the client library: all faces say the same."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from papertrader.client import errors
from papertrader.client.aio import AsyncClient
from papertrader.client.alertresults import AlertUpdate, Watchlist
from papertrader.client.blocking import Client
from papertrader.core.alerts import AlertCondition, AlertState
from papertrader.core.instants import from_datetime
from papertrader.core.money import SCALE
from papertrader.wire.kinds import Opcode, Status
from tests.client.test_aio import Bench as AsyncBench
from tests.client.test_trading import Bench, BlockingMarket, logged_in, market

__all__ = ["market"]

END = datetime(2030, 1, 2, tzinfo=UTC)


def test_watchlists(market: BlockingMarket) -> None:
    """Symbols once each, in their order; refusals as they come."""
    client = logged_in(market)
    tech = Watchlist(name="tech", symbols=("MSFT", "AAPL"))
    assert client.watchlist_set("tech", ["MSFT", "AAPL", "MSFT"]) == tech
    client.watchlist_set("one", "IBM")
    assert client.watchlist("tech") == tech
    assert [each.name for each in client.watchlists()] == ["one", "tech"]
    assert client.watchlist_delete("one") == 1
    for call in (client.watchlist, client.watchlist_delete):
        with pytest.raises(errors.RefusedError) as refused:
            call("one")
        assert refused.value.status == Status.NO_SUCH_WATCHLIST
    with pytest.raises(errors.RefusedError):
        client.watchlist_set("x", ["NONE"])
    sent = len(market.bodies(Opcode.WATCHLIST_SET))
    for name, symbols in (("a b", "IBM"), ("x", []), ("x", "not one"), ("", "IBM")):
        with pytest.raises(ValueError, match=r"watchlist|symbol"):
            client.watchlist_set(name, symbols)
    with pytest.raises(TypeError):
        client.watchlist_set(5, "IBM")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="513"):
        client.watchlist_set("x", [f"S{number}" for number in range(513)])
    assert len(market.bodies(Opcode.WATCHLIST_SET)) == sent


@pytest.mark.parametrize(
    ("of", "above", "condition"),
    [
        ("last", True, AlertCondition.LAST_AT_LEAST),
        ("last", False, AlertCondition.LAST_AT_MOST),
        ("bid", True, AlertCondition.BID_AT_LEAST),
        ("bid", False, AlertCondition.BID_AT_MOST),
        ("ask", True, AlertCondition.ASK_AT_LEAST),
        ("ask", False, AlertCondition.ASK_AT_MOST),
    ],
)
def test_conditions(
    market: BlockingMarket, of: str, above: bool, condition: AlertCondition
) -> None:
    """Which price, from which side, until when."""
    client = logged_in(market)
    limits = {"above": "220"} if above else {"below": "220"}
    made = client.alert_create("AAPL", **limits, of=of, expires=END)
    assert (made.alert, made.condition, made.price) == (1, condition, Decimal(220))
    assert (made.state, made.seen, made.ended_at) == (AlertState.OPEN, None, None)
    (sent,) = market.bodies(Opcode.ALERT_CREATE)
    assert (sent.price, sent.expires_at) == (220 * SCALE, from_datetime(END))


def test_what_cannot_be_asked(market: BlockingMarket) -> None:
    """Said before anything is sent."""
    client = logged_in(market)
    for fields in (
        {},
        {"above": 1, "below": 2},
        {"above": 0},
        {"below": "-1"},
        {"above": 1, "of": "x"},
    ):
        with pytest.raises(ValueError, match=r"above|alert|of must be one of last, bid, ask"):
            client.alert_create("AAPL", **fields)
    with pytest.raises(TypeError):
        client.alert_create("AAPL", above=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="numbered from 1"):
        client.alert_delete(0)
    assert market.bodies(Opcode.ALERT_CREATE) == []
    assert market.bodies(Opcode.ALERT_DELETE) == []


def pushed(market: BlockingMarket, client: Client, number: int, seen: int) -> list[object]:
    """What a client is given while an alert triggers."""
    market.idle.append(lambda: market.peers[-1].push_alert(number, seen * SCALE))
    return [each for each in client.events(timeout=0.5) if isinstance(each, AlertUpdate)]


def test_an_alert_is_pushed_and_kept(market: BlockingMarket) -> None:
    """With the account's events and not before they were asked for; then until it is deleted."""
    client = logged_in(market)
    client.alert_create("AAPL", above="220")
    client.alert_create("IBM", below="9")
    client.alert_create("IBM", below="7")
    assert pushed(market, client, 2, 8) == []
    client.subscribe_account()
    (update,) = pushed(market, client, 1, 221)
    assert isinstance(update, AlertUpdate)
    assert (update.alert.alert, update.alert.seen) == (1, 221)
    assert update.alert.state == AlertState.TRIGGERED
    assert client.alerts("AAPL") == (update.alert,)
    assert [each.alert for each in client.alerts()] == [1, 2, 3]
    assert client.alerts_clear() == 2
    assert client.alert_delete(3) == 1
    with pytest.raises(errors.RefusedError) as refused:
        client.alert_delete(3)
    assert refused.value.status == Status.NO_SUCH_ALERT


def test_the_twisted_face_has_them() -> None:
    """The same methods, as Deferreds."""
    bench = Bench().logged_in()
    client, result = bench.client, bench.result
    assert result(client.watchlist_set("tech", ["AAPL"])).symbols == ("AAPL",)
    assert result(client.watchlist("tech")).name == "tech"
    assert len(result(client.watchlists())) == 1
    assert result(client.watchlist_delete("tech")) == 0
    assert result(client.alert_create("AAPL", above=5)).alert == 1
    assert len(result(client.alerts())) == 1
    assert result(client.alert_delete(1)) == 1
    assert result(client.alerts_clear()) == 0


def test_the_asyncio_face_has_them() -> None:
    """The same methods, as coroutines."""

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")
        assert (await client.watchlist_set("tech", ["AAPL"])).symbols == ("AAPL",)
        assert (await client.watchlist("tech")).name == "tech"
        assert len(await client.watchlists()) == 1
        assert await client.watchlist_delete("tech") == 0
        assert (await client.alert_create("AAPL", below=5)).alert == 1
        assert len(await client.alerts()) == 1
        assert await client.alert_delete(1) == 1
        assert await client.alerts_clear() == 0

    AsyncBench().run(body)
