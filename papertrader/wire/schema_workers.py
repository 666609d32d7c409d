"""Declarations: how workers are registered, renewed and shut out, and what they witness."""

from __future__ import annotations

from typing import Final

import construct as c

from papertrader.wire import kinds as k
from papertrader.wire import limits
from papertrader.wire.declarations import (
    CONTROL,
    DATA,
    EVENT,
    PART_ROWS,
    REPLY,
    REQUEST,
    Declarations,
    Section,
    group_section,
    list_head,
    text_section,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import (
    U32,
    U64,
    Bool,
    Choice,
    Hash32,
    Id,
    Ip16,
    Key32,
    Name24,
    Sig64,
    Text64,
    Tok32,
    Ts,
    Uuid16,
    Zero,
)

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block


def _csr(required: bool = True) -> Section:
    return text_section(Tag.CSR, "csr", limits.PEM_MAX, required)


def _public_csr() -> Section:
    return text_section(Tag.PUBLIC_CSR, "public_csr", limits.PEM_MAX)


def _certificates() -> tuple[Section, ...]:
    return (
        text_section(Tag.CERTIFICATE, "certificate", limits.PEM_MAX, True),
        text_section(Tag.PUBLIC_CERTIFICATE, "public_certificate", limits.PEM_MAX),
        text_section(Tag.TRUST, "trust", limits.PEM_MAX, True),
    )


# --- of operators, scope ADMIN

message(
    Opcode.WORKER_ADD,
    REQUEST,
    "WorkerAdd",
    "Make a place in the registry, and a token with which one worker may take it. Scope ADMIN.",
    c.Struct(
        "again" / Bool * "True: the worker is registered; its next enrollment replaces its key",
        Zero(3),
    ),
    text_section(Tag.NAME, "name", limits.USERNAME_MAX, True),
    text_section(Tag.NETWORKS, "networks", limits.NETWORKS_MAX),
    text_section(Tag.HOSTS, "hosts", limits.TEXT_MAX),
)
message(
    Opcode.WORKER_ADD,
    REPLY,
    "WorkerAddReply",
    "OK; NAME_TAKEN, NO_DATA (again, and there is none), INVALID_FIELD.",
    c.Struct(
        "worker_id" / Id * "its number",
        "uuid" / Uuid16 * "its identity, to stand in its certificate",
        "token" / Tok32 * "opens the registry once; the master keeps its hash",
        "authority" / Hash32 * "SHA-256 of the authority's certificate in DER",
        "expires_at" / Ts * "the token's end",
    ),
)
message(
    Opcode.WORKER_SIGN,
    REQUEST,
    "WorkerSign",
    "Sign the requests of a worker that was added and cannot reach the master yet. Scope ADMIN.",
    c.Struct(Zero(4)),
    text_section(Tag.NAME, "name", limits.USERNAME_MAX, True),
    _csr(),
    _public_csr(),
)
message(
    Opcode.WORKER_SIGN,
    REPLY,
    "WorkerSignReply",
    "OK; NO_DATA (it was not added, or too long ago), INVALID_FIELD.",
    c.Struct("worker_id" / Id * "its number", "uuid" / Uuid16 * "its identity"),
    *_certificates(),
)
message(
    Opcode.WORKER_REGISTRY,
    REQUEST,
    "WorkerRegistry",
    "Every worker of the registry, by its number. Scope ADMIN.",
    c.Struct(Zero(4)),
)
block(
    "RegisteredRow",
    "A worker of the registry.",
    "worker_id" / Id * "its number",
    "name" / Name24 * "its name",
    "uuid" / Uuid16 * "its identity",
    "state" / Choice(k.WorkerState, strict=False) * "what the registry says",
    "connected" / Bool * "whether its link is up",
    "trusting" / Bool * "whether it trusts what the master trusts now",
    Zero(1),
    "region" / U32 * "as it said; 0 = none, or never here",
    "clients" / U32 * "connected to it now",
    "rtt_us" / U32 * "round trip, microseconds; 0 = not measured",
    "duplicates" / U32 * "links beside a living one since the master's start",
    "address" / Ip16 * "where its link comes from; zeros = not connected",
    "added_at" / Ts * "when it was added",
    "seen_at" / Ts * "when it came last; 0 = never since the master's start",
    "expires_at" / Ts * "end of its certificate, or PENDING: of its token",
    "spki" / Hash32 * "SHA-256 of its public key; zeros = none yet",
    "authority" / Hash32 * "of the authority that signed its certificate; zeros = not known",
    "networks" / Text64 * "from where it may come; empty = from anywhere",
)
message(
    Opcode.WORKER_REGISTRY,
    REPLY,
    "WorkerRegistryPart",
    "One part of the list.",
    c.Struct(*list_head()),
    group_section(Tag.REGISTERED, "registered", "RegisteredRow", PART_ROWS),
    category=DATA,
)
message(
    Opcode.WORKER_BOOT,
    REQUEST,
    "WorkerBoot",
    "Shut a worker out while it runs, or let it in again. Scope ADMIN.",
    c.Struct(
        "worker_id" / Id * "which",
        "mode" / Choice(k.BootMode, strict=True) * "for now, for ever, or let it in again",
        Zero(3),
        "drain_ms" / U32 * "for so long its clients may move to others first; 0 = at once",
    ),
)
message(
    Opcode.WORKER_BOOT,
    REPLY,
    "WorkerBootReply",
    "OK, once it is durable; NO_DATA, INVALID_FIELD (ADMIT of a worker that is REVOKED).",
    c.Struct(
        "clients" / U32 * "connected to it at this moment",
        "state" / Choice(k.WorkerState, strict=False) * "from now on, or after drain_ms",
        Zero(3),
    ),
)
message(
    Opcode.WORKER_ROTATE,
    REQUEST,
    "WorkerRotate",
    "Have workers make new keys now. Scope ADMIN.",
    c.Struct("worker_id" / Id * "which; 0 = all that are up"),
)
message(
    Opcode.WORKER_ROTATE,
    REPLY,
    "WorkerRotateReply",
    "OK; NO_DATA when it is not up.",
    c.Struct("ordered" / U32 * "workers that were told", Zero(4)),
)
message(
    Opcode.AUTHORITY_CONTROL,
    REQUEST,
    "AuthorityControl",
    "How far the change to another authority is, and its next step. Scope ADMIN.",
    c.Struct(
        "step" / Choice(k.AuthorityStep, strict=True) * "NONE: only tell",
        "force" / Bool * "DROP although workers still depend on the old one",
        Zero(2),
    ),
)
message(
    Opcode.AUTHORITY_CONTROL,
    REPLY,
    "AuthorityControlReply",
    "OK; INVALID_FIELD when the step does not follow, or would shut workers out.",
    c.Struct(
        "phase" / Choice(k.AuthorityPhase, strict=False) * "after the step",
        Zero(3),
        "workers" / U32 * "of the registry, that may come in",
        "trusting" / U32 * "of them, that are up and trust what the master trusts",
        "renewed" / U32 * "of them, with a certificate of the one that issues",
        "issuing" / Hash32 * "SHA-256 of the authority that issues",
        "other" / Hash32 * "of the other one that is trusted; zeros = none",
        "issuing_until" / Ts * "end of its certificate",
        "master_until" / Ts * "end of the master's certificate",
    ),
)

# --- the worker link, and before it

message(
    Opcode.ENROLL,
    REQUEST,
    "Enroll",
    "A worker to be, in its only request: here is my token, sign my keys.",
    c.Struct("token" / Tok32 * "from WORKER_ADD"),
    _csr(),
    _public_csr(),
    category=CONTROL,
)
message(
    Opcode.ENROLL,
    REPLY,
    "EnrollReply",
    "OK, once it is durable; ENROLLMENT_REFUSED, RATE_LIMITED. The connection ends after it.",
    c.Struct(
        "worker_id" / Id * "its number", "uuid" / Uuid16 * "its identity", "name" / Name24 * "its"
    ),
    *_certificates(),
    category=CONTROL,
)
message(
    Opcode.CERTIFICATE_RENEW,
    REQUEST,
    "CertificateRenew",
    "Worker to master over its link: sign my next keys.",
    c.Struct(Zero(4)),
    _csr(),
    _public_csr(),
    category=CONTROL,
)
message(
    Opcode.CERTIFICATE_RENEW,
    REPLY,
    "CertificateRenewReply",
    "OK, once it is durable; INVALID_FIELD, RATE_LIMITED.",
    c.Struct("old_until" / Ts * "so long the key before it is let in at most"),
    *_certificates(),
    category=CONTROL,
)
message(
    Opcode.RENEW_ORDER,
    EVENT,
    "RenewOrder",
    "Master to worker: renew now.",
    c.Struct(Zero(4)),
    category=CONTROL,
)
message(
    Opcode.TRUST_SET,
    EVENT,
    "TrustSet",
    "Master to worker: the authorities to trust from now on.",
    c.Struct(Zero(4)),
    text_section(Tag.TRUST, "trust", limits.PEM_MAX, True),
    category=CONTROL,
)
message(
    Opcode.TRUST_TAKEN,
    EVENT,
    "TrustTaken",
    "Worker to master, after WORKER_AUTH and whenever it changes: what it trusts.",
    c.Struct(
        "trust" / Hash32 * "SHA-256 of the text of TRUST",
        "witnessed" / U64 * "the last epoch whose AUDIT_KEY it keeps; 0 = none",
    ),
    category=CONTROL,
)
message(
    Opcode.AUDIT_KEY,
    EVENT,
    "AuditKey",
    "Master to worker: the key that signs the heads of an epoch.",
    c.Struct(
        "epoch" / U64 * "a start of the master",
        "public" / Key32 * "its key",
        "signature" / Sig64 * "by the key before it; the first one's by itself",
    ),
    category=CONTROL,
)
message(
    Opcode.AUDIT_HEAD,
    EVENT,
    "AuditHead",
    "Master to worker: how far the journal and the audit log have come.",
    c.Struct(
        "epoch" / U64 * "a start of the master",
        "at" / Ts * "master's clock",
        "audit_seq" / U64 * "the audit log's last entry",
        "audit" / Hash32 * "its hash",
        "batch" / U64 * "the journal's last batch",
        "seq" / U64 * "its last input",
        "journal" / Hash32 * "its hash",
        "signature" / Sig64 * "by the epoch's key",
    ),
    category=CONTROL,
)
