"""A player of the trading desk who does everything at random: see `tests.torture.play`.

Portfolios of random terms trade three symbols, often one in another currency, by every type of
order, combinations among them. Halts, freezes, splits and dividends, some of them late, endings,
cash, resets, restarts, ends of sessions and a clock that is turned back come between. Everything
that is drawn comes from one seed.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from papertrader.core.events import ClockSet, OrderChanged, Outcome, TransactionPosted
from papertrader.core.fillmodels import FAMILIES
from papertrader.core.intervals import BAR_NS
from papertrader.core.marketclock import ClockMode
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import (
    NewOrder,
    Order,
    OrderType,
    Replacement,
    Side,
    SideFilter,
    TimeInForce,
    TrailKind,
)
from papertrader.core.quotes import (
    ActionKind,
    AssetStatus,
    Bar,
    CorporateAction,
    QuoteFlag,
    market_time,
)
from papertrader.core.statehash import StateHash
from papertrader.core.terms import BASIS_POINTS, FillModelKind
from tests.torture.draws import CENT, HOURS, OWNERS, SYMBOLS, Draws

VOLUMES: Final = (FillModelKind.VOLUME_SHARE, FillModelKind.BAR)
MINUTES: Final = 70 * 10**9
"""A bar of the fill model and some seconds, so that another one begins."""
ENDINGS_FROM: Final = 100
"""The step before which no symbol ends, so that there is something to play with."""


class Player(Draws):
    """Plays at its table; what `move` does is told in ``told``, one line an input."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.moves = self.orders = self.accepted = 0
        self.hashing = StateHash(self.table.desk.state)
        self.told: list[str] = []
        self.sizes: dict[tuple[int, bool], int] = {}
        """What is left of each quote's displayed size for those who buy, and for those who sell."""
        self.volumes: dict[tuple[str, FillModelKind, int, bool], int] = {}
        """What was taken of each quote's volume, or bar's, by who buys and by who sells."""
        self.counted = self.closed = self.completed = 0
        for portfolio, account in OWNERS.items():
            if portfolio > 1:
                cash = self.random.choice(("3000", "20000", "200000"))
                self.table.open(account, portfolio, cash)
            terms = self.terms(portfolio % 2 == 0)
            self.ask("set_terms", account=account, portfolio=portfolio, terms=terms)

    def move(self) -> None:
        """Do one thing. Whatever it raises is a rule that was broken."""
        self.moves += 1
        weights = [weight for weight, _ in MOVES]
        self.random.choices([act for _, act in MOVES], weights=weights)[0](self)
        self.check()

    def check(self) -> None:
        """Beside the invariants: no cash portfolio owes money or shares; nothing is taken twice."""
        self.count_sizes()
        self.count_volumes()
        self.counted = len(self.table.events)
        for owner in self.table.desk.state.portfolios.values():
            if not owner.is_margin:
                number = owner.portfolio
                assert owner.cash >= owner.reserved_cash, f"portfolio {number} owes cash"
                short = [each for each in owner.positions.values() if each.quantity < 0]
                assert not short, f"cash portfolio {number} is short: {short}"

    def count_sizes(self) -> None:
        """Take what has filled by models of displayed sizes from the sizes of its quote."""
        state = self.table.desk.state
        for event in self.table.events[self.counted :]:
            if not isinstance(event, TransactionPosted) or not event.transaction.order:
                continue
            fill, order = event.transaction, state.orders[event.transaction.order]
            if FAMILIES[state.portfolios[order.portfolio].terms.fill_model] != FillModelKind.QUOTE:
                continue
            key = (fill.quote_seq, order.side == Side.BUY)
            if key in self.sizes:
                self.sizes[key] -= fill.quantity
                assert self.sizes[key] >= 0, f"more than quote {fill.quote_seq} shows was taken"

    def count_volumes(self) -> None:
        """Add what has filled by models of volumes to what was taken of its quote or bar."""
        state = self.table.desk.state
        for event in self.table.events[self.counted :]:
            if not isinstance(event, OrderChanged) or not event.fill or event.receipt is None:
                continue
            working, order = event.receipt.working, event.order
            if working is None or working.model not in VOLUMES:
                continue
            interval, bar = working.interval, working.interval.bar
            source, volume = event.receipt.quote_seq, interval.volume
            if working.model == FillModelKind.BAR:
                source, volume = interval.bar_observed_at, bar.volume if bar is not None else 0
                self.check_session(order, bar)
            key = (order.symbol, working.model, source, order.side == Side.BUY)
            taken = self.volumes.get(key, 0)
            assert working.taken == taken, f"{taken} of {key} were taken before"
            self.volumes[key] = taken = taken + event.fill_quantity
            part = state.portfolios[order.portfolio].terms.participation
            assert taken <= volume * part // BASIS_POINTS, f"{taken} of the {volume} of {key} taken"
            self.closed += order.time_in_force == TimeInForce.CLS

    def check_session(self, order: Order, bar: Bar | None) -> None:
        """No bar is told by a quote of another session; count those that a close told to others."""
        quote = self.table.desk.last_quote(order.symbol)
        assert bar is not None, "a fill by bars has one"
        assert quote is not None, "who fills has a quote"
        asset = self.table.desk.asset(order.symbol)
        calendar = self.table.desk.calendars.of(asset)
        begun, told = calendar.session_at(bar.time), calendar.session_at(market_time(quote))
        assert begun == told, f"a bar of {bar.time} filled order {order.order_id} in {told}"
        if quote.source_time // BAR_NS * BAR_NS == bar.time:
            self.completed += order.time_in_force != TimeInForce.CLS

    def ask(self, method: str, **fields: Any) -> Outcome | None:
        """Give the desk an input and keep what happened; return the outcome if it has one."""
        fields = {**self.table.tick(), **fields}
        self.told.append(f"{method} {fields}")
        answer = getattr(self.table.desk, method)(**fields)
        outcome = answer if isinstance(answer, Outcome) else None
        self.table.keep(answer if outcome is None else outcome.events)
        return outcome

    def decide(self, method: str, command: NewOrder | Replacement) -> None:
        """Send an order or a replacement."""
        self.told.append(f"{method} {command}")
        outcome = getattr(self.table.desk, method)(command)
        self.told[-1] += f": {outcome.text or 'accepted'}"
        self.table.keep(outcome.events)
        self.orders += 1
        self.accepted += outcome.refusal is None

    def submit(self) -> None:
        """Send an order."""
        self.decide("submit", self.command())

    def quote(self, symbol: str = "") -> None:
        """Let the market of a symbol move, now and then by half or double."""
        draw, symbol = self.random, symbol or self.random.choice(SYMBOLS)
        price = self.cents[symbol]
        price = (
            price * 2 ** draw.choice((-1, 1))
            if draw.random() < 0.05
            else price + draw.randint(-60, 60)
        )
        price = self.cents[symbol] = min(max(5, int(price)), 100_000)
        spread = draw.randint(0, 4)
        quote = attrs.evolve(
            self.table.quote_of(None, None, symbol=symbol),
            bid=CENT * price,
            ask=CENT * (price + spread),
            last=CENT * (price + draw.randint(-1, spread)),
            bid_size=SCALE * draw.choice((0, 5, 50, 500)),
            ask_size=SCALE * draw.choice((0, 5, 50, 500)),
            day_volume=SCALE * 1000 * self.table.quote_seq,
            flags=draw.choice((QuoteFlag(0),) * 5 + (QuoteFlag.EXTENDED,)),
        )
        for buys, size in ((True, quote.ask_size), (False, quote.bid_size)):
            if size:  # 0 is unknown, and bounds nothing.
                self.sizes[quote.quote_seq, buys] = size
        self.told.append(f"observe {quote}")
        self.table.observe(quote)

    def an_order(self) -> int:
        """Draw an open order; 0 if there is none."""
        state = self.table.desk.state
        numbers = sorted(number for each in OWNERS for number in state.open_orders[each])
        return self.random.choice(numbers) if numbers else 0

    def replace(self) -> None:
        """Replace an open order: by another price, another quantity, or both."""
        draw, number = self.random, self.an_order()
        if not number:
            return
        old = self.table.desk.order(number)
        fields = (
            {}
            if old.is_limited and draw.random() < 0.3
            else self.prices(old.symbol, old.order_type)
        )
        if draw.random() < 0.5:
            fields["quantity"] = max(0, old.quantity + SCALE * draw.choice((-5, -1, 1, 5)))
        tick = self.table.tick()
        at = self.table.now
        replacement = Replacement(
            **tick, received_at=at, market_at=at, account=old.account, portfolio=old.portfolio,
            order_id=number, client_order_id=tick["seq"], **fields,
        )  # fmt: skip
        self.decide("replace", replacement)

    def cancel(self) -> None:
        """Cancel an open order."""
        number = self.an_order()
        if number:
            old = self.table.desk.order(number)
            self.ask("cancel", account=old.account, portfolio=old.portfolio, order_id=number)

    def owned(self) -> dict[str, int]:
        """Draw a portfolio; name it and its account."""
        portfolio = self.random.choice(tuple(OWNERS))
        return {"account": OWNERS[portfolio], "portfolio": portfolio}

    def cancel_all(self) -> None:
        """Cancel all orders of a side or a symbol."""
        side, symbol = self.random.choice(tuple(SideFilter)), self.random.choice(("", *SYMBOLS))
        self.ask("cancel_all", **self.owned(), side=side, symbol=symbol)

    def close(self) -> None:
        """Close a position, or all."""
        at, number = self.table.now, 10**9 + 10 * self.table.seq
        symbol = self.random.choice(("", *SYMBOLS))
        owned = self.owned()
        self.ask(
            "close", **owned, received_at=at, market_at=at, client_order_id=number, symbol=symbol
        )

    def act(self, kind: ActionKind, **fields: Any) -> None:
        """Let a corporate action happen to a symbol that still trades."""
        ended = self.table.desk.state.ended
        symbol, successor = self.random.choice(SYMBOLS), fields.get("successor", "")
        if symbol in ended or successor in {symbol, *ended}:
            return
        currencies = {each.symbol: each.currency for each in self.table.listed}
        if successor and currencies[symbol] != currencies[successor]:
            return
        # Only what does not end a symbol is heard of late: with little or much in between.
        may_be_late = kind in (ActionKind.SPLIT, ActionKind.CASH_DIVIDEND)
        late = may_be_late and self.random.random() < 0.4
        ago = self.random.choice((100, 1000, 20 * HOURS)) if late else -1
        action = CorporateAction(symbol=symbol, kind=kind, at=self.table.now - ago, **fields)
        self.ask("act", action=action, late=late)
        if kind == ActionKind.SPLIT:
            self.sizes.clear()  # Those of the last quote are in other shares now.
            price = self.cents[symbol] * action.denominator // action.numerator
            self.cents[symbol] = max(5, price)

    def split(self) -> None:
        """Split a symbol, or join its shares."""
        numerator, denominator = self.random.choice(((2, 1), (3, 2), (1, 2), (1, 10), (7, 3)))
        self.act(ActionKind.SPLIT, numerator=numerator, denominator=denominator)

    def dividend(self) -> None:
        """Pay a dividend of up to one dollar."""
        self.act(ActionKind.CASH_DIVIDEND, amount=self.random.randint(1, SCALE))

    def end_symbol(self) -> None:
        """Let a symbol become another one, or end."""
        if self.moves < ENDINGS_FROM:
            return
        if self.random.random() < 0.6:
            self.act(ActionKind.SYMBOL_CHANGE, successor=self.random.choice(SYMBOLS))
        else:
            self.act(ActionKind.DELISTING, amount=self.random.choice((0, 5 * SCALE)))

    def advance(self) -> None:
        """Let time pass: little, or to the end of a session and beyond."""
        self.table.now += self.random.choice((0, 10, 100, 20 * HOURS, 90 * HOURS))
        self.ask("advance", market_at=self.table.now)

    def end_session(self) -> None:
        """Send orders for the close of a session in a symbol, play its last bars, and end it."""
        draw, table = self.random, self.table
        at_home = [each for each in table.listed if each.currency == "USD"]
        symbol = draw.choice(at_home).symbol
        if table.desk.asset(symbol).status != AssetStatus.TRADABLE:
            return
        calendar = table.desk.calendars.of(table.desk.asset(symbol))
        close = calendar.next_session(table.now + 4 * MINUTES).close
        table.now = close - 4 * MINUTES
        self.ask("advance", market_at=table.now)
        self.quote(symbol)
        for _ in range(4):
            self.decide("submit", self.for_session(symbol, TimeInForce.CLS, close))
        for _ in range(3):
            table.now += draw.choice((10, MINUTES // 3, MINUTES, MINUTES))
            self.quote(symbol)
            for _ in range(4):
                self.decide("submit", self.for_session(symbol, TimeInForce.DAY, close))
        table.now = close
        self.ask("advance", market_at=close)

    def for_session(self, symbol: str, force: TimeInForce, close: int) -> NewOrder:
        """Draw a market order that lives until the close of a session, or fills at it."""
        wish = self.command()
        owner = self.table.desk.portfolio(wish.portfolio)
        return attrs.evolve(
            wish, symbol=symbol, side=self.side(symbol, owner), order_type=OrderType.MARKET,
            quantity=self.quantity(symbol, wish.portfolio), limit_price=NULL, stop_price=NULL,
            trail_kind=TrailKind.NONE, trail=0, flags=0, legs=(), time_in_force=force,
            works_from=self.table.now if force == TimeInForce.CLS else 0, expire_at=close,
        )  # fmt: skip

    def move_cash(self) -> None:
        """Pay in or out."""
        amount = self.random.choice((1, -1)) * self.random.randint(1, 5000) * SCALE
        self.ask("move_cash", **self.owned(), amount=amount, market_at=self.table.now)

    def set_terms(self) -> None:
        """Choose other terms, which only an empty portfolio may."""
        owned = self.owned()
        self.ask("set_terms", **owned, terms=self.terms(self.random.random() < 0.5))

    def halt(self) -> None:
        """Halt a symbol, or let it trade again."""
        table, symbol = self.table, self.random.choice(SYMBOLS)
        status = self.random.choice(
            (AssetStatus.TRADABLE, AssetStatus.HALTED, AssetStatus.CLOSE_ONLY)
        )
        self.told.append(f"list {symbol} {status}")
        table.show(
            tuple(
                attrs.evolve(each, status=status if each.symbol == symbol else AssetStatus.TRADABLE)
                for each in table.listed
            ),
            table.rates,
        )

    def reset(self) -> None:
        """Begin a new season."""
        cash = self.random.choice((0, 20_000)) * SCALE
        self.ask("reset_portfolio", **self.owned(), cash=cash, market_at=self.table.now)

    def freeze(self) -> None:
        """Let a portfolio trade no more, or again."""
        self.ask("freeze_portfolio", **self.owned(), frozen=self.random.random() < 0.1)

    def turn_back(self) -> None:
        """Turn the market's clock back, by an instant or by days."""
        to = self.table.now - self.random.choice((500, 200 * HOURS))
        tick = self.table.tick()
        setting = ClockSet(
            "replay", 0, ClockMode.REPLAY, False, 1000, to, 1000, 0, tick["at"], back=True
        )
        self.told.append(f"set_clock {setting}")
        self.table.keep(self.table.desk.set_clock(seq=tick["seq"], setting=setting).events)

    def restart(self) -> None:
        """Go on with what the events alone lead to, as a master that was started again."""
        self.told.append("restart")
        whole = self.table.desk.state_hash()
        assert self.hashing.take() == whole, "the hash by parts is another one"
        again = self.table.recovered()
        assert again.state_hash() == whole, "recovery has another hash"
        self.table.desk = again
        self.hashing = StateHash(again.state)


MOVES: Final = (
    (380, Player.quote),
    (360, Player.submit),
    (70, Player.replace),
    (30, Player.cancel),
    (10, Player.cancel_all),
    (30, Player.split),
    (20, Player.dividend),
    (40, Player.advance),
    (12, Player.end_session),
    (10, Player.end_symbol),
    (15, Player.close),
    (10, Player.move_cash),
    (5, Player.reset),
    (3, Player.turn_back),
    (3, Player.restart),
    (5, Player.set_terms),
    (8, Player.halt),
    (4, Player.freeze),
)
"""What a player does, and how often in about a thousand."""
