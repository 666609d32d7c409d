"""A server that demands a second factor: the page leads through setting it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from papertrader.client.errors import SessionEnded
from papertrader.wire import limits
from tests.server_kit import PASSWORD, Server, running
from tests.web.browser_kit import MARKS, Page, browsers
from tests.web.test_page import code_of

__all__ = ["browsers"]

pytestmark = MARKS


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """One server with a simulated market."""
    monkeypatch.setenv("PAPERTRADER_AUTH_SECOND_FACTOR", "everybody")
    with running(tmp_path / "state", "--market", "simulated") as server:
        with server.client() as client:
            client.register("ann", PASSWORD)
        yield server
        assert server.audit().violations == []


def test_a_second_factor_that_is_demanded(server: Server, browsers: Callable[..., Page]) -> None:
    """Nothing is shown but how to set it up, also after a reload; then everything is there.
    Other sessions are ended if that is wished."""
    phone = server.client("ann")
    page = browsers()
    page.one("input[name=username]")
    page.type("username", "ann")
    page.type("password", PASSWORD)
    page.click("form button.main")
    page.wait(lambda: "This server demands a second factor" in page.text)
    assert not page.all("nav")
    page.driver.refresh()
    page.wait(lambda: "This server demands a second factor" in page.text)
    page.wait(lambda: page.one("form button.main").is_enabled())
    page.type("password", PASSWORD)
    page.press("Begin", "button")
    seed = page.wait(lambda: page.one(".seed code").text)
    page.shot("second-factor")
    page.type("code", "000000")
    page.press("Turn it on", "button")
    page.wait(lambda: "That is no code of this seed" in page.text)
    page.type("code", code_of(seed))
    page.wait(lambda: page.one("form button.main").is_enabled())
    page.press("Turn it on", "button")
    page.wait(lambda: len(page.one(".codes").text.split()) == limits.RECOVERY_CODES)
    page.click("input[name=others]")
    page.press("I have kept them; go on", "button")
    page.one("nav")
    page.wait(lambda: "100,000.00 USD" in page.text)
    assert page.complaints() == []
    with pytest.raises(SessionEnded), phone:
        phone.account()
