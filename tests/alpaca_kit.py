"""Programs written for Alpaca, by alpaca-py: what one is made of, and its errors."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, OrderStatus, TimeInForce
from alpaca.trading.requests import MarketOrderRequest

from papertrader.client.blocking import Client
from papertrader.core.orders import OrderState
from papertrader.wire.kinds import Scope
from tests.server_kit import PASSWORD, Server

BUY = {"side": OrderSide.BUY, "time_in_force": TimeInForce.GTC}
SELL = {"side": OrderSide.SELL, "time_in_force": TimeInForce.GTC}
WAIT_S = 150.0
"""More than a minute, after which a bar is complete, and what a busy machine needs besides."""
STOCK, OTHER, PAIR = "BRKF", "ALRB", "AURUSD"


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
        self.stocks = StockHistoricalDataClient(*self.keys, url_override=self.url)
        self.crypto = CryptoHistoricalDataClient(*self.keys, url_override=self.url)
        self.owner.subscribe_account()

    def filled(self, sent: Any) -> Any:
        """Return an order once it has filled, as alpaca-py reads it."""
        for event in self.owner.events(timeout=WAIT_S):
            order = getattr(event, "order", None)
            if order is not None and order.state == OrderState.FILLED:
                found: Any = self.trading.get_order_by_id(sent.id)
                if found.status == OrderStatus.FILLED:
                    return found
        raise AssertionError(f"{sent.id} has not filled")

    def bought(self, quantity: int, symbol: str = STOCK) -> Any:
        """Buy at the market; return the filled order."""
        request = MarketOrderRequest(symbol=symbol, qty=quantity, **BUY)
        return self.filled(self.trading.submit_order(request))

    def price(self, symbol: str = STOCK) -> Decimal:
        """Return the last price."""
        price = self.owner.quotes(symbol)[0].last
        assert price is not None
        return price


def error_of(caught: pytest.ExceptionInfo[APIError]) -> dict[str, Any]:
    """Return the body of an error, as alpaca-py hands it out."""
    body: dict[str, Any] = json.loads(str(caught.value))
    return body


@contextlib.contextmanager
def refused(code: int) -> Iterator[None]:
    """Expect an error with this code."""
    with pytest.raises(APIError) as caught:
        yield
    assert error_of(caught)["code"] == code
