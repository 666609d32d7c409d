"""The robot that knows the next price: what its knowledge is worth on the desk.

Prices are a fair walk. Before each update the robot knows what it will show; it buys if the price
is about to rise and sells what it has if it is about to fall. Its stamps are true: each order is
received after the update before, and before the one that it knows.
"""

from __future__ import annotations

import random
from math import isqrt

import attrs

from papertrader.core.desk import Desk
from papertrader.core.events import OrderChanged, TransactionPosted
from papertrader.core.intervals import BAR_NS
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import NewOrder, OrderEventKind, OrderType, Side, TimeInForce
from papertrader.core.quotes import Asset, AssetKind, Quote
from papertrader.core.terms import FillModelKind, PortfolioTerms

TICK = SCALE // 100
STEPS = (-30, -10, -5, 5, 10, 30)
HALF_SPREAD = 2
"""In ticks; 0 for the models that fill at last prices."""


@attrs.define
class Result:
    """Money in 1e-8 units. ``if_filled_at_once``: at the prices known when the orders were sent.

    ``deviation`` is that of the sum of so many fair steps.
    """

    trades: int
    profit: int
    if_filled_at_once: int
    deviation: int


class Robot:
    """A desk, its portfolio, and the walk."""

    def __init__(self, model: FillModelKind, seed: int) -> None:
        self.draw = random.Random(seed)
        self.desk = Desk()
        self.desk.list_asset(
            Asset(
                symbol="COIN", name="Coin", kind=AssetKind.CRYPTO, currency="USD", tick=TICK,
                lot=SCALE, quantity_min=SCALE, quantity_max=10**6 * SCALE, calendar="24/7",
            )
        )  # fmt: skip
        self.seq = self.now = self.quotes = 0
        self.desk.open_portfolio(
            **self.tick(), account=1, portfolio=1, currency="USD", deposit=10**9 * SCALE
        )
        self.desk.set_terms(
            **self.tick(), account=1, portfolio=1,
            terms=PortfolioTerms(fill_model=model, participation=10_000, impact=0),
        )  # fmt: skip
        self.bars = model == FillModelKind.BAR
        crosses = model in (FillModelKind.QUOTE, FillModelKind.CONSERVATIVE)
        self.half = HALF_SPREAD if crosses else 0
        self.middle = 100_000
        self.held = self.cash = 0

    def tick(self) -> dict[str, int]:
        """Return the number and the instant of the next input."""
        self.seq += 1
        self.now += 10
        return {"seq": self.seq, "at": self.now}

    def observe(self) -> int:
        """Let the market show the present price; return how many fills that made."""
        self.quotes += 1
        if self.bars:  # Each update begins a bar, so that one bar is what the robot knows.
            self.now += BAR_NS
        tick = self.tick()
        quote = Quote(
            symbol="COIN", bid=(self.middle - self.half) * TICK,
            ask=(self.middle + self.half) * TICK, last=self.middle * TICK,
            day_volume=self.quotes * 100 * SCALE, observed_at=tick["at"],
            source_time=tick["at"], quote_seq=self.quotes,
        )  # fmt: skip
        fills = 0
        for event in self.desk.observe(seq=tick["seq"], quote=quote):
            if isinstance(event, OrderChanged) and event.kind == OrderEventKind.FILL:
                fills += 1
            elif isinstance(event, TransactionPosted):
                self.cash += event.transaction.amount
        return fills

    def send(self, side: Side, limit: int = NULL) -> None:
        """Send an order of one coin, for the next update only."""
        tick = self.tick()
        self.desk.submit(
            NewOrder(
                **tick, received_at=tick["at"], market_at=tick["at"], account=1, portfolio=1,
                client_order_id=tick["seq"], symbol="COIN", side=side,
                order_type=OrderType.MARKET if limit == NULL else OrderType.LIMIT,
                time_in_force=TimeInForce.IOC, expire_at=tick["at"] + 10**6,
                quantity=SCALE, limit_price=limit,
            )
        )  # fmt: skip


def play(trades: int, model: FillModelKind, *, how: str = "market", seed: int = 7) -> Result:
    """Let the robot make so many trades; what it holds in the end is valued at the last price."""
    robot = Robot(model, seed)
    robot.observe()
    done = at_once = 0
    while done < trades:
        step = robot.draw.choice(STEPS)
        rising = step > 0
        wants = rising and not robot.held, not rising and robot.held > 0
        if any(wants):
            side = Side.BUY if wants[0] else Side.SELL
            sign = 1 if wants[0] else -1
            # With a limit it asks for the known price of the next update, to the tick.
            known = (robot.middle + step + sign * robot.half + sign) * TICK
            robot.send(side, NULL if how == "market" else known)
            at_once -= sign * (robot.middle + sign * robot.half) * TICK
        robot.middle += step
        fills = robot.observe()
        if robot.bars:
            # The bar that it knew the beginning of is complete with the next update, a fair one.
            robot.middle += robot.draw.choice(STEPS)
            fills += robot.observe()
        if fills:
            done += fills
            robot.held += fills if wants[0] else -fills
        elif any(wants):
            at_once += sign * (robot.middle - step + sign * robot.half) * TICK
    value = robot.held * robot.middle * TICK
    square = sum(each * each for each in STEPS) // len(STEPS)
    return Result(
        trades=done,
        profit=robot.cash + value,
        if_filled_at_once=at_once + value,
        deviation=isqrt(square * robot.quotes) * TICK,
    )
