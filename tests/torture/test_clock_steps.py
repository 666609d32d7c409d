"""The wall clock of real servers steps by a day, forward and back, under clients that trade.

``disk/steps.c`` is preloaded into every server process. The client keeps the right time.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from papertrader.client.blocking import Client
from papertrader.ops.replaycheck import replay_check
from tests.server_kit import PASSWORD, Server, running
from tests.torture.disk import shim
from tests.torture.network_kit import wait_for

DAY_S = 86_400
STEPS = Path(__file__).parent / "disk" / "steps.c"
SETTLED_S = 1.5
"""Longer than a beat, a look at the disk, and what is counted by the second."""

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Step the clocks of all processes that are started from now on, to so many seconds ahead."""
    try:
        library = shim.library(STEPS)
    except shim.NoCompiler as missing:
        pytest.skip(str(missing))
    place = tmp_path / "step"
    place.write_bytes(bytes(8))
    monkeypatch.setenv("CLOCK_STEP", str(place))
    monkeypatch.setenv("LD_PRELOAD", str(library))

    def to(seconds: int) -> None:
        with open(place, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", seconds))

    yield to


class Person:
    """Trades, and looks at the stamps of what is told."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.number = 0
        self.order_id = 0
        self.now = self.last = 0.0
        self.worst = 0.0
        """By how many seconds a stamp was earlier than one before."""

    def trade(self, orders: int = 3) -> None:
        """Send and cancel orders; each must come through."""
        for _ in range(orders):
            self.number += 1
            order = self.client.buy("IBM", 1, limit="1.00", client_order_id=self.number)
            self.client.order_cancel(order.order_id)
            assert order.order_id > self.order_id
            self.order_id, self.now = order.order_id, order.accepted_at.timestamp()
            self.worst = max(self.worst, self.last - self.now)
            self.last = max(self.last, self.now)


def pids(server: Server) -> list[int]:
    """Return the pids of the workings."""
    return [int(server.said(f"{name}.json")["pid"]) for name in ("master", "worker-1")]


def test_steps_of_a_day_while_all_runs(tmp_path: Path, step: Callable[[int], None]) -> None:
    """P-15: no link, session, limit or timer notices, and no stamp moves with the clock."""
    with running(tmp_path / "state") as server, server.client() as client:
        client.register("ann", PASSWORD)
        client.login("ann", PASSWORD, remember=True)
        ann, before = Person(client), pids(server)
        ann.trade()
        began = time.time()
        for seconds in (DAY_S, -DAY_S, DAY_S, 0):
            step(seconds)
            ann.trade()
            time.sleep(SETTLED_S)
            ann.trade()
            with server.client() as other:
                other.login("ann", PASSWORD)
        assert pids(server) == before, "a process has begun anew"
        assert ann.worst == 0
        assert abs(ann.last - time.time()) < time.time() - began + 5
        server.stop()
        assert server.audit().violations == []
        assert replay_check(tmp_path / "state").findings == []


def test_a_master_that_starts_after_a_step(tmp_path: Path, step: Callable[[int], None]) -> None:
    """It has the new time, the worker still the old: they come together, and clients trade on.

    A start takes the system's time, but none before what the journal has: stamps never go back.
    """
    with running(tmp_path / "state") as server, server.client(timeout=60, patient=True) as client:
        client.register("ann", PASSWORD)
        client.login("ann", PASSWORD, remember=True)
        ann = Person(client)
        ann.trade()
        for to in (DAY_S, -DAY_S, 0, 2 * DAY_S):
            step(to)
            old = server.kill("master")
            server.wait_for_new("master", old)
            began = time.monotonic()
            ann.trade()
            wait_for("a login", lambda: logged_in(server))
            print(f"{to:+}: {time.monotonic() - began:.1f} s")
            assert abs(ann.now - time.time() - max(to, DAY_S)) < 60
            assert ann.worst == 0
        server.stop()
        assert server.audit().violations == []
        assert replay_check(tmp_path / "state").findings == []


def logged_in(server: Server) -> bool:
    """Log in as a newcomer would."""
    with server.client() as other:
        other.login("ann", PASSWORD)
    return True
