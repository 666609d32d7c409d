"""The page in a real browser, used as a person would: on a desktop, and 360 pixels wide."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from papertrader.wire.spec import SPECS
from tests.server_kit import PASSWORD, Server, running
from tests.web.browser_kit import MARKS, By, Keys, Page, browsers

__all__ = ["browsers"]

pytestmark = MARKS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with a simulated market."""
    state = tmp_path_factory.mktemp("web") / "state"
    with running(state, "--market", "simulated") as server:
        with server.client() as client:
            client.register("hostess", PASSWORD)
        server.stop()
        assert server.cli("admin", "--host", "hostess").returncode == 0
        server.start()
        yield server
        assert server.audit().violations == []


@pytest.mark.parametrize("narrow", [False, True], ids=["desktop", "360-wide"])
def test_a_first_trade(server: Server, browsers: Callable[..., Page], narrow: bool) -> None:
    """An account, a search, the chart, an estimate, an order, its fill as it comes, its receipt."""
    page = browsers(narrow=narrow)
    name = "narrow" if narrow else "wide"
    page.enter(name, new=True)
    assert "100,000.00 USD" in page.wait(lambda: "100,000.00 USD" in page.text and page.text)
    search = page.one("input[type=search]")
    search.send_keys("BRK")
    page.wait(lambda: "BRKF" in page.one(".found").text)
    search.send_keys(Keys.ENTER)
    page.wait(lambda: page.one(".quote h2").text == "BRKF")
    page.one(".chart canvas")
    page.type("size", "10")
    estimate = page.shows(".estimate", "buying power after")
    assert re.search(r"cost\s+[\d,]+\.\d\d", estimate)
    page.shot(f"{name}-market")
    page.click(".ticket button.main")
    page.wait(lambda: re.search(r"Bought 10 BRKF at [\d.]+", page.text))
    page.go("Portfolio")
    page.wait(lambda: [row for row in page.all("tbody tr") if "BRKF" in row.text])
    page.shot(f"{name}-portfolio")
    page.go("Orders")
    page.wait(lambda: [row for row in page.all("tbody tr") if "10 / 10" in row.text])
    page.wait(lambda: "filled" in page.all("tbody tr")[0].text)
    page.click("tbody tr button.link")
    receipt = page.shows(".receipt", "filled 10 at", "bid", "ask")
    assert re.search(r"filled 10 at [\d.]+", receipt)
    assert re.search(r"bid [\d.]+ \W [\d,]+, ask [\d.]+ \W [\d,]+", receipt)
    page.shot(f"{name}-orders")
    wide = page.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    assert page.complaints() == []
    with server.client(name) as client:
        (order,) = client.orders(every=True)
        assert (order.symbol, order.filled) == ("BRKF", order.quantity)


def test_an_order_is_sent_with_a_tag(server: Server, browsers: Callable[..., Page]) -> None:
    """Too long a one is not sent; it stands with the order, with its fill, and nowhere as HTML."""
    page = browsers()
    page.enter("tagger", new=True)
    page.one(".chart canvas")
    page.type("size", "3")
    page.press("Exits, hours and tag", "summary")
    page.type("tag", "é" * 65)
    page.wait(lambda: "The tag is too long" in page.one(".estimate").text)
    tag = "<b>dip</b> " + "é" * 58
    page.type("tag", tag)
    page.wait(lambda: page.one(".ticket button.main").is_enabled())
    page.keys(Keys.ENTER)
    page.wait(lambda: re.search(r"Bought 3 \w+ at", page.text))
    page.go("Orders")
    page.wait(lambda: [row for row in page.all("tbody tr") if tag in row.text])
    page.press("History", "[role=tab]")
    page.wait(lambda: [row for row in page.all("tbody tr") if f"buy {tag}" in row.text])
    wide = page.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    assert page.complaints() == []
    with server.client("tagger") as client:
        assert [order.tag for order in client.orders(every=True)] == [tag]


def test_what_would_be_refused_is_said_before_it_is_sent(browsers: Callable[..., Page]) -> None:
    """In words, with the reason, and nothing is sent."""
    page = browsers()
    page.enter("eager", new=True)
    page.one(".chart canvas")
    page.type("size", "99999999")
    told = page.shows(".estimate", "would be refused")
    assert "insufficient cash" in told or "quantity limit" in told
    page.press("Sell", ".sides button")
    page.type("size", "5")
    page.wait(lambda: "insufficient position" in page.one(".estimate").text)
    for text, said in (("1,5", "A comma groups thousands"), ("1,500", "insufficient position")):
        page.type("size", text)
        page.shows(".estimate", said)
    page.go("Orders")
    page.wait(lambda: "No orders yet" in page.text)
    assert page.complaints() == []


def test_orders_that_wait_are_cancelled_and_replaced_by_events(
    server: Server, browsers: Callable[..., Page]
) -> None:
    """What another program of the same account does is seen at once; so is a cancel here."""
    page = browsers()
    page.enter("shared", new=True)
    with server.client("shared") as client:
        order = client.buy("BRKF", 1, limit="1.00", time_in_force="gtc")
        page.go("Orders")
        page.wait(lambda: "limit 1.00" in page.text)
        page.press("cancel", "td button")
        page.wait(lambda: "cancelled" in page.one("tbody").text)
        assert client.order(order.order_id).state.name == "CANCELLED"
    assert page.complaints() == []


def test_a_reload_and_a_lost_connection_are_survived(
    server: Server, browsers: Callable[..., Page]
) -> None:
    """The session goes on after a reload; after the worker was killed, the page comes back."""
    page = browsers()
    page.enter("steady", new=True)
    page.driver.refresh()
    page.wait(lambda: "steady" in page.text and "connected" in page.text)
    pid = server.kill("worker-1")
    server.wait_for_new("worker-1", pid)
    page.wait(lambda: "connected" in page.text)
    page.one(".chart canvas")
    page.type("size", "3")
    page.click(".ticket button.main")
    page.wait(lambda: re.search(r"Bought 3 \w+ at", page.text))
    with server.client("steady") as client:
        assert [order.filled for order in client.orders(every=True)] == [3]


def test_a_contest_is_opened_joined_and_ranked(browsers: Callable[..., Page]) -> None:
    """A host opens one in the page; a trader joins, trades for it, and stands in the standings."""
    host = browsers()
    host.enter("hostess", new=False, scope="trade, and host contests")
    host.go("Contests")
    host.press("Open a contest", "summary")
    host.type("name", "spring")
    host.press("Open it now", "form button")
    host.wait(lambda: "ends in" in host.text and "spring" in host.text)
    host.driver.quit()
    page = browsers()
    page.enter("joiner", new=True)
    page.go("Contests")
    page.press("Join", "button.main")
    page.wait(lambda: "You are in." in page.text)
    page.wait(lambda: [row for row in page.all("tbody tr") if "joiner" in row.text])
    assert page.one(".standings tbody td:nth-child(4)").text == "0.00 %"
    # By return the ratio is not told, which is something else than too little to tell.
    assert "Sharpe" not in page.one(".standings thead").text
    page.click("option[value=RISK_ADJUSTED]")
    page.shows(".standings thead", "Sharpe")
    assert "ends in" in page.text
    page.shot("contests")
    assert page.complaints() == []


def test_every_view_opens_and_says_something(browsers: Callable[..., Page]) -> None:
    """By the keys 1 to 6; none of them breaks the page's policy or throws."""
    page = browsers()
    page.enter("curious", new=True)
    body = page.driver.find_element(By.TAG_NAME, "body")
    for key, words in {
        "2": "Positions", "3": "No orders yet", "4": "Months", "5": "Contests",
        "6": "market's clock", "1": "symbol",
    }.items():  # fmt: skip
        body.send_keys(key)
        page.wait(lambda words=words: words in page.text)
        page.shot(f"view-{key}")
    body.send_keys("?")
    page.wait(lambda: page.all("[role=dialog]"))
    assert page.complaints() == []


def test_the_vectors_hold_in_the_browser(browsers: Callable[..., Page]) -> None:
    """The codec, as the browser loaded it, reads every frame of the client link as it is told."""
    frames = json.loads((SPECS / "vectors" / "frames.json").read_text(encoding="utf-8"))["frames"]
    asked = [
        {"id": each["id"], "hex": each["hex"], "message": each["message"]}
        for each in frames
        if int(each["hex"][16:20], 16) < 0x7001
    ]
    page = browsers()
    wrong = page.driver.execute_async_script(
        """
        const [vectors, done] = arguments;
        import("./codec.js").then(({ decode }) => {
          const unhex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
          done(vectors.filter((each) => decode(unhex(each.hex)).name !== each.message)
            .map((each) => each.id));
        }).catch((why) => done([String(why)]));
        """,
        asked,
    )
    assert wrong == []
    assert len(asked) > 200


def test_a_second_factor_is_asked_for(server: Server, browsers: Callable[..., Page]) -> None:
    """Only when the account has one: the code's field appears, and a recovery code lets in."""
    with server.client() as client:
        client.register("guarded", PASSWORD)
    with server.client("guarded") as client:
        codes = second_factor(client)
    page = browsers()
    page.one("input[name=username]")
    page.type("username", "guarded")
    page.type("password", PASSWORD)
    page.click("form button.main")
    page.type("code", codes[0])
    page.click("form button.main")
    page.one("nav")
    assert page.complaints() == []


def second_factor(client: Any) -> list[str]:
    """Turn the second factor on; return the recovery codes."""
    setup = client.totp_setup(PASSWORD)
    return list(client.totp_enable(code_of(setup.seed)))


def code_of(seed: str) -> str:
    """Return what an authenticator would show now."""
    key = base64.b32decode(seed + "=" * (-len(seed) % 8))
    return TOTP(key, 6, SHA1(), 30).generate(int(time.time())).decode()
