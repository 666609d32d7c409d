"""What proves who one is: the password, and the second factor's code, each try counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from papertrader.master.admission import Admission
from papertrader.master.commands import Command, Refused
from papertrader.master.database import TruthStore
from papertrader.master.journal import Journal
from papertrader.master.passwords import PasswordVault
from papertrader.net.clock import Clock
from papertrader.wire.kinds import Status

if TYPE_CHECKING:
    from papertrader.master.accounts import Account, AccountBook
    from papertrader.master.secondfactor import SecondFactors

NOBODY_KEY: Final = "failed_logins_of_nobody"
"""Row of the table ``meta``: failures since the start of names that nobody has."""


class Proof:
    """Checks passwords and codes. Whatever is wrong, the work and the answer are the same."""

    log = Logger()

    def __init__(
        self,
        book: AccountBook,
        store: TruthStore,
        journal: Journal,
        vault: PasswordVault,
        clock: Clock,
        admission: Admission,
        factors: SecondFactors,
    ) -> None:
        self._book = book
        self._store = store
        self._journal = journal
        self._vault = vault
        self._clock = clock
        self.admission = admission
        self.factors = factors
        self._of_nobody = 0

    async def hash_password(self, address: bytes, password: str) -> str:
        """Hash a new password. Raises `Refused` when the hashing queue is full."""
        return await self._vault.hash(password, address)

    async def fingerprint(self, octets: bytes, salt: bytes, address: bytes) -> bytes:
        """Return a slow hash of a request that holds a password; raises `Refused` likewise."""
        return await self._vault.fingerprint(octets, salt, address)

    async def confirm(
        self, command: Command, username: str, password: str, text: str, code: str | None = None
    ) -> Account:
        """Return the account of a user name if the password is its own, and the code if it has
        a second factor.

        Raises `Refused` with AUTH_FAILED and ``text`` if not, SECOND_FACTOR_REQUIRED if only the
        code is missing, RATE_LIMITED after too many tries, SERVER_BUSY when the hashing queue is
        full.
        """
        account = await self.check_password(command, username, password, text)
        if account.totp_seed:
            self.check_code(command, account, code, text)
        return account

    async def check_password(
        self, command: Command, username: str, password: str, text: str
    ) -> Account:
        """Return the account of a user name if the password is its own; raises `Refused`."""
        now, admission = command.accepted_at, self.admission
        account = self._book.named(username)
        bucket = admission.bucket(username, account, command.address, now)
        admission.check(bucket, command.address)
        hashed = account.password_hash if account is not None else None
        good = await self._vault.verify(hashed, password, command.address)
        # Others that were let in beside this one may have failed meanwhile: without this, as many
        # passwords could be tried at once as there is room in the queue.
        admission.check(bucket, command.address)
        # The password may have been changed meanwhile: the old one must open nothing any more.
        if account is None or not good or account.password_hash != hashed:
            self.refuse(command, username, account, text)
        if not account.totp_seed:
            admission.succeeded(bucket, account.account, command.address, now)
        return account

    def time_of_codes(self) -> int:
        """Return what the time is for codes: that of the owner's device, not of the ledger."""
        return self._clock.true_ns()

    def check_code(self, command: Command, account: Account, code: str | None, text: str) -> None:
        """Raise `Refused` unless the code of a second factor is good; it is used up."""
        now = command.accepted_at
        bucket = self.admission.bucket(account.username, account, command.address, now)
        self.admission.check(bucket, command.address)
        if code is None:
            raise Refused(
                Status.SECOND_FACTOR_REQUIRED,
                "This account has a second factor: send a code of it, too.",
            )
        if not self.factors.is_good(account, code, self.time_of_codes()):
            self.refuse(command, account.username, account, text, what="code")
        self.admission.succeeded(bucket, account.account, command.address, now)

    def refuse(
        self,
        command: Command,
        username: str,
        account: Account | None,
        text: str,
        what: str = "password",
    ) -> NoReturn:
        """Count a failed try, and raise `Refused` with AUTH_FAILED; ``what`` was wrong."""
        now = command.accepted_at
        bucket = self.admission.bucket(username, account, command.address, now)
        self.admission.failed(bucket, command.address, now)
        number = 0
        if account is not None:
            number = account.account
            account.failed_tries += 1
        self._count_failure(number)
        self._journal.change(self._store.audit(now, "login refused", number, what))
        raise Refused(Status.AUTH_FAILED, text)

    def renew_hash(self, command: Command, account: Account, password: str) -> None:
        """Hash a password anew if the parameters have changed; without room, then next time."""
        if not self._vault.needs_rehash(account.password_hash):
            return
        before = account.password_hash

        async def renew() -> None:
            try:
                hashed = await self._vault.hash(password, command.address)
            except Refused:
                return
            if account.password_hash == before:
                self.set_password(account, hashed)

        Deferred.fromCoroutine(renew()).addErrback(
            lambda failure: self.log.failure("a password was not hashed anew", failure=failure)
        )

    def set_password(self, account: Account, hashed: str) -> None:
        """Set the hash of an account's password."""
        account.password_hash = hashed
        row = (hashed, account.account)
        self._journal.change(
            lambda db: db.execute_sql("UPDATE account SET password_hash = ? WHERE id = ?", row)
        )

    def _count_failure(self, number: int) -> None:
        """Count a failure of an account; 0: of nobody.

        A row is written for nobody as well: a commit that writes a page less takes less time.
        """
        if not number:
            self._of_nobody += 1
            row = (NOBODY_KEY, str(self._of_nobody))
            self._journal.change(
                lambda db: db.execute_sql(
                    "INSERT INTO meta (key, value) VALUES (?, ?)"
                    " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    row,
                )
            )
            return
        self._journal.change(
            lambda db: db.execute_sql(
                "UPDATE account SET failed_tries = failed_tries + 1 WHERE id = ?", (number,)
            )
        )
