"""EQUITY_GET at the master: sessions of the replayed market, flows, privacy, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import pytest

from papertrader.core.instants import SECOND, from_datetime
from papertrader.core.marketclock import ClockField
from papertrader.core.money import CENT, SCALE
from papertrader.core.quotes import Bar
from papertrader.master.equity import session_ends
from papertrader.master.providers.base import UnknownSymbol, load_calendars
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.master.conftest import trader
from tests.master_kit import MasterClient, MasterKit

DAY_S = 86_400


def points(client: MasterClient, **fields: Any) -> list[m.EquityRow]:
    """All rows of one EQUITY_GET."""
    fields.setdefault("interval_s", DAY_S)
    parts = client.ask_all(m.EquityGet(**fields))
    assert parts[0].status == 0, parts[0].message
    return [row for part in parts for row in part.message.equity]


def holder(
    kit: MasterKit, seconds: float, symbol: str = "AAPL", quantity: str = "10"
) -> MasterClient:
    """Return a trader who has bought shares and then let so many seconds pass."""
    ann = trader(kit, "ann", 1)
    assert ann.order(symbol, quantity).status == 0
    kit.turn(seconds)
    ann.inbox()
    return ann


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[MasterKit]:
    """A master whose replay runs a session in some three seconds."""
    made = MasterKit(tmp_path, speed_milli=10_000_000)
    yield made
    made.check()


def test_the_curve_of_replayed_days(fast: MasterKit) -> None:
    """Clause 13.13: what it began with, each session's end at the bar's close, and now."""
    ann = holder(fast, 12.0)
    found = points(ann)
    assert len(found) > 4
    assert (found[0].equity, found[0].flow) == (100_000 * SCALE, 0)
    assert [row.time for row in found] == sorted(row.time for row in found)
    cash = ann.ask(m.PortfolioGet()).message.cash
    bars = [
        bar
        for part in ann.ask_all(m.BarsGet(symbol="AAPL", interval_s=DAY_S))
        for bar in part.message.bars
    ]
    for row in found[2:-1]:
        close = [bar.close for bar in bars if bar.time < row.time][-1]
        assert (row.cash, row.equity) == (cash, cash + 10 * close)
    ann.seq += 1
    assert ann.ask(m.PortfolioCash(amount=500 * SCALE), seq=ann.seq).status == 0
    assert points(ann)[-1].flow == 500 * SCALE
    assert points(ann, from_time=found[2].time)[0] == found[2]
    assert points(ann, to_time=found[2].time) == found[:2]
    assert len(points(ann, interval_s=30 * DAY_S)) <= 3


def test_a_curve_that_begins_amid_a_session_begins_at_the_prices_of_then(kit: MasterKit) -> None:
    """The clock was turned back: the day's price moves on, where the curve starts from does not."""
    ann = trader(kit, "ann", 1)
    assert ann.order("AAPL", "100").status == 0
    kit.turn(1.0)
    started = points(ann)[0].time

    def to(moment: int) -> None:
        ann.seq += 1
        asked = m.ClockSet(fields=ClockField.NOW | ClockField.PAUSED, paused=True, now=moment)
        assert ann.ask(asked, seq=ann.seq).status == 0

    for moment in (started + 7 * DAY_S * SECOND, started + 3_600 * SECOND):
        to(moment)
        ann.seq += 1
        assert ann.ask(m.PortfolioCash(amount=500 * SCALE), seq=ann.seq).status == 0
    first = points(ann)[0]
    assert first.time == started + 3_600 * SECOND
    equities = set()
    for minutes in (61, 120, 180):
        to(started + minutes * 60 * SECOND)
        found = points(ann)
        assert found[0] == first
        equities.add(found[-1].equity)
    assert len(equities) == 3, "the price has moved"


def test_a_curve_survives_a_crash(fast: MasterKit) -> None:
    """It comes from the ledger alone."""
    ann = holder(fast, 6.0)
    before = points(ann)[:-1]
    fast.crash()
    again = fast.client(connection=3)
    again.login()
    assert points(again)[: len(before)] == before


def test_the_ends_of_sessions_include_both_bounds() -> None:
    """A portfolio that was opened just at a close has that close, as one that is asked for then."""
    calendar = load_calendars()["XNYS"]
    first, last = (from_datetime(datetime(2010, 1, day, 21, tzinfo=UTC)) for day in (4, 5))
    assert session_ends(calendar, first, last) == [first, last]
    assert session_ends(calendar, first + 1, last - 1) == []


def test_what_cannot_be_asked(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.13: intervals, portfolios, accounts that are not shown."""
    asked = m.EquityGet(interval_s=120)
    assert ann.ask(asked).status == Status.INTERVAL_UNSUPPORTED
    asked = m.EquityGet(interval_s=DAY_S, portfolio=99)
    assert ann.ask(asked).status == Status.NO_SUCH_PORTFOLIO
    asked = m.EquityGet(interval_s=DAY_S, username="nobody")
    assert ann.ask(asked).status == Status.NO_SUCH_ACCOUNT
    bob = trader(kit, "bob", 2)
    asked = m.EquityGet(interval_s=DAY_S, username="ann")
    assert bob.ask(asked).status == Status.NO_SUCH_ACCOUNT


def test_too_many_sessions_are_refused(fast: MasterKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clause 13.13: RANGE_TOO_LARGE, and nothing is worked out."""
    ann = trader(fast, "ann", 1)
    fast.turn(12.0)
    asked = m.EquityGet(interval_s=DAY_S)
    assert ann.ask(asked).status == Status.OK
    monkeypatch.setattr(limits, "EQUITY_SESSIONS_MAX", 2)
    assert ann.ask(asked).status == Status.RANGE_TOO_LARGE


STEP = 300
STEP_NS = STEP * SECOND


@pytest.mark.parametrize("interval_s", [DAY_S, 300])
def test_a_curve_of_what_is_not_listed_any_more(
    fast: MasterKit, interval_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator has taken a symbol off the list: what is held of it is worth what it was."""
    ann = holder(fast, 7.0)
    before = points(ann, interval_s=interval_s)

    def gone(symbol: str, *asked: Any, **how: Any) -> NoReturn:
        raise UnknownSymbol(symbol)

    monkeypatch.setattr(fast.main.equity._source, "bars", gone)
    found = points(ann, interval_s=interval_s)
    assert [row.time for row in found] == [row.time for row in before]
    assert found[-1].equity > 99_000 * SCALE


@pytest.mark.clause("13.13")
@pytest.mark.parametrize("interval_s", [DAY_S, STEP])
def test_a_price_from_before_a_split(
    tmp_path: Path, interval_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share that has not traded since it was split is worth what it was, not the double."""
    start = from_datetime(datetime(2003, 2, 14, 20, 0, tzinfo=UTC))
    kit = MasterKit(tmp_path, speed_milli=10_000_000, start=start)
    ann = holder(kit, 6.0, "MSFT", "100")
    split_day = from_datetime(datetime(2003, 2, 18, tzinfo=UTC))
    source = kit.main.equity._source
    bars = source.bars

    def untraded(*asked: Any, **how: Any) -> list[Bar]:
        return [bar for bar in bars(*asked, **how) if bar.time < split_day]

    monkeypatch.setattr(source, "bars", untraded)
    close = split_day - 75 * 3_600 * SECOND
    found = [
        row for row in points(ann, interval_s=interval_s, from_time=1)[:-1] if row.time >= close
    ]
    assert found[0].time == close < split_day < found[-1].time
    assert {row.equity - row.cash for row in found} == {100 * 48_30 * CENT}
    kit.check()


@pytest.mark.clause("13.13")
def test_a_curve_within_the_day(fast: MasterKit) -> None:
    """From the close before on: at each multiple in the session, cash and last price of then."""
    ann = holder(fast, 7.0)
    ann.seq += 1
    assert ann.ask(m.PortfolioCash(amount=500 * SCALE), seq=ann.seq).status == 0
    cash = ann.ask(m.PortfolioGet()).message.cash
    days = points(ann)
    found = points(ann, interval_s=STEP)
    closes = [row.time for row in days[1:-1]]
    assert found[0] in days, "it begins with the close of the session before"
    assert (found[-1].time, found[-1].equity) == (days[-1].time, days[-1].equity)
    assert found[-1].flow == 500 * SCALE
    inner = found[1:-1]
    assert [row.time % STEP_NS for row in inner if row.time not in closes] == [0] * (
        len(inner) - sum(row.time in closes for row in inner)
    )
    assert all(two.time - one.time == STEP_NS for one, two in pairwise(inner) if two.flow == 0)
    bars = [
        bar
        for part in ann.ask_all(m.BarsGet(symbol="AAPL", interval_s=STEP, from_time=found[0].time))
        for bar in part.message.bars
    ]
    for row in inner:
        (price,) = [bar.close for bar in bars if bar.time == row.time - STEP_NS]
        assert row.equity == row.cash + 10 * price
    assert cash == found[-1].cash
    whole = points(ann, interval_s=STEP, from_time=1)
    assert whole[0] == days[0], "what it began with"
    assert [row for row in whole if row.time in closes] == days[1:-1], (
        "at the ends of sessions it is the curve of days"
    )
    assert found[1:-1] == [row for row in whole if found[0].time < row.time < found[-1].time]
    late = points(ann, interval_s=STEP, from_time=inner[0].time, to_time=inner[-1].time)
    assert late == inner[:-1]


def test_too_many_points_are_refused(fast: MasterKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clause 13.13: RANGE_TOO_LARGE, of points and of the prices for them."""
    ann = holder(fast, 7.0)
    asked = m.EquityGet(interval_s=STEP)
    assert ann.ask(asked).status == Status.OK
    for name, most in (("EQUITY_POINTS_MAX", 1), ("EQUITY_PRICES_MAX", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(limits, name, most)
            assert ann.ask(asked).status == Status.RANGE_TOO_LARGE
    assert ann.ask(asked).status == Status.OK
