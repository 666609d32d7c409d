"""Sessions: issue, rotation, attachment, end. Rules only; hashing and storage are elsewhere.

A session belongs to one account and is attached to at most one client connection of one worker.
Its token is 32 random octets of which only the SHA-256 hash is kept. RESUME replaces the token; the
old one stays good until the new one has been used, after which showing it means theft and ends the
whole family.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import attrs
from twisted.internet.defer import Deferred

from papertrader.core.instants import SECOND
from papertrader.master.commands import Link
from papertrader.master.demand import IDLE_DAYS
from papertrader.wire import limits
from papertrader.wire.kinds import Scope, allows

LIFETIME: Final = 12 * 3600 * SECOND
DAY: Final = 86_400 * SECOND
LIFETIME_REMEMBERED: Final = 30 * DAY
NOTED_EVERY: Final = DAY // 4
"""How often it is written down that a remembered session is in use: after a restart so much more,
at most, counts as idle."""
DETACHED_GRACE: Final = 60 * SECOND
"""How long a session that is not remembered outlives its connection."""
SPENT_KEPT: Final = 64
"""Spent tokens remembered per session, to recognize theft."""
SESSIONS_MAX: Final = 100_000


def token_hash(token: bytes) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token).digest()


def request_hash(opcode: int, octets: bytes) -> bytes:
    """Return what two requests must share to be the same: opcode and body."""
    return hashlib.sha256(opcode.to_bytes(2, "big") + octets[limits.HEADER_SIZE :]).digest()


def lost_events(expected: int, oldest: int) -> str:
    """Say why a session cannot go on with the account event that it expects next."""
    if expected < oldest:
        return "Events before the oldest kept are lost; take a snapshot."
    return "This server has not come to that event: it goes on from an older copy; take a snapshot."


@attrs.define(slots=True, eq=False)
class Session:
    """One session. ``replies`` holds (request hash, reply frame) by command sequence."""

    session_id: int
    account: int
    token_hash: bytes
    scope: int
    remember: bool
    expires_at: int
    parent: int = 0
    previous_hash: bytes = b""
    device: str = ""
    last_seq: int = 0
    replies: OrderedDict[int, tuple[bytes, bytes]] = attrs.Factory(OrderedDict)
    spent: list[bytes] = attrs.Factory(list)
    link: Link | None = None
    connection: int = 0
    subscription: int = 0
    cursor: int = 0
    """Next account event to send; live ones are held back while it lags (a replay runs)."""
    replaying: bool = False
    detached_at: int = 0
    api_key: int = 0
    """The key that opened it, or the one it was opened beside; 0 = none."""
    created_at: int = 0
    last_seen_at: int = 0
    address: bytes = b""
    worker: int = 0
    proven_at: int = 0
    """When a password or a code was last shown in it; 0: not since the master's start."""
    left_at: int = 0
    """When its connection, or the last of one beside it, was lost; 0: not since the start."""
    noted_at: int = 0
    """What the store has as ``last_seen_at``."""
    underway: dict[int, list[Deferred[None]]] = attrs.Factory(dict)
    """Commands that wait for something, by number, and who waits for their end."""
    claimed: set[int] = attrs.Factory(set)
    """Numbers of those that were taken in turn: used, but not decided. See `replies.in_turn`."""

    @property
    def handle(self) -> int:
        """The number that stands for the session in frame headers."""
        return self.session_id & 0xFFFFFFFF

    @property
    def may_trade(self) -> bool:
        """Whether the session may change anything."""
        return allows(self.scope, Scope.TRADE)

    def keep_reply(self, seq: int, hash_: bytes, frame: bytes) -> None:
        """Keep the reply of command ``seq``; the oldest beyond the limit is forgotten."""
        replies = self.replies
        replies[seq] = (hash_, frame)
        self.last_seq = max(self.last_seq, seq)
        while len(replies) > limits.REPLIES_KEPT:
            replies.popitem(last=False)

    def spend(self, hash_: bytes) -> list[bytes]:
        """Remember a token that may not be shown any more; return those now forgotten."""
        if hash_:
            self.spent.append(hash_)
        forgotten = self.spent[:-SPENT_KEPT]
        del self.spent[:-SPENT_KEPT]
        return forgotten


class SessionTable:
    """All living sessions, found by handle, by token, by connection and by account."""

    def __init__(self, last_id: int = 0) -> None:
        self.last_id = last_id
        self._by_id: dict[int, Session] = {}
        self._by_handle: dict[int, Session] = {}
        self._by_token: dict[bytes, Session] = {}
        self._by_connection: dict[tuple[Link, int], Session] = {}
        self._by_account: dict[int, dict[int, Session]] = {}
        self.on_detach: Callable[[Session], None] = lambda session: None
        """Called when a session loses its connection, begins anew on one, or ends."""
        self.idle = IDLE_DAYS * DAY
        """How long a remembered session may be without use."""

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_id.values()))

    def next_id(self) -> int:
        """Give out the next session number."""
        self.last_id += 1
        return self.last_id

    def add(self, session: Session) -> None:
        """Take a session in."""
        self.last_id = max(self.last_id, session.session_id)
        self._by_id[session.session_id] = session
        self._by_handle[session.handle] = session
        for hash_ in (session.token_hash, session.previous_hash, *session.spent):
            if hash_:
                self._by_token[hash_] = session
        self._by_account.setdefault(session.account, {})[session.session_id] = session

    def get(self, session_id: int) -> Session | None:
        """Return a session by number."""
        return self._by_id.get(session_id)

    def by_handle(self, handle: int, link: Link, connection: int) -> Session | None:
        """Return the session of a handle if it is attached to just this connection."""
        session = self._by_handle.get(handle)
        if session is None or session.link is not link or session.connection != connection:
            return None
        return session

    def by_token(self, hash_: bytes) -> Session | None:
        """Return the session a token belongs or belonged to."""
        return self._by_token.get(hash_)

    def of_connection(self, link: Link, connection: int) -> Session | None:
        """Return the session attached to a connection."""
        return self._by_connection.get((link, connection))

    def of_account(self, account: int) -> list[Session]:
        """Return the sessions of an account, oldest first."""
        return list(self._by_account.get(account, {}).values())

    def children(self, session: Session) -> list[Session]:
        """Return the sessions that were opened beside this one."""
        return [s for s in self.of_account(session.account) if s.parent == session.session_id]

    def attach(self, session: Session, link: Link, connection: int) -> None:
        """Bind a session to a connection. What it listened to must be asked for again."""
        self.on_detach(session)
        session.link, session.connection = link, connection
        session.subscription, session.detached_at = 0, 0
        self._by_connection[link, connection] = session

    def detach(self, session: Session, now: int) -> None:
        """Unbind a session from its connection."""
        if session.link is not None:
            self._by_connection.pop((session.link, session.connection), None)
        self.on_detach(session)
        session.link, session.connection, session.detached_at = None, 0, now
        session.left_at = now
        parent = self._by_id.get(session.parent)
        if parent is not None:
            parent.left_at = now

    def detach_link(self, link: Link, now: int) -> list[Session]:
        """Unbind every session of a lost link; return them."""
        lost = [session for session in self if session.link is link]
        for session in lost:
            self.detach(session, now)
        return lost

    def rotate(self, session: Session, shown: bytes, fresh: bytes) -> list[bytes]:
        """Replace the token after ``shown`` (a hash) was used by ``fresh`` (a hash).

        Returns the spent tokens (hashes) that are not remembered any more.
        """
        forgotten: list[bytes] = []
        if shown == session.token_hash:
            forgotten = session.spend(session.previous_hash)
            session.previous_hash = shown
        else:
            # The reply that carried the present token was lost: nobody can ever show it.
            self._by_token.pop(session.token_hash, None)
        for hash_ in forgotten:
            # Or it would still find the session, and pass for a good token.
            self._by_token.pop(hash_, None)
        session.token_hash = fresh
        self._by_token[fresh] = session
        return forgotten

    def remove(self, session: Session) -> None:
        """Forget a session that ended."""
        if session.link is not None:
            self._by_connection.pop((session.link, session.connection), None)
        self.on_detach(session)
        self._by_id.pop(session.session_id, None)
        if self._by_handle.get(session.handle) is session:
            del self._by_handle[session.handle]
        for hash_ in (session.token_hash, session.previous_hash, *session.spent):
            self._by_token.pop(hash_, None)
        mine = self._by_account.get(session.account, {})
        mine.pop(session.session_id, None)
        if not mine:
            self._by_account.pop(session.account, None)

    def due(self, now: int) -> Iterable[Session]:
        """Return the sessions whose time is over at ``now``."""
        for session in self:
            gone = session.detached_at and now >= session.detached_at + DETACHED_GRACE
            if now >= session.expires_at or (gone and not session.remember):
                yield session

    def is_held(self, session: Session) -> bool:
        """Tell whether a connection has a session, or one that was opened beside it."""
        return session.link is not None or any(
            each.link is not None for each in self.children(session)
        )

    def idle_at(self, now: int) -> Iterable[Session]:
        """Return the remembered sessions that nobody has used for too long at ``now``."""
        for session in self:
            used_at = max(session.last_seen_at, session.left_at)
            if session.remember and now >= used_at + self.idle and not self.is_held(session):
                yield session

    def to_note(self, now: int) -> list[Session]:
        """Return the remembered sessions in use whose last use the store does not know."""
        return [
            session for session in self
            if session.remember and now >= session.noted_at + NOTED_EVERY
            and self.is_held(session)
        ]  # fmt: skip
