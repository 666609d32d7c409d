"""``specs/gateway.rst`` has a row for each public method of the installed alpaca-py, no other."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.live import StockDataStream
from alpaca.trading.client import TradingClient
from alpaca.trading.stream import TradingStream
from twisted.internet.testing import MemoryReactorClock

from papertrader.gateway.assets import AssetBook
from papertrader.gateway.table import routes
from papertrader.net.clock import Clock
from tests.tidy.test_limits import is_test

TEXT = (Path(__file__).parents[2] / "specs" / "gateway.rst").read_text(encoding="utf-8")
CLASSES = (
    TradingClient, StockHistoricalDataClient, CryptoHistoricalDataClient, TradingStream,
    StockDataStream,
)  # fmt: skip
ROW = re.compile(
    r"^   \* - ``(?P<method>\w+\.\w+)``\n     - (?P<here>yes|no)\n     - (?P<tests>.+)\n     -",
    re.M,
)


class Row(NamedTuple):
    """One row of the table."""

    method: str
    here: bool
    tests: list[str]


def rows() -> Iterator[Row]:
    """Read the table."""
    for match in ROW.finditer(TEXT):
        tests = re.findall(r"``([^`]+)``", match["tests"])
        yield Row(match["method"], match["here"] == "yes", tests)


def methods() -> set[str]:
    """Return every public method of the five classes."""
    return {
        f"{each.__name__}.{name}"
        for each in CLASSES
        for name, _ in inspect.getmembers(each, callable)
        if not name.startswith("_")
    }


def test_the_table_is_complete() -> None:
    """Each method has one row, and nothing else has."""
    named = [row.method for row in rows()]
    assert sorted(named) == sorted(methods())


def test_the_tests_exist_and_call_the_method() -> None:
    """What a test does not call, it does not show; what other methods call is shown with them."""
    for row in rows():
        assert row.tests, row.method
        assert [test for test in row.tests if not is_test(test)] == [], row.method
    sources = {
        test: (Path(__file__).parents[2] / test.partition("::")[0]).read_text(encoding="utf-8")
        for row in rows()
        for test in row.tests
    }
    within = {"get", "post", "put", "patch", "delete", "response_wrapper", "stop_ws", "close"}
    never = {"register_trade_cancels", "register_trade_corrections"}
    for row in rows():
        name = row.method.partition(".")[2]
        if name not in within | never:
            assert any(f".{name}" in sources[test] for test in row.tests), row.method


def test_the_count_is_right() -> None:
    """The sentence above the table counts its rows."""
    table = list(rows())
    here = sum(row.here for row in table)
    assert f"{here} of {len(table)} can be called" in TEXT


def test_no_route_is_there_twice() -> None:
    """Each is answered by one handler."""
    found = [(route.method, route.path) for route in routes(AssetBook(Clock(MemoryReactorClock())))]
    assert len(found) == len(set(found))
