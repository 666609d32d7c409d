"""Workers and the authority, for operators: requests with their results; see `commands`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv6Address
from types import MappingProxyType
from typing import Final
from uuid import UUID

from papertrader.client import workerresults as r
from papertrader.client.arguments import choice_of, flag_of, of_kind
from papertrader.client.commands import Command
from papertrader.client.commands import whole_number as whole
from papertrader.core.instants import to_datetime
from papertrader.wire import messages as m
from papertrader.wire.kinds import AuthorityStep, BootMode

DRAIN_S_MAX: Final = 3_600
_NONE: Final = bytes(32)
MODES: Final = MappingProxyType(
    {"admit": BootMode.ADMIT, "boot": BootMode.BOOT, "revoke": BootMode.REVOKE}
)
STEPS: Final = MappingProxyType({step.name.lower(): step for step in AuthorityStep})


def _words(given: Iterable[str], what: str) -> str | None:
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise TypeError(f"{what} must be several texts, not {type(given).__name__}")
    return " ".join(of_kind(each, f"each of {what}", str) for each in given) or None


def _hex(octets: bytes) -> str:
    return "" if octets == _NONE else octets.hex()


def worker_add(
    name: str, again: bool, networks: Iterable[str], hosts: Iterable[str]
) -> Command[r.AddedWorker]:
    """Make a place for a worker."""

    def read(parts: Sequence[m.WorkerAddReply]) -> r.AddedWorker:
        (reply,) = parts
        return r.AddedWorker(
            worker=reply.worker_id,
            uuid=str(UUID(bytes=reply.uuid)),
            token=reply.token,
            authority=reply.authority.hex(),
            expires_at=to_datetime(reply.expires_at),
        )

    message = m.WorkerAdd(
        again=flag_of(again, "again"),
        name=of_kind(name, "name", str),
        networks=_words(networks, "networks"),
        hosts=_words(hosts, "hosts"),
    )
    return Command(message=message, read=read)


def worker_sign(name: str, csr: str, public_csr: str | None) -> Command[r.SignedWorker]:
    """Sign a worker's requests."""

    def read(parts: Sequence[m.WorkerSignReply]) -> r.SignedWorker:
        (reply,) = parts
        return r.SignedWorker(
            worker=reply.worker_id,
            uuid=str(UUID(bytes=reply.uuid)),
            certificate=reply.certificate or "",
            public_certificate=reply.public_certificate,
            trust=reply.trust or "",
        )

    of_kind(name, "name", str)
    of_kind(csr, "csr", str)
    if public_csr is not None:
        of_kind(public_csr, "public_csr", str)
    return Command(message=m.WorkerSign(name=name, csr=csr, public_csr=public_csr), read=read)


def worker_registry() -> Command[tuple[r.WorkerEntry, ...]]:
    """Read the registry."""

    def read(parts: Sequence[m.WorkerRegistryPart]) -> tuple[r.WorkerEntry, ...]:
        return tuple(_entry(row) for part in parts for row in part.registered)

    return Command(message=m.WorkerRegistry(), read=read)


def _entry(row: m.RegisteredRow) -> r.WorkerEntry:
    return r.WorkerEntry(
        worker=row.worker_id,
        name=row.name,
        uuid=str(UUID(bytes=row.uuid)),
        state=row.state,
        connected=row.connected,
        trusting=row.trusting,
        region=row.region,
        clients=row.clients,
        rtt_us=row.rtt_us,
        duplicates=row.duplicates,
        address=_address(row.address),
        added_at=to_datetime(row.added_at),
        seen_at=to_datetime(row.seen_at) if row.seen_at else None,
        expires_at=to_datetime(row.expires_at) if row.expires_at else None,
        spki=_hex(row.spki),
        authority=_hex(row.authority),
        networks=tuple(row.networks.rstrip(b"\0").decode("ascii", "replace").split()),
    )


def _address(octets: bytes) -> str:
    if not any(octets):
        return ""
    address = IPv6Address(octets)
    return str(address.ipv4_mapped or address)


def worker_boot(worker: int, mode: str, drain_s: int) -> Command[r.BootedWorker]:
    """Shut a worker out, or let it in again."""

    def read(parts: Sequence[m.WorkerBootReply]) -> r.BootedWorker:
        return r.BootedWorker(clients=parts[0].clients, state=parts[0].state)

    message = m.WorkerBoot(
        worker_id=whole(worker, "worker"),
        mode=choice_of(mode, "mode", MODES),
        drain_ms=1_000 * whole(drain_s, "drain_s", DRAIN_S_MAX),
    )
    return Command(message=message, read=read)


def worker_rotate(worker: int) -> Command[int]:
    """Have a worker make new keys; 0: all that are up."""
    return Command(
        message=m.WorkerRotate(worker_id=whole(worker, "worker")),
        read=lambda parts: int(parts[0].ordered),
    )


def authority_control(step: str, force: bool) -> Command[r.AuthorityState]:
    """Go on with the change to another authority, or only look."""

    def read(parts: Sequence[m.AuthorityControlReply]) -> r.AuthorityState:
        (reply,) = parts
        return r.AuthorityState(
            phase=reply.phase,
            workers=reply.workers,
            trusting=reply.trusting,
            renewed=reply.renewed,
            issuing=reply.issuing.hex(),
            other=_hex(reply.other),
            issuing_until=to_datetime(reply.issuing_until),
            master_until=to_datetime(reply.master_until),
        )

    message = m.AuthorityControl(step=choice_of(step, "step", STEPS), force=flag_of(force, "force"))
    return Command(message=message, read=read)
