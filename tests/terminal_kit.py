"""A user at a terminal, beside a scripted worker of real frames."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result

from papertrader.cli.invocation import Invocation
from papertrader.cli.main import main
from tests.client_kit import BlockingMarket

PASSWORD = "correct horse"


@attrs.define
class Terminal:
    """A user at a terminal, with a state directory and a market that runs there."""

    market: BlockingMarket
    state: Path

    def run(self, *words: str, typed: str = "", state: bool = True) -> Result:
        """Type a command; every option of the network and the clock comes from the market."""
        options = self.market.options()
        invocation = Invocation(**options, program="papertrader")
        where = ["--state-dir", str(self.state)] if state else []
        return CliRunner().invoke(main, [*where, *words], obj=invocation, input=typed)

    def logged_in(self) -> Terminal:
        """Log in as ada."""
        assert self.run("login", "ada", typed=PASSWORD + "\n").exit_code == 0
        return self

    @property
    def login_file(self) -> Path:
        return self.state / "client" / "session.json"


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal beside a running server that knows ada."""
    market = BlockingMarket()
    market.add("ada", PASSWORD)
    state = tmp_path / "state"
    (state / "run").mkdir(parents=True)
    content = {"workers": ["127.0.0.1:2049"], "ca": str(tmp_path / "ca.pem")}
    (state / "run" / "workers.json").write_text(json.dumps(content))
    return Terminal(market, state)


def fill_while_waiting(terminal: Terminal) -> None:
    """Let the next price update come as soon as the program waits."""
    terminal.market.idle.append(terminal.market.tick)
