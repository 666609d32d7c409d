"""A small trading floor for the tests of the core: one desk, one symbol, amounts as text."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from papertrader.core.desk import Desk
from papertrader.core.events import Event, Outcome
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import NewOrder, Order, OrderType, Side, TimeInForce
from papertrader.core.quotes import ActionKind, Asset, AssetKind, CorporateAction, Quote
from papertrader.core.rules import DeskRules
from papertrader.core.state import DeskState


class Floor:
    """A desk with ACME listed and one portfolio (1, of account 1), and short ways to use it.

    Every input takes the next sequence number and the next instant; all events are kept, and the
    invariants are checked after each input.
    """

    def __init__(self, *, cash: str = "10000", rules: DeskRules | None = None, **asset: Any):
        self.desk = Desk(rules)
        self.asset = attrs.evolve(
            Asset(
                symbol="ACME",
                name="Acme",
                kind=AssetKind.STOCK,
                currency="USD",
                tick=SCALE // 100,
                lot=SCALE,
                quantity_min=SCALE,
                quantity_max=10_000_000 * SCALE,
                calendar="XNYS",
            ),
            **asset,
        )
        self.desk.list_asset(self.asset)
        self.events: list[Event] = []
        self.seq = self.now = self.quote_seq = 0
        self.open(1, 1, cash)

    def tick(self) -> dict[str, int]:
        """Return the sequence number and the instant of the next input."""
        self.seq += 1
        self.now += 10
        return {"seq": self.seq, "at": self.now}

    def keep(self, events: list[Event]) -> list[Event]:
        """Remember ``events``, and check all invariants."""
        self.events.extend(events)
        assert self.desk.check_invariants() == []
        return events

    def open(self, account: int, portfolio: int, cash: str = "10000") -> list[Event]:
        """Open a portfolio in USD."""
        return self.keep(
            self.desk.open_portfolio(
                **self.tick(),
                account=account,
                portfolio=portfolio,
                currency="USD",
                deposit=parse_amount(cash),
            )
        )

    def command(
        self, quantity: str = "1", limit: str | None = None, side: Side = Side.BUY, **fields: Any
    ) -> NewOrder:
        """Make the command of a GTC order; without ``limit`` it is a market order."""
        tick = self.tick()
        given: dict[str, Any] = {
            "received_at": self.now,
            "market_at": self.now,
            "account": 1,
            "portfolio": 1,
            "client_order_id": self.seq,
            "symbol": "ACME",
            "side": side,
            "order_type": OrderType.MARKET if limit is None else OrderType.LIMIT,
            "time_in_force": TimeInForce.GTC,
            "quantity": parse_amount(quantity),
            "limit_price": NULL if limit is None else parse_amount(limit),
        }
        return NewOrder(**(tick | given | fields))

    def submit(self, *args: Any, **fields: Any) -> Outcome:
        """Send an order (arguments of `command`)."""
        outcome = self.desk.submit(self.command(*args, **fields))
        self.keep(outcome.events)
        return outcome

    def order(self, *args: Any, **fields: Any) -> Order:
        """Send an order that must be accepted, and return it."""
        outcome = self.submit(*args, **fields)
        assert outcome.refusal is None, outcome.text
        assert outcome.order is not None
        return outcome.order

    def now_is(self, order: Order) -> Order:
        """Return ``order`` as it stands now."""
        found = self.desk.order(order.order_id)
        assert found is not None
        return found

    def quote_of(self, bid: str | None, ask: str | None, **fields: Any) -> Quote:
        """Make the next quote; sizes may be given as text, unknown prices as None."""
        self.quote_seq += 1
        self.now += 10
        given: dict[str, Any] = {
            "symbol": "ACME",
            "bid": NULL if bid is None else parse_amount(bid),
            "ask": NULL if ask is None else parse_amount(ask),
            "observed_at": self.now,
            "source_time": self.now - 3,
            "quote_seq": self.quote_seq,
        }
        sized = {
            name: parse_amount(value) if isinstance(value, str) and name != "symbol" else value
            for name, value in fields.items()
        }
        return Quote(**(given | sized))

    def quote(self, bid: str | None, ask: str | None, **fields: Any) -> list[Event]:
        """Observe the next quote."""
        return self.observe(self.quote_of(bid, ask, **fields))

    def observe(self, quote: Quote) -> list[Event]:
        """Observe ``quote``; if the desk said that it would do nothing, it must do nothing."""
        would_act = self.desk.would_act(quote)
        self.seq += 1
        events = self.keep(self.desk.observe(seq=self.seq, quote=quote))
        assert would_act or not events
        return events

    def cancel(self, order_id: int = 0, **fields: Any) -> Outcome:
        """Cancel an order of portfolio 1."""
        given: dict[str, Any] = {"account": 1, "portfolio": 1, "order_id": order_id}
        outcome = self.desk.cancel(**(self.tick() | given | fields))
        self.keep(outcome.events)
        return outcome

    def act(self, action: CorporateAction) -> list[Event]:
        """Apply a corporate action."""
        return self.keep(self.desk.act(**self.tick(), action=action))

    def split(self, numerator: int, denominator: int) -> list[Event]:
        """Split ACME."""
        return self.act(
            CorporateAction(
                symbol="ACME",
                kind=ActionKind.SPLIT,
                at=self.now + 1,
                numerator=numerator,
                denominator=denominator,
            )
        )

    def dividend(self, amount: str) -> list[Event]:
        """Pay a dividend on ACME."""
        return self.act(
            CorporateAction(
                symbol="ACME",
                kind=ActionKind.CASH_DIVIDEND,
                at=self.now + 1,
                amount=parse_amount(amount),
            )
        )

    def hold(self, quantity: str, price: str) -> None:
        """Buy ``quantity`` at ``price`` at once."""
        self.order(quantity, price)
        self.quote(price, price)

    def recovered(self) -> Desk:
        """Return a desk that only applied the events so far."""
        desk = Desk(self.desk.rules)
        desk.list_asset(self.asset)
        for event in self.events:
            desk.apply(event)
        return desk


@pytest.fixture(scope="session")
def floor_class() -> type[Floor]:
    """Give the class itself, for tests that need many floors or a special one."""
    return Floor


@pytest.fixture
def floor() -> Floor:
    """Give a floor with 10,000.00 USD in portfolio 1."""
    return Floor()


@pytest.fixture
def state(floor: Floor) -> DeskState:
    """Give a state with a position, a done order (1), an open buy (2) and an open sell (3)."""
    floor.hold("10", "100")
    floor.order("5", "90")
    floor.order("4", "120", side=Side.SELL)
    return floor.desk.state
