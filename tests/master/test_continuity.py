"""The system's clock is stepped back, or another's is late, while no master runs."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from papertrader.core.instants import SECOND
from papertrader.core.money import parse_amount
from papertrader.core.orders import OrderState, OrderType
from papertrader.master import continuity
from papertrader.net.clock import CATCHING_UP
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.master.test_access import code_of, login
from tests.master_kit import MasterClient, MasterKit

HOUR = 3_600 * SECOND
DAY = 24 * HOUR
LOW = {"order_type": OrderType.LIMIT, "limit_price": parse_amount("500"), "time_in_force": 1}


def step_back(kit: MasterKit, ann: MasterClient, by: int, *, crash: bool = True) -> None:
    """Begin another master with a clock that is earlier than that of the one before."""
    if crash:
        kit.kill()
    else:
        kit.stop()
    kit.wall = kit.clock.wall_ns() - by
    kit.boot()
    assert ann.resume().status == 0


@pytest.mark.parametrize("crash", [True, False])
@pytest.mark.parametrize("by", [1, HOUR, DAY, 2 * DAY])
def test_open_orders_fill_and_stamps_rise(
    kit: MasterKit, ann: MasterClient, by: int, crash: bool
) -> None:
    """An order fills on the next quote, as if no clock had been touched."""
    kit.quote("AAPL", "560.00", "560.10")
    before = ann.order("AAPL", "1", **LOW).message
    step_back(kit, ann, by, crash=crash)
    after = ann.order("AAPL", "1", **LOW).message
    assert after.accepted_at > before.accepted_at
    kit.quote("AAPL", "499.00", "499.10")
    for order in (before.order, after.order):
        assert ann.ask(m.OrderGet(order=order)).message.state == OrderState.FILLED
    at = [row.executed_at for row in ann.ask(m.TransactionsGet()).message.transactions]
    assert all(one <= other for one, other in pairwise(at))


def test_the_clock_catches_up(kit: MasterKit, ann: MasterClient) -> None:
    """It is slower by one part in CATCHING_UP until it is the system's again."""
    step_back(kit, ann, 10 * SECOND)
    ahead = kit.clock.wall_ns() - kit.clock.true_ns()
    assert 9 * SECOND < ahead < 11 * SECOND
    kit.reactor.advance(CATCHING_UP * 5)
    assert ahead - kit.clock.wall_ns() + kit.clock.true_ns() == pytest.approx(5 * SECOND, abs=2_000)
    kit.reactor.advance(CATCHING_UP * 7)
    assert kit.clock.wall_ns() == kit.clock.true_ns()


def test_no_session_is_extended(kit: MasterKit, ann: MasterClient) -> None:
    """One ends when it would have, but for one part in CATCHING_UP."""
    ends = ann.ask(m.SessionList()).message.sessions[0].expires_at
    left = ends - kit.clock.wall_ns()
    step_back(kit, ann, DAY)
    kit.reactor.advance(left * CATCHING_UP // (CATCHING_UP - 1) // SECOND - 60)
    assert ann.ask(m.PortfolioGet()).status == 0
    kit.reactor.advance(120)
    assert ann.resume().status == Status.SESSION_EXPIRED


def test_codes_are_those_of_the_owners_device(kit: MasterKit, ann: MasterClient) -> None:
    """It knows the right time, whatever the ledger's."""
    step_back(kit, ann, HOUR)

    def code(seed: str) -> str:
        device: Any = SimpleNamespace(clock=SimpleNamespace(wall_ns=kit.clock.true_ns))
        return code_of(device, seed)

    made = ann.ask(m.TotpSetup(password="a long enough one")).message
    ann.seq += 1
    assert ann.ask(m.TotpEnable(code=code(made.seed)), seq=ann.seq).status == 0
    kit.turn(60)
    assert login(kit, code_of(kit, made.seed)).status == Status.AUTH_FAILED
    assert login(kit, code(made.seed)).status == 0


def test_a_step_that_is_too_long_is_followed_loudly(
    kit: MasterKit, ann: MasterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond LEAD_MAX the system's clock counts; the log says what that means."""
    told: list[str] = []
    monkeypatch.setattr(continuity.log, "error", lambda text, **fields: told.append(text))
    kit.kill()
    kit.wall = kit.clock.wall_ns() - continuity.LEAD_MAX - HOUR
    kit.boot()
    assert kit.clock.wall_ns() == kit.clock.true_ns()
    assert ["ALERT" in text for text in told] == [True]
