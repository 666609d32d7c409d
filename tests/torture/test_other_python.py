"""The journal of one Python, decided again by others: the same outcomes and the same state hash.

Looks for Pythons of other versions than the one that runs the tests: on the path, under pyenv, or
named in ``PAPERTRADER_OTHER_PYTHONS`` (separated by colons). Each gets an environment under
``build/pythons``; without any the test is skipped, and says so.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from papertrader.core.money import SCALE, parse_amount
from papertrader.core.orders import OrderType, TimeInForce
from papertrader.core.terms import FillModelKind, PortfolioTerms
from papertrader.master import records
from papertrader.ops.replaycheck import replay_check
from papertrader.wire import messages as m
from tests.master_kit import MasterClient, MasterKit

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
ORDERS = 300


def others() -> dict[str, str]:
    """Return the Pythons of other versions, by version."""
    found: dict[str, str] = {}
    named = os.environ.get("PAPERTRADER_OTHER_PYTHONS", "").split(":")
    under = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"), reverse=True)
    on_path = [shutil.which(f"python{version}") for version in VERSIONS]
    for python in (*named, *map(str, under), *filter(None, on_path)):
        if not python:
            continue
        asked = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30)
        version = done.stdout.strip()
        if version in VERSIONS and version != "{}.{}".format(*sys.version_info[:2]):
            found.setdefault(version, python)
    return found


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with a day's trading in portfolios of every fill model."""
    path: Path = tmp_path_factory.mktemp("state")
    kit = MasterKit(path)
    ann = kit.client()
    ann.register()
    ann.login()
    draw = random.Random(5)
    numbers = [_portfolio(ann, model) for model in FillModelKind]
    for step in range(ORDERS):
        fields: dict[str, Any] = {"portfolio": draw.choice(numbers)}
        if draw.random() < 0.5:
            price = parse_amount(f"28.{draw.randint(30, 70)}")
            fields |= {"order_type": OrderType.LIMIT, "limit_price": price}
        fields["time_in_force"] = draw.choice(
            (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)
        )
        side, quantity = draw.randint(1, 2), str(draw.randint(1, 40))
        order = ann.order("MSFT", quantity, side, **fields)
        if order.status == 0 and draw.random() < 0.1:
            ann.seq += 1
            ann.ask(m.OrderCancel(order=order.message.order), seq=ann.seq)
        kit.turn(1)
        bid = 28_00 + draw.randint(30, 60)
        kit.quote(
            "MSFT",
            f"{bid // 100}.{bid % 100:02d}",
            f"{bid // 100}.{bid % 100 + 4:02d}",
            bid_size=draw.randint(0, 30) * SCALE,
            ask_size=draw.randint(0, 30) * SCALE,
            day_volume=step * 900 * SCALE,
            source_time=kit.main.assets.market.now(),
        )
        if step == ORDERS // 2:
            kit.crash()
            ann.resume()
    kit.check()
    return path


def _portfolio(ann: MasterClient, model: FillModelKind) -> int:
    ann.seq += 1
    wish = m.PortfolioCreate(name=model.name.lower().replace("_", "-"), cash=10**5 * SCALE)
    number = int(ann.ask(wish, seq=ann.seq).message.portfolio)
    ann.seq += 1
    terms = PortfolioTerms(fill_model=model, slippage=3, seed=9)
    chosen = records.terms_block(m.PortfolioTermsSet, terms, portfolio=number)
    assert ann.ask(chosen, seq=ann.seq).status == 0
    return number


def test_this_python_decides_the_same(state: Path) -> None:
    """Every input of the journal, with receipts of every model, and nothing taken as told."""
    report = replay_check(state)
    assert report.findings == []
    assert report.taken == 0
    assert report.receipts > ORDERS / 2


@pytest.mark.parametrize("version", VERSIONS)
def test_another_python_decides_the_same(state: Path, version: str) -> None:
    """With the state hash of the one that wrote it."""
    python = others().get(version)
    if python is None:
        pytest.skip(f"there is no other Python {version}: name one in PAPERTRADER_OTHER_PYTHONS")
    place = ROOT / "build" / "pythons" / version
    if not (place / ".installed").exists():
        for command in (
            [python, "-m", "venv", "--clear", str(place)],
            [str(place / "bin" / "python"), "-m", "pip", "-q", "install", "-e", str(ROOT)],
        ):
            made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
            if made.returncode:
                pytest.skip(f"Python {version} cannot be used: {made.stderr[-300:]}")
        (place / ".installed").touch()
    program = [str(place / "bin" / "papertrader"), "replay-check", "--json", "--state-dir"]
    done = subprocess.run(
        [*program, str(state)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["same"]
    assert told["taken"] == 0
    assert told["state_hash"] == replay_check(state).state_hash.hex()
