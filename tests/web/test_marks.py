"""What a live price's marks look like: one provider refuses, the next stands in with old prices.

A whole server on two sites: the first answers that there were too many requests, the second tells
a price whose own time stands still, and is said to be late. That, and who told it, is to be read in
the shell, in the terminal program and on the page; nothing fills at it.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from papertrader.core.instants import SECOND
from papertrader.core.quotes import QuoteFlag
from tests.integration.test_live_market import Site
from tests.provider_kit import SHAPES, Row
from tests.server_kit import PASSWORD, Server, running
from tests.web.browser_kit import MARKS, Page, browsers

__all__ = ["browsers"]
pytestmark = pytest.mark.slow

WAIT_S = 90.0
DELAY_S = 900
OLD_S = 2_000
"""More than the delay and the quarter of an hour after which any quote is STALE."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose first provider refuses and whose second one's time stands still."""
    first, second = Site(), Site()
    stopped_at = time.time_ns() - OLD_S * SECOND
    first.status = 429
    first.headers["Retry-After"] = "120"
    second.say = lambda path: SHAPES["coinbase"].body({"BTC/USD": Row(at=stopped_at)}).encode()
    state = tmp_path_factory.mktemp("marks") / "state"
    arguments = ("--market", "live", "--provider", "kraken coinbase", "--symbols", "BTC/USD")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAPERTRADER_KRAKEN_URL", first.url())
        patch.setenv("PAPERTRADER_COINBASE_URL", second.url())
        patch.setenv("PAPERTRADER_METRICS_LISTEN", "127.0.0.1:0")
        patch.setenv("PAPERTRADER_COINBASE_DELAY_S", str(DELAY_S))
        try:
            with running(state, *arguments) as server:
                with server.client() as client:
                    client.register("ann", PASSWORD)
                assert server.cli("login", "ann", stdin=f"{PASSWORD}\n").returncode == 0
                wait_for_quote(server)
                assert first.seen
                with server.client("ann") as client:
                    assert client.buy("BTC/USD", 1).order_id
                yield server
                nothing_fills(server, second)
        finally:
            first.close()
            second.close()


def wait_for_quote(server: Server) -> None:
    """Wait until the second provider was asked in the first one's place."""
    deadline = time.monotonic() + WAIT_S
    with server.client("ann") as client:
        while not client.quotes(["BTC/USD"]):
            assert time.monotonic() < deadline, server.output.read_text()
            time.sleep(0.1)


def nothing_fills(server: Server, site: Site) -> None:
    """The order that waited all along has got nothing, though prices came again and again."""
    seen, deadline = len(site.seen), time.monotonic() + WAIT_S
    while len(site.seen) < seen + 2:
        assert time.monotonic() < deadline, "the second provider is not asked any more"
        time.sleep(0.1)
    with server.client("ann") as client:
        assert [each.filled for each in client.orders()] == [0]


def test_the_shell_tells_who_said_it_and_that_it_is_old(server: Server) -> None:
    """`quote` names the provider that stood in and marks its price."""
    told = server.cli("quote", "BTC/USD")
    assert told.returncode == 0, told.stderr
    assert "coinbase" in told.stdout
    assert "stale" in told.stdout
    assert "delayed" in told.stdout
    (row,) = json.loads(server.cli("--json", "quote", "BTC/USD").stdout)["quotes"]
    assert "STALE" in str(row["flags"]).upper()
    address = f"http://127.0.0.1:{server.said('master.json')['metrics']}/metrics"
    with urllib.request.urlopen(address, timeout=WAIT_S) as answer:
        lines = answer.read().decode().splitlines()
    failures = [line.split() for line in lines if "kraken_failures" in line and line[0] != "#"]
    assert [float(value) >= 1 for _, value in failures] == [True], failures
    with server.client("ann") as client:
        (quote,) = client.quotes(["BTC/USD"])
        assert quote.flags == QuoteFlag.STALE | QuoteFlag.DELAYED


def test_the_terminal_program_shows_the_mark(server: Server) -> None:
    """Beside the price stands who told it, and that it is stale."""
    pytest.importorskip("textual")
    from textual.widgets import Static

    from tests.cli.test_tui import play, wait

    async def body(pilot: object) -> None:
        line = pilot.app.query_one("#quote", Static)  # type: ignore[attr-defined]
        await wait(pilot, lambda: "stale" in str(line.render()))  # type: ignore[arg-type]
        assert "delayed" in str(line.render())
        assert "coinbase" in str(line.render())

    play(server, body, rows=1)


@pytest.mark.skipif(MARKS[1].args[0], reason="needs chromium and chromedriver: make test-web")
def test_the_page_shows_the_mark(browsers: Callable[..., Page]) -> None:
    """The page says it in the same words."""
    page = browsers()
    page.enter("ann", new=False)
    page.wait(lambda: "stale" in page.text and "delayed" in page.text)
    assert page.complaints() == []
