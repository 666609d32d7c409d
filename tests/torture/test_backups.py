"""Backups of a real server under load: each is put back, and holds what was told before it."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from papertrader.master.engines import place_at
from papertrader.ops import backup
from papertrader.ops.inspection import audit, rebuild
from papertrader.ops.replaycheck import replay_check
from tests.server_kit import PASSWORD, PROGRAM, START_S, Server, running
from tests.torture.network_kit import wait_for

BACKUPS = int(os.environ.get("PAPERTRADER_BACKUPS", "6"))


class Trader(threading.Thread):
    """Trades without a pause and knows which order it was last told of."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.client = server.client()
        self.client.register("ann", PASSWORD)
        self.client.login("ann", PASSWORD, remember=True)
        self.stopping = threading.Event()
        self.told = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with self.client as client:
                while not self.stopping.is_set():
                    order = client.buy("IBM", 1, limit="1.00", client_order_id=self.told + 1)
                    self.told += 1
                    client.order_cancel(order.order_id)
        except BaseException as failure:
            self.failure = failure


@pytest.mark.slow
@pytest.mark.sqlite
def test_backups_under_load(tmp_path: Path) -> None:
    """What was acknowledged before a backup began is in it, and its books are right."""
    with running(tmp_path / "state") as server:
        trader = Trader(server)
        trader.start()
        made: list[tuple[Path, int]] = []
        for number in range(BACKUPS):
            least = trader.told
            wait_for("orders", lambda least=least: trader.told > least + 2 or trader.failure)
            told, target = trader.told, tmp_path / f"copy{number}"
            done = subprocess.run(
                [str(PROGRAM), "backup", "--state-dir", str(tmp_path / "state"), str(target)],
                capture_output=True, text=True, check=False, timeout=START_S,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            made.append((target, told))
        trader.stopping.set()
        trader.join(START_S)
        assert trader.failure is None, repr(trader.failure)
        server.stop()
    for target, told in made:
        state = tmp_path / f"new-{target.name}"
        state.mkdir(mode=0o700)
        backup.restore_backup(place_at(state), target)
        rebuild(state, lambda line: None)
        report = audit(state)
        assert report.violations == []
        assert report.orders >= told > 0
        assert replay_check(state).findings == []
