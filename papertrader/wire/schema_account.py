"""Declarations: what the owner of an account does to it. Sessions, password, privacy, API keys."""

from __future__ import annotations

from typing import Final

import construct as c

from papertrader.wire import kinds as k
from papertrader.wire import limits
from papertrader.wire.declarations import (
    DATA,
    REPLY,
    REQUEST,
    Declarations,
    group_section,
    list_head,
    text_section,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import (
    U32,
    Bool,
    Choice,
    Flags,
    Id,
    Ip16,
    Text24,
    Text64,
    Tok32,
    Ts,
    Zero,
)

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block

# --- sessions

message(
    Opcode.SESSION_LIST,
    REQUEST,
    "SessionList",
    "The living sessions of the account, oldest first.",
    c.Struct(Zero(4)),
)
block(
    "SessionRow",
    "A session, without its token.",
    "session_id" / Id * "names it in SESSION_REVOKE",
    "created_at" / Ts * "when it was opened",
    "last_seen_at" / Ts * "its last request, or its last LOGIN or RESUME before a restart",
    "expires_at" / Ts * "its end",
    "address" / Ip16 * "where its newest LOGIN or RESUME came from",
    "device" / Text24 * "as LOGIN named it",
    "worker" / Id * "over which worker; 0 = unknown",
    "parent" / Id * "the session beside which it was opened; 0 = none",
    "key" / Id * "the API key that opened it; 0 = none",
    "scope" / Choice(k.Scope, strict=False) * "what it may do",
    "online" / Bool * "True: a connection holds it",
    "current" / Bool * "True: it is the one that asks",
    "remember" / Bool * "True: it outlives a lost connection",
    Zero(4),
)
message(
    Opcode.SESSION_LIST,
    REPLY,
    "SessionListPart",
    "One part of the list.",
    c.Struct(*list_head()),
    group_section(Tag.SESSIONS, "sessions", "SessionRow", limits.SESSIONS_PER_ACCOUNT),
    category=DATA,
)
message(
    Opcode.SESSION_REVOKE,
    REQUEST,
    "SessionRevoke",
    "Ends another session of the account and those beside it. Changes state.",
    c.Struct("session_id" / Id * "which, from SESSION_LIST"),
)
message(
    Opcode.SESSION_REVOKE,
    REPLY,
    "SessionRevokeReply",
    "OK, NO_SUCH_SESSION, PROOF_TOO_OLD; INVALID_FIELD for the login that asks (see LOGOUT).",
    c.Struct("ended" / U32 * "sessions ended", Zero(4)),
)

# --- the account itself

message(
    Opcode.PASSWORD_CHANGE,
    REQUEST,
    "PasswordChange",
    "Sets a new password and ends every other session of the account. Changes state.",
    c.Struct(Zero(4)),
    text_section(Tag.PASSWORD, "password", limits.PASSWORD_MAX, required=True),
    text_section(
        Tag.NEW_PASSWORD,
        "new_password",
        limits.PASSWORD_MAX,
        required=True,
        least=limits.PASSWORD_MIN,
    ),
)
message(
    Opcode.PASSWORD_CHANGE,
    REPLY,
    "PasswordChangeReply",
    "OK, AUTH_FAILED, PASSWORD_WEAK, RATE_LIMITED or SERVER_BUSY.",
    c.Struct("ended" / U32 * "other sessions ended", Zero(4)),
)
message(
    Opcode.ACCOUNT_UPDATE,
    REQUEST,
    "AccountUpdate",
    "Changes what others see, or the e-mail address. Changes state.",
    c.Struct(
        "mask" / Flags(c.Int32ub, k.AccountField, strict=True) * "what to set; not 0",
        "privacy" / Flags(c.Int32ub, k.Privacy, strict=True) * "with PRIVACY; else 0",
    ),
    text_section(Tag.EMAIL, "email", limits.EMAIL_MAX),
)
message(
    Opcode.ACCOUNT_UPDATE,
    REPLY,
    "AccountUpdateReply",
    "OK or INVALID_FIELD; PROOF_TOO_OLD for the e-mail address.",
    c.Struct(
        "privacy" / Flags(c.Int32ub, k.Privacy, strict=False) * "in force now",
        "has_email" / Bool * "whether the account has an e-mail address now",
        Zero(3),
    ),
)

# --- API keys

message(
    Opcode.APIKEY_CREATE,
    REQUEST,
    "ApiKeyCreate",
    "Makes a key with which programs log in. Changes state.",
    c.Struct(
        "scope" / Choice(k.Scope, strict=True) * "what its sessions may do; at most the asker's",
        Zero(3),
        "lifetime_s" / U32 * "seconds until it is good no more; 0 = until it is revoked",
    ),
    text_section(Tag.TAG, "label", limits.TAG_TEXT_MAX, required=True),
)
message(
    Opcode.APIKEY_CREATE,
    REPLY,
    "ApiKeyCreateReply",
    "OK, TOO_MANY_KEYS, PROOF_TOO_OLD. The only frame that ever holds the secret.",
    c.Struct(
        "key" / Id * "names the key",
        "secret" / Tok32 * "32 random octets; zeros when a repeated command cannot show it again",
        "created_at" / Ts * "master's clock",
        "expires_at" / Ts * "0 = never",
        "scope" / Choice(k.Scope, strict=False) * "what its sessions may do",
        Zero(7),
    ),
)
message(
    Opcode.APIKEY_LIST,
    REQUEST,
    "ApiKeyList",
    "The keys of the account, oldest first.",
    c.Struct(Zero(4)),
)
block(
    "ApiKeyRow",
    "A key, without its secret.",
    "key" / Id * "names it",
    "created_at" / Ts * "when it was made",
    "last_used_at" / Ts * "its last LOGIN; 0 = never",
    "expires_at" / Ts * "0 = never",
    "scope" / Choice(k.Scope, strict=False) * "what its sessions may do",
    Zero(3),
    "sessions" / U32 * "living sessions that it opened",
    "label" / Text64 * "as it was made with",
)
message(
    Opcode.APIKEY_LIST,
    REPLY,
    "ApiKeyListPart",
    "One part of the list.",
    c.Struct(*list_head()),
    group_section(Tag.KEYS, "keys", "ApiKeyRow", limits.KEYS_PER_ACCOUNT),
    category=DATA,
)
message(
    Opcode.APIKEY_REVOKE,
    REQUEST,
    "ApiKeyRevoke",
    "Voids a key for ever and ends the sessions that it opened. Changes state.",
    c.Struct("key" / Id * "which, from APIKEY_LIST"),
)
message(
    Opcode.APIKEY_REVOKE,
    REPLY,
    "ApiKeyRevokeReply",
    "OK or NO_SUCH_KEY.",
    c.Struct("ended" / U32 * "sessions ended", Zero(4)),
)
