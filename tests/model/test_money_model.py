"""Margin, fees and settlement under random days: the books hold whatever happens, in any order."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from papertrader.core.custody import likeness_of, present_likeness
from papertrader.core.desk import Desk
from papertrader.core.equity import Fold
from papertrader.core.events import Event, TransactionPosted
from papertrader.core.instants import MINUTE
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import (
    NewOrder,
    OrderFlag,
    OrderType,
    Replacement,
    Side,
    TimeInForce,
)
from papertrader.core.quotes import (
    ActionKind,
    Asset,
    AssetFlag,
    AssetKind,
    CorporateAction,
    Quote,
)
from papertrader.core.terms import AccountKind, FeeModelKind, PortfolioTerms, TermsFlag
from tests.golden import START, parse_instant

SYMBOLS = ("ACME", "BETA")
PRICES = st.integers(min_value=60, max_value=480).map(lambda quarters: quarters * SCALE // 4)
SIZES = st.integers(min_value=1, max_value=360).map(lambda lots: lots * SCALE // 2)
TERMS = st.builds(
    PortfolioTerms,
    account_kind=st.sampled_from([AccountKind.MARGIN, AccountKind.MARGIN, AccountKind.CASH]),
    fee_model=st.sampled_from(FeeModelKind),
    fee_rate=st.sampled_from([parse_amount("0.005"), parse_amount("0.0012345")]),
    fee_maker=st.sampled_from([0, -parse_amount("0.001"), parse_amount("0.002")]),
    fee_minimum=st.sampled_from([0, parse_amount("1.5")]),
    fee_maximum=st.sampled_from([0, 100]),
    leverage=st.sampled_from([0, 0, 9_000]),
    flags=st.sets(st.sampled_from([each for each in TermsFlag if each != 4])).map(sum),
)


def asset(symbol: str) -> Asset:
    """A share that trades in halves and can be borrowed."""
    return Asset(
        symbol=symbol,
        name=symbol,
        kind=AssetKind.STOCK,
        currency="USD",
        tick=SCALE // 100,
        lot=SCALE // 2,
        quantity_min=SCALE // 2,
        quantity_max=10_000_000 * SCALE,
        calendar="XNYS",
        flags=AssetFlag.SHORTABLE,
    )


class MoneyMachine(RuleBasedStateMachine):
    """One portfolio with terms of its own, two shares, and everything that moves money."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        for symbol in SYMBOLS:
            self.desk.list_asset(asset(symbol))
        self.now = parse_instant(START)
        self.seq = self.quotes = 0
        self.events: list[Event] = []

    def tick(self) -> dict[str, int]:
        """The next input."""
        self.seq += 1
        self.now += MINUTE
        return {"seq": self.seq, "at": self.now}

    def keep(self, events: list[Event]) -> None:
        """Remember what happened."""
        self.events += events

    @initialize(terms=TERMS, cash=st.sampled_from(["2500", "10000", "100000"]))
    def begin(self, terms: PortfolioTerms, cash: str) -> None:
        """Open the portfolio and choose its terms."""
        self.keep(
            self.desk.open_portfolio(
                **self.tick(), account=1, portfolio=1, currency="USD", deposit=parse_amount(cash)
            )
        )
        if terms.account_kind == AccountKind.CASH and terms.leverage > 10_000:
            terms = attrs.evolve(terms, leverage=0)
        outcome = self.desk.set_terms(**self.tick(), account=1, portfolio=1, terms=terms)
        self.keep(outcome.events)
        for symbol in SYMBOLS:
            self.quote(symbol, 100 * SCALE, 2, 1_000 * SCALE)

    @rule(symbol=st.sampled_from(SYMBOLS), side=st.sampled_from(Side), size=SIZES, bid=PRICES)
    def trade(self, symbol: str, side: Side, size: int, bid: int) -> None:
        """An order, and at once a price for all of it, or for half."""
        self.order(symbol, side, size, None, 0)
        self.quote(symbol, bid, 4, size if bid % SCALE else size // 2)

    @rule(symbol=st.sampled_from(SYMBOLS), bid=PRICES, spread=st.integers(0, 20), size=SIZES)
    def quote(self, symbol: str, bid: int, spread: int, size: int) -> None:
        """A price, wherever it jumps."""
        self.quotes += 1
        tick = self.tick()
        quote = Quote(
            symbol=symbol,
            bid=bid,
            ask=bid + spread * SCALE // 100,
            bid_size=size,
            ask_size=size,
            last=bid,
            observed_at=self.now,
            source_time=self.now,
            quote_seq=self.quotes,
        )
        acts = self.desk.would_act(quote)
        events = self.desk.observe(seq=tick["seq"], quote=quote)
        assert acts or not events
        self.keep(events)

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(Side),
        size=SIZES,
        limit=st.none() | PRICES,
        flags=st.sampled_from([0, 0, int(OrderFlag.ALLOW_FLIP), int(OrderFlag.REDUCE_ONLY)]),
    )
    def order(self, symbol: str, side: Side, size: int, limit: int | None, flags: int) -> None:
        """An order, of which many are refused."""
        outcome = self.desk.submit(
            NewOrder(
                **self.tick(),
                received_at=self.now,
                market_at=self.now,
                account=1,
                portfolio=1,
                client_order_id=self.seq,
                symbol=symbol,
                side=side,
                order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
                time_in_force=TimeInForce.GTC,
                quantity=size,
                flags=flags,
                limit_price=NULL if limit is None else limit,
            )
        )
        self.keep(outcome.events)

    @rule(data=st.data(), size=SIZES)
    def change(self, data: st.DataObject, size: int) -> None:
        """An open order replaced or canceled."""
        waiting = sorted(self.desk.state.open_orders[1])
        if not waiting:
            return
        number = data.draw(st.sampled_from(waiting))
        if data.draw(st.booleans()):
            given: dict[str, Any] = {"account": 1, "portfolio": 1, "order_id": number}
            self.keep(self.desk.cancel(**self.tick(), **given).events)
            return
        wish = Replacement(
            **self.tick(),
            received_at=self.now,
            market_at=self.now,
            account=1,
            portfolio=1,
            order_id=number,
            client_order_id=self.seq,
            quantity=size,
        )
        self.keep(self.desk.replace(wish).events)

    @rule(hours=st.sampled_from([1, 7, 24, 80]))
    def time(self, hours: int) -> None:
        """Time goes on: closes, interest, margin calls."""
        self.now += hours * 60 * MINUTE
        tick = self.tick()
        self.keep(self.desk.advance(**tick, market_at=self.now))
        due = self.desk.next_expiry()
        assert due == 0 or due > self.now

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        ratio=st.sampled_from([(0, 0), (0, 0), (2, 1), (1, 3), (3, 2)]),
    )
    def action(self, symbol: str, ratio: tuple[int, int]) -> None:
        """A dividend or a split, longs and shorts alike."""
        numerator, denominator = ratio
        tick = self.tick()
        if numerator:
            action = CorporateAction(
                symbol=symbol,
                kind=ActionKind.SPLIT,
                at=self.now,
                numerator=numerator,
                denominator=denominator,
            )
        else:
            action = CorporateAction(
                symbol=symbol, kind=ActionKind.CASH_DIVIDEND, at=self.now, amount=SCALE // 3
            )
        self.keep(self.desk.act(**tick, action=action))

    @rule(chance=st.integers(0, 19), moves=st.booleans())
    def ending(self, chance: int, moves: bool) -> None:
        """Now and then BETA is delisted, or becomes ACME."""
        if chance:
            return
        action = CorporateAction(
            symbol="BETA",
            kind=ActionKind.SYMBOL_CHANGE if moves else ActionKind.DELISTING,
            at=self.now,
            successor="ACME" if moves else "",
        )
        self.keep(self.desk.act(**self.tick(), action=action))
        owner = self.desk.portfolio(1)
        assert owner is not None
        assert owner.quantity("BETA") == 0

    @rule(amount=st.integers(-20_000, 20_000).filter(bool))
    def cash(self, amount: int) -> None:
        """Money in or out."""
        outcome = self.desk.move_cash(
            **self.tick(), account=1, portfolio=1, amount=amount * SCALE, market_at=self.now
        )
        self.keep(outcome.events)

    @rule(chance=st.integers(0, 9))
    def reset(self, chance: int) -> None:
        """Now and then, a new season."""
        if chance:
            return
        outcome = self.desk.reset_portfolio(
            **self.tick(), account=1, portfolio=1, cash=10_000 * SCALE, market_at=self.now
        )
        self.keep(outcome.events)

    @invariant()
    def the_books_hold(self) -> None:
        """All identities; and what a cash portfolio may spend is never less than nothing."""
        assert self.desk.check_invariants() == []
        owner = self.desk.portfolio(1)
        if owner is not None and not owner.is_margin:
            assert self.desk.free_cash(owner, self.now) >= 0

    def teardown(self) -> None:
        """The events alone lead to the same state."""
        other = Desk()
        for event in self.events:
            other.apply(event)
        assert other.state_hash() == self.desk.state_hash()
        self._check_history()

    def _check_history(self) -> None:
        """Transactions alone tell what is held, at what cost: for curves and forks."""
        owner = self.desk.portfolio(1)
        if owner is None:
            return
        posted = [each.transaction for each in self.events if isinstance(each, TransactionPosted)]
        assert likeness_of(posted, 2**63) == present_likeness(owner)
        fold = Fold([])
        fold.take(posted)
        last = fold.finish(2**63)[-1]
        held = {s: p.quantity for s, p in owner.positions.items() if p.quantity}
        assert (last.cash, last.quantities) == (owner.cash, held)


TestMoney = MoneyMachine.TestCase
TestMoney.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
