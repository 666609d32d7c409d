"""An update of the market in pieces: between two quotes others may come, within one nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from papertrader.core.instants import SECOND
from papertrader.core.marketclock import ClockField
from papertrader.core.money import SCALE
from papertrader.core.orders import OrderState
from papertrader.master import assets
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.master_kit import AT_ONCE, Gate, MasterClient, MasterKit

SYMBOLS = ("AAPL", "IBM", "MSFT")


@pytest.fixture(autouse=True)
def every_quote_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fills something ends its piece."""
    monkeypatch.setattr(assets, "TAKE_MS", 0)


@pytest.fixture
def gate() -> Gate:
    """The thread of the commits, which works when it is told to."""
    return Gate()


@pytest.fixture
def cut(kit: MasterKit, ann: MasterClient, gate: Gate) -> Iterator[list[int]]:
    """An update of which one quote is taken, and the orders of ``ann`` in all three symbols."""
    numbers = [ann.order(symbol, "1").message.order for symbol in SYMBOLS]
    kit.main.journal._in_thread = gate
    for _ in range(100):
        if kit.main.assets.cuts:
            break
        kit.reactor.advance(0.01)
    assert kit.main.assets.cuts == 1
    assert filled(kit, numbers) == 1
    yield numbers
    kit.main.journal._in_thread = AT_ONCE.truth
    while len(gate):
        gate.work()
    kit.turn(1)
    assert filled(kit, numbers) >= 2


def filled(kit: MasterKit, numbers: list[int]) -> int:
    """How many of some orders are filled."""
    orders = kit.main.transactions.desk.state.orders
    return sum(orders[number].state == OrderState.FILLED for number in numbers)


def test_who_comes_between_is_answered_before_the_next_quote(
    kit: MasterKit, ann: MasterClient, gate: Gate, cut: list[int]
) -> None:
    """The rest waits for the commit of the first, and for that of what was decided meanwhile."""
    (still,) = [each for each in cut[1:] if filled(kit, [each]) == 0][-1:]
    ann.seq += 1
    asked = ann.send(m.OrderCancel(order=still), seq=ann.seq)
    kit.turn()
    gate.work()
    kit.turn()
    assert (filled(kit, cut), ann.replies(asked)) == (1, [])
    gate.work()
    assert ann.replies(asked)[0].status == Status.OK
    assert filled(kit, cut) == 1
    kit.turn()
    assert filled(kit, cut) == 2
    assert kit.main.transactions.desk.state.orders[still].state == OrderState.CANCELLED


def test_the_next_update_begins_when_this_one_is_over(
    kit: MasterKit, ann: MasterClient, gate: Gate, cut: list[int]
) -> None:
    """Whatever the disk does: nothing adds up, and no quote is taken after a newer one."""
    numbers = [quote.quote_seq for quote in kit.main.assets._rest]
    assert numbers == [0] * len(numbers)
    kit.reactor.advance(0.25)
    assert filled(kit, cut) == 3
    assert kit.main.assets._rest == []
    updates = kit.main.assets.updates
    while len(gate):
        gate.work()
        kit.turn()
    assert kit.main.assets.updates == updates


@pytest.mark.parametrize("what", ["halt", "clock", "stop"])
def test_nothing_else_happens_to_the_market_in_between(
    kit: MasterKit, ann: MasterClient, gate: Gate, cut: list[int], what: str
) -> None:
    """A halt, a clock that is set, a stop: what was seen before is done before."""
    market = kit.main.assets
    if what == "halt":
        market.set_halted("MSFT", True)
    elif what == "clock":
        market.clock_set(market.market.now(), back=False)
    else:
        market.stop()
    assert filled(kit, cut) == 3
    assert market._rest == []
    if what == "halt":
        market.set_halted("MSFT", False)


def test_a_clock_that_is_set_finishes_the_update_before_its_own_number(
    kit: MasterKit, ann: MasterClient, gate: Gate, cut: list[int]
) -> None:
    """What is left of it are inputs of before: the journal has no number within another."""
    ann.seq += 1
    asked = ann.send(m.ClockSet(fields=int(ClockField.STEP), step=60 * SECOND), seq=ann.seq)
    kit.turn()
    while len(gate):
        gate.work()
        kit.turn()
    assert ann.replies(asked)[0].status == Status.OK
    assert filled(kit, cut) == 3
    sql = "SELECT first_seq, last_seq FROM journal ORDER BY batch"
    rows = kit.main.store.db.execute_sql(sql).fetchall()
    assert [last for _, last in rows[:-1]] == [first - 1 for first, _ in rows[1:]]
    assert all(first <= last for first, last in rows)


def test_an_update_that_is_quick_is_not_cut(
    kit: MasterKit, ann: MasterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many quotes there are."""
    monkeypatch.setattr(assets, "TAKE_MS", 5)
    numbers = [ann.order(symbol, "1").message.order for symbol in SYMBOLS]
    kit.turn(1)
    assert (filled(kit, numbers), kit.main.assets.cuts) == (3, 0)


@pytest.fixture
def due(kit: MasterKit, ann: MasterClient, gate: Gate) -> Iterator[int]:
    """An order that was decided and is on its way to the disk when the next update is due.

    The number of its command.
    """
    kit.main.journal._in_thread = gate
    ann.seq += 1
    order = m.OrderNew(symbol="AAPL", side=1, quantity=SCALE, client_order_id=ann.seq)
    asked = ann.send(order, seq=ann.seq)
    updates = kit.main.assets.updates
    for _ in range(100):
        kit.reactor.advance(0.01)
        if kit.main.assets._due:
            break
    assert kit.main.assets._due
    assert (kit.main.assets.updates, ann.replies(asked)) == (updates, [])
    yield asked
    kit.main.journal._in_thread = AT_ONCE.truth
    while len(gate):
        gate.work()
    kit.turn(1)


def test_an_update_waits_until_what_was_decided_before_is_told(
    kit: MasterKit, ann: MasterClient, gate: Gate, due: int
) -> None:
    """Else the answers would wait for the update and for a commit of all that it fills."""
    updates = kit.main.assets.updates
    gate.work()
    assert ann.replies(due)[0].status == Status.OK
    assert kit.main.assets.updates == updates
    kit.reactor.advance(0)
    assert kit.main.assets.updates == updates + 1


def test_an_update_waits_for_an_interval_at_the_most(
    kit: MasterKit, ann: MasterClient, gate: Gate, due: int
) -> None:
    """While the disk is slow, or a store's server away, the market goes on."""
    updates = kit.main.assets.updates
    kit.reactor.advance(0.25)
    assert (kit.main.assets.updates, ann.replies(due)) == (updates + 1, [])
    gate.work()
    kit.reactor.advance(0)
    assert kit.main.assets.updates == updates + 1
