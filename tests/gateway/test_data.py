"""Market data: time frames, pages, what is newest, and what the bars tell of splits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from alpaca.data.models import BarSet, Quote, Snapshot, Trade
from alpaca.data.models.corporate_actions import CorporateActionsSet
from alpaca.trading.models import CorporateActionAnnouncement

from papertrader.gateway import announcements, bars
from papertrader.gateway.announcements import Action, actions_of, named
from papertrader.gateway.errors import ApiError
from tests.gateway_kit import Bot, GatewayMarket

STOCKS = "/v2/stocks"
COINS = "/v1beta3/crypto/us"


@pytest.fixture(scope="module")
def recorded() -> Iterator[Bot]:
    """A program in the recorded market, whose shares had splits and dividends."""
    start = datetime(2010, 1, 4, 14, 30, tzinfo=UTC)
    with GatewayMarket(source="replay", start=start) as market:
        yield market.bot()


def read(bot: Bot, **query: Any) -> list[dict[str, Any]]:
    """Return all bars of one symbol, page by page."""
    found: list[dict[str, Any]] = []
    token = None
    for _ in range(100):
        more = {"page_token": token} if token else {}
        page = bot.get(f"{STOCKS}/bars", **query, **more)
        assert set(page["bars"]) <= {query["symbols"]}
        found += page["bars"].get(query["symbols"], [])
        token = page["next_page_token"]
        if token is None:
            return found
    raise AssertionError("the pages never end")


# --- time frames ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "interval", "plain"),
    [
        ("1Min", "1m", True), ("5Min", "5m", True), ("15T", "15m", True), ("30Min", "15m", False),
        ("10Min", "5m", False), ("7Min", "1m", False), ("1Hour", "1h", True),
        ("4H", "1h", False), ("1Day", "1d", True), ("1D", "1d", True), ("1Week", "1w", True),
        ("1Month", "1mo", True), ("3M", "1mo", False),
    ],
)  # fmt: skip
def test_time_frames(text: str, interval: str, plain: bool) -> None:
    """Each of Alpaca's is one of ours, or made of one."""
    frame = bars.frame_of(text)
    assert (frame.interval, frame.is_plain) == (interval, plain)


@pytest.mark.parametrize("text", ["", "Day", "0Min", "60Min", "24Hour", "2Day", "5Month", "1Year"])
def test_what_is_no_time_frame(text: str) -> None:
    """It is 400."""
    with pytest.raises(ApiError, match="invalid timeframe"):
        bars.frame_of(text)


DAY = {"symbols": "AAPL", "timeframe": "1Day", "start": "2009-01-01", "end": "2009-12-31"}


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1_000, 100, 251])
def test_days_in_pages(recorded: Bot, sort: str, limit: int) -> None:
    """However they are cut, they are all there, once, and in order."""
    if limit == 1_000:
        assert len(read(recorded, **DAY, sort=sort)) == 252
    times = [each["t"] for each in read(recorded, **DAY, sort=sort, limit=limit)]
    assert times == sorted(set(times), reverse=sort == "desc")
    assert (len(times), min(times)[:10], max(times)[:10]) == (252, "2009-01-02", "2009-12-31")


@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_minutes_of_several_windows(
    recorded: Bot, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No bar is cut where a window ends, and none is told twice; pages end where windows do."""
    query = {"symbols": "IBM", "timeframe": "30Min", "start": "2009-12-28T15:10:00Z",
             "end": "2009-12-29T16:10:00Z", "sort": sort}  # fmt: skip
    whole = read(recorded, **query)
    monkeypatch.setattr(bars, "WINDOW_ROWS", 7)
    monkeypatch.setattr(bars, "WINDOWS_MAX", 3)
    assert read(recorded, **query) == whole
    hours = sorted(each["t"][11:16] for each in whole)
    assert len(whole) == 15
    assert (hours[0], hours[-1]) == ("14:30", "20:30")
    quarters = read(recorded, **{**query, "timeframe": "15Min", "sort": "asc"})
    by_time = {each["t"]: each for each in quarters}
    bar = next(each for each in whole if each["t"] == "2009-12-29T15:00:00Z")
    parts = [by_time["2009-12-29T15:00:00Z"], by_time["2009-12-29T15:15:00Z"]]
    assert (bar["o"], bar["c"]) == (parts[0]["o"], parts[1]["c"])
    assert bar["h"] == max(each["h"] for each in parts)
    assert bar["v"] == pytest.approx(sum(each["v"] for each in parts))


def test_several_symbols(recorded: Bot) -> None:
    """A page has as many bars as are asked for, symbol after symbol."""
    query = {**DAY, "symbols": "IBM,AAPL,NOPE", "limit": 252}
    first = recorded.get(f"{STOCKS}/bars", **query)
    assert {name: len(rows) for name, rows in first["bars"].items()} == {"AAPL": 252}
    second = recorded.get(f"{STOCKS}/bars", **query, page_token=first["next_page_token"])
    assert {name: len(rows) for name, rows in second["bars"].items()} == {"IBM": 252}
    rest = second["next_page_token"]
    last = recorded.get(f"{STOCKS}/bars", **query, page_token=rest) if rest else {"bars": {}}
    assert last["bars"] == {}
    assert len(BarSet(first["bars"]).data["AAPL"]) == 252
    for wrong in ("x", "AAAA", rest or "QQ=="):
        reply = recorded.ask("GET", f"{STOCKS}/bars", **DAY, page_token=wrong)
        assert reply.status == 400


def test_bars_of_one_symbol(recorded: Bot) -> None:
    """The older form of the address."""
    found = recorded.get(f"{STOCKS}/AAPL/bars", timeframe="1Month", start="2009-01-01")
    assert (found["symbol"], len(found["bars"])) == ("AAPL", 13)
    quarters = recorded.get(f"{STOCKS}/AAPL/bars", timeframe="3Month", start="2009-01-01",
                            end="2009-12-01")["bars"]  # fmt: skip
    months = found["bars"][:12]
    assert [each["t"][:10] for each in quarters] == [
        "2009-01-01", "2009-04-01", "2009-07-01", "2009-10-01",
    ]  # fmt: skip
    assert quarters[0]["h"] == max(each["h"] for each in months[:3])


def test_adjusted_bars(recorded: Bot) -> None:
    """A split of 2005 halves what was before it."""
    query = {"symbols": "AAPL", "timeframe": "1Day", "start": "2005-02-24", "end": "2005-02-25"}
    raw = read(recorded, **query)
    split = read(recorded, **query, adjustment="split")
    assert [each["c"] for each in split] == [pytest.approx(each["c"] / 2) for each in raw]
    whole = read(recorded, **query, adjustment="all")
    several = read(recorded, **query, adjustment="dividend,spin-off,split")
    assert several == whole
    assert read(recorded, **query, adjustment="spin-off") == raw
    for wrong in ("some", "split,", "split,split"):
        assert recorded.ask("GET", f"{STOCKS}/bars", **query, adjustment=wrong).status == 400


@pytest.mark.parametrize("frame", ["1Day", "1Month"])
def test_bars_adjusted_for_dividends_alone(recorded: Bot, frame: str) -> None:
    """They are of the shares of then, less by the dividends since; the volume is what it was."""
    query = {"symbols": "MSFT", "timeframe": frame, "start": "1999-01-01", "end": "2009-12-31"}
    raw, split, every, only = (
        read(recorded, **query, adjustment=how) for how in ("raw", "split", "all", "dividend")
    )
    assert len(only) == len(raw) > 100
    assert split[0]["c"] < 0.6 * raw[0]["c"]
    for one, two, three, four in zip(raw, split, every, only, strict=True):
        assert four["c"] == pytest.approx(one["c"] * three["c"] / two["c"], rel=1e-6)
        assert (four["t"], four["v"]) == (one["t"], one["v"])
    assert only[0]["c"] < 0.95 * raw[0]["c"]
    assert only[-1]["c"] == raw[-1]["c"]


def test_the_symbols_of_a_question_are_bounded(recorded: Bot) -> None:
    """100 for bars, 50 for what takes commands of its own, 1,000 at all: 400."""
    for path, most in (("bars", 100), ("snapshots", 50), ("bars/latest", 50),
                       ("quotes/latest", 1_000)):  # fmt: skip
        names = ",".join(f"X{number}" for number in range(most + 1))
        reply = recorded.ask("GET", f"{STOCKS}/{path}", symbols=names, timeframe="1Day")
        assert reply.status == 400, path


# --- what is newest -------------------------------------------------------------------------------


def test_the_newest(shared: GatewayMarket, guest: Bot) -> None:
    """Quotes, trades, snapshots and a book of one level, by the names that were asked for."""
    pair = guest.get("/v2/assets/AURUSD")["id"]
    quotes = guest.get(f"{COINS}/latest/quotes", symbols=f"AURUSD,{pair},NOPE")["quotes"]
    assert set(quotes) == {"AURUSD", pair.upper()}
    quote = Quote("AURUSD", quotes["AURUSD"])
    book = guest.get(f"{COINS}/latest/orderbooks", symbols="AURUSD")["orderbooks"]["AURUSD"]
    assert book["b"][0]["p"] <= quote.ask_price
    trade = Trade("BRKF", guest.get(f"{STOCKS}/trades/latest", symbols="BRKF")["trades"]["BRKF"])
    snapshot = Snapshot("BRKF", guest.get(f"{STOCKS}/snapshots", symbols="BRKF")["BRKF"])
    assert snapshot.latest_trade is not None
    assert snapshot.latest_trade.price == pytest.approx(trade.price, rel=0.1)
    assert guest.get(f"{COINS}/snapshots", symbols="AURUSD")["snapshots"].keys() == {"AURUSD"}


def test_of_the_past_there_is_the_newest_alone(shared: GatewayMarket, guest: Bot) -> None:
    """If it lies within the range."""
    for kind in ("quotes", "trades"):
        within = guest.get(f"{STOCKS}/{kind}", symbols="BRKF", start="2020-01-06")
        assert len(within[kind]["BRKF"]) == 1
        before = guest.get(f"{STOCKS}/{kind}", symbols="BRKF", end="2020-01-05")
        assert before == {kind: {}, "next_page_token": None}


# --- corporate actions ----------------------------------------------------------------------------


def days(*closes: str) -> dict[date, Decimal]:
    """Return closes of January's first days."""
    first = date(2020, 1, 1)
    return {first + timedelta(days=n): Decimal(close) for n, close in enumerate(closes)}


def test_actions_are_read_off_the_bars() -> None:
    """A ratio between raw and split, an amount between split and total."""
    raw = days("30", "10", "10", "20")
    split = days("10", "10", "10", "20")
    total = days("9.5", "9.5", "10", "20")
    assert actions_of("X", raw, split, total) == [
        Action(symbol="X", day=date(2020, 1, 2), new=3, old=1),
        Action(symbol="X", day=date(2020, 1, 3), amount=Decimal("0.500000")),
    ]
    assert actions_of("X", days("1", "8"), days("8", "8"), days("8", "8")) == [
        Action(symbol="X", day=date(2020, 1, 2), new=1, old=8)
    ]
    assert actions_of("X", {}, {}, {}) == []


@pytest.mark.parametrize("symbol", ["A", "BRK.B", "^GSPC", "ABCDEFGHIJKLMNOP", "BTC/USD"])
@pytest.mark.parametrize("amount", ["0", "0.5"])
def test_an_action_is_named_by_what_it_is(symbol: str, amount: str) -> None:
    """Its UUID is read again without a table."""
    action = Action(symbol=symbol, day=date(2029, 12, 31), amount=Decimal(amount), new=2)
    assert named(action.uuid) == (symbol, date(2029, 12, 31), amount == "0")


def test_announcements(recorded: Bot) -> None:
    """What IBM paid in a year, to the cent; each is found by its UUID; others are not."""
    path = "/v2/corporate_actions/announcements"
    found = recorded.get(path, symbol="IBM", since="2009-01-01", until="2009-12-31",
                         ca_types="dividend,split")  # fmt: skip
    read_as = [CorporateActionAnnouncement(**each) for each in found]
    assert [(str(each.ex_date), each.cash) for each in read_as] == [
        ("2009-02-06", 0.5), ("2009-05-06", 0.55), ("2009-08-06", 0.55), ("2009-11-06", 0.55),
    ]  # fmt: skip
    assert recorded.get(f"{path}/{found[0]['id']}") == found[0]
    other = Action(symbol="IBM", day=date(2009, 2, 9), amount=Decimal(1)).uuid
    for name in (other, "x"):
        assert recorded.ask("GET", f"{path}/{name}").status == 404
    every = recorded.get(path, since="2009-11-01", until="2009-11-30", ca_types="dividend")
    assert "IBM" in {each["initiating_symbol"] for each in every}
    assert recorded.get(path, symbol="IBM", since="2009-11-01", until="2009-11-30",
                        ca_types="split") == []  # fmt: skip


def test_actions_of_the_data_interface(recorded: Bot) -> None:
    """As alpaca-py reads them: a split of Apple's, dividends of IBM's."""
    found = recorded.get("/v1/corporate-actions", symbols="AAPL,IBM", start="2005-01-01",
                         end="2005-12-31")["corporate_actions"]  # fmt: skip
    read_as = CorporateActionsSet(found).data
    (split,) = read_as["forward_splits"]
    assert (str(split.ex_date), split.new_rate, split.old_rate) == ("2005-02-28", 2, 1)  # type: ignore[union-attr]
    assert [each.rate for each in read_as["cash_dividends"]] == [0.18, 0.2, 0.2, 0.2]  # type: ignore[union-attr]
    only = recorded.get("/v1/corporate-actions", symbols="AAPL,IBM", types="cash_dividend",
                        start="2005-01-01", end="2005-12-31")["corporate_actions"]  # fmt: skip
    assert set(only) == {"cash_dividends"}


def test_the_question_for_actions_is_bounded(
    recorded: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten years and 50 assets: 422."""
    path = "/v2/corporate_actions/announcements"
    assert recorded.ask("GET", path).status == 400
    for since, until in (("1990-01-01", "2010-01-01"), ("0001-01-01", "0001-01-02")):
        reply = recorded.ask("GET", path, since=since, until=until, symbol="IBM")
        assert reply.status in (400, 422)
    monkeypatch.setattr(announcements, "ACTION_SYMBOLS_MAX", 1)
    reply = recorded.ask("GET", path, since="2009-11-01", until="2009-11-30")
    assert (reply.status, reply.body["message"]) == (422, "name at most 1 symbols")
