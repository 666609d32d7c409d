"""The Python that the documentation shows: all of it compiles, and what can be run is run.

It is run as it stands, against a whole market in this process: only where the server is, is told
otherwise. What needs a program of another house is run as far as it goes without a network.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
import typing
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from papertrader import testing
from papertrader.client import aio, blocking
from papertrader.client.endpoints import Endpoint

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.rst")), *sorted((ROOT / "specs").glob("*.rst"))]
PAGES += [ROOT / "README.rst", ROOT / "CONTRIBUTING.rst"]
_BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", re.MULTILINE)
_LITERAL = re.compile(r"::\n\n((?: {4}.*\n|\n)+)")
ADDRESS = "127.0.0.1:2049"


def shown() -> dict[str, str]:
    """Return the blocks of Python, by the page or module and their number in it."""
    found = {}
    for page in PAGES:
        for number, block in enumerate(_BLOCK.findall(page.read_text("utf-8"))):
            found[f"{page.relative_to(ROOT)} {number}"] = textwrap.dedent(block)
    for module in (testing, aio):
        for number, block in enumerate(_LITERAL.findall(f"{module.__doc__}\n")):
            found[f"{module.__name__} {number}"] = textwrap.dedent(block)
    return found


SHOWN = shown()


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Iterator[testing.Market]:
    """The recorded market. ann has an account; who connects to the usual address finds it."""
    start = datetime(2010, 1, 4, 14, 30, tzinfo=UTC)
    with testing.Market(source="replay", start=start) as market:
        market.client("ann")
        monkeypatch.setattr(blocking, "Client", connecting(market, blocking.Client))
        yield market


def connecting(market: testing.Market, face: Callable[..., Any]) -> Callable[..., Any]:
    """Return a client's class whose network is the market in this process."""

    def connect(address: str, *, ca: str) -> Any:
        assert (address, ca) == (ADDRESS, "ca.pem")
        return face(
            Endpoint("127.0.0.1", 2049), dial=market._dial, now_ns=market.clock.wall_ns,
            sleep=market.advance, learn_workers=False,
        )  # fmt: skip

    return connect


def run(name: str, **given: Any) -> dict[str, Any]:
    """Run a block with what it takes for granted; return what it made."""
    space: dict[str, Any] = {"__name__": "shown", **given}
    exec(compile(SHOWN[name], name, "exec"), space)
    return space


def test_all_of_it_compiles() -> None:
    """Everything that is shown, also what is not run here; and it imports what there is."""
    assert len(SHOWN) >= 6
    for name, block in SHOWN.items():
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = compile(block, name, "exec", flags | ast.PyCF_ONLY_AST)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("papertrader"):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, each.name) for each in node.names), name


@pytest.mark.parametrize("name", ["README.rst 0", "docs/howto/bot.rst 0"])
def test_a_program_that_trades(
    market: testing.Market, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The order is placed, and what becomes of it is printed."""
    made = run(name, password=testing.PASSWORD)
    assert made["order"].symbol == "AAPL"
    assert "OrderUpdate" in capsys.readouterr().out


def test_a_market_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints what the account is worth, of which an hour cannot take much."""
    run("docs/howto/bot.rst 1")
    assert 90_000 < float(capsys.readouterr().out) < 110_000


def test_a_strategy_in_a_test() -> None:
    """The test that the module shows passes."""
    run("papertrader.testing 0")["test_my_strategy"]()


def test_the_clients_of_alpaca() -> None:
    """They take the addresses that the page gives them."""
    pytest.importorskip("alpaca")
    made = run("docs/howto/alpaca.rst 0", key_id="0000000000000001", secret="3f")
    assert made["trading"]._base_url == made["url"]


def test_what_cannot_be_run_is_known() -> None:
    """A block that is new is run by a test here, or named here with why it is not."""
    source = Path(__file__).read_text("utf-8")
    not_run = {
        # asyncio needs a loop of its own for a network in memory, as in tests/client/test_aio.py.
        "papertrader.client.aio 0",
    }
    assert not_run <= set(SHOWN)
    assert [name for name in SHOWN if f'"{name}"' not in source] == []


# --- the reference of the library ----------------------------------------------------------------

LIBRARY = (ROOT / "docs/reference/library.rst").read_text("utf-8")
_MODULE = re.compile(r"^\.\. automodule:: (\S+)\n((?: {3}:.*\n)*)", re.MULTILINE)
_CLASS = re.compile(r"^\.\. autoclass:: (\S+)\.(\w+)$", re.MULTILINE)


def documented() -> set[type]:
    """Return the classes that the page of the library describes."""
    found = {
        getattr(importlib.import_module(module), name) for module, name in _CLASS.findall(LIBRARY)
    }
    for name, options in _MODULE.findall(LIBRARY):
        module = importlib.import_module(name)
        if ":no-members:" not in options:
            found |= {each for _, each in inspect.getmembers(module, inspect.isclass)
                      if each.__module__ == name}  # fmt: skip
    return found


def reached(face: type) -> set[type]:
    """Return the classes that the methods of a client take and give, and those in their fields."""
    found: set[type] = set()
    waiting: list[Any] = [
        each for name, each in inspect.getmembers(face, callable) if not name.startswith("_")
    ]
    while waiting:
        each = waiting.pop()
        if isinstance(each, type):
            if not each.__module__.startswith("papertrader") or each in found:
                continue
            found.add(each)
            waiting += typing.get_type_hints(each).values() if attrs.has(each) else ()
        elif inspect.isfunction(each):
            waiting += typing.get_type_hints(each).values()
        elif each is not None:
            waiting += [*typing.get_args(each), typing.get_origin(each)]
    return found


def test_every_method_and_what_it_returns_is_described() -> None:
    """Each method of the client is on the page, each class that is taken or given."""
    options = dict(_MODULE.findall(LIBRARY))["papertrader.client.blocking"]
    assert ":inherited-members:" in options, "most methods are inherited"
    classes = reached(blocking.Client)
    assert len(classes) > 60
    assert sorted(f"{each.__module__}.{each.__name__}" for each in classes - documented()) == []
