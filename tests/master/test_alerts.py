"""Price alerts at the master: made, triggered once, kept, told; limits, crashes, splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from papertrader.core.alerts import AlertCondition, AlertState
from papertrader.core.marketclock import ClockField
from papertrader.core.money import NULL, SCALE
from papertrader.core.quotes import ActionKind, CorporateAction, Quote
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Scope, Status
from tests.master_kit import PASSWORD, START, Gate, MasterClient, MasterKit

FAR = 1_000_000 * SCALE


@pytest.fixture
def ann(kit: MasterKit) -> MasterClient:
    """A client with an account, a session, and a subscription to the account's events."""
    client = kit.client()
    client.register()
    client.login()
    client.follow()
    return client


def command(client: MasterClient, message: Any) -> Any:
    """Send a command under the next number."""
    client.seq += 1
    return client.ask(message, seq=client.seq)


def make(client: MasterClient, symbol: str = "AAPL", price: int = FAR, **fields: Any) -> Any:
    """Make an alert; the last price at least, unless told otherwise."""
    fields.setdefault("condition", AlertCondition.LAST_AT_LEAST)
    return command(client, m.AlertCreate(symbol=symbol, price=price, **fields))


def listed(client: MasterClient) -> dict[int, m.AlertRow]:
    """The account's alerts by number."""
    return {row.alert: row for row in client.ask(m.AlertList()).message.alerts}


def show(kit: MasterKit, symbol: str, last: int, **fields: Any) -> Quote:
    """Let the market show a price of the test's own."""
    kit.quotes += 1
    quote = Quote(
        symbol=symbol, bid=last, ask=last, last=last, quote_seq=kit.quotes,
        observed_at=kit.clock.stamp_ns(), **fields,
    )  # fmt: skip
    kit.main.alerts.observe(quote, START)
    kit.turn()
    return quote


def test_an_alert_triggers_once_and_its_owner_is_told(kit: MasterKit, ann: MasterClient) -> None:
    """Clauses 14.14 to 14.16: not before its price, then once, with seq 0, and kept."""
    made = make(ann).message
    assert (made.alert, made.symbol, made.price, made.asked) == (1, "AAPL", FAR, FAR)
    assert (made.state, made.seen, made.ended_at) == (AlertState.OPEN, NULL, 0)
    show(kit, "AAPL", FAR - 1)
    show(kit, "MSFT", FAR)
    assert ann.events() == []
    quote = show(kit, "AAPL", FAR + 5)
    show(kit, "AAPL", FAR + 6)
    (event,) = ann.events()
    assert isinstance(event.message, m.AlertEvent)
    assert event.header.seq == 0
    assert event.header.flags & FrameFlag.EVENT
    assert event.header.session == ann.session
    told = event.message
    assert (told.alert, told.state, told.seen) == (1, AlertState.TRIGGERED, FAR + 5)
    assert (told.quote_seq, told.market_at) == (quote.quote_seq, START)
    row = listed(ann)[1]
    assert (row.state, row.seen, row.ended_at) == (AlertState.TRIGGERED, FAR + 5, told.ended_at)


def test_the_market_itself_triggers_them(kit: MasterKit, ann: MasterClient) -> None:
    """The next update of a real symbol ends an alert that any price satisfies; others stay."""
    make(ann, price=1)
    make(ann, price=1, condition=AlertCondition.ASK_AT_MOST)
    kit.turn(2.0)
    alerts = listed(ann)
    assert alerts[1].state == AlertState.TRIGGERED
    assert alerts[1].seen > 1
    assert alerts[1].quote_seq > 0
    assert alerts[1].market_at > START
    assert alerts[2].state == AlertState.OPEN


def test_who_was_away_finds_it(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 14.15: after a crash too, until it is deleted."""
    make(ann)
    ann.ask(m.Logout())
    show(kit, "AAPL", FAR)
    kit.crash()
    again = kit.client(connection=2)
    again.login()
    assert listed(again)[1].state == AlertState.TRIGGERED
    gone = command(again, m.AlertDelete(alert=1)).message
    assert (gone.deleted, gone.kept) == (1, 0)
    assert listed(again) == {}
    assert command(again, m.AlertDelete(alert=1)).status == Status.NO_SUCH_ALERT
    kit.crash()
    last = kit.client(connection=3)
    last.login()
    assert listed(last) == {}
    assert make(last).message.alert == 2, "a number is never given out again"


def test_open_alerts_outlive_a_crash(kit: MasterKit, ann: MasterClient) -> None:
    """What was open is open, and watches on."""
    make(ann, condition=AlertCondition.BID_AT_MOST, price=5, expires_at=START * 2)
    kit.crash()
    again = kit.client(connection=2)
    again.login()
    again.follow()
    assert listed(again)[1].expires_at == START * 2
    show(kit, "AAPL", 5)
    assert [each.message.seen for each in again.events()] == [5]


def test_nobody_is_told_before_it_is_durable(tmp_path: Path) -> None:
    """Clause 14.15: a crash before the commit leaves it open, to be triggered later, once."""
    kit = MasterKit(tmp_path)
    ann = kit.client()
    ann.register()
    ann.login()
    ann.follow()
    make(ann)
    kit.turn()
    gate = Gate()
    kit.main.journal._in_thread = gate
    show(kit, "AAPL", FAR)
    assert len(gate) == 1
    assert ann.events() == []
    kit.crash()
    again = kit.client(connection=2)
    again.login()
    again.follow()
    assert listed(again)[1].state == AlertState.OPEN
    show(kit, "AAPL", FAR + 1)
    show(kit, "AAPL", FAR + 2)
    assert [each.message.seen for each in again.events()] == [FAR + 1]
    kit.check()


def test_a_crash_after_the_commit_leaves_one_trigger(tmp_path: Path) -> None:
    """Durable but not yet told: after the start it has ended, and no quote triggers it again."""
    kit = MasterKit(tmp_path)
    ann = kit.client()
    ann.register()
    ann.login()
    ann.follow()
    make(ann)
    kit.turn()
    gate = Gate()
    kit.main.journal._in_thread = gate
    show(kit, "AAPL", FAR)
    gate.do_untold()
    assert ann.events() == []
    kit.crash()
    again = kit.client(connection=2)
    again.login()
    again.follow()
    show(kit, "AAPL", FAR + 1)
    assert again.events() == []
    assert listed(again)[1].seen == FAR
    kit.check()


def test_each_refusal(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 14.14: a price of nothing, a past expiry, an unknown symbol; the last is stored."""
    assert make(ann, price=0).status == Status.INVALID_FIELD
    assert make(ann, price=NULL).message.field == 24
    for expires_at in (1, START - 1, 2**63):
        refused = make(ann, expires_at=expires_at)
        assert (refused.status, refused.message.field) == (Status.INVALID_FIELD, 32)
    assert make(ann, "NONE").status == Status.NO_SUCH_SYMBOL
    assert make(ann, "").status == Status.NO_SUCH_SYMBOL
    again = ann.ask(
        m.AlertCreate(symbol="", condition=AlertCondition.LAST_AT_LEAST, price=FAR), seq=ann.seq
    )
    assert again.status == Status.NO_SUCH_SYMBOL
    assert again.header.flags & FrameFlag.REPLAYED
    assert command(ann, m.AlertDelete(alert=7)).status == Status.NO_SUCH_ALERT
    assert listed(ann) == {}
    reader = kit.client(connection=2)
    reader.session = reader.ask(
        m.Login(username="ann", password=PASSWORD, scope=Scope.READ), session=0
    ).header.session
    for message in (
        m.AlertCreate(symbol="AAPL", condition=AlertCondition.LAST_AT_LEAST, price=1),
        m.AlertDelete(alert=0),
    ):
        assert command(reader, message).status == Status.SCOPE_DENIED
        assert ann.ask(message).status == Status.SEQ_REQUIRED


def test_a_repeated_command_makes_one_alert(kit: MasterKit, ann: MasterClient) -> None:
    """The same number gets the same reply, after a crash as well."""
    wish = m.AlertCreate(symbol="IBM", condition=AlertCondition.ASK_AT_LEAST, price=FAR)
    first = ann.ask(wish, seq=1)
    second = ann.ask(wish, seq=1)
    assert first.message == second.message
    assert second.header.flags & FrameFlag.REPLAYED
    assert len(listed(ann)) == 1
    kit.crash()
    again = kit.client(connection=5)
    again.token = ann.token
    again.resume()
    assert again.ask(wish, seq=1).message == first.message
    assert len(listed(again)) == 1


def test_the_limit_counts_ended_ones_until_they_are_deleted(
    kit: MasterKit, ann: MasterClient
) -> None:
    """ALERTS_PER_ACCOUNT, open and ended; ALERT_DELETE of 0 makes room."""
    for number in range(limits.ALERTS_PER_ACCOUNT):
        assert make(ann, price=FAR + number % 2).status == 0
        kit.turn(0.05)
    assert make(ann).status == Status.TOO_MANY_ALERTS
    show(kit, "AAPL", FAR)
    assert len(ann.events()) == limits.ALERTS_PER_ACCOUNT // 2
    assert make(ann).status == Status.TOO_MANY_ALERTS
    cleared = command(ann, m.AlertDelete(alert=0)).message
    assert (cleared.deleted, cleared.kept) == (64, 64)
    assert make(ann).status == 0
    assert command(ann, m.AlertDelete(alert=2)).message.deleted == 1
    show(kit, "AAPL", FAR + 1)
    assert 2 not in {each.message.alert for each in ann.events()}


def test_alerts_are_their_owners_alone(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 14.16: another account neither sees nor deletes them, nor is told."""
    make(ann)
    bob = kit.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    bob.follow()
    assert listed(bob) == {}
    assert command(bob, m.AlertDelete(alert=1)).status == Status.NO_SUCH_ALERT
    show(kit, "AAPL", FAR)
    assert bob.events() == []
    assert len(ann.events()) == 1
    assert [row.symbol for row in ann.ask(m.AlertList(symbol="MSFT")).message.alerts] == []


def test_expiry_is_by_market_time(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 14.17: when market time reaches it, and not before."""
    now = kit.main.assets.market.now()
    make(ann, expires_at=now + 30 * 10**9)
    make(ann, expires_at=START * 2)
    assert listed(ann)[1].state == AlertState.OPEN
    kit.turn(1.0)
    (event,) = ann.events()
    assert (event.message.alert, event.message.state) == (1, AlertState.EXPIRED)
    assert event.message.market_at >= now + 30 * 10**9
    assert (event.message.seen, event.message.quote_seq) == (NULL, 0)
    assert listed(ann)[2].state == AlertState.OPEN


def test_a_split_goes_with_its_action(tmp_path: Path) -> None:
    """Clause 14.17: the price follows the split once, whatever crashes; a delisting ends it."""
    kit = MasterKit(tmp_path)
    ann = kit.client()
    ann.register()
    ann.login()
    ann.follow()
    make(ann, price=7 * FAR)
    make(ann, "MSFT", price=FAR)
    make(ann, "IBM", price=FAR)
    kinds = {
        "AAPL": {"kind": ActionKind.SPLIT, "numerator": 7},
        "MSFT": {"kind": ActionKind.DELISTING},
        "IBM": {"kind": ActionKind.CASH_DIVIDEND, "amount": SCALE},
    }
    actions = [CorporateAction(symbol=name, at=START, **f) for name, f in kinds.items()]

    class Acting:
        """The market's source, with what companies do."""

        def __getattr__(self, name: str) -> Any:
            return getattr(source, name)

        def actions(self, after: int, until: int) -> list[CorporateAction]:
            return actions

    for connection in (8, 9):
        source = kit.main.assets._source
        kit.main.assets._source = Acting()  # type: ignore[assignment]
        kit.turn(1.0)
        kit.main.assets._source = source
        reader = kit.client(connection=connection)
        reader.login()
        rows = listed(reader)
        assert (rows[1].price, rows[1].asked) == (FAR, 7 * FAR)
        assert rows[2].state == AlertState.DELISTED
        assert (rows[3].state, rows[3].price) == (AlertState.OPEN, FAR)
        kit.crash()
    assert [each.message.state for each in ann.events()] == [AlertState.DELISTED]
    kit.stop()


def test_turning_the_clock_back_ends_them(tmp_path: Path) -> None:
    """Clause 14.17: prices of another time would trigger what nobody meant."""
    kit = MasterKit(tmp_path)
    ann = kit.client()
    ann.register()
    ann.login()
    ann.follow()
    make(ann)
    now = kit.main.assets.market.now()
    turned = command(ann, m.ClockSet(fields=ClockField.NOW, now=now - 86_400 * 10**9 * 7))
    assert turned.status == 0, turned.message
    assert listed(ann)[1].state == AlertState.CLOCK_TURNED_BACK
    kit.check()
