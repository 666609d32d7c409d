"""The market at the master: listing, sessions, corporate actions, bars; and restarts in between."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from papertrader.core.actions import RATIO_MAX
from papertrader.core.adjust import adjust, joined
from papertrader.core.instants import DAY, MINUTE, from_datetime, to_datetime
from papertrader.core.money import AMOUNT_MAX, SCALE, format_amount, parse_amount
from papertrader.core.orders import OrderState, OrderType, Side, TimeInForce
from papertrader.core.quotes import ActionKind, Bar, CorporateAction
from papertrader.wire import messages as m
from papertrader.wire.kinds import Adjustment, RelayDownFlag, Status, TxKind
from tests.master_kit import MasterClient, MasterKit

DAY_S, WEEK_S, MONTH_S = 86_400, 604_800, 2_592_000


def at(text: str) -> int:
    """An instant from ``YYYY-MM-DD HH:MM`` or a date, UTC."""
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def market(tmp_path: Path, start: str, **rules: Any) -> tuple[MasterKit, MasterClient]:
    """A master that replays from ``start`` on at 60 market seconds a second, and a trader."""
    kit = MasterKit(tmp_path, start=at(start), **rules)
    ann = kit.client()
    ann.register()
    ann.login()
    return kit, ann


def go_to(kit: MasterKit, when: str) -> None:
    """Let time go on until the market has done everything up to ``when``."""
    for _ in range(2_000):
        if kit.main.assets._market_at >= at(when):
            return
        kit.turn(0.25)
    raise AssertionError(f"the market does not get to {when}")


def positions(client: MasterClient) -> dict[str, int]:
    """Quantities by symbol."""
    return {row.symbol: row.quantity for row in client.ask(m.PortfolioGet()).message.positions}


def history(client: MasterClient, kind: TxKind) -> list[m.TransactionRow]:
    """The account's transactions of a kind."""
    return list(client.ask(m.TransactionsGet(kinds=1 << kind)).message.transactions)


# --- corporate actions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "crashes",
    [
        [],
        ["2005-02-25 20:53"],
        ["2005-02-25 20:55"],
        ["2005-02-25 20:59"],
        ["2005-02-25 20:53", "2005-02-28 14:30", "2005-02-28 14:31"],
    ],
    ids=lambda crashes: (
        f"{len(crashes)} crashes {crashes[-1][8:].replace(' ', 'T') if crashes else ''}"
    ),
)
@pytest.mark.parametrize("end", ["crash", "stop"])
def test_a_split_comes_once_over_restarts(tmp_path: Path, crashes: list[str], end: str) -> None:
    """10 AAPL before 2005-02-28 are 20 after it, wherever the master dies or stops in between."""
    kit, ann = market(tmp_path, "2005-02-25 20:50")
    assert ann.order("AAPL", "10").status == 0
    kit.turn(0.5)
    assert positions(ann) == {"AAPL": 10 * SCALE}
    for when in crashes:
        go_to(kit, when)
        if end == "crash":
            kit.crash()
        else:
            kit.stop()
            kit.boot()
    go_to(kit, "2005-02-28 14:35")
    ann.resume()
    assert positions(ann) == {"AAPL": 20 * SCALE}
    ann.order("AAPL", "1", client_order_id=500)
    kit.turn(0.5)
    kit.crash()
    ann.resume()
    assert positions(ann) == {"AAPL": 21 * SCALE}
    kit.check()


@pytest.mark.parametrize("crash", [None, "2012-08-08 19:56", "2012-08-09 13:31"])
def test_a_dividend_is_paid_once_over_restarts(tmp_path: Path, crash: str | None) -> None:
    """10 AAPL before 2012-08-09 bring 26.50, once."""
    kit, ann = market(tmp_path, "2012-08-08 19:51")
    ann.order("AAPL", "10")
    kit.turn(0.5)
    if crash is not None:
        go_to(kit, crash)
        kit.crash()
    go_to(kit, "2012-08-09 13:40")
    kit.crash()
    ann.resume()
    (row,) = history(ann, TxKind.DIVIDEND)
    assert (row.symbol, row.amount) == ("AAPL", 26_50000000)
    kit.check()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ActionKind.CASH_DIVIDEND, {"amount": AMOUNT_MAX}),
        (ActionKind.CASH_DIVIDEND, {"amount": 0}),
        (ActionKind.SPLIT, {"numerator": RATIO_MAX + 1, "denominator": 1}),
        (ActionKind.SPLIT, {"numerator": 0, "denominator": 1}),
    ],
)
def test_an_action_that_cannot_be_applied_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: ActionKind, fields: dict[str, int]
) -> None:
    """It changes nothing, is told as an ALERT, and the market and its other actions go on."""
    kit, ann = market(tmp_path, "2012-08-08 19:51")
    ann.order("AAPL", "10")
    kit.turn(0.5)
    source = kit.main.assets._source
    real = source.actions

    def actions(before: int, now: int) -> list[CorporateAction]:
        found = list(real(before, now))
        if any(each.symbol == "AAPL" for each in found):
            bad = CorporateAction(symbol="AAPL", kind=kind, at=found[0].at - 1, **fields)
            return [bad, *found]
        return found

    monkeypatch.setattr(source, "actions", actions)
    go_to(kit, "2012-08-09 13:40")
    assert kit.main.transactions.actions_refused == 1
    (row,) = history(ann, TxKind.DIVIDEND)
    assert (row.symbol, row.amount) == ("AAPL", 26_50000000)
    assert ann.order("AAPL", "1", client_order_id=500).status == 0
    kit.turn(0.5)
    kit.crash()
    ann.resume()
    assert positions(ann) == {"AAPL": 11 * SCALE}
    kit.check()


def test_who_bought_after_the_split_is_not_split(tmp_path: Path) -> None:
    """An action of the past is not applied to what came later, after any number of starts."""
    kit, ann = market(tmp_path, "2005-02-28 14:32")
    ann.order("AAPL", "10")
    kit.turn(0.5)
    for _ in range(2):
        kit.crash()
        kit.turn(1.0)
    ann.resume()
    assert positions(ann) == {"AAPL": 10 * SCALE}
    kit.check()


def test_a_fork_of_before_a_split_has_new_shares(tmp_path: Path) -> None:
    """Whether they are still held or not: that a share is worth half is no loss."""
    kit, ann = market(tmp_path, "2005-02-25 20:50")
    ann.order("AAPL", "10")
    kit.turn(0.5)
    then = ann.ask(m.ClockGet()).message.now
    ann.order("AAPL", "4", side=Side.SELL)
    kit.turn(0.5)
    kit.turn(0.5)
    go_to(kit, "2005-02-28 14:35")
    ann.resume()
    assert positions(ann) == {"AAPL": 12 * SCALE}
    fork = ann.ask(m.PortfolioFork(name="then", at=then), seq=ann.seq + 1).message
    found = ann.ask(m.PortfolioGet(portfolio=fork.portfolio)).message
    assert {row.symbol: row.quantity for row in found.positions} == {"AAPL": 20 * SCALE}
    assert abs(found.equity - 100_000 * SCALE) < 50 * SCALE
    kit.check()


@pytest.mark.parametrize("sold", [False, True])
def test_a_fork_of_before_a_rename_and_a_delisting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sold: bool
) -> None:
    """Clause 13.17: held under the new symbol, and cash at what was paid; nothing dead is held."""
    kit, ann = market(tmp_path, "2012-08-08 19:51")
    ann.order("AAPL", "10")
    ann.order("IBM", "4")
    kit.turn(0.5)
    then = ann.ask(m.ClockGet()).message.now
    before = ann.ask(m.PortfolioGet()).message
    if sold:
        ann.order("IBM", "4", side=Side.SELL)
        kit.turn(0.5)
    source = kit.main.assets._source
    opening = at("2012-08-09 13:30")
    ended = [
        CorporateAction(
            symbol="IBM", kind=ActionKind.DELISTING, at=opening, amount=parse_amount("150")
        ),
        CorporateAction(
            symbol="AAPL", kind=ActionKind.SYMBOL_CHANGE, at=opening, successor="MSFT"
        ),
    ]  # fmt: skip
    monkeypatch.setattr(
        source, "actions", lambda after, upto: [each for each in ended if after < each.at <= upto]
    )
    go_to(kit, "2012-08-09 13:40")
    ann.resume()
    assert positions(ann) == {"MSFT": 10 * SCALE}
    fork = ann.ask(m.PortfolioFork(name="then", at=then), seq=ann.seq + 1).message
    found = ann.ask(m.PortfolioGet(portfolio=fork.portfolio)).message
    (row,) = found.positions
    (old,) = (each for each in before.positions if each.symbol == "AAPL")
    assert (row.symbol, row.quantity, row.cost_basis) == ("MSFT", 10 * SCALE, old.cost_basis)
    assert found.cash == before.cash + 4 * parse_amount("150")
    kit.crash()
    ann.resume()
    again = ann.ask(m.PortfolioGet(portfolio=fork.portfolio)).message
    assert [each.symbol for each in again.positions] == ["MSFT"]


def test_an_open_order_is_split_with_the_shares(tmp_path: Path) -> None:
    """A resting limit order goes on with twice the quantity at half the price."""
    kit, ann = market(tmp_path, "2005-02-25 20:58")
    ann.order(
        "AAPL",
        "10",
        order_type=OrderType.LIMIT,
        limit_price=20 * SCALE,
        time_in_force=TimeInForce.GTC,
    )
    go_to(kit, "2005-02-28 14:35")
    order = ann.ask(m.OrderGet(client_order_id=1)).message
    assert (order.quantity, order.limit_price) == (20 * SCALE, 10 * SCALE)
    assert order.state in (OrderState.PENDING, OrderState.WORKING)
    kit.check()


# --- listing and sessions ------------------------------------------------------------------------


def test_a_stock_is_listed_on_its_first_day(tmp_path: Path) -> None:
    """FB does not exist before 2012-05-18: no asset, no quote, no order, no bars."""
    kit, ann = market(tmp_path, "2012-05-17 19:58")

    def symbols() -> list[str]:
        return [row.symbol for row in ann.ask(m.AssetList()).message.assets]

    asked = (
        m.AssetGet(symbol="FB"),
        m.QuoteGet(symbols=(m.SymbolRow(symbol="FB"),)),
        m.BarsGet(symbol="FB", interval_s=DAY_S),
    )
    assert symbols() == ["AAPL", "GOOG", "IBM", "MSFT"]
    for message in asked:
        assert ann.ask(message).status == Status.NO_SUCH_SYMBOL
    assert ann.order("FB", "1").status == Status.NO_SUCH_SYMBOL
    go_to(kit, "2012-05-18 13:31")
    assert symbols() == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    for message in asked:
        assert ann.ask(message).status == 0
    assert ann.order("FB", "1").status == 0
    kit.turn(0.5)
    assert positions(ann) == {"FB": SCALE}
    assert len(ann.ask(m.BarsGet(symbol="FB", interval_s=DAY_S)).message.bars) == 1
    kit.check()


def test_a_day_order_expires_at_the_close(tmp_path: Path) -> None:
    """At the close, not before; GTC goes on; the cash is free again."""
    kit, ann = market(tmp_path, "2012-06-04 19:55")
    far = {"order_type": OrderType.LIMIT, "limit_price": 100 * SCALE}
    ann.order("AAPL", "1", **far)
    ann.order("AAPL", "2", **far, time_in_force=TimeInForce.GTC)
    assert ann.ask(m.OrderGet(client_order_id=1)).message.expire_at == at("2012-06-04 20:00")
    go_to(kit, "2012-06-04 19:59")
    assert ann.ask(m.PortfolioGet()).message.reserved_cash == 300 * SCALE
    go_to(kit, "2012-06-04 20:00")
    assert ann.ask(m.OrderGet(client_order_id=1)).message.state == OrderState.EXPIRED
    assert ann.ask(m.OrderGet(client_order_id=2)).message.state == OrderState.WORKING
    assert ann.ask(m.PortfolioGet()).message.reserved_cash == 200 * SCALE
    kit.check()


def test_a_day_order_expires_though_the_master_was_down_at_the_close(tmp_path: Path) -> None:
    """It is not filled on the next morning's prices first."""
    kit, ann = market(tmp_path, "2012-06-04 19:57")
    ann.order("AAPL", "1", order_type=OrderType.LIMIT, limit_price=400 * SCALE)
    go_to(kit, "2012-06-04 19:58")
    kit.crash()
    go_to(kit, "2012-06-05 13:31")
    ann.resume()
    assert ann.ask(m.OrderGet(client_order_id=1)).message.state == OrderState.EXPIRED
    kit.check()


def test_closed_hours_fill_nothing(tmp_path: Path) -> None:
    """An order sent after the close waits for the next open, and fills on its first quotes."""
    kit, ann = market(tmp_path, "2012-06-04 20:30", keep_closed_hours=True, speed_milli=600_000)
    order = ann.order("AAPL", "1").message
    assert order.expire_at == at("2012-06-05 20:00")
    go_to(kit, "2012-06-05 13:00")
    assert ann.ask(m.OrderGet(client_order_id=1)).message.state == OrderState.PENDING
    go_to(kit, "2012-06-05 13:35")
    assert ann.ask(m.OrderGet(client_order_id=1)).message.state == OrderState.FILLED
    (row,) = history(ann, TxKind.BUY)
    (bar,) = ann.ask(
        m.BarsGet(symbol="AAPL", interval_s=DAY_S, from_time=at("2012-06-05"))
    ).message.bars
    assert bar.low <= row.price <= bar.high + bar.high // 1_000
    kit.check()


def test_what_everyone_may_know_is_marked_cacheable(kit: MasterKit, ann: MasterClient) -> None:
    """Assets and bars may be cached by the worker; nothing of an account ever."""
    ann.ask(m.AssetGet(symbol="AAPL"))
    ann.ask(m.AssetList())
    ann.ask(m.BarsGet(symbol="AAPL", interval_s=60, limit=3))
    flags = [flag for _, _, flag in ann.link.sent[-3:]]
    assert flags == [RelayDownFlag.CACHEABLE] * 3
    before = len(ann.link.sent)
    for message in (m.AccountGet(), m.PortfolioGet(), m.OrderList(), m.TransactionsGet()):
        ann.ask(message)
    assert [flag for _, _, flag in ann.link.sent[before:]] == [0] * 4


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"symbol": "NONE"}, Status.NO_SUCH_SYMBOL),
        ({"symbol": ""}, Status.NO_SUCH_SYMBOL),
        ({"interval_s": 61}, Status.INTERVAL_UNSUPPORTED),
        ({"interval_s": 0}, Status.INTERVAL_UNSUPPORTED),
        ({"limit": 5_001}, Status.RANGE_TOO_LARGE),
    ],
)
def test_what_bars_refuse(ann: MasterClient, fields: dict[str, Any], status: Status) -> None:
    """Each with its status."""
    message = m.BarsGet(**{"symbol": "AAPL", "interval_s": DAY_S, **fields})
    assert ann.ask(message).status == status


@pytest.mark.clause("14.19")
@pytest.mark.parametrize("since", [1, 0])
def test_older_bars_are_asked_for_by_the_oldest(ann: MasterClient, since: int) -> None:
    """Of more than ``limit`` the newest come; `complete` is False while older ones may be left."""
    question = m.BarsGet(symbol="AAPL", interval_s=DAY_S, from_time=since)
    whole = [row.time for part in ann.ask_all(question) for row in part.message.bars]
    found: list[int] = []
    until = 0
    while len(found) <= len(whole):
        page = m.BarsGet(
            symbol="AAPL", interval_s=DAY_S, from_time=since, to_time=until, limit=1_000
        )
        (answer,) = ann.ask_all(page)
        times = [row.time for row in answer.message.bars]
        found = times + found
        assert answer.message.complete == (not since or len(times) < 1_000)
        if not times or (since and answer.message.complete):
            break
        until = times[0]
    assert found == whole
    assert len(whole) > 1_000


# --- bars ----------------------------------------------------------------------------------------


@pytest.fixture
def later(tmp_path: Path) -> tuple[MasterKit, MasterClient]:
    """A market in September 2012: after AAPL's splits and its first dividend."""
    return market(tmp_path, "2012-09-04 14:00")


def bars(
    client: MasterClient,
    adjustment: Adjustment,
    since: str,
    until: str,
    interval_s: int = DAY_S,
) -> dict[str, tuple[str, str, int]]:
    """Open, close and volume of AAPL's bars by date."""
    message = m.BarsGet(
        symbol="AAPL",
        interval_s=interval_s,
        adjustment=adjustment,
        from_time=at(since),
        to_time=at(until),
    )
    rows = [row for part in client.ask_all(message) for row in part.message.bars]
    return {
        to_datetime(row.time).strftime("%m-%d"): (
            format_amount(row.open),
            format_amount(row.close),
            row.volume // SCALE,
        )
        for row in rows
    }


def test_bars_around_a_split(later: tuple[MasterKit, MasterClient]) -> None:
    """2005-02-28, 2:1: raw prices halve; adjusted ones do not, from the very day on."""
    _, ann = later
    raw = bars(ann, Adjustment.RAW, "2005-02-24", "2005-03-02")
    split = bars(ann, Adjustment.SPLIT, "2005-02-24", "2005-03-02")
    assert [raw[day][1] for day in ("02-25", "02-28")] == ["88.99", "44.86"]
    assert [split[day][1] for day in ("02-25", "02-28")] == ["44.495", "44.86"]
    for day in ("02-24", "02-25"):
        assert split[day][2] == 2 * raw[day][2]
    for day in ("02-28", "03-01"):
        assert split[day] == raw[day]


def test_hours_of_the_ex_date_are_not_adjusted(later: tuple[MasterKit, MasterClient]) -> None:
    """An hour bar that begins before the open belongs to the new shares as well."""
    _, ann = later
    for interval in (60, 3_600):
        raw = bars(ann, Adjustment.RAW, "2005-02-28", "2005-03-01", interval)
        assert raw == bars(ann, Adjustment.SPLIT, "2005-02-28", "2005-03-01", interval)


def test_bars_around_a_dividend(later: tuple[MasterKit, MasterClient]) -> None:
    """2012-08-09, 2.65: earlier prices shrink by 1 - 2.65 / close of 08-08, with TOTAL only."""
    _, ann = later
    raw = bars(ann, Adjustment.RAW, "2012-08-07", "2012-08-11")
    assert raw == bars(ann, Adjustment.SPLIT, "2012-08-07", "2012-08-11")
    total = bars(ann, Adjustment.TOTAL, "2012-08-07", "2012-08-11")
    close = parse_amount(raw["08-08"][1].replace(",", ""))
    assert total["08-08"][1] == format_amount(close - 265_000_000)
    assert total["08-09"] == raw["08-09"]
    assert total["08-08"][2] == raw["08-08"][2]


def test_a_week_with_a_split_within(later: tuple[MasterKit, MasterClient]) -> None:
    """2000-06-21, a Wednesday: the week's and the month's bars are made of adjusted days."""
    _, ann = later
    days = bars(ann, Adjustment.SPLIT, "2000-06-19", "2000-06-24")
    week = bars(ann, Adjustment.SPLIT, "2000-06-19", "2000-06-24", WEEK_S)
    assert week == {
        "06-19": (days["06-19"][0], days["06-23"][1], sum(day[2] for day in days.values()))
    }
    month = bars(ann, Adjustment.SPLIT, "2000-06-01", "2000-07-01", MONTH_S)
    first = bars(ann, Adjustment.SPLIT, "2000-06-01", "2000-06-02")["06-01"]
    last = bars(ann, Adjustment.SPLIT, "2000-06-30", "2000-07-01")["06-30"]
    assert (month["06-01"][0], month["06-01"][1]) == (first[0], last[1])


@pytest.mark.parametrize("adjustment", list(Adjustment))
@pytest.mark.parametrize("interval", [DAY_S, WEEK_S, MONTH_S])
def test_pages_of_bars_are_the_whole(
    later: tuple[MasterKit, MasterClient], adjustment: Adjustment, interval: int
) -> None:
    """The newest ``limit`` bars are the tail of all; newest_first turns them around; no future."""
    kit, ann = later
    message = m.BarsGet(symbol="AAPL", interval_s=interval, adjustment=adjustment)
    parts = ann.ask_all(message)
    rows = [row for part in parts for row in part.message.bars]
    assert rows[-1].time <= kit.main.assets.market.now()
    tail = ann.ask(m.BarsGet(symbol="AAPL", interval_s=interval, adjustment=adjustment, limit=7))
    assert [row.time for row in tail.message.bars] == [row.time for row in rows[-7:]]
    assert list(tail.message.bars)[:-1] == rows[-7:-1]
    turned = ann.ask(
        m.BarsGet(
            symbol="AAPL", interval_s=interval, adjustment=adjustment, limit=7, newest_first=True
        )
    )
    assert list(turned.message.bars) == list(tail.message.bars)[::-1]
    assert [part.message.part for part in parts] == list(range(1, len(parts) + 1))
    assert {part.message.total_rows for part in parts} == {len(rows)}
    assert sum(part.message.rows for part in parts) == len(rows)


def test_adjusting_is_pure_arithmetic() -> None:
    """A split of 3:2 and a dividend, by hand; bars on the ex-date and after it are untouched."""
    raw = [Bar(day * DAY, 300, 330, 270, 300, 20) for day in (1, 2, 3)]
    split = CorporateAction(
        symbol="X", kind=ActionKind.SPLIT, at=2 * DAY + 870 * MINUTE, numerator=3, denominator=2
    )
    paid = CorporateAction(
        symbol="X", kind=ActionKind.CASH_DIVIDEND, at=3 * DAY + 870 * MINUTE, amount=30
    )
    got = adjust(raw, [split, paid], lambda at: 300, dividends=True)
    assert got == [
        Bar(1 * DAY, 180, 198, 162, 180, 30),
        Bar(2 * DAY, 270, 297, 243, 270, 20),
        raw[2],
    ]
    assert adjust(raw, [paid], lambda at: 0, dividends=True) == raw
    assert adjust(raw, [paid], lambda at: 300, dividends=False) == raw


def test_joining_bars() -> None:
    """Open of the first, close of the last, extremes and volumes of all."""
    days = [Bar(1, 10, 15, 9, 12, 5), Bar(2, 12, 13, 7, 8, 6), Bar(5, 8, 9, 8, 9, 1)]
    assert joined(days, [1, 4]) == [Bar(1, 10, 15, 7, 8, 11), Bar(4, 8, 9, 8, 9, 1)]
    assert joined(days, [2]) == [Bar(2, 12, 13, 7, 9, 7)]
    assert joined([], [1]) == []
