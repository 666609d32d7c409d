"""An asset in another currency, from a market of files to the receipt."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from papertrader.client import Client
from papertrader.core.orders import Side
from papertrader.ops.replaycheck import replay_check
from tests.master.test_currencies import write_market
from tests.server_kit import PASSWORD, running

RATE = Decimal("1.2935")
"""Of 2012-01-02: the market begins with the morning of the next day."""


def test_a_share_in_euros_bought_with_dollars(tmp_path: Path) -> None:
    """Previewed, bought and shown with its rate; audit and replay check find nothing."""
    data = write_market(tmp_path)
    with running(tmp_path / "state", "--data", str(data)) as server:
        with Client(server.workers, server.ca) as client:
            client.register("ada", PASSWORD)
            client.login("ada", PASSWORD)
            preview = client.order_preview(Side.BUY, "SAPX", 10)
            assert (preview.currency, preview.asset_currency) == ("USD", "EUR")
            assert preview.price is not None
            assert preview.cost == preview.price * 10 * RATE
        secret = tmp_path / "secret"
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o600)
        logged_in = server.cli("--password-file", str(secret), "login", "ada")
        assert logged_in.returncode == 0, logged_in
        bought = server.cli("buy", "SAPX", "10", "--wait", "60")
        assert f"Converted at {RATE} USD for 1 EUR." in bought.stdout, bought
        receipt = server.cli("receipt", "1")
        assert f"  converted at {RATE} USD for 1 EUR" in receipt.stdout, receipt
        history = server.cli("history").stdout.splitlines()
        assert history[0].endswith("converted at"), history
        assert [line.endswith(f"{RATE} USD for 1 EUR") for line in history[1:3]] == [False, True]
        assert server.audit().violations == []
        server.stop()
        assert replay_check(server.state).findings == []
