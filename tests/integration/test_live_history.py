"""The history of a live market on real processes: built, kept over kill -9, imported beside it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from pathlib import Path

import pytest

from papertrader.client.blocking import Client
from papertrader.client.results import Bar
from papertrader.core.instants import SECOND
from tests.integration.test_live_market import Site, sites, ticker
from tests.provider_kit import SHAPES
from tests.server_kit import PASSWORD, Server, running

__all__ = ["sites"]
pytestmark = pytest.mark.slow

OLD = 1_767_366_000 * SECOND
OHLC = (
    '{"error":[],"result":{"XXBTZUSD":['
    '[1767366000,"90.0","95.0","85.0","91.0","90.0","3.5",12],'
    '[1767366060,"91.0","92.0","90.0","91.5","91.0","1.5",3],'
    '[1767366120,"91.5","91.5","91.5","91.5","91.5","0.5",1]],"last":1767366060}}'
)


def bars(server: Server, seconds: float = 60.0) -> list[Bar]:
    """Return the minutes of BTC/USD, waiting until there are some."""
    deadline = time.monotonic() + seconds
    with Client(server.workers, server.ca) as client:
        client.login("ada", PASSWORD)
        while time.monotonic() < deadline:
            found = list(client.bars("BTC/USD", "1m"))
            if found:
                return found
            time.sleep(0.2)
    raise AssertionError("no bar was ever built")


def wait_until_kept(server: Server, bar: Bar, seconds: float = 60.0) -> None:
    """Wait until a minute is in the file: what is built is written now and then."""
    at = int(bar.time.timestamp()) * SECOND
    sql = "SELECT count(*) FROM bar WHERE symbol = 'BTC/USD' AND interval_s = 60 AND time = ?"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        file = f"file:{server.state / 'history.db'}?mode=ro"
        with contextlib.closing(sqlite3.connect(file, uri=True)) as db:
            if db.execute(sql, (at,)).fetchone()[0]:
                return
        time.sleep(0.2)
    raise AssertionError("the minute was never written")


def test_history_is_kept_and_filled(
    tmp_path: Path, sites: list[Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was built before a kill -9 is there after it; what is imported comes before it."""
    site = Site()
    sites.append(site)
    site.say = lambda path: OHLC.encode() if "OHLC" in path else ticker(path)
    monkeypatch.setenv("PAPERTRADER_KRAKEN_URL", site.url())
    assert "BTC/USD" in SHAPES["kraken"].symbols
    arguments = ("--market", "live", "--provider", "kraken", "--symbols", "BTC/USD")
    with running(tmp_path / "state", *arguments) as server:
        with Client(server.workers, server.ca) as client:
            client.register("ada", PASSWORD)
        built = bars(server)
        wait_until_kept(server, built[0])
        server.wait_for_new("master", server.kill("master"))
        again = bars(server)
        assert again[0].time == built[0].time
        done = server.cli(
            "--json", "import", "--provider", "kraken", "BTC/USD", "--interval", "1m",
            "--from", "2026-01-02", "--to", "2026-01-02",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["imported"] == [
            {"symbol": "BTC/USD", "interval_s": 60, "bars": 2}
        ]
        with Client(server.workers, server.ca) as client:
            client.login("ada", PASSWORD)
            whole = client.bars("BTC/USD", "1m")
        assert [str(bar.close) for bar in whole][:2] == ["91.00", "91.50"]
        assert [bar.time.timestamp() for bar in whole][:2] == [OLD // SECOND, OLD // SECOND + 60]
        assert built[0].time in [bar.time for bar in whole]
        assert whole.missing > 0
        kept = json.loads(server.cli("--json", "import").stdout)["history"]
        minutes = next(row for row in kept if row["interval_s"] == 60)
        assert (minutes["imported"], minutes["gaps"]) == (2, 1)
        assert server.audit().violations == []
