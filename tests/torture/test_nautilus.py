"""Side by side with NautilusTrader's matching engine: the same fills, or a difference that is told.

It needs a Python with ``tests/torture/nautilus/requirements.txt``, named in
``PAPERTRADER_NAUTILUS_PYTHON``; otherwise one is made under ``build/nautilus``, with a Python found
as by ``tests/torture/test_other_python.py``. The differences are explained in
``specs/decisions/0014-other-engines.rst``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.torture.nautilus.scenario import Floor, scenario
from tests.torture.test_other_python import VERSIONS, others

HERE = Path(__file__).parent / "nautilus"
MADE = Path(__file__).parents[2] / "build" / "nautilus"
SEEDS = range(1, 6)
CENT = Decimal("0.01")
NAMED = "PAPERTRADER_NAUTILUS_PYTHON"
LEAST = "3.12"
"""The oldest Python that it runs on."""


@attrs.frozen
class Fill:
    """A fill as both engines tell it; ``quote`` is the number of the quote it was made on."""

    order: int
    quote: int
    quantity: Decimal
    price: Decimal
    fee: Decimal


@attrs.frozen
class Played:
    """What one engine made of a scenario."""

    fills: list[Fill]
    cash: Decimal
    coins: Decimal

    @classmethod
    def of(cls, told: dict[str, Any]) -> Played:
        """Read what an engine wrote."""
        assert told["refused"] == []
        fills = [
            Fill(
                each["id"],
                each["quote"],
                *(Decimal(each[name]) for name in ("quantity", "price", "fee")),
            )
            for each in told["fills"]
        ]
        return cls(fills, Decimal(told["cash"]), Decimal(told["coins"]))


@pytest.fixture(scope="session")
def other() -> Callable[[dict[str, Any]], Played]:
    """Play a scenario on the other engine."""
    python = os.environ.get(NAMED, "") or _made()

    def play(given: dict[str, Any]) -> Played:
        done = subprocess.run(
            [python, "-W", "ignore", str(HERE / "venue.py")],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return Played.of(json.loads(done.stdout))

    return play


def _made() -> str:
    """Make an environment with the other engine; skips, and says so, if it cannot be had."""
    newer = [version for version in VERSIONS if version >= LEAST]
    found = {"{}.{}".format(*sys.version_info[:2]): sys.executable} | others()
    chosen = next((found[version] for version in newer if version in found), None)
    if chosen is None:
        pytest.skip(f"NautilusTrader needs Python {LEAST}: name one in {NAMED}")
    python = MADE / "bin" / "python"
    if not (MADE / ".installed").exists():
        subprocess.run([chosen, "-m", "venv", "--clear", str(MADE)], check=True, timeout=600)
        command = [str(python), "-m", "pip", "-q", "install", "-r", str(HERE / "requirements.txt")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            pytest.skip(f"NautilusTrader cannot be installed: {done.stderr[-300:]}")
        (MADE / ".installed").touch()
    return str(python)


def _only(given: dict[str, Any], *kinds: str) -> dict[str, Any]:
    return given | {"orders": [each for each in given["orders"] if each["type"] in kinds]}


@pytest.mark.parametrize("seed", SEEDS)
def test_market_and_stop_orders_fill_alike(
    other: Callable[[dict[str, Any]], Played], seed: int
) -> None:
    """With size enough: every fill, price, fee, and the cash in the end, to the last unit."""
    given = _only(scenario(seed), "MARKET", "STOP")
    mine, theirs = Played.of(Floor(given).play()), other(given)
    assert len(mine.fills) > 250
    assert sorted(mine.fills, key=str) == sorted(theirs.fills, key=str)
    assert (mine.cash, mine.coins) == (theirs.cash, theirs.coins)


@pytest.mark.parametrize("seed", SEEDS)
def test_limits_fill_at_the_quote_or_better_than_theirs(
    other: Callable[[dict[str, Any]], Played], seed: int
) -> None:
    """All but limits alike; a resting limit fills there at its price, here at a better quote."""
    given = scenario(seed)
    wishes = {each["id"]: each for each in given["orders"]}
    mine, theirs = Played.of(Floor(given).play()), other(given)
    here = {each.order: each for each in mine.fills}
    there = {each.order: each for each in theirs.fills}
    assert len(here) == len(mine.fills)
    filled_at = {(each.quote, wishes[each.order]["side"], each.order) for each in theirs.fills}
    cash = mine.cash - theirs.cash
    for number in here.keys() | there.keys():
        found, wish = here[number], wishes[number]
        sign = 1 if wish["side"] == "BUY" else -1
        cash += sign * found.quantity * found.price + found.fee
        if number in there:
            same = there[number]
            cash -= sign * same.quantity * same.price + same.fee
        if found == there.get(number):
            continue
        assert wish["type"] == "LIMIT"
        if number not in there or there[number].quote > found.quote:
            # It takes one resting order a side and quote: the next waits for another quote.
            before = {order for quote, side, order in filled_at if quote == found.quote}
            assert before - {number}
        else:
            assert there[number].quantity == found.quantity
            assert there[number].price == Decimal(wish["price"])
            assert sign * found.price < sign * there[number].price
    assert cash == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_quote_does_not_have_waits_here(
    other: Callable[[dict[str, Any]], Played], seed: int
) -> None:
    """Beyond the displayed size it invents a level one tick worse; here the rest waits."""
    given = _only(scenario(seed, scarce=True), "MARKET", "STOP")
    wishes = {each["id"]: each for each in given["orders"]}
    mine, theirs = Played.of(Floor(given).play()), other(given)
    touched = invented = 0
    for each in theirs.fills:
        is_buy = wishes[each.order]["side"] == "BUY"
        touch = Decimal(given["quotes"][each.quote][1 if is_buy else 0])
        if each.price == touch:
            touched += 1
        else:
            assert each.price == touch + (CENT if is_buy else -CENT)
            invented += 1
    assert touched > invented > 0
    for each in mine.fills:
        is_buy = wishes[each.order]["side"] == "BUY"
        bid, ask, bid_size, ask_size = given["quotes"][each.quote]
        assert each.price == Decimal(ask if is_buy else bid)
        assert each.quantity <= (ask_size if is_buy else bid_size)
