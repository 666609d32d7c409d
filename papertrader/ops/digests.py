"""What the audit compares: rows of the views, as running hashes by account in their order."""

from __future__ import annotations

import hashlib
import struct
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from typing import Any, Final

import attrs

from papertrader.wire import limits

_TRANSACTION: Final = struct.Struct(">QQBQIIII").pack
_RECEIPT: Final = struct.Struct(">QQI").pack
_REFUSAL: Final = struct.Struct(">QI").pack
_EVENT: Final = struct.Struct(">QI").pack
_REPLY: Final = struct.Struct(">QI").pack


class Running:
    """Hashes by account of rows that come one by one.

    To hash many rows together costs a fraction of what it costs to hash each: `gather` does, and
    whoever gives rows calls it before they take much room.
    """

    def __init__(self) -> None:
        self._hashes: dict[int, Any] = {}
        self.rows: defaultdict[int, list[bytes]] = defaultdict(list)
        """The parts of rows that are not hashed yet."""

    def gather(self) -> None:
        """Hash what has come."""
        for account, parts in self.rows.items():
            running = self._hashes.get(account)
            if running is None:
                running = self._hashes[account] = hashlib.sha256()
            running.update(b"".join(parts))
        self.rows.clear()

    def close(self) -> dict[int, bytes]:
        """Return the hash of each account's rows."""
        self.gather()
        return {account: running.digest() for account, running in self._hashes.items()}


@attrs.define
class Digests:
    """Hashes of rows by account; of stored replies, and of refused orders, one by one.

    ``oldest`` holds the first event that the views keep of each account; ``replies`` the digest
    of a stored reply by (session, command sequence), ``replied`` how many each session had. Of the
    journal's replies only those are compared that the views have: ``kept``, None for all.
    ``transactions``, ``events`` and ``receipts`` are there once it is closed.
    """

    transactions: dict[int, bytes] = attrs.Factory(dict)
    events: dict[int, bytes] = attrs.Factory(dict)
    receipts: dict[int, bytes] = attrs.Factory(dict)
    refusals: dict[int, deque[bytes]] = attrs.Factory(dict)
    last_event: dict[int, int] = attrs.Factory(dict)
    oldest: dict[int, int] = attrs.Factory(dict)
    kept: set[tuple[int, int]] | None = None
    replies: dict[tuple[int, int], bytes] = attrs.Factory(dict)
    replied: Counter[int] = attrs.Factory(Counter)
    _more_transactions: Running = attrs.field(factory=Running, init=False, eq=False, repr=False)
    _more_events: Running = attrs.field(factory=Running, init=False, eq=False, repr=False)
    _more_receipts: Running = attrs.field(factory=Running, init=False, eq=False, repr=False)

    def transaction(
        self,
        account: int,
        number: int,
        portfolio: int,
        kind: int,
        executed_at: int,
        block: bytes,
        detail: bytes,
        entries: bytes,
        note: str = "",
    ) -> None:
        """Take a row of the transactions, with the entries and the note of each."""
        text = note.encode()
        head = _TRANSACTION(
            number, portfolio, kind, executed_at, len(block), len(detail), len(entries), len(text)
        )
        self._more_transactions.rows[account] += (head, block, detail, entries, text)

    def receipt(self, account: int, order: int, event_seq: int, block: bytes) -> None:
        """Take the receipt of an event."""
        self._more_receipts.rows[account] += (_RECEIPT(order, event_seq, len(block)), block)

    def refusal(self, account: int, seq: int, block: bytes, text: str) -> None:
        """Take the receipt of a refused order: as many of each account as the views keep."""
        digest = hashlib.sha256(_REFUSAL(seq, len(block)) + block + text.encode()).digest()
        kept = self.refusals.get(account)
        if kept is None:
            kept = self.refusals[account] = deque(maxlen=limits.REFUSALS_KEPT)
        kept.append(digest)

    def event(self, account: int, seq: int, frame: bytes) -> None:
        """Take an event that the views still keep."""
        self.last_event[account] = seq
        if seq >= self.oldest.get(account, 0):
            self._more_events.rows[account] += (_EVENT(seq, len(frame)), frame)

    def reply(self, session: int, seq: int, request_hash: bytes, at: int, frame: bytes) -> None:
        """Take a stored reply."""
        if self.kept is None or (session, seq) in self.kept:
            head = _REPLY(at, len(request_hash))
            self.replies[session, seq] = hashlib.sha256(
                b"".join((head, request_hash, frame))
            ).digest()
        self.replied[session] += 1

    def gather(self) -> None:
        """Hash what has come; to be called every few hundred rows."""
        self._more_transactions.gather()
        self._more_events.gather()
        self._more_receipts.gather()

    def close(self) -> None:
        """Let each running hash end: nothing is taken any more."""
        self.transactions = self._more_transactions.close()
        self.events = self._more_events.close()
        self.receipts = self._more_receipts.close()

    def differences(self, views: Digests) -> Iterator[str]:
        """Give a sentence for each difference of the views from what the journal makes them.

        Both are closed.
        """
        kinds: tuple[tuple[str, dict[int, Any], dict[int, Any]], ...] = (
            ("transactions", self.transactions, views.transactions),
            ("events", self.events, views.events),
            ("receipts", self.receipts, views.receipts),
            ("refusals", self.refusals, views.refusals),
        )
        for what, mine, theirs in kinds:
            for account in sorted(mine.keys() | theirs.keys()):
                if mine.get(account) != theirs.get(account):
                    yield f"the views' {what} of account {account} differ"
        for key, digest in views.replies.items():
            if self.replies.get(key) != digest:
                yield f"the views' reply to command {key[1]} of session {key[0]} differs"
        for session, count in views.replied.items():
            if count < min(self.replied[session], limits.REPLIES_KEPT):
                yield f"the views miss replies of session {session}"
