"""Orders that have ended are put away as rows while nobody waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from papertrader.core.allorders import OrderRows, Orders
from papertrader.core.money import SCALE
from papertrader.core.orders import OrderState
from papertrader.master import putaway
from papertrader.wire import messages as m
from tests.master_kit import MasterClient, MasterKit


def trader(kit: MasterKit) -> MasterClient:
    """Somebody who has five orders that were filled, one that was cancelled, and one open."""
    ann = kit.client()
    ann.register()
    ann.login()
    for number in range(1, 6):
        ann.order("MSFT", str(number))
    kit.quote("MSFT", "28.50", "28.51", ask_size=1_000 * SCALE)
    for price in (1, 2):
        ann.order("MSFT", "1", order_type=2, limit_price=price * SCALE, tag=f"at {price}")
    kit.quote("MSFT", "28.50", "28.51")
    ann.seq += 1
    assert ann.ask(m.OrderCancel(order=6), seq=ann.seq).status == 0
    return ann


def here(kit: MasterKit) -> list[int]:
    """The orders that are no rows."""
    return sorted(order.order_id for order in kit.main.transactions.desk.state.orders.here())


def test_what_has_ended_becomes_rows(tmp_path: Path) -> None:
    """Within a second; the state stays the same, and everything is told as before."""
    kit = MasterKit(tmp_path)
    ann = trader(kit)
    desk = kit.main.transactions.desk
    assert here(kit) == [1, 2, 3, 4, 5, 6, 7]
    rows, before = ann.ask(m.OrderList(states=0xFFFF)).message.orders, desk.state_hash()
    assert {row.state for row in rows} == {
        OrderState.FILLED, OrderState.CANCELLED, OrderState.WORKING,
    }  # fmt: skip
    kit.turn(putaway.PUT_AWAY_S + 0.1)
    assert here(kit) == [7]
    assert desk.state_hash() == before
    assert ann.ask(m.OrderList(states=0xFFFF)).message.orders == rows
    assert ann.ask(m.OrderGet(tag="at 1")).message.order == 6
    kit.kill()
    kit.boot(start=False)
    assert kit.main.transactions.desk.state_hash() == before
    kit.start()
    kit.check()


def test_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two a turn here: others have theirs in between."""
    monkeypatch.setattr(putaway, "AT_ONCE", 2)
    kit = MasterKit(tmp_path)
    trader(kit)
    left = []
    whole = Orders.put_away

    def counted(orders: Orders, most: int, form: OrderRows) -> int:
        left.append(whole(orders, most, form))
        return left[-1]

    monkeypatch.setattr(Orders, "put_away", counted)
    kit.main.put_away.look()
    assert left == [4]
    kit.turn()
    assert left == [4, 2, 0]
    assert here(kit) == [7]
    kit.check()


def test_not_while_somebody_waits(tmp_path: Path) -> None:
    """As long as something is on its way to the disk."""
    kit = MasterKit(tmp_path)
    ann = trader(kit)
    ann.seq += 1
    ann.send(m.OrderNew(client_order_id=99, symbol="MSFT", quantity=SCALE), seq=ann.seq)
    assert not kit.main.journal.is_idle
    kit.main.put_away.look()
    assert here(kit) == [1, 2, 3, 4, 5, 6, 7, 8]
    kit.turn()
    assert kit.main.journal.is_idle
    kit.main.put_away.look()
    assert here(kit) == [7, 8]
    kit.check()
