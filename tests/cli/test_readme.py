"""The sessions that the README shows, typed again: what is printed has the shape that it shows.

Numbers and dates may be others; words, headings, columns and the order of lines may not.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner

from papertrader.cli.invocation import Invocation
from papertrader.cli.main import main
from papertrader.testing import PASSWORD, Market

README = Path(__file__).parents[2] / "README.rst"
PROGRAM = ".venv/bin/papertrader"


@attrs.frozen
class Typed:
    """A command of a session, and the lines that it answers."""

    words: list[str]
    answer: list[str]


def sessions() -> list[list[Typed]]:
    """Return the README's sessions: its blocks with prompts, but for the one that starts it."""
    found = []
    for block in re.findall(r"(?:^    .*\n|^\n)+", README.read_text("utf-8"), re.MULTILINE):
        typed: list[Typed] = []
        for line in (each[4:].rstrip() for each in block.splitlines()):
            if line.startswith(f"$ {PROGRAM} "):
                typed.append(Typed(shlex.split(line)[2:], []))
            elif typed:
                typed[-1].answer.append(line)
        if typed:
            found.append(typed)
    return found


def shapes(lines: list[str]) -> list[str]:
    """Return what lines look like: each figure as N, columns by one space, nothing empty."""
    found = []
    for line in lines:
        text = re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?", "DATE", line)
        text = re.sub(r"(?<![\w.])-?\d[\d,]*(\.\d+)?(?![\w.]*[A-Za-z])", "N", text)
        if text.strip():
            found.append(" ".join(text.split()))
    return found


class Desk:
    """A person at a terminal beside a market in this process."""

    def __init__(self, market: Market, state: Path) -> None:
        self._market = market
        run = market.state / "run"
        run.mkdir(exist_ok=True)
        where = {"workers": ["127.0.0.1:2049"], "ca": str(state)}
        (run / "workers.json").write_text(json.dumps(where))

    def type(self, words: list[str]) -> list[str]:
        """Type a command; return the lines that are shown, those of passwords too."""
        asked = words[0] in ("register", "login")
        invocation = Invocation(
            dial=self._market._dial, now_ns=self._market.clock.wall_ns, sleep=self._market.advance,
            program=PROGRAM,
        )  # fmt: skip
        here = ["--state-dir", str(self._market.state)]
        # These commands beside a server have the option themselves.
        line = [*words, *here] if words[0] == "audit" else [*here, *words]
        done = CliRunner().invoke(main, line, obj=invocation, input=f"{PASSWORD}\n" * asked)
        assert done.exit_code == 0, done.output
        self._market.advance(5)
        # A caution is shown at a terminal, too.
        said = done.output.splitlines()
        prompts = ["Password:", "Repeat for confirmation:"][: 2 if words[0] == "register" else 1]
        here_text = f" --state-dir {self._market.state}"
        return prompts * asked + [each.replace(here_text, "") for each in said]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The recorded market on its first day."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    start = datetime(2010, 1, 4, 14, 30, tzinfo=UTC)
    with Market(source="replay", start=start, state=state) as market:
        yield Desk(market, state)


def test_orders_that_wait_look_as_they_are_shown(tmp_path: Path) -> None:
    """Exits that an order brings, a stop that trails, the receipt of a first order with a fee."""
    (*rest,) = sessions()[1:]
    ((bracket, trail, receipt),) = rest
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    start = datetime(2005, 2, 25, 14, 30, tzinfo=UTC)
    with Market(source="replay", start=start, state=state) as market:
        desk = Desk(market, state)
        for words in (
            "register ann", "login ann", "portfolio terms --fees per-share --fee-rate 0.005",
            "buy AAPL 10", "buy IBM 5",
        ):  # fmt: skip
            desk.type(words.split())
        for each in (bracket, trail, receipt):
            assert shapes(desk.type(each.words)) == shapes(each.answer), each.words


def test_the_first_session_looks_as_it_is_shown(desk: Desk) -> None:
    """From the account to the audit."""
    first = sessions()[0]
    assert [each.words[0] for each in first][:3] == ["register", "login", "quote"]
    for each in first:
        assert shapes(desk.type(each.words)) == shapes(each.answer), each.words
