"""The example bots, against the market in memory."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

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


def test_grid_levels_are_a_percent_from_the_price() -> None:
    """To the cent."""
    bot = load("grid")
    assert bot.levels(Decimal("100.00")) == (Decimal("99.00"), Decimal("101.00"))
    assert bot.levels(Decimal("33.33")) == (Decimal("33.00"), Decimal("33.66"))


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
