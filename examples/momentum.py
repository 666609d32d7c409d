"""A bot that buys what rose over twenty days and sells what did not. Not advice: an example.

    python examples/momentum.py HOST:PORT CA_FILE KEY_FILE

It asks once in a market day, holds at most five assets, and can be stopped at any time: the number
of an order follows from the day, so that whoever starts it again buys and sells nothing twice.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from papertrader.client.blocking import Client
from papertrader.client.errors import PaperTraderError, RefusedError

LOOK_BACK = 20
HOLD_MAX = 5
PART = Decimal("0.15")
"""Of the equity in each asset."""


def momentum(client: Any, symbol: str) -> Decimal | None:
    """Return the gain over the last LOOK_BACK days, None without so many."""
    bars = client.bars(symbol, "1d", limit=LOOK_BACK + 1, adjust="split").bars
    if len(bars) <= LOOK_BACK or not bars[0].close:
        return None
    return (bars[-1].close - bars[0].close) / bars[0].close


def number(client: Any, what: str) -> int:
    """Return the client order id of what is done today; a clock turned back begins other days."""
    clock = client.clock()
    text = f"momentum {clock.epoch} {clock.now.date()} {what}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") + 1


def send(
    client: Any, what: str, symbol: str, quantity: Decimal, say: Callable[[str], None]
) -> None:
    """Buy or sell, once a day, and say so; or why the server refused it, which ends nothing."""
    order = client.buy if what == "buy" else client.sell
    try:
        order(symbol, quantity, client_order_id=number(client, f"{what} {symbol}"))
    except RefusedError as error:
        if error.code != "DUPLICATE_ORDER":
            say(f"cannot {what} {quantity} {symbol}: {error}")
    else:
        say(f"{what} {quantity} {symbol}")


def rebalance(client: Any, say: Callable[[str], None] = print) -> None:
    """Sell what fell behind, buy what leads."""
    gains = {asset.symbol: momentum(client, asset.symbol) for asset in client.assets(limit=30)}
    ranked = sorted((s for s, gain in gains.items() if gain is not None and gain > 0),
                    key=lambda symbol: -(gains[symbol] or 0))[:HOLD_MAX]  # fmt: skip
    portfolio = client.portfolio()
    held = {position.symbol: position.quantity for position in portfolio.positions}
    for symbol, quantity in held.items():
        if symbol not in ranked:
            send(client, "sell", symbol, quantity, say)
    budget = (portfolio.equity or portfolio.cash) * PART
    wanted = [symbol for symbol in ranked if symbol not in held]
    for quote in client.quotes(wanted) if wanted else ():
        if quote.ask:
            quantity = budget // quote.ask
            if quantity > 0:
                send(client, "buy", quote.symbol, quantity, say)


def main(address: str, ca: str, key_file: str) -> None:
    """Rebalance once in a market day until stopped."""
    with Client(address, ca=ca) as client:
        client.login("", api_key=Path(key_file).read_text().strip())
        last = None
        client.subscribe_quotes([asset.symbol for asset in client.assets(limit=1)])
        for _ in client.events():
            today = client.clock().now.date()
            if today != last:
                last = today
                rebalance(client)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except (PaperTraderError, OSError, ValueError) as wrong:
        sys.exit(f"error: {wrong}")
