"""Setting the market's clock: what it does to orders, actions and books, and that it is kept."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import pytest

from papertrader.core.carry import CLOSES_MAX
from papertrader.core.instants import DAY, MINUTE, SECOND
from papertrader.core.marketclock import SPEED_MAX, ClockField, ClockMode
from papertrader.core.money import SCALE
from papertrader.core.orders import OrderState, OrderType, Side, TimeInForce
from papertrader.core.terms import AccountKind, PortfolioTerms
from papertrader.master import inputs
from papertrader.master.operators import Appointment, appoint
from papertrader.master.providers.base import load_calendars
from papertrader.master.termrecords import terms_block
from papertrader.master.timekeeper import STEP_MAX
from papertrader.master.transactions import Transactions
from papertrader.ops.inspection import rebuild
from papertrader.ops.replaycheck import replay_check
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Scope, Status, TopicKind, TxKind
from tests import backends
from tests.master.test_assets import at, history, market, positions
from tests.master.test_hours import Follower
from tests.master_kit import PASSWORD, Answer, MasterClient, MasterKit

LIMIT = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC}
DAY_LIMIT = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.DAY}


def turn(client: MasterClient, **wish: Any) -> Answer:
    """Send CLOCK_SET with the next number; what is given is what is set."""
    fields = ClockField(0)
    for name in wish:
        fields |= ClockField["SPEED" if name == "speed_milli" else name.upper()]
    client.seq += 1
    return client.ask(m.ClockSet(fields=fields, **wish), seq=client.seq)


def with_scope(kit: MasterKit, scope: Scope) -> MasterClient:
    """Ann again, on another connection, in a session of that scope."""
    client = kit.client(connection=9)
    wish = m.Login(username="ann", password=PASSWORD, scope=scope)
    client.session = client.ask(wish, session=0).header.session
    assert client.session
    return client


def order_of(client: MasterClient, number: int) -> m.OrderRow:
    """The order with that number."""
    reply: m.OrderRow = client.ask(m.OrderGet(order=number)).message
    return reply


# --- pause, resume, speed, step, jump ------------------------------------------------------------


def test_a_paused_clock_stands_and_goes_on(tmp_path: Path) -> None:
    """Nothing fills while it stands; what waited fills when it goes on."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    kit.turn(1.0)
    reply = turn(ann, paused=True).message
    assert reply.paused
    stood = reply.now
    ann.order("AAPL", "10")
    kit.turn(5.0)
    clock = ann.ask(m.ClockGet()).message
    assert (clock.now, clock.paused, clock.epoch) == (stood, True, 1)
    assert positions(ann) == {}
    assert not turn(ann, paused=False).message.paused
    kit.turn(1.0)
    assert ann.ask(m.ClockGet()).message.now == stood + MINUTE
    assert positions(ann) == {"AAPL": 10 * SCALE}
    kit.check()


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("paused", [False, True])
def test_what_was_seen_before_a_restart_fills_nothing(
    tmp_path: Path, paused: bool, crash: bool
) -> None:
    """The market goes on where it may have been seen: its price there is told, and no order has
    it, for whoever sent one could look at it before."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    kit.turn(1.0)
    turn(ann, paused=paused)
    ann.order("AAPL", "10")
    if crash:
        kit.kill()
    else:
        kit.stop()
    kit.boot()
    assert ann.resume().status == 0
    assert "AAPL" in kit.main.assets.newest
    assert positions(ann) == {}
    if paused:
        kit.turn(5.0)
        assert positions(ann) == {}
        assert not turn(ann, paused=False).message.paused
    kit.turn(1.0)
    assert positions(ann) == {"AAPL": 10 * SCALE}
    kit.check()


def test_another_speed_counts_from_now_on(tmp_path: Path) -> None:
    """The market's time does not jump when its speed changes."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    kit.turn(2.0)
    then = ann.ask(m.ClockGet()).message.now
    reply = turn(ann, speed_milli=600_000).message
    assert (reply.now, reply.speed_milli) == (then, 600_000)
    kit.turn(1.0)
    assert ann.ask(m.ClockGet()).message.now == then + 10 * MINUTE
    kit.check()


def test_a_step_goes_forward_and_stands(tmp_path: Path) -> None:
    """A step fills what waited, over the night too, and leaves the clock standing."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    turn(ann, paused=True)
    ann.order("AAPL", "10")
    then = ann.ask(m.ClockGet()).message.now
    reply = turn(ann, step=5 * MINUTE).message
    assert (reply.now, reply.paused) == (then + 5 * MINUTE, True)
    assert positions(ann) == {"AAPL": 10 * SCALE}
    assert turn(ann, step=DAY).message.now == then + 5 * MINUTE + DAY
    kit.turn(3.0)
    assert ann.ask(m.ClockGet()).message.now == then + 5 * MINUTE + DAY
    kit.check()


@pytest.mark.clause("14.11")
def test_forward_everything_between_falls_due(tmp_path: Path) -> None:
    """A split and a session's end that are jumped over count, and the new prices fill."""
    kit, ann = market(tmp_path, "2005-02-25 15:00")
    ann.order("AAPL", "10")
    kit.turn(0.5)
    ann.order("AAPL", "1", limit_price=SCALE, **DAY_LIMIT)
    ann.order("AAPL", "2", limit_price=2 * SCALE, **LIMIT)
    reply = turn(ann, now=at("2005-03-05 12:00")).message
    assert reply.now == at("2005-03-07 14:30")
    assert (reply.epoch, reply.paused) == (1, False)
    assert positions(ann) == {"AAPL": 20 * SCALE}
    assert order_of(ann, 2).state == OrderState.EXPIRED
    kept = order_of(ann, 3)
    assert (kept.quantity, kept.limit_price) == (4 * SCALE, SCALE)
    kit.check()


@pytest.mark.clause("14.12")
def test_turned_back_orders_end_and_money_stays(tmp_path: Path) -> None:
    """An epoch begins: no open order, no known quote; cash and shares are what they were."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    ann.order("AAPL", "10")
    kit.turn(0.5)
    ann.order("AAPL", "4", limit_price=SCALE, **LIMIT)
    held = ann.ask(m.PortfolioGet()).message
    reply = turn(ann, now=at("2010-01-04 15:00"), paused=True).message
    assert (reply.now, reply.epoch, reply.paused) == (at("2010-01-04 15:00"), 2, True)
    ended = order_of(ann, 2)
    assert (ended.state, ended.reason) == (OrderState.CANCELLED, Status.CLOCK_TURNED_BACK)
    now = ann.ask(m.PortfolioGet()).message
    assert (now.cash, now.reserved_cash) == (held.cash, 0)
    assert positions(ann) == {"AAPL": 10 * SCALE}
    quote = ann.ask(m.QuoteGet(symbols=(m.SymbolRow("AAPL"),))).message.quotes[0]
    assert quote.source_time == at("2010-01-04 15:00")
    assert 210 * SCALE < quote.last < 216 * SCALE
    (bar,) = ann.ask(m.BarsGet(symbol="AAPL", interval_s=86_400, limit=1)).message.bars
    assert bar.time == at("2010-01-04")
    kit.check()


def test_what_the_turn_itself_looked_at_is_told_again(tmp_path: Path) -> None:
    """Orders that it cancels are judged by the assets of before; what comes, by those of then. A
    journal that told them once would have the next order of the symbol decided without."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    kit.crash()  # Since a start the journal knows no asset.
    ann.resume()
    ann.seq = 1
    ann.order("AAPL", "4", limit_price=SCALE, **LIMIT)
    turn(ann, now=at("2010-01-04 15:00"), paused=True)
    assert order_of(ann, 1).reason == Status.CLOCK_TURNED_BACK
    refused = ann.order("AAPL", "1", side=2)
    assert refused.status == Status.INSUFFICIENT_POSITION
    assert ann.order("AAPL", "1").status == 0
    kit.check()


@pytest.mark.clause("14.12")
def test_a_store_that_did_not_tell_them_again_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older version wrote it so: what cannot be decided again says why, and what to ask."""

    def told_before(self: Transactions, seq: int) -> list[bytes]:
        if self._told_epoch != self.desk.state.epoch:
            self._told.clear()
            self._told_epoch = self.desk.state.epoch
        new = [a for a in self.desk.assets_used() if self._told.get(a.symbol) is not a]
        self._told |= {each.symbol: each for each in new}
        return [inputs.asset_record(seq, each) for each in new]

    monkeypatch.setattr(Transactions, "_assets_told", told_before)
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    kit.crash()
    ann.resume()
    ann.seq = 1
    ann.order("AAPL", "4", limit_price=SCALE, **LIMIT)
    turn(ann, now=at("2010-01-04 15:00"), paused=True)
    assert ann.order("AAPL", "1", side=2).status == Status.INSUFFICIENT_POSITION
    kit.stop()
    (finding,) = replay_check(kit.state_dir).findings
    assert "input 3 turned the market's clock back" in finding
    assert "papertrader audit says whether its books are right" in finding


def test_what_is_not_listed_yet_is_unlisted(tmp_path: Path) -> None:
    """FB began in 2012: in 2010 nobody can see or trade it, and a position of it waits."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    ann.order("FB", "3")
    kit.turn(0.5)
    turn(ann, now=at("2010-01-04 15:00"))
    assert ann.ask(m.AssetGet(symbol="FB")).status == Status.NO_SUCH_SYMBOL
    assert ann.order("FB", "3", side=2).status == Status.NO_SUCH_SYMBOL
    assert positions(ann) == {"FB": 3 * SCALE}
    turn(ann, now=at("2012-06-05 15:00"))
    assert ann.order("FB", "3", side=2).status == 0
    kit.turn(0.5)
    assert positions(ann) == {}
    kit.check()


@pytest.mark.clause("14.12")
@pytest.mark.parametrize("end", ["none", "crash", "stop", "rebuild"])
def test_an_action_applies_again_in_another_epoch(tmp_path: Path, end: str) -> None:
    """The same split twice, once in each epoch, however the master ended in between."""
    kit, ann = market(tmp_path, "2005-02-25 15:00")
    ann.order("AAPL", "10")
    kit.turn(0.5)
    turn(ann, now=at("2005-02-28 15:00"))
    assert positions(ann) == {"AAPL": 20 * SCALE}
    turn(ann, now=at("2005-02-25 15:00"), paused=True)
    if end == "crash":
        kit.crash()
    elif end in ("stop", "rebuild"):
        kit.stop()
        if end == "rebuild":
            assert rebuild(backends.place(tmp_path), lambda line: None).violations == []
        kit.boot()
    if end != "none":
        ann.resume()
    assert positions(ann) == {"AAPL": 20 * SCALE}
    turn(ann, now=at("2005-02-28 15:00"))
    assert positions(ann) == {"AAPL": 40 * SCALE}
    assert len(history(ann, TxKind.SPLIT)) == 2
    kit.crash()
    ann.resume()
    kit.turn(1.0)
    assert positions(ann) == {"AAPL": 40 * SCALE}
    kit.check()


def test_the_end_of_the_data_is_not_the_end(tmp_path: Path) -> None:
    """A market that has come to its last price can be turned back."""
    kit, ann = market(tmp_path, "2013-03-01 20:59")
    kit.turn(3.0)
    clock = ann.ask(m.ClockGet()).message
    assert clock.now == clock.ends_at
    assert turn(ann, now=clock.begins_at).message.now == clock.begins_at == at("2000-03-01 14:30")
    kit.turn(1.0)
    assert ann.ask(m.ClockGet()).message.now == clock.begins_at + MINUTE
    kit.check()


# --- it is kept ----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["crash", "stop"])
def test_a_paused_clock_is_put_back_exactly(tmp_path: Path, end: str) -> None:
    """After a crash or a stop: the same instant, speed and epoch, still standing."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    turn(ann, now=at("2011-03-01 16:07"), speed_milli=7_500, paused=True)
    told = ann.ask(m.ClockGet()).message
    if end == "crash":
        kit.crash()
    else:
        kit.stop()
        kit.boot()
    ann.resume()
    kit.turn(5.0)
    again = ann.ask(m.ClockGet()).message
    assert (again.now, again.paused, again.speed_milli, again.epoch) == (
        told.now, True, 7_500, 2,
    )  # fmt: skip
    turn(ann, paused=False)
    kit.turn(2.0)
    assert ann.ask(m.ClockGet()).message.now == told.now + 15 * SECOND
    kit.check()


def test_a_running_clock_goes_on_after_a_crash(tmp_path: Path) -> None:
    """Turned back and running: later than what was seen, by ten seconds of the wall at most."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    turn(ann, now=at("2011-03-01 16:00"))
    kit.turn(2.0)
    seen = ann.ask(m.ClockGet()).message.now
    kit.crash()
    ann.resume()
    now = ann.ask(m.ClockGet()).message.now
    assert seen < now < seen + 11 * MINUTE
    kit.check()


def test_settings_changed_since_then_count(tmp_path: Path) -> None:
    """What an operator writes into the settings afterwards is what he wants."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    turn(ann, speed_milli=5_000, paused=True)
    kit.stop()
    kit.market["speed_milli"] = 120_000
    kit.boot()
    ann.resume()
    clock = ann.ask(m.ClockGet()).message
    assert (clock.speed_milli, clock.paused) == (120_000, True)
    turn(ann, now=at("2010-01-04 15:00"))
    kit.stop()
    kit.market["start"] = at("2012-07-02 15:00")
    kit.boot()
    ann.resume()
    assert ann.ask(m.ClockGet()).message.now == at("2012-07-02 15:00")
    kit.check()


@pytest.mark.clause("14.11")
def test_a_step_is_taken_once(tmp_path: Path) -> None:
    """The same command again is answered from what was kept, also after a crash."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    ann.seq = 5
    wish = m.ClockSet(fields=ClockField.STEP, step=MINUTE)
    first = ann.ask(wish, seq=5)
    kit.crash()
    ann.resume()
    again = ann.ask(wish, seq=5)
    assert again.message == first.message
    assert again.header.flags & FrameFlag.REPLAYED
    assert ann.ask(m.ClockGet()).message.now == first.message.now
    assert ann.ask(m.ClockSet(fields=ClockField.STEP, step=2 * MINUTE), seq=5).status == (
        Status.SEQ_REUSED
    )
    kit.check()


# --- who may, and what not -----------------------------------------------------------------------


@pytest.mark.clause("14.11")
def test_with_others_only_an_operator_may(tmp_path: Path) -> None:
    """Alone one owns the market; with a second account it takes an operator's session."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    assert turn(ann, paused=True).status == 0
    bob = kit.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    for client in (ann, bob):
        assert turn(client, paused=False).status == Status.SCOPE_DENIED
    kit.main.journal.change(appoint(kit.main.store, 1, Appointment.ADMIN))
    kit.turn()
    kit.main.operators.load()
    operator = with_scope(kit, Scope.ADMIN)
    assert turn(operator, paused=False).status == 0
    kit.check()


def test_a_session_that_reads_may_not(tmp_path: Path) -> None:
    """The only account's session of scope READ is refused."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    reader = with_scope(kit, Scope.READ)
    assert turn(reader, paused=True).status == Status.SCOPE_DENIED
    assert not ann.ask(m.ClockGet()).message.paused
    kit.check()


@pytest.mark.clause("14.11")
@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({}, Status.INVALID_FIELD),
        ({"now": 1, "step": 1}, Status.INVALID_FIELD),
        ({"speed_milli": 0}, Status.INVALID_FIELD),
        ({"speed_milli": SPEED_MAX + 1}, Status.INVALID_FIELD),
        ({"step": 0}, Status.INVALID_FIELD),
        ({"step": STEP_MAX + 1}, Status.INVALID_FIELD),
        ({"mode": ClockMode.SIMULATED}, Status.CLOCK_FIXED),
        ({"mode": ClockMode.LIVE}, Status.CLOCK_FIXED),
        ({"now": 0}, Status.CLOCK_FIXED),
        ({"now": at("1999-12-31 15:00")}, Status.CLOCK_FIXED),
        ({"now": at("2013-03-02 15:00")}, Status.CLOCK_FIXED),
        ({"now": 2**63 - 1}, Status.CLOCK_FIXED),
        ({"step": 300 * DAY}, Status.CLOCK_FIXED),
    ],
)
def test_what_a_clock_cannot_do(tmp_path: Path, wish: dict[str, Any], status: Status) -> None:
    """A refusal says why and changes nothing."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    before = ann.ask(m.ClockGet()).message
    assert before.cache_until > before.as_of
    refused = turn(ann, **wish)
    assert refused.status == status
    assert len(refused.message.text) > 20
    after = ann.ask(m.ClockGet()).message
    assert attrs.evolve(after, cache_until=before.cache_until) == before
    assert kit.main.transactions.desk.state.clocks == {}
    kit.check()


def test_naming_the_right_market_is_fine(tmp_path: Path) -> None:
    """MODE says which market is meant."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    assert turn(ann, mode=ClockMode.REPLAY, paused=True).status == 0
    kit.check()


# --- who is told ---------------------------------------------------------------------------------


@pytest.mark.clause("14.12")
def test_followers_are_told(tmp_path: Path) -> None:
    """EV_MARKET with the new time, and the bar as it is at that time."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    follower = Follower(kit)
    follower.follow("")
    follower.follow(("AAPL", 86_400))
    kit.turn(1.0)
    follower.take()
    turn(ann, now=at("2010-01-04 15:00"), paused=True)
    events = list(follower.events)
    (market_event,) = [event for kind, event in events if kind == TopicKind.MARKET]
    assert (market_event.now, market_event.epoch) == (at("2010-01-04 15:00"), 2)
    assert market_event.speed_milli == 0
    bars = [event for kind, event in events if kind == TopicKind.BAR]
    assert [bar.time for bar in bars] == [at("2010-01-04")]
    kit.check()


def test_the_simulated_market_can_be_set_too(tmp_path: Path) -> None:
    """The same commands, another market."""
    kit = MasterKit(tmp_path, source="simulated", start=at("2012-06-04 14:00"))
    ann = kit.client()
    ann.register()
    ann.login()
    ann.order("ALRB", "2")
    kit.turn(1.0)
    assert positions(ann) == {"ALRB": 2 * SCALE}
    reply = turn(ann, now=at("2011-06-06 14:00"), paused=True)
    assert (reply.status, reply.message.now) == (0, at("2011-06-06 14:00"))
    ann.order("ALRB", "2", side=2)
    turn(ann, step=MINUTE)
    assert positions(ann) == {}
    kit.check()


# --- steps over many closes ----------------------------------------------------------------------


def owed(transactions: list[m.TransactionRow], until: int) -> list[tuple[int, int]]:
    """Work out what a debt of January 2012, and the dividends of 900 IBM, brought until a time.

    In the order of market time, as (kind, amount).
    """
    calendar = load_calendars()["XNYS"]
    cash = sum(row.amount for row in transactions if row.kind in (TxKind.DEPOSIT, TxKind.BUY))
    dividends = {at(f"{day} 00:00") // DAY: amount for day, amount in IBM_2012.items()}
    found, session = [], calendar.next_session(at("2012-01-03 16:00"))
    while session.open <= until:
        paid = dividends.get(session.open // DAY)
        if paid is not None:
            cash += 900 * paid
            found.append((int(TxKind.DIVIDEND), 900 * paid))
        if session.close > until:
            break
        following = calendar.next_session(session.close)
        days = (following.day - session.day).days
        cents = round(Fraction(-cash * 8 * days, 100 * 360 * SCALE // 100))
        cash -= cents * SCALE // 100
        found.append((int(TxKind.INTEREST), -cents * SCALE // 100))
        session = following
    return found


IBM_2012 = {
    "2012-02-08": 75 * SCALE // 100,
    "2012-05-08": 85 * SCALE // 100,
    "2012-08-08": 85 * SCALE // 100,
    "2012-11-07": 85 * SCALE // 100,
    "2013-02-06": 85 * SCALE // 100,
}
"""Ex-dates, and what was paid a share."""


def test_a_long_step_leaves_out_no_close_and_keeps_the_order(tmp_path: Path) -> None:
    """400 days at once: interest of each close, and each dividend before the closes after it.

    That is more closes than one input goes past, and the position is sold right after.
    """
    kit, ann = market(tmp_path, "2012-01-03 15:00")
    kit.turn(1.0)
    ann.seq += 1
    terms = PortfolioTerms(account_kind=AccountKind.MARGIN)
    assert ann.ask(terms_block(m.PortfolioTermsSet, terms), seq=ann.seq).status == 0
    assert ann.order("IBM", "900").status == 0
    kit.turn(10.0)
    assert positions(ann) == {"IBM": 900 * SCALE}
    assert turn(ann, step=400 * DAY).status == 0
    assert ann.order("IBM", "900", side=Side.SELL).status == 0
    kit.turn(1.0)
    rows = [row for part in ann.ask_all(m.TransactionsGet()) for row in part.message.transactions]
    carried = (TxKind.INTEREST, TxKind.DIVIDEND)
    told = [(row.kind, row.amount) for row in rows if row.kind in carried]
    wanted = owed(rows, ann.ask(m.ClockGet()).message.now)
    assert len(wanted) > CLOSES_MAX
    assert told == wanted
    kit.check()


def test_a_fork_of_a_moment_is_of_the_time_after_the_turn(tmp_path: Path) -> None:
    """Opened in 2012, turned back to 2008: what was held then is held since, in that year too."""
    kit, ann = market(tmp_path, "2012-06-04 14:00")
    ann.order("AAPL", "10")
    kit.turn(2.0)
    assert turn(ann, now=at("2008-06-04 14:00")).status == 0
    kit.turn(1.0)
    ann.order("IBM", "20")
    kit.turn(5.0)
    then = ann.ask(m.ClockGet()).message.now
    ann.order("IBM", "30")
    kit.turn(5.0)
    ann.seq += 1
    fork = ann.ask(m.PortfolioFork(name="then", at=then), seq=ann.seq).message
    shown = ann.ask(m.PortfolioGet(portfolio=fork.portfolio)).message
    held = {row.symbol: row.quantity for row in shown.positions}
    assert held == {"AAPL": 10 * SCALE, "IBM": 20 * SCALE}
    kit.check()
