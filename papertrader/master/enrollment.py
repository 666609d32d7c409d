"""How a worker gets its first key registered, and its next ones.

Over the network: an operator adds a worker and hands its token over, the worker shows it with a
request for a certificate, once. By hand: an operator carries the request. Over a live link: the
worker asks before its certificate ends. The keys are made where they stay; what signs is given by
the driver, since its files are.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final, NoReturn, Protocol
from uuid import UUID

import attrs
from twisted.logger import Logger

from papertrader.core.buckets import TokenBucket
from papertrader.core.identifiers import check_host
from papertrader.core.instants import SECOND
from papertrader.core.limithits import LimitHits
from papertrader.master.commands import Refused
from papertrader.master.database import TruthStore
from papertrader.master.journal import Journal
from papertrader.master.registry import (
    OLD_KEY_NS,
    WORKERS_MAX,
    Pending,
    RegisteredWorker,
    Registry,
    hash_of,
    read_networks,
)
from papertrader.net.clock import Clock
from papertrader.wire import limits
from papertrader.wire.kinds import AuthorityPhase, AuthorityStep, Status, WorkerState

ENROLLMENT_BURST: Final = 5
RENEWAL_EVERY_S: Final = 60
"""A worker that was not told to gets no more than one renewal in so long."""
TELL_S: Final = 60
"""How often the log tells of refusals by a limit: the first at once, then their number."""
TOKEN_OCTETS: Final = 32
_REFUSED: Final = "this enrollment is refused; ask the operator for a new line"


class SigningRefused(Exception):
    """A request for a certificate cannot be signed; the text says why."""


@attrs.frozen(kw_only=True)
class Signed:
    """A certificate for a worker: PEM with those above it, its key's SHA-256, its end, and the
    SHA-256 of the authority it follows from."""

    certificate: str
    spki: bytes
    not_after: int
    authority: bytes


@attrs.frozen(kw_only=True)
class AuthorityStatus:
    """Which authorities count; instants are the ends of certificates."""

    phase: AuthorityPhase
    issuing: bytes
    other: bytes
    issuing_until: int
    master_until: int


class Signer(Protocol):
    """What holds the authority's key. Every call may raise `SigningRefused`."""

    def sign(self, csr: str, uuid: str, name: str) -> Signed:
        """Sign a worker's request for its link."""

    def sign_public(self, csr: str, uuid: str, name: str, hosts: str) -> str:
        """Sign a worker's request for its clients, for these hosts; PEM with those above it."""

    def trust(self) -> str:
        """Return the authorities that count, as PEM."""

    def status(self) -> AuthorityStatus:
        """Tell which authorities count."""

    def step(self, step: AuthorityStep) -> None:
        """Go on with the change to another authority; what listens follows."""


@attrs.frozen(kw_only=True)
class Enrolled:
    """What a worker is answered."""

    worker: RegisteredWorker
    certificate: str
    public_certificate: str | None
    trust: str


class Enrollment:
    """The module (see above). ``signer`` is set by the driver; without it nobody enrolls."""

    log = Logger()

    def __init__(
        self,
        registry: Registry,
        store: TruthStore,
        journal: Journal,
        clock: Clock,
        hits: LimitHits,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.signer: Signer | None = None
        self.open = 0
        """Connections that are enrolling."""
        self.refused = 0
        self.enrolled = 0
        self.renewed = 0
        self._renewed_at: dict[int, int] = {}
        self._registry = registry
        self._store = store
        self._journal = journal
        self._clock = clock
        self._hits = hits
        self._told_at = -TELL_S * SECOND
        self._untold = 0
        self._entropy = entropy
        self._bucket = TokenBucket(limits.ENROLLMENT_RATE, ENROLLMENT_BURST, clock.monotonic_ns())

    def require_signer(self) -> Signer:
        """Return what signs; raises `Refused`."""
        if self.signer is None:
            raise Refused(Status.NO_DATA, "This master has no authority to sign with.")
        return self.signer

    # --- adding --------------------------------------------------------------------------------

    def add(
        self, name: str, networks: str, hosts: str, *, again: bool, account: int
    ) -> tuple[Pending, bytes]:
        """Make a place for a worker; return it with its token. Raises `Refused`."""
        now = self._clock.wall_ns()
        known = self._registry.named(name)
        waiting = next((each for each in self._registry.pending() if each.name == name), None)
        if again and known is None:
            raise Refused(Status.NO_DATA, f"There is no worker {name} to enroll again.")
        if known is not None and not again:
            raise Refused(Status.NAME_TAKEN, f"There is a worker {name} already.")
        if known is None and waiting is None and len(self._registry) >= WORKERS_MAX:
            raise Refused(Status.SERVER_BUSY, f"There are {WORKERS_MAX} workers already.")
        try:
            networks = read_networks(networks)
            for host in hosts.split():
                check_host(host)
        except ValueError as error:
            raise Refused(Status.INVALID_FIELD, str(error)) from None
        if known is not None:
            number, uuid = known.worker_id, known.uuid
        elif waiting is not None:
            number, uuid = waiting.worker_id, waiting.uuid
        else:
            number = self._registry.next_id()
            uuid = str(UUID(bytes=self._entropy(16), version=4))
        token = self._entropy(TOKEN_OCTETS)
        pending = Pending(
            worker_id=number, name=name, uuid=uuid, token_hash=hash_of(token),
            expires_at=now + limits.ENROLLMENT_TOKEN_S * SECOND, added_at=now,
            networks=networks or (known.networks if known else ""),
            hosts=hosts or (known.hosts if known else ""), again=again,
        )  # fmt: skip
        self._journal.change(self._registry.await_worker(pending))
        self._audit("worker added", f"{name} {uuid}{' again' if again else ''}", account)
        return pending, token

    def _audit(self, kind: str, detail: str, account: int = 0) -> None:
        self._journal.change(self._store.audit(self._clock.wall_ns(), kind, account, detail))

    # --- enrolling -----------------------------------------------------------------------------

    def enroll(self, token: bytes, csr: str, public_csr: str | None) -> Enrolled:
        """Take a worker in that shows a token. Raises `Refused`; the token is good then as before.

        A token guessed or shown too late, a key that another worker has, a request for another
        name: the answer is one and the same.
        """
        if not self._bucket.take(self._clock.monotonic_ns()):
            wait = self._bucket.wait_ms()
            self.too_many("enrollment_rate")
            raise Refused(Status.RATE_LIMITED, "Too many enroll at once.", retry_after_ms=wait)
        pending = self._registry.opened_by(token, self._clock.wall_ns())
        if pending is None:
            self._refuse("a token that opens nothing")
        return self._take_in(pending, csr, public_csr)

    def sign_by_hand(self, name: str, csr: str, public_csr: str | None) -> Enrolled:
        """Take a worker in whose request an operator carried over. Raises `Refused`."""
        pending = self._registry.pending_named(name, self._clock.wall_ns())
        if pending is None:
            raise Refused(
                Status.NO_DATA, f"{name} is not waiting to be enrolled; run: worker add {name}"
            )
        try:
            return self._take_in(pending, csr, public_csr)
        except _RequestRefused as error:
            raise Refused(Status.INVALID_FIELD, error.why) from None

    def _take_in(self, pending: Pending, csr: str, public_csr: str | None) -> Enrolled:
        signer = self.require_signer()
        try:
            signed = signer.sign(csr, pending.uuid, pending.name)
            public = None
            if public_csr:
                public = signer.sign_public(public_csr, pending.uuid, pending.name, pending.hosts)
        except SigningRefused as error:
            self._refuse(str(error))
        if self._registry.has_key(signed.spki):
            self._refuse("a key that is registered already")
        worker = RegisteredWorker(
            worker_id=pending.worker_id, name=pending.name, uuid=pending.uuid, spki=signed.spki,
            state=WorkerState.ACTIVE, added_at=pending.added_at, networks=pending.networks,
            hosts=pending.hosts, not_after=signed.not_after, authority=signed.authority,
        )  # fmt: skip
        self._journal.change(self._registry.keep(worker))
        self._audit("worker enrolled", f"{worker.name} {worker.uuid} {signed.spki.hex()[:16]}")
        self.enrolled += 1
        self.log.info("worker {name} is enrolled as {id}", name=worker.name, id=worker.worker_id)
        return Enrolled(
            worker=worker,
            certificate=signed.certificate,
            public_certificate=public,
            trust=signer.trust(),
        )

    def too_many(self, limit: str) -> None:
        """Count an enrollment that is refused by a limit; the log tells it every `TELL_S`."""
        self._hits.hit(limit)
        self._untold += 1
        now = self._clock.monotonic_ns()
        if now - self._told_at >= TELL_S * SECOND:
            self.log.warn(
                "{count} enrollment(s) refused: too many at once ({limit})",
                count=self._untold,
                limit=limit,
            )
            self._told_at, self._untold = now, 0

    def _refuse(self, why: str) -> NoReturn:
        self.refused += 1
        self.log.warn("an enrollment was refused: {why}", why=why)
        raise _RequestRefused(why)

    # --- renewing ------------------------------------------------------------------------------

    def renew(
        self, worker_id: int, shown: bytes, csr: str, public_csr: str | None, *, ordered: bool
    ) -> Enrolled:
        """Register the next key of a worker, asked for over a link that showed the key ``shown``.

        That one stays good until its certificate ends, or an hour after `confirm`: a worker that
        was killed before it kept what it is answered comes again with it. Raises `Refused`.
        """
        now = self._clock.wall_ns()
        worker = self._registry.get(worker_id)
        if worker is None or worker.state is not WorkerState.ACTIVE:
            raise Refused(Status.WORKER_BOOTED, "This worker is shut out.")
        if not ordered and now - self._renewed_at.get(worker_id, 0) < RENEWAL_EVERY_S * SECOND:
            raise Refused(
                Status.RATE_LIMITED, "The renewal before this one was just now.",
                retry_after_ms=RENEWAL_EVERY_S * 1_000,
            )  # fmt: skip
        signer = self.require_signer()
        try:
            signed = signer.sign(csr, worker.uuid, worker.name)
            public = None
            if public_csr:
                public = signer.sign_public(public_csr, worker.uuid, worker.name, worker.hosts)
        except SigningRefused as error:
            raise Refused(Status.INVALID_FIELD, str(error)) from None
        if self._registry.has_key(signed.spki):
            raise Refused(Status.INVALID_FIELD, "This key is registered already.")
        renewed = attrs.evolve(
            worker, spki=signed.spki, previous=shown,
            previous_until=max(worker.not_after, now + OLD_KEY_NS),
            not_after=signed.not_after, authority=signed.authority,
        )  # fmt: skip
        self._journal.change(self._registry.keep(renewed))
        self._audit("worker renewed", f"{worker.name} {signed.spki.hex()[:16]}")
        self.renewed += 1
        self._renewed_at[worker_id] = now
        return Enrolled(
            worker=renewed,
            certificate=signed.certificate,
            public_certificate=public,
            trust=signer.trust(),
        )

    def confirm(self, worker_id: int) -> None:
        """A worker has its new key: the one before is good for an hour more, and no longer."""
        worker = self._registry.get(worker_id)
        until = self._clock.wall_ns() + OLD_KEY_NS
        if worker is not None and worker.previous_until > until:
            self._journal.change(self._registry.keep(attrs.evolve(worker, previous_until=until)))


class _RequestRefused(Refused):
    """An enrollment that is refused; ``why`` is for the log, not for the peer."""

    def __init__(self, why: str) -> None:
        super().__init__(Status.ENROLLMENT_REFUSED, _REFUSED)
        self.why = why
