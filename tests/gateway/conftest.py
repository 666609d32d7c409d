"""Markets in memory: one for a whole file, or one of a test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway_kit import Bot, GatewayMarket


@pytest.fixture(scope="module")
def shared() -> Iterator[GatewayMarket]:
    """A simulated market with a gateway, for tests that change only accounts of their own."""
    with GatewayMarket(seed=3) as made:
        yield made


@pytest.fixture
def guest(shared: GatewayMarket) -> Bot:
    """A program of a new account in the shared market."""
    return shared.bot()


@pytest.fixture
def market() -> Iterator[GatewayMarket]:
    """A simulated market of one test, which may look at its counters."""
    with GatewayMarket(seed=3) as made:
        yield made


@pytest.fixture
def bot(market: GatewayMarket) -> Bot:
    """A program of the only account in the market of one test."""
    return market.bot()
