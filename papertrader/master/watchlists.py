"""Watchlists: named lists of symbols of an account.

They are preferences, not money: kept in tables of the truth store beside the journal, changed in
the transaction that journals the command's reply (specification, clause 14.13).
"""

from __future__ import annotations

import peewee

from papertrader.core.desk import Desk
from papertrader.core.identifiers import check_name
from papertrader.master.commands import Command, Refused
from papertrader.master.holdings import parts
from papertrader.master.journal import Journal
from papertrader.master.replies import conclude, stored_reply
from papertrader.master.sessions import Session
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status, Tag


class Watchlists:
    """Answers the requests; at most WATCHLISTS_PER_ACCOUNT lists of one account."""

    def __init__(self, desk: Desk, journal: Journal) -> None:
        self._desk = desk
        self._journal = journal
        self._lists: dict[int, dict[str, tuple[str, ...]]] = {}

    def load(self, db: peewee.Database) -> None:
        """Read the lists from the store."""
        for account, name, symbols in db.execute_sql(
            "SELECT account, name, symbols FROM watchlist"
        ):
            self._lists.setdefault(account, {})[name] = tuple(symbols.split())

    def forget(self, account: int) -> None:
        """Delete the lists of an account that is closed."""
        if self._lists.pop(account, None):
            self._journal.change(
                lambda db: db.execute_sql("DELETE FROM watchlist WHERE account = ?", (account,))
            )

    def set_list(self, command: Command, session: Session, message: m.WatchlistSet) -> bytes:
        """Answer WATCHLIST_SET."""
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        name = _checked(message.name)
        symbols = tuple(row.symbol for row in message.symbols)
        if len(set(symbols)) < len(symbols):
            raise Refused(
                Status.INVALID_FIELD, "A watchlist names each symbol once.", section=Tag.SYMBOLS
            )
        mine = self._lists.get(session.account, {})
        if name not in mine and len(mine) >= limits.WATCHLISTS_PER_ACCOUNT:
            raise Refused(
                Status.TOO_MANY_WATCHLISTS,
                f"You have {limits.WATCHLISTS_PER_ACCOUNT} watchlists already; delete one first.",
            )
        for symbol in symbols:
            if self._desk.asset(symbol) is None:
                refusal = command.failure(
                    Status.NO_SUCH_SYMBOL,
                    f"There is no asset {symbol or '(empty)'} in this market.",
                    Tag.SYMBOLS,
                )
                return conclude(self._journal, command, session, refusal)
        self._lists.setdefault(session.account, {})[name] = symbols
        row = (session.account, name, " ".join(symbols))
        self._journal.change(
            lambda db: db.execute_sql(
                "INSERT INTO watchlist (account, name, symbols) VALUES (?, ?, ?)"
                " ON CONFLICT (account, name) DO UPDATE SET symbols = excluded.symbols",
                row,
            )
        )
        return self._answer(command, session, name, len(symbols))

    def delete(self, command: Command, session: Session, message: m.WatchlistDelete) -> bytes:
        """Answer WATCHLIST_DELETE."""
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        mine = self._lists.get(session.account, {})
        if mine.pop(message.name, None) is None:
            raise _unknown(message.name)
        if not mine:
            del self._lists[session.account]
        row = (session.account, message.name)
        self._journal.change(
            lambda db: db.execute_sql("DELETE FROM watchlist WHERE account = ? AND name = ?", row)
        )
        return self._answer(command, session, message.name, 0)

    def listing(self, command: Command, session: Session, message: m.WatchlistList) -> list[bytes]:
        """Answer WATCHLIST_LIST, by name."""
        mine = self._lists.get(session.account, {})
        if message.name and message.name not in mine:
            raise _unknown(message.name)
        names = [message.name] if message.name else sorted(mine)
        rows = [m.WatchRow(name, symbol).pack() for name in names for symbol in mine[name]]
        head = m.WatchlistPart(as_of=command.accepted_at)
        return parts(command, session, Tag.WATCHES, m.WatchRow.SIZE, rows, head)

    def _answer(self, command: Command, session: Session, name: str, symbols: int) -> bytes:
        reply = m.WatchlistReply(
            name=name,
            symbols=symbols,
            lists=len(self._lists.get(session.account, ())),
            at=command.accepted_at,
        )
        head = command.header
        octets = codec.encode(
            reply, session=session.handle, correlation=head.correlation, opcode=head.opcode
        )
        return conclude(self._journal, command, session, octets)


def _checked(name: str) -> str:
    try:
        return check_name(name, "watchlist")
    except ValueError as error:
        raise Refused(Status.INVALID_FIELD, f"{error}.", field=0) from None


def _unknown(name: str) -> Refused:
    return Refused(Status.NO_SUCH_WATCHLIST, f"You have no watchlist {name or '(without a name)'}.")
