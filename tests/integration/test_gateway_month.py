"""A strategy of backtrader's own, over alpaca-py, through a month of the recorded market."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.requests import CorporateActionsRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import CorporateActionType
from alpaca.trading.requests import GetCorporateAnnouncementsRequest

from papertrader.client.blocking import Client
from papertrader.wire.kinds import Scope
from tests.server_kit import PASSWORD, Server, running

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "backtrader_alpaca.py"
FIRST, LAST = date(2010, 3, 1), date(2010, 3, 31)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The recorded market in March 2010, whose clock stands but for steps: no stall loses a day."""
    state: Path = tmp_path_factory.mktemp("month") / "state"
    options = ("--gateway-port", "0", "--market-clock", str(FIRST))
    with running(state, *options) as started, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(started.ca))
        patch.setenv("SSL_CERT_FILE", str(started.ca))
        yield started


class Program:
    """A key, and the owner who turns the market's clock."""

    def __init__(self, server: Server) -> None:
        where = server.said("worker-1.json")["gateway"]
        self.url = f"https://{where['host']}:{where['port']}"
        self.owner: Client = server.client()
        self.owner.register("month", PASSWORD)
        self.owner.login("month", PASSWORD)
        self.owner.set_clock(paused=True)
        key = self.owner.api_key_create("bot", scope=Scope.TRADE).credential
        self.keys = key[:16], key[16:]


@pytest.fixture(scope="module")
def program(server: Server) -> Iterator[Program]:
    """A program of the only account, which may turn the clock."""
    made = Program(server)
    yield made
    made.owner.close()


def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load the example as a program would be started."""
    spec = importlib.util.spec_from_file_location("backtrader_alpaca", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where backtrader looks for its classes.
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_a_month_of_a_crossover(
    server: Server, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees every session of March, trades where the averages cross, and its own account of
    cash, position and fills is ours to the cent; the books are whole."""
    owner, sessions = program.owner, []

    def another_day() -> bool:
        now = owner.clock().now
        if now.date() > LAST:
            return False
        sessions.append(now.date())
        # To the next day, or its opening: orders of the day before fill on the way.
        assert owner.set_clock(step=timedelta(days=1)).now >= now + timedelta(days=1)
        return True

    strategy, broker = example(monkeypatch).run(
        program.url, program.keys, "AAPL", another_day, fast=2, slow=4, size=50
    )
    seen = [
        datetime.fromordinal(int(number)).date() for number in strategy.data.datetime.array
    ]  # fmt: skip
    march = [day for day in seen if FIRST <= day <= LAST]
    assert (len(march), march[0], march[-1]) == (23, FIRST, LAST)
    fills = [row for row in owner.transactions() if row.symbol == "AAPL"]
    assert len(fills) >= 4
    assert {abs(row.quantity) for row in fills} == {Decimal(50)}
    portfolio = owner.portfolio()
    held = sum((position.quantity for position in portfolio.positions), Decimal(0))
    assert Decimal(str(strategy.position.size)) == held
    assert broker.getcash() == float(portfolio.cash)
    assert portfolio.cash == Decimal(100_000) + sum(row.amount for row in fills)
    assert server.audit().violations == []


@pytest.mark.filterwarnings("ignore:get_corporate_announcements is deprecated")
def test_corporate_actions(program: Program) -> None:
    """Dividends and splits of the recorded shares, by both of Alpaca's interfaces."""
    trading = TradingClient(*program.keys, url_override=program.url)
    request = GetCorporateAnnouncementsRequest(
        ca_types=[CorporateActionType.DIVIDEND], since=date(2009, 10, 20),
        until=date(2009, 12, 31), symbol="IBM",
    )  # fmt: skip
    (dividend,) = trading.get_corporate_announcements(request)
    read: Any = dividend
    assert (read.ex_date, read.cash) == (date(2009, 11, 6), 0.55)
    assert trading.get_corporate_announcement_by_id(read.id) == dividend
    client = CorporateActionsClient(*program.keys, url_override=program.url)
    found: Any = client.get_corporate_actions(
        CorporateActionsRequest(symbols=["AAPL"], start=date(2005, 1, 1), end=date(2005, 12, 31))
    )
    (split,) = found.data["forward_splits"]
    assert (split.ex_date, split.new_rate, split.old_rate) == (date(2005, 2, 28), 2, 1)
    assert datetime.now(UTC).date() > split.ex_date
