"""What the owner of an account does to it: sessions, password, privacy, e-mail, API keys.

Each change is a command (specification, clause 12.1): its reply is journaled in the transaction
that changes the tables. Sessions that an API key opened may do nothing of this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import peewee
from twisted.internet.defer import Deferred

from papertrader.core.instants import SECOND
from papertrader.master.accounts import AccountBook, check_email
from papertrader.master.authorization import Authorization
from papertrader.master.commands import Command, Refused
from papertrader.master.database import TruthStore
from papertrader.master.holdings import parts
from papertrader.master.journal import Journal
from papertrader.master.keys import SECRET_OCTETS, ApiKey, secret_hash
from papertrader.master.passwords import BUSY_RETRY_MS, check_password
from papertrader.master.replies import conclude_message, is_fresh, stored_reply
from papertrader.master.sessions import Session
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import AccountField, Scope, Status, Tag, allows

DEVICE_OCTETS: Final = 24
LABEL_OCTETS: Final = 64
_SALT_OCTETS: Final = 16


def require_owner(session: Session) -> None:
    """Raise `Refused` for a program that logged in with an API key."""
    if session.api_key:
        raise Refused(
            Status.SCOPE_DENIED,
            "An API key may not manage the account; log in with the password for that.",
        )


def require_proof(session: Session, now: int) -> None:
    """Raise `Refused` if the session showed no password or code in the last `limits.PROOF_S`."""
    if now >= session.proven_at + limits.PROOF_S * SECOND:
        raise Refused(
            Status.PROOF_TOO_OLD,
            f"That needs your password, shown in the last {limits.PROOF_S // 60} minutes: log in"
            " with it, then ask again.",
        )


def _salt(session: Session, seq: int) -> bytes:
    """Return what makes the fingerprint of one command unlike that of any other."""
    octets = session.session_id.to_bytes(8, "big") + seq.to_bytes(8, "big")
    return hashlib.sha256(octets).digest()[:_SALT_OCTETS]


def session_row(each: Session, current: bool = False) -> bytes:
    """Return how lists show a session."""
    return m.SessionRow(
        session_id=each.session_id,
        created_at=each.created_at,
        last_seen_at=each.last_seen_at,
        expires_at=each.expires_at,
        address=each.address or bytes(16),
        device=each.device.encode().ljust(DEVICE_OCTETS, b"\0"),
        worker=each.worker,
        parent=each.parent,
        key=each.api_key,
        scope=each.scope,
        online=each.link is not None,
        current=current,
        remember=each.remember,
    ).pack()


class Profile:
    """Answers these requests. ``entropy`` gives random octets."""

    def __init__(
        self,
        book: AccountBook,
        store: TruthStore,
        journal: Journal,
        authorization: Authorization,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._book = book
        self._store = store
        self._journal = journal
        self._authorization = authorization
        self._sessions = authorization.sessions
        self._keys = authorization.keys
        self._entropy = entropy

    # --- sessions ------------------------------------------------------------------------------

    def session_list(
        self, command: Command, session: Session, message: m.SessionList
    ) -> list[bytes]:
        """Answer SESSION_LIST."""
        require_owner(session)
        mine = self._sessions.of_account(session.account)
        rows = [session_row(each, current=each is session) for each in mine]
        head = m.SessionListPart(as_of=command.accepted_at)
        return parts(command, session, Tag.SESSIONS, m.SessionRow.SIZE, rows, head)

    def session_revoke(self, command: Command, session: Session, message: m.SessionRevoke) -> bytes:
        """End another session of the account and those beside it."""
        require_owner(session)
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        require_proof(session, command.accepted_at)
        if message.session_id in (session.session_id, session.parent):
            raise Refused(
                Status.INVALID_FIELD, "That is the login you are using; log out instead.", field=0
            )
        other = self._sessions.get(message.session_id)
        if other is None or other.account != session.account:
            raise Refused(Status.NO_SUCH_SESSION, f"You have no session {message.session_id}.")
        ended = self._authorization.end(other, Status.SESSION_REVOKED)
        self._audit(command, session, "session revoked", f"session {other.session_id}")
        return self._conclude(command, session, m.SessionRevokeReply(ended=ended))

    # --- the account ---------------------------------------------------------------------------

    async def password_change(
        self, command: Command, session: Session, message: m.PasswordChange
    ) -> bytes:
        """Set a new password and end every other session of the account."""
        require_owner(session)
        is_fresh(command, session)
        seq = command.header.seq
        while seq in session.underway:
            # The same command came again while its hashes are made: it must not be done twice.
            over: Deferred[None] = Deferred()
            session.underway[seq].append(over)
            await over
        if session.underway:
            # One at a time, or a single session could fill the queue of hashes.
            raise Refused(
                Status.SERVER_BUSY,
                "This session is changing the password already; try again shortly.",
                retry_after_ms=BUSY_RETRY_MS,
            )
        session.underway[seq] = []
        try:
            return await self._change_once(command, session, message)
        finally:
            for waiting in session.underway.pop(seq):
                waiting.callback(None)

    async def _change_once(
        self, command: Command, session: Session, message: m.PasswordChange
    ) -> bytes:
        account = self._book.get(session.account)
        old, new = message.password or "", message.new_password or ""
        body, salt = command.octets[limits.HEADER_SIZE :], _salt(session, command.header.seq)
        if not is_fresh(command, session):
            mark = await self._authorization.proof.fingerprint(body, salt, command.address)
            stored = stored_reply(command, session, mark)
            if stored is not None:
                return stored
        weak = check_password(new, account.username, account.email)
        if not weak and new == old:
            weak = "The new password is the old one; choose another."
        if weak:
            raise Refused(Status.PASSWORD_WEAK, weak)
        await self._authorization.proof.check_password(
            command, account.username, old, "That is not your present password."
        )
        hashed = await self._authorization.proof.hash_password(command.address, new)
        mark = await self._authorization.proof.fingerprint(body, salt, command.address)
        # A change that another session made meanwhile has ended this one.
        if self._sessions.get(session.session_id) is not session:
            raise Refused(Status.SESSION_REVOKED, "The session has ended meanwhile; log in again.")
        self._authorization.proof.set_password(account, hashed)
        session.proven_at = command.accepted_at
        self._audit(command, session, "password change")
        ended = self._authorization.end_others(session)
        return self._conclude(command, session, m.PasswordChangeReply(ended=ended), mark)

    def account_update(self, command: Command, session: Session, message: m.AccountUpdate) -> bytes:
        """Set what others see, or the e-mail address."""
        require_owner(session)
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        _check_update(message)
        if message.mask & AccountField.EMAIL:
            require_proof(session, command.accepted_at)
        account = self._book.get(session.account)
        if message.mask & AccountField.PRIVACY:
            account.privacy = message.privacy
            self._audit(command, session, "privacy", f"{message.privacy}")
        if message.mask & AccountField.EMAIL:
            account.email = message.email or ""
            self._audit(command, session, "e-mail", "set" if message.email else "removed")
        row = (account.privacy, account.email, account.account)
        self._journal.change(
            lambda db: db.execute_sql("UPDATE account SET privacy = ?, email = ? WHERE id = ?", row)
        )
        reply = m.AccountUpdateReply(privacy=account.privacy, has_email=bool(account.email))
        return self._conclude(command, session, reply)

    # --- API keys ------------------------------------------------------------------------------

    def key_create(self, command: Command, session: Session, message: m.ApiKeyCreate) -> bytes:
        """Make a key; its secret is in this reply and nowhere else."""
        require_owner(session)
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        # It outlives every session: who only found one of those open must not get it.
        require_proof(session, command.accepted_at)
        label = message.label or ""
        if not label.isprintable():
            raise Refused(
                Status.INVALID_FIELD, "A label is a line of printable characters.", section=Tag.TAG
            )
        if message.scope == Scope.SETUP:
            raise Refused(Status.INVALID_FIELD, "A key cannot have that scope.", field=0)
        if not allows(session.scope, message.scope):
            raise Refused(Status.SCOPE_DENIED, "A key may do no more than who makes it.")
        if len(self._keys.of_account(session.account)) >= limits.KEYS_PER_ACCOUNT:
            raise Refused(
                Status.TOO_MANY_KEYS,
                f"You have {limits.KEYS_PER_ACCOUNT} API keys already; revoke one first.",
            )
        now, secret = command.accepted_at, self._entropy(SECRET_OCTETS)
        key = ApiKey(
            key=self._keys.next_id(),
            account=session.account,
            secret_hash=secret_hash(secret),
            scope=int(message.scope),
            label=label,
            created_at=now,
            expires_at=now + message.lifetime_s * SECOND if message.lifetime_s else 0,
        )
        self._keys.add(key)
        self._store_key(key)
        self._audit(command, session, "API key made", f"key {key.key}")
        reply = m.ApiKeyCreateReply(
            key=key.key,
            secret=secret,
            created_at=now,
            expires_at=key.expires_at,
            scope=key.scope,
        )
        # The journal must not hold the secret: after a restart it can only be said to be lost.
        shown = m.ApiKeyCreateReply(
            key=key.key, created_at=now, expires_at=key.expires_at, scope=key.scope
        )
        return self._conclude(command, session, reply, shown=shown)

    def _store_key(self, key: ApiKey) -> None:
        row = (
            key.key,
            key.account,
            key.secret_hash,
            key.scope,
            key.label,
            key.created_at,
            key.expires_at,
        )

        def insert(db: peewee.Database) -> None:
            db.execute_sql(
                "INSERT INTO api_key (id, account, secret_hash, scope, label, created_at,"
                " expires_at, last_used_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)",
                row,
            )

        self._journal.change(insert)

    def key_list(self, command: Command, session: Session, message: m.ApiKeyList) -> list[bytes]:
        """Answer APIKEY_LIST."""
        require_owner(session)
        mine = self._sessions.of_account(session.account)
        rows = [
            m.ApiKeyRow(
                key=key.key,
                created_at=key.created_at,
                last_used_at=key.last_used_at,
                expires_at=key.expires_at,
                scope=key.scope,
                sessions=sum(each.api_key == key.key for each in mine),
                label=key.label.encode().ljust(LABEL_OCTETS, b"\0"),
            ).pack()
            for key in self._keys.of_account(session.account)
        ]
        head = m.ApiKeyListPart(as_of=command.accepted_at)
        return parts(command, session, Tag.KEYS, m.ApiKeyRow.SIZE, rows, head)

    def key_revoke(self, command: Command, session: Session, message: m.ApiKeyRevoke) -> bytes:
        """Void a key for ever and end the sessions that it opened."""
        require_owner(session)
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        key = self._keys.get(message.key)
        if key is None or key.account != session.account:
            raise Refused(Status.NO_SUCH_KEY, f"You have no API key {message.key}.")
        self._keys.remove(key)
        row = (command.accepted_at, key.key)
        self._journal.change(
            lambda db: db.execute_sql("UPDATE api_key SET revoked_at = ? WHERE id = ?", row)
        )
        self._audit(command, session, "API key revoked", f"key {key.key}")
        opened = [s for s in self._sessions.of_account(key.account) if s.api_key == key.key]
        ended = sum(self._authorization.end(each, Status.SESSION_REVOKED) for each in opened)
        return self._conclude(command, session, m.ApiKeyRevokeReply(ended=ended))

    # --- what they have in common ----------------------------------------------------------------

    def _audit(self, command: Command, session: Session, kind: str, detail: str = "") -> None:
        self._journal.change(self._store.audit(command.accepted_at, kind, session.account, detail))

    def _conclude(
        self,
        command: Command,
        session: Session,
        reply: Message,
        fingerprint: bytes = b"",
        shown: Message | None = None,
    ) -> bytes:
        return conclude_message(self._journal, command, session, reply, fingerprint, shown)


def _check_update(message: m.AccountUpdate) -> None:
    """Raise `Refused` for an ACCOUNT_UPDATE that contradicts itself or holds no address."""
    if not message.mask:
        raise Refused(Status.INVALID_FIELD, "Say what to change.", field=0)
    if message.privacy and not message.mask & AccountField.PRIVACY:
        raise Refused(Status.INVALID_FIELD, "The mask does not name the privacy given.", field=4)
    if message.email is None:
        return
    if not message.mask & AccountField.EMAIL:
        raise Refused(
            Status.INVALID_FIELD, "The mask does not name the e-mail given.", section=Tag.EMAIL
        )
    check_email(message.email)
