"""Applying events: the same events give the same state, and a wrong event is refused whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from papertrader.core.desk import Desk
from papertrader.core.events import OrderChanged, TransactionPosted
from papertrader.core.ledger import InvariantViolated
from papertrader.core.money import parse_amount
from papertrader.core.orders import OrderEventKind, OrderState, Side, TimeInForce

m = parse_amount


def story(floor: Any) -> Any:
    """Let a bit of everything happen."""
    floor.open(1, 2)
    floor.hold("10", "100")
    floor.order("20", "100")
    floor.quote("99", "100", ask_size="5")
    floor.order("3", side=Side.SELL)
    floor.order("3", "150", side=Side.SELL)
    floor.cancel(floor.order("1", "90").order_id)
    floor.order("1", "90", time_in_force=TimeInForce.DAY, expire_at=floor.now + 500, portfolio=2)
    floor.split(3, 2)
    floor.dividend("0.10")
    floor.keep(floor.desk.advance(**floor.tick(), market_at=floor.now + 500))
    return floor


def test_recovery_gives_the_same_state(floor: Any) -> None:
    """A desk that only applied the events equals the one that decided them, and goes on alike."""
    story(floor)
    other: Desk = floor.recovered()
    assert other.state_hash() == floor.desk.state_hash()
    assert other.check_invariants() == []
    for desk in (floor.desk, other):
        desk.note_quote(floor.quote_of("66", "67"))
    command = floor.command("2")
    assert other.submit(command) == floor.desk.submit(command)
    quote = floor.quote_of("66", "67")
    assert other.observe(seq=900, quote=quote) == floor.desk.observe(seq=900, quote=quote)
    assert other.state_hash() == floor.desk.state_hash()


def test_recovery_stops_at_every_event(floor: Any) -> None:
    """After any number of events the stream may go on with the next one, and with no other."""
    story(floor)
    desk = Desk(floor.desk.rules)
    hashes = set()
    for index, event in enumerate(floor.events):
        for wrong in floor.events[:index]:
            with pytest.raises(InvariantViolated):
                desk.apply(wrong)
        hashes.add(desk.state_hash())
        desk.apply(event)
    assert desk.state_hash() == floor.desk.state_hash()
    assert len(hashes) == len(floor.events)


def altered_order(event: OrderChanged, **changes: Any) -> OrderChanged:
    """Return ``event`` with its order changed."""
    return attrs.evolve(event, order=attrs.evolve(event.order, **changes))


def altered_transaction(event: TransactionPosted, **changes: Any) -> TransactionPosted:
    """Return ``event`` with its transaction changed."""
    return attrs.evolve(event, transaction=attrs.evolve(event.transaction, **changes))


ACCEPTED: dict[str, tuple[Callable[[OrderChanged], OrderChanged], str]] = {
    "gap": (lambda e: attrs.evolve(e, event_seq=e.event_seq + 1), "follows"),
    "unknown portfolio": (lambda e: attrs.evolve(e, portfolio=9), "no portfolio 9"),
    "other account": (lambda e: attrs.evolve(e, account=9), "account 9 has no"),
    "overfilled": (lambda e: altered_order(e, filled=m("6")), "has filled"),
    "filled below 0": (lambda e: altered_order(e, filled=-1), "has filled"),
    "born done": (lambda e: altered_order(e, state=OrderState.FILLED), "still reserves"),
    "born working": (lambda e: altered_order(e, state=OrderState.WORKING), "begins with"),
    "born by a fill": (lambda e: attrs.evolve(e, kind=OrderEventKind.FILL), "begins with FILL"),
    "old order id": (lambda e: altered_order(e, order_id=0), "comes after"),
    "client id again": (lambda e: altered_order(e, client_order_id=77), "used before"),
    "too much cash": (lambda e: altered_order(e, reserved_cash=m("10001")), "more cash"),
    "too many shares": (lambda e: altered_order(e, reserved_quantity=m("6")), "more ACME"),
}


@pytest.mark.parametrize(("alter", "text"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_wrong_birth_is_refused(
    floor: Any, alter: Callable[[OrderChanged], OrderChanged], text: str
) -> None:
    """An acceptance that does not follow from the state raises, and changes nothing."""
    floor.order("5", "100", client_order_id=77)
    floor.quote("99", "100")
    before = floor.recovered()
    good = floor.submit("5", "100").events[0]
    state = before.state_hash()
    with pytest.raises(InvariantViolated, match=text):
        before.apply(alter(good))
    assert before.state_hash() == state
    before.apply(good)
    assert before.state_hash() == floor.desk.state_hash()


CHANGES: dict[str, tuple[Callable[[OrderChanged], OrderChanged], str]] = {
    "illegal": (lambda e: attrs.evolve(e, kind=OrderEventKind.REJECTED), "cannot be REJECTED"),
    "wrong state": (lambda e: altered_order(e, state=OrderState.WORKING), "made it WORKING"),
    "wrong version": (lambda e: altered_order(e, version=9), "version 9"),
    "reserves more": (lambda e: altered_order(e, reserved_cash=m("501")), "than when"),
}


@pytest.mark.parametrize(("alter", "text"), CHANGES.values(), ids=CHANGES)
def test_a_wrong_change_is_refused(
    floor: Any, alter: Callable[[OrderChanged], OrderChanged], text: str
) -> None:
    """So does a change that the order's table, version or reservation does not allow."""
    floor.order("5", "100")
    before = floor.recovered()
    good = floor.quote("99", "100", ask_size="2")[0]
    with pytest.raises(InvariantViolated, match=text):
        before.apply(alter(good))
    before.apply(good)


POSTINGS: dict[str, tuple[Callable[[TransactionPosted], TransactionPosted], str]] = {
    "id again": (lambda e: altered_transaction(e, transaction_id=1), "follows"),
    "wrong sum": (lambda e: altered_transaction(e, cash_after=1), "add up"),
    "below what is reserved": (
        lambda e: altered_transaction(e, amount=m("-10000"), cash_after=0),
        "less cash than is reserved",
    ),
    "below what is promised": (
        lambda e: attrs.evolve(e, position=attrs.evolve(e.position, quantity=-1)),
        "less ACME than is reserved",
    ),
    "one-sided": (lambda e: attrs.evolve(e, entries=e.entries[:1]), "sum to"),
    "not for us": (lambda e: attrs.evolve(e, account=2), "no portfolio"),
}


@pytest.mark.parametrize(("alter", "text"), POSTINGS.values(), ids=POSTINGS)
def test_a_wrong_posting_is_refused(
    floor: Any, alter: Callable[[TransactionPosted], TransactionPosted], text: str
) -> None:
    """Money that does not add up raises, and changes nothing."""
    floor.order("5", "100")
    before = floor.recovered()
    changed, posted = floor.quote("99", "100", ask_size="2")
    before.apply(changed)
    state = before.state_hash()
    with pytest.raises(InvariantViolated, match=text):
        before.apply(alter(posted))
    assert before.state_hash() == state
    before.apply(posted)


def test_nothing_is_opened_or_applied_twice(floor: Any) -> None:
    """A portfolio opens once, and an action is applied once."""
    floor.split(2, 1)
    for event in (floor.events[0], floor.events[-1]):
        with pytest.raises(InvariantViolated, match="twice"):
            floor.desk.apply(event)
