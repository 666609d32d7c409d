"""A second master takes the place of one that died or hangs: real processes on a real PostgreSQL.

Clients keep their sessions, and every order that they were told of is there, once.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from papertrader.client.blocking import Client
from papertrader.client.errors import OutcomeUnknown, RefusedError
from papertrader.master.engines import StorePlace, place_at
from papertrader.ops.certificates import authority_file
from papertrader.ops.inspection import audit
from papertrader.ops.installation import prepare, prepare_settings
from papertrader.ops.sealkey import keep_seal_key, new_seal_key, seal_key_file
from tests.ports import free_port
from tests.postgres_kit import NoPostgres, server
from tests.server_kit import EVENTS_S, PASSWORD, STOP_S

TAKEOVER_S = 5.0
ROOM_S = 80.0
"""What a busy machine may need besides; the time it took is printed."""


class Pair:
    """Two masters on one store, each in a state directory of its own, and one worker."""

    def __init__(self, base: Path) -> None:
        self.url = server().schema_url("standby_" + base.name.replace("-", "_"))
        self.states = [base / "first", base / "second"]
        first = free_port(following=2)
        self.ports = [first, first + 2]
        self.place: StorePlace = place_at(self.states[0], self.url)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environ = {
            **os.environ,
            "PAPERTRADER_STORE_URL": self.url,
            "PAPERTRADER_MASTER_STANDBY": "true",
            "PAPERTRADER_WORKER_LISTEN": "127.0.0.1:0",
            "PAPERTRADER_WORKER_MASTERS": " ".join(f"127.0.0.1:{port}" for port in self.ports),
        }

    def start(self) -> None:
        """Make the installation, and start the three servers."""
        first, second = self.states
        prepare_settings(first, lambda line: None)
        prepare(first, 1, now=datetime.now(UTC), new_uuid=uuid.uuid4, place=self.place)
        second.mkdir(mode=0o700)
        # Before either has run, as the operator may: what both need is there.
        shutil.copy(first / "papertrader.toml", second)
        shutil.copytree(first / "tls", second / "tls")
        refused = self.refused(second)
        assert refused.startswith("papertrader-master: error: there is no ")
        assert "copy tls/ and keys/ from the other master" in refused
        self.spawn("first", "papertrader-master", first, self.ports[0])
        self.said(first, "master.json")
        (second / "keys").mkdir(mode=0o700)
        keep_seal_key(second, new_seal_key())
        refused = self.refused(second)
        assert f"{seal_key_file(second)} is not that of the other masters" in refused
        seal_key_file(second).unlink()
        shutil.copytree(first / "keys", second / "keys", dirs_exist_ok=True)
        self.spawn("second", "papertrader-master", second, self.ports[1])
        self.said(second, "standby.json")
        self.spawn("worker", "papertrader-worker", first)
        self.said(first, "worker-1.json")

    def spawn(self, name: str, plugin: str, state: Path, port: int | None = None) -> None:
        """Start a server."""
        command = [
            str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", plugin,
            "-s", str(state),
        ]  # fmt: skip
        if port is not None:
            command += ["--set", f"master.listen=127.0.0.1:{port}"]
        with open(state / f"{name}.out", "ab") as out:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.environ,
                start_new_session=True, cwd=Path(__file__).parents[2],
            )  # fmt: skip

    def refused(self, state: Path) -> str:
        """Start a master that cannot be; return what it says."""
        command = [
            str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", "papertrader-master",
            "-s", str(state),
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=self.environ,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert done.returncode == 1
        return done.stderr

    def said(self, state: Path, name: str) -> dict[str, Any]:
        """Wait until a server says something about its run."""
        path = state / "run" / name
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                said: dict[str, Any] = json.loads(path.read_text())
                return said
            time.sleep(0.02)
        texts = [out.read_text() for each in self.states for out in each.glob("*.out")]
        raise AssertionError(f"no {name}: {texts}")

    @property
    def workers(self) -> list[str]:
        """Where clients connect."""
        return [f"127.0.0.1:{self.said(self.states[0], 'worker-1.json')['port']}"]

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return authority_file(self.states[0])

    def strike(self, number: int) -> None:
        """Send the first master a signal: its driver and its workings."""
        said = self.said(self.states[0], "master.json")
        for each in ("driver", "pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(said[each], number)

    def end(self) -> None:
        """Leave nothing behind; one that waits for the store ends as soon as one that has it."""
        stubborn = []
        # One that was robbed, and waits, has taken its master.json back.
        if (self.states[0] / "run" / "master.json").exists():
            self.strike(signal.SIGCONT)
        for process in self.processes.values():
            process.terminate()
        for name, process in self.processes.items():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                stubborn.append(name)
                process.kill()
                process.wait()
        assert not stubborn, f"SIGTERM did not end {stubborn}"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two masters, of which one waits."""
    try:
        made = Pair(tmp_path)
    except NoPostgres as missing:
        pytest.skip(f"no PostgreSQL: {missing}")
    try:
        made.start()
        yield made
    finally:
        made.end()


class Trader(threading.Thread):
    """Sends orders one after another; notes what it was told, and the longest wait."""

    def __init__(self, running: Pair, name: str) -> None:
        super().__init__(name=name)
        self.client = Client(running.workers, running.ca, timeout=60, patient=True)
        self.stopping = threading.Event()
        self.told: dict[int, int] = {}
        self.unknown: list[int] = []
        self.refused: list[int] = []
        self.longest = 0.0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with self.client as client:
                client.register(self.name, PASSWORD)
                client.login(self.name, PASSWORD, remember=True)
                number = 0
                while not self.stopping.is_set():
                    number += 1
                    began = time.monotonic()
                    self.one(client, number)
                    self.longest = max(self.longest, time.monotonic() - began)
        except BaseException as failure:
            self.failure = failure

    def one(self, client: Client, number: int) -> None:
        """Send one order and take it back."""
        try:
            order = client.buy("IBM", 1, limit="1.00", client_order_id=number)
            self.told[number] = order.order_id
            client.order_cancel(order.order_id)
        except OutcomeUnknown:
            self.unknown.append(number)
        except RefusedError:
            self.refused.append(number)


@pytest.mark.clause("15.20")
@pytest.mark.slow
@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_the_second_takes_over(pair: Pair, how: str) -> None:
    """P-01, P-02, P-14: kill -9 of driver and workings, or both stopped; then the orders go on."""
    traders = [Trader(pair, f"trader{number}") for number in range(2)]
    for trader in traders:
        trader.start()
    deadline = time.monotonic() + EVENTS_S
    while min(len(trader.told) for trader in traders) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    for trader in traders:
        trader.longest = 0.0
    began = time.monotonic()
    pair.strike(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    pair.said(pair.states[1], "master.json")
    took = time.monotonic() - began
    before = [len(trader.told) for trader in traders]
    deadline = time.monotonic() + EVENTS_S
    while time.monotonic() < deadline:
        if all(len(t.told) > n + 3 for t, n in zip(traders, before, strict=True)):
            break
        time.sleep(0.05)
    if how == "stopped":
        # It wakes up, finds a later epoch, and ends: nobody is told anything by it.
        pair.strike(signal.SIGCONT)
        time.sleep(1.0)
    for trader in traders:
        trader.stopping.set()
    for trader in traders:
        trader.join(90)
        assert trader.failure is None, repr(trader.failure)
        assert len(trader.told) > 8
    check(pair, traders)
    longest = max(trader.longest for trader in traders)
    print(
        f"{how}: the second serves after {took:.1f} s, the longest wait for an order was"
        f" {longest:.1f} s, {sum(len(t.told) for t in traders)} orders told of, 0 lost, 0 twice"
    )
    assert took < TAKEOVER_S + ROOM_S


def check(pair: Pair, traders: list[Trader]) -> None:
    """Compare what was told with what is there; and count the books again."""
    for trader in traders:
        with Client(pair.workers, pair.ca, timeout=60, patient=True) as client:
            client.login(trader.name, PASSWORD)
            found: Counter[int] = Counter()
            there: dict[int, int] = {}
            after = 0
            while True:
                page = client.orders(every=True, after=after)
                for order in page:
                    found[order.client_order_id] += 1
                    there[order.client_order_id] = order.order_id
                after = page.next_after
                if not after:
                    break
            assert max(found.values()) == 1, "an order is there twice"
            for number, order_id in trader.told.items():
                assert there[number] == order_id, "an order that was told of is lost"
            for number in trader.refused:
                assert number in trader.told or number not in there
    assert audit(pair.place).violations == []
