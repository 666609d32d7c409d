"""Scenarios for two matching engines: quotes and orders, and what PaperTrader's desk makes of them.

A scenario: ``cash``, ``coins`` held at the start, ``fee`` (part of the notional), ``quotes`` as
[bid, ask, bid size, ask size], and ``orders`` with ``after`` (the number of the quote that is known
when it is sent), ``id``, ``side``, ``type``, ``quantity`` and ``price``. A seed draws it all.
"""

from __future__ import annotations

import random
from typing import Any

from papertrader.core.desk import Desk
from papertrader.core.events import OrderChanged
from papertrader.core.money import NULL, SCALE, format_amount, parse_amount
from papertrader.core.orders import NewOrder, OrderEventKind, OrderType, Side, TimeInForce
from papertrader.core.quotes import Asset, AssetKind, Quote
from papertrader.core.rules import DeskRules
from papertrader.core.terms import FeeModelKind, PortfolioTerms

PLENTY = 1_000_000
TYPES = {"MARKET": OrderType.MARKET, "LIMIT": OrderType.LIMIT, "STOP": OrderType.STOP}


def scenario(
    seed: int, quotes: int = 2_000, orders: int = 500, *, scarce: bool = False
) -> dict[str, Any]:
    """Return a walk of prices with gaps, and orders of all kinds around it."""
    draw = random.Random(seed)
    middle, walk = 10_000, []
    for _ in range(quotes):
        middle = max(5_000, middle + draw.choice((-60, -9, -3, -1, 0, 1, 3, 9, 60)))
        bid, ask = middle - draw.randint(1, 6), middle + draw.randint(1, 6)
        sizes = [draw.randint(1, 40) if scarce else PLENTY for _ in range(2)]
        walk.append([_cents(bid), _cents(ask), *sizes])
    wishes = []
    for number in sorted(draw.randrange(1, quotes - 1) for _ in range(orders)):
        side, kind = draw.choice(("BUY", "SELL")), draw.choice(tuple(TYPES))
        near = int(walk[number][1 if side == "BUY" else 0].replace(".", ""))
        away = draw.randint(5, 120)
        below = (side == "BUY") == (kind == "LIMIT")
        wishes.append(
            {
                "after": number,
                "id": len(wishes) + 1,
                "side": side,
                "type": kind,
                "quantity": draw.randint(1, 30),
                "price": _cents(near - away if below else near + away),
            }
        )
    return {
        "cash": "10000000",
        "coins": "100000",
        "fee": "0.001",
        "scarce": scarce,
        "quotes": walk,
        "orders": wishes,
    }


def _cents(price: int) -> str:
    return f"{price // 100}.{price % 100:02d}"


def _terms(fee: str) -> PortfolioTerms:
    return PortfolioTerms(fee_model=FeeModelKind.PERCENT, fee_rate=parse_amount(fee))


class Floor:
    """A desk that plays a scenario."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.desk = Desk(DeskRules(open_orders_max=10**6, open_orders_symbol_max=10**6))
        self.desk.list_asset(
            Asset(
                symbol="COIN",
                name="Coin",
                kind=AssetKind.CRYPTO,
                currency="USD",
                tick=SCALE // 100,
                lot=SCALE,
                quantity_min=SCALE,
                quantity_max=10**7 * SCALE,
                calendar="24/7",
            )
        )
        self.seq = self.now = self.number = 0
        self.fills: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.desk.open_portfolio(
            **self._next(), account=1, portfolio=1, currency="USD", deposit=10**10 * SCALE
        )
        self.desk.set_terms(**self._next(), account=1, portfolio=1, terms=_terms(given["fee"]))
        self._stock(int(given["coins"]))

    def _next(self) -> dict[str, int]:
        self.seq += 1
        self.now += 10
        return {"seq": self.seq, "at": self.now}

    def _stock(self, coins: int) -> None:
        """Bring the coins that the account has at the start, and then its cash and its fees."""
        self._observe(["0.01", "0.01", 0, 0])
        self._send({"id": 10**9, "side": "BUY", "type": "MARKET", "quantity": coins})
        self._observe(["0.01", "0.01", 0, 0])
        held = self.desk.state.portfolios[1].cash
        self.desk.move_cash(
            **self._next(),
            account=1,
            portfolio=1,
            amount=parse_amount(self.given["cash"]) - held,
        )
        self.fills.clear()
        self.number = 0

    def play(self) -> dict[str, Any]:
        """Return the fills, refusals and the cash in the end."""
        waiting = list(self.given["orders"])
        for number, quote in enumerate(self.given["quotes"]):
            self.number = number
            self._observe(quote)
            while waiting and waiting[0]["after"] == number:
                self._send(waiting.pop(0))
        portfolio = self.desk.state.portfolios[1]
        return {
            "fills": self.fills,
            "refused": self.refused,
            "cash": format_amount(portfolio.cash, 8),
            "coins": format_amount(portfolio.positions["COIN"].quantity, 8),
        }

    def _observe(self, quote: list[Any]) -> None:
        bid, ask, bid_size, ask_size = quote
        tick = self._next()
        events = self.desk.observe(
            seq=tick["seq"],
            quote=Quote(
                symbol="COIN",
                bid=parse_amount(bid),
                ask=parse_amount(ask),
                bid_size=bid_size * SCALE,
                ask_size=ask_size * SCALE,
                observed_at=tick["at"],
                source_time=tick["at"],
                quote_seq=tick["seq"],
            ),
        )
        for event in events:
            if isinstance(event, OrderChanged) and event.kind == OrderEventKind.FILL:
                self.fills.append(
                    {
                        "id": event.order.client_order_id,
                        "quote": self.number,
                        "quantity": format_amount(event.fill_quantity, 0),
                        "price": format_amount(event.fill_price),
                        "fee": format_amount(event.fill_fees, 8),
                    }
                )

    def _send(self, wish: dict[str, Any]) -> None:
        tick, price = self._next(), parse_amount(wish.get("price", "0"))
        outcome = self.desk.submit(
            NewOrder(
                **tick,
                received_at=tick["at"],
                market_at=tick["at"],
                account=1,
                portfolio=1,
                client_order_id=wish["id"],
                symbol="COIN",
                side=Side[wish["side"]],
                order_type=TYPES[wish["type"]],
                time_in_force=TimeInForce.GTC,
                quantity=wish["quantity"] * SCALE,
                limit_price=price if wish["type"] == "LIMIT" else NULL,
                stop_price=price if wish["type"] == "STOP" else NULL,
            )
        )
        if outcome.refusal is not None:
            self.refused.append(f"{wish['id']}: {outcome.text}")
