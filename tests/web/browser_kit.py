"""A real browser with the page in it, for the tests beside this file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.server_kit import PASSWORD, Server

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.common.exceptions import (  # noqa: E402
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
WAIT_S = 90
PASSING = (
    StaleElementReferenceException, ElementClickInterceptedException,
    ElementNotInteractableException,
)  # fmt: skip
"""What comes of a page that is drawn anew just now: it is looked at again."""
SHOTS = os.environ.get("PAPERTRADER_SCREENSHOTS", "")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1360,850",
)  # fmt: skip

MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(
        (CHROMIUM is None or DRIVER is None)
        and os.environ.get("PAPERTRADER_BROWSER") != "required",
        reason="needs chromium and chromedriver: make test-web",
    ),
]


class Page:
    """A browser with the page in it."""

    def __init__(self, address: str, narrow: bool = False, dark: bool = False) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in FLAGS:
            options.add_argument(flag)
        options.accept_insecure_certs = True
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        if narrow:
            metrics = {"width": 360, "height": 780, "pixelRatio": 2.0}
            options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
        service = webdriver.ChromeService(str(DRIVER))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.address = address
        self.driver.set_script_timeout(WAIT_S)
        # Without motion a look at the page is one at the page, not at a moment of a flash.
        media = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        self.driver.get(address)

    def wait(self, what: Callable[[], Any]) -> Any:
        """Wait until something is true, and return it; what is missed is told by the page."""
        waiting = WebDriverWait(self.driver, WAIT_S, 0.1, ignored_exceptions=PASSING)
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
        """Click what is called so, as soon as it can be."""

        def pressed() -> bool:
            for each in self.all(within):
                if each.text.strip() == label and each.is_enabled():
                    self.driver.execute_script("arguments[0].click()", each)
                    return True
            return False

        self.wait(pressed)

    def click(self, selector: str) -> None:
        """Click an element with the mouse, as soon as it can be."""

        def clicked() -> bool:
            for each in self.all(selector)[:1]:
                if each.is_enabled():
                    each.click()
                    return True
            return False

        self.wait(clicked)

    def shows(self, selector: str, *words: str) -> str:
        """Wait until an element says all of these; return what it says."""

        def said() -> str:
            text = str(self.one(selector).text)
            return text if all(each in text for each in words) else ""

        return str(self.wait(said))

    def type(self, name: str, text: str) -> None:
        """Fill in a field."""
        field = self.one(f"input[name={name}]")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def go(self, view: str) -> None:
        """Follow a link of the head, which may count what is behind it."""

        def gone() -> bool:
            for each in self.all("nav a"):
                if each.text.startswith(view):
                    self.driver.execute_script("arguments[0].click()", each)
                    return True
            return False

        self.wait(gone)

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
        self.click("form button.main")
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

    def keys(self, *what: str) -> None:
        """Press keys as they come, wherever the focus is."""
        ActionChains(self.driver).send_keys(*what).perform()

    def focused(self) -> str:
        """What has the focus: its label, its text, or its name."""
        return str(
            self.driver.execute_script(
                "const e = document.activeElement;"
                "return e.getAttribute('aria-label') || e.name || e.textContent.trim()"
            )
        )

    def hosts(self) -> set[str]:
        """Return what was asked over the network since the last time: host and port of each."""
        asked = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            parameters = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                asked.add(urlsplit(parameters["request"]["url"]).netloc)
            elif message["method"] == "Network.webSocketCreated":
                asked.add(urlsplit(parameters["url"]).netloc)
        return asked - {""}


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
