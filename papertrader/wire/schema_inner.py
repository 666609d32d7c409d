"""Declarations: the link between worker and master."""

from __future__ import annotations

from typing import Final

import construct as c

from papertrader.wire import kinds as k
from papertrader.wire import limits
from papertrader.wire.declarations import (
    CONTROL,
    EVENT,
    REASON,
    REPLY,
    REQUEST,
    Declarations,
    Section,
    group_section,
    text_section,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import (
    U16,
    U32,
    U64,
    Bool,
    Choice,
    Err,
    Flags,
    Host64,
    Id,
    Ip16,
    Name24,
    Sym16,
    Ts,
    Zero,
)

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block

# --- worker link

message(
    Opcode.WORKER_AUTH,
    REQUEST,
    "WorkerAuth",
    "Worker to master after HELLO; mutual TLS has already named the peer.",
    c.Struct(
        "worker_id" / Id * "given by the operator; must belong to the certificate shown",
        "boot" / U64 * "random, new at each start of the worker",
        "next_worker_seq" / U64 * "next RELAY_UP number",
        "listen_address" / Ip16 * "to publish in WORKER_LIST",
        "listen_port" / U16 * "to publish in WORKER_LIST",
        Zero(2),
        "max_clients" / U32 * "connections it takes at most",
        "clients" / U32 * "connections at this moment",
        "region" / U32 * "as set by the operator",
        "clock" / Ts * "worker's clock at sending",
        "host" / Host64 * "name in its public certificate",
        "epoch" / U64 * "highest epoch of a master that it has been told; 0 = none",
    ),
    category=CONTROL,
)
message(
    Opcode.WORKER_AUTH,
    REPLY,
    "WorkerAuthReply",
    "OK, WORKER_UNKNOWN, WORKER_BOOTED, CLOCK_SKEW, MASTER_SUPERSEDED.",
    c.Struct(
        "last_worker_seq" / U64 * "highest RELAY_UP taken from this worker id and boot",
        "master_boot" / U64 * "new = every cached thing of the old master is void",
        "clock" / Ts * "master's clock",
        "max_skew_ms" / U32 * "tolerance for stamps",
        "relay_window" / U32 * "RELAY_UP frames that may be unacknowledged",
        "stats_every_s" / U32 * "how often WORKER_STATS is wanted",
        "update_interval_ms" / U32 * "the stock data update interval now in force",
        "epoch" / U64 * "of the master; one more at each start, and when another takes over",
    ),
    category=CONTROL,
)
message(
    Opcode.CLIENT_OPEN,
    EVENT,
    "ClientOpen",
    "Worker to master, once per client connection.",
    c.Struct(
        "connection" / U64 * "worker-local number, never reused within a boot",
        "opened_at" / Ts * "worker's clock",
        "address" / Ip16 * "the client's",
        "port" / U16 * "the client's",
        "family" / Choice(k.Family, strict=True) * "of the address",
        "tls" / Choice(k.TlsVersion, strict=True) * "of the client's connection",
        Zero(4),
    ),
    text_section(Tag.SOFTWARE, "software", limits.SOFTWARE_MAX),
    category=CONTROL,
)
message(
    Opcode.CLIENT_CLOSE,
    EVENT,
    "ClientClose",
    "Worker reports a closed client; master orders one closed.",
    c.Struct(
        "connection" / U64 * "which",
        "code" / Err * "why",
        "by" / Choice(k.ClosedBy, strict=True) * "who ended it",
        Zero(1),
        "ban_s" / U32 * "master to worker: refuse the address for so long; 0 = no ban",
        "frames_up" / U64 * "frames the client sent",
        "frames_down" / U64 * "frames it was sent",
    ),
    REASON,
    category=CONTROL,
)
message(
    Opcode.RELAY_UP,
    EVENT,
    "RelayUp",
    "Worker to master: one client frame, octet for octet, in section INNER.",
    c.Struct(
        "received_at" / Ts * "worker's clock when the frame's last octet arrived: its timestamp",
        "worker_seq" / U64 * "strictly increasing within a boot; order of time",
        "connection" / U64 * "which client connection",
        "address" / Ip16 * "the client's, in each envelope: no guessing, no state",
        "port" / U16 * "the client's",
        "family" / Choice(k.Family, strict=True) * "of the address",
        "flags" / Flags(c.Int8ub, k.RelayUpFlag, strict=True) * "resent or none",
        Zero(4),
    ),
    Section(Tag.INNER, "inner", "octets", limits.CLIENT_FRAME_MAX, True, size_min=32),
    category=CONTROL,
)
message(
    Opcode.RELAY_DOWN,
    EVENT,
    "RelayDown",
    "Master to worker: one frame for one client, written as it is.",
    c.Struct(
        "connection" / U64 * "which client connection",
        "ack_worker_seq" / U64 * "cumulative acknowledgement of RELAY_UP",
        "accepted_at" / Ts * "master's stamp; 0 for events",
        "flags" / Flags(c.Int8ub, k.RelayDownFlag, strict=True) * "cacheable, close",
        Zero(1),
        "cache_s" / U16 * "how long the answer may be given again, seconds",
        Zero(4),
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
    category=CONTROL,
)
message(
    Opcode.RELAY_CREDIT,
    EVENT,
    "RelayCredit",
    "Worker to master: how much one client may have been sent in all.",
    c.Struct(
        "connection" / U64 * "which client connection",
        "total" / U64 * "octets of frames in RELAY_DOWN since its CLIENT_OPEN; it only grows",
    ),
    category=CONTROL,
)
message(
    Opcode.RELAY_ACK,
    EVENT,
    "RelayAck",
    "Master to worker when no RELAY_DOWN carried it.",
    c.Struct("ack_worker_seq" / U64 * "cumulative acknowledgement"),
    category=CONTROL,
)
message(
    Opcode.CACHE_INVALIDATE,
    EVENT,
    "CacheInvalidate",
    "Master to worker: forget every cached reply and every newest public event; what is followed "
    "is to be asked for again with TOPIC_INTEREST.",
    c.Struct("epoch" / U32 * "of market time from now on; 0 = cached replies alone", Zero(4)),
    category=CONTROL,
)
message(
    Opcode.TOPIC_PUBLISH,
    EVENT,
    "TopicPublish",
    "Master to worker: events for many clients, sent once per worker, one EV frame after another "
    "in INNER with session and correlation 0; the worker fills in octets 16 to 23.",
    c.Struct(
        "kind" / Choice(k.TopicKind, strict=True) * "what", Zero(3), "frames" / U32 * "in INNER"
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
    category=CONTROL,
)
message(
    Opcode.TOPIC_INTEREST,
    EVENT,
    "TopicInterest",
    "Worker to master: first or last subscriber of a topic on this worker.",
    c.Struct(
        "kind" / Choice(k.TopicKind, strict=True) * "what",
        "add" / Bool * "True: first subscriber came; False: last one left",
        Zero(2),
        "interval_s" / U32 * "bars only, else 0",
        "symbol" / Sym16 * "which; empty for MARKET",
    ),
    category=CONTROL,
)
block(
    "LinkRow",
    "How a worker fared with its master, since its boot.",
    "losses" / U64 * "how often the link was lost",
    "refusals" / U64 * "how often WORKER_AUTH was refused",
    "unknown_frames" / U64 * "frames of the master that the worker did not know",
    "strays" / U64 * "RELAY_DOWN for a client that had gone",
)
message(
    Opcode.WORKER_STATS,
    EVENT,
    "WorkerStats",
    "Worker to master every stats_every_s.",
    c.Struct(
        "clock" / Ts * "worker's clock",
        "clients" / U32 * "connections now",
        "sessions" / U32 * "sessions now",
        "frames_up" / U64 * "since the boot",
        "frames_down" / U64 * "since the boot",
        "bytes_up" / U64 * "since the boot",
        "bytes_down" / U64 * "since the boot",
        "cache_hits" / U64 * "since the boot",
        "cache_misses" / U64 * "since the boot",
        "rejected" / U64 * "frames and connections refused since the boot",
        "queue_up" / U32 * "RELAY_UP unacknowledged now",
        "queue_down" / U32 * "octets queued for clients now",
    ),
    group_section(Tag.LINK, "link", "LinkRow", 1),
    category=CONTROL,
)
message(
    Opcode.WORKERS_CHANGED,
    EVENT,
    "WorkersChanged",
    "Master to worker when it changes: the other workers that take clients.",
    c.Struct(Zero(4)),
    group_section(Tag.WORKERS, "workers", "WorkerRow", 64),
    category=CONTROL,
)
message(
    Opcode.WORKER_DRAIN,
    EVENT,
    "WorkerDrain",
    "Master to worker: take no more clients, move them to others, or boot them off.",
    c.Struct(
        "mode" / Choice(k.DrainMode, strict=True) * "OFF: as before; the others take no new ones",
        Zero(3),
        "deadline_ms" / U32 * "MOVE: for so long open requests may still be answered",
    ),
    category=CONTROL,
)
block(
    "LimitRow",
    "How often a limit was hit.",
    "key" / Name24 * "the limit's name",
    "hits" / U64 * "since the boot",
)
message(
    Opcode.LIMIT_HITS,
    EVENT,
    "LimitHits",
    "Worker to master every stats_every_s, when some limit was hit since the last one.",
    c.Struct(Zero(4)),
    group_section(Tag.LIMIT_HITS, "hits", "LimitRow", 64),
    category=CONTROL,
)
message(
    Opcode.WORKER_LOG,
    EVENT,
    "WorkerLog",
    "Worker to master: entries of its event log, one line of JSON each, oldest first.",
    c.Struct(
        "rows" / U32 * "lines in LINES",
        Zero(4),
        "dropped" / U64 * "entries that were not sent since the boot, for want of room",
    ),
    text_section(Tag.LINES, "lines", limits.WORKER_LOG_OCTETS),
    category=CONTROL,
)
