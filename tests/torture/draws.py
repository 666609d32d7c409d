"""What a random player of the trading desk draws: the assets, terms, orders and their legs.

Everything comes from one seed; most orders are such that the desk may take them.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Final

import attrs

from papertrader.core.desk import Desk
from papertrader.core.events import Event
from papertrader.core.exchange import RateTable, read_rates
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
    Side,
    TimeInForce,
    TrailKind,
)
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import (
    Asset,
    AssetFlag,
)
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
RATE_DAYS: Final = 60
"""Days of which the rates are known; from then on the last one counts."""
OWNERS: Final = {1: 1, 2: 2, 3: 3, 4: 1}
"""The account of each portfolio."""
FLAGS: Final = tuple(each for each in OrderFlag if each != OrderFlag.VALIDATE_ONLY)
TRAILS: Final = ((TrailKind.AMOUNT, 20 * CENT), (TrailKind.PERCENT, SCALE // 100))
RESTING: Final = (TimeInForce.GTC, TimeInForce.DAY)


class Table(Floor):
    """The floor of the core's tests with several symbols, at an instant of the present."""

    listed: tuple[Asset, ...] = ()
    rates: RateTable

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

    def show(self, assets: tuple[Asset, ...], rates: RateTable) -> None:
        """Make assets and rates known, now and after each recovery."""
        self.listed, self.rates = assets, rates
        self.desk.rates.table = rates
        for asset in assets:
            self.desk.list_asset(asset)

    def recovered(self) -> Desk:
        """Return a desk that knows the assets and rates and only applied the events so far."""
        desk = super().recovered()
        desk.rates.table = self.rates
        for asset in self.listed:
            desk.list_asset(asset)
        return desk


def rates(draw: random.Random) -> RateTable:
    """Draw dollars for a euro that leap from day to day."""
    begin = date(2026, 1, 1)
    days = [begin + timedelta(days=number) for number in range(RATE_DAYS)]
    lines = [f"{day},{draw.randint(9_000, 12_000) / 10_000:.4f}" for day in days]
    return read_rates("\n".join(["Date,USD", *lines]))


class Draws:
    """A table of its own, and what may be drawn for it from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        draw = self.random
        lots = draw.choices((SCALE, SCALE // 100, 1), weights=(6, 1, 2), k=len(SYMBOLS))
        flags = AssetFlag.SHORTABLE | AssetFlag.EXTENDED_HOURS
        self.table = Table(cash="20000", lot=lots[0], quantity_min=lots[0], flags=flags)
        first = self.table.asset
        currencies = ("USD", draw.choice(("USD", "EUR")), "USD")
        self.table.show(
            tuple(
                attrs.evolve(first, symbol=symbol, lot=lot, quantity_min=lot, currency=currency)
                for symbol, lot, currency in zip(SYMBOLS, lots, currencies, strict=True)
            ),
            rates(draw),
        )
        self.cents = {symbol: draw.randint(500, 3000) for symbol in SYMBOLS}

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
            hold_seconds=draw.choice((0, 0, 0, 0, 0, 3_600)),
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
            exits = leg(LegRole.TAKE_PROFIT, OrderType.LIMIT), leg(LegRole.STOP_LOSS, *stops)
            return exits[: draw.choice((1, 2, 2, 2))]
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
