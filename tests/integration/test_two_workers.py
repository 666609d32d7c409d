"""Two workers, three clients: one order of events for all; a stopped worker's clients move on."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest

from papertrader.client.blocking import Client
from papertrader.client.updates import OrderUpdate, QuoteUpdate, TransactionUpdate
from tests.server_kit import PASSWORD, Server, running

WATCH_S = 150.0
QUOTES = 6
"""Of one symbol; some of them come after the worker has gone."""


class Watcher(threading.Thread):
    """A client of one worker that writes down every event of the account, up to ``last``."""

    def __init__(self, server: Server, workers: list[str]) -> None:
        super().__init__()
        self.client = Client(workers, server.ca, timeout=60)
        self.last: int | None = None
        self.subscribed = threading.Event()
        self.seen: list[tuple[int, str, int, str]] = []
        self.quotes: list[tuple[str, int]] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with self.client as client:
                client.login("ann", PASSWORD, remember=True)
                client.subscribe_account(from_event_seq=1)
                client.subscribe_quotes(["IBM"])
                self.subscribed.set()
                deadline = time.monotonic() + WATCH_S
                while not self.done() and time.monotonic() < deadline:
                    for event in client.events(timeout=0.2):
                        self.take(event)
        except BaseException as failure:
            self.failure = failure
        finally:
            self.subscribed.set()

    def done(self) -> bool:
        """Whether all that is looked for has come."""
        if self.last is None or not self.seen:
            return False
        return self.seen[-1][0] >= self.last and len(self.quotes) >= QUOTES

    def take(self, event: object) -> None:
        if isinstance(event, OrderUpdate):
            order = event.order
            self.seen.append((event.sequence, "order", order.order_id, order.state.name))
        elif isinstance(event, TransactionUpdate):
            number = event.transaction.transaction
            self.seen.append((event.sequence, "tx", number, str(event.transaction.amount)))
        elif isinstance(event, QuoteUpdate):
            self.quotes.append((event.quote.symbol, event.quote.quote_seq))


@pytest.mark.slow
def test_same_events_and_a_worker_that_goes(tmp_path: Path) -> None:
    """All see the same events in the same order; who was on the stopped worker sees them too."""
    with running(tmp_path / "state", "--workers", "2") as server:
        first, second = server.workers
        with Client([first], server.ca) as client:
            client.register("ann", PASSWORD)
        watchers = [
            Watcher(server, [first, second]),
            Watcher(server, [second, first]),
            Watcher(server, [first, second]),
        ]
        for watcher in watchers:
            watcher.start()
        for watcher in watchers:
            assert watcher.subscribed.wait(WATCH_S)
        with Client([second, first], server.ca) as trader:
            trader.login("ann", PASSWORD, remember=True)
            for number in range(5):
                trader.buy("IBM", 1, client_order_id=1 + number)
            time.sleep(1.0)
            server.kill("worker-1", signal.SIGTERM)
            time.sleep(0.5)
            for number in range(5):
                trader.sell("IBM", 1, client_order_id=100 + number)
            expected = trader.portfolio().event_seq
        for watcher in watchers:
            watcher.last = expected
        for watcher in watchers:
            watcher.join(WATCH_S + 30)
            assert watcher.failure is None, repr(watcher.failure)
        # Orders may have filled after that: what came then is not looked for in all of them.
        told = [[each for each in watcher.seen if each[0] <= expected] for watcher in watchers]
        assert [entry[0] for entry in told[0]] == list(range(1, expected + 1))
        for other in told[1:]:
            assert other == told[0]
        for watcher in watchers:
            numbers = [number for symbol, number in watcher.quotes if symbol == "IBM"]
            assert len(numbers) >= QUOTES
            assert numbers == sorted(set(numbers)), "a quote came twice or out of order"
        assert server.audit().violations == []
