"""Watchlists and price alerts: requests with their results; see `commands`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Final

from papertrader.client.alertresults import AlertInfo, AlertUpdate, Watchlist
from papertrader.client.arguments import choice_of
from papertrader.client.commands import Amount, Command, symbol_or_any, symbol_rows_of
from papertrader.client.commands import whole_number as whole
from papertrader.client.moments import Moment, instant_of
from papertrader.client.results import decimal_of, decimal_or_none, moment_of, units_of
from papertrader.core.alerts import AlertCondition
from papertrader.core.identifiers import check_name, check_symbol
from papertrader.wire import limits
from papertrader.wire import messages as m

SIDES: Final = MappingProxyType(
    {
        "last": (AlertCondition.LAST_AT_LEAST, AlertCondition.LAST_AT_MOST),
        "bid": (AlertCondition.BID_AT_LEAST, AlertCondition.BID_AT_MOST),
        "ask": (AlertCondition.ASK_AT_LEAST, AlertCondition.ASK_AT_MOST),
    }
)
"""Which price is watched -> the conditions "at least" and "at most"."""


def _name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a watchlist's name must be text, not {type(name).__name__}")
    return check_name(name, "watchlist")


# --- watchlists ----------------------------------------------------------------------------------


def watchlist_set(name: str, symbols: str | Iterable[str]) -> Command[Watchlist]:
    """Make a watchlist, or replace the one of this name."""
    rows = symbol_rows_of(symbols, limits.WATCHLIST_SYMBOLS)
    if not rows:
        raise ValueError("a watchlist needs one symbol at least; delete it to have none")
    made = Watchlist(name=_name(name), symbols=tuple(row.symbol for row in rows))
    return Command(message=m.WatchlistSet(name=name, symbols=rows), read=lambda _parts: made)


def watchlists(name: str = "") -> Command[tuple[Watchlist, ...]]:
    """Read one watchlist, or all, by name."""

    def read(parts: Sequence[m.WatchlistPart]) -> tuple[Watchlist, ...]:
        found: dict[str, list[str]] = {}
        for part in parts:
            for row in part.watches:
                found.setdefault(row.name, []).append(row.symbol)
        return tuple(Watchlist(name=each, symbols=tuple(rows)) for each, rows in found.items())

    return Command(message=m.WatchlistList(name="" if name == "" else _name(name)), read=read)


def watchlist(name: str) -> Command[Watchlist]:
    """Read one watchlist."""
    every = watchlists(_name(name))

    def read(parts: Sequence[m.WatchlistPart]) -> Watchlist:
        found = every.read(parts)
        return found[0] if found else Watchlist(name=name, symbols=())

    return Command(message=every.message, read=read)


def watchlist_delete(name: str) -> Command[int]:
    """Delete a watchlist; the number of those left."""

    def read(parts: Sequence[m.WatchlistReply]) -> int:
        return parts[0].lists

    return Command(message=m.WatchlistDelete(name=_name(name)), read=read)


# --- price alerts --------------------------------------------------------------------------------


def alert_of(row: m.AlertRow | m.AlertReply | m.AlertEvent) -> AlertInfo:
    """Read an alert."""
    return AlertInfo(
        alert=row.alert,
        symbol=row.symbol,
        condition=row.condition,
        state=row.state,
        price=decimal_of(row.price),
        asked=decimal_of(row.asked),
        expires_at=moment_of(row.expires_at),
        created_at=moment_of(row.created_at),
        ended_at=moment_of(row.ended_at),
        market_at=moment_of(row.market_at),
        seen=decimal_or_none(row.seen),
    )


def alert_update_of(event: m.AlertEvent) -> AlertUpdate:
    """Read an EV_ALERT."""
    return AlertUpdate(alert=alert_of(event))


def alert_create(
    symbol: str, above: Amount | None, below: Amount | None, of: str, expires: Moment
) -> Command[AlertInfo]:
    """Make a price alert."""
    if (above is None) == (below is None):
        raise ValueError("give either above or below: the price at which the alert triggers")
    at_least, at_most = choice_of(of, "of", SIDES)
    price = units_of(above, "above") if above is not None else units_of(below or 0, "below")
    if price <= 0:
        raise ValueError("an alert's price must be above 0")
    message = m.AlertCreate(
        symbol=check_symbol(symbol),
        condition=at_most if above is None else at_least,
        price=price,
        expires_at=instant_of(expires, "expires"),
    )

    def read(parts: Sequence[m.AlertReply]) -> AlertInfo:
        return alert_of(parts[0])

    return Command(message=message, read=read)


def alerts(symbol: str) -> Command[tuple[AlertInfo, ...]]:
    """Read the account's alerts, oldest first."""

    def read(parts: Sequence[m.AlertListPart]) -> tuple[AlertInfo, ...]:
        return tuple(alert_of(row) for part in parts for row in part.alerts)

    return Command(message=m.AlertList(symbol=symbol_or_any(symbol)), read=read)


def alert_number(number: int) -> int:
    """Return the number of one alert; raises `TypeError`, `ValueError`."""
    if whole(number, "number") == 0:
        raise ValueError("alerts are numbered from 1; alerts_clear deletes all that have ended")
    return number


def alert_delete(number: int) -> Command[int]:
    """Delete one alert, or with 0 all that have ended; the number of those deleted."""

    def read(parts: Sequence[m.AlertDeleteReply]) -> int:
        return parts[0].deleted

    return Command(message=m.AlertDelete(alert=whole(number, "number")), read=read)
