"""The page in a real browser, used as a person would: on a desktop, and 360 pixels wide."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from papertrader.wire.spec import SPECS
from tests.server_kit import PASSWORD, Server, running

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.common.exceptions import (  # noqa: E402
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
WAIT_S = 30
SHOTS = os.environ.get("PAPERTRADER_SCREENSHOTS", "")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1360,850",
)  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        (CHROMIUM is None or DRIVER is None)
        and os.environ.get("PAPERTRADER_BROWSER") != "required",
        reason="needs chromium and chromedriver: make test-web",
    ),
]


class Page:
    """A browser with the page in it."""

    def __init__(self, address: str, narrow: bool = False) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in FLAGS:
            options.add_argument(flag)
        options.accept_insecure_certs = True
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if narrow:
            metrics = {"width": 360, "height": 780, "pixelRatio": 2.0}
            options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
        service = webdriver.ChromeService(str(DRIVER))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.address = address
        self.driver.get(address)

    def wait(self, what: Callable[[], Any]) -> Any:
        """Wait until something is true, and return it; what is missed is told by the page."""
        waiting = WebDriverWait(
            self.driver, WAIT_S, 0.1, ignored_exceptions=[StaleElementReferenceException]
        )
        try:
            return waiting.until(lambda _: what())
        except TimeoutException:
            raise AssertionError(f"{self.text}\n{self.complaints()}") from None

    def all(self, selector: str) -> list[Any]:
        """Return the elements there are."""
        found: list[Any] = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return found

    def one(self, selector: str) -> Any:
        """Wait for an element."""
        return self.wait(lambda: (self.all(selector) or [None])[0])

    @property
    def text(self) -> str:
        """What a person reads."""
        return str(self.driver.find_element(By.TAG_NAME, "body").text)

    def press(self, label: str, within: str = "button, a") -> None:
        """Click what is called so."""
        found = self.wait(lambda: [each for each in self.all(within) if each.text.strip() == label])
        self.driver.execute_script("arguments[0].click()", found[0])

    def type(self, name: str, text: str) -> None:
        """Fill in a field."""
        field = self.one(f"input[name={name}]")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def go(self, view: str) -> None:
        """Follow a link of the head, which may count what is behind it."""
        link = self.wait(lambda: [e for e in self.all("nav a") if e.text.startswith(view)])[0]
        self.driver.execute_script("arguments[0].click()", link)

    def enter(self, name: str, *, new: bool, scope: str = "trade") -> None:
        """Open an account, or log in."""
        self.one("input[name=username]")
        self.press("Open an account" if new else "Log in", "[role=tab]")
        self.type("username", name)
        self.type("password", PASSWORD)
        if new:
            self.type("again", PASSWORD)
        elif scope != "trade":
            self.one(".door select").send_keys(scope)
        self.wait(lambda: self.one("form button.main").is_enabled())
        self.one("form button.main").click()
        self.one("nav")

    def shot(self, name: str) -> None:
        """Keep a picture, if somebody wants to look."""
        if SHOTS:
            self.driver.save_screenshot(str(Path(SHOTS) / f"{name}.png"))

    def complaints(self) -> list[str]:
        """What the console has against the page: refused by the policy, thrown, missing."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]


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


def address(server: Server) -> str:
    """Return the page's address."""
    return f"https://127.0.0.1:{server.said('worker-1.json')['web']['port']}/"


@pytest.fixture
def browsers(server: Server) -> Iterator[Callable[..., Page]]:
    """Opens browsers, and closes them."""
    opened: list[Page] = []

    def open_page(**how: Any) -> Page:
        opened.append(Page(address(server), **how))
        return opened[-1]

    yield open_page
    for each in opened:
        each.driver.quit()


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
    estimate = page.wait(lambda: "buying power after" in page.text and page.one(".estimate").text)
    assert re.search(r"cost\s+[\d,]+\.\d\d", estimate)
    page.shot(f"{name}-market")
    page.one(".ticket button.main").click()
    page.wait(lambda: re.search(r"Bought 10 BRKF at [\d.]+", page.text))
    page.go("Portfolio")
    page.wait(lambda: [row for row in page.all("tbody tr") if "BRKF" in row.text])
    page.shot(f"{name}-portfolio")
    page.go("Orders")
    row = page.wait(lambda: [row for row in page.all("tbody tr") if "10 / 10" in row.text])[0]
    assert "filled" in row.text
    row.find_element(By.CSS_SELECTOR, "button.link").click()
    receipt = page.one(".receipt").text
    assert re.search(r"filled 10 at [\d.]+", receipt)
    assert re.search(r"bid [\d.]+ \W [\d,]+, ask [\d.]+ \W [\d,]+", receipt)
    page.shot(f"{name}-orders")
    wide = page.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    assert page.complaints() == []
    with server.client(name) as client:
        (order,) = client.orders(every=True)
        assert (order.symbol, order.filled) == ("BRKF", order.quantity)


def test_what_would_be_refused_is_said_before_it_is_sent(browsers: Callable[..., Page]) -> None:
    """In words, with the reason, and nothing is sent."""
    page = browsers()
    page.enter("eager", new=True)
    page.one(".chart canvas")
    page.type("size", "99999999")
    told = page.wait(lambda: "would be refused" in page.text and page.one(".estimate").text)
    assert "insufficient cash" in told or "quantity limit" in told
    page.press("Sell", ".sides button")
    page.type("size", "5")
    page.wait(lambda: "insufficient position" in page.one(".estimate").text)
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
    page.wait(lambda: page.one(".ticket button.main").is_enabled())
    page.one(".ticket button.main").click()
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


def test_a_malicious_page_gets_nothing(browsers: Callable[..., Page]) -> None:
    """A WebSocket of another origin is refused, and so is reading the page's files from there."""
    page = browsers()
    page.driver.get("data:text/html,<title>evil</title>")
    told = page.driver.execute_async_script(
        """
        const [address, done] = arguments;
        const socket = new WebSocket(address.replace("https:", "wss:") + "ptwp");
        socket.onopen = () => done("open");
        socket.onerror = () => done("refused");
        """,
        page.address,
    )
    assert told == "refused"
    told = page.driver.execute_async_script(
        """
        const [address, done] = arguments;
        fetch(address).then((reply) => reply.text())
          .then((text) => done(text), () => done("refused"));
        """,
        page.address,
    )
    assert told == "refused"


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
    page.wait(lambda: page.one("form button.main").is_enabled())
    page.one("form button.main").click()
    page.type("code", codes[0])
    page.one("form button.main").click()
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
