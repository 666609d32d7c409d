"""Authorization: passwords, sessions, and who may do what."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import peewee
from twisted.logger import Logger

from papertrader.core.instants import SECOND
from papertrader.master.commands import Command, Link, Refused
from papertrader.master.confinement import Confinement
from papertrader.master.database import TruthStore
from papertrader.master.demand import Demand
from papertrader.master.journal import Journal
from papertrader.master.keys import ApiKey, KeyTable
from papertrader.master.proof import Proof
from papertrader.master.sessions import (
    LIFETIME,
    LIFETIME_REMEMBERED,
    SESSIONS_MAX,
    Session,
    SessionTable,
    lost_events,
    token_hash,
)
from papertrader.net.clock import Clock
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import (
    AccountRole,
    AccountStatus,
    Mechanism,
    ResumeFlag,
    Status,
    lower_scope,
)

if TYPE_CHECKING:
    from papertrader.master.accounts import Account, AccountBook

SWEEP_S: Final = 5.0
IDLE_LOOK: Final = 60 * SECOND
"""How often idle sessions are looked for."""
_REFUSED_LOGIN: Final = "Wrong user name or password."


class Authorization:
    """The module. ``entropy`` gives random octets."""

    log = Logger()

    def __init__(
        self,
        book: AccountBook,
        store: TruthStore,
        journal: Journal,
        proof: Proof,
        clock: Clock,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._book = book
        self._store = store
        self._journal = journal
        self.proof = proof
        self.admission = proof.admission
        self._clock = clock
        self._entropy = entropy
        self.stream_of: Callable[[int], tuple[int, int]] = lambda account: (0, 1)
        """The oldest and the next event number of an account."""
        self._logging_in: set[tuple[Link, int]] = set()
        """Connections whose password is being checked; never more than the vault's queue."""
        self.sessions = SessionTable()
        self.keys = KeyTable()
        self.on_notice: Callable[[Session, int], None] = lambda session, code: None
        self.check_scope: Callable[[int, int], None] = lambda account, scope: None
        """Raises `Refused` if a login of the account may not have that scope."""
        self._idle_looked_at = 0
        self.idle_ended = 0
        """Remembered sessions that ended because nobody used them."""
        self.confinement = Confinement(Demand.OFFERED, book, lambda account: AccountRole.TRADER)

    # --- loading and sweeping ------------------------------------------------------------------

    def load(self, db: peewee.Database, now: int) -> list[int]:
        """Read the sessions that have not ended and the keys; return the sessions' numbers.

        One whose time is over is among them, and ended durably by the next sweep: with a clock
        that was wrong for one start it must not come back without its stored replies.
        """
        self.keys.load(db)
        (last,) = db.execute_sql("SELECT coalesce(max(id), 0) FROM session").fetchone()
        self.sessions.last_id = last
        rows = db.execute_sql(
            "SELECT id, account, token_hash, scope, remember, expires_at, parent, previous_hash,"
            " device, api_key, created_at, last_seen_at, address, worker FROM session"
            " WHERE ended_at = 0 ORDER BY id"
        )
        for row in list(rows):
            session = Session(
                session_id=row[0],
                account=row[1],
                token_hash=row[2],
                scope=row[3],
                remember=bool(row[4]),
                expires_at=row[5],
                parent=row[6],
                previous_hash=row[7],
                device=row[8],
                api_key=row[9],
                created_at=row[10],
                last_seen_at=row[11],
                address=row[12],
                worker=row[13],
                detached_at=now,
                noted_at=row[11],
            )
            spent = db.execute_sql(
                "SELECT token_hash FROM spent_token WHERE session = ? ORDER BY spent_at",
                (session.session_id,),
            )
            session.spent = [value for (value,) in spent]
            self.sessions.add(session)
        return [session.session_id for session in self.sessions]

    def sweep(self) -> None:
        """End the sessions whose time is over; write down which remembered ones are in use."""
        now = self._clock.wall_ns()
        for session in list(self.sessions.due(now)):
            self.end(session, Status.SESSION_EXPIRED)
        if now >= self._idle_looked_at + IDLE_LOOK:
            self._idle_looked_at = now
            self._sweep_idle(now)

    def _sweep_idle(self, now: int) -> None:
        for session in list(self.sessions.idle_at(now)):
            self.idle_ended += 1
            self.log.info(
                "session {session} of account {account} was idle for too long and ends",
                session=session.session_id,
                account=session.account,
            )
            self.end(session, Status.SESSION_EXPIRED, "idle")
        self._note_use(self.sessions.to_note(now), now)

    def _note_use(self, sessions: list[Session], now: int) -> None:
        for session in sessions:
            session.noted_at = now
        rows = [(now, session.session_id) for session in sessions]

        def note(db: peewee.Database) -> None:
            for row in rows:
                db.execute_sql("UPDATE session SET last_seen_at = ? WHERE id = ?", row)

        if rows:
            self._journal.change(note)

    # --- who asks ------------------------------------------------------------------------------

    def session_of(self, command: Command) -> Session:
        """Return the session a command belongs to; raises `Refused`."""
        handle = command.fields[8]
        if handle == 0:
            raise Refused(Status.NOT_LOGGED_IN, "Log in first.")
        session = self.sessions.by_handle(handle, command.link, command.connection)
        if session is None:
            raise Refused(
                Status.SESSION_DETACHED,
                "The session is not attached to this connection; resume it, then ask again.",
            )
        if command.accepted_at >= session.expires_at:
            self.end(session, Status.SESSION_EXPIRED)
            raise Refused(Status.SESSION_EXPIRED, "The session has expired; log in again.")
        session.last_seen_at = command.accepted_at
        return session

    # --- login ---------------------------------------------------------------------------------

    async def login(self, command: Command, message: m.Login) -> bytes:
        """Open a session. One code and the same work, whatever is wrong with the login."""
        here = (command.link, command.connection)
        if self.sessions.of_connection(*here) is not None or here in self._logging_in:
            raise Refused(Status.SESSION_IN_USE, "This connection has a session; log out first.")
        parent, key = None, None
        if message.mechanism == Mechanism.SESSION_TOKEN:
            account, parent = self._by_token(message)
        elif message.mechanism == Mechanism.API_KEY:
            account, key = self._by_key(command, message)
        else:
            self._logging_in.add(here)
            try:
                account = await self._by_password(command, message)
                if here not in self._logging_in:
                    raise Refused(Status.SESSION_DETACHED, "The connection is gone; log in again.")
            finally:
                self._logging_in.discard(here)
        if account.status != AccountStatus.ACTIVE:
            raise Refused(Status.ACCOUNT_SUSPENDED, "This account is suspended.")
        if key is not None:
            # A key cannot set a second factor up; its owner has to.
            self.confinement.check_account(account)
        if parent is not None:
            parent.last_seen_at = parent.noted_at = command.accepted_at
        session, token = self._open(command, message, account, parent, key)
        account.last_login_at = command.accepted_at
        failed, account.failed_tries = account.failed_tries, 0
        _, next_event = self.stream_of(account.account)
        reply = m.LoginReply(
            token=token,
            session=session.handle,
            scope=self.confinement.scope_of(session),
            account=account.account,
            session_id=session.session_id,
            expires_at=session.expires_at,
            next_event_seq=next_event,
            failed_tries=failed,
        )
        return codec.encode(reply, session=session.handle, correlation=command.header.correlation)

    def _by_token(self, message: m.Login) -> tuple[Account, Session]:
        try:
            token = bytes.fromhex(message.password or "")
        except ValueError:
            token = b""
        parent = self.sessions.by_token(token_hash(token)) if len(token) == 32 else None
        named = self._book.named(message.username)
        if (
            parent is None
            or named is None
            or parent.account != named.account
            or not parent.remember
            or token_hash(token) not in (parent.token_hash, parent.previous_hash)
        ):
            raise Refused(
                Status.AUTH_FAILED, "The stored login is not valid any more; log in again."
            )
        return named, parent

    def _by_key(self, command: Command, message: m.Login) -> tuple[Account, ApiKey]:
        now = command.accepted_at
        self.admission.check_address(command.address)
        key = self.keys.shown(message.password or "", now)
        account = self._book.get(key.account) if key is not None else None
        named = self._book.named(message.username) if message.username else account
        if key is None or account is None or named is not account:
            self.admission.failed(None, command.address, now)
            self._journal.change(self._store.audit(now, "login refused", 0, "API key"))
            raise Refused(Status.AUTH_FAILED, "That API key is not valid, or not any more.")
        key.last_used_at = now
        return account, key

    async def _by_password(self, command: Command, message: m.Login) -> Account:
        self.admission.login_begins(command)
        password = message.password or ""
        proof = self.proof
        account = await proof.confirm(
            command, message.username, password, _REFUSED_LOGIN, message.code
        )
        proof.renew_hash(command, account, password)
        return account

    def _open(
        self,
        command: Command,
        message: m.Login,
        account: Account,
        parent: Session | None,
        key: ApiKey | None,
    ) -> tuple[Session, bytes]:
        now = command.accepted_at
        self.check_scope(account.account, int(message.scope))
        self._make_room_for(account, parent, key)
        if len(self.sessions) >= SESSIONS_MAX:
            raise Refused(Status.SERVER_BUSY, "Too many sessions; try later.", retry_after_ms=5_000)
        remember = message.remember and parent is None
        longest = LIFETIME_REMEMBERED if remember else LIFETIME
        wished = message.lifetime_s * SECOND or longest
        expires = now + min(wished, longest)
        scope = int(message.scope)
        if parent is not None:
            expires, scope = min(expires, parent.expires_at), lower_scope(scope, parent.scope)
        if key is not None:
            expires, scope = min(expires, key.expires_at or expires), lower_scope(scope, key.scope)
        token = self._entropy(32)
        session = Session(
            session_id=self.sessions.next_id(),
            account=account.account,
            token_hash=token_hash(token),
            scope=scope,
            remember=remember,
            expires_at=expires,
            parent=parent.session_id if parent else 0,
            device=message.device or "",
            api_key=key.key if key else (parent.api_key if parent else 0),
            proven_at=parent.proven_at if parent else (0 if key else now),
            created_at=now,
            last_seen_at=now,
            noted_at=now,
            address=command.address,
            worker=command.link.worker_id,
        )
        self.sessions.add(session)
        self.sessions.attach(session, command.link, command.connection)
        self._store_session(session, command)
        return session, token

    def _make_room_for(self, account: Account, parent: Session | None, key: ApiKey | None) -> None:
        """End a session that nobody holds if the account has too many; raises `Refused`.

        Programs with keys push out their like only, and give way to their owner, even while they
        are connected: who found a key must not be able to shut the owner out.
        """
        mine = self.sessions.of_account(account.account)
        if len(mine) < limits.SESSIONS_PER_ACCOUNT:
            return
        by_key = key is not None or (parent is not None and bool(parent.api_key))
        idle = [s for s in mine if s.link is None and s is not parent]
        programs = [s for s in mine if s.api_key and s is not parent]
        going = [s for s in idle if s.api_key] if by_key else idle + programs
        if not going:
            raise Refused(
                Status.TOO_MANY_SESSIONS,
                f"This account has {len(mine)} sessions already; end one first.",
            )
        self.end(going[0], Status.SESSION_EXPIRED)

    def _store_session(self, session: Session, command: Command) -> None:
        row = (
            session.session_id,
            session.account,
            session.parent,
            session.token_hash,
            b"",
            int(session.remember),
            session.scope,
            session.device,
            command.link.worker_id,
            command.address,
            command.accepted_at,
            session.expires_at,
            command.accepted_at,
            session.api_key,
        )

        def insert(db: peewee.Database) -> None:
            db.execute_sql(
                "INSERT INTO session (id, account, parent, token_hash, previous_hash, remember,"
                " scope, device, worker, address, created_at, expires_at, last_seen_at, api_key,"
                " ended_at, end_reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
                row,
            )
            db.execute_sql(
                "UPDATE api_key SET last_used_at = ? WHERE id = ?",
                (session.created_at, session.api_key),
            )
            db.execute_sql(
                "UPDATE session SET last_seen_at = ? WHERE id = ?",
                (session.created_at, session.parent),
            )
            db.execute_sql(
                "UPDATE account SET failed_tries = 0, last_login_at = ? WHERE id = ?",
                (session.created_at, session.account),
            )

        self._journal.change(insert)
        kind = "session beside" if session.parent else "login"
        detail = f"session {session.session_id}, by {self._means(session)}"
        self._journal.change(self._store.audit(command.accepted_at, kind, session.account, detail))

    def _means(self, session: Session) -> str:
        """Say what a session was opened with."""
        if session.parent:
            return "a session's token"
        if session.api_key:
            return f"API key {session.api_key}"
        account = self._book.get(session.account)
        return "password and code" if account and account.totp_seed else "password"

    # --- resume and end ------------------------------------------------------------------------

    def resume(self, command: Command, message: m.Resume) -> bytes:
        """Attach a living session to this connection and give it the next token."""
        shown = token_hash(message.token)
        session = self.sessions.by_token(shown)
        if session is None or command.accepted_at >= session.expires_at:
            raise Refused(Status.SESSION_EXPIRED, "The session is over; log in again.")
        if shown in session.spent:
            self.log.error(
                "a spent token of session {session} was shown: the family ends",
                session=session.session_id,
            )
            self._journal.change(
                self._store.audit(
                    command.accepted_at,
                    "ALERT token theft",
                    session.account,
                    f"session {session.session_id}",
                )
            )
            self.end(session, Status.SESSION_REVOKED)
            raise Refused(
                Status.SESSION_REVOKED,
                "This login was used from elsewhere and has been revoked; log in again.",
            )
        self._make_room(command, session, message)
        fresh = self._entropy(32)
        forgotten = self.sessions.rotate(session, shown, token_hash(fresh))
        self.sessions.attach(session, command.link, command.connection)
        session.last_seen_at, session.address = command.accepted_at, command.address
        session.worker, session.noted_at = command.link.worker_id, command.accepted_at
        self._store_rotation(session, forgotten, command.accepted_at)
        oldest, upcoming = self.stream_of(session.account)
        expected = message.last_event_seq + 1
        gap = expected > 1 and not oldest <= expected <= upcoming
        reply = m.ResumeReply(
            token=fresh,
            session=session.handle,
            scope=self.confinement.scope_of(session),
            account=session.account,
            session_id=session.session_id,
            expires_at=session.expires_at,
            last_command_seq=session.last_seq,
            oldest_event_seq=oldest,
            next_event_seq=upcoming,
            text=lost_events(expected, oldest) if gap else None,
        )
        return codec.encode(
            reply,
            status=Status.RESUME_GAP if gap else Status.OK,
            session=session.handle,
            correlation=command.header.correlation,
        )

    def _make_room(self, command: Command, session: Session, message: m.Resume) -> None:
        here = self.sessions.of_connection(command.link, command.connection)
        if (command.link, command.connection) in self._logging_in or (
            here is not None and here is not session
        ):
            raise Refused(Status.SESSION_IN_USE, "This connection has another session.")
        if session.link is not None and here is not session:
            if not message.flags & ResumeFlag.TAKE_OVER:
                raise Refused(Status.SESSION_IN_USE, "The session is in use on another connection.")
            self.on_notice(session, Status.SESSION_TAKEN_OVER)
            self.sessions.detach(session, command.accepted_at)

    def _store_rotation(self, session: Session, forgotten: list[bytes], now: int) -> None:
        row = (
            session.token_hash,
            session.previous_hash,
            now,
            session.address,
            session.worker,
            session.session_id,
        )
        spent = session.spent[-1] if session.spent else None

        def rotate(db: peewee.Database) -> None:
            db.execute_sql(
                "UPDATE session SET token_hash = ?, previous_hash = ?, last_seen_at = ?,"
                " address = ?, worker = ? WHERE id = ?",
                row,
            )
            if spent is not None:
                db.execute_sql(
                    "INSERT INTO spent_token (token_hash, session, spent_at)"
                    " VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    (spent, session.session_id, now),
                )
            for hash_ in forgotten:
                db.execute_sql("DELETE FROM spent_token WHERE token_hash = ?", (hash_,))

        self._journal.change(rotate)

    def logout(self, command: Command, session: Session, message: m.Logout) -> bytes:
        """End this session and those opened beside it; or all of the account."""
        if message.everywhere:
            ended = self.end_all(session.account, session)
        else:
            ended = self.end(session, 0)
        head = command.header
        return codec.encode(
            m.LogoutReply(ended=ended), session=head.session, correlation=head.correlation
        )

    def end_others(self, session: Session) -> int:
        """End every other session of the account; return how many. This one goes on by itself."""
        if session.parent:
            session.parent = 0
            self._journal.change(
                lambda db: db.execute_sql(
                    "UPDATE session SET parent = 0 WHERE id = ?", (session.session_id,)
                )
            )
        others = [s for s in self.sessions.of_account(session.account) if s is not session]
        return sum(self.end(each, Status.SESSION_REVOKED) for each in others)

    def end_all(self, account: int, asking: Session | None = None) -> int:
        """End every session of an account; return how many. ``asking`` itself gets no notice."""
        ended = self.end(asking, 0) if asking is not None else 0
        others = self.sessions.of_account(account)
        return ended + sum(self.end(each, Status.SESSION_REVOKED) for each in others)

    def end(self, session: Session, reason: int, cause: str = "") -> int:
        """End a session and those opened beside it; return how many. Durable with the batch.

        ``reason`` is what its connection is told; 0: nothing, since it asked for it itself.
        ``cause`` is noted in the audit log besides.
        """
        if self.sessions.get(session.session_id) is None:
            return 0
        why = reason or Status.SESSION_REVOKED
        ended = sum(self.end(child, why) for child in self.sessions.children(session))
        if reason and session.link is not None:
            self.on_notice(session, reason)
        self.sessions.remove(session)
        now = self._clock.wall_ns()

        def close(db: peewee.Database) -> None:
            db.execute_sql(
                "UPDATE session SET ended_at = ?, end_reason = ? WHERE id = ?",
                (now, reason, session.session_id),
            )
            db.execute_sql("DELETE FROM spent_token WHERE session = ?", (session.session_id,))

        self._journal.change(close)
        detail = ", ".join(filter(None, (f"session {session.session_id}", cause)))
        self._journal.change(self._store.audit(now, "session end", session.account, detail))
        return ended + 1

    # --- connections ---------------------------------------------------------------------------

    def connection_closed(self, link: Link, connection: int, clean: bool) -> None:
        """A client's connection is gone; ``clean`` when it said goodbye."""
        self._logging_in.discard((link, connection))
        session = self.sessions.of_connection(link, connection)
        if session is None:
            return
        self.sessions.detach(session, self._clock.wall_ns())
        if clean and not session.remember:
            self.end(session, 0)

    def link_lost(self, link: Link) -> None:
        """A worker's link is gone: its sessions are detached."""
        self._logging_in = {key for key in self._logging_in if key[0] is not link}
        self.sessions.detach_link(link, self._clock.wall_ns())
