"""Rows of the views, cut out of the journal's records.

What the views keep of an order, a fill, a reply are mostly octets that stand in the record as they
are. So the records themselves are what the views are told; they are read by their places, and no
event is made of them on the way. That is several times as quick as by way of the messages, and
lets another process do it, which is given the octets that the journal has. Rare records, and what
changes a purse, go by the declared reader. `tests/master/test_viewfeed.py` holds these rows against
those that the desk's own events give.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, TypeAlias

import peewee

from papertrader.core.events import (
    ActionApplied,
    ClockSet,
    ContestEnded,
    ContestJoined,
    ContestOpened,
    MarksMoved,
    PortfolioFrozen,
    PortfolioMarked,
    PortfolioNamed,
    PortfolioOpened,
    SeasonBegun,
    TermsSet,
)
from papertrader.core.ledger import CARRYING, FUNDING, TransactionKind
from papertrader.master import packing, records
from papertrader.master.balances import Balances
from papertrader.master.orderrecords import tag_of
from papertrader.master.purses import PurseBook
from papertrader.master.refusalrecords import refusal_cut
from papertrader.master.viewtables import SQL
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Tag

Rows: TypeAlias = dict[str, list[tuple[Any, ...]]]
"""Values of rows, by the statement of `SQL` that writes them."""

PRUNE_EVERY: Final = 1_024
"""Events of an account, or replies of a session, between two prunings."""
LOTS_REMEMBERED: Final = 4_096
"""Positions whose lots are kept at hand, up to 10 KiB each; the others are read when they trade."""

_HEAD: Final = limits.HEADER_SIZE
_CRC: Final = codec.CRC.size
_SECTION: Final = codec.SECTION.size
_GROUP: Final = _SECTION + codec.GROUP.size
_record: Final = struct.Struct(">4xLH").unpack_from
"""Of a header: the length of what follows it, and the opcode."""
_section: Final = codec.SECTION.unpack_from
_event_seq: Final = struct.Struct(">24xQ").unpack_from
_store_order: Final = struct.Struct(">8xQ16xqQQQ").unpack_from
"""Of a STORE_ORDER's block: account, reserved quantity, sequence, both halves of the notional."""
_ORDER_INNER: Final = _HEAD + m.StoreOrder.SIZE + _SECTION
_order_event: Final = m.OrderEvent.LAYOUT.unpack_from
_order_row: Final = struct.Struct(">Q16xQ22xHqq").unpack_from
"""Of the row of an order: its number, portfolio, reason, quantity, filled."""
_TX_INNER: Final = _HEAD + m.StoreTransaction.SIZE + _SECTION
_tx_row: Final = struct.Struct(">QQB7x16x16xqqqq24xQ8x").unpack_from
"""Of the row of a transaction: number, portfolio, kind, amount, fees, cash after, realized,
executed_at."""
_tx_symbol: Final = slice(24, 40)
_settles_at: Final = struct.Struct(">16xQ").unpack_from
_entries: Final = m.EntryRow.LAYOUT.iter_unpack
_reply: Final = m.StoreReply.LAYOUT.unpack_from
_receipt_head: Final = struct.Struct(">QB1sHLQqqqQq").pack
_refused: Final = struct.Struct(">8xQQ").unpack_from
"""Of the row of a refusal: the client's order id, and the portfolio."""
_lots_kept: Final = struct.Struct(">L").unpack_from

_STORE_ORDER: Final = int(m.StoreOrder.OPCODE)
_STORE_TX: Final = int(m.StoreTransaction.OPCODE)
_STORE_REPLY: Final = int(m.StoreReply.OPCODE)
_STORE_REFUSAL: Final = int(m.StoreRefusal.OPCODE)
_INPUTS: Final = frozenset(
    int(each.OPCODE)
    for each in (m.StoreCommand, m.StoreQuote, m.StoreTime, m.StoreAsset, m.StoreAction)
)
"""Records that are inputs alone: the views keep what came of them."""
_RECEIPT: Final = int(Tag.RECEIPT)
_WORKING: Final = int(Tag.WORKING)
_TERMS: Final = int(Tag.ORDER_TERMS)
_TAGS: Final = int(Tag.ORDER_TAGS)
_tag_text: Final = slice(8, m.OrderTagRow.SIZE)
"""Of the row of a tag: what was written."""
_POSITIONS: Final = int(Tag.POSITIONS)
_DETAILS: Final = int(Tag.DETAILS)
_ENTRIES: Final = int(Tag.ENTRIES)
_LOTS: Final = int(Tag.LOTS)
_LOTS_KEPT: Final = int(Tag.LOTS_KEPT)
_LOT: Final = m.LotRow.SIZE
_DIVIDEND: Final = int(TransactionKind.DIVIDEND)
_TEXT: Final = int(Tag.TEXT)
_CORRECTION: Final = int(TransactionKind.CORRECTION)
_FUNDING: Final = frozenset(map(int, FUNDING))
_CARRYING: Final = frozenset(map(int, CARRYING))
_NO_SYMBOL: Final = bytes(16)
_BY_KEY: Final = ("event", "transaction", "reply", "receipt", "balance")
"""Rows that are written in the order of their keys: what lies together is written together."""

if (m.OrderRow.SIZE, m.TransactionRow.SIZE, m.StoreOrder.SIZE) != (168, 128, 64) or (
    m.OrderReceiptRow.SIZE != 64 + m.ReceiptRow.SIZE + m.WorkingRow.SIZE
):
    raise RuntimeError("a record is laid out otherwise than the views read it; change them too")


class Feed:
    """Turns records into rows; remembers purses, balances and lots that it has written.

    What is remembered is ahead of the tables once a transaction of them has failed: `forget` then.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Remember nothing: the tables are not what they were."""
        self._purses = PurseBook()
        self._balances = Balances()
        self._lots: dict[tuple[int, bytes], bytes] = {}

    def read(self, db: peewee.Database, frames: bytes) -> Iterator[Rows]:
        """Give the rows of some records, in pieces that must be written one after the other.

        What comes before a new season or a setting of the clock, and what comes after it, must
        not be mixed. Raises `RemoteFault` or `struct.error` for a record that is none.
        """
        self._purses.begin(db)
        piece = _Piece(self, db)
        at, end = 0, len(frames)
        while at < end:
            length, opcode = _record(frames, at)
            upto = at + _HEAD + length
            if opcode == _STORE_ORDER:
                piece.order(frames, at, upto - _CRC)
            elif opcode == _STORE_TX:
                piece.transaction(frames, at, upto - _CRC)
            elif opcode == _STORE_REPLY:
                piece.reply(frames, at, upto - _CRC)
            elif opcode == _STORE_REFUSAL:
                piece.refusal(frames, at, upto - _CRC)
            elif opcode not in _INPUTS:
                fact = records.fact_of(records.read_frame(frames, at))
                if isinstance(fact, ClockSet):
                    # It takes back what came before it, and nothing of what comes after.
                    yield piece.rows()
                    piece = _Piece(self, db)
                piece.rare(fact)
                if isinstance(fact, SeasonBegun | ClockSet):
                    yield piece.rows()
                    piece = _Piece(self, db)
            at = upto
        yield piece.rows()

    # What a piece needs of what is remembered.

    @property
    def purses(self) -> PurseBook:
        """The purses."""
        return self._purses

    @property
    def balances(self) -> Balances:
        """The balances of the ledger."""
        return self._balances

    def lots(self, db: peewee.Database, portfolio: int, symbol: bytes) -> bytes:
        """Return the rows of a position's lots."""
        known = self._lots.get((portfolio, symbol))
        if known is None:
            row = db.execute_sql(
                "SELECT lots FROM view_position WHERE portfolio = ? AND symbol = ?",
                (portfolio, _text(symbol)),
            ).fetchone()
            known = b"" if row is None else bytes(row[0])
        return known

    def keep_lots(self, portfolio: int, symbol: bytes, lots: bytes) -> None:
        """Remember the rows of a position's lots."""
        if len(self._lots) >= LOTS_REMEMBERED:
            self._lots.clear()
        self._lots[portfolio, symbol] = lots

    def drop_lots(self, portfolio: int) -> None:
        """Forget all lots of a portfolio."""
        for key in [key for key in self._lots if key[0] == portfolio]:
            del self._lots[key]


class _Piece:
    """Rows that are written together."""

    def __init__(self, feed: Feed, db: peewee.Database) -> None:
        self._feed = feed
        self._db = db
        self._rows: Rows = {key: [] for key in SQL}
        self._orders: dict[int, tuple[Any, ...]] = {}
        self._positions: dict[tuple[int, bytes], tuple[bytes, bytes]] = {}
        self._accounts: dict[int, tuple[int, int, int]] = {}
        self._totals: dict[int, list[int]] = {}
        self._refusers: set[int] = set()
        self._replies: dict[tuple[int, int], tuple[Any, ...]] = {}

    def rows(self) -> Rows:
        """Return them, those of one table in the order in which they lie there."""
        rows, feed = self._rows, self._feed
        rows["purse"] = feed.purses.changed()
        rows["balance"] = feed.balances.added(self._db, rows["balance"])
        rows["order"] = list(self._orders.values())
        rows["reply"] = list(self._replies.values())
        rows["position"] = [
            (portfolio, _text(symbol), block, lots)
            for (portfolio, symbol), (block, lots) in self._positions.items()
        ]
        rows["account"] = list(self._accounts.values())
        kept = limits.REFUSALS_KEPT - 1
        rows["prune_refusal"] = [(each, each, kept) for each in sorted(self._refusers)]
        rows["totals"] = [(*sums, portfolio) for portfolio, sums in self._totals.items()]
        for name in _BY_KEY:
            rows[name].sort()
        return rows

    # --- what comes often ----------------------------------------------------------------------

    def order(self, frames: bytes, at: int, end: int) -> None:
        """Take a STORE_ORDER: the order as it stands, its event, perhaps a receipt."""
        account, reserved, sequence, high, low = _store_order(frames, at + _HEAD)
        push = frames[at + _ORDER_INNER : end]
        (seq,) = _event_seq(push)
        self._event(account, seq, push, 0)
        order, portfolio, reason, quantity, filled = _order_row(push, packing.ORDER_AT)
        receipt = terms = working = tag_text = b""
        place, size = packing.ORDER_END, len(push)
        while place < size:
            tag, length = _section(push, place)
            block = push[place + _GROUP : place + _SECTION + length]
            if tag == _RECEIPT:
                receipt = block
            elif tag == _WORKING:
                working = block
            elif tag == _TERMS:
                terms = block
            elif tag == _TAGS:
                tag_text = block[_tag_text]
            place += _SECTION + length
        notional = str(high << 64 | low)
        self._orders[order] = (
            order, portfolio, reserved, sequence, notional,
            push[packing.ORDER_AT : packing.ORDER_END], terms,
            tag_of(tag_text) if tag_text else "",
        )  # fmt: skip
        if receipt:
            (at_,) = _event_at(frames, at + _HEAD)
            kind, _, fill, fill_quantity, fill_price, fill_fees, transaction, _ = _order_event(
                push, _HEAD
            )
            head = _receipt_head(
                seq, kind, b"\0", reason, fill, at_, fill_quantity, fill_price, fill_fees,
                transaction, quantity - filled,
            )  # fmt: skip
            row = head + receipt + (working or packing.NO_WORKING)
            self._rows["receipt"].append((order, seq, account, row))

    def transaction(self, frames: bytes, at: int, end: int) -> None:
        """Take a STORE_TX: the transaction, its event, the position, totals and balances."""
        (account,) = _account(frames, at + _HEAD)
        inner = at + _TX_INNER
        length, _ = _record(frames, inner)
        push = frames[inner : inner + _HEAD + length]
        (seq,) = _event_seq(push)
        number, portfolio, kind, amount, fees, cash, realized, executed_at = _tx_row(push, _HEAD)
        row = push[_HEAD : packing.TRANSACTION_END]
        holding, detail = _holding_and_detail(push)
        entries, lots, kept = _entries_and_lots(frames, inner + len(push), end)
        note = _note(push) if kind == _CORRECTION else ""
        self._event(account, seq, push, number)
        self._rows["transaction"].append(
            (account, number, portfolio, kind, executed_at, row, detail, entries, note)
        )
        balances = self._rows["balance"]
        for of, _, asset, whose, moved in _entries(entries):
            balances.append((of, whose, _text(asset), moved))
        sums = self._totals.get(portfolio)
        if sums is None:
            sums = self._totals[portfolio] = [0, 0, 0, 0, 0]
        symbol = row[_tx_symbol]
        sums[0] = cash
        sums[2] += realized
        sums[4] += fees
        if kind in _FUNDING and symbol == _NO_SYMBOL:
            sums[1] += amount
        elif kind == _DIVIDEND:
            sums[3] += amount
        purses = self._feed.purses
        if (
            fees or kind in _CARRYING or purses.has(portfolio)
            or (detail and _settles_at(detail)[0])
        ):  # fmt: skip
            purses.posted(records.transaction_stored(row, detail))
        if holding:
            self._position(portfolio, holding, lots, kept)

    def _position(self, portfolio: int, holding: bytes, lots: bytes, kept: int) -> None:
        symbol = holding[:16]
        if kept:
            before = self._feed.lots(self._db, portfolio, symbol)
            if kept * _LOT > len(before) or not lots:
                raise ValueError(f"{kept} lots are kept of {len(before) // _LOT}")
            lots = lots[:_LOT] + before[len(before) - kept * _LOT :] + lots[_LOT:]
        self._feed.keep_lots(portfolio, symbol, lots)
        self._positions[portfolio, symbol] = (holding, lots)

    def _event(self, account: int, seq: int, push: bytes, transaction: int) -> None:
        rows = self._rows
        rows["event"].append((account, seq, push))
        if not seq % PRUNE_EVERY and seq > limits.EVENTS_KEPT:
            rows["prune_event"].append((account, seq - limits.EVENTS_KEPT))
        known = self._accounts.get(account)
        if known is not None and known[2] > transaction:
            transaction = known[2]
        self._accounts[account] = (account, seq, transaction)

    def reply(self, frames: bytes, at: int, end: int) -> None:
        """Take a STORE_REPLY."""
        _, session, seq, hash_, when = _reply(frames, at + _HEAD)
        reply = frames[at + _HEAD + m.StoreReply.SIZE + _SECTION : end]
        self._replies[session, seq] = (session, seq, hash_, when, reply)
        if not seq % PRUNE_EVERY:
            self._rows["prune_reply"].append((session, session, limits.REPLIES_KEPT))

    def refusal(self, frames: bytes, at: int, end: int) -> None:
        """Take a STORE_REFUSAL; of an account only so many are kept."""
        begin = at + _HEAD
        seq, account, block = refusal_cut(frames[begin : begin + m.StoreRefusal.SIZE])
        client_order_id, portfolio = _refused(block)
        text = frames[begin + m.StoreRefusal.SIZE + _SECTION : end].decode()
        self._rows["refusal"].append(
            (account, seq, f"{client_order_id:020d}", f"{portfolio:020d}", block, text)
        )
        self._refusers.add(account)

    # --- what is rare --------------------------------------------------------------------------

    def rare(self, fact: records.Fact | None) -> None:
        """Take what is not an order, a transaction or a reply."""
        taker = _RARE.get(type(fact))
        if taker is not None:
            taker(self, fact)

    def _opened(self, fact: PortfolioOpened) -> None:
        self._rows["portfolio"].append((fact.portfolio, fact.account, fact.currency))
        self._accounts.setdefault(fact.account, (fact.account, 0, 0))

    def _named(self, fact: PortfolioNamed) -> None:
        self._rows["name"].append((fact.name, fact.portfolio))

    def _season(self, fact: SeasonBegun) -> None:
        self._rows["season"].append((fact.season, fact.at, fact.portfolio))
        self._rows["forget"].append((fact.portfolio,))
        self._feed.purses.season_begun(fact)
        self._feed.drop_lots(fact.portfolio)

    def _marks(self, fact: MarksMoved) -> None:
        self._rows["mark"].append((fact.symbol, fact.bid, fact.ask, fact.last, fact.at))

    def _clock(self, fact: ClockSet) -> None:
        self._rows["clock"].append((fact.market, records.event_record(0, fact)))
        if fact.back:
            self._rows["unapplied"].append((fact.market_at,))
            self._feed.purses.turned_back(fact.market_at)

    def _contest(self, fact: ContestOpened | ContestJoined | ContestEnded) -> None:
        self._rows["contest"].append((records.event_record(0, fact),))

    def _marked(self, fact: PortfolioMarked) -> None:
        self._feed.purses.marked(fact)

    def _frozen(self, fact: PortfolioFrozen) -> None:
        self._rows["freeze"].append((int(fact.frozen), fact.portfolio))

    def _terms(self, fact: TermsSet) -> None:
        self._feed.purses.terms_set(fact)
        self._rows["terms"].append((records.event_record(0, fact), fact.portfolio))

    def _applied(self, fact: ActionApplied) -> None:
        action = fact.action
        self._rows["applied"].append((action.symbol, int(action.kind), action.at))


_RARE: Final[dict[type[Any], Callable[[_Piece, Any], None]]] = {
    PortfolioOpened: _Piece._opened,
    PortfolioNamed: _Piece._named,
    SeasonBegun: _Piece._season,
    MarksMoved: _Piece._marks,
    ClockSet: _Piece._clock,
    ContestOpened: _Piece._contest,
    ContestJoined: _Piece._contest,
    ContestEnded: _Piece._contest,
    PortfolioMarked: _Piece._marked,
    PortfolioFrozen: _Piece._frozen,
    TermsSet: _Piece._terms,
    ActionApplied: _Piece._applied,
}
_account: Final = struct.Struct(">8xQ").unpack_from
_event_at: Final = struct.Struct(">24xQ").unpack_from
"""Of a STORE_ORDER's block: the master's clock."""


def _note(push: bytes) -> str:
    """Return the text that an EV_TX has; empty for none."""
    place, size = packing.TRANSACTION_END, len(push)
    while place < size:
        tag, length = _section(push, place)
        if tag == _TEXT:
            return push[place + _SECTION : place + _SECTION + length].decode()
        place += _SECTION + length
    return ""


@lru_cache(maxsize=4_096)
def _text(symbol: bytes) -> str:
    return symbol.rstrip(b"\0").decode("ascii")


def _holding_and_detail(push: bytes) -> tuple[bytes, bytes]:
    """Return the rows of an EV_TX's position and of its details, each perhaps empty."""
    holding = detail = b""
    place, size = packing.TRANSACTION_END, len(push)
    while place < size:
        tag, length = _section(push, place)
        if tag == _POSITIONS:
            holding = push[place + _GROUP : place + _SECTION + length]
        elif tag == _DETAILS:
            detail = push[place + _GROUP : place + _SECTION + length]
        place += _SECTION + length
    return holding, detail


def _entries_and_lots(frames: bytes, place: int, end: int) -> tuple[bytes, bytes, int]:
    """Return the rows of a STORE_TX's entries and of its lots, and how many others are kept."""
    entries, lots, kept = b"", b"", 0
    while place < end:
        tag, length = _section(frames, place)
        if tag == _ENTRIES:
            entries = frames[place + _GROUP : place + _SECTION + length]
        elif tag == _LOTS:
            lots = frames[place + _GROUP : place + _SECTION + length]
        elif tag == _LOTS_KEPT:
            (kept,) = _lots_kept(frames, place + _GROUP)
        place += _SECTION + length
    return entries, lots, kept
