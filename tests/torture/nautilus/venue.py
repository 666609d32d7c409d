"""Plays a scenario on NautilusTrader's matching engine; run by a Python that has it installed.

It reads a scenario (see `scenario.py`) from standard input and writes what was filled, and the cash
in the end, to standard output. Its latency of one nanosecond makes an order meet the quote after
the one on which it was sent, as PaperTrader's rule wants it.
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import FillModel, LatencyModel, MakerTakerFeeModel
from nautilus_trader.common.config import LoggingConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, TimeInForce
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("SIM")
STEP_NS = 1_000_000_000
START_NS = 1_700_000_000 * STEP_NS


def instrument(fee: str) -> CurrencyPair:
    """Return a coin priced to the cent, in a currency of 8 decimals so that fees are exact."""
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol("COIN/USDT"), VENUE),
        raw_symbol=Symbol("COIN"),
        base_currency=Currency.from_str("BTC"),
        quote_currency=USDT,
        price_precision=2,
        size_precision=0,
        price_increment=Price.from_str("0.01"),
        size_increment=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
        maker_fee=Decimal(fee),
        taker_fee=Decimal(fee),
    )


class Sender(Strategy):
    """Sends each order after the quote that the scenario names."""

    def __init__(self, coin: CurrencyPair, orders: list[dict[str, Any]]) -> None:
        super().__init__(StrategyConfig(strategy_id="S-1"))
        self.coin = coin
        self.wishes: dict[int, list[dict[str, Any]]] = {}
        for order in orders:
            self.wishes.setdefault(order["after"], []).append(order)
        self.seen = 0
        self.fills: list[dict[str, Any]] = []
        self.refused: list[str] = []

    def on_start(self) -> None:
        self.subscribe_quote_ticks(self.coin.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        for wish in self.wishes.get(self.seen, ()):
            self.submit_order(self._order(wish))
        self.seen += 1

    def _order(self, wish: dict[str, Any]) -> Any:
        common = {
            "instrument_id": self.coin.id,
            "order_side": OrderSide.BUY if wish["side"] == "BUY" else OrderSide.SELL,
            "quantity": Quantity.from_int(wish["quantity"]),
            "time_in_force": TimeInForce.GTC,
            "client_order_id": ClientOrderId(f"O-{wish['id']}"),
        }
        if wish["type"] == "MARKET":
            return self.order_factory.market(**common)
        if wish["type"] == "LIMIT":
            return self.order_factory.limit(price=Price.from_str(wish["price"]), **common)
        return self.order_factory.stop_market(trigger_price=Price.from_str(wish["price"]), **common)

    def on_order_rejected(self, event: Any) -> None:
        self.refused.append(f"{event.client_order_id.value}: {event.reason}")

    def on_order_denied(self, event: Any) -> None:
        self.refused.append(f"{event.client_order_id.value}: {event.reason}")

    def on_order_filled(self, event: OrderFilled) -> None:
        self.fills.append(
            {
                "id": int(event.client_order_id.value.removeprefix("O-")),
                "quote": (event.ts_event - START_NS) // STEP_NS,
                "quantity": str(event.last_qty),
                "price": str(event.last_px),
                "fee": str(event.commission.as_decimal()),
            }
        )


def play(scenario: dict[str, Any]) -> dict[str, Any]:
    """Return the fills, refusals and the cash in the end."""
    coin = instrument(scenario["fee"])
    engine = BacktestEngine(
        BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    )
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[
            Money(Decimal(scenario["cash"]), USDT),
            Money(Decimal(scenario["coins"]), Currency.from_str("BTC")),
        ],
        fill_model=FillModel(),
        fee_model=MakerTakerFeeModel(),
        latency_model=LatencyModel(base_latency_nanos=1),
        reject_stop_orders=False,
        liquidity_consumption=scenario["scarce"],
    )
    engine.add_instrument(coin)
    engine.add_data(
        [
            QuoteTick(
                coin.id,
                Price.from_str(bid),
                Price.from_str(ask),
                Quantity.from_int(bid_size),
                Quantity.from_int(ask_size),
                START_NS + number * STEP_NS,
                START_NS + number * STEP_NS,
            )
            for number, (bid, ask, bid_size, ask_size) in enumerate(scenario["quotes"])
        ]
    )
    sender = Sender(coin, scenario["orders"])
    engine.add_strategy(sender)
    engine.run()
    account = engine.cache.account_for_venue(VENUE)
    result = {
        "fills": sender.fills,
        "refused": sender.refused,
        "cash": str(account.balance_total(USDT).as_decimal()),
        "coins": str(account.balance_total(Currency.from_str("BTC")).as_decimal()),
    }
    engine.dispose()
    return result


if __name__ == "__main__":
    json.dump(play(json.load(sys.stdin)), sys.stdout)
