"""A trading session by real processes, with the same client on a recorded and a simulated market.

A market day passes in about seven seconds. Orders of every kind fill or end as they should, while
the clock is paused, stepped, sped up, jumped and turned back; in the end the books are audited and
every input is decided again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from papertrader.client.blocking import Client
from papertrader.client.conditions import Conditions, Leg
from papertrader.client.results import Order
from papertrader.client.updates import MarketUpdate, OrderUpdate
from papertrader.core.orders import LegRole, OrderState
from papertrader.ops.replaycheck import replay_check
from papertrader.wire.kinds import Status
from tests.server_kit import PASSWORD, Server, running

pytestmark = pytest.mark.slow

SECONDS = 120.0
"""The longest that anything here may take; a market day is 6.5 hours, or 6.5 s."""
TRIES_MAX = 20
"""How often an opening is waited for in which the clock stands before the close."""


@attrs.define
class Trader:
    """One client, and what its orders came to."""

    client: Client
    symbol: str
    final: dict[int, Order] = attrs.Factory(dict)

    def until_final(self, *numbers: int) -> list[Order]:
        """Wait for the end of orders; fails if one is open after the longest time."""
        waiting = set(numbers)
        for number in numbers:
            self._look(number)
        if waiting <= self.final.keys():
            return [self.final[number] for number in numbers]
        for event in self.client.events(timeout=SECONDS):
            if isinstance(event, OrderUpdate) and not event.order.is_open:
                self.final[event.order.order_id] = event.order
            if waiting <= self.final.keys():
                break
        missing = [self.client.order(each) for each in sorted(waiting - self.final.keys())]
        assert not missing, f"still open: {missing}"
        return [self.final[number] for number in numbers]

    def _look(self, number: int) -> None:
        found = self.client.order(number)
        if not found.is_open:
            self.final[number] = found

    def filled(self, *numbers: int) -> list[Order]:
        """Wait until orders are filled, each completely."""
        orders = self.until_final(*numbers)
        for order in orders:
            assert (order.state, order.filled) == (OrderState.FILLED, order.quantity), (
                order,
                list(self.client.receipts(order.order_id)),
            )
        return orders

    def price(self, factor: str) -> Decimal:
        """Return the ask of now times a factor, in whole cents."""
        ask = self.client.quotes(self.symbol)[0].ask
        assert ask is not None
        return (ask * Decimal(factor)).quantize(Decimal("0.01"))

    def buy(self, quantity: int | str, limit: str | None = None, **more: Any) -> Order:
        """Buy, until canceled; ``limit`` is a factor of the ask."""
        price = None if limit is None else self.price(limit)
        more.setdefault("time_in_force", "gtc")
        return self.client.buy(self.symbol, quantity, limit=price, **more)

    def sell(self, quantity: int | str, limit: str | None = None, **more: Any) -> Order:
        """Sell, likewise."""
        price = None if limit is None else self.price(limit)
        more.setdefault("time_in_force", "gtc")
        return self.client.sell(self.symbol, quantity, limit=price, **more)


def ok(server: Server, *arguments: str) -> dict[str, Any]:
    """Run a command line that must work; return what it printed for programs."""
    done = server.cli("--json", *arguments)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    content: dict[str, Any] = json.loads(done.stdout)
    return content


@pytest.mark.parametrize(("market", "symbol"), [("replay", "AAPL"), ("simulated", "ALRB")])
def test_a_session(tmp_path: Path, market: str, symbol: str) -> None:
    """See the module: the same commands for both."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    with running(tmp_path / "state", "--market", market, "--speed", "3600") as server:
        ok(server, "--password-file", str(secret), "register", "ann")
        ok(server, "--password-file", str(secret), "login", "ann")
        with server.client("ann") as client:
            client.subscribe_account()
            trader = Trader(client, symbol)
            _a_day_passes(client)
            _stand_within_a_session(client)
            _what_fills_at_once(trader)
            _what_ends_at_once(trader)
            _what_waits_for_a_price(trader)
            _what_comes_together(trader)
            _what_waits_for_a_time(trader)
            _the_clock_is_set(server, trader)
            _the_master_dies(server)
            number = trader.sell(1).order_id
            trader.client.set_clock(step=timedelta(minutes=5))
            trader.filled(number)
            held = client.portfolio()
        report = server.audit()
        assert report.violations == []
        assert report.orders >= 30
        again = replay_check(server.state)
        assert (again.findings, again.taken) == ([], 0)
        assert again.receipts >= 30
        server.stop()
    assert held.cash + sum(row.cost_basis for row in held.positions) == 100_000 + held.realized_pnl


def _a_day_passes(client: Client) -> None:
    """A close and the next opening come within seconds."""
    client.subscribe_market()
    seen: list[bool] = []
    for event in client.events(timeout=SECONDS):
        if isinstance(event, MarketUpdate):
            seen.append(event.market.is_open)
            if seen[-2:] == [False, True]:
                break
    assert seen[-2:] == [False, True]


def _stand_within_a_session(client: Client) -> None:
    """Have the clock stand while the market is open.

    On a busy machine the day of an opening may be over before anybody has done anything in it.
    """
    for _ in range(TRIES_MAX):
        client.set_clock(paused=True)
        if client.market().is_open:
            return
        client.set_clock(paused=False)
        for event in client.events(timeout=SECONDS):
            if isinstance(event, MarketUpdate) and event.market.is_open:
                break
    raise AssertionError("each session was over before the clock stood")


@contextlib.contextmanager
def _standing(client: Client, speed: int) -> Iterator[None]:
    """Have the clock stand while orders are sent that belong together, and go on at a speed.

    Otherwise a stall of a second is a quarter of an hour, or three, for prices to run away in.
    """
    client.set_clock(paused=True)
    yield
    client.set_clock(paused=False, speed=speed)


def _what_fills_at_once(trader: Trader) -> None:
    """Market, limit, IOC, FOK, an amount of money, reduce-only; the clock stands until all are
    sent, and the first prices after that fill them."""
    numbers = [
        trader.buy(40).order_id,
        trader.buy(2, "1.2", time_in_force="day").order_id,
        trader.buy(2, "1.2").order_id,
        trader.buy(2, "1.2", time_in_force="ioc").order_id,
        trader.buy(2, "1.2", time_in_force="fok").order_id,
        trader.buy(5_000, conditions=Conditions(for_money=True)).order_id,
    ]
    assert all(trader.client.order(number).is_open for number in numbers)
    trader.client.set_clock(paused=False, speed=600)
    money = trader.filled(*numbers)[-1]
    assert money.average_price is not None
    assert 0 < money.filled * money.average_price <= 5_000
    assert money.filled * money.average_price > 5_000 - 2 * money.average_price
    trader.filled(trader.sell(1, conditions=Conditions(reduce_only=True)).order_id)
    trader.client.set_clock(speed=3_600)


def _what_ends_at_once(trader: Trader) -> None:
    """IOC and FOK that find nothing; DAY at the close; a cancel; a replaced one fills."""
    for kind in ("ioc", "fok"):
        (order,) = trader.until_final(trader.buy(1, "0.5", time_in_force=kind).order_id)
        assert (order.state, order.reason) == (OrderState.CANCELLED, Status.NOT_FILLABLE.name)
    resting = trader.buy(1, "0.5")
    cancelled = trader.client.order_cancel(resting.order_id)
    assert cancelled.state == OrderState.CANCELLED
    old = trader.buy(1, "0.5")
    new = trader.client.order_replace(old.order_id, limit=trader.price("1.2"))
    trader.filled(new.order_id)
    assert trader.client.order(old.order_id).state == OrderState.REPLACED


def _what_waits_for_a_price(trader: Trader) -> None:
    """Stop, stop-limit, trailing by an amount and a part, if-touched: each is set off and fills."""
    # Not further below: a buy stop fills up to 2.5 % over its stop, or waits for such a price.
    with _standing(trader.client, 3_600):
        near = {"stop": trader.price("0.99"), "touch": trader.price("1.05")}
        numbers = [
            trader.buy(1, conditions=Conditions(stop=near["stop"])).order_id,
            trader.buy(1, "1.2", conditions=Conditions(stop=near["stop"])).order_id,
            trader.buy(1, conditions=Conditions(touch=near["touch"])).order_id,
            trader.buy(1, "1.2", conditions=Conditions(touch=near["touch"])).order_id,
            trader.sell(1, conditions=Conditions(trail="0.01")).order_id,
            trader.sell(1, conditions=Conditions(trail="0.01%")).order_id,
        ]
    trader.filled(*numbers)


def _what_comes_together(trader: Trader) -> None:
    """OCO: one fills, the other ends. A bracket, one with a trailing stop, and an OTO."""
    together = trader.sell(
        1,
        "0.9",
        conditions=Conditions(legs=(Leg(role="oco", stop=trader.price("0.5")),)),
    )
    trader.filled(together.order_id)
    (partner,) = trader.until_final(together.combined[0].order_id)
    assert (partner.state, partner.reason) == (
        OrderState.CANCELLED,
        Status.COMBINATION_ENDED.name,
    )
    profit = Leg(role="take_profit", limit=trader.price("2"))
    bracket = trader.buy(
        1, conditions=Conditions(legs=(profit, Leg(role="stop_loss", trail="0.01")))
    )
    loss = next(leg for leg in bracket.combined if _role(leg) == LegRole.STOP_LOSS)
    other = next(leg for leg in bracket.combined if _role(leg) == LegRole.TAKE_PROFIT)
    assert {loss.state, other.state} == {OrderState.HELD}
    trader.filled(bracket.order_id, loss.order_id)
    (ended,) = trader.until_final(other.order_id)
    assert ended.state == OrderState.CANCELLED
    first = trader.buy(1, conditions=Conditions(legs=(Leg(role="oto", limit=trader.price("0.5")),)))
    trader.filled(first.order_id, first.combined[0].order_id)


def _role(order: Order) -> LegRole | int:
    return LegRole.NONE if order.terms is None else order.terms.role


def _what_waits_for_a_time(trader: Trader) -> None:
    """On open and on close fill at one of them; DAY and GTD end in time."""
    with _standing(trader.client, 10_000):
        ends = Conditions(until=trader.client.clock().now + timedelta(hours=2))
        orders = {
            "opg": trader.buy(1, time_in_force="opg"),
            "cls": trader.buy(1, time_in_force="cls"),
            "day": trader.buy(1, "0.5", time_in_force="day"),
            "gtd": trader.buy(1, "0.5", time_in_force="gtd", conditions=ends),
        }
    trader.filled(orders["opg"].order_id, orders["cls"].order_id)
    for order in trader.until_final(orders["day"].order_id, orders["gtd"].order_id):
        assert order.state == OrderState.EXPIRED, order
    trader.client.set_clock(speed=3_600)


def _the_clock_is_set(server: Server, trader: Trader) -> None:
    """Paused, stepped, sped up, jumped forward and turned back, by the command line."""
    stood = ok(server, "clock", "pause")["clock"]
    assert stood["paused"]
    waiting = trader.sell(1).order_id
    assert trader.client.order(waiting).is_open, "while the clock stands nothing fills"
    later = ok(server, "clock", "step", "1h")["clock"]
    gone = datetime.fromisoformat(later["now"]) - datetime.fromisoformat(stood["now"])
    assert gone >= timedelta(hours=1)
    assert later["paused"]
    trader.filled(waiting)
    ok(server, "clock", "speed", "600")
    trader.client.set_clock(paused=False)
    trader.filled(trader.buy(1).order_id)
    # Later than the clock can have come to by itself, however slow this machine is.
    forward = trader.client.set_clock(now=date(2011, 3, 1))
    assert (forward.now.date(), forward.epoch) == (date(2011, 3, 1), 1)
    trader.filled(trader.buy(1).order_id)
    resting = trader.buy(1, "0.5").order_id
    before = trader.client.portfolio()
    back = ok(server, "clock", "jump", "2009-06-15", "--pause")["clock"]
    assert (back["now"][:10], back["epoch"], back["paused"]) == ("2009-06-15", 2, True)
    ended = trader.client.order(resting)
    assert (ended.state, ended.reason) == (OrderState.CANCELLED, Status.CLOCK_TURNED_BACK.name)
    after = trader.client.portfolio()
    assert after.cash == before.cash
    assert {row.symbol: row.quantity for row in after.positions} == {
        row.symbol: row.quantity for row in before.positions
    }
    assert ok(server, "quote", trader.symbol)["quotes"][0]["source_time"][:10] == "2009-06-15"


def _the_master_dies(server: Server) -> None:
    """kill -9: the clock stands where it stood, in its epoch; with the next step orders fill."""
    server.wait_for_new("master", server.kill("master"))
    with server.client("ann") as client:
        clock = client.clock()
        assert (clock.now.date(), clock.epoch, clock.paused) == (date(2009, 6, 15), 2, True)
        assert client.order(1).state == OrderState.FILLED
