"""alpaca-py from PyPI, unchanged, against a real worker over TLS: one server for all tests here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, OrderStatus, TimeInForce
from alpaca.trading.requests import MarketOrderRequest

from papertrader.client.blocking import Client
from papertrader.core.orders import OrderState
from papertrader.wire.kinds import Scope
from tests.server_kit import PASSWORD, Server, running

pytestmark = pytest.mark.slow


class Bot:
    """A program written for Alpaca: its keys, where to, and what it is made of."""

    def __init__(self, server: Server, name: str) -> None:
        where = server.said("worker-1.json")["gateway"]
        self.place = f"{where['host']}:{where['port']}"
        self.url = f"https://{self.place}"
        self.owner: Client = server.client()
        self.owner.register(name, PASSWORD)
        self.owner.login(name, PASSWORD)
        key = self.owner.api_key_create("bot", scope=Scope.TRADE).credential
        self.keys = key[:16], key[16:]
        self.trading = TradingClient(*self.keys, url_override=self.url)
        self.owner.subscribe_account()

    def filled(self, sent: Any) -> Any:
        """Return an order once it has filled, as alpaca-py reads it."""
        for event in self.owner.events(timeout=20):
            order = getattr(event, "order", None)
            if order is not None and order.state == OrderState.FILLED:
                found: Any = self.trading.get_order_by_id(sent.id)
                if found.status == OrderStatus.FILLED:
                    return found
        raise AssertionError(f"{sent.id} has not filled")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PaperTrader with a gateway, whose authority the process trusts."""
    state: Path = tmp_path_factory.mktemp("gateway") / "state"
    with running(state, "--gateway-port", "0") as started, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(started.ca))
        patch.setenv("SSL_CERT_FILE", str(started.ca))
        yield started


@pytest.fixture(scope="module")
def bot(server: Server) -> Iterator[Bot]:
    """A program of a new account."""
    made = Bot(server, "bot")
    yield made
    made.owner.close()


def error_of(caught: pytest.ExceptionInfo[APIError]) -> dict[str, Any]:
    """Return the body of an error, as alpaca-py hands it out."""
    body: dict[str, Any] = json.loads(str(caught.value))
    return body


def test_a_market_order(bot: Bot) -> None:
    """A newcomer's account has its cash; an order is sent, filled, and found by both its names."""
    account: Any = bot.trading.get_account()
    assert (account.cash, account.currency, account.status.value) == ("100000", "USD", "ACTIVE")
    request = MarketOrderRequest(
        symbol="AAPL",
        qty=3,
        side=OrderSide.BUY,
        time_in_force=TimeInForce.GTC,
        client_order_id="my first one",
    )
    sent: Any = bot.trading.submit_order(request)
    assert (sent.symbol, sent.qty, sent.client_order_id) == ("AAPL", "3", "my first one")
    found = bot.filled(sent)
    assert found.status == OrderStatus.FILLED
    assert found.filled_qty == "3"
    assert bot.trading.get_order_by_client_id("my first one") == found
    with pytest.raises(APIError) as caught:
        bot.trading.submit_order(request)
    assert error_of(caught) == {"code": 40010001, "message": "client_order_id must be unique"}


def test_wrong_keys(bot: Bot) -> None:
    """A wrong secret is forbidden and counts as a failed login; without keys nothing is asked."""
    with pytest.raises(APIError) as caught:
        TradingClient(bot.keys[0], "0" * 64, url_override=bot.url).get_account()
    assert error_of(caught)["code"] == 40310000
    assert bot.keys[1] not in str(caught.value)
    with pytest.raises(APIError) as caught:
        TradingClient("made up", "as well", url_override=bot.url).get_account()
    assert error_of(caught)["code"] == 40310000
