"""The operator's list of assets and ``papertrader plan --live``, with a whole server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.server_kit import PASSWORD, Server, running

pytestmark = pytest.mark.slow

LIST = "symbol,name,status\nAAPL,,\nIBM,Big Blue,halted\nMSFT,,\n"


def said(server: Server, *words: str) -> dict[str, Any]:
    """Run a command with --json and return what it printed."""
    result = server.cli("--json", *words)
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_listed_assets_and_the_live_user_base(tmp_path: Path) -> None:
    """The list of the settings is what can be traded; what users wait for is what is planned."""
    state = tmp_path / "state"
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    log_in = ("--password-file", str(secret), "login", "--admin", "ann")
    with running(state) as server:
        assert server.cli("--password-file", str(secret), "register", "ann").returncode == 0
        server.stop()
        assert server.cli("admin", "ann").returncode == 0
        (state / "assets.csv").write_text(LIST)
        settings = state / "papertrader.toml"
        text = settings.read_text()
        assert '#assets = ""' in text
        settings.write_text(text.replace('#assets = ""', 'assets = "assets.csv"'))
        server.start()
        assert server.cli(*log_in).returncode == 0
        listed = said(server, "assets")["assets"]
        assert [(each["symbol"], each["status"]) for each in listed] == [
            ("AAPL", "TRADABLE"), ("IBM", "HALTED"), ("MSFT", "TRADABLE"),
        ]  # fmt: skip
        assert [each["symbol"] for each in said(server, "assets", "big")["assets"]] == ["IBM"]
        refused = server.cli("buy", "IBM", "1")
        assert refused.returncode == 1
        assert "IBM" in refused.stderr
        assert server.cli("buy", "AAPL", "3", "--wait", "60").returncode == 0
        assert server.cli("buy", "MSFT", "1", "--limit", "5.00", "--gtc").returncode == 0
        (plan,) = said(server, "plan", "finnhub", "--live")["plans"]
        counts = {each["symbol_class"]: each["symbols"] for each in plan["classes"]}
        assert counts["ORDERS"] == 1
        assert counts["POSITIONS"] == 1
        assert sum(counts.values()) == 3
        settings.write_text(text.replace('#assets = ""', 'assets = "none.csv"'))
        server.stop()
        server.output.write_text("")
        with pytest.raises(AssertionError, match=r"none\.csv: cannot be read"):
            server.start()
