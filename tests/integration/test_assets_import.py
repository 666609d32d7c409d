"""``papertrader assets import``: a provider's list over HTTP becomes a file that a market reads."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAIRS = {
    "XXBTZUSD": {"altname": "XBTUSD", "wsname": "XBT/USD", "tick_size": "0.1", "status": "online"},
    "XETHZEUR": {"altname": "ETHEUR", "wsname": "ETH/EUR", "tick_size": "0.01", "status": "online"},
    "OLDUSD": {"altname": "OLDUSD", "wsname": "OLD/USD", "tick_size": "0.01", "status": "delisted"},
}


class _Kraken(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer as Kraken does."""
        found = self.path.startswith("/0/public/AssetPairs")
        body = json.dumps({"error": [], "result": PAIRS} if found else {"error": ["EGeneral"]})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing on stderr."""


@pytest.fixture
def kraken() -> Iterator[str]:
    """A server on this machine that answers like Kraken; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Kraken)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(60)


def run(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``papertrader assets`` in a process of its own."""
    program = "from papertrader.cli.main import main; main()"
    command = [sys.executable, "-c", program, "--state-dir", str(state), "assets", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_import_then_check(tmp_path: Path, kraken: str) -> None:
    """The list is written once, can be narrowed, and is one that a live market can use."""
    (tmp_path / "papertrader.toml").write_text(f'[kraken]\nurl = "{kraken}"\n')
    out = tmp_path / "assets.csv"
    result = run(tmp_path, "import", "kraken", "--out", str(out))
    assert result.returncode == 0, result.stderr
    assert "2 of 2 assets of kraken" in result.stderr
    assert f'assets = "{out}"' in result.stderr
    lines = out.read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["symbol", "BTC/USD", "ETH/EUR"]
    assert run(tmp_path, "check", str(out)).stdout == "2 assets, nothing wrong\n"
    narrow = run(tmp_path, "import", "kraken", "--currency", "eur")
    assert [line.split(",")[0] for line in narrow.stdout.splitlines()] == ["symbol", "ETH/EUR"]
    again = run(tmp_path, "import", "kraken", "--out", str(out))
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_what_cannot_be_imported(tmp_path: Path) -> None:
    """An unknown provider, and one that does not list what it has."""
    result = run(tmp_path, "import", "nobody")
    assert result.returncode == 2
    assert "there is no provider nobody" in result.stderr
    result = run(tmp_path, "import", "twelvedata")
    assert result.returncode == 1
    assert "does not list what it has" in result.stderr
