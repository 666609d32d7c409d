"""The network does harm between real processes under TLS; a silent partition is noticed in time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from papertrader.client.blocking import Client
from papertrader.client.errors import NoSuchOrder, OutcomeUnknown, PaperTraderError, RefusedError
from tests.ports import free_port
from tests.server_kit import PASSWORD
from tests.torture.network_kit import Parts, Proxy, namespace, wait_for

HARM = ("slice", "latency 0.05", "flip 0.05", "limit 3000", "reset", "black", "pass")
"""What the proxy does, one after another; ``black`` longer than anybody waits for."""
HARM_S = float(os.environ.get("PAPERTRADER_HARM_S", "0.8"))
BLACK_S = 6.0
INNER_NOTICED_S = 5.0
CLIENT_NOTICED_S = 15.0
SLACK_S = 15.0
"""A busy machine is late with its own timers, and with the command that looks."""


class Trader(threading.Thread):
    """Sends orders through whatever harm there is, and writes down each answer."""

    def __init__(self, worker: str, ca: Path, name: str, seconds: float = 20.0) -> None:
        super().__init__(name=name)
        self.client = Client([worker], ca, timeout=seconds, patient=True, learn_workers=False)
        self.stopping = threading.Event()
        self.acknowledged: dict[int, int] = {}
        self.unknown: list[int] = []
        self.refused: list[int] = []
        self.lost: list[int] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with self.client as client:
                client.register(self.name, PASSWORD)
                client.login(self.name, PASSWORD, remember=True)
                self._trade(client)
        except BaseException as failure:
            self.failure = failure

    def _trade(self, client: Client) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            try:
                order = client.buy("IBM", 1, limit="1.00", client_order_id=number)
                self.acknowledged[number] = order.order_id
                client.order_cancel(order.order_id)
            except RefusedError:
                self.refused.append(number)
            except OutcomeUnknown:
                self.unknown.append(number)
            except PaperTraderError:
                self.lost.append(number)

    def finish(self, worker: str, ca: Path) -> None:
        """Stop, and compare what was told with what is there."""
        self.stopping.set()
        self.join(90)
        assert not self.is_alive(), "a client did not come to an end"
        assert self.failure is None, repr(self.failure)
        with Client([worker], ca, timeout=60, learn_workers=False) as client:
            client.login(self.name, PASSWORD)
            for number, order_id in self.acknowledged.items():
                assert client.order(client_order_id=number).order_id == order_id
            for number in (*self.refused, *self.lost):
                if number not in self.acknowledged:
                    with pytest.raises(NoSuchOrder):
                        client.order(client_order_id=number)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """A master that runs, on a port that is known before."""
    made = Parts(tmp_path / "state", f"127.0.0.1:{free_port()}")
    try:
        made.start_master()
        yield made
    finally:
        made.end()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["client and worker", "worker and master"])
def test_harm_between(parts: Parts, place: str) -> None:
    """P-03: under every kind of harm nothing acknowledged is lost, nothing refused is there."""
    worker = f"127.0.0.1:{free_port()}"
    proxy = Proxy(worker if place.startswith("client") else parts.master_at)
    try:
        inner = place.startswith("worker")
        parts.start_worker(proxy.address if inner else parts.master_at, worker)
        trader = Trader(worker if inner else proxy.address, parts.ca, "harmed")
        trader.start()
        wait_for("the first order", lambda: trader.acknowledged)
        for harm in HARM:
            proxy.order(harm)
            time.sleep(BLACK_S if harm == "black" else HARM_S)
        before = len(trader.acknowledged)
        wait_for("orders after the harm", lambda: len(trader.acknowledged) > before)
        assert proxy.order("pass") > 0, "the proxy did no harm"
        trader.finish(worker, parts.ca)
    finally:
        proxy.end()


@pytest.mark.slow
def test_a_worker_that_stands_still(parts: Parts) -> None:
    """A grey failure: the machine of a worker is there and does nothing. All notice, and go on.

    Its driver stands still, too: one that runs would end the workings after five seconds, which
    `test_deaths` looks at.
    """
    worker = f"127.0.0.1:{free_port()}"
    parts.start_worker(parts.master_at, worker)
    said = parts.said("worker-1")
    pids = [int(said["driver"]), int(said["pid"])]
    trader = Trader(worker, parts.ca, "patient")
    trader.start()
    wait_for("the first order", lambda: trader.acknowledged)
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(7.0)
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)
    before = len(trader.acknowledged)
    wait_for("orders after the pause", lambda: len(trader.acknowledged) > before)
    trader.finish(worker, parts.ca)


PROBE = """
import sys, time
from papertrader.client.blocking import Client
from papertrader.client.errors import PaperTraderError
worker, ca, password = sys.argv[1:]
with Client([worker], ca, timeout=14, learn_workers=False) as client:
    client.register("cut", password)
    client.login("cut", password, remember=True)
    client.buy("IBM", 1, limit="1.00", client_order_id=1)
    print("ready", flush=True)
    sys.stdin.readline()
    began, told = time.monotonic(), "done"
    try:
        client.buy("IBM", 1, limit="1.00", client_order_id=2)
    except PaperTraderError as error:
        told = type(error).__name__
    print(told, round(time.monotonic() - began, 1), flush=True)
"""


@pytest.mark.slow
def test_a_silent_partition_is_noticed(tmp_path: Path) -> None:
    """P-14: the wire between worker and master is dead, and nobody says so."""
    if shutil.which("ip") is None:
        pytest.skip("no `ip` (iproute2): a partition without a word cannot be made")
    name = f"pt{os.getpid() % 100_000}"
    try:
        with namespace(name) as (ours, _):
            partition(tmp_path, name, ours)
    except OSError as error:
        pytest.skip(f"no network namespace may be made here: {error}")


def partition(tmp_path: Path, name: str, ours: str) -> None:
    """Cut the wire to a worker and its client, and look at when each side notices."""
    parts = Parts(tmp_path / "state", f"{ours}:{free_port(ours)}", name)
    worker = "127.0.0.1:2049"
    try:
        parts.start_master()
        parts.start_worker(parts.master_at, worker)
        client = subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-c", PROBE, worker, str(parts.ca),
             PASSWORD],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        subprocess.run(["ip", "link", "set", f"{name}0", "down"], check=True)
        cut = time.monotonic()
        client.stdin.write("go\n")
        client.stdin.flush()
        noticed = wait_for("the end of the link", lambda: is_gone(parts), INNER_NOTICED_S + SLACK_S)
        answer, _, took = client.stdout.readline().partition(" ")
        print(
            f"master noticed after {noticed:.1f} s, client was told {answer} after {took.strip()}"
        )
        assert noticed <= INNER_NOTICED_S + SLACK_S
        assert time.monotonic() - cut <= CLIENT_NOTICED_S + SLACK_S
        client.wait(30)
        subprocess.run(["ip", "link", "set", f"{name}0", "up"], check=True)
        check_after(parts, name, worker, answer)
    finally:
        parts.end()


def is_gone(parts: Parts) -> bool:
    """Tell whether the master has closed its link to the worker: no connection is left."""
    port = parts.master_at.rpartition(":")[2]
    done = subprocess.run(
        ["ss", "-Htn", "state", "established", f"sport = :{port}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return not done.stdout.strip()


def check_after(parts: Parts, name: str, worker: str, answer: str) -> None:
    """After the healing: what was told is so."""
    script = (
        "import sys\nfrom papertrader.client.blocking import Client\n"
        "from papertrader.client.errors import NoSuchOrder\n"
        "worker, ca, password = sys.argv[1:]\n"
        "with Client([worker], ca, timeout=60, learn_workers=False) as client:\n"
        "    client.login('cut', password)\n"
        "    client.order(client_order_id=1)\n"
        "    try:\n        client.order(client_order_id=2)\n        print('there')\n"
        "    except NoSuchOrder:\n        print('not there')\n"
    )
    done = subprocess.run(
        ["ip", "netns", "exec", name, sys.executable, "-c", script, worker, str(parts.ca),
         PASSWORD],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if answer == "done":
        assert done.stdout == "there\n"
    elif answer != "OutcomeUnknown":
        assert done.stdout == "not there\n", f"refused as {answer}, and executed"
