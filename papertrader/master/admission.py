"""How often one may try to get in: by user name, by address, by worker, and over all.

What a worker says of an address is believed for this alone; a worker that lies about it runs into
its own limit. The failures by name and the addresses of good logins are durable: a restart forgives
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import peewee

from papertrader.core.buckets import TokenBucket
from papertrader.core.limithits import LimitHits
from papertrader.master.commands import Command, Refused
from papertrader.master.journal import Journal
from papertrader.master.tries import (
    ADDRESS_TRIES,
    ADDRESS_WINDOW,
    HOUR,
    KNOWN_DAYS,
    KnownAddresses,
    NameTries,
    Tries,
    WindowCounter,
    bucket_key,
    is_loopback,
    network_of,
)
from papertrader.net.clock import Clock
from papertrader.wire.kinds import Status

if TYPE_CHECKING:
    from papertrader.master.accounts import Account

LOGIN_BURST_S: Final = 5
"""Logins of so many seconds may come at once over one worker."""
REGISTRATION_BURST_S: Final = 60
WORKERS_COUNTED: Final = 1_024
"""Workers whose rates are remembered: more than can be registered in practice."""
_ALL: Final = b"all"


@attrs.frozen(kw_only=True)
class AdmissionRules:
    """What the operator decides.

    Logins and registrations in a second are those of each worker, failed logins in ten minutes and
    registrations in an hour those of each address, registrations in a day those of all.
    """

    logins_per_second: int = 10
    failed_logins_per_address: int = ADDRESS_TRIES
    registrations_per_second: int = 1
    registrations_per_hour: int = 5
    registrations_per_day: int = 1_000


class Admission:
    """The counters (see the module). Its checks raise `Refused` (RATE_LIMITED)."""

    def __init__(
        self, rules: AdmissionRules, journal: Journal, clock: Clock, hits: LimitHits
    ) -> None:
        self._rules = rules
        self._journal = journal
        self._clock = clock
        self._hits = hits
        self.names = NameTries(self._keep)
        self.addresses = WindowCounter(rules.failed_logins_per_address, ADDRESS_WINDOW)
        self.known = KnownAddresses()
        self._registrations = WindowCounter(rules.registrations_per_hour, HOUR)
        self._all_registrations = WindowCounter(rules.registrations_per_day, 24 * HOUR)
        self._logins: dict[int, TokenBucket] = {}
        self._registering: dict[int, TokenBucket] = {}

    def load(self, db: peewee.Database) -> None:
        """Read what was written down."""
        for key, failures, last_at, hour_at, hour in db.execute_sql(
            "SELECT key, failures, last_at, hour_at, hour FROM login_tries ORDER BY last_at"
        ).fetchall():
            self.names.load(bytes(key), Tries(failures, last_at, hour_at, hour))
        for account, network, at in db.execute_sql(
            "SELECT account, network, at FROM login_address ORDER BY at"
        ).fetchall():
            self.known.load(account, bytes(network), at)

    # --- logins --------------------------------------------------------------------------------

    def login_begins(self, command: Command) -> None:
        """Count a login over its worker, of whichever kind."""
        self._rate(self._logins, command, self._rules.logins_per_second, LOGIN_BURST_S, "logins")

    def bucket(self, username: str, account: Account | None, address: bytes, now: int) -> bytes:
        """Return which bucket of a user name a try from an address counts in."""
        network = network_of(address)
        if account is not None and self.known.knows(account.account, network, now):
            return bucket_key(username, network)
        return bucket_key(username)

    def check(self, bucket: bytes, address: bytes) -> None:
        """Raise `Refused` if this bucket, or this address, has to wait."""
        now = self._clock.wall_ns()
        by_name = self.names.wait_ms(bucket, now)
        by_address = self.addresses.wait_ms(network_of(address), now)
        if by_name:
            self._hits.hit("login_name")
        if by_address:
            self._hits.hit("login_address")
        self._wait(max(by_name, by_address), "Too many failed logins")

    def check_address(self, address: bytes) -> None:
        """Raise `Refused` if this address has to wait."""
        wait = self.addresses.wait_ms(network_of(address), self._clock.wall_ns())
        if wait:
            self._hits.hit("login_address")
        self._wait(wait, "Too many failed logins")

    def failed(self, bucket: bytes | None, address: bytes, now: int) -> None:
        """Count a failed login, of a bucket if a name was shown."""
        if bucket is not None:
            self.names.failed(bucket, now)
        self.addresses.count(network_of(address), now)

    def succeeded(self, bucket: bytes, account: int, address: bytes, now: int) -> None:
        """A good login: its bucket's row of failures is over, and its address is known."""
        self.names.clear(bucket)
        network = network_of(address)
        gone = self.known.saw(account, network, now)

        def note(db: peewee.Database) -> None:
            db.execute_sql(
                "INSERT INTO login_address (account, network, at) VALUES (?, ?, ?)"
                " ON CONFLICT (account, network) DO UPDATE SET at = excluded.at",
                (account, network, now),
            )
            for each in gone:
                db.execute_sql(
                    "DELETE FROM login_address WHERE account = ? AND network = ?", (account, each)
                )

        self._journal.change(note)

    def forget(self, account: int) -> None:
        """Forget from where an account was used."""
        self.known.forget(account)
        self._journal.change(
            lambda db: db.execute_sql("DELETE FROM login_address WHERE account = ?", (account,))
        )

    def sweep(self, now: int) -> None:
        """Delete from disk what counts no more."""
        oldest, over = now - KNOWN_DAYS * 24 * HOUR, now - HOUR

        def delete(db: peewee.Database) -> None:
            db.execute_sql("DELETE FROM login_address WHERE at < ?", (oldest,))
            db.execute_sql(
                "DELETE FROM login_tries WHERE last_at < ? AND hour_at < ?", (over, over)
            )

        self._journal.change(delete)

    # --- registrations -------------------------------------------------------------------------

    def registration_begins(self, command: Command) -> None:
        """Count a registration over its worker, from its address, and over all.

        Clients on the worker's own machine share one address, and it is nobody's from outside.
        """
        rules, now = self._rules, command.accepted_at
        rate = rules.registrations_per_second
        self._rate(self._registering, command, rate, REGISTRATION_BURST_S, "registrations")
        network = network_of(command.address)
        local = is_loopback(command.address)
        wait = 0 if local else self._registrations.wait_ms(network, now)
        if wait:
            self._hits.hit("registers_address")
        whole = self._all_registrations.wait_ms(_ALL, now)
        if whole:
            self._hits.hit("registers_day")
        self._wait(max(wait, whole), "Too many new accounts")

    def registered(self, command: Command) -> None:
        """Count an account that was opened."""
        if not is_loopback(command.address):
            self._registrations.count(network_of(command.address), command.accepted_at)
        self._all_registrations.count(_ALL, command.accepted_at)

    # --- what they share -----------------------------------------------------------------------

    def _rate(
        self, buckets: dict[int, TokenBucket], command: Command, rate: int, seconds: int, name: str
    ) -> None:
        worker, now = command.link.worker_id, self._clock.monotonic_ns()
        bucket = buckets.get(worker)
        if bucket is None:
            while len(buckets) >= WORKERS_COUNTED:
                del buckets[next(iter(buckets))]
            bucket = buckets[worker] = TokenBucket(rate, rate * seconds, now)
        if not bucket.take(now):
            self._hits.hit(f"{name}_worker")
            self._wait(max(1, bucket.wait_ms()), f"Too many {name} over this worker")

    @staticmethod
    def _wait(wait_ms: int, why: str) -> None:
        if wait_ms:
            raise Refused(
                Status.RATE_LIMITED,
                f"{why}; try again in {-(-wait_ms // 1000)} seconds.",
                retry_after_ms=wait_ms,
            )

    def _keep(self, key: bytes, tries: Tries | None) -> None:
        if tries is None:
            self._journal.change(
                lambda db: db.execute_sql("DELETE FROM login_tries WHERE key = ?", (key,))
            )
            return
        row = (key, *attrs.astuple(tries))
        self._journal.change(
            lambda db: db.execute_sql(
                "INSERT INTO login_tries (key, failures, last_at, hour_at, hour)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
                " failures = excluded.failures, last_at = excluded.last_at,"
                " hour_at = excluded.hour_at, hour = excluded.hour",
                row,
            )
        )
