"""What holds for every order, quote and interleaving."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.desk import Desk
from papertrader.core.events import Outcome
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import (
    NewOrder,
    OrderType,
    Replacement,
    Side,
    SideFilter,
    TimeInForce,
)
from papertrader.core.quotes import ActionKind, Asset, AssetKind, CorporateAction, Quote

CASH = 10**6 * SCALE


class Market:
    """A desk with one symbol that trades in the finest units there are."""

    def __init__(self, portfolios: int = 1) -> None:
        self.desk = Desk()
        self.asset = Asset(
            symbol="COIN",
            name="Coin",
            kind=AssetKind.CRYPTO,
            currency="USD",
            tick=1,
            lot=1,
            quantity_min=1,
            quantity_max=10**15,
            calendar="24/7",
        )
        self.desk.list_asset(self.asset)
        self.seq = 0
        self.events: list[Any] = []
        for number in range(1, portfolios + 1):
            self.seq += 1
            self.events += self.desk.open_portfolio(
                seq=self.seq, at=self.seq, account=1, portfolio=number, currency="USD", deposit=CASH
            )

    def submit(
        self,
        side: Side,
        quantity: int,
        limit: int,
        portfolio: int = 1,
        wait: int = 0,
        how: TimeInForce | None = None,
    ) -> bool:
        """Send a limit order, or a market order for a limit of 0; tell whether it was taken.

        With ``wait``, it is good for so long only; IOC and FOK always are.
        """
        self.seq += 1
        wait = wait or (5 if how else 0)
        outcome = self.desk.submit(
            NewOrder(
                seq=self.seq,
                at=self.seq,
                received_at=self.seq,
                market_at=self.seq,
                account=1,
                portfolio=portfolio,
                client_order_id=self.seq,
                symbol="COIN",
                side=side,
                order_type=OrderType.LIMIT if limit else OrderType.MARKET,
                time_in_force=how or (TimeInForce.DAY if wait else TimeInForce.GTC),
                quantity=quantity,
                limit_price=limit or NULL,
                expire_at=self.seq + wait if wait else 0,
            )
        )
        self.events += outcome.events
        return outcome.refusal is None

    def quote(self, bid: int, ask: int, size: int = 0) -> None:
        """Observe a quote with ``size`` on both sides, 0 for unknown."""
        self.seq += 1
        quote = Quote(
            symbol="COIN",
            bid=bid,
            ask=ask,
            bid_size=size,
            ask_size=size,
            observed_at=self.seq,
            quote_seq=self.seq,
        )
        would_act = self.desk.would_act(quote)
        events = self.desk.observe(seq=self.seq, quote=quote)
        assert would_act or not events
        self.events += events

    def cash(self, portfolio: int = 1) -> int:
        """Return the cash of a portfolio."""
        found = self.desk.portfolio(portfolio)
        assert found is not None
        return found.cash


PRICES = st.integers(1, 3 * 10**10)
QUANTITIES = st.integers(1, 10**9)
SIZES = st.lists(st.integers(1, 10**9), max_size=4)


@settings(deadline=None)
@given(PRICES, QUANTITIES, SIZES, SIZES)
def test_a_round_trip_at_one_price_never_profits(
    price: int, quantity: int, buy_sizes: list[int], sell_sizes: list[int]
) -> None:
    """P-10: bought and sold back at the same price, however it was cut up, never wins a unit."""
    market = Market()
    for side, sizes in ((Side.BUY, buy_sizes), (Side.SELL, sell_sizes)):
        assert market.submit(side, quantity, price)
        for size in [*sizes, 0]:
            market.quote(price, price, size)
    portfolio = market.desk.portfolio(1)
    assert portfolio is not None
    assert portfolio.quantity("COIN") == 0
    assert CASH - 2 <= portfolio.cash <= CASH
    assert market.desk.check_invariants() == []


@settings(deadline=None)
@given(PRICES, st.lists(QUANTITIES, min_size=1, max_size=5), SIZES)
def test_split_orders_never_beat_one_order(
    price: int, quantities: list[int], sizes: list[int]
) -> None:
    """P-10: many orders cost at least what one costs; many fills of one order cost just that."""
    whole = sum(quantities)
    one, many, partly = Market(), Market(), Market()
    for side in (Side.BUY, Side.SELL):
        one.submit(side, whole, price)
        one.quote(price, price)
        for quantity in quantities:
            many.submit(side, quantity, price)
        many.quote(price, price)
        partly.submit(side, whole, price)
        for size in [*sizes, 0]:
            partly.quote(price, price, size)
        assert many.cash() <= one.cash()
        assert partly.cash() == one.cash()


@settings(deadline=None)
@given(st.lists(st.tuples(PRICES, st.integers(0, 10**9)), min_size=1, max_size=8), PRICES)
def test_what_is_reserved_always_suffices(quotes: list[tuple[int, int]], limit: int) -> None:
    """An order that reserved the last unit of cash fills in any pieces and never overdraws."""
    market = Market()
    quantity = CASH * SCALE // limit
    assert market.submit(Side.BUY, min(quantity, 10**15), limit)
    for price, size in quotes:
        market.quote(price, price, size)
        portfolio = market.desk.portfolio(1)
        assert portfolio is not None
        assert 0 <= portfolio.reserved_cash <= portfolio.cash
        assert market.desk.check_invariants() == []


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("order"),
            st.sampled_from([Side.BUY, Side.SELL]),
            st.integers(1, 4 * 10**11),
            st.sampled_from([0, 90, 95, 100, 105, 110]),
            st.integers(1, 3),
            st.sampled_from([0, 5]),
            st.sampled_from([None, None, TimeInForce.IOC, TimeInForce.FOK]),
        ),
        st.tuples(
            st.just("quote"),
            st.integers(80, 120),
            st.integers(0, 10),
            st.sampled_from([0, 1, 10**10]),
        ),
        st.tuples(st.just("cancel"), st.integers(1, 15), st.integers(1, 3)),
        st.tuples(
            st.just("replace"),
            st.integers(1, 15),
            st.integers(0, 4 * 10**11),
            st.sampled_from([NULL, 90 * SCALE, 110 * SCALE]),
            st.integers(1, 3),
        ),
        st.tuples(st.just("cancel all"), st.integers(1, 3), st.sampled_from(SideFilter)),
        st.tuples(st.just("cash"), st.integers(-CASH, CASH).filter(bool), st.integers(1, 3)),
        st.tuples(st.just("reset"), st.integers(0, CASH), st.integers(1, 3)),
        st.tuples(st.just("advance")),
        st.tuples(st.just("split"), st.integers(1, 5), st.integers(1, 5)),
        st.tuples(st.just("dividend"), st.integers(1, 10**8)),
    ),
    max_size=30,
)


def ask(desk: Desk, seq: int, step: tuple[Any, ...]) -> Outcome:
    """Do one step that may be refused."""
    name, owner = step[0], {"seq": seq, "at": seq, "account": 1}
    if name == "cancel all":
        return desk.cancel_all(**owner, portfolio=step[1], side=step[2])
    if name == "cash":
        return desk.move_cash(**owner, amount=step[1], portfolio=step[2])
    if name == "reset":
        return desk.reset_portfolio(**owner, cash=step[1], portfolio=step[2])
    _, order_id, quantity, limit, portfolio = step
    wish = Replacement(
        **owner,
        received_at=seq,
        market_at=seq,
        portfolio=portfolio,
        order_id=order_id,
        client_order_id=seq,
        quantity=quantity,
        limit_price=limit,
    )
    return desk.replace(wish)


def take(market: Market, step: tuple[Any, ...]) -> None:
    """Do one step of a story."""
    desk, name = market.desk, step[0]
    if name == "order":
        _, side, quantity, limit, portfolio, wait, how = step
        market.submit(side, quantity, limit * SCALE, portfolio, wait, how)
    elif name == "quote":
        _, bid, spread, size = step
        market.quote(bid * SCALE, (bid + spread) * SCALE, size)
    else:
        market.seq += 1
        seq = market.seq
        if name == "cancel":
            outcome = desk.cancel(seq=seq, at=seq, account=1, portfolio=step[2], order_id=step[1])
            market.events += outcome.events
        elif name in ("cancel all", "replace", "cash", "reset"):
            market.events += ask(desk, seq, step).events
        elif name == "advance":
            market.events += desk.advance(seq=seq, at=seq, market_at=seq)
        else:
            is_split = name == "split"
            action = CorporateAction(
                symbol="COIN",
                kind=ActionKind.SPLIT if is_split else ActionKind.CASH_DIVIDEND,
                at=seq,
                numerator=step[1] if is_split else 1,
                denominator=step[2] if is_split else 1,
                amount=0 if is_split else step[1],
            )
            market.events += desk.act(seq=seq, at=seq, action=action)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_no_interleaving_breaks_the_books(steps: list[tuple[Any, ...]]) -> None:
    """All invariants hold after every step, and nothing reserved is ever overdrawn."""
    market = Market(portfolios=3)
    for step in steps:
        take(market, step)
        assert market.desk.check_invariants() == []


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_recovery_and_repetition_give_the_same(steps: list[tuple[Any, ...]]) -> None:
    """Applying only the events gives the same state; deciding again gives the same events."""
    first, second = Market(portfolios=3), Market(portfolios=3)
    for step in steps:
        take(first, step)
        take(second, step)
    assert first.events == second.events
    recovered = Desk()
    for event in first.events:
        recovered.apply(event)
    assert recovered.state_hash() == first.desk.state_hash() == second.desk.state_hash()
    stream = [event.event_seq for event in first.events if hasattr(event, "event_seq")]
    assert stream == list(range(1, len(stream) + 1))
