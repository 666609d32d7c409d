"""All kinds of orders and combinations: the books stay right, and can be made again."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from papertrader.core.desk import Desk
from papertrader.core.events import Event, MarksMoved, OrderChanged
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import (
    LIMITED,
    TRIGGERED_TYPES,
    Leg,
    LegRole,
    NewOrder,
    OrderEventKind,
    OrderFlag,
    OrderState,
    OrderType,
    Replacement,
    Side,
    TimeInForce,
    TrailKind,
    TriggerSource,
)
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import (
    ActionKind,
    Asset,
    AssetFlag,
    AssetKind,
    CorporateAction,
    Quote,
    QuoteFlag,
)
from papertrader.core.refusals import Refusal
from papertrader.core.restore import StateImage, restore_state
from papertrader.core.terms import AccountKind, PortfolioTerms
from tests.orders_as_rows import OrdersAsRows

CENT = SCALE // 100
PRICE = st.integers(900, 1100).map(lambda cents: cents * CENT)
TYPES = st.sampled_from(list(OrderType))
RESTING = [OrderType.LIMIT, *TRIGGERED_TYPES]


def prices_of(draw: Any, order_type: OrderType) -> dict[str, Any]:
    """Draw the prices that a type needs."""
    fields: dict[str, Any] = {"order_type": order_type}
    if order_type in LIMITED:
        fields["limit_price"] = draw(PRICE)
    if order_type == OrderType.TRAILING_STOP:
        fields["trail_kind"] = draw(st.sampled_from([TrailKind.AMOUNT, TrailKind.PERCENT]))
        fields["trail"] = draw(st.integers(1, 100)) * CENT // 2
        if fields["trail_kind"] == TrailKind.PERCENT:
            fields["trail"] //= 10
    elif order_type in TRIGGERED_TYPES:
        fields["stop_price"] = draw(PRICE)
    if order_type in TRIGGERED_TYPES:
        fields["source"] = draw(st.sampled_from(list(TriggerSource)))
    return fields


class CombinationMachine(RuleBasedStateMachine):
    """One desk, one symbol, a cash portfolio and one that may borrow."""

    @initialize()
    def open(self) -> None:
        """Open the portfolios, and buy something with the first."""
        self.seq = self.number = 0
        self.desk = self.new_desk()
        self.events: list[Event] = []
        for number in (1, 2):
            self.keep(
                self.desk.open_portfolio(
                    **self.tick(),
                    account=number,
                    portfolio=number,
                    currency="USD",
                    deposit=2_000 * SCALE * number,
                )
            )
        terms = PortfolioTerms(account_kind=AccountKind.MARGIN)
        outcome = self.desk.set_terms(**self.tick(), account=2, portfolio=2, terms=terms)
        self.keep(outcome.events)
        self.quote(1000 * CENT, 0, 0, 0)

    def new_desk(self) -> Desk:
        """Return an empty desk with the symbol listed."""
        desk = Desk()
        desk.list_asset(
            Asset(
                symbol="ACME",
                name="Acme",
                kind=AssetKind.STOCK,
                currency="USD",
                tick=CENT,
                lot=SCALE,
                quantity_min=SCALE,
                quantity_max=10**15,
                calendar="XNYS",
                flags=AssetFlag.SHORTABLE | AssetFlag.EXTENDED_HOURS,
            )
        )
        return desk

    def tick(self) -> dict[str, int]:
        """Return the sequence number and instant of the next input."""
        self.seq += 1
        return {"seq": self.seq, "at": self.seq}

    def keep(self, events: list[Event]) -> list[Event]:
        """Remember events."""
        self.events += events
        return events

    def next_id(self) -> int:
        """Return a client order id that was never used."""
        self.number += 1
        return self.number

    @rule(
        data=st.data(),
        portfolio=st.sampled_from([1, 1, 2]),
        side=st.sampled_from(list(Side)),
        lots=st.integers(1, 60),
        order_type=TYPES,
        in_force=st.sampled_from(list(TimeInForce)),
        shape=st.sampled_from(
            ["", "", "bracket", "oco", "oto", "money", "reduce", "flip", "extended"]
        ),
        wait=st.integers(1, 9),
    )
    def submit(
        self,
        data: st.DataObject,
        portfolio: int,
        side: Side,
        lots: int,
        order_type: OrderType,
        in_force: TimeInForce,
        shape: str,
        wait: int,
    ) -> None:
        """Send any order with any legs; whatever is wrong with it is refused."""
        tick = self.tick()
        flags = {
            "money": OrderFlag.NOTIONAL,
            "reduce": OrderFlag.REDUCE_ONLY,
            "flip": OrderFlag.ALLOW_FLIP,
            "extended": OrderFlag.EXTENDED_HOURS,
        }.get(shape, 0)
        quantity = lots * SCALE * (10 if shape == "money" else 1)
        until = 0 if in_force == TimeInForce.GTC else self.seq + wait
        waits = in_force == TimeInForce.OPG
        before = self.desk.state_hash()
        outcome = self.desk.submit(
            NewOrder(
                **tick,
                received_at=self.seq,
                market_at=self.seq,
                account=portfolio,
                portfolio=portfolio,
                client_order_id=self.next_id(),
                symbol="ACME",
                side=side,
                time_in_force=in_force,
                quantity=quantity,
                flags=int(flags),
                expire_at=until,
                works_from=self.seq + wait // 2 if waits else 0,
                legs=self._legs(data, shape, in_force),
                **prices_of(data.draw, order_type),
            )
        )
        self.keep(outcome.events)
        assert (outcome.refusal is None) == bool(outcome.events)
        if outcome.refusal is not None:
            assert self.desk.state_hash() == before

    def _legs(self, data: st.DataObject, shape: str, in_force: TimeInForce) -> tuple[Leg, ...]:
        roles = {
            "bracket": [LegRole.TAKE_PROFIT, LegRole.STOP_LOSS],
            "oco": [LegRole.OCO],
            "oto": [LegRole.OTO],
        }.get(shape, [])
        return tuple(
            Leg(
                role=role,
                time_in_force=in_force if role == LegRole.OCO else TimeInForce.GTC,
                client_order_id=self.next_id(),
                **prices_of(data.draw, data.draw(st.sampled_from(RESTING))),
            )
            for role in roles
        )

    @rule(
        bid=PRICE,
        spread=st.integers(0, 20),
        size=st.sampled_from([0, 0, 3 * SCALE, 7 * SCALE, 20 * SCALE]),
        last=st.integers(-15, 30),
        extended=st.integers(0, 5).map(lambda drawn: drawn == 5),
    )
    def quote(self, bid: int, spread: int, size: int, last: int, extended: bool = False) -> None:
        """Show a price; the desk is asked only if it says that it would act."""
        self.tick()
        quote = Quote(
            symbol="ACME",
            bid=bid,
            ask=bid + spread * CENT,
            last=bid + last * CENT,
            bid_size=size,
            ask_size=size,
            source_time=self.seq,
            observed_at=self.seq,
            quote_seq=self.seq,
            flags=int(QuoteFlag.EXTENDED) if extended else 0,
        )
        if extended:
            acts = self.desk.would_act(quote)
            events = self.keep(self.desk.observe(seq=self.seq, quote=quote))
            assert acts or not events
            changed = [event for event in events if isinstance(event, OrderChanged)]
            told = [each for each in changed if each.kind == OrderEventKind.FILL]
            assert all(each.order.flags & OrderFlag.EXTENDED_HOURS for each in told)
            return
        if self.desk.would_act(quote):
            self.keep(self.desk.observe(seq=self.seq, quote=quote))
        else:
            assert attrs.evolve(quote) == quote
            self.desk.note_quote(quote)

    @precondition(lambda self: self.number)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Cancel any order that ever was."""
        order = self._any(data)
        if order is not None:
            outcome = self.desk.cancel(
                **self.tick(),
                account=order.account,
                portfolio=order.portfolio,
                order_id=order.order_id,
            )
            assert (outcome.refusal is None) == order.is_open
            self.keep(outcome.events)

    @precondition(lambda self: self.number)
    @rule(data=st.data(), lots=st.integers(0, 30), limit=st.none() | PRICE, stop=st.none() | PRICE)
    def replace(self, data: st.DataObject, lots: int, limit: int | None, stop: int | None) -> None:
        """Replace any order that ever was."""
        order = self._any(data)
        if order is None:
            return
        outcome = self.desk.replace(
            Replacement(
                **self.tick(),
                received_at=self.seq,
                market_at=self.seq,
                account=order.account,
                portfolio=order.portfolio,
                order_id=order.order_id,
                client_order_id=self.next_id(),
                quantity=lots * SCALE,
                limit_price=NULL if limit is None else limit,
                stop_price=NULL if stop is None else stop,
            )
        )
        self.keep(outcome.events)

    def _any(self, data: st.DataObject) -> Any:
        known = sorted(self.desk.state.orders)
        return self.desk.order(data.draw(st.sampled_from(known))) if known else None

    @precondition(lambda self: self.seq % 4 == 0)
    @rule(portfolio=st.sampled_from([1, 2]))
    def cancel_all(self, portfolio: int) -> None:
        """Cancel everything of a portfolio."""
        outcome = self.desk.cancel_all(**self.tick(), account=portfolio, portfolio=portfolio)
        self.keep(outcome.events)
        assert not self.desk.state.open_orders[portfolio]

    @rule(portfolio=st.sampled_from([1, 2]))
    def close(self, portfolio: int) -> None:
        """Close everything that a portfolio holds."""
        held = self.desk.state.portfolios[portfolio].quantity("ACME")
        outcome = self.desk.close(
            **self.tick(),
            received_at=self.seq,
            market_at=self.seq,
            account=portfolio,
            portfolio=portfolio,
            client_order_id=self.next_id(),
        )
        self.keep(outcome.events)
        nothing = outcome.refusal == Refusal.INSUFFICIENT_POSITION
        assert nothing == (held == 0), outcome.text
        if self.desk.last_quote("ACME") is None:
            assert outcome.refusal is not None

    @precondition(lambda self: self.seq % 9 == 0)
    @rule(portfolio=st.sampled_from([1, 2]))
    def reset(self, portfolio: int) -> None:
        """Begin a new season."""
        outcome = self.desk.reset_portfolio(
            **self.tick(), account=portfolio, portfolio=portfolio, cash=2_000 * SCALE
        )
        self.keep(outcome.events)

    @rule(most=st.integers(1, 5))
    def put_away(self, most: int) -> None:
        """Keep what has ended as rows."""
        orders = self.desk.state.orders
        before, ended = len(orders), sum(not order.is_open for order in orders.here())
        left = orders.put_away(most, OrdersAsRows())
        assert left == max(ended - most, 0)
        assert sum(not order.is_open for order in orders.here()) == left
        assert len(orders) == before

    @rule()
    def advance(self) -> None:
        """Let what is due expire."""
        self.keep(self.desk.advance(**self.tick(), market_at=self.seq))

    @precondition(lambda self: self.seq % 7 == 0)
    @rule(ratio=st.sampled_from([(2, 1), (3, 2), (1, 2), (1, 10)]))
    def split(self, ratio: tuple[int, int]) -> None:
        """Split the shares."""
        action = CorporateAction(
            symbol="ACME",
            kind=ActionKind.SPLIT,
            at=self.seq,
            numerator=ratio[0],
            denominator=ratio[1],
        )
        self.keep(self.desk.act(**self.tick(), action=action))

    @invariant()
    def books_are_right(self) -> None:
        """Every invariant, counted from the ground up."""
        assert self.desk.check_invariants() == []

    def teardown(self) -> None:
        """The events alone lead to the same state; so do the parts that the views keep."""
        other = self.new_desk()
        for event in self.events:
            other.apply(event)
        assert other.state_hash() == self.desk.state_hash()
        restored = restore_state(image_of(self.desk, self.events))
        other.state = restored
        assert other.check_invariants() == []
        assert other.state_hash() == self.desk.state_hash()
        for order in self.desk.state.orders.values():
            assert other.shown(restored.orders[order.order_id]) == self.desk.shown(order)
        self._stories()

    def _stories(self) -> None:
        """No fill before its trigger; no fill beyond its bound; pairs never fill twice."""
        filled: dict[int, int] = defaultdict(int)
        split = any(type(event).__name__ == "ActionApplied" for event in self.events)
        for event in self.events:
            if not isinstance(event, OrderChanged):
                continue
            # Whatever ended an order, its last event says which quote left it as it is.
            assert event.receipt is not None or event.order.is_open
            if event.kind != OrderEventKind.FILL:
                continue
            order = event.order
            assert order.is_triggered
            bound = order.bound_price
            if order.side == Side.BUY:
                assert event.fill_price <= bound
            else:
                assert event.fill_price >= bound
            if order.terms is not None:
                assert not order.terms.notional or order.notional_filled <= (
                    order.terms.notional * SCALE
                )
                if order.terms.pair:
                    filled[order.terms.pair] += event.fill_quantity
        for pair, quantity in filled.items():
            first = self.desk.state.orders[pair]
            born = next(
                event.order
                for event in self.events
                if isinstance(event, OrderChanged)
                and event.order.order_id == pair
                and event.kind == OrderEventKind.ACCEPTED
            )
            assert split or quantity <= max(born.quantity, first.quantity)
        for order in self.desk.state.orders.values():
            assert order.state != OrderState.HELD or order.terms is not None


def image_of(desk: Desk, events: list[Event]) -> StateImage:
    """Return what the desk's state consists of, as the views keep it."""
    state = desk.state
    return StateImage(
        accounts=[(a.account, a.event_seq, a.transaction_id) for a in state.accounts.values()],
        portfolios=[bare(each) for each in state.portfolios.values()],
        positions=[
            (each.portfolio, position)
            for each in state.portfolios.values()
            for position in each.positions.values()
        ],
        orders=[(state.orders[number],) for number in sorted(state.orders)],
        form=OrdersAsRows(),
        balances=[(account, asset, amount) for account, asset, amount in state.ledger.balances()],
        applied=sorted(state.applied),
        marks=[event for event in events if isinstance(event, MarksMoved)],
        contests=list(state.contests.values()),
    )


def bare(portfolio: PortfolioState) -> PortfolioState:
    """Return a portfolio without positions and reservations."""
    return attrs.evolve(
        portfolio, reserved_cash=0, positions={}, reserved_quantity={}, client_order_ids={}
    )


def test_any_combination_keeps_the_books_right() -> None:
    """Random orders, quotes, cancels, replaces, splits: see the machine."""
    run_state_machine_as_test(
        CombinationMachine,
        settings=settings(max_examples=60, stateful_step_count=40, deadline=None),
    )
