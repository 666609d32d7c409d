"""The registry of workers: who may come in, with which keys, from where; and who may enroll.

What is decided counts in memory at once and is written with the journal's next batch; an answer
waits until that is durable, as every answer does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from uuid import UUID

import attrs
import peewee

from papertrader.core.instants import SECOND
from papertrader.master.database import Change
from papertrader.net.credentials import PeerIdentity
from papertrader.wire import limits
from papertrader.wire.kinds import WorkerState

WORKERS_MAX: Final = 1_024
"""Workers in the registry, pending ones included."""
OLD_KEY_NS: Final = 3_600 * SECOND
"""How long the key before a renewal is still let in."""
_ACTIVE: Final = {WorkerState.REVOKED: 0, WorkerState.ACTIVE: 1, WorkerState.BOOTED: 2}
_STATES: Final = {number: state for state, number in _ACTIVE.items()}


@attrs.frozen(kw_only=True)
class RegisteredWorker:
    """A worker of the registry, and the SHA-256 of the public key it must show.

    ``previous`` is the key before it, let in until ``previous_until``. ``not_after`` (0: not known)
    and ``authority`` (empty: not known) are of its newest certificate. ``networks`` and ``hosts``
    are as given, with spaces between; no networks: it may come from anywhere.
    """

    worker_id: int
    name: str
    uuid: str
    spki: bytes
    state: WorkerState = WorkerState.ACTIVE
    added_at: int = 0
    networks: str = ""
    hosts: str = ""
    previous: bytes = b""
    previous_until: int = 0
    not_after: int = 0
    authority: bytes = b""

    def allows(self, host: str) -> bool:
        """Tell whether it may come from an address (empty: of a peer that has none)."""
        return not self.networks or _is_within(host, self.networks)

    def knows(self, spki: bytes, now: int) -> bool:
        """Tell whether a key is its own now."""
        return spki == self.spki or (spki == self.previous != b"" and now < self.previous_until)


@attrs.frozen(kw_only=True)
class Pending:
    """A place in the registry that a token opens. ``again``: of a worker that has a key."""

    worker_id: int
    name: str
    uuid: str
    token_hash: bytes
    expires_at: int
    added_at: int
    networks: str = ""
    hosts: str = ""
    again: bool = False


def _is_within(host: str, networks: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in ip_network(each) for each in networks.split())


def read_networks(text: str) -> str:
    """Return networks in CIDR form as they are kept; raises `ValueError` with a sentence."""
    found = []
    for word in text.split():
        try:
            found.append(str(ip_network(word)))
        except ValueError as error:
            raise ValueError(f"{word!r} is not a network in CIDR form: {error}") from None
    joined = " ".join(found)
    if len(joined) > limits.NETWORKS_MAX:
        raise ValueError(f"the networks are longer than {limits.NETWORKS_MAX} octets together")
    return joined


def hash_of(token: bytes) -> bytes:
    """Return what is kept of a token: it has 256 random bits, so that no salt is needed."""
    return hashlib.sha256(token).digest()


class Registry:
    """The workers and the pending ones (see the module)."""

    def __init__(self) -> None:
        self._workers: dict[int, RegisteredWorker] = {}
        self._keys: dict[bytes, int] = {}
        self._pending: dict[int, Pending] = {}

    def load(self, db: peewee.Database) -> None:
        """Read everything from the store."""
        rows = db.execute_sql(
            "SELECT id, name, uuid, spki, active, added_at, networks, hosts, previous_spki,"
            " previous_until, not_after, authority FROM worker"
        )
        self._workers = {
            row[0]: RegisteredWorker(
                worker_id=row[0],
                name=row[1],
                uuid=row[2],
                spki=bytes(row[3]),
                state=_STATES[row[4]],
                added_at=row[5],
                networks=row[6],
                hosts=row[7],
                previous=bytes(row[8]),
                previous_until=row[9],
                not_after=row[10],
                authority=bytes(row[11]),
            )
            for row in rows
        }
        rows = db.execute_sql(
            "SELECT worker, name, uuid, token_hash, expires_at, added_at, networks, hosts, again"
            " FROM enrollment"
        )
        self._pending = {
            row[0]: Pending(
                worker_id=row[0], name=row[1], uuid=row[2], token_hash=bytes(row[3]),
                expires_at=row[4], added_at=row[5], networks=row[6], hosts=row[7],
                again=bool(row[8]),
            )
            for row in rows
        }  # fmt: skip
        self._index()

    def _index(self) -> None:
        self._keys = {}
        for worker in self._workers.values():
            self._keys[worker.spki] = worker.worker_id
            if worker.previous:
                self._keys.setdefault(worker.previous, worker.worker_id)

    # --- asking --------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[RegisteredWorker]:
        return iter(list(self._workers.values()))

    def __len__(self) -> int:
        return len(self._workers.keys() | self._pending.keys())

    def get(self, worker_id: int) -> RegisteredWorker | None:
        """Return a worker by its number."""
        return self._workers.get(worker_id)

    def named(self, name: str) -> RegisteredWorker | None:
        """Return a worker by its name."""
        return next((each for each in self._workers.values() if each.name == name), None)

    def has_key(self, spki: bytes) -> bool:
        """Tell whether a key is some worker's, or was the one before."""
        return spki in self._keys

    def by_key(self, spki: bytes, uuid: str, now: int) -> RegisteredWorker | None:
        """Return whose a key under a UUID is now, whatever its state."""
        worker = self._workers.get(self._keys.get(spki, 0))
        if worker is None or worker.uuid != uuid or not worker.knows(spki, now):
            return None
        return worker

    def admitted(self, identity: PeerIdentity, host: str, now: int) -> RegisteredWorker | None:
        """Return the worker that may come in with a key, from an address."""
        worker = self.by_key(identity.spki, identity.uuid, now)
        if worker is None or worker.state is not WorkerState.ACTIVE or not worker.allows(host):
            return None
        return worker

    def pending(self) -> list[Pending]:
        """Return the places that wait for a worker, by their numbers."""
        return [self._pending[number] for number in sorted(self._pending)]

    def pending_named(self, name: str, now: int) -> Pending | None:
        """Return the place with a name whose token is still good."""
        found = (each for each in self._pending.values() if each.name == name)
        return next((each for each in found if each.expires_at > now), None)

    def opened_by(self, token: bytes, now: int) -> Pending | None:
        """Return the place that a token opens now."""
        wanted = hash_of(token)
        found = (each for each in self._pending.values() if each.token_hash == wanted)
        return next((each for each in found if each.expires_at > now), None)

    # --- changing ------------------------------------------------------------------------------

    def next_id(self) -> int:
        """Return a number that no worker ever had here."""
        return max((*self._workers, *self._pending, 0)) + 1

    def await_worker(self, pending: Pending) -> Change:
        """Keep a place for who shows its token, in place of an older one of the same number."""
        self._pending[pending.worker_id] = pending
        row = (
            pending.worker_id, pending.name, pending.uuid, pending.token_hash, pending.expires_at,
            pending.added_at, pending.networks, pending.hosts, int(pending.again),
        )  # fmt: skip

        def change(db: peewee.Database) -> None:
            db.execute_sql("DELETE FROM enrollment WHERE worker = ?", (row[0],))
            db.execute_sql(
                "INSERT INTO enrollment (worker, name, uuid, token_hash, expires_at, added_at,"
                " networks, hosts, again) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

        return change

    def keep(self, worker: RegisteredWorker) -> Change:
        """Register a worker, or keep what changed of it; its place is not pending any more."""
        self._workers[worker.worker_id] = worker
        self._pending.pop(worker.worker_id, None)
        self._index()
        row = (
            worker.worker_id, worker.name, worker.uuid, worker.spki, _ACTIVE[worker.state],
            worker.added_at, worker.networks, worker.hosts, worker.previous, worker.previous_until,
            worker.not_after, worker.authority,
        )  # fmt: skip

        def change(db: peewee.Database) -> None:
            db.execute_sql("DELETE FROM enrollment WHERE worker = ?", (row[0],))
            db.execute_sql("DELETE FROM worker WHERE id = ?", (row[0],))
            db.execute_sql(
                "INSERT INTO worker (id, name, uuid, spki, active, added_at, networks, hosts,"
                " previous_spki, previous_until, not_after, authority)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

        return change


def uuid_octets(uuid: str) -> bytes:
    """Return a UUID as it stands in frames."""
    return UUID(uuid).bytes
