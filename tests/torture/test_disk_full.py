"""A file system of its own fills up under a real server: nothing is lost, nothing half told.

The state directory is a small tmpfs, which only root may mount: skipped, and counted, elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from papertrader.client.blocking import Client
from papertrader.client.errors import ConnectionLost, NoSuchOrder, OutcomeUnknown, RefusedError
from papertrader.ops.replaycheck import replay_check
from papertrader.wire.kinds import Status
from tests.server_kit import EVENTS_S, PASSWORD, Server, running
from tests.torture.network_kit import wait_for

SIZE_MIB = 128
LOW_WATER_MIB = 8
MIB = 1 << 20
ROUNDS = 2
LITTLE = 72 << 10
SHORT_S = 2.5
"""How long a client asks again when it is told READ_ONLY, and when to ask again."""

SELDOM = """
import sys
if "papertrader.ops.workings" in sys.orig_argv and "master" in sys.orig_argv:
    from papertrader.master import storeguard
    storeguard.LOOK_S = 3600.0
"""

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


class Disk:
    """A small file system, and a file in it that takes its room away."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ballast = place / "ballast"

    @property
    def free(self) -> int:
        """The octets that are left."""
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize

    def leave(self, octets: int) -> None:
        """Take room away until only so much is left, or all that is left."""
        # Unbuffered: what is left in a buffer would be written once more, by close.
        with contextlib.suppress(OSError), open(self._ballast, "ab", buffering=0) as ballast:
            while (more := self.free - octets) > 0:
                ballast.write(bytes(min(more, MIB)))
                ballast.flush()

    def give_back(self) -> None:
        """Give all of it back."""
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A tmpfs at the state directory's place."""
    place = tmp_path / "state"
    place.mkdir(mode=0o700)
    options = f"size={SIZE_MIB}m,mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "papertrader-test", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system may not be mounted: {done.stderr.strip()}")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


class Trader(threading.Thread):
    """Sends one order after another and writes down what it is told of each."""

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(name=name)
        self.client = Client(server.workers, server.ca, timeout=60, patient=True)
        self.stopping = threading.Event()
        self.told: dict[int, str] = {}
        self.asked = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with self.client as client:
                client.register(self.name, PASSWORD)
                client.login(self.name, PASSWORD, remember=True)
                while not self.stopping.is_set():
                    self.asked += 1
                    self.told[self.asked] = self._order(client, self.asked)
        except BaseException as failure:
            self.failure = failure

    def _order(self, client: Client, number: int) -> str:
        try:
            order = client.buy("IBM", 1, limit="1.00", client_order_id=number)
        except RefusedError as refused:
            time.sleep(0.05)
            return Status(refused.status).name
        except OutcomeUnknown:
            return "UNKNOWN"
        with contextlib.suppress(RefusedError, OutcomeUnknown):
            client.order_cancel(order.order_id)
        return "TAKEN"

    def count(self, outcome: str) -> int:
        """Return how many orders came to an outcome."""
        return list(self.told.values()).count(outcome)


def known(ask: Callable[[], Any]) -> Any:
    """Ask until it is known what became of it: a busy machine may need longer than `SHORT_S`."""
    deadline = time.monotonic() + EVENTS_S
    while True:
        try:
            return ask()
        except (OutcomeUnknown, ConnectionLost):
            assert time.monotonic() < deadline


def all_trade(traders: list[Trader]) -> None:
    """Wait until each has had some more orders taken."""
    before = [trader.count("TAKEN") for trader in traders]

    def more() -> bool:
        pairs = zip(traders, before, strict=True)
        return all(trader.count("TAKEN") > least + 3 or trader.failure for trader, least in pairs)

    wait_for("orders", more)


def retries(server: Server) -> int:
    """Return how often a commit was tried again, from the master's figures."""
    address = f"http://127.0.0.1:{server.said('master.json')['metrics']}/metrics"
    with urllib.request.urlopen(address, timeout=EVENTS_S) as answer:
        text = answer.read().decode()
    return int(float(re.findall(r"^papertrader_store_retries (\S+)", text, re.M)[0]))


def test_a_disk_that_fills_up(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """T-52: below the low water nothing is changed, and cancels are refused as orders are.

    Questions are answered all the while, and with room all goes on: nothing told was lost.
    """
    monkeypatch.setenv("PAPERTRADER_STORE_LOW_WATER", f"{LOW_WATER_MIB} MiB")
    with running(disk.place) as server, server.client(timeout=SHORT_S) as ann:
        pid = server.said("master.json")["pid"]
        assert disk.free > 3 * LOW_WATER_MIB * MIB
        with server.client() as other:
            other.register("ann", PASSWORD)
        known(lambda: ann.login("ann", PASSWORD, remember=True))
        first = known(
            lambda: ann.buy("IBM", 1, limit="1.00", time_in_force="gtc", client_order_id=1)
        )
        disk.leave(LOW_WATER_MIB * MIB // 2)

        def refused() -> bool:
            try:
                known(lambda: ann.buy("IBM", 1, limit="1.00", client_order_id=2))
                # The master may look at the room between the two.
                known(lambda: ann.order_cancel(client_order_id=2))
            except RefusedError as error:
                return error.status == Status.READ_ONLY
            return False

        wait_for("read-only", refused)
        with pytest.raises(RefusedError) as kept:
            known(lambda: ann.order_cancel(first.order_id))
        assert kept.value.status == Status.READ_ONLY
        assert known(lambda: ann.order(client_order_id=1)).is_open
        with server.client() as other:
            other.login("ann", PASSWORD)
            assert other.order(client_order_id=1).order_id == first.order_id
        disk.give_back()
        wait_for("room", lambda: not refused())
        known(lambda: ann.order_cancel(first.order_id))
        assert server.said("master.json")["pid"] == pid
        server.stop()
        assert server.audit().violations == []
        assert replay_check(disk.place).findings == []


def test_a_disk_that_is_full_at_once(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks at the room nothing is left: commits wait for it, with the event log mute.

    The master looks at its start alone, so that the commits themselves meet the end of the disk.
    """
    (disk.place.parent / "sitecustomize.py").write_text(SELDOM)
    monkeypatch.setenv("PYTHONPATH", str(disk.place.parent))
    monkeypatch.setenv("PAPERTRADER_STORE_LOW_WATER", "64 KiB")
    monkeypatch.setenv("PAPERTRADER_METRICS_LISTEN", "127.0.0.1:0")
    with running(disk.place) as server:
        pid = server.said("master.json")["pid"]
        traders = [Trader(server, f"trader{number}") for number in range(3)]
        for trader in traders:
            trader.start()
        for _ in range(ROUNDS):
            all_trade(traders)
            before = retries(server)
            disk.leave(LITTLE)
            # What is written once more where it stood before takes no room: not every commit fails.
            wait_for("a commit without room", lambda before=before: retries(server) > before + 2)
            disk.give_back()
            all_trade(traders)
        for trader in traders:
            trader.stopping.set()
        for trader in traders:
            trader.join(90)
            assert trader.failure is None, repr(trader.failure)
        for trader in traders:
            with server.client() as client:
                client.login(trader.name, PASSWORD)
                for number, outcome in trader.told.items():
                    if outcome == "TAKEN":
                        assert client.order(client_order_id=number).client_order_id == number
                    elif outcome != "UNKNOWN":
                        with pytest.raises(NoSuchOrder):
                            client.order(client_order_id=number)
        log = server.cli("log", "show", "--level", "warning").stdout
        assert "the store waits" in log, log
        assert server.said("master.json")["pid"] == pid
        server.stop()
        assert server.audit().violations == []
        assert replay_check(disk.place).findings == []
