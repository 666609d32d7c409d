"""The desk against a second, naive desk that counts everything from scratch each time."""

from __future__ import annotations

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
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import (
    NewOrder,
    OrderType,
    Replacement,
    Side,
    SideFilter,
    TimeInForce,
)
from papertrader.core.quotes import ActionKind, Asset, AssetKind, CorporateAction, Quote, QuoteFlag

CENT = SCALE // 100
LOTS = {"ACME": SCALE, "COIN": 1}
TICKS = {"ACME": CENT, "COIN": 1}
DEPOSIT = 1000 * SCALE


def up(units: int) -> int:
    """Divide by the scale, rounding up."""
    return (units + SCALE - 1) // SCALE


@attrs.define
class Wish:
    """An order of the naive desk."""

    portfolio: int
    symbol: str
    buy: bool
    bound: int
    left: int
    market: bool
    sent: int
    until: int
    how: str = ""  # IOC, FOK, or nothing special
    filled: int = 0
    notional: int = 0
    state: str = "PENDING"

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.state in ("PENDING", "WORKING", "PARTIALLY_FILLED")

    def turn(self) -> tuple[bool, int, int]:
        """Rank among the orders of one side: market first, then price, then time."""
        return (
            not self.market,
            0 if self.market else -self.bound if self.buy else self.bound,
            (self.sent),
        )


class NaiveDesk:
    """Trading rules in the plainest words: no books, no running totals, no events."""

    def __init__(self) -> None:
        self.wishes: list[Wish] = []
        self.extra = {1: 0, 2: 0}  # dividends and cash for fractions
        self.gained: dict[tuple[int, str], int] = {}  # shares that splits added
        self.quotes: dict[str, tuple[int, int]] = {}

    def cash(self, portfolio: int) -> int:
        """Deposit, less each buy's whole cost, plus each sell's whole proceeds, plus the rest."""
        total = DEPOSIT + self.extra[portfolio]
        for wish in self.wishes:
            if wish.portfolio == portfolio:
                total += -up(wish.notional) if wish.buy else wish.notional // SCALE
        return total

    def reserved(self, portfolio: int) -> int:
        """What the open buys may still cost at worst."""
        return sum(
            up(wish.notional + wish.bound * wish.left) - up(wish.notional)
            for wish in self.wishes
            if wish.portfolio == portfolio and wish.buy and wish.is_open
        )

    def promised(self, portfolio: int, symbol: str) -> int:
        """What the open sells may still sell."""
        return sum(
            wish.left
            for wish in self.wishes
            if (wish.portfolio, wish.symbol, wish.buy) == (portfolio, symbol, False)
            and wish.is_open
        )

    def shares(self, portfolio: int, symbol: str) -> int:
        """What is held."""
        return self.gained.get((portfolio, symbol), 0)

    def submit(self, wish: Wish) -> str:
        """Take a wish, or say why not."""
        if wish.market:
            if wish.symbol not in self.quotes:
                return "NO_QUOTE"
            bid, ask = self.quotes[wish.symbol]
            price, tick = ask if wish.buy else bid, TICKS[wish.symbol]
            permille = 40 if price < 50 * SCALE else 25
            exact = price * (1000 + permille if wish.buy else 1000 - permille)
            ticks = -(-exact // (1000 * tick)) if wish.buy else exact // (1000 * tick)
            wish.bound = max(ticks, 1) * tick
        if not wish.buy:
            free = self.shares(wish.portfolio, wish.symbol) - self.promised(
                wish.portfolio, wish.symbol
            )
            if wish.left > free:
                return "INSUFFICIENT_POSITION"
        elif up(wish.bound * wish.left) > self.cash(wish.portfolio) - self.reserved(wish.portfolio):
            return "INSUFFICIENT_CASH"
        self.wishes.append(wish)
        return ""

    def quote(self, symbol: str, bid: int, ask: int, size: int, now: int) -> None:
        """Let every order take what it may, in its turn."""
        self.quotes[symbol] = (bid, ask)
        seen = [w for w in self.wishes if w.symbol == symbol and w.is_open and w.sent < now]
        for buy, price in ((True, ask), (False, bid)):
            rest = size or 10**30
            for wish in sorted((w for w in seen if w.buy is buy), key=Wish.turn):
                if wish.bound < price if buy else wish.bound > price:
                    continue
                taken = min(wish.left, rest // LOTS[symbol] * LOTS[symbol])
                if wish.how == "FOK" and taken < wish.left:
                    continue
                if taken:
                    rest -= taken
                    wish.left -= taken
                    wish.filled += taken
                    wish.notional += price * taken
                    wish.state = "PARTIALLY_FILLED" if wish.left else "FILLED"
                    key = (wish.portfolio, symbol)
                    self.gained[key] = self.gained.get(key, 0) + (taken if buy else -taken)
        for wish in seen:
            if wish.how and wish.is_open:
                wish.state = "CANCELLED"
            elif wish.state == "PENDING":
                wish.state = "WORKING"

    def replace(self, old: Wish, new: Wish) -> str:
        """Take a wish in the place of another, or say why not: as if the old one were not there."""
        if not old.is_open:
            return "ORDER_DONE"
        if new.left <= 0:
            return "QUANTITY_LIMIT"
        state, old.state = old.state, "REPLACED"
        refusal = self.submit(new)
        if refusal:
            old.state = state
        return refusal

    def split(self, symbol: str, numerator: int, denominator: int) -> None:
        """Scale what is held and what is open."""
        bid, ask = self.quotes[symbol]
        for portfolio in (1, 2):
            held = self.shares(portfolio, symbol)
            kept = held * numerator // denominator // LOTS[symbol] * LOTS[symbol]
            fraction = held * numerator - kept * denominator  # of old shares, times numerator
            self.extra[portfolio] += round_even(bid * fraction, numerator * SCALE * CENT) * CENT
            self.gained[portfolio, symbol] = kept
        for wish in self.wishes:
            if wish.symbol == symbol and wish.is_open:
                left = wish.left * numerator // denominator // LOTS[symbol] * LOTS[symbol]
                scaled, unit = wish.bound * denominator, numerator * TICKS[symbol]
                bound = (scaled // unit if wish.buy else -(-scaled // unit)) * TICKS[symbol]
                if left == 0 or bound == 0:
                    wish.state = "CANCELLED"
                else:
                    wish.left, wish.bound = left, bound
                    wish.filled = wish.filled * numerator // denominator
        self.quotes[symbol] = (
            round_even(bid * denominator, numerator),
            round_even(ask * denominator, numerator),
        )

    def dividend(self, symbol: str, amount: int) -> None:
        """Pay so much a share."""
        for portfolio in (1, 2):
            held = self.shares(portfolio, symbol)
            self.extra[portfolio] += round_even(amount * held, SCALE * CENT) * CENT


def round_even(numerator: int, denominator: int) -> int:
    """Divide, rounding half to even."""
    low, rest = divmod(numerator, denominator)
    return low + (2 * rest > denominator or (2 * rest == denominator and low % 2 == 1))


SYMBOLS = st.sampled_from(["ACME", "COIN"])
PORTFOLIOS = st.sampled_from([1, 2])
PRICES = st.integers(900, 1100).map(lambda cents: cents * CENT)


class DeskMachine(RuleBasedStateMachine):
    """Both desks get the same inputs and must agree on everything after each."""

    @initialize()
    def open(self) -> None:
        """Open portfolio 1 of account 1 and portfolio 2 of account 2."""
        self.seq = 0
        self.naive = NaiveDesk()
        self.desk = self.new_desk()
        self.events: list[Any] = []
        for number in (1, 2):
            self.events += self.desk.open_portfolio(
                **self.tick(), account=number, portfolio=number, currency="USD", deposit=DEPOSIT
            )

    def new_desk(self) -> Desk:
        """Return an empty desk with both symbols listed."""
        desk = Desk()
        for symbol, lot in LOTS.items():
            desk.list_asset(
                Asset(
                    symbol=symbol,
                    name=symbol,
                    kind=AssetKind.STOCK,
                    currency="USD",
                    tick=TICKS[symbol],
                    lot=lot,
                    quantity_min=1,
                    quantity_max=10**15,
                    calendar="XNYS",
                )
            )
        return desk

    def tick(self) -> dict[str, int]:
        """Return the sequence number and instant of the next input."""
        self.seq += 1
        return {"seq": self.seq, "at": self.seq}

    @rule(
        portfolio=PORTFOLIOS,
        symbol=SYMBOLS,
        buy=st.booleans(),
        limit=st.none() | PRICES,
        lots=st.integers(1, 60),
        dust=st.integers(0, SCALE),
        wait=st.sampled_from([0, 0, 4]),
        how=st.sampled_from(["", "", "IOC", "FOK"]),
    )
    def submit(
        self,
        portfolio: int,
        symbol: str,
        buy: bool,
        limit: int | None,
        lots: int,
        dust: int,
        wait: int,
        how: str,
    ) -> None:
        """Send an order."""
        wait = wait or (4 if how else 0)
        usual = TimeInForce.DAY if wait else TimeInForce.GTC
        quantity = lots * SCALE + (dust if symbol == "COIN" else 0)
        tick = self.tick()
        until = self.seq + wait if wait else 0
        outcome = self.desk.submit(
            NewOrder(
                **tick,
                received_at=self.seq,
                market_at=self.seq,
                account=portfolio,
                portfolio=portfolio,
                client_order_id=self.seq,
                symbol=symbol,
                side=Side.BUY if buy else Side.SELL,
                order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
                time_in_force=TimeInForce[how] if how else usual,
                quantity=quantity,
                limit_price=NULL if limit is None else limit,
                expire_at=until,
            )
        )
        wish = Wish(
            portfolio, symbol, buy, limit or 0, quantity, limit is None, self.seq, until, how
        )
        refusal = self.naive.submit(wish)
        assert (outcome.refusal.name if outcome.refusal else "") == refusal, outcome.text
        self.events += outcome.events

    @rule(
        symbol=SYMBOLS,
        bid=PRICES,
        spread=st.integers(0, 30).map(lambda cents: cents * CENT),
        size=st.sampled_from([0, 0, SCALE // 3, 7 * SCALE + 1, 40 * SCALE]),
        flags=st.sampled_from([0, 0, 0, QuoteFlag.STALE, QuoteFlag.SUSPECT]),
    )
    def quote(self, symbol: str, bid: int, spread: int, size: int, flags: int) -> None:
        """Show a price; the desk is only asked to observe it if it says that it would act."""
        ask = bid + spread
        self.tick()
        quote = Quote(
            symbol=symbol,
            bid=bid,
            ask=ask,
            last=bid,
            bid_size=size,
            ask_size=size,
            observed_at=self.seq,
            quote_seq=self.seq,
            flags=flags,
        )
        if self.desk.would_act(quote):
            self.events += self.desk.observe(seq=self.seq, quote=quote)
        else:
            self.desk.note_quote(quote)
        if flags == 0:
            self.naive.quote(symbol, bid, ask, size, self.seq)
        elif flags == QuoteFlag.STALE:
            self.naive.quotes[symbol] = (bid, ask)

    @precondition(lambda self: self.naive.wishes)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Cancel any order that ever was."""
        number = data.draw(st.integers(1, len(self.naive.wishes)))
        wish = self.naive.wishes[number - 1]
        outcome = self.desk.cancel(
            **self.tick(), account=wish.portfolio, portfolio=wish.portfolio, order_id=number
        )
        assert (outcome.refusal is None) == wish.is_open
        if wish.is_open:
            wish.state = "CANCELLED"
        self.events += outcome.events

    @precondition(lambda self: self.naive.wishes)
    @rule(data=st.data(), lots=st.integers(0, 60), limit=st.none() | PRICES)
    def replace(self, data: st.DataObject, lots: int, limit: int | None) -> None:
        """Replace any order that ever was; 0 lots leave the quantity."""
        number = data.draw(st.integers(1, len(self.naive.wishes)))
        old, order = self.naive.wishes[number - 1], self.desk.order(number)
        assert order is not None
        market = old.market
        wish = Replacement(
            **self.tick(),
            received_at=self.seq,
            market_at=self.seq,
            account=old.portfolio,
            portfolio=old.portfolio,
            order_id=number,
            client_order_id=self.seq,
            quantity=lots * SCALE,
            limit_price=NULL if market or limit is None else limit,
        )
        if old.is_open and 0 < old.until <= self.seq:
            return  # The deadline has passed: `advance` ends it.
        left = (lots * SCALE or old.left + old.filled) - old.filled
        left -= left % LOTS[old.symbol]
        if old.is_open and left != (lots * SCALE or order.quantity) - order.filled:
            return  # A split has left less than a lot of what has filled.
        outcome = self.desk.replace(wish)
        bound = old.bound if market or limit is None else limit
        new = Wish(
            old.portfolio, old.symbol, old.buy, bound, left, market, self.seq, old.until, old.how
        )
        refusal = self.naive.replace(old, new)
        assert (outcome.refusal.name if outcome.refusal else "") == refusal, outcome.text
        self.events += outcome.events

    @rule(portfolio=PORTFOLIOS, symbol=st.just("") | SYMBOLS, side=st.sampled_from(SideFilter))
    def cancel_all(self, portfolio: int, symbol: str, side: SideFilter) -> None:
        """Cancel what is open, of a symbol or side or not."""
        outcome = self.desk.cancel_all(
            **self.tick(), account=portfolio, portfolio=portfolio, symbol=symbol, side=side
        )
        for wish in self.naive.wishes:
            meant = side in (SideFilter.ANY, SideFilter.BUY if wish.buy else SideFilter.SELL)
            if wish.portfolio == portfolio and symbol in ("", wish.symbol) and meant:
                wish.state = "CANCELLED" if wish.is_open else wish.state
        self.events += outcome.events

    @rule()
    def advance(self) -> None:
        """Let time pass."""
        tick = self.tick()
        self.events += self.desk.advance(**tick, market_at=self.seq)
        for wish in self.naive.wishes:
            if wish.is_open and 0 < wish.until <= self.seq:
                wish.state = "EXPIRED"

    @precondition(lambda self: len(self.naive.quotes) == 2)
    @rule(symbol=SYMBOLS, ratio=st.sampled_from([(2, 1), (3, 2), (1, 3), (1, 40), (7, 1)]))
    def split(self, symbol: str, ratio: tuple[int, int]) -> None:
        """Split a symbol."""
        action = CorporateAction(
            symbol=symbol,
            kind=ActionKind.SPLIT,
            at=self.seq,
            numerator=ratio[0],
            denominator=ratio[1],
        )
        self.events += self.desk.act(**self.tick(), action=action)
        self.naive.split(symbol, *ratio)

    @rule(symbol=SYMBOLS, amount=st.integers(1, SCALE))
    def dividend(self, symbol: str, amount: int) -> None:
        """Pay a dividend."""
        action = CorporateAction(
            symbol=symbol, kind=ActionKind.CASH_DIVIDEND, at=self.seq, amount=amount
        )
        self.events += self.desk.act(**self.tick(), action=action)
        self.naive.dividend(symbol, amount)

    @rule()
    def crash(self) -> None:
        """Lose the desk, and recover it from its events; the quotes come in again."""
        recovered = self.new_desk()
        for event in self.events:
            recovered.apply(event)
        assert recovered.state_hash() == self.desk.state_hash()
        for symbol in LOTS:
            known = self.desk.last_quote(symbol)
            if known is not None:
                recovered.note_quote(known)
        self.desk = recovered

    @invariant()
    def both_agree(self) -> None:
        """Cash, shares, reservations and every order are the same, and the books are in order."""
        if not hasattr(self, "desk"):
            return
        assert self.desk.check_invariants() == []
        for number in (1, 2):
            portfolio = self.desk.portfolio(number)
            assert portfolio is not None
            assert portfolio.cash == self.naive.cash(number)
            assert portfolio.reserved_cash == self.naive.reserved(number) <= portfolio.cash
            for symbol in LOTS:
                held, promised = (
                    self.naive.shares(number, symbol),
                    self.naive.promised(number, symbol),
                )
                assert portfolio.quantity(symbol) == held >= promised
                assert portfolio.available_quantity(symbol) == held - promised
        for order_id, wish in enumerate(self.naive.wishes, 1):
            order = self.desk.order(order_id)
            assert order is not None
            assert (order.state.name, order.filled) == (wish.state, wish.filled)
            if wish.is_open:
                assert (order.remaining, order.bound_price) == (wish.left, wish.bound)


def test_the_desk_agrees_with_the_naive_one() -> None:
    """No story of orders, quotes, actions, expiries and crashes tells the two apart."""
    run_state_machine_as_test(
        DeskMachine, settings=settings(max_examples=100, stateful_step_count=40, deadline=None)
    )
