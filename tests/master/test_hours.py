"""When the market trades, and its bars as they form, as the master tells them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from papertrader.core.instants import SECOND
from papertrader.core.marketclock import ClockField, ClockMode
from papertrader.core.orders import OrderState, TimeInForce
from papertrader.core.terms import FillModelKind, PortfolioTerms
from papertrader.master.termrecords import terms_block
from papertrader.master.workerlink import MARKET_TOPIC, Topic
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import MarketState, RelayDownFlag, Status, TopicKind
from tests.master.test_assets import at, go_to, market
from tests.master_kit import MasterKit


class Follower:
    """Stands in the place of a worker's link and keeps what is published to it."""

    def __init__(self, kit: MasterKit) -> None:
        self.workers = kit.main.workers
        self.events: list[tuple[TopicKind, Any]] = []

    def publish(self, frames: list[bytes], kind: TopicKind = TopicKind.QUOTE) -> None:
        """Take a batch."""
        self.events += [(kind, codec.decode(frame)[1]) for frame in frames]

    def follow(self, topic: Topic, add: bool = True) -> None:
        """Send TOPIC_INTEREST."""
        symbol, interval_s = topic if isinstance(topic, tuple) else (topic, 0)
        kind = TopicKind.BAR if interval_s else TopicKind.MARKET
        interest = m.TopicInterest(kind=kind, add=add, interval_s=interval_s, symbol=symbol)
        self.workers.interest(self, interest)  # type: ignore[arg-type]

    def take(self) -> list[Any]:
        """Return what came since the last call."""
        events, self.events = self.events, []
        return [event for _, event in events]


def test_an_open_market_says_when_it_closes(tmp_path: Path) -> None:
    """Hours are those of the calendar, in market time; empty means the main exchange."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    for exchange in ("", "XNYS"):
        state = ann.ask(m.MarketStatus(exchange=exchange)).message
        assert (state.exchange, state.state) == ("XNYS", MarketState.OPEN)
        assert (state.next_open, state.next_close) == (
            at("2012-06-05 13:30"), at("2012-06-04 20:00"),
        )  # fmt: skip
        assert at("2012-06-04 14:00") <= state.now < at("2012-06-04 14:10")
        assert state.update_interval_ms == 250
    kit.check()


def test_a_closed_market_says_when_it_opens(tmp_path: Path) -> None:
    """On a Saturday: Monday's hours."""
    _, ann = market(tmp_path, "2012-06-09 12:00", keep_closed_hours=True)
    state = ann.ask(m.MarketStatus()).message
    assert state.state == MarketState.CLOSED
    assert (state.next_open, state.next_close) == (at("2012-06-11 13:30"), at("2012-06-11 20:00"))


@pytest.mark.clause("14.9")
def test_an_exchange_without_listings_is_refused(tmp_path: Path) -> None:
    """NO_DATA, naming those that there are; and a session is needed."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    answer = ann.ask(m.MarketStatus(exchange="XLON"))
    assert answer.status == Status.NO_DATA
    assert "XNYS" in answer.message.text
    for message in (m.MarketStatus(), m.ClockGet()):
        assert kit.client(connection=2).ask(message).status == Status.NOT_LOGGED_IN


@pytest.mark.clause("14.10")
@pytest.mark.parametrize("keep", [True, False])
def test_the_clock_tells_its_mode_and_speed(tmp_path: Path, keep: bool) -> None:
    """Market time goes on at the speed told."""
    kit, ann = market(tmp_path, "2012-06-04 14:00", keep_closed_hours=keep)
    first = ann.ask(m.ClockGet()).message
    kit.turn(1.0)
    second = ann.ask(m.ClockGet()).message
    assert (first.mode, first.paused, first.skips_closed) == (ClockMode.REPLAY, False, not keep)
    assert first.speed_milli == 60_000
    assert second.now - first.now == (second.as_of - first.as_of) * 60
    assert first.ends_at > first.now


@pytest.mark.clause("14.9")
def test_openings_and_closes_are_published(tmp_path: Path) -> None:
    """Who comes gets the state at once; then an event at the close and one at the next opening."""
    kit, _ = market(tmp_path, "2012-06-04 19:50")
    follower = Follower(kit)
    follower.follow(MARKET_TOPIC)
    assert [event.state for event in follower.take()] == [MarketState.OPEN]
    go_to(kit, "2012-06-05 13:35")
    told = [(event.state, event.next_close) for event in follower.take()]
    assert told == [
        (MarketState.CLOSED, at("2012-06-05 20:00")),
        (MarketState.OPEN, at("2012-06-05 20:00")),
    ]
    follower.follow(MARKET_TOPIC, add=False)
    go_to(kit, "2012-06-05 20:00")
    assert follower.take() == []


@pytest.mark.clause("14.8")
@pytest.mark.parametrize("interval_s", [60, 300, 3600, 86_400])
def test_bars_form_as_bars_get_has_them(tmp_path: Path, interval_s: int) -> None:
    """Every closed bar of the time is told once, in order, with the values that BARS_GET gives."""
    kit, ann = market(tmp_path, "2012-06-04 19:00")
    follower = Follower(kit)
    follower.follow(("AAPL", interval_s))
    follower.follow(("AAPL", 61))
    follower.follow(("NONE", 60))
    go_to(kit, "2012-06-05 13:50")
    events = follower.take()
    assert {(event.symbol, event.interval_s) for event in events} == {("AAPL", interval_s)}
    times = [event.time for event in events]
    assert times == sorted(times)
    closed = {event.time: event for event in events if event.final}
    assert len(closed) == sum(event.final for event in events)
    answer = ann.ask(m.BarsGet(symbol="AAPL", interval_s=interval_s, from_time=times[0])).message
    rows = {row.time: row for row in answer.bars}
    assert set(rows) - set(closed) <= {max(rows)}
    for time, event in closed.items():
        row = rows[time]
        assert (event.open, event.high, event.low, event.close, event.volume) == (
            row.open, row.high, row.low, row.close, row.volume,
        )  # fmt: skip
    assert any(not event.final for event in events)


def test_a_bar_that_nobody_follows_is_not_worked_out(tmp_path: Path) -> None:
    """Interest ends with its last worker; nothing is kept."""
    kit, _ = market(tmp_path, "2012-06-04 15:00")
    follower = Follower(kit)
    follower.follow(("AAPL", 60))
    kit.turn(1.0)
    assert follower.take()
    follower.follow(("AAPL", 60), add=False)
    kit.turn(1.0)
    assert follower.take() == []
    assert len(kit.main.assets._bars) == 0


def test_what_a_worker_may_answer_again_says_until_when(tmp_path: Path) -> None:
    """Clock, hours, bars, assets: CACHEABLE, and ``cache_until`` by the master's clock."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    for message, seconds in (
        (m.ClockGet(), 1),
        (m.MarketStatus(), 1),
        (m.BarsGet(symbol="AAPL", interval_s=60, limit=2), 1),
        (m.AssetGet(symbol="AAPL"), 30),
        (m.AssetList(), 30),
    ):
        began = kit.clock.wall_ns()
        until = ann.ask(message).message.cache_until
        assert 0 <= until - began - seconds * 1_000_000_000 < 1_000_000
        assert ann.link.sent[-1][2] & RelayDownFlag.CACHEABLE
    kit.check()


def test_missing_bars_are_counted(tmp_path: Path) -> None:
    """A day of one's own data without a row is missing; nights and weekends are not."""
    rows = "date,open,high,low,close\n2012-01-03,1,1,1,1\n2012-01-05,1,1,1,1\n2012-01-09,1,1,1,1\n"
    (tmp_path / "abc.csv").write_text(rows)
    kit = MasterKit(tmp_path, start=at("2012-01-09 15:00"), data=tmp_path / "abc.csv")
    ann = kit.client()
    ann.register()
    ann.login()
    reply = ann.ask(m.BarsGet(symbol="ABC", interval_s=86_400)).message
    assert (len(reply.bars), reply.missing) == (3, 2)
    assert ann.ask(m.BarsGet(symbol="ABC", interval_s=60, limit=20)).message.missing == 0
    kit.check()


@pytest.mark.parametrize("how", ["fast", "stepped", "by bar"])
def test_the_last_quote_of_a_session_is_never_left_out(tmp_path: Path, how: str) -> None:
    """At 3,600 market seconds a second an update is a quarter of an hour: the close comes first.

    An order for the close that was sent after the update before it fills at the closing price, and
    so does one that is stepped over the close, and one by bars, which begin with the last quote.
    """
    kit, ann = market(tmp_path, "2012-06-04 19:40", speed_milli=3_600_000)
    if how == "by bar":
        ann.seq += 1
        terms = PortfolioTerms(fill_model=FillModelKind.BAR)
        block = terms_block(m.PortfolioTermsSet, terms, portfolio=0)
        assert ann.ask(block, seq=ann.seq).status == 0
    for _ in range(8):
        kit.turn(0.25)
        if kit.main.assets.market.now() >= at("2012-06-04 19:50"):
            break
    order = ann.order("AAPL", "1", time_in_force=TimeInForce.CLS).message
    assert order.expire_at == at("2012-06-04 20:00")
    if how != "stepped":
        go_to(kit, "2012-06-04 20:00")
    else:
        ann.seq += 1
        step = m.ClockSet(fields=ClockField.STEP, step=3_600 * SECOND)
        assert ann.ask(step, seq=ann.seq).status == 0
        kit.turn(0.25)
    found = ann.ask(m.OrderGet(order=order.order)).message
    assert found.state == OrderState.FILLED
    (receipt,) = ann.ask(m.ReceiptGet(order=order.order)).message.receipts
    assert at("2012-06-04 19:59") <= receipt.source_time < at("2012-06-04 20:00")
    assert receipt.last == 56_429_000_000, "the price at which the day closed"
    if how == "by bar":
        assert found.average_price == receipt.bar_close == receipt.last
        assert receipt.bar_volume > 0
    kit.check()


def test_what_was_missed_is_not_made_up_for(tmp_path: Path) -> None:
    """A master that was down over the close fills nothing with the session's last quote."""
    kit, ann = market(tmp_path, "2012-06-04 19:50")
    kit.turn(0.25)
    order = ann.order("AAPL", "1", time_in_force=TimeInForce.CLS).message
    kit.crash()
    kit.turn(0.25)
    ann = kit.client()
    ann.login()
    assert ann.ask(m.OrderGet(order=order.order)).message.state == OrderState.EXPIRED
    kit.check()
