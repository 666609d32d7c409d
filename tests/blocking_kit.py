"""A client of the blocking face beside a scripted worker of real frames."""

from __future__ import annotations

import pytest

from papertrader.client.blocking import Client
from tests.client_kit import BlockingMarket


@pytest.fixture
def market() -> BlockingMarket:
    """A market with one user, ada."""
    market = BlockingMarket()
    market.add("ada", "correct horse")
    return market


def client_of(market: BlockingMarket, **options: object) -> Client:
    """A client of the scripted worker."""
    options = {"learn_workers": False, **market.options(), **options}
    return Client("127.0.0.1:2049", **options)


def logged_in(market: BlockingMarket, **options: object) -> Client:
    """A client that has logged in."""
    client = client_of(market, **options)
    client.login("ada", "correct horse")
    return client
