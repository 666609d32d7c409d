"""Peer: NautilusTrader's matching engine, in its back-test: market orders in memory.

Settings: release of ``requirements-nautilus.txt``; one venue, netting, a cash account that has
plenty, one instrument, quotes with plenty at both sides, no fee, no latency but the nanosecond by
which an order meets the next quote, as PaperTrader's rule wants it; logging bypassed, no analysis.
One strategy sends so many market orders of one unit at each quote, by turns bought and sold. CPU
time of `BacktestEngine.run` alone: data and engine are made before.

    python peers/nautilus.py ORDERS BATCH ROUNDS

Runs under its own Python (3.12 or newer) and imports nothing of this project.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import FillModel, LatencyModel
from nautilus_trader.common.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, TimeInForce
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("SIM")
START_NS = 1_700_000_000 * 10**9
PLENTY = 1_000_000
ONE = Quantity.from_int(1)


class Sender(Strategy):
    """Sends a batch of market orders at each quote until all are sent."""

    def __init__(self, coin: CurrencyPair, orders: int, batch: int) -> None:
        super().__init__(StrategyConfig(strategy_id="S-1"))
        self.coin = coin
        self.left = orders
        self.batch = batch
        self.filled = 0

    def on_start(self) -> None:
        """Ask for the quotes."""
        self.subscribe_quote_ticks(self.coin.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """Send a batch."""
        for number in range(min(self.batch, self.left)):
            side = OrderSide.SELL if number % 2 else OrderSide.BUY
            order = self.order_factory.market(
                instrument_id=self.coin.id, order_side=side, quantity=ONE,
                time_in_force=TimeInForce.GTC,
            )  # fmt: skip
            self.submit_order(order)
        self.left -= min(self.batch, self.left)

    def on_order_filled(self, event: Any) -> None:
        """Count."""
        self.filled += 1


def instrument() -> CurrencyPair:
    """Return a coin priced to the cent, without fees."""
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol("COIN/USDT"), VENUE), raw_symbol=Symbol("COIN"),
        base_currency=BTC, quote_currency=USDT, price_precision=2, size_precision=0,
        price_increment=Price.from_str("0.01"), size_increment=ONE, ts_event=0, ts_init=0,
        maker_fee=Decimal(0), taker_fee=Decimal(0),
    )  # fmt: skip


def seconds(orders: int, batch: int) -> float:
    """Return the CPU seconds of so many orders. Raises `RuntimeError` if one was not filled."""
    coin = instrument()
    engine = BacktestEngine(
        BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    )
    engine.add_venue(
        venue=VENUE, oms_type=OmsType.NETTING, account_type=AccountType.CASH, base_currency=None,
        starting_balances=[Money(10**9, USDT), Money(10**6, BTC)], fill_model=FillModel(),
        latency_model=LatencyModel(base_latency_nanos=1),
    )  # fmt: skip
    engine.add_instrument(coin)
    price, more = Price.from_str("100.00"), Quantity.from_int(PLENTY)
    stamps = [START_NS + number * 10**9 for number in range(orders // batch + 2)]
    engine.add_data([QuoteTick(coin.id, price, price, more, more, at, at) for at in stamps])
    sender = Sender(coin, orders, batch)
    engine.add_strategy(sender)
    gc.collect()
    gc.freeze()
    start = time.process_time()
    engine.run()
    used = time.process_time() - start
    gc.unfreeze()
    if sender.filled != orders:
        raise RuntimeError(f"{sender.filled} of {orders} market orders were filled")
    engine.dispose()
    return used


if __name__ == "__main__":
    orders, batch, rounds = map(int, sys.argv[1:4])
    json.dump([seconds(orders, batch) for _ in range(rounds)], sys.stdout)
