"""``papertrader provider``: what is listed and shown, without a network."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.server_kit import PROGRAM

KEY = "an-identifier:a-very-secret-secret"


def run(state: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [str(PROGRAM), "--state-dir", str(state), "provider", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_list_needs_no_installation(tmp_path: Path) -> None:
    """Six providers, their limits, whether a key is there, and who is asked first."""
    done = run(tmp_path, "list", "--json", PAPERTRADER_KEY_ALPACA=KEY)
    rows = {row["name"]: row for row in json.loads(done.stdout)["providers"]}
    assert list(rows) == ["kraken", "coinbase", "alpaca", "finnhub", "twelvedata", "ecb"]
    assert [row["place"] for row in rows.values()] == ["1", "2", "-", "-", "-", "-"]
    assert rows["kraken"]["key"] == "none needed"
    assert rows["alpaca"]["key"] == "there"
    assert rows["finnhub"]["key"] == "missing"
    assert rows["twelvedata"]["calls"] == "8/min, 800/day"


def test_the_request_is_shown_with_its_key_masked(tmp_path: Path) -> None:
    """The address of the settings, the symbols, the headers; the key nowhere."""
    url = "https://stub.example/api"
    done = run(
        tmp_path, "show", "alpaca", "AAPL", "IBM",
        PAPERTRADER_KEY_ALPACA=KEY, PAPERTRADER_ALPACA_URL=url,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0] == f"GET {url}/v2/stocks/snapshots?symbols=AAPL,IBM&feed=iex"
    assert "APCA-API-SECRET-KEY: <secret>" in lines
    assert "key: there (masked above)" in lines
    assert not any(part in done.stdout + done.stderr for part in KEY.split(":"))


def test_a_missing_key_is_told_with_its_place(tmp_path: Path) -> None:
    """Where the file goes, and under which name in the environment."""
    done = run(tmp_path, "show", "finnhub")
    assert str(tmp_path / "keys" / "finnhub") in done.stdout
    assert "PAPERTRADER_KEY_FINNHUB" in done.stdout


def test_a_wrong_setting_is_told(tmp_path: Path) -> None:
    """Plain http to another machine is refused before anything is sent."""
    done = run(tmp_path, "test", "kraken", PAPERTRADER_KRAKEN_URL="http://192.0.2.1")
    assert done.returncode == 1
    assert "kraken.url" in done.stderr
    assert "plain http is for this machine only" in done.stderr
