"""One order's life, from the client to the commit and back, found by its correlation."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from tests.server_kit import EVENTS_S, PASSWORD, running

pytestmark = pytest.mark.slow

NOISE = re.compile(r"object at 0x\w+|<[A-Z]\w+\.\w+: [^>]*>|\b[A-Z]\w+\(\w+=[^)]*\)|\d\.\d{6,} s")
"""Objects as Python shows them, and more digits than anybody reads."""


def test_one_orders_life_is_found_by_its_correlation(tmp_path: Path) -> None:
    """Worker, master, journal, worker: four entries, in this order, and no other command's."""
    with running(tmp_path / "state") as server:
        with server.client() as client:
            client.register("ann", PASSWORD)
            client.login("ann", PASSWORD)
            order = client.buy("IBM", 1)
            reference = client.reference
            client.portfolio()
            assert client.reference != reference
        found: list[dict[str, object]] = []
        deadline = time.monotonic() + EVENTS_S
        while len(found) < 4 and time.monotonic() < deadline:
            done = server.cli("log", "show", "--correlation", reference, "--json")
            assert done.returncode == 0, done.stderr
            found = json.loads(done.stdout)["entries"]
        assert [each["process"] for each in found] == ["worker-1", "master", "master", "worker-1"]
        words = ["relayed as", "taken up", "durable, journal at", "answered to the client: OK"]
        assert all(word in str(each["msg"]) for word, each in zip(words, found, strict=True))
        assert all(str(each["msg"]).startswith("ORDER_NEW") for each in found)
        assert {each["corr"] for each in found} == {f"1:{reference}"}
        assert all(each["file"] and each["line"] and each["func"] for each in found)
        assert order.order_id == 1
        shown = server.cli("log", "show", "--module", "papertrader.master", "--since", "10m")
        assert "ORDER_NEW taken up" in shown.stdout and "worker-1" not in shown.stdout
        dumped = server.cli("log", "dump", "--process", "master")
        assert "--- master: process" in dumped.stdout and "ORDER_NEW durable" in dumped.stdout
        shipped = ""
        deadline = time.monotonic() + EVENTS_S
        while "ORDER_NEW" not in shipped and time.monotonic() < deadline:
            shipped = server.cli("log", "show", "--process", "shipped-worker-1").stdout
        assert "ORDER_NEW answered to the client" in shipped
        wrong = server.cli("log", "show", "--process", "worker-9")
        assert wrong.returncode == 2 and "no server named worker-9" in wrong.stderr
        assert server.cli("log", "show", "--since", "yesterdayish").returncode == 2
        server.stop()
        shown = server.cli("log", "show").stdout
        assert "worker 1 is gone: goodbye, SHUTDOWN, the worker stops" in shown
        assert "worker.listen starting on" in shown
        assert NOISE.findall(shown) == []
