"""The hash by parts: it covers everything, is always that of the whole, and sees hidden damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from papertrader.core import statehash
from papertrader.core.encoding import encoded, encoded_order
from papertrader.core.money import parse_amount
from papertrader.core.orders import Order, OrderTerms
from papertrader.core.portfolio import Lot, Position
from papertrader.core.state import DeskState
from papertrader.core.statehash import FORM, StateHash, state_hash
from papertrader.core.touched import ACCOUNTS_TOGETHER, ORDERS_TOGETHER

m = parse_amount


def test_the_form_is_of_these_octets(state: DeskState, floor: Any) -> None:
    """Another encoding of the same state needs another FORM, or stores of today are called wrong.

    A field that is new, or an encoding that is quicker: give FORM the next number, and this the
    hash that there is then.
    """
    assert floor.desk.state_hash().hex() == (
        "049295427ae9be888cc6ee54a3a1e8e62557db7693cda265b0fe81b457699e1c0a"
    )
    page = Path(__file__).parents[2] / "specs" / "ledger.rst"
    assert f"the octet {FORM[0]}, its form" in page.read_text(encoding="utf-8")


def test_the_hash_covers_every_field(state: DeskState, floor: Any) -> None:
    """Any field of any row changes the hash; quotes and assets do not."""
    start = floor.desk.state_hash()
    assert start.startswith(FORM) and len(start) == 33
    floor.desk.note_quote(floor.quote_of("1", "2"))
    assert floor.desk.state_hash() == start
    seen = {start}
    for row in (state.accounts[1], state.portfolios[1], state.orders[2]):
        for name in type(row).__slots__:
            value = getattr(row, name, None)
            if isinstance(value, int):
                setattr(row, name, value + 1)
                seen.add(floor.desk.state_hash())
                setattr(row, name, value)
    numbers = sum(
        isinstance(getattr(row, name, None), int)
        for row in (state.accounts[1], state.portfolios[1], state.orders[2])
        for name in type(row).__slots__
    )
    assert len(seen) == numbers + 1
    assert floor.desk.state_hash() == start


HIDDEN: dict[str, Callable[[DeskState], object]] = {
    "a balance": lambda state: state.ledger.restore(
        state.portfolios[1].cash_account, "$USD", m("1")
    ),
    "a client order id": lambda state: state.portfolios[1].client_order_ids.update(
        {state.orders[1].client_order_id: 2}
    ),
    "a lot": lambda state: setattr(state.portfolios[1].positions["ACME"], "lots", ()),
    "an order": lambda state: setattr(state.orders[1], "fees", 1),
    "an account": lambda state: state.accounts[1].open_orders_by_symbol.update(ACME=7),
}


@pytest.mark.parametrize("damage", HIDDEN.values(), ids=HIDDEN)
def test_what_no_event_has_touched_is_looked_at_in_turn(
    state: DeskState, damage: Callable[[DeskState], object]
) -> None:
    """Damage of the memory is not seen by who believes it, and is by who scrubs."""
    whole = state_hash(state)
    # A state has one of them; the other one is never told of anything, and nothing happens.
    believing, scrubbing = StateHash(state), StateHash(state, scrubbed=9)
    assert believing.take() == scrubbing.take() == whole
    damage(state)
    assert believing.take() == whole != state_hash(state)
    assert believing.damaged == 0
    assert scrubbing.take() == state_hash(state)
    assert scrubbing.damaged == 1
    assert scrubbing.take() == state_hash(state)
    assert scrubbing.damaged == 1


@pytest.mark.parametrize("touched", [False, True])
def test_lots_that_are_kept_encoded_are_looked_at_in_turn(state: DeskState, touched: bool) -> None:
    """Also those of a portfolio that trades all the time; then they are believed no more."""
    lots = tuple(Lot(1, 2, 3, 4, each) for each in range(100))
    state.portfolios[1].positions["BIG"] = Position("BIG", quantity=100, lots=lots)
    believing, scrubbing = StateHash(state), StateHash(state, scrubbed=9)
    assert believing.take() == scrubbing.take() == state_hash(state)
    lots[50].cost += 1
    for hashing in (believing, scrubbing):
        if touched:
            state.touched.portfolios.add(1 // ACCOUNTS_TOGETHER)
        assert (hashing.take() == state_hash(state)) is (hashing is scrubbing)
    assert (believing.damaged, scrubbing.damaged) == (0, 1)
    state.touched.portfolios.add(1 // ACCOUNTS_TOGETHER)
    assert scrubbing.take() == state_hash(state)
    assert scrubbing.damaged == 1


def test_all_groups_have_their_turn(state: DeskState) -> None:
    """One at a time: after as many times as there are groups, damage anywhere was seen."""
    many = 5 * ORDERS_TOGETHER
    for number in range(10, many):
        state.orders[number] = attrs.evolve(state.orders[1], order_id=number)
    hashing = StateHash(state, scrubbed=1)
    hashing.take()
    for number in (20, many - 1):
        state.orders[number].fees += 1
    for _ in range(6):
        hashing.take()
    assert hashing.damaged == 2


def test_only_what_changed_is_encoded(
    state: DeskState, floor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many orders there are, one more costs the groups that it touched."""
    for number in range(1_000, 1_000 + 50 * ORDERS_TOGETHER):
        state.orders[number] = attrs.evolve(state.orders[1], order_id=number)
    hashing, met = StateHash(state), []

    def counted(order: Order) -> bytes:
        met.append(order.order_id)
        return encoded_order(order)

    monkeypatch.setattr(statehash, "encoded_order", counted)
    hashing.take()
    assert len(met) == len(state.orders)
    met.clear()
    before = hashing.take()
    assert met == []
    order = state.orders[2]
    floor.cancel(2)
    assert state.orders[2] is not order
    assert hashing.take() == state_hash(state) != before
    assert 0 < met.index(2) + 1 <= ORDERS_TOGETHER


def test_a_thread_works_out_what_was(state: DeskState, floor: Any) -> None:
    """What happens between the beginning and the end is not in it."""
    hashing = StateHash(state)
    for _ in range(2):
        before, later = state_hash(state), hashing.begin()
        floor.hold("1", "100")
        floor.order("5", "90")
        assert later().hash() == before != state_hash(state)
    assert hashing.take() == state_hash(state)


def test_orders_are_read_while_the_state_goes_on(state: DeskState, floor: Any) -> None:
    """What is touched between the priming and the first hash is looked at again."""
    hashing = StateHash(state)
    run = hashing.prime()
    floor.order("5", "90")
    run()
    floor.cancel(2)
    floor.order("6", "90")
    assert hashing.take() == state_hash(state)
    late = StateHash(state)
    run = late.prime()
    for _ in range(ORDERS_TOGETHER):
        floor.hold("1", "100")
    run()
    assert late.take() == state_hash(state)


@pytest.mark.parametrize("terms", [None, OrderTerms(parent=7)])
@pytest.mark.parametrize("great", [0, 2**70])
def test_no_two_orders_are_encoded_alike(
    state: DeskState, terms: OrderTerms | None, great: int
) -> None:
    """No field is left out, neither of plain orders nor of those with terms or great numbers."""
    order = attrs.evolve(state.orders[2], terms=terms, notional_filled=2**70, fees=great)
    if terms is not None or great:
        assert encoded_order(order) == encoded(order)
    seen = {encoded_order(order), encoded_order(attrs.evolve(order, symbol="IBM"))}
    numbers = [
        field.name for field in attrs.fields(Order) if isinstance(getattr(order, field.name), int)
    ]
    for name in numbers:
        seen.add(encoded_order(attrs.evolve(order, **{name: getattr(order, name) + 1})))
    for symbol in ("IBM" * 6, "IBM" * 7, "GRÖSSE"):
        seen.add(encoded_order(attrs.evolve(order, symbol=symbol)))
    seen.add(encoded_order(attrs.evolve(order, tag="mine")))
    assert len(numbers) == 27
    assert len(seen) == len(numbers) + 6


def test_each_number_of_a_lot_is_encoded() -> None:
    """Also one that is greater than any ledger allows."""
    assert len(attrs.fields(Lot)) == 5
    for great in (6, 2**70):
        lots = [Lot(1, 2, 3, 4, 5), *(Lot(*[1] * i, great, *[1] * (4 - i)) for i in range(5))]
        seen = {encoded(Position("ACME", lots=(lot, Lot(1, 2, 3, 4, 5)))) for lot in lots}
        assert len(seen) == len(lots)
    assert encoded(Position("ACME", lots=())) != encoded(Position("ACME", lots=(lots[0],)))
