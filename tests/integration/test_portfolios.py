"""Amended orders and several portfolios through a real worker and master, and the command line."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from papertrader.client import errors
from papertrader.client.blocking import Client
from papertrader.client.updates import OrderUpdate, TransactionUpdate
from papertrader.core.orders import OrderState, Side
from tests.server_kit import EVENTS_S, PASSWORD, Server, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A whole PaperTrader with one user."""
    with running(tmp_path_factory.mktemp("portfolios") / "state") as server:
        with Client(server.workers, server.ca) as client:
            client.register("ada", PASSWORD)
        yield server


def test_a_second_portfolio_from_its_creation_to_its_reset(server: Server) -> None:
    """Previewed, bought, replaced, cancelled, reset; the audit of the running server is clean."""
    with Client(server.workers, server.ca) as client:
        client.login("ada", PASSWORD)
        number = client.portfolio_create("tech", cash=5_000).portfolio
        client.subscribe_account()
        cost = client.order_preview(Side.BUY, "IBM", 10, portfolio=number).cost
        assert 0 < cost < 5_000
        client.buy("IBM", 10, portfolio=number)
        changes = (e for e in client.events(EVENTS_S) if isinstance(e, TransactionUpdate))
        assert next(changes).transaction.portfolio == number
        old = client.buy("IBM", 1, limit="1", portfolio=number)
        new = client.order_replace(old.order_id, quantity=2, portfolio=number)
        assert client.order(old.order_id).replaced_by == new.order_id
        assert client.order_cancel_all(portfolio=number).cancelled == 1
        with pytest.raises(errors.RefusedError):
            client.order_replace(new.order_id, quantity=3, portfolio=number)
        ioc = client.buy("IBM", 1, limit="1", time_in_force="ioc", portfolio=number)
        ended = (
            e.order
            for e in client.events(EVENTS_S)
            if isinstance(e, OrderUpdate) and e.order.order_id == ioc.order_id
        )
        states = [next(ended).state, next(ended).state]
        assert states == [OrderState.PENDING, OrderState.CANCELLED]
        assert client.order(ioc.order_id).reason == "NOT_FILLABLE"
        reset = client.portfolio_reset(number, cash=50)
        assert (reset.season, reset.cash, reset.positions) == (2, 50, 0)
        assert client.portfolio_withdraw(50, portfolio=number).cash == 0
        first, second = client.portfolios()
        assert (first.cash, second.name) == (Decimal(100_000), "tech")
    assert server.audit().violations == []
