"""Each view as an operator of a replay sees it; keys, contrast, and other people's pages."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from papertrader.client.errors import RefusedError
from papertrader.core.portfolio import Position
from papertrader.wire.kinds import Scope
from tests.server_kit import PASSWORD, Server, running
from tests.web.browser_kit import MARKS, Keys, Page, browsers

__all__ = ["browsers"]

pytestmark = MARKS

UNIT = 100_000_000
WEEKS_MAX = 8
TABS_MAX = 60

CONTRAST = """
const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const parts = (text) => {
  probe.clearRect(0, 0, 1, 1);
  probe.fillStyle = text;
  probe.fillRect(0, 0, 1, 1);
  return [...probe.getImageData(0, 0, 1, 1).data];
};
const light = (color) => {
  const [red, green, blue] = color.map((part) => part / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const ground = (element) => {
  for (; element; element = element.parentElement) {
    const color = parts(getComputedStyle(element).backgroundColor);
    if (color[3] > 250) return color;
  }
  return [255, 255, 255, 255];
};
const poor = [];
for (const element of document.querySelectorAll("body *")) {
  const said = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!said || !element.checkVisibility() || element.closest(":disabled")) continue;
  const [one, other] = [light(parts(getComputedStyle(element).color)), light(ground(element))];
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) poor.push(`${element.textContent.trim()}: ${ratio.toFixed(2)}`);
}
return poor;
"""
"""Texts whose contrast is below what WCAG asks of small text (1.4.3)."""

PARTS = """
const parts = [document.querySelectorAll("main").length, document.querySelectorAll("h1").length];
const stuck = [...document.querySelectorAll("*")].filter((each) =>
  /auto|scroll/.test(getComputedStyle(each).overflow)
  && (each.scrollHeight > each.clientHeight + 1 || each.scrollWidth > each.clientWidth + 1)
  && each.tabIndex < 0 && !each.querySelector("a, button, input, select"));
return [...parts, ...stuck.map((each) => each.outerHTML.slice(0, 80))];
"""
"""Of a page: how often it has a main part and a heading of the first level, and what can be
scrolled but is not reached by the keys (2.1.1)."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with a replay, and an operator who is to turn it."""
    state = tmp_path_factory.mktemp("views") / "state"
    with running(state, "--market", "replay", "--speed", "60") as server:
        with server.client() as client:
            client.register("operator", PASSWORD)
        server.stop()
        assert server.cli("admin", "operator").returncode == 0
        server.start()
        yield server
        assert server.audit().violations == []


def test_an_operator_turns_the_clock_and_sees_what_became_of_a_trade(
    browsers: Callable[..., Page],
) -> None:
    """Pause, steps, speed, a jump; then the months of the performance, beside an asset."""
    page = browsers()
    page.enter("operator", new=False, scope="administer")
    page.type("size", "100")
    page.click(".ticket button.main")
    page.wait(lambda: page.text.count("Bought 100 AAPL") == 1)
    page.click(".latest button")
    assert "Bought" not in page.wait(lambda: page.one(".receipt").text)
    page.go("Clock")
    for _ in range(WEEKS_MAX):
        before = page.shows(".big")
        page.press("+ 1 week", "button")
        page.wait(lambda before=before: page.one(".big").text[:10] > before[:10])
    assert "paused" in page.text
    page.press("600\u00d7", "button")
    page.wait(lambda: page.one("[aria-label=Speed] [aria-pressed=true]").text == "600\u00d7")
    page.press("Go on", "button")
    page.wait(lambda: "600 market seconds in a second" in page.text)
    page.press("Pause", "button")
    page.wait(lambda: "paused" in page.one("main").text)
    page.driver.execute_script(
        "const field = document.querySelector('input[type=date]'); field.value = '2010-06-01';"
        "field.dispatchEvent(new Event('input', { bubbles: true }));"
    )
    page.press("Jump", "button")
    page.wait(lambda: page.one(".big").text.startswith("2010-06-01"))
    page.go("Performance")
    page.wait(lambda: [row for row in page.all(".months tbody tr") if row.text.count("%") >= 6])
    page.one("select[name=benchmark]").send_keys("IBM")
    page.wait(lambda: len(page.all(".chart canvas")) > 1)
    page.shot("performance")
    page.press("One day", "[role=tab]")
    page.wait(lambda: "Since the close before" in page.text and "Months" not in page.text)
    page.wait(lambda: len(page.all(".chart canvas")) > 1)
    assert "Sharpe" not in page.text
    page.shot("day")
    assert page.hosts() == {urlsplit(page.address).netloc}
    assert page.complaints() == []


def test_what_is_held_is_shown_at_the_prices_of_now(
    server: Server, browsers: Callable[..., Page]
) -> None:
    """Each price changes what is shown; while the market stands still it is what the service says.
    After a reload the orders that are done are there again."""
    with server.client() as operator:
        operator.login("operator", PASSWORD, scope=Scope.ADMIN)
        # Slowly enough that no close comes between: what is won is all that was won since.
        operator.set_clock(paused=False, speed=60)
        page = browsers()
        page.enter("holder", new=True)
        page.click("select[name=type] option[value=STOP]")
        page.type("size", "1")
        page.type("stop", "1")
        assert "1.04 at most" in page.wait(lambda: page.one("p.estimate[role=note]").text)
        page.click("select[name=type] option[value=MARKET]")
        page.type("size", "7")
        page.click(".ticket button.main")
        page.wait(lambda: "Bought 7" in page.text)
        page.go("Portfolio")
        before = page.wait(lambda: [row.text for row in page.all("tbody tr")])
        page.wait(lambda: [row.text for row in page.all("tbody tr")] != before)
        operator.set_clock(paused=True)
        with server.client("holder") as client:
            holding = client.portfolio()
        value = f"{holding.positions[0].market_value:,.2f}"
        page.wait(lambda: value in page.one("tbody").text)
        page.shows(".equity", f"{holding.equity:,.2f}")
        # Both at last prices: the spread, which closing would cost, is no loss of the day.
        (held,) = holding.positions
        won = holding.cash + held.quantity * (held.last or 0) - 100_000
        assert won != holding.equity - 100_000
        gain = f"{won:+,.2f}".replace("-", "\u2212").replace("+0.00", "0.00")
        page.wait(lambda: f"{gain} since the last close" in page.text)
    page.driver.refresh()
    page.go("Orders")
    page.wait(lambda: "7 / 7" in page.one("tbody").text)
    assert page.complaints() == []


def test_the_rule_of_what_a_position_is_worth_is_the_services(
    browsers: Callable[..., Page],
) -> None:
    """Long at the bid, short at the ask, rounded down; what has no price keeps what was told, and
    so does what is priced in another currency."""
    bid, ask = 1_234_567_891, 1_234_567_993
    quantities = [3 * UNIT, -3 * UNIT, UNIT // 3, -(UNIT // 3), 1, -1]
    page = browsers()
    told = page.driver.execute_async_script(
        """
        const [quantities, bid, ask, done] = arguments;
        import("./valuation.js").then(({ valued }) => done(quantities.map((quantity) => {
          const row = { symbol: "X", quantity: BigInt(quantity), market_value: 5n, cost_basis: 1n };
          const holding = { equity: 100n, market_value: 5n, unrealized_pnl: 4n };
          const quotes = new Map([["X", { bid: BigInt(bid), ask: BigInt(ask), last: 7n }]]);
          const [now, [position]] = valued(holding, [row], quotes);
          const [same] = valued(holding, [row], new Map());
          const [other, [kept]] = valued(holding, [row], quotes, (symbol) => symbol === "X");
          return [position.market_value, position.unrealized_pnl, now.equity, same.equity,
            other.equity, kept.market_value].map(String);
        }))).catch((why) => done(String(why)));
        """,
        [str(quantity) for quantity in quantities], str(bid), str(ask),
    )  # fmt: skip
    worth = [Position("X", each).value_at(bid if each > 0 else ask) for each in quantities]
    assert told == [[str(each), str(each - 1), str(95 + each), "100", "100", "5"] for each in worth]


def test_what_the_day_brought_is_no_more_than_what_was_won(browsers: Callable[..., Page]) -> None:
    """What was bought today did not win what its price had won before; what is paid in is none."""
    page = browsers()
    cases = [(105, [(100, 0)], "5"), (105, [(90, 0), (101, 0), (104, 0)], "4"),
             (205, [(101, 0), (204, 100)], "4"), (99, [(101, 3), (98, 0)], "-2")]  # fmt: skip
    told = page.driver.execute_async_script(
        """
        const [cases, done] = arguments;
        import("./views/portfolio.js").then(({ gained }) => done(cases.map(([equity, rows]) =>
          String(gained(BigInt(equity), rows.map(([worth, flow]) =>
            ({ equity: BigInt(worth), flow: BigInt(flow) })))))))
          .catch((why) => done(String(why)));
        """,
        [each[:2] for each in cases],
    )
    assert told == [each[2] for each in cases]


def test_an_average_does_not_push_the_buttons_out_of_the_table(
    browsers: Callable[..., Page],
) -> None:
    """Four decimals are shown of it; all of what costs less than one."""
    told = browsers().driver.execute_async_script(
        """
        const [cases, done] = arguments;
        import("./views/portfolio.js").then(({ average }) =>
          done(cases.map((each) => average(BigInt(each)))), (why) => done(String(why)));
        """,
        ["11055534768", "2902000000", "1234"],
    )
    assert told == ["110.5553", "29.02", "0.00001234"]


def test_a_position_of_five_digits_and_its_button_have_room(
    server: Server, browsers: Callable[..., Page]
) -> None:
    """Beside the allocation, in a window of 1,280 columns of pixels."""
    page = browsers()
    page.driver.set_window_size(1280, 850)
    page.enter("roomy", new=True)
    with server.client() as operator, server.client("roomy") as client:
        operator.login("operator", PASSWORD, scope=Scope.ADMIN)
        # Nothing is filled while the market stands still, as a test before has left it.
        operator.set_clock(paused=False, speed=60)
        client.buy(client.assets(limit=1)[0].symbol, 1)
        page.go("Portfolio")
        page.one(".folds tbody tr")
        operator.set_clock(paused=True)
    held, room = page.driver.execute_script(
        """
        const cells = document.querySelector(".folds tbody tr").children;
        const say = (place, text) => { cells[place].textContent = text; };
        say(0, "AAPL"); say(1, "194"); say(2, "110.5553"); say(3, "246.78"); say(4, "49,356.00");
        say(5, "\u25bc \u22120.11 %"); say(7, "\u2212640.70");
        const part = cells[6].querySelector(".small");
        part.textContent = "+115.27 %";
        cells[6].replaceChildren("\u25b2 +26,428.06 ", part);
        const scrolls = document.querySelector(".scroll");
        return [scrolls.scrollWidth, scrolls.clientWidth];
        """
    )
    assert held <= room


def test_notes_of_a_transfer_in_parts_stay_with_their_rows(browsers: Callable[..., Page]) -> None:
    """A note names its row by the place in its part."""
    page = browsers()
    joined = page.driver.execute_async_script(
        """
        const [done] = arguments;
        const part = (refusals, notes, next_after) =>
          ({ rows: refusals.length, refusals, notes, next_after });
        import("./link.js").then(({ join }) => done(join([
          part([{ refusal: 1 }, { refusal: 2 }], [{ row: 1, piece: "b" }], 0),
          { rows: 1, refusals: [{ refusal: 3 }], next_after: 0 },
          part([{ refusal: 4 }, { refusal: 5 }],
            [{ row: 0, piece: "d" }, { row: 1, piece: "e" }], 9),
        ]))).catch((why) => done(String(why)));
        """
    )
    assert [(each["row"], each["piece"]) for each in joined["notes"]] == [
        (1, "b"),
        (3, "d"),
        (4, "e"),
    ]
    assert [each["refusal"] for each in joined["refusals"]] == [1, 2, 3, 4, 5]
    assert joined["next_after"] == 9


def test_missing_bars_and_extended_hours_are_told(browsers: Callable[..., Page]) -> None:
    """In the words of the shell: how many are missing below the chart, the mark at the price."""
    page = browsers()
    page.enter("gaps", new=True)
    page.one(".chart canvas")
    assert "missing" not in page.text
    marks = page.driver.execute_async_script(
        """
        const [done] = arguments;
        Promise.all(["./store.js", "./format.js"].map((each) => import(each)))
        .then(([{ link }, { warnings }]) => {
          const ask = link.request.bind(link);
          link.request = async (name, ...more) => {
            const reply = await ask(name, ...more);
            return name === "BarsGet" ? { ...reply, missing: 1234 } : reply;
          };
          done(warnings({ flags: 64 + 4 }));
        }).catch((why) => done(String(why)));
        """
    )
    assert marks == ["extended hours", "simulated"]
    page.press("1 week", "[role=tab]")
    page.wait(lambda: "1,234 bars within trading hours are missing." in page.text)


def test_the_newest_comes_first_and_refusals_have_receipts(
    server: Server, browsers: Callable[..., Page]
) -> None:
    """History and refused orders go from the newest on; a tag is shown with its order."""
    with server.client() as trader:
        trader.register("reader", PASSWORD)
        trader.login("reader", PASSWORD)
        for number in range(105):
            trader.portfolio_deposit(number + 1)
        for quantity in (10**5, 2 * 10**5):
            with pytest.raises(RefusedError):
                trader.buy("AAPL", quantity)
        resting = trader.buy("AAPL", 1, limit=1, tag="for the page / \u00e9")
        page = browsers()
        page.enter("reader", new=False)
        page.go("Orders")
        page.press(str(resting.order_id), "button")
        page.wait(lambda: "for the page / \u00e9" in page.text)
        page.press("History", "[role=tab]")
        page.wait(lambda: len(page.all("tbody tr")) == 100)
        page.wait(lambda: "+105.00" in page.all("tbody tr")[0].text)
        page.press("More", "button")
        page.wait(lambda: len(page.all("tbody tr")) == 106)
        page.wait(lambda: "100,000.00" in page.all("tbody tr")[-1].text)
        page.press("Refused", "[role=tab]")
        page.wait(lambda: ["200,000" in row.text for row in page.all("tbody tr")] == [True, False])
        assert "100,000" in page.all("tbody tr")[1].text
        told = trader.refusals(newest_first=True)[0]
        page.press(str(told.refusal), "button")
        page.shows(".receipt", told.text, f"there {told.there:,}")
        page.shot("refused")
        assert page.complaints() == []


def test_everything_can_be_done_with_the_keys(browsers: Callable[..., Page]) -> None:
    """Search, buy, sell and help by one key each; Esc leaves; what has the focus shows it."""
    page = browsers()
    page.enter("typist", new=True)
    page.one(".chart canvas")
    page.keys("/")
    assert page.focused() == "Search a symbol or name"
    page.keys("ib")
    page.wait(lambda: "IBM" in page.one(".found").text)
    page.keys(Keys.ENTER)
    page.wait(lambda: page.one(".quote h2").text == "IBM")
    page.keys("s")
    page.wait(lambda: page.focused() == "size")
    page.keys("5")
    page.wait(lambda: "would be refused" in page.one(".estimate").text)
    page.keys(Keys.ESCAPE, "b")
    page.wait(lambda: "buying power after" in page.one(".estimate").text)
    page.keys(Keys.ENTER)
    page.wait(lambda: "the order is taken" in page.text)
    page.keys(Keys.ESCAPE, "?")
    page.wait(lambda: page.focused() == "Close")
    page.keys(Keys.ESCAPE)
    page.wait(lambda: not page.all("[role=dialog]"))
    page.driver.execute_script("document.activeElement.blur()")
    seen = set()
    for _ in range(TABS_MAX):
        page.keys(Keys.TAB)
        style = "return getComputedStyle(document.activeElement).outlineStyle"
        if page.driver.execute_script("return document.activeElement === document.body"):
            break
        assert page.driver.execute_script(style) != "none", page.focused()
        seen.add(page.focused())
    assert {"Market", "Log out", "Search a symbol or name", "1 day", "size"} <= seen


def test_keys_of_one_character_can_be_switched_off(browsers: Callable[..., Page]) -> None:
    """By whoever dictates, whose words are keys (2.1.4); it is remembered, and Esc still leaves."""
    page = browsers()
    page.enter("dictator", new=True)
    page.one(".chart canvas")
    page.keys("2")
    page.wait(lambda: "Positions" in page.text)
    page.click("footer button")
    page.click("[role=dialog] input[name=single]")
    page.keys(Keys.ESCAPE)
    page.wait(lambda: not page.all("[role=dialog]"))
    page.driver.execute_script("document.activeElement.blur()")
    for _ in range(2):
        page.keys("/", "b", "s", "3", "?")
        assert page.driver.execute_script("return location.hash") == "#/portfolio"
        assert not page.all("[role=dialog]") and "Positions" in page.text
        page.driver.refresh()
        page.wait(lambda: "Positions" in page.text)
    page.click("footer button")
    page.wait(lambda: page.focused() == "Close")
    page.shot("keys-off")
    page.click("[role=dialog] input[name=single]")
    page.click("[role=dialog] button")
    page.keys("3")
    page.wait(lambda: "No orders yet" in page.text)
    assert page.complaints() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_read(browsers: Callable[..., Page], dark: bool) -> None:
    """Of each view, the contrast of what is written is 4.5 to 1 at least, in light and in dark."""
    page = browsers(dark=dark)
    poor = page.driver.execute_script(CONTRAST)
    page.enter("operator", new=False, scope="administer")
    for view in ("Market", "Portfolio", "Orders", "Performance", "Contests", "Clock", "Admin"):
        page.go(view)
        page.wait(lambda: page.all("main .card"))
        poor += page.driver.execute_script(CONTRAST)
    assert poor == []
    page.driver.execute_script("document.querySelector('main h2').style.color = '#777'")
    assert len(page.driver.execute_script(CONTRAST)) == 1, "what is poor is found"


def test_each_view_has_its_parts_and_scrolls_by_the_keys(browsers: Callable[..., Page]) -> None:
    """For who hears the page, or has no mouse: one main part, one title, nothing out of reach."""
    page = browsers(narrow=True)
    page.one(".door h1")
    assert page.driver.execute_script(PARTS) == [1, 1]
    page.enter("operator", new=False, scope="administer")
    for view in ("Market", "Portfolio", "Orders", "Performance", "Contests", "Clock", "Admin"):
        page.go(view)
        page.wait(lambda: page.all("main .card"))
        page.wait(lambda: view != "Admin" or page.all(".log p"))  # noqa: B023
        assert page.driver.execute_script(PARTS) == [1, 1], view


def test_an_administrator_sees_workers_plan_and_log(browsers: Callable[..., Page]) -> None:
    """The log begins with the newest entry; a recorded market has nobody to ask, and says so."""
    page = browsers()
    page.enter("operator", new=False, scope="administer")
    page.go("Admin")
    page.wait(lambda: "taking clients" in page.text and "Nobody is asked" in page.text)
    lines = page.wait(lambda: [line.text[:23] for line in page.all(".log p")])
    assert lines == sorted(lines, reverse=True)
    page.shot("admin")
    assert page.complaints() == []


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Another origin: a page of somebody else's."""

    def do_GET(self) -> None:
        """Answer with an empty page, whatever is asked for."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, *what: Any) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of a page on another port, which is another origin."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{site.server_address[1]}/"
        site.shutdown()
        thread.join()


TRIES = """
const [address, done] = arguments;
const told = {};
const get = (path, how) => fetch(address + path, how).then((reply) => reply.text());
const tried = (name, promise) => promise.then((text) => { told[name] = text; })
  .catch((why) => { told[name] = `refused: ${why.name}`; });
const socket = (url) => new Promise((resolve) => {
  const one = new WebSocket(url);
  one.onopen = () => resolve("open");
  one.onmessage = () => resolve("message");
  one.onerror = () => resolve("refused");
});
const frame = () => new Promise((resolve) => {
  const one = document.createElement("iframe");
  one.src = address;
  one.onload = () => resolve(one.contentDocument ? "read" : "refused");
  document.body.append(one);
});
Promise.all([
  tried("socket", socket(address.replace("https:", "wss:") + "ptwp")),
  tried("page", get("")),
  tried("code", get("app.js")),
  tried("health", get("health", { credentials: "include" })),
  tried("post", get("", { method: "POST", body: "x" })),
  tried("blind", get("", { mode: "no-cors" })),
  tried("module", import(address + "format.js").then(() => "loaded")),
  tried("frame", frame()),
]).then(() => done(told));
"""


def test_a_page_of_another_origin_gets_nothing(
    browsers: Callable[..., Page], elsewhere: str
) -> None:
    """In the browser that is logged in: no WebSocket, no file, no frame; the own page may."""
    page = browsers()
    page.enter("victim", new=True)
    own = page.driver.execute_async_script(TRIES, page.address)
    assert (own["socket"], own["health"], own["module"]) == ("open", "ok\n", "loaded")
    page.driver.switch_to.new_window("tab")
    page.driver.get(elsewhere)
    told = page.driver.execute_async_script(TRIES, page.address)
    assert all(text.startswith("refused") or text == "" for text in told.values()), told
    assert set(told) == set(own)
