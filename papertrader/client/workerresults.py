"""What operators are told of workers and of the authority: results of the client library."""

from __future__ import annotations

from datetime import datetime

import attrs

from papertrader.wire.kinds import AuthorityPhase, WorkerState


@attrs.frozen(kw_only=True)
class AddedWorker:
    """A place in the registry. ``token`` opens it once, before ``expires_at``; it is a secret.

    ``authority`` is the SHA-256 of the authority's certificate, by which the worker knows the
    master.
    """

    worker: int
    uuid: str
    token: bytes = attrs.field(repr=False)
    authority: str
    expires_at: datetime


@attrs.frozen(kw_only=True)
class SignedWorker:
    """Certificates for a worker (PEM), and the authorities it is to trust."""

    worker: int
    uuid: str
    certificate: str
    public_certificate: str | None
    trust: str


@attrs.frozen(kw_only=True)
class WorkerEntry:
    """A worker of the registry.

    ``trusting``: it trusts what the master trusts now. ``duplicates``: links beside a living one
    since the master's start. ``expires_at``: of its certificate, or of the token of a PENDING one.
    ``spki`` and ``authority`` are SHA-256 in hexadecimal, empty if not known.
    """

    worker: int
    name: str
    uuid: str
    state: WorkerState | int
    connected: bool
    trusting: bool
    region: int
    clients: int
    rtt_us: int
    duplicates: int
    address: str
    added_at: datetime
    seen_at: datetime | None
    expires_at: datetime | None
    spki: str
    authority: str
    networks: tuple[str, ...]


@attrs.frozen(kw_only=True)
class BootedWorker:
    """What became of a worker, and how many clients were connected to it."""

    clients: int
    state: WorkerState | int


@attrs.frozen(kw_only=True)
class AuthorityState:
    """How far the change to another authority is.

    ``workers`` may come in; of them ``trusting`` are up and trust what the master trusts, and
    ``renewed`` have a certificate of the authority that issues. ``issuing`` and ``other`` are
    SHA-256 in hexadecimal; ``other`` is empty when only one is trusted.
    """

    phase: AuthorityPhase | int
    workers: int
    trusting: int
    renewed: int
    issuing: str
    other: str
    issuing_until: datetime
    master_until: datetime
