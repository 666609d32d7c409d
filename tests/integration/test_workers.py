"""A worker on another machine, with real processes, TLS and files: enrolled, renewed, shut out.

One master for the whole story, since each start costs seconds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from papertrader.client.blocking import Client
from papertrader.net.credentials import load_certificates, spki_fingerprint
from papertrader.ops import authorities
from papertrader.ops.certificates import certificate_files
from papertrader.wire.kinds import AuthorityPhase, Scope, WorkerState
from papertrader.worker.witness import read_lines
from tests.server_kit import PASSWORD, PROGRAM, STOP_S, Server

WAIT_S = 90.0


def until(what: Any, seconds: float = WAIT_S) -> float:
    """Wait until something is true; return how long it took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        with contextlib.suppress(Exception):
            if what():
                return time.monotonic() - began
        time.sleep(0.02)
    raise AssertionError("it did not come true")


@contextlib.contextmanager
def running(state: Path) -> Iterator[str]:
    """Run the worker of a state directory; give its address."""
    output = state.parent / f"{state.name}.out"
    with open(output, "wb") as out:
        process = subprocess.Popen(
            [str(PROGRAM), "--state-dir", str(state), "worker", "run", "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: b"READY" in output.read_bytes())
        line = next(x for x in output.read_text().splitlines() if x.startswith("READY"))
        yield line.split()[1].removeprefix("worker=")
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        if process.poll() is None:
            process.kill()
            process.wait()


class Trader(threading.Thread):
    """Buys without end over whichever worker it is told of, and keeps what was acknowledged."""

    def __init__(self, worker: str, ca: Path) -> None:
        super().__init__()
        self.worker, self.ca = worker, ca
        self.orders: list[int] = []
        self.error: Exception | None = None
        self.done = threading.Event()

    def run(self) -> None:
        """Trade until told to end."""
        try:
            with Client([self.worker], self.ca) as client:
                client.login("bob", PASSWORD, remember=True)
                while not self.done.is_set():
                    order = client.buy("AAPL", 1, limit="100.00").order_id
                    self.orders.append(order)
                    client.order_cancel(order)
                    time.sleep(0.01)
        except Exception as error:
            self.error = error


@pytest.mark.slow
@pytest.mark.clause("11.24", "11.25", "15.14", "15.15", "15.16", "15.19")
def test_a_worker_of_another_machine(tmp_path: Path) -> None:
    """Two commands set it up; keys and authority change under it without a lost connection; it is
    shut out within a second, and no order is lost."""
    server = Server(tmp_path / "state")
    far = tmp_path / "far"
    try:
        server.start()
        with Client(server.workers, server.ca) as client:
            client.register("ann", PASSWORD)
            client.register("bob", PASSWORD)
        server.stop()
        assert server.cli("admin", "ann").returncode == 0
        server.start()
        (home,) = server.workers
        with Client([home], server.ca) as operator:
            operator.login("ann", PASSWORD, scope=Scope.ADMIN)
            story(server, operator, far)
        assert server.audit().violations == []
    finally:
        server.end()


def story(server: Server, operator: Client, far: Path) -> None:
    """What happens to the worker ``far``."""
    made = operator.worker_add("far")
    port = server.said("master.json")["port"]
    line = (
        f"papertrader-worker 127.0.0.1:{port} far {made.uuid} {made.token.hex()} {made.authority}"
    )
    enrol = [str(PROGRAM), "--state-dir", str(far), "worker", "enrol"]
    first = subprocess.run(
        enrol, check=False, input=line, capture_output=True, text=True, timeout=60
    )
    assert first.returncode == 0, first.stderr
    again = subprocess.run(
        enrol, check=False, input=line, capture_output=True, text=True, timeout=60
    )
    assert again.returncode == 3
    with running(far) as address:
        until(lambda: entry(operator).connected)
        with trading(address, far) as trader:
            renewed(operator, far)
            moved(server, operator, far)
            reloaded(far)
            went_on(trader)
        kept(server, trader)
        witnessed(far)
        with trading(address, far) as trader:
            until(lambda: entry(operator).clients >= 1)
            began = time.monotonic()
            assert operator.worker_boot(entry(operator).worker, "boot").clients >= 1
            until(lambda: not entry(operator).connected)
            print(f"booted out within {time.monotonic() - began:.2f} s")
            went_on(trader)
        kept(server, trader)
        assert (entry(operator).state, entry(operator).connected) == (WorkerState.BOOTED, False)
        operator.worker_boot(entry(operator).worker, "admit")
        until(lambda: entry(operator).connected)


@contextlib.contextmanager
def trading(address: str, far: Path) -> Iterator[Trader]:
    """Trade meanwhile; no error may come of anything that happens."""
    trader = Trader(address, far / "tls" / "ca.pem")
    trader.start()
    try:
        went_on(trader)
        yield trader
    finally:
        trader.done.set()
        trader.join(WAIT_S)
    assert trader.error is None


def went_on(trader: Trader) -> None:
    """Wait until more orders were acknowledged."""
    count = len(trader.orders)
    until(lambda: trader.error is not None or len(trader.orders) > count + 10)
    assert trader.error is None


def entry(operator: Client) -> Any:
    """The worker's row of the registry."""
    return next(each for each in operator.worker_registry() if each.name == "far")


def kept(server: Server, trader: Trader) -> None:
    """Every order that was acknowledged is there, once."""
    with Client(server.workers, server.ca) as client:
        client.login("bob", PASSWORD)
        found, after = set(), 0
        while True:
            page = client.orders(every=True, after=after)
            found |= {order.order_id for order in page}
            after = page.next_after
            if not after:
                break
    assert len(trader.orders) == len(set(trader.orders))
    assert set(trader.orders) <= found


def renewed(operator: Client, far: Path) -> None:
    """The key changes under the live link; the next link shows the new one."""
    before = entry(operator)
    assert operator.worker_rotate(before.worker) == 1
    until(lambda: entry(operator).spki != before.spki)
    until(lambda: _spki(far) == entry(operator).spki)
    assert entry(operator).seen_at == before.seen_at


def _spki(far: Path) -> str:
    return spki_fingerprint(load_certificates(certificate_files(far, "far")[0])[0]).hex()


def moved(server: Server, operator: Client, far: Path) -> None:
    """The authority changes under all: no link is cut, and everybody comes back after a crash."""
    before = {each.name: each.seen_at for each in operator.worker_registry()}
    old = operator.authority_control().issuing
    directory = server.state / "tls"
    made = authorities.make_plain(directory, now=datetime.now(UTC))
    authorities.prepare_next(directory, made)
    for step in ("trust", "reissue"):
        operator.authority_control(step)
        until(lambda: operator.authority_control().trusting == 2)
    until(lambda: operator.authority_control().renewed == 2)
    done = operator.authority_control("drop")
    assert done.phase == AuthorityPhase.SINGLE
    assert done.issuing != old
    assert {each.name: each.seen_at for each in operator.worker_registry()} == before
    pid = server.kill("master")
    server.wait_for_new("master", pid)
    until(lambda: all(each.connected for each in operator.worker_registry()))


def reloaded(far: Path) -> None:
    """SIGHUP: the public certificate is read again; clients stay."""
    told = subprocess.run(
        [str(PROGRAM), "--state-dir", str(far), "worker", "reload-cert"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert told.stdout.startswith("told: far"), told.stderr


def witnessed(far: Path) -> None:
    """Keys of two epochs at least: the master was killed meanwhile."""
    lines = list(read_lines(far / "witness" / "far.jsonl"))
    assert sum(line["kind"] == "key" for line in lines) >= 2
    assert not [line for line in lines if line["kind"] == "alarm"]
    assert os.stat(far / "witness" / "far.jsonl").st_mode & 0o077 == 0
