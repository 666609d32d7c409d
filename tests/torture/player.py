"""A player of the trading desk who does everything at random: see `tests.torture.play`.

Portfolios of random terms trade three symbols by every type of order, combinations among them,
while splits, dividends, endings, cash, resets, restarts, ends of sessions and a clock that is
turned back come between. Everything that is drawn comes from one seed.
"""

from __future__ import annotations

import random
from typing import Any, Final

import attrs

from papertrader.core.desk import Desk
from papertrader.core.events import ClockSet, Event, Outcome
from papertrader.core.marketclock import ClockMode
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import (
    LIMITED,
    TRIGGERED_TYPES,
    WAITING,
    Leg,
    LegRole,
    NewOrder,
    OrderFlag,
    OrderType,
    Replacement,
    Side,
    SideFilter,
    TimeInForce,
    TrailKind,
)
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import ActionKind, Asset, AssetFlag, CorporateAction, QuoteFlag
from papertrader.core.terms import (
    AccountKind,
    FeeModelKind,
    FillModelKind,
    PortfolioTerms,
    TermsFlag,
)
from tests.core.conftest import Floor

SYMBOLS: Final = ("ACME", "BETA", "NEWS")
BEGIN: Final = 1_767_625_200 * 10**9
"""Monday, the 5th of January 2026, 15:00 UTC: within a session."""
HOURS: Final = 3600 * 10**9
CENT: Final = SCALE // 100
ENDINGS_FROM: Final = 100
"""The step before which no symbol ends, so that there is something to play with."""
OWNERS: Final = {1: 1, 2: 2, 3: 3, 4: 1}
"""The account of each portfolio."""
FLAGS: Final = tuple(each for each in OrderFlag if each != OrderFlag.VALIDATE_ONLY)
TRAILS: Final = ((TrailKind.AMOUNT, 20 * CENT), (TrailKind.PERCENT, SCALE // 100))
RESTING: Final = (TimeInForce.GTC, TimeInForce.DAY)


class Table(Floor):
    """The floor of the core's tests with several symbols, at an instant of the present."""

    listed: tuple[Asset, ...] = ()

    def tick(self) -> dict[str, int]:
        """Return the sequence number and the instant of the next input."""
        self.now = max(self.now, BEGIN)
        return super().tick()

    def keep(self, events: list[Event]) -> list[Event]:
        """Remember ``events``, and name every invariant that is broken."""
        self.events.extend(events)
        broken = self.desk.check_invariants()
        assert not broken, "; ".join(broken)
        return events

    def show(self, assets: tuple[Asset, ...]) -> None:
        """Make assets known, now and after each recovery."""
        self.listed = assets
        for asset in assets:
            self.desk.list_asset(asset)

    def recovered(self) -> Desk:
        """Return a desk that knows the assets and only applied the events so far."""
        desk = super().recovered()
        for asset in self.listed:
            desk.list_asset(asset)
        return desk


class Player:
    """Sits at a table of its own; what `move` does is told in ``told``, one line an input."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.moves = self.orders = self.accepted = 0
        self.told: list[str] = []
        draw = self.random
        lots = draw.choices((SCALE, SCALE // 100, 1), weights=(6, 1, 2), k=len(SYMBOLS))
        flags = AssetFlag.SHORTABLE | AssetFlag.EXTENDED_HOURS
        self.table = Table(cash="20000", lot=lots[0], quantity_min=lots[0], flags=flags)
        first = self.table.asset
        self.table.show(
            tuple(
                attrs.evolve(first, symbol=symbol, lot=lot, quantity_min=lot)
                for symbol, lot in zip(SYMBOLS, lots, strict=True)
            )
        )
        self.cents = {symbol: draw.randint(500, 3000) for symbol in SYMBOLS}
        for portfolio, account in OWNERS.items():
            if portfolio > 1:
                self.table.open(account, portfolio, str(draw.choice((3_000, 20_000, 200_000))))
            terms = self.terms(portfolio % 2 == 0)
            self.ask("set_terms", account=account, portfolio=portfolio, terms=terms)

    # What is drawn

    def terms(self, margin: bool) -> PortfolioTerms:
        """Draw the terms of a portfolio."""
        draw = self.random
        flags = draw.choice((0, *TermsFlag))
        fees = draw.choice(tuple(FeeModelKind))
        by_part = fees in (FeeModelKind.PERCENT, FeeModelKind.MAKER_TAKER)
        rate = 0 if fees == FeeModelKind.FREE else SCALE // (500 if by_part else 100)
        return PortfolioTerms(
            account_kind=AccountKind.MARGIN if margin else AccountKind.CASH,
            fill_model=draw.choice(tuple(FillModelKind)),
            fee_model=fees,
            flags=int(flags),
            slippage=draw.choice((0, 0, 10)),
            leverage=draw.choice((0, 10_000, 20_000) if margin else (0, 10_000)),
            position_cap=draw.choice((0, 0, 3_000)),
            fee_rate=rate,
            fee_maker=draw.choice((0, -rate // 2)) if fees == FeeModelKind.MAKER_TAKER else 0,
            fee_minimum=draw.choice((0, 0, SCALE)),
            seed=draw.getrandbits(32),
        )

    def near(self, symbol: str) -> int:
        """Draw a price within 40 cents of the market's."""
        return CENT * max(1, self.cents[symbol] + self.random.randint(-40, 40))

    def prices(self, symbol: str, order_type: OrderType) -> dict[str, int]:
        """Draw the fields that an order of a type is priced by."""
        if order_type == OrderType.TRAILING_STOP:
            kind, trail = self.random.choice(TRAILS)
            return {"trail_kind": kind, "trail": trail}
        return {
            "limit_price": self.near(symbol) if order_type in LIMITED else NULL,
            "stop_price": self.near(symbol) if order_type in TRIGGERED_TYPES else NULL,
        }

    def legs(self, symbol: str, side: Side, lasts: TimeInForce) -> tuple[Leg, ...]:
        """Draw what comes with an order: nothing, exits, a partner, or another order."""
        draw = self.random

        def leg(role: LegRole, *kinds: OrderType, side: Side | None = None) -> Leg:
            kind = draw.choice(kinds)
            self.table.seq += 1
            return Leg(
                role=role,
                side=side,
                order_type=kind,
                time_in_force=lasts
                if role == LegRole.OCO
                else draw.choice((TimeInForce.GTC, lasts)),
                client_order_id=self.table.seq,
                **self.prices(symbol, kind),
            )

        stops = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
        wanted = draw.choices(("", "exits", "partner", "other"), weights=(60, 20, 10, 10))[0]
        if wanted == "exits":
            return leg(LegRole.TAKE_PROFIT, OrderType.LIMIT), leg(LegRole.STOP_LOSS, *stops)
        if wanted == "partner":
            return (leg(LegRole.OCO, OrderType.LIMIT, OrderType.STOP),)
        if wanted == "other":
            other = draw.choice((None, Side.SELL if side == Side.BUY else Side.BUY, *Side))
            return (leg(LegRole.OTO, OrderType.LIMIT, OrderType.MARKET, side=other),)
        return ()

    def quantity(self, symbol: str, portfolio: int) -> int:
        """Draw a quantity: often all that is held, often a few lots."""
        draw = self.random
        held = self.table.desk.portfolio(portfolio).quantity(symbol)
        if held and draw.random() < 0.4:
            return abs(held)
        lot = next(asset.lot for asset in self.table.listed if asset.symbol == symbol)
        if lot < SCALE and draw.random() < 0.5:
            return max(lot, draw.randint(1, 10**10) // lot * lot)
        return SCALE * draw.choice((1, 2, 5, 10, 33, 100, draw.randint(1, 400)))

    def flags(self, order_type: OrderType, lasts: TimeInForce, legs: bool) -> OrderFlag:
        """Draw the flags of an order: mostly one that goes with the rest, or none."""
        if self.random.random() < 0.05:
            return self.random.choice(FLAGS)
        fit = [OrderFlag(0)] * 5
        if not legs:
            fit += [OrderFlag.REDUCE_ONLY, OrderFlag.ALLOW_FLIP]
            fit += [OrderFlag.NOTIONAL] * (order_type in (OrderType.MARKET, OrderType.LIMIT))
        if order_type == OrderType.LIMIT and lasts in RESTING:
            fit.append(OrderFlag.EXTENDED_HOURS)
        return self.random.choice(fit)

    def side(self, symbol: str, owner: PortfolioState) -> Side:
        """Draw a side: mostly one that the portfolio may take."""
        if self.random.random() < 0.05:
            return self.random.choice(tuple(Side))
        if owner.quantity(symbol) > 0:
            return self.random.choice((Side.BUY, Side.SELL, Side.SELL))
        return self.random.choice((Side.BUY, Side.SELL_SHORT) if owner.is_margin else (Side.BUY,))

    def command(self) -> NewOrder:
        """Draw an order; most are such that the desk may take them."""
        draw, table = self.random, self.table
        portfolio = draw.choice(tuple(OWNERS))
        trading = [each for each in SYMBOLS if each not in table.desk.state.ended]
        symbol = draw.choice(trading if trading and draw.random() < 0.97 else SYMBOLS)
        side = self.side(symbol, table.desk.portfolio(portfolio))
        order_type = draw.choice(tuple(OrderType))
        plain = order_type in (OrderType.MARKET, OrderType.LIMIT)
        lasts = draw.choice(tuple(TimeInForce) if plain and draw.random() < 0.5 else RESTING)
        tick = table.tick()
        legs = self.legs(symbol, side, lasts) if lasts in RESTING else ()
        return NewOrder(
            **tick,
            received_at=table.now,
            market_at=table.now,
            account=OWNERS[portfolio],
            portfolio=portfolio,
            client_order_id=tick["seq"],
            symbol=symbol,
            side=side,
            order_type=order_type,
            time_in_force=lasts,
            quantity=self.quantity(symbol, portfolio),
            flags=int(self.flags(order_type, lasts, bool(legs))),
            legs=legs,
            expire_at=0 if lasts == TimeInForce.GTC else table.now + draw.randint(20, 600),
            works_from=table.now + 10 if lasts in WAITING else 0,
            **self.prices(symbol, order_type),
        )

    # What is done

    def move(self) -> None:
        """Do one thing. Whatever it raises is a rule that was broken."""
        self.moves += 1
        weights = [weight for weight, _ in MOVES]
        self.random.choices([act for _, act in MOVES], weights=weights)[0](self)
        self.check()

    def check(self) -> None:
        """Beside the invariants: no cash portfolio owes money or shares."""
        for owner in self.table.desk.state.portfolios.values():
            if not owner.is_margin:
                number = owner.portfolio
                assert owner.cash >= owner.reserved_cash, f"portfolio {number} owes cash"
                short = [each for each in owner.positions.values() if each.quantity < 0]
                assert not short, f"cash portfolio {number} is short: {short}"

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

    def quote(self) -> None:
        """Let the market of a symbol move, now and then by half or double."""
        draw, symbol = self.random, self.random.choice(SYMBOLS)
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
            day_volume=SCALE * 1000 * self.moves,
            flags=draw.choice((QuoteFlag(0),) * 5 + (QuoteFlag.EXTENDED,)),
        )
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
        state = self.table.desk.state
        symbol = self.random.choice(SYMBOLS)
        if symbol in state.ended or fields.get("successor") in {symbol, *state.ended}:
            return
        action = CorporateAction(symbol=symbol, kind=kind, at=self.table.now + 1, **fields)
        self.ask("act", action=action)
        if kind == ActionKind.SPLIT:
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

    def move_cash(self) -> None:
        """Pay in or out."""
        amount = self.random.choice((1, -1)) * self.random.randint(1, 5000) * SCALE
        self.ask("move_cash", **self.owned(), amount=amount, market_at=self.table.now)

    def reset(self) -> None:
        """Begin a new season."""
        cash = self.random.choice((0, 20_000)) * SCALE
        self.ask("reset_portfolio", **self.owned(), cash=cash, market_at=self.table.now)

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
        again = self.table.recovered()
        assert again.state_hash() == self.table.desk.state_hash(), "recovery has another hash"
        self.table.desk = again


MOVES: Final = (
    (380, Player.quote),
    (360, Player.submit),
    (70, Player.replace),
    (30, Player.cancel),
    (10, Player.cancel_all),
    (30, Player.split),
    (20, Player.dividend),
    (40, Player.advance),
    (10, Player.end_symbol),
    (15, Player.close),
    (10, Player.move_cash),
    (5, Player.reset),
    (3, Player.turn_back),
    (3, Player.restart),
)
"""What a player does, and how often in about a thousand."""
