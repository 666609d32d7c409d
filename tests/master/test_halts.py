"""Halts: orders wait and say so, quotes say so, it outlives a restart, and only operators may."""

from __future__ import annotations

from pathlib import Path

import pytest

from papertrader.core.fills import LimitingRule
from papertrader.core.instants import SECOND
from papertrader.core.orders import OrderState, TimeInForce
from papertrader.core.quotes import AssetStatus, QuoteFlag
from papertrader.wire import messages as m
from papertrader.wire.kinds import Scope, Status
from tests.master.test_operators import login, with_operator
from tests.master_kit import MasterClient, MasterKit


@pytest.fixture
def trading(tmp_path: Path) -> tuple[MasterKit, MasterClient, MasterClient]:
    """A replay, its operator's session, and a trader's."""
    kit, ann = with_operator(tmp_path)
    bob = kit.client(connection=2)
    bob.register("bob")
    assert login(bob, Scope.TRADE, "bob") == 0
    return kit, ann, bob


def halt(client: MasterClient, symbol: str = "AAPL", halted: bool = True, reason: str = "") -> int:
    """Order a halt or its end; return the status of the reply."""
    message = m.AssetHalt(symbol=symbol, halted=halted, reason=reason or None)
    return client.ask(message).status


def flags(client: MasterClient, symbol: str = "AAPL") -> int:
    """The flags of the newest quote."""
    return int(client.ask(m.QuoteGet(symbols=(m.SymbolRow(symbol),))).message.quotes[0].flags)


def test_only_an_operator_may(trading: tuple[MasterKit, MasterClient, MasterClient]) -> None:
    """Clause 14.18: SCOPE_DENIED to others, NO_SUCH_SYMBOL for what is not listed."""
    _, ann, bob = trading
    assert halt(bob) == Status.SCOPE_DENIED
    assert halt(ann, "NONE") == Status.NO_SUCH_SYMBOL
    assert not flags(bob) & QuoteFlag.HALTED


def test_an_open_order_waits_for_the_end_of_a_halt(
    trading: tuple[MasterKit, MasterClient, MasterClient],
) -> None:
    """Clause 14.18: nothing fills, nothing new is taken; at its end the order fills, once."""
    kit, ann, bob = trading
    bob.follow()
    assert bob.order("AAPL", "1").status == 0
    assert halt(ann, reason="news pending") == 0
    first = flags(bob)
    kit.turn(2)
    assert first & flags(bob) & QuoteFlag.HALTED
    assert not flags(bob, "IBM") & QuoteFlag.HALTED
    waiting = bob.ask(m.OrderGet(order=1)).message
    assert waiting.state in (OrderState.PENDING, OrderState.WORKING)
    assert bob.order("AAPL", "1").status == Status.SYMBOL_HALTED
    assert bob.ask(m.AssetGet(symbol="AAPL")).message.status == AssetStatus.HALTED
    rows = bob.ask(m.AssetList(prefix="AAPL")).message.assets
    assert [row.status for row in rows] == [AssetStatus.HALTED]
    assert halt(ann, halted=False) == 0
    kit.turn(2)
    assert bob.ask(m.OrderGet(order=1)).message.state == OrderState.FILLED
    assert not flags(bob) & QuoteFlag.HALTED
    detail = kit.main.store.db.execute_sql("SELECT detail FROM audit WHERE kind = 'halt'")
    assert [row[0] for row in detail.fetchall()] == [
        "AAPL: halted: news pending",
        "AAPL: trade goes on",
    ]
    kit.check()


def test_the_receipt_of_an_order_that_ends_says_why(
    trading: tuple[MasterKit, MasterClient, MasterClient],
) -> None:
    """Clause 14.18: a DAY order that a halt kept from filling expires with HALTED."""
    kit, ann, bob = trading
    assert bob.order("AAPL", "1", time_in_force=TimeInForce.DAY).status == 0
    assert halt(ann) == 0
    kit.turn(8 * 60)
    assert bob.ask(m.OrderGet(order=1)).message.state == OrderState.EXPIRED
    parts = bob.ask_all(m.ReceiptGet(order=1))
    (receipt,) = [row for part in parts for row in part.message.receipts]
    assert receipt.limiting == LimitingRule.HALTED
    kit.check()


def test_a_halt_outlives_a_crash_and_is_ordered_once(
    trading: tuple[MasterKit, MasterClient, MasterClient],
) -> None:
    """What was answered is on disk; the same order again changes and notes nothing."""
    kit, ann, _ = trading
    assert halt(ann) == halt(ann) == 0
    kit.crash()
    kit.boot()
    again = kit.client(connection=3)
    assert login(again, Scope.TRADE, "bob") == 0
    kit.turn(1)
    assert flags(again) & QuoteFlag.HALTED
    assert again.order("AAPL", "1").status == Status.SYMBOL_HALTED
    found = kit.main.store.db.execute_sql("SELECT count(*) FROM audit WHERE kind = 'halt'")
    assert found.fetchone()[0] == 1
    kit.check()


def test_an_old_price_fills_nothing_at_the_end_of_a_halt(
    trading: tuple[MasterKit, MasterClient, MasterClient],
) -> None:
    """The first quote after it is observed after it: its stamp is not one of before."""
    kit, ann, bob = trading
    halt(ann)
    kit.turn(1)
    before = kit.wall
    halt(ann, halted=False)
    quote = bob.ask(m.QuoteGet(symbols=(m.SymbolRow("AAPL"),))).message.quotes[0]
    assert quote.observed_at >= before - SECOND
    assert not quote.flags & QuoteFlag.HALTED
    kit.check()
