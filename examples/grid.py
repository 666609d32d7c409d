"""A bot that keeps a limit order below and one above the price, and puts new ones when one fills.

    python examples/grid.py HOST:PORT CA_FILE KEY_FILE SYMBOL

It stands on the asyncio client. Not advice: an example.
"""

from __future__ import annotations

import asyncio
import sys
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from papertrader.client.aio import AsyncClient
from papertrader.client.errors import PaperTraderError
from papertrader.client.updates import OrderUpdate
from papertrader.core.orders import Side

STEP = Decimal("0.01")
"""One percent from the price."""
QUANTITY = Decimal(5)
CENT = Decimal("0.01")


def levels(price: Decimal) -> tuple[Decimal, Decimal]:
    """Return where to buy and where to sell."""
    below, above = price * (1 - STEP), price * (1 + STEP)
    return below.quantize(CENT, ROUND_HALF_UP), above.quantize(CENT, ROUND_HALF_UP)


async def place(client: Any, symbol: str) -> None:
    """Cancel what is left and put both orders around the price of now."""
    for order in await client.orders(symbol):
        await client.order_cancel(order.order_id)
    (quote,) = await client.quotes([symbol])
    if quote.last is None:
        return
    below, above = levels(quote.last)
    await client.buy(symbol, QUANTITY, below, "gtc")
    held = {p.symbol: p.quantity for p in (await client.portfolio()).positions}
    if held.get(symbol, Decimal(0)) >= QUANTITY:
        await client.sell(symbol, QUANTITY, above, "gtc")


async def run(address: str, ca: str, key: str, symbol: str) -> None:
    """Go on until stopped."""
    async with AsyncClient(address, ca) as client:
        await client.login("", api_key=key)
        await client.subscribe_account()
        await place(client, symbol)
        async for event in client.events():
            if not isinstance(event, OrderUpdate) or event.order.symbol != symbol:
                continue  # another program of the same account may trade another symbol
            if event.fill is not None:
                side = "bought" if event.order.side == Side.BUY else "sold"
                print(f"{side} {event.fill.quantity} at {event.fill.price}", flush=True)
                if not event.order.is_open:
                    await place(client, symbol)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    where, authority, file, asset = sys.argv[1:]
    try:
        asyncio.run(run(where, authority, Path(file).read_text().strip(), asset))
    except KeyboardInterrupt:
        sys.exit(130)
    except (PaperTraderError, OSError, ValueError) as wrong:
        sys.exit(f"error: {wrong}")
