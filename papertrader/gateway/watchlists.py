"""Watchlists. Ours have a name of 1 to 24 characters and one symbol at least."""

from __future__ import annotations

from typing import Any

import attrs

from papertrader.client.alertresults import Watchlist
from papertrader.gateway.assets import AssetBook, asset_body
from papertrader.gateway.errors import not_found, unprocessable
from papertrader.gateway.ids import Kind, hashed_uuid, uuid_of
from papertrader.gateway.routing import Answer, Call
from papertrader.gateway.values import moment, text_in


@attrs.frozen
class Watchlists:
    """The requests about watchlists. A list's UUID is worked out from its name."""

    book: AssetBook

    async def all(self, call: Call) -> list[dict[str, Any]]:
        """GET /v2/watchlists."""
        made = await self._made(call)
        lists = await call.seat.client.watchlists()
        return [_head(call, each.name, made) for each in lists]

    async def one(self, call: Call) -> dict[str, Any]:
        """GET /v2/watchlists/{id}."""
        return await self._body(call, await self._found(call))

    async def create(self, call: Call) -> dict[str, Any]:
        """POST /v2/watchlists."""
        name = text_in(call.body, "name")
        if any(each.name == name for each in await call.seat.client.watchlists()):
            raise unprocessable("watchlist name must be unique")
        return await self._set(call, name, await self._symbols(call))

    async def update(self, call: Call) -> dict[str, Any]:
        """PUT /v2/watchlists/{id}: another name, other symbols, or both."""
        found = await self._found(call)
        name = text_in(call.body, "name") or found.name
        symbols = found.symbols if call.body.get("symbols") is None else await self._symbols(call)
        written = await self._set(call, name, symbols)
        if name != found.name:
            await call.seat.client.watchlist_delete(found.name)
        return written

    async def add(self, call: Call) -> dict[str, Any]:
        """POST /v2/watchlists/{id}: one more symbol."""
        found = await self._found(call)
        symbol = (await self.book.find(call.seat, text_in(call.body, "symbol"))).symbol
        return await self._set(call, found.name, (*found.symbols, symbol))

    async def remove(self, call: Call) -> dict[str, Any]:
        """DELETE /v2/watchlists/{id}/{symbol}."""
        found = await self._found(call)
        symbol = (await self.book.find(call.seat, call.names["symbol"])).symbol
        if symbol not in found.symbols:
            raise not_found("symbol not found in this watchlist")
        left = tuple(each for each in found.symbols if each != symbol)
        return await self._set(call, found.name, left)

    async def delete(self, call: Call) -> Answer:
        """DELETE /v2/watchlists/{id}."""
        await call.seat.client.watchlist_delete((await self._found(call)).name)
        return Answer(204)

    # --- as they are ----------------------------------------------------------------------------

    async def _set(self, call: Call, name: str, symbols: tuple[str, ...]) -> dict[str, Any]:
        return await self._body(call, await call.seat.client.watchlist_set(name, symbols))

    async def _symbols(self, call: Call) -> tuple[str, ...]:
        given = call.body.get("symbols")
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise unprocessable("symbols must be a list of symbols")
        return tuple([(await self.book.find(call.seat, each)).symbol for each in given])

    async def _found(self, call: Call) -> Watchlist:
        for each in await call.seat.client.watchlists():
            if _uuid(call, each.name) == call.names["watchlist"]:
                return each
        raise not_found(f"watchlist not found for {call.names['watchlist'][:64]}")

    async def _made(self, call: Call) -> str:
        """Return what stands for the times of a list, which we do not keep: the account's."""
        seat = call.seat
        if "created_at" not in seat.kept:
            seat.kept["created_at"] = moment((await seat.client.account()).created_at)
        made: str = seat.kept["created_at"]
        return made

    async def _body(self, call: Call, found: Watchlist) -> dict[str, Any]:
        assets = [asset_body(await self.book.get(call.seat, symbol)) for symbol in found.symbols]
        return {**_head(call, found.name, await self._made(call)), "assets": assets}


def _uuid(call: Call, name: str) -> str:
    return hashed_uuid(Kind.WATCHLIST, call.seat.account, name)


def _head(call: Call, name: str, made: str) -> dict[str, Any]:
    return {
        "id": _uuid(call, name),
        "account_id": uuid_of(Kind.ACCOUNT, call.seat.account),
        "name": name,
        "created_at": made,
        "updated_at": made,
    }
