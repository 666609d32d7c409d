"""The views' tables, and the statements that write them."""

from __future__ import annotations

from typing import Any, Final

import peewee

from papertrader.master.table import PortableSchema

views: Final = peewee.DatabaseProxy()


class View(peewee.Model):
    """Base of the views' tables."""

    class Meta:
        """Bound when the views are opened."""

        database = views
        strict_tables = True
        legacy_table_names = False
        schema_manager_class = PortableSchema


def _integer(**options: Any) -> Any:
    return peewee.BigIntegerField(**options)


class ViewMeta(View):
    """Watermark, and the journal's hash at it."""

    key = peewee.TextField(primary_key=True)
    value = peewee.TextField()


class ViewAccount(View):
    """An account's counters."""

    id = _integer(primary_key=True)
    event_seq = _integer(default=0)
    transaction_id = _integer(default=0)


class ViewPortfolio(View):
    """A portfolio's totals."""

    id = _integer(primary_key=True)
    account = _integer(index=True)
    currency = peewee.TextField()
    cash = _integer(default=0)
    deposited = _integer(default=0)
    realized = _integer(default=0)
    dividends = _integer(default=0)
    fees = _integer(default=0)
    name = peewee.TextField(default="")
    season = _integer(default=1)
    season_at = _integer(default=0)
    terms = peewee.BlobField(default=b"")
    frozen = _integer(default=0)
    """The record of the terms; empty for the default ones."""
    purse = peewee.TextField(default="")
    """The purse as a JSON list; empty for one in which nothing is."""


class ViewOrder(View):
    """An order as it stands: the wire's row, and what the desk keeps besides."""

    id = _integer(primary_key=True)
    portfolio = _integer(index=True)
    reserved_quantity = _integer()
    sequence = _integer()
    notional = peewee.TextField()
    block = peewee.BlobField()
    terms = peewee.BlobField()
    """The row of its terms; empty for a plain order."""
    tag = peewee.TextField(default="")
    """What its trader has written on it."""


class ViewMark(View):
    """Prices that trailing stops have followed."""

    id = peewee.BigAutoField()
    symbol = peewee.TextField()
    bid = _integer()
    ask = _integer()
    last = _integer()
    at = _integer()

    class Meta:
        """Index."""

        indexes = ((("symbol", "at"), False),)


class ViewTransaction(View):
    """A ledger transaction: the wire's row, and what is asked for."""

    account = _integer()
    id = _integer()
    portfolio = _integer()
    kind = _integer()
    executed_at = _integer()
    block = peewee.BlobField()
    detail = peewee.BlobField()
    """The wire's row of details; empty if there is none."""
    entries = peewee.BlobField()
    """The rows of its ledger entries: they are only ever asked for together."""
    note = peewee.TextField(default="")
    """Why a correction was made; empty for the others."""

    class Meta:
        """Key."""

        primary_key = peewee.CompositeKey("account", "id")
        without_rowid = True


class ViewBalance(View):
    """The sum of all entries of one ledger account in one asset."""

    ledger_kind = _integer()
    portfolio = _integer()
    asset = peewee.TextField()
    amount = peewee.TextField()
    """Its digits: what all users together have may exceed 64 bits."""

    class Meta:
        """Key."""

        primary_key = peewee.CompositeKey("ledger_kind", "portfolio", "asset")
        without_rowid = True


class ViewPosition(View):
    """A position and its lots."""

    portfolio = _integer()
    symbol = peewee.TextField()
    block = peewee.BlobField()
    lots = peewee.BlobField()

    class Meta:
        """Key."""

        primary_key = peewee.CompositeKey("portfolio", "symbol")
        without_rowid = True


class ViewEvent(View):
    """An account's events, as they were sent."""

    account = _integer()
    seq = _integer()
    frame = peewee.BlobField()

    class Meta:
        """Key."""

        primary_key = peewee.CompositeKey("account", "seq")
        without_rowid = True


class ViewReply(View):
    """Stored replies of sessions."""

    session = _integer()
    seq = _integer()
    request_hash = peewee.BlobField()
    at = _integer()
    frame = peewee.BlobField()

    class Meta:
        """Key."""

        primary_key = peewee.CompositeKey("session", "seq")
        without_rowid = True


class ViewApplied(View):
    """Corporate actions that were applied."""

    symbol = peewee.TextField()
    kind = _integer()
    at = _integer()

    class Meta:
        """Key."""

        primary_key = peewee.CompositeKey("symbol", "kind", "at")
        without_rowid = True


class ViewReceipt(View):
    """The receipt of an order's event: the row that RECEIPT_GET shows."""

    order = _integer()
    event_seq = _integer()
    account = _integer()
    block = peewee.BlobField()

    class Meta:
        """Key."""

        primary_key = peewee.CompositeKey("order", "event_seq")
        without_rowid = True


class ViewRefusal(View):
    """An order that was refused on arrival: the row that REFUSALS_GET shows, and the sentence."""

    account = _integer()
    seq = _integer()
    client_order_id = peewee.TextField()
    """Twenty digits: a client may send any number of 64 bits, and the sign takes one."""
    portfolio = peewee.TextField()
    """Its digits likewise: one that does not exist is refused, too."""
    block = peewee.BlobField()
    text = peewee.TextField()

    class Meta:
        """Key."""

        primary_key = peewee.CompositeKey("account", "seq", "client_order_id")
        without_rowid = True


class ViewClock(View):
    """The newest setting of each market's clock: its record."""

    market = peewee.TextField(primary_key=True)
    record = peewee.BlobField()


class ViewContest(View):
    """What happened to contests: the records, in the order of the journal."""

    id = peewee.BigAutoField()
    record = peewee.BlobField()


TABLES: Final = (
    ViewMeta,
    ViewContest,
    ViewAccount,
    ViewPortfolio,
    ViewOrder,
    ViewMark,
    ViewTransaction,
    ViewBalance,
    ViewPosition,
    ViewEvent,
    ViewReply,
    ViewApplied,
    ViewClock,
    ViewReceipt,
    ViewRefusal,
)

SET_META: Final = (
    "INSERT INTO view_meta (key, value) VALUES (?, ?)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
SQL: Final = {
    "unapplied": "DELETE FROM view_applied WHERE at > ?",
    "contest": "INSERT INTO view_contest (record) VALUES (?)",
    "clock": "INSERT INTO view_clock (market, record) VALUES (?, ?)"
    " ON CONFLICT (market) DO UPDATE SET record = excluded.record",
    "account": "INSERT INTO view_account (id, event_seq, transaction_id) VALUES (?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET event_seq = CASE WHEN excluded.event_seq >"
    " view_account.event_seq THEN excluded.event_seq ELSE view_account.event_seq END,"
    " transaction_id = CASE WHEN excluded.transaction_id > view_account.transaction_id"
    " THEN excluded.transaction_id ELSE view_account.transaction_id END",
    "order": "INSERT INTO view_order"
    " (id, portfolio, reserved_quantity, sequence, notional, block, terms, tag)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
    " reserved_quantity = excluded.reserved_quantity, notional = excluded.notional,"
    " block = excluded.block, terms = excluded.terms",
    "mark": "INSERT INTO view_mark (symbol, bid, ask, last, at) VALUES (?, ?, ?, ?, ?)",
    "transaction": "INSERT INTO view_transaction"
    " (account, id, portfolio, kind, executed_at, block, detail, entries, note)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "balance": "INSERT INTO view_balance (ledger_kind, portfolio, asset, amount)"
    " VALUES (?, ?, ?, ?) ON CONFLICT (ledger_kind, portfolio, asset)"
    " DO UPDATE SET amount = excluded.amount",
    "position": "INSERT INTO view_position (portfolio, symbol, block, lots) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (portfolio, symbol) DO UPDATE SET block = excluded.block, lots = excluded.lots",
    "portfolio": "INSERT INTO view_portfolio"
    " (id, account, currency, cash, deposited, realized, dividends, fees, name, season, season_at,"
    " terms, purse, frozen) VALUES (?, ?, ?, 0, 0, 0, 0, 0, '', 1, 0, x'', '', 0)",
    "name": "UPDATE view_portfolio SET name = ? WHERE id = ?",
    "purse": "UPDATE view_portfolio SET purse = ? WHERE id = ?",
    "freeze": "UPDATE view_portfolio SET frozen = ? WHERE id = ?",
    "terms": "UPDATE view_portfolio SET terms = ? WHERE id = ?",
    "totals": "UPDATE view_portfolio SET cash = ?, deposited = deposited + ?,"
    " realized = realized + ?, dividends = dividends + ?, fees = fees + ? WHERE id = ?",
    "event": "INSERT INTO view_event (account, seq, frame) VALUES (?, ?, ?)",
    "reply": "INSERT INTO view_reply (session, seq, request_hash, at, frame)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (session, seq) DO UPDATE SET"
    " request_hash = excluded.request_hash, at = excluded.at, frame = excluded.frame",
    "receipt": 'INSERT INTO view_receipt ("order", event_seq, account, block) VALUES (?, ?, ?, ?)',
    "refusal": "INSERT INTO view_refusal (account, seq, client_order_id, portfolio, block, text)"
    " VALUES (?, ?, ?, ?, ?, ?)",
    "prune_refusal": "DELETE FROM view_refusal WHERE account = ? AND seq < (SELECT seq FROM"
    " view_refusal WHERE account = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)",
    "applied": "INSERT INTO view_applied (symbol, kind, at) VALUES (?, ?, ?)",
    "prune_event": "DELETE FROM view_event WHERE account = ? AND seq <= ?",
    "prune_reply": "DELETE FROM view_reply WHERE session = ? AND seq NOT IN"
    " (SELECT seq FROM view_reply WHERE session = ? ORDER BY seq DESC LIMIT ?)",
    "season": "UPDATE view_portfolio SET season = ?, season_at = ?, deposited = cash,"
    " realized = 0, dividends = 0, fees = 0 WHERE id = ?",
    "forget": "DELETE FROM view_position WHERE portfolio = ?",
}
