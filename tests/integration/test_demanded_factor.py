"""A server that demands a second factor leads people on, at a shell and in `tui`."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from papertrader.cli.invocation import Invocation
from papertrader.cli.place import find_place, load_login
from papertrader.client.errors import SecondFactorDemanded
from papertrader.wire.kinds import Scope
from tests.server_kit import PASSWORD, PROGRAM, Server, running

pytestmark = pytest.mark.slow

LOOKS_MAX = 2_000


def said_in_terminal(server: Server) -> str:
    """Start the terminal program on the stored login; return what its log says."""
    pytest.importorskip("textual")
    from textual.widgets import RichLog

    from papertrader.cli.terminal.app import TerminalProgram

    invocation = Invocation(state_dir=server.state, program=str(PROGRAM))
    place = find_place(invocation)

    async def run() -> str:
        app = TerminalProgram(invocation, place, load_login(place), Scope.TRADE)
        async with app.run_test(size=(80, 24)) as pilot:
            for _ in range(LOOKS_MAX):
                lines = app.query_one("#log-lines", RichLog).lines
                text = "\n".join(line.text for line in lines)
                if "hint:" in text:
                    return text
                await pilot.pause(0.05)
        raise AssertionError(text)

    return asyncio.run(run())


def test_people_are_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login says it, and whatever is refused; then all goes on with the same login."""
    monkeypatch.setenv("PAPERTRADER_AUTH_SECOND_FACTOR", "everybody")
    with running(tmp_path / "state") as server:
        with server.client() as ann:
            ann.register("ann", PASSWORD)
        login = server.cli("login", "ann", stdin=f"{PASSWORD}\n")
        assert "but only to set up a second factor: this server demands one" in login.stdout
        assert login.stderr.rstrip().endswith(" totp setup")
        refused = server.cli("portfolio", "--json")
        assert refused.returncode == 1
        error = json.loads(refused.stderr)["error"]
        assert error["code"] == "SECOND_FACTOR_DEMANDED"
        assert "totp setup" in error["hint"]
        assert "papertrader totp setup in a shell" in said_in_terminal(server)
        begun = server.cli("totp", "setup", stdin=f"{PASSWORD}\n000000\n")
        assert "Seed: " in begun.stderr
        assert begun.returncode == 1
        with server.client("ann") as ann:
            with pytest.raises(SecondFactorDemanded):
                ann.portfolio()
            with pytest.raises(SecondFactorDemanded):
                ann.quotes(["AAPL"])
            seed = ann.totp_setup(PASSWORD).seed
            totp = TOTP(base64.b32decode(seed + "=" * (-len(seed) % 8)), 6, SHA1(), 30)
            ann.totp_enable(totp.generate(int(time.time())).decode())
            assert ann.quotes(["AAPL"])
        assert server.cli("portfolio").returncode == 0
        server.stop()
        assert server.audit().violations == []
