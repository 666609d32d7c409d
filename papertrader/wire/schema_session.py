"""Declarations: the connection itself (HELLO to GOODBYE), accounts and sessions."""

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
    group_section,
    text_section,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import (
    U8,
    U16,
    U32,
    U64,
    Bool,
    Ccy4,
    Choice,
    Err,
    Flags,
    Id,
    Money,
    Name24,
    Tok32,
    Ts,
    Zero,
)

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block

# --- control, both links

message(
    Opcode.HELLO,
    REQUEST,
    "Hello",
    "Initiator to acceptor, the first frame of a connection. Frozen for ever.",
    c.Struct(
        "min_version" / U8 * "lowest major version the initiator speaks",
        "max_version" / U8 * "highest major version the initiator speaks",
        "role" / Choice(k.Role, strict=True) * "who is calling",
        Zero(1),
        "revision" / U16 * "highest schema revision known for max_version",
        "keepalive_s" / U16 * "wished keep-alive interval, seconds; 0 = the acceptor's choice",
        "max_frame" / U32 * "largest frame, header included, that the initiator accepts",
        "features" / U64 * "feature bits wished; bits 56 to 63 are grease",
        "instance" / U64 * "random number of this process, for logs",
    ),
    text_section(Tag.SOFTWARE, "software", limits.SOFTWARE_MAX),
    category=CONTROL,
)
message(
    Opcode.HELLO,
    REPLY,
    "HelloReply",
    "Acceptor's answer; status OK, or VERSION_UNSUPPORTED and close. Frozen for ever.",
    c.Struct(
        "version" / U8 * "chosen major version; 0 on refusal",
        "min_version" / U8 * "lowest version the acceptor speaks",
        "max_version" / U8 * "highest version the acceptor speaks",
        "role" / Choice(k.Role, strict=False) * "role of the acceptor: WORKER or MASTER",
        "revision" / U16 * "schema revision in force: the lower of both",
        "keepalive_s" / U16 * "keep-alive interval in force, seconds",
        "max_frame" / U32 * "largest frame the acceptor accepts",
        "features" / U64 * "feature bits in force (intersection)",
        "server_time" / Ts * "the acceptor's clock at sending",
        "connection_id" / U64 * "names this connection in the logs of both sides",
        "max_inflight" / U16 * "unanswered requests allowed on this connection",
        "max_sessions" / U16 * "sessions allowed on this connection",
        "command_rate" / U32 * "commands a second allowed per session",
    ),
    text_section(Tag.SOFTWARE, "software", limits.SOFTWARE_MAX),
    text_section(Tag.NOTICE, "notice", limits.NOTICE_MAX),
    category=CONTROL,
)
message(
    Opcode.PING,
    REQUEST,
    "Ping",
    "Either side; measures the way and the peer's clock.",
    c.Struct("token" / U64 * "opaque; echoed", "sent_at" / Ts * "sender's clock"),
    category=CONTROL,
)
message(
    Opcode.PING,
    REPLY,
    "PingReply",
    "Answered before any other queued frame.",
    c.Struct(
        "token" / U64 * "as received",
        "sent_at" / Ts * "as received",
        "received_at" / Ts * "replier's clock",
    ),
    category=CONTROL,
)
message(
    Opcode.HEARTBEAT,
    EVENT,
    "Heartbeat",
    "Either side, when nothing else was sent for a keep-alive interval; never answered.",
    c.Struct(
        "next_event_seq"
        / U64
        * "sequence the next account event of this connection's session would carry, as far as "
        "the sender knows; 0 = unknown or no session",
    ),
    category=CONTROL,
)
message(
    Opcode.GOODBYE,
    EVENT,
    "Goodbye",
    "Either side; the last frame before closing, and why.",
    c.Struct(
        "code" / Err * "why: 0 normal, or a status",
        Zero(2),
        "retry_after_ms" / U32 * "do not reconnect here before this; 0 = at once",
        "last_command_seq" / U64 * "highest command sequence acted on; 0 = unknown",
        "last_event_seq" / U64 * "highest event sequence sent; 0 = unknown",
        "drain_until" / Ts * "open requests are still answered until then; 0 = closing now",
    ),
    text_section(Tag.TEXT, "text", limits.TEXT_MAX),
    group_section(Tag.WORKERS, "workers", "WorkerRow", 64),
    category=CONTROL,
)

message(
    Opcode.CANCEL,
    EVENT,
    "Cancel",
    "Requester to answerer: send no more of the reply to a request; never answered itself.",
    c.Struct("target" / U32 * "correlation of the request"),
    category=CONTROL,
)

# --- account and session

message(
    Opcode.REGISTER,
    REQUEST,
    "Register",
    "Opens an account. Session 0, seq 0: the user name is the idempotency key.",
    c.Struct(
        "username" / Name24 * "3 to 24 of A-Z a-z 0-9 _ . -; compared without case",
        "currency" / Ccy4 * "ISO 4217; empty = server default",
        "privacy" / Flags(c.Int32ub, k.Privacy, strict=True) * "what others may see",
    ),
    text_section(Tag.EMAIL, "email", limits.EMAIL_MAX),
    text_section(
        Tag.PASSWORD, "password", limits.PASSWORD_MAX, required=True, least=limits.PASSWORD_MIN
    ),
    text_section(Tag.INVITE, "invitation", limits.CODE_MAX),
)
message(
    Opcode.REGISTER,
    REPLY,
    "RegisterReply",
    "OK, USERNAME_TAKEN, INVITATION_INVALID, INVALID_FIELD, PASSWORD_WEAK, REGISTRATION_CLOSED.",
    c.Struct(
        "account" / Id * "the new account",
        "created_at" / Ts * "master's clock",
        "starting_cash" / Money * "what the default portfolio begins with",
    ),
)
message(
    Opcode.LOGIN,
    REQUEST,
    "Login",
    "Opens a session. Session 0, seq 0.",
    c.Struct(
        "username" / Name24 * "as registered, any case; may be empty with API_KEY",
        "mechanism" / Choice(k.Mechanism, strict=True) * "PASSWORD, API_KEY or SESSION_TOKEN",
        "remember" / Bool * "True: a long-lived session; False: it ends a minute after a lost link",
        "scope" / Choice(k.Scope, strict=True) * "what the session may do",
        Zero(1),
        "lifetime_s" / U32 * "wished lifetime, seconds; 0 = server default; never longer than it",
    ),
    text_section(Tag.PASSWORD, "password", limits.PASSWORD_MAX, required=True, least=1),
    text_section(Tag.DEVICE, "device", 24),
    text_section(Tag.TOTP, "code", limits.CODE_MAX),
)
message(
    Opcode.LOGIN,
    REPLY,
    "LoginReply",
    "OK; SECOND_FACTOR_REQUIRED; else AUTH_FAILED, whatever the cause. The header has the handle.",
    c.Struct(
        "token" / Tok32 * "secret with which RESUME goes on; kept by the client only",
        "session" / U32 * "handle for the header's session field",
        "scope" / Choice(k.Scope, strict=False) * "what the session may do",
        Zero(3),
        "account" / Id * "the account",
        "session_id" / Id * "names the session in lists",
        "expires_at" / Ts * "end of the session unless resumed",
        "next_event_seq" / U64 * "sequence the next account event will carry",
        "failed_tries" / U32 * "failed logins since the last good one",
        Zero(4),
    ),
)
message(
    Opcode.RESUME,
    REQUEST,
    "Resume",
    "Goes on with a session after a lost link. Session 0, seq 0.",
    c.Struct(
        "token" / Tok32 * "the newest token received",
        "last_event_seq" / U64 * "last account event processed",
        "flags" / Flags(c.Int32ub, k.ResumeFlag, strict=True) * "TAKE_OVER, or 0",
        Zero(4),
    ),
)
message(
    Opcode.RESUME,
    REPLY,
    "ResumeReply",
    "OK, SESSION_EXPIRED, SESSION_REVOKED, SESSION_IN_USE; RESUME_GAP: live, but events are lost.",
    c.Struct(
        "token" / Tok32 * "the next token; the old one stays good until this one is used",
        "session" / U32 * "handle for the header's session field",
        "scope" / Choice(k.Scope, strict=False) * "what the session may do",
        Zero(3),
        "account" / Id * "the account",
        "session_id" / Id * "names the session in lists",
        "expires_at" / Ts * "end of the session unless resumed",
        "last_command_seq" / U64 * "highest command sequence decided: resend everything above",
        "oldest_event_seq" / U64 * "oldest account event still kept",
        "next_event_seq" / U64 * "sequence the next account event will carry",
    ),
    REASON,
)
message(
    Opcode.LOGOUT,
    REQUEST,
    "Logout",
    "Ends the session; the token is void.",
    c.Struct("everywhere" / Bool * "True: every session of the account", Zero(1)),
)
message(Opcode.LOGOUT, REPLY, "LogoutReply", "OK.", c.Struct("ended" / U32 * "sessions ended"))
message(
    Opcode.ACCOUNT_GET,
    REQUEST,
    "AccountGet",
    "Who am I, what do I own.",
    c.Struct("username" / Name24 * "empty = own account"),
)
message(
    Opcode.ACCOUNT_GET,
    REPLY,
    "AccountReply",
    "Own account: all fields. Another's: what its privacy allows, the rest NULL or 0.",
    c.Struct(
        "account" / Id * "the account",
        "username" / Name24 * "as registered",
        "created_at" / Ts * "master's clock",
        "currency" / Ccy4 * "of the default portfolio",
        "privacy" / Flags(c.Int32ub, k.Privacy, strict=False) * "what others may see",
        "cash" / Money * "settled cash",
        "reserved_cash" / Money * "held for open buy orders",
        "equity" / Money * "cash and positions at liquidation prices",
        "realized_pnl" / Money * "realised profit and loss",
        "as_of" / Ts * "time of the prices used for equity",
        "open_orders" / U32 * "orders not yet final",
        "positions" / U32 * "positions held",
        "status" / Choice(k.AccountStatus, strict=False) * "whether the account may be used",
        "scope" / Choice(k.Scope, strict=False) * "what the asking session may do",
        Zero(2),
    ),
    text_section(Tag.EMAIL, "email", limits.EMAIL_MAX),
)
