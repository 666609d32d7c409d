"""The example bots, against the market in memory."""

from __future__ import annotations

import asyncio
import importlib.util
import runpy
import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Self

import pytest

from papertrader.client.updates import Event, OrderUpdate
from papertrader.testing import Market

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> ModuleType:
    """Load an example as it stands."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_momentum_buys_what_rose_and_sells_what_fell_behind() -> None:
    """At most five assets, each of those that gained."""
    bot = load("momentum")
    with Market(seed=5, speed=60) as market:
        client = market.client("bot")
        said: list[str] = []
        bot.rebalance(client, said.append)
        market.advance(5)
        held = [position.symbol for position in client.portfolio().positions]
        assert 0 < len(held) <= bot.HOLD_MAX
        gains = {symbol: bot.momentum(client, symbol) for symbol in held}
        assert all(gain is not None and gain > 0 for gain in gains.values())
        assert len(said) == len(held)
        bot.rebalance(client, said.append)
        assert len(client.portfolio().positions) == len(held)


def test_momentum_that_is_started_again_sends_nothing_twice() -> None:
    """Not while its orders wait for a price, nor when another price makes them other orders."""
    bot = load("momentum")
    with Market(seed=5, speed=60) as market:
        client = market.client("bot")
        bot.rebalance(client, lambda line: None)
        waiting = client.orders(every=True)
        assert 0 < len(waiting) <= bot.HOLD_MAX
        bot.rebalance(client, lambda line: None)
        bot.PART /= 2
        said: list[str] = []
        bot.rebalance(client, said.append)
        orders = client.orders(every=True)
        assert [each.order_id for each in orders] == [each.order_id for each in waiting]
        assert said == []


def test_momentum_goes_on_when_an_order_is_refused() -> None:
    """What is in an open order of somebody else's cannot be sold: it is said, and the rest done."""
    bot = load("momentum")
    with Market(seed=5, speed=60) as market:
        client = market.client("bot")
        gains = {each.symbol: bot.momentum(client, each.symbol) for each in client.assets(limit=30)}
        behind = min(gains, key=lambda symbol: gains[symbol] or 0)
        client.buy(behind, 1)
        market.advance(5)
        client.sell(behind, 1, limit="99999.00", time_in_force="gtc")
        said: list[str] = []
        bot.rebalance(client, said.append)
        assert said[0].startswith(f"cannot sell 1.00 {behind}: The order sells 1 {behind}")
        assert [line.split()[0] for line in said[1:]] == ["buy"] * (len(said) - 1)
        assert len(said) > 1


def test_grid_levels_are_a_percent_from_the_price() -> None:
    """To the cent."""
    bot = load("grid")
    assert bot.levels(Decimal("100.00")) == (Decimal("99.00"), Decimal("101.00"))
    assert bot.levels(Decimal("33.33")) == (Decimal("33.00"), Decimal("33.66"))


def test_grid_leaves_other_symbols_of_the_account_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their fills are not told as its own, and nothing is placed anew for them."""
    bot = load("grid")
    with Market(seed=5, speed=60) as market:
        client = market.client("bot")
        client.subscribe_account()
        mine, other = [each.symbol for each in client.assets(limit=2)]
        for symbol in (mine, other):
            client.buy(symbol, 1)
        market.advance(5)
        told = list(client.events(timeout=5))
    assert {e.order.symbol for e in told if isinstance(e, OrderUpdate) and e.fill} == {mine, other}
    placed: list[str] = []

    async def place(client: object, symbol: str) -> None:
        placed.append(symbol)

    monkeypatch.setattr(bot, "AsyncClient", lambda *_: _Told(told))
    monkeypatch.setattr(bot, "place", place)
    asyncio.run(bot.run("", "", "", mine))
    assert placed == [mine, mine]
    assert capsys.readouterr().out.count("bought") == 1


class _Told:
    """What the grid asks of its client, with events that are there already."""

    def __init__(self, told: list[Event]) -> None:
        self._told = told

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held."""

    async def login(self, *_: object, api_key: str) -> None:
        """Anybody may."""

    async def subscribe_account(self) -> None:
        """The events come anyhow."""

    async def events(self) -> AsyncIterator[Event]:
        for each in self._told:
            yield each


@pytest.mark.parametrize("name", ["momentum", "grid", "backtrader_alpaca"])
def test_called_wrongly_it_says_how(name: str) -> None:
    """What it is and how it is called, and no traceback."""
    if name == "backtrader_alpaca":
        pytest.importorskip("backtrader")
    path = Path(__file__).parents[2] / "examples" / f"{name}.py"
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"python examples/{name}.py" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["momentum", "grid", "backtrader_alpaca"])
def test_a_key_that_is_not_there_is_one_sentence(name: str, tmp_path: Path) -> None:
    """As are a server that is not there and a key that is none: no traceback."""
    if name == "backtrader_alpaca":
        pytest.importorskip("backtrader")
    path = Path(__file__).parents[2] / "examples" / f"{name}.py"
    key = tmp_path / "key"
    words = {
        "momentum": ["127.0.0.1:1", "ca.pem", key],
        "grid": ["127.0.0.1:1", "ca.pem", key, "AAPL"],
        "backtrader_alpaca": ["https://127.0.0.1:1", key, "AAPL"],
    }[name]
    for text in (None, "five words of no key"):
        if text is not None:
            key.write_text(text)
        done = subprocess.run(
            [sys.executable, path, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr


def test_the_backtrader_example_takes_a_key_as_it_was_made() -> None:
    """The file that ``key create`` writes, or an ID and a secret by themselves."""
    pytest.importorskip("backtrader")
    path = Path(__file__).parents[2] / "examples" / "backtrader_alpaca.py"
    found = runpy.run_path(str(path), run_name="backtrader_alpaca")["keys_of"]
    assert found("1" * 16 + "a" * 64 + "\n") == ("1" * 16, "a" * 64)
    assert found("ID\nsecret\n") == ("ID", "secret")
