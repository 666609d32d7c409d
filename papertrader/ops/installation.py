"""Making an installation on first use: directory, settings, authority, certificates, registry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import UUID

import attrs
import peewee
from cryptography import x509

from papertrader.core.instants import from_datetime
from papertrader.master.database import Telling, TruthStore
from papertrader.master.engines import StoreError, StorePlace, as_place
from papertrader.master.registry import RegisteredWorker, Registry
from papertrader.master.room import room_wanted
from papertrader.net.credentials import load_certificates, worker_identity
from papertrader.ops.authorities import load_authority, load_set, repair
from papertrader.ops.certificates import (
    authority_file,
    certificate_files,
    check_dates,
    is_due,
    is_ours,
    issue_again,
    issue_master,
    issue_worker,
    issue_worker_public,
    make_authority,
    settle_pair,
    tls_directory,
)
from papertrader.ops.files import make_private_directory
from papertrader.ops.running import StartError, StateLock
from papertrader.ops.sealing import has_handed_over
from papertrader.ops.sealkey import keep_seal_key, new_seal_key, read_seal_key, seal_key_file
from papertrader.ops.settings_file import SETTINGS_FILE, default_settings_text, write_settings_file
from papertrader.ops.signing import fingerprint

Tell = Callable[[str], None]
"""Shows a line of progress to a person."""


def prepare(
    state: Path,
    workers: int,
    *,
    now: datetime,
    new_uuid: Callable[[], UUID],
    place: StorePlace | None = None,
    standby: bool = False,
    telling: Telling = lambda what, done, total: None,
) -> None:
    """Make whatever an installation with so many workers lacks; keep whatever is there.

    A worker of this machine whose certificate or key is lost gets new ones, and its place in the
    registry with them.

    ``place``: where its store is; files in ``state`` if it is not given. A ``standby`` leaves the
    workers' registry as it is: the master that has the store made it. ``telling``: who is told how
    far a store of an older version is brought up to date.

    Raises `StartError` if the directory cannot be used, `CertificateError`, `CredentialsError`,
    `StoreError`.
    """
    # Before any key is made: what cannot be entered in the registry would stand in the way.
    lock = StateLock(state, "master")
    lock.acquire()
    try:
        anew = _certificates(state, workers, now, new_uuid)
        made = _Made(now=now, anew=anew)
        _register(state, place or as_place(state), workers, made, standby, telling)
    except OSError as error:
        raise unusable(state, error) from None
    finally:
        lock.release()


def lacks_nothing(state: Path, workers: int, place: StorePlace, *, now: datetime) -> bool:
    """Tell whether certificates and registry of so many workers are there; changes nothing.

    A certificate of ours that is due for renewal is one that lacks. A master may run meanwhile.
    Raises `CredentialsError`.
    """
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    wanted = ["master", *names, *(f"{name}-public" for name in names)]
    if not all(file.exists() for each in wanted for file in certificate_files(state, each)):
        return False
    if any(is_due(state, each, now=now) for each in wanted):
        return False
    if lacks_key(state, place.truth.shared):
        return False
    registry = Registry()
    try:
        db = place.truth.snapshot()
        try:
            registry.load(db)
        finally:
            db.close()
    except (StoreError, peewee.PeeweeException):
        return False
    found = [registry.get(number) for number in range(1, workers + 1)]
    return [each and each.name for each in found] == names


def lacks_key(state: Path, shared: bool) -> bool:
    """Tell whether a master that others share the store with has no key that all of them need."""
    return shared and read_seal_key(state) is None


def prepare_settings(state: Path, tell: Tell, what: str = "a new installation") -> None:
    """Make the state directory and its settings file if they are missing; raises `StartError`.

    ``what`` is made there, in words.
    """
    try:
        make_private_directory(state)
        if not (state / SETTINGS_FILE).exists():
            tell(f"making {what} in {state}")
            write_settings_file(state / SETTINGS_FILE, default_settings_text())
    except OSError as error:
        raise unusable(state, error) from None


def unusable(state: Path, error: OSError) -> StartError:
    """Return what a state directory says that cannot be read or written."""
    if error.strerror is None:
        # Ours, which says what to do.
        return StartError(f"cannot use {state}: {error}")
    room = room_wanted(error, state / SETTINGS_FILE)
    if room:
        return StartError(f"cannot use {state}: {room}")
    return StartError(
        f"cannot use {state}: {error.strerror}; make it writable for you or choose another place"
        " with --state-dir"
    )


@attrs.frozen(kw_only=True)
class _Made:
    """When, and of which workers new keys were made."""

    now: datetime
    anew: frozenset[str]


def _certificates(
    state: Path, workers: int, now: datetime, new_uuid: Callable[[], UUID]
) -> frozenset[str]:
    """Make the certificates that lack; return the workers that have new keys by it."""
    anew = set()
    repair(tls_directory(state))
    if not authority_file(state).exists():
        make_authority(state, now=now)
    if _lacks(state, "master"):
        issue_master(state, now=now)
    _renew(state, "master", now)
    for number in range(1, workers + 1):
        name = f"worker-{number}"
        if _lacks(state, name):
            issue_worker(state, name, str(new_uuid()), now=now)
            anew.add(name)
        if _lacks(state, f"{name}-public"):
            issue_worker_public(state, name, now=now)
        for each in (name, f"{name}-public"):
            _renew(state, each, now)
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    check_dates(state, ["master", *names], now=now)
    return frozenset(anew)


def _lacks(state: Path, name: str) -> bool:
    """Tell whether a certificate is to be made; one of ours whose key is lost is taken away."""
    certificate_file, key_file = certificate_files(state, name)
    settle_pair(certificate_file, key_file)
    if certificate_file.exists() and not key_file.exists():
        if not is_ours(state, load_certificates(certificate_file)[0]):
            raise StartError(
                f"{key_file} is missing, and another authority than ours signed"
                f" {certificate_file.name}: put the key back, or remove that file too, and one of"
                " ours is made"
            )
        certificate_file.unlink()
    return not certificate_file.exists()


def _renew(state: Path, name: str, now: datetime) -> None:
    """Issue a certificate again that has come near its end while nothing ran; the key stays."""
    if is_due(state, name, now=now):
        issue_again(state, name, now=now)


def _register(
    state: Path, place: StorePlace, workers: int, made: _Made, standby: bool, telling: Telling
) -> None:
    """Enter the workers' keys in the master's registry; no master may run meanwhile."""
    store = TruthStore(place.truth, "papertrader up")
    store.tell = telling
    try:
        if standby and not store.claim(0.0, patient=False):
            # The master that has it knows its workers.
            return
        store.open()
        if lacks_key(state, store.engine.shared):
            _make_key(state, store)
        with store.changing():
            for number in range(1, workers + 1):
                _register_worker(state, store, number, made)
    finally:
        store.close()


def _make_key(state: Path, store: TruthStore) -> None:
    """Make the key that all masters of a shared store need, before there are copies of a directory.

    Never beside one that is lost, or another master's: it would stand in its way.
    """
    sealed = "SELECT count(*) FROM account WHERE length(totp_seed) > 0"
    (many,) = store.db.execute_sql(sealed).fetchone()
    if many or has_handed_over(store):
        raise StoreError(
            f"there is no {seal_key_file(state)}, and {store.where} has been worked with one: copy"
            " tls/ and keys/ from the other master, or put it back; lost for ever: papertrader"
            " lost-key"
        )
    keep_seal_key(state, new_seal_key())


def _register_worker(state: Path, store: TruthStore, number: int, made: _Made) -> None:
    name, at = f"worker-{number}", from_datetime(made.now)
    certificate = load_certificates(certificate_files(state, name)[0])[0]
    try:
        identity = worker_identity(certificate)
    except ValueError as error:
        raise StartError(f"the certificate of {name} is not a worker's: {error}") from None
    registry = Registry()
    registry.load(store.db)
    known = registry.get(number)
    if known is None:
        known = RegisteredWorker(
            worker_id=number, name=name, uuid=identity.uuid, spki=identity.spki, added_at=at
        )
        store.audit(at, "worker added", detail=f"{name} {identity.uuid}")(store.db)
    elif known.name != name:
        raise StoreError(
            f"number {number} is {known.name}'s in the registry, so it cannot be {name}'s; start"
            " with fewer --workers"
        )
    elif known.uuid != identity.uuid or identity.spki not in (known.spki, known.previous):
        if name not in made.anew:
            raise StoreError(
                f"{name} is registered with another key than its certificate has; put the old"
                f" certificate back in {state / 'tls'}, or remove {name}.pem and {name}.key there:"
                " papertrader init --missing then makes new ones"
            )
        known = attrs.evolve(known, uuid=identity.uuid, previous=b"", previous_until=0)
        store.audit(at, "worker keys made anew", detail=f"{name} {identity.uuid}")(store.db)
    # Its key before a renewal, if it was killed before it could keep the new one.
    kept = attrs.evolve(
        known,
        spki=identity.spki,
        not_after=from_datetime(certificate.not_valid_after_utc),
        authority=_authority_of(state, certificate),
    )
    registry.keep(kept)(store.db)


def _authority_of(state: Path, certificate: x509.Certificate) -> bytes:
    """Return the SHA-256 of the authority that a certificate follows from; empty if not ours."""
    directory = tls_directory(state)
    chosen = load_set(directory)
    for name in chosen.trusted:
        authority = load_authority(directory, name)
        if certificate.issuer == authority.certificate.subject:
            return fingerprint(authority.anchor)
    return b""
