"""kill -9 of the master in the middle of a stream of orders: nothing acknowledged is ever lost."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import pytest

from papertrader.client.blocking import Client
from papertrader.client.errors import OutcomeUnknown, PaperTraderError, RefusedError
from papertrader.client.results import Order
from tests.server_kit import PASSWORD, Server, running
from tests.torture.network_kit import wait_for

KILLS = int(os.environ.get("PAPERTRADER_KILLS", "4"))
TRADERS = 3
SEED = int(os.environ.get("PAPERTRADER_TORTURE_SEED", "1"))


class Trader(threading.Thread):
    """Sends orders one after another and writes down every answer before the next."""

    def __init__(self, server: Server, name: str, stop: threading.Event) -> None:
        super().__init__(name=name)
        self.client = Client(server.workers, server.ca, timeout=60, patient=True)
        self.stopping = stop
        self.acknowledged: dict[int, int] = {}
        self.unknown: list[int] = []
        self.refused: list[int] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with self.client as client:
                client.register(self.name, PASSWORD)
                client.login(self.name, PASSWORD, remember=True)
                self.trade(client)
        except BaseException as failure:
            self.failure = failure

    def trade(self, client: Client) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            try:
                limit = "1.00" if number % 3 else None
                order = client.buy("IBM", 1, limit=limit, client_order_id=number)
                self.acknowledged[number] = order.order_id
                if number % 3:
                    client.order_cancel(order.order_id)
                else:
                    client.sell("IBM", 1, client_order_id=10**9 + number)
            except RefusedError:
                self.refused.append(number)
            except OutcomeUnknown:
                self.unknown.append(number)


@pytest.mark.slow
def test_kill_9_in_a_stream_of_orders(tmp_path: Path) -> None:
    """Every acknowledged order is there after each kill, none twice; the clients go on alone."""
    chance = random.Random(SEED)
    with running(tmp_path / "state") as server:
        stop = threading.Event()
        traders = [Trader(server, f"trader{n}", stop) for n in range(TRADERS)]
        for trader in traders:
            trader.start()
        all_trade(traders)
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.6))
            server.wait_for_new("master", server.kill("master"))
        all_trade(traders)
        stop.set()
        for trader in traders:
            trader.join(90)
            assert not trader.is_alive(), "a client did not go on by itself"
            assert trader.failure is None, repr(trader.failure)
        check(server, traders)
        server.stop()
        report = server.audit()
        assert report.violations == []


def all_trade(traders: list[Trader]) -> None:
    """Wait until each has had some more orders acknowledged."""
    before = [len(trader.acknowledged) for trader in traders]

    def more() -> bool:
        pairs = zip(traders, before, strict=True)
        return all(len(trader.acknowledged) > n + 3 or trader.failure for trader, n in pairs)

    wait_for("orders", more)


def all_orders(client: Client) -> list[Order]:
    """Read every order, page by page."""
    found: list[Order] = []
    after = 0
    for _ in range(1_000):
        page = client.orders(every=True, after=after)
        found += page
        after = page.next_after
        if not after:
            return found
    raise AssertionError("too many orders")


def check(server: Server, traders: list[Trader]) -> None:
    """Compare what each client was told with what the server has."""
    acknowledged = 0
    for trader in traders:
        with Client(server.workers, server.ca, timeout=60) as client:
            client.login(trader.name, PASSWORD)
            orders = all_orders(client)
            by_client_id = {order.client_order_id: order for order in orders}
            assert len(by_client_id) == len(orders), "an order is there twice"
            for number, order_id in trader.acknowledged.items():
                assert by_client_id[number].order_id == order_id, "an acknowledged order is lost"
            for number in trader.refused:
                assert number in trader.acknowledged or number not in by_client_id
            acknowledged += len(trader.acknowledged)
            with pytest.raises(PaperTraderError):
                client.order(client_order_id=10**12)
    unknown = sum(len(trader.unknown) for trader in traders)
    print(f"{KILLS} kills, {acknowledged} orders acknowledged, {unknown} unknown, 0 lost")
    assert acknowledged > KILLS
