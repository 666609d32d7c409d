"""Live prices over real sockets: TLS is judged, keys stay home, a whole server trades on them."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from papertrader.client.blocking import Client
from papertrader.client.results import Quote
from papertrader.client.updates import QuoteUpdate, TransactionUpdate
from papertrader.core.instants import SECOND
from papertrader.core.quotes import QuoteFlag
from papertrader.master.providers.request import LISTING_MAX
from papertrader.ops.certificates import (
    authority_file,
    certificate_files,
    issue_worker_public,
    make_authority,
)
from tests.provider_kit import KEY, SHAPES, Row, kraken_pairs
from tests.server_kit import EVENTS_S, PASSWORD, PROGRAM, running
from tests.torture.network_kit import wait_for

pytestmark = pytest.mark.slow
SILENT_S = 120.0
"""Nobody waits for longer than this."""
LATE_S = 900


class Site:
    """A web server on a free port of 127.0.0.1, in a thread: what it saw, and what it says."""

    def __init__(
        self, certificate: tuple[Path, Path] | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.status = 200
        self.headers: dict[str, str] = {"Content-Type": "application/json"}
        self.say = lambda path: b"{}"
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.seen.append((self.path, dict(self.headers.items())))
                body = site.say(self.path)
                self.send_response(site.status)
                headers = {"Content-Length": str(len(body)), **site.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def url(self, host: str = "127.0.0.1") -> str:
        """Return the site's address under a name of this machine."""
        return f"{self.scheme}://{host}:{self.server.server_address[1]}"

    def close(self) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def sites() -> Iterator[list[Site]]:
    """Sites that are closed after the test."""
    made: list[Site] = []
    yield made
    for site in made:
        site.close()


class Silence:
    """What a site says that never says anything: it holds the connection until it is over."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.over = threading.Event()

    def __call__(self, path: str) -> bytes:
        self.asked.set()
        self.over.wait(SILENT_S)
        return b""


def ask(url: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Let `papertrader provider test` ask Kraken at an address: a process of its own."""
    return subprocess.run(
        [str(PROGRAM), "--state-dir", "/nonexistent", "provider", "test", "kraken", "BTC/USD"],
        env={**os.environ, "PAPERTRADER_KRAKEN_URL": url, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def ticker(path: str) -> bytes:
    """Answer as Kraken does."""
    if "AssetPairs" in path:
        return kraken_pairs().encode()
    return SHAPES["kraken"].body({"BTC/USD": Row()}).encode()


def test_tls_is_judged(tmp_path: Path, sites: list[Site]) -> None:
    """Known authority and right name: read. Unknown authority or another name: nothing is sent."""
    now = datetime.now(UTC)
    make_authority(tmp_path, now=now)
    issue_worker_public(tmp_path, "worker-1", now=now)
    certificate = certificate_files(tmp_path, "worker-1-public")
    # The certificate names 127.0.0.1 and localhost, not 127.0.0.2.
    good, named = Site(certificate), Site(certificate, "127.0.0.2")
    sites += [good, named]
    good.say = named.say = ticker
    authority = str(authority_file(tmp_path))
    for url in (good.url(), good.url("localhost")):
        done = ask(url, SSL_CERT_FILE=authority)
        assert (done.returncode, "100.00" in done.stdout) == (0, True), done.stderr
    seen = len(good.seen)
    assert seen == 4
    for url, environ in ((good.url(), {}), (named.url("127.0.0.2"), {"SSL_CERT_FILE": authority})):
        done = ask(url, **environ)
        assert done.returncode == 1
        assert "kraken: unreachable" in done.stderr
    assert len(good.seen) == seen
    assert named.seen == []


def test_a_redirect_is_not_followed(sites: list[Site]) -> None:
    """The site that we are sent to sees no request at all."""
    first, second = Site(), Site()
    sites += [first, second]
    first.status = 302
    first.headers = {"Location": second.url() + "/steal"}
    done = ask(first.url())
    assert done.returncode == 1
    assert "kraken: redirect" in done.stderr
    assert len(first.seen) == 1
    assert second.seen == []


def test_nobody_listens_and_too_much_comes(sites: list[Site]) -> None:
    """A refused connection is told at once; a body beyond the limit is cut off."""
    site = Site()
    sites.append(site)
    site.say = lambda path: b" " * (LISTING_MAX + 1)
    assert "kraken: too large" in ask(site.url()).stderr
    assert "kraken: unreachable" in ask("http://127.0.0.1:1").stderr


def test_a_market_without_prices_says_why_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who started it sees which provider gives none and why, without looking for a log."""
    monkeypatch.setenv("PAPERTRADER_KRAKEN_URL", "http://127.0.0.1:1")
    arguments = ("--market", "live", "--provider", "kraken", "--symbols", "BTC/USD")
    with running(tmp_path / "state", *arguments) as server:
        wait_for("the cause", lambda: "no prices until it answers" in server.output.read_text())
        assert "papertrader-master: kraken: unreachable: " in server.output.read_text()
        server.stop()


def test_the_next_stands_in_for_a_provider_that_hangs(
    tmp_path: Path, sites: list[Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that stays open and says nothing costs one deadline; then the quotes are of the
    second provider, at its price and with its mark, and an order is filled at that."""
    first, second, silence = Site(), Site(), Silence()
    sites += [first, second]

    def late(path: str) -> bytes:
        row = Row(bid="101.00", ask="101.10", last="101.05", at=time.time_ns() - LATE_S * SECOND)
        return SHAPES["coinbase"].body({"BTC/USD": row}).encode()

    first.say, second.say = ticker, late
    monkeypatch.setenv("PAPERTRADER_KRAKEN_URL", first.url())
    monkeypatch.setenv("PAPERTRADER_COINBASE_URL", second.url())
    monkeypatch.setenv("PAPERTRADER_COINBASE_DELAY_S", str(LATE_S))
    monkeypatch.setenv("PAPERTRADER_MARKET_ANSWER_TIMEOUT_S", "1")
    arguments = ("--market", "live", "--provider", "kraken coinbase", "--symbols", "BTC/USD")
    with running(tmp_path / "state", *arguments) as server:
        with Client(server.workers, server.ca) as client:
            client.register("ada", PASSWORD)
            client.login("ada", PASSWORD)
            client.subscribe_quotes(["BTC/USD"])

            def quote_of(provider: str) -> Quote:
                quotes = (e.quote for e in client.events(SILENT_S) if isinstance(e, QuoteUpdate))
                return next(quote for quote in quotes if quote.provider == provider)

            assert not quote_of("kraken").flags & QuoteFlag.DELAYED
            first.say = silence
            quote = quote_of("coinbase")
            while not silence.asked.is_set():  # The machine was slow, and the first late by itself.
                quote = quote_of("coinbase")
            assert quote.flags & QuoteFlag.DELAYED
            assert str(quote.ask).rstrip("0") == "101.1"
            client.subscribe_account()
            client.buy("BTC/USD", 1)
            fills = (e for e in client.events(SILENT_S) if isinstance(e, TransactionUpdate))
            assert str(next(fills).transaction.price).rstrip("0") == "101.1"
        silence.over.set()
        assert server.audit().violations == []
        server.stop()


def test_a_server_trades_on_live_prices(
    tmp_path: Path, sites: list[Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Coins of one provider, shares of another with a key, and settings alone say where both are.

    The order fills at the stub's price; the key is seen by its provider alone, and by no file.
    """
    coins, shares = Site(), Site()
    sites += [coins, shares]

    def snapshots(path: str) -> bytes:
        now = time.time_ns()
        return SHAPES["alpaca"].body({"AAPL": Row(at=now)}).encode()

    coins.say, shares.say = ticker, snapshots
    state = tmp_path / "state"
    (state / "keys").mkdir(parents=True, mode=0o700)
    state.chmod(0o700)
    key = state / "keys" / "alpaca"
    key.write_bytes(KEY + b"-id\n" + KEY + b"-secret\n")
    key.chmod(0o600)
    monkeypatch.setenv("PAPERTRADER_KRAKEN_URL", coins.url())
    monkeypatch.setenv("PAPERTRADER_ALPACA_URL", shares.url())
    arguments = ("--market", "live", "--provider", "kraken alpaca", "--symbols", "BTC/USD AAPL")
    with running(state, *arguments) as server:
        with Client(server.workers, server.ca) as client:
            client.register("ada", PASSWORD)
            client.login("ada", PASSWORD)
            client.subscribe_account()
            deadline = time.monotonic() + EVENTS_S
            while not client.quotes(["BTC/USD"]) and time.monotonic() < deadline:
                time.sleep(0.1)
            client.buy("BTC/USD", 1)
            changes = (e for e in client.events(EVENTS_S) if isinstance(e, TransactionUpdate))
            filled = next(changes).transaction
            assert str(filled.price) in ("100.1", "100.10", "100.10000000")
            deadline = time.monotonic() + EVENTS_S
            while not shares.seen and time.monotonic() < deadline:
                time.sleep(0.1)
        stats = server.cli("provider", "list")
        assert "kraken" in stats.stdout
        shown = server.cli("provider", "show", "alpaca", "AAPL")
        assert shown.stdout.startswith(f"GET {shares.url()}/v2/stocks/snapshots?symbols=AAPL")
        assert KEY.decode() not in shown.stdout + shown.stderr
        tried = server.cli("provider", "test", "kraken", "BTC/USD")
        assert "100.00" in tried.stdout, tried.stderr
        assert server.audit().violations == []
        server.stop()
    secret = KEY.decode()
    assert any(secret in json.dumps(headers) for _, headers in shares.seen)
    assert not any(secret in json.dumps([path, headers]) for path, headers in coins.seen)
    assert not any(secret in path for path, _ in shares.seen)
    for file in (each for each in state.rglob("*") if each.is_file() and each != key):
        assert KEY not in file.read_bytes(), file
    assert KEY not in (tmp_path / "state.out").read_bytes()
