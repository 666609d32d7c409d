"""One market clock on real processes: a day in seconds, paused, stepped, turned back, killed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from papertrader.client.blocking import Client
from papertrader.client.results import MarketUpdate, Order, OrderUpdate
from papertrader.core.orders import OrderState
from papertrader.wire.kinds import Status
from tests.server_kit import PASSWORD, Server, running

pytestmark = pytest.mark.slow


def ok(server: Server, *arguments: str) -> dict[str, Any]:
    """Run a command that must work; return what it printed for programs."""
    done = server.cli("--json", *arguments)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def until(client: Client, number: int, seconds: float = 20.0) -> Order:
    """Wait until an order is final; return it."""
    for event in client.events(timeout=seconds):
        if isinstance(event, OrderUpdate) and event.order.order_id == number:
            found = client.order(number)
            if not found.is_open:
                return found
    return client.order(number)


@pytest.mark.parametrize(
    ("market", "symbol", "earlier"),
    [("replay", "AAPL", "2008-09-15"), ("simulated", "ALRB", "2009-06-15")],
)
def test_a_day_in_seconds(tmp_path: Path, market: str, symbol: str, earlier: str) -> None:
    """The same commands on both markets; every kind of order; nothing is lost by kill -9."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    arguments = ("--market", market, "--speed", "3600")
    with running(tmp_path / "state", *arguments) as server:
        ok(server, "--password-file", str(secret), "register", "ann")
        ok(server, "--password-file", str(secret), "login", "ann")
        with server.client("ann") as client:
            client.subscribe_account()
            _fill_every_kind(client, symbol)
            _see_a_day_pass(client)
        stood = ok(server, "clock", "pause")["clock"]
        assert stood["paused"]
        assert ok(server, "clock")["clock"]["now"] == stood["now"]
        later = ok(server, "clock", "step", "1d")["clock"]
        assert datetime.fromisoformat(later["now"]) - datetime.fromisoformat(
            stood["now"]
        ) >= timedelta(days=1)
        waiting = ok(server, "buy", symbol, "1", "--limit", "0.01", "--gtc", "--wait", "0")
        held = ok(server, "portfolio")["portfolio"]
        turned = ok(server, "clock", "jump", earlier)["clock"]
        assert (turned["epoch"], turned["now"][:10], turned["paused"]) == (2, earlier, True)
        now = ok(server, "portfolio")["portfolio"]
        assert now["cash"] == held["cash"]
        assert [row["quantity"] for row in now["positions"]] == [
            row["quantity"] for row in held["positions"]
        ]
        assert ok(server, "quote", symbol)["quotes"][0]["source_time"][:10] == earlier
        server.wait_for_new("master", server.kill("master"))
        again = ok(server, "clock")["clock"]
        told_anew = {"as_of": "", "cache_until": ""}
        assert {**again, **told_anew} == {**turned, **told_anew}
        with server.client("ann") as client:
            ended = client.order(waiting["order"]["order_id"])
            assert ended.state == OrderState.CANCELLED
            assert ended.reason == Status.CLOCK_TURNED_BACK.name
            client.subscribe_account()
            number = client.sell(symbol, 1).order_id
            assert client.order(number).is_open, "while the clock stands nothing fills"
            client.set_clock(step=timedelta(minutes=5))
            assert until(client, number).state == OrderState.FILLED
        assert server.audit().violations == []
        assert server.stop() < 5


def _fill_every_kind(client: Client, symbol: str) -> None:
    """Market, limit, day, until canceled, at once: all fill, or end as they should."""
    ask = client.quotes(symbol)[0].ask
    assert ask is not None
    high = (ask * 2).quantize(ask)
    numbers = [
        client.buy(symbol, 10).order_id,
        client.buy(symbol, 2, limit=high, time_in_force="gtc").order_id,
        client.buy(symbol, 2, limit=high, time_in_force="ioc").order_id,
        client.buy(symbol, 2, limit=high, time_in_force="fok").order_id,
        client.buy(symbol, 1, limit=high, time_in_force="day").order_id,
    ]
    for number in numbers:
        assert until(client, number).state == OrderState.FILLED, number
    sold = client.sell(symbol, 3, limit="0.01").order_id
    assert until(client, sold).state == OrderState.FILLED
    forlorn = client.buy(symbol, 1, limit="0.01", time_in_force="day").order_id
    assert until(client, forlorn).state == OrderState.EXPIRED


def _see_a_day_pass(client: Client) -> None:
    """A close and the next opening come within seconds."""
    client.subscribe_market()
    seen = []
    began = datetime.now(UTC)
    for event in client.events(timeout=25.0):
        if isinstance(event, MarketUpdate):
            seen.append(event.market.is_open)
            if seen[-2:] == [False, True]:
                break
    assert seen[-2:] == [False, True]
    assert datetime.now(UTC) - began < timedelta(seconds=25)
