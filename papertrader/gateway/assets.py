"""Assets: one, the list of them, and the symbols that programs use for ours."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import attrs

from papertrader.client import results as r
from papertrader.client.errors import NoSuchSymbol
from papertrader.core.identifiers import check_symbol
from papertrader.core.instants import SECOND
from papertrader.core.quotes import AssetFlag, AssetKind, AssetStatus
from papertrader.gateway.errors import not_found
from papertrader.gateway.ids import asset_uuid, symbol_of
from papertrader.gateway.routing import Call
from papertrader.gateway.seats import Seat
from papertrader.gateway.values import amount
from papertrader.net.clock import Clock

KNOWN_MAX: Final = 4_096
"""Assets remembered; beyond, the longest unused is forgotten."""
KNOWN_S: Final = 60
LISTED_MAX: Final = 10_000
"""Assets in one answer."""
_PAGE: Final = 5_000
_EXCHANGES: Final = {
    "XNYS": "NYSE",
    "XNAS": "NASDAQ",
    "ARCX": "ARCA",
    "XASE": "AMEX",
    "BATS": "BATS",
    "NYSE": "NYSE",
    "NASDAQ": "NASDAQ",
    "ARCA": "ARCA",
    "AMEX": "AMEX",
    "OTC": "OTC",
}
_PAIRS: Final = frozenset({AssetKind.CRYPTO, AssetKind.FX})
_QUOTED_IN: Final = ("USDT", "USDC", "USD", "EUR", "BTC")


class AssetBook:
    """Assets as they were read lately, for the fields that every order and position tells."""

    def __init__(self, clock: Clock, most: int = KNOWN_MAX) -> None:
        self.forgotten = 0
        self._clock = clock
        self._most = most
        self._known: OrderedDict[str, tuple[int, r.Asset]] = OrderedDict()

    async def get(self, seat: Seat, symbol: str) -> r.Asset:
        """Return an asset by our symbol. Raises `NoSuchSymbol`."""
        now = self._clock.monotonic_ns()
        found = self._known.get(symbol)
        if found is None or now - found[0] >= KNOWN_S * SECOND:
            found = (now, await seat.client.asset(symbol))
            self._known[symbol] = found
            if len(self._known) > self._most:
                self._known.popitem(last=False)
                self.forgotten += 1
        self._known.move_to_end(symbol)
        return found[1]

    async def find(self, seat: Seat, name: str) -> r.Asset:
        """Return an asset by our symbol, by the UUID of it, or by a pair without its slash.

        Raises `ApiError` (404).
        """
        symbol = symbol_of(name) or name.upper()
        for each in (symbol, _with_slash(symbol)):
            try:
                return await self.get(seat, check_symbol(each))
            except (NoSuchSymbol, ValueError):
                continue
        raise not_found(f"asset not found for {name[:64]}")


def _with_slash(symbol: str) -> str:
    """Write BTCUSD as BTC/USD; "" if it does not look like a pair."""
    for quoted in _QUOTED_IN:
        if "/" not in symbol and symbol.endswith(quoted) and len(symbol) > len(quoted):
            return f"{symbol.removesuffix(quoted)}/{quoted}"
    return ""


def class_of(asset: r.Asset) -> str:
    """Return Alpaca's class of an asset: pairs of currencies count as crypto."""
    return "crypto" if asset.kind in _PAIRS else "us_equity"


def exchange_of(asset: r.Asset) -> str:
    """Return Alpaca's name of an exchange, "" for one that it has not."""
    return "CRYPTO" if asset.kind in _PAIRS else _EXCHANGES.get(asset.exchange, "")


def asset_body(asset: r.Asset) -> dict[str, Any]:
    """Write an asset."""
    tradable = asset.status == AssetStatus.TRADABLE and asset.kind != AssetKind.INDEX
    shortable = AssetFlag.SHORTABLE in asset.flags
    return {
        "id": asset_uuid(asset.symbol),
        "class": class_of(asset),
        "exchange": exchange_of(asset),
        "symbol": asset.symbol,
        "name": asset.name or asset.symbol,
        "status": "inactive" if asset.status == AssetStatus.DELISTED else "active",
        "tradable": tradable,
        "marginable": asset.kind not in _PAIRS,
        "shortable": shortable,
        "easy_to_borrow": shortable,
        "fractionable": AssetFlag.FRACTIONAL in asset.flags,
        "min_order_size": amount(asset.quantity_min),
        "min_trade_increment": amount(asset.lot),
        "price_increment": amount(asset.tick),
        "attributes": [],
    }


@attrs.frozen
class Assets:
    """The requests about assets."""

    book: AssetBook

    async def one(self, call: Call) -> dict[str, Any]:
        """GET /v2/assets/{symbol or id}."""
        return asset_body(await self.book.find(call.seat, call.names["symbol"]))

    async def all(self, call: Call) -> list[dict[str, Any]]:
        """GET /v2/assets. A row of our list has neither name nor exchange: no filter by it."""
        found: list[dict[str, Any]] = []
        wanted = call.query
        for each in await call.seat.client.assets(limit=_PAGE):
            body = asset_body(each)
            asked = (("status", "status"), ("asset_class", "class"), ("exchange", "exchange"))
            if all(body[name] == wanted.get(key, body[name]) for key, name in asked):
                found.append(body)
        return found[:LISTED_MAX]
