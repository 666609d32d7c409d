"""Arguments of the wrong kind: TypeError or ValueError, a sentence that is short, nothing sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from papertrader.client import commands, market_commands
from papertrader.client.access_commands import invite_create
from papertrader.client.account_commands import account_update
from papertrader.client.aio import AsyncClient
from papertrader.client.alert_commands import watchlist_set
from papertrader.client.arguments import TIMEOUT_MAX_S, timeout_of
from papertrader.client.blocking import Client
from papertrader.client.conditions import Conditions, Leg
from papertrader.client.moments import instant_of
from papertrader.client.protocol import TwistedClient
from papertrader.client.results import units_of
from papertrader.client.trading_commands import portfolio_correct, portfolio_terms_set
from papertrader.client.worker_commands import worker_add, worker_sign
from papertrader.core.instants import SECOND
from papertrader.core.orders import OrderState, Side
from papertrader.wire.kinds import AccountRole, TxKind

ANY: Any = None


def order(**changed: Any) -> Any:
    """An order of which some arguments are wrong."""
    usual: dict[str, Any] = {
        "side": Side.BUY,
        "symbol": "AAPL",
        "quantity": 1,
        "limit": None,
        "time_in_force": "day",
        "client_order_id": 1,
        "portfolio": 0,
        "tag": None,
    }
    return commands.order_new(**usual | changed)


def rows(**changed: Any) -> Any:
    """A list of orders likewise."""
    usual: dict[str, Any] = {
        "symbol": "", "states": None, "every": False, "limit": 0, "after": 0, "portfolio": 0,
    }  # fmt: skip
    return commands.orders(**usual | changed)


def history(kinds: Any) -> Any:
    """A list of transactions of some kinds."""
    return commands.transactions(None, None, kinds, 0, 0, 0)


def clock(step: Any) -> Any:
    """A step of the clock."""
    return market_commands.clock_set(mode=None, now=None, step=step, speed=None, paused=None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: order(side="buy"), "the side must be a Side, not str"),
        (lambda: order(symbol=None), "a symbol must be text, not NoneType"),
        (lambda: order(symbol=b"AAPL"), "a symbol must be text, not bytes"),
        (lambda: order(time_in_force=None), "time_in_force must be a str, not NoneType"),
        (lambda: order(tag=5), "the tag must be a str, not int"),
        (lambda: order(given={"stop": 1}), "conditions must be a Conditions, not dict"),
        (lambda: order(given=Conditions(legs=("x",))), "a leg must be a Leg, not str"),
        (lambda: instant_of("2010-01-05", "at"), "at must be a date or a datetime, not str"),
        (lambda: instant_of(5, "at"), "at must be a date or a datetime, not int"),
        (lambda: rows(states=["x"]), "states must be of OrderState, not str"),
        (lambda: rows(states="WORKING"), "states must be several of OrderState, not str"),
        (lambda: history(kinds=5), "kinds must be several of TxKind, not int"),
        (lambda: commands.quotes(None, 0), "symbols must be text, or several, not NoneType"),
        (lambda: commands.quotes(b"AAPL", 0), "symbols must be text, or several, not bytes"),
        (lambda: watchlist_set(5, "AAPL"), "a watchlist's name must be text, not int"),
        (lambda: clock(5), "step must be a timedelta, not int"),
        (lambda: account_update(None, 5), "email must be text, not int"),
        (lambda: account_update("x", None), "privacy must be of Privacy, not str"),
        (lambda: invite_create("host", 0, ""), "role must be of AccountRole, not str"),
        (lambda: invite_create(AccountRole.HOST, 0, ANY), "label must be text, not NoneType"),
        (lambda: portfolio_correct(1, 1, ANY), "reason must be a str, not NoneType"),
        (lambda: portfolio_terms_set(0, ANY), "terms must be a PortfolioTerms, not NoneType"),
        (lambda: market_commands.market(ANY), "exchange must be a str, not NoneType"),
        (lambda: worker_add("w", False, 5, ()), "networks must be several texts, not int"),
        (lambda: worker_add("w", False, (5,), ()), "each of networks must be a str, not int"),
        (lambda: worker_sign("w", 5, None), "csr must be a str, not int"),
        (lambda: timeout_of("x"), "timeout must be a number of seconds, not str"),
    ],
)
def test_the_wrong_type(wrong: Callable[[], Any], said: str) -> None:
    """It is said what it must be, and what it is."""
    with pytest.raises(TypeError) as caught:
        wrong()
    assert str(caught.value) == said


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: units_of("x" * 70_000, "quantity"),
        lambda: units_of(Decimal("1E+999999999999"), "quantity"),
        lambda: units_of(Decimal("-1E+999999999999"), "quantity"),
        lambda: units_of(Decimal("1E-999999999999"), "quantity"),
        lambda: units_of(10**10_000, "quantity"),
        lambda: units_of(-(10**10_000), "quantity"),
        lambda: units_of(Decimal("NaN"), "quantity"),
        lambda: units_of(Decimal("-Infinity"), "quantity"),
        lambda: units_of("9" * 11, "quantity"),
        lambda: order(symbol="X" * 70_000),
        lambda: watchlist_set("x" * 70_000, "AAPL"),
        lambda: history(kinds=[99]),
        lambda: rows(states=[99]),
        lambda: commands.order_cancel(-1, 0, 0),
        lambda: commands.order_cancel(2**64, 0, 0),
        lambda: commands.order_cancel(0, 2**64, 0),
        lambda: commands.order_cancel(7, 7, 0),
        lambda: commands.order_cancel(0, 0, 0),
    ],
)
def test_the_wrong_value(wrong: Callable[[], Any]) -> None:
    """Of what is endless only the beginning is repeated, and no octets are made for the rest."""
    with pytest.raises(ValueError, match=r"\S") as caught:
        wrong()
    assert len(str(caught.value)) < 160


def test_what_is_right_stays_right() -> None:
    """Nothing, however it is written; every state and kind; days as well as moments."""
    assert [units_of(each, "x") for each in (Decimal("0E-999999999999"), "0", 0)] == [0, 0, 0]
    assert units_of(Decimal("1E+5"), "x") == 10**13
    assert order(tag="").message.tag is None
    legs: Any = [Leg(role="oto", side=Side.SELL)]
    assert len(order(given=Conditions(legs=legs)).message.legs) == 1
    assert rows(states=iter(OrderState)).message.states == commands.ALL_STATES
    assert history(kinds=iter([TxKind.BUY, TxKind.BUY])).message.kinds == 1 << TxKind.BUY
    assert instant_of(date(1970, 1, 2), "at") == 86_400 * SECOND
    assert timeout_of(0.25) == SECOND // 4


@pytest.mark.parametrize("wrong", [0, -1, float("inf"), float("nan"), TIMEOUT_MAX_S * 2])
def test_no_client_waits_for_ever_or_not_at_all(wrong: float) -> None:
    """No face takes such a timeout."""
    makers: list[Callable[..., Any]] = [
        lambda **more: Client("127.0.0.1:1", dial=lambda endpoint: ANY, **more),
        lambda **more: AsyncClient("127.0.0.1:1", dial=lambda endpoint, stream: ANY, **more),
        lambda **more: TwistedClient(
            MemoryReactorClock(), "127.0.0.1:1", endpoint_for=lambda endpoint: ANY, **more
        ),
    ]
    for make in makers:
        with pytest.raises(ValueError, match="timeout must be more than 0"):
            make(timeout=wrong)
