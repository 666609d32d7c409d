"""Halts: ASSET_HALT. Trade in an asset stops, or goes on, while everything runs.

An operator's order is kept beside the audit log, in the same transaction, and outlives the process
and the list of assets: what was halted stays so until somebody lets it go on. Open orders wait;
their receipts say HALTED, and so does each quote. New orders are refused.
"""

from __future__ import annotations

from typing import Final, Protocol

import peewee

from papertrader.core.quotes import Asset
from papertrader.master.commands import Command
from papertrader.master.database import TruthStore
from papertrader.master.journal import Journal
from papertrader.master.operators import Operators
from papertrader.master.sessions import Session
from papertrader.wire import codec
from papertrader.wire import messages as m

_KEY: Final = "halt."
_HALTED, _TRADING = "1", "0"


class Listing(Protocol):
    """What halts need of the market."""

    def is_halted(self, symbol: str) -> bool:
        """Tell whether trade in a symbol is halted. Raises `Refused` for an unknown one."""

    def set_halted(self, symbol: str, halted: bool) -> Asset:
        """Halt trade in a symbol or let it go on; return the asset as it is then."""


def load_halts(store: TruthStore) -> dict[str, bool]:
    """Return what was ordered, by symbol: halted or not."""
    rows = store.db.execute_sql("SELECT key, value FROM meta WHERE key LIKE ?", (f"{_KEY}%",))
    return {key.removeprefix(_KEY): value == _HALTED for key, value in rows}


class Halts:
    """The module (see above). No more orders are kept than there are assets."""

    def __init__(
        self, listing: Listing, operators: Operators, store: TruthStore, journal: Journal
    ) -> None:
        self._listing = listing
        self._operators = operators
        self._store = store
        self._journal = journal

    def order(self, command: Command, session: Session, message: m.AssetHalt) -> bytes:
        """Answer ASSET_HALT; what is so already is not ordered again."""
        self._operators.require(session)
        symbol, halted = message.symbol, message.halted
        changes = self._listing.is_halted(symbol) != halted
        asset = self._listing.set_halted(symbol, halted)
        if changes:
            value = _HALTED if halted else _TRADING

            def remember(_db: peewee.Database) -> None:
                self._store.set_meta(_KEY + symbol, value)

            self._journal.change(remember)
            what = f"{symbol}: {'halted' if halted else 'trade goes on'}"
            reason = f": {message.reason}" if message.reason else ""
            self._operators.note(command.accepted_at, "halt", session, what + reason)
        return codec.encode(
            m.AssetHaltReply(symbol=symbol, status=asset.status),
            session=session.handle,
            correlation=command.header.correlation,
        )
