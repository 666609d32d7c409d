"""Account Management: who has an account, how one is opened, what of it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

import attrs
import peewee
from twisted.internet.defer import Deferred

from papertrader.core.identifiers import check_currency
from papertrader.master.authorization import Authorization
from papertrader.master.commands import Command, Refused
from papertrader.master.database import TruthStore
from papertrader.master.invitations import Invitation, Invitations
from papertrader.master.journal import Journal
from papertrader.master.passwords import check_password
from papertrader.master.registration import Registration
from papertrader.master.sessions import Session
from papertrader.master.transactions import Transactions
from papertrader.net.clock import Clock
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import AccountRole, AccountStatus, Privacy, Status

ACCOUNTS_MAX: Final = 1_000_000
_USERNAME: Final = re.compile(r"[A-Za-z0-9_.-]{3,24}\Z")
_SHOWN: Final = Privacy.PORTFOLIO_PUBLIC | Privacy.HISTORY_PUBLIC
"""Without any of these an account does not exist for others."""
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,255}\Z")


@attrs.define(slots=True)
class Account:
    """An account. ``password_hash`` is an Argon2id string; it never leaves the master."""

    account: int
    username: str
    email: str
    password_hash: str = attrs.field(repr=False)
    currency: str = "USD"
    privacy: int = 0
    status: int = AccountStatus.ACTIVE
    created_at: int = 0
    registered_by: str = ""
    failed_tries: int = 0
    totp_seed: bytes = attrs.field(default=b"", repr=False)
    """The second factor's seed, sealed; b"": there is none."""
    totp_step: int = 0
    """The last step of which a code was used."""
    last_login_at: int = 0


class AccountBook:
    """All accounts in memory, by number and by name."""

    def __init__(self) -> None:
        self._by_id: dict[int, Account] = {}
        self._by_name: dict[str, Account] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_id.values())

    def load(self, db: peewee.Database) -> None:
        """Read all accounts from the store."""
        rows = db.execute_sql(
            "SELECT id, username, email, password_hash, currency, privacy, status, created_at,"
            " registered_by, failed_tries, totp_seed, totp_step, last_login_at"
            " FROM account ORDER BY id"
        )
        for row in rows.fetchall():
            self.add(Account(*row))

    def add(self, account: Account) -> None:
        """Take an account in."""
        self._by_id[account.account] = account
        if account.status != AccountStatus.CLOSED:
            name = account.username.casefold()
            # The same text twice would be one text too many for each account.
            self._by_name[account.username if name == account.username else name] = account

    def get(self, account: int) -> Account:
        """Return an account by number; raises `KeyError`."""
        return self._by_id[account]

    def named(self, username: str) -> Account | None:
        """Return the account of a user name, any case; none that is closed."""
        return self._by_name.get(username.casefold())

    def close(self, account: Account, username: str) -> None:
        """Let an account stand under another name by which nobody finds it."""
        del self._by_name[account.username.casefold()]
        account.username = username

    def next_id(self) -> int:
        """Return the number of the next account."""
        return max(self._by_id, default=0) + 1


def account_shown(book: AccountBook, session: Session, username: str, needed: int) -> Account:
    """Return the account of ``username`` if it shows ``needed`` to others; "" is one's own.

    Raises `Refused`: NO_SUCH_ACCOUNT when it shows nothing at all, PRIVATE when it shows other
    things.
    """
    own = book.get(session.account)
    asked = book.named(username) if username else own
    if asked is own:
        return own
    if asked is None or not asked.privacy & _SHOWN:
        raise Refused(Status.NO_SUCH_ACCOUNT, f"There is no account {username} that you may see.")
    if not asked.privacy & needed:
        raise Refused(Status.PRIVATE, f"{asked.username} does not show this to others.")
    return asked


def check_email(email: str) -> None:
    """Raise `Refused` for text that is no e-mail address."""
    if _EMAIL.match(email) is None:
        raise Refused(Status.INVALID_FIELD, "That is not an e-mail address.")


@attrs.frozen(kw_only=True)
class AccountRules:
    """What the operator decides. ``starting_cash`` in 1e-8 units of ``currency``."""

    starting_cash: int
    currency: str
    registration: Registration = Registration.OPEN


class Appoint(Protocol):
    """Gives an account its role."""

    def __call__(self, account: int, role: AccountRole, at: int) -> None: ...


@attrs.define
class _Opening:
    """A registration whose password is being hashed; ``source`` names the frame that asked."""

    source: str
    waiting: list[Deferred[None]] = attrs.Factory(list)

    def over(self) -> Deferred[None]:
        """Return a Deferred that fires when it is done, or refused."""
        waiting: Deferred[None] = Deferred()
        self.waiting.append(waiting)
        return waiting


class Accounts:
    """The module. ``authorization`` hashes; ``transactions`` opens portfolios."""

    def __init__(
        self,
        book: AccountBook,
        store: TruthStore,
        journal: Journal,
        authorization: Authorization,
        transactions: Transactions,
        clock: Clock,
        rules: AccountRules,
        invitations: Invitations,
        appoint: Appoint,
    ) -> None:
        self._book = book
        self._store = store
        self._journal = journal
        self._authorization = authorization
        self._transactions = transactions
        self._clock = clock
        self._rules = rules
        self._invitations = invitations
        self._appoint = appoint
        self._in_progress: dict[str, _Opening] = {}
        """By user name; never more than the vault's queue of hashes."""

    async def register(self, command: Command, message: m.Register) -> bytes:
        """Open an account with its default portfolio and its starting cash.

        A frame that the worker sent again after a lost link gets the first answer.
        """
        source = f"{command.link.worker_id}/{command.link.boot}/{command.worker_seq}"
        name = message.username.casefold()
        begun = self._in_progress.get(name)
        if begun is not None and command.resent and begun.source == source:
            await begun.over()
        known = self._book.named(name)
        if known is not None and command.resent and known.registered_by == source:
            return self._registered(command, known)
        self._authorization.admission.registration_begins(command)
        invitation = self._invited(message, command.accepted_at)
        try:
            return await self._open_once(command, message, invitation, source)
        finally:
            if invitation is not None:
                self._invitations.let_go(invitation)

    async def _open_once(
        self, command: Command, message: m.Register, invitation: Invitation | None, source: str
    ) -> bytes:
        self._check(message)
        name = message.username.casefold()
        if self._book.named(name) is not None or name in self._in_progress:
            # The same work as for a name that is free.
            await self._authorization.proof.hash_password(command.address, message.password or "")
            raise Refused(
                Status.USERNAME_TAKEN, f"The name {message.username} is taken; choose another."
            )
        self._in_progress[name] = opening = _Opening(source)
        try:
            hashed = await self._authorization.proof.hash_password(
                command.address, message.password or ""
            )
            account = self._account(command, message, hashed, source)
            self._open(account, invitation)
            self._authorization.admission.registered(command)
        finally:
            del self._in_progress[name]
            for waiting in opening.waiting:
                waiting.callback(None)
        return self._registered(command, account)

    def _invited(self, message: m.Register, now: int) -> Invitation | None:
        """Return the invitation that a registration shows, held; raises `Refused` (clause 11.18).

        This comes before anything is said of the user name.
        """
        closed = self._rules.registration is Registration.CLOSED
        if message.invitation is None:
            if self._rules.registration is Registration.OPEN:
                return None
            if closed:
                raise Refused(Status.REGISTRATION_CLOSED, "This server takes no new accounts.")
        invitation = self._invitations.hold(message.invitation or "", now)
        if closed and invitation.created_by:
            self._invitations.let_go(invitation)
            raise Refused(Status.REGISTRATION_CLOSED, "This server takes no new accounts.")
        return invitation

    def _account(self, command: Command, message: m.Register, hashed: str, source: str) -> Account:
        return Account(
            account=self._book.next_id(),
            username=message.username,
            email=message.email or "",
            password_hash=hashed,
            currency=message.currency or self._rules.currency,
            privacy=message.privacy,
            created_at=command.accepted_at,
            registered_by=source,
        )

    def _check(self, message: m.Register) -> None:
        if _USERNAME.match(message.username) is None:
            raise Refused(
                Status.INVALID_FIELD,
                "A user name has 3 to 24 characters of A-Z a-z 0-9 _ . -",
                field=0,
            )
        if message.email:
            check_email(message.email)
        if message.currency not in ("", self._rules.currency):
            raise Refused(
                Status.INVALID_FIELD,
                f"Portfolios are kept in {self._rules.currency} here.",
                field=24,
            )
        weak = check_password(message.password or "", message.username, message.email or "")
        if weak:
            raise Refused(Status.PASSWORD_WEAK, weak)
        if len(self._book) >= ACCOUNTS_MAX:
            raise Refused(Status.REGISTRATION_CLOSED, "This server has no room for more accounts.")

    def _open(self, account: Account, invitation: Invitation | None) -> None:
        check_currency(account.currency)
        self._book.add(account)
        columns = attrs.asdict(account) | {"username_key": account.username.casefold()}
        columns["id"] = columns.pop("account")
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        row = tuple(columns.values())
        self._journal.change(
            lambda db: db.execute_sql(f"INSERT INTO account ({names}) VALUES ({marks})", row)
        )
        at, number = account.created_at, account.account
        how = f"invitation {invitation.invitation_id}" if invitation is not None else ""
        # No name: the audit log is kept for ever, an account may be forgotten.
        self._journal.change(self._store.audit(at, "register", number, how))
        if invitation is not None:
            self._invitations.spend(invitation, number, at)
            if invitation.role:
                self._appoint(number, AccountRole(invitation.role), at)
        self._transactions.open_portfolio(
            account.account, account.currency, self._rules.starting_cash
        )

    def _registered(self, command: Command, account: Account) -> bytes:
        reply = m.RegisterReply(
            account=account.account,
            created_at=account.created_at,
            starting_cash=self._rules.starting_cash,
        )
        return codec.encode(reply, correlation=command.header.correlation)

    def describe(self, command: Command, session: Session, message: m.AccountGet) -> bytes:
        """Answer ACCOUNT_GET: all of one's own account, of another's what it made public."""
        own = self._book.get(session.account)
        asked = account_shown(self._book, session, message.username, Privacy.PORTFOLIO_PUBLIC)
        summary = self._transactions.totals(asked.account)
        reply = m.AccountReply(
            account=asked.account,
            username=asked.username,
            created_at=asked.created_at,
            currency=asked.currency,
            privacy=asked.privacy,
            cash=summary.cash,
            reserved_cash=summary.reserved_cash,
            equity=summary.equity,
            realized_pnl=summary.realized,
            as_of=self._clock.wall_ns(),
            open_orders=summary.open_orders,
            positions=summary.positions,
            status=asked.status,
            scope=session.scope,
            email=(asked.email or None) if asked is own else None,
        )
        fields = command.fields
        return codec.encode(reply, session=fields[8], correlation=fields[9])
