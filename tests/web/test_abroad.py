"""Prices of another currency than the portfolio's, and a page that is open twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.master.test_currencies import write_market
from tests.server_kit import Server, running
from tests.web.browser_kit import MARKS, Page, browsers

__all__ = ["browsers"]

pytestmark = MARKS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server whose market has a share in euros and one in dollars."""
    place = tmp_path_factory.mktemp("abroad")
    with running(place / "state", "--data", str(write_market(place))) as server:
        yield server


def test_a_price_says_its_currency_where_it_is_not_that_of_the_money(
    browsers: Callable[..., Page],
) -> None:
    """Before an order and in the history, price times quantity is not the amount."""
    page = browsers()
    page.enter("ada", new=True)
    for symbol, price, cost in (("SAPX", "EUR", "USD"), ("HOME", "", "")):
        page.press(symbol, "td button")
        page.type("size", "10")
        page.wait(lambda symbol=symbol: f"Buy {symbol}" in page.one(".ticket").text)
        page.wait(lambda price=price: _ends(page, ".estimate dd:nth-of-type(1)", price))
        assert _ends(page, ".estimate dd:nth-of-type(2)", cost)
        page.click(".ticket button.main")
        page.wait(lambda symbol=symbol: f"Bought 10 {symbol}" in page.text)
    page.go("Orders")
    page.press("History", "[role=tab]")
    rows = page.wait(lambda: [r.text for r in page.all("tbody tr") if "buy" in r.text])
    assert [" EUR" in row for row in rows] == ["SAPX" in row for row in rows]
    assert page.complaints() == []


def _ends(page: Page, selector: str, word: str) -> bool:
    text = str(page.one(selector).text)
    return text.endswith(word) if word else text[-1:].isdigit()


def test_a_copy_of_a_tab_takes_the_session_along_and_the_other_says_so(
    browsers: Callable[..., Page],
) -> None:
    """It reads as what happened, not as a break-in."""
    page = browsers()
    page.enter("twice", new=True)
    first = page.driver.current_window_handle
    page.driver.execute_script("window.open(location.href, '_blank')")
    (second,) = set(page.driver.window_handles) - {first}
    page.driver.switch_to.window(second)
    page.one("nav")
    page.driver.switch_to.window(first)
    assert "goes on in another tab" in page.shows(".notice", "tab")
