"""Declarations: who gets in. Second factor, invitations, reset, operators over accounts."""

from __future__ import annotations

from typing import Final

import construct as c

from papertrader.wire import kinds as k
from papertrader.wire import limits
from papertrader.wire.declarations import (
    DATA,
    PART_ROWS,
    REPLY,
    REQUEST,
    Declarations,
    group_section,
    list_head,
    text_section,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import U16, U32, Bool, Choice, Id, Name24, Ts, Zero

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block

_CODE: Final = text_section(Tag.TOTP, "code", limits.CODE_MAX, required=True)
_CODES: Final = text_section(Tag.CODES, "codes", limits.RECOVERY_CODES_TEXT_MAX)
_PASSWORD: Final = text_section(Tag.PASSWORD, "password", limits.PASSWORD_MAX, required=True)

# --- the second factor

message(
    Opcode.TOTP_SETUP,
    REQUEST,
    "TotpSetup",
    "Begins to set up a second factor: asks for a fresh seed. It counts from TOTP_ENABLE on.",
    c.Struct(Zero(4)),
    _PASSWORD,
)
message(
    Opcode.TOTP_SETUP,
    REPLY,
    "TotpSetupReply",
    "OK, AUTH_FAILED, RATE_LIMITED, SERVER_BUSY; SECOND_FACTOR_STATE if it is on.",
    c.Struct(
        "step_s" / U16 * "seconds of a code's life",
        "digits" / U16 * "of a code",
        "expires_at" / Ts * "until when TOTP_ENABLE must come",
    ),
    text_section(Tag.SEED, "seed", limits.SEED_TEXT_MAX, required=True),
)
message(
    Opcode.TOTP_ENABLE,
    REQUEST,
    "TotpEnable",
    "Shows that the seed has arrived, by a code of it: from now on logins need one. Changes state.",
    c.Struct(Zero(4)),
    _CODE,
)
message(
    Opcode.TOTP_ENABLE,
    REPLY,
    "TotpEnableReply",
    "OK, AUTH_FAILED, SECOND_FACTOR_STATE. CODES is absent when a repetition cannot show it.",
    c.Struct("count" / U16 * "recovery codes made", Zero(2)),
    _CODES,
)
message(
    Opcode.TOTP_DISABLE,
    REQUEST,
    "TotpDisable",
    "Ends the second factor, shown for the last time. Changes state.",
    c.Struct(Zero(4)),
    _CODE,
)
message(
    Opcode.TOTP_DISABLE,
    REPLY,
    "TotpDisableReply",
    "OK, AUTH_FAILED, RATE_LIMITED, SECOND_FACTOR_STATE.",
    c.Struct(Zero(4)),
)
message(
    Opcode.RECOVERY_RENEW,
    REQUEST,
    "RecoveryRenew",
    "Makes new recovery codes; the old ones are void. Changes state.",
    c.Struct(Zero(4)),
    _CODE,
)
message(
    Opcode.RECOVERY_RENEW,
    REPLY,
    "RecoveryRenewReply",
    "As TotpEnableReply.",
    c.Struct("count" / U16 * "recovery codes made", Zero(2)),
    _CODES,
)

# --- forgotten passwords, and leaving

message(
    Opcode.PASSWORD_RESET,
    REQUEST,
    "PasswordReset",
    "Sets a new password with a token that an operator made. Session 0, seq 0.",
    c.Struct("username" / Name24 * "whose"),
    text_section(
        Tag.NEW_PASSWORD,
        "new_password",
        limits.PASSWORD_MAX,
        required=True,
        least=limits.PASSWORD_MIN,
    ),
    text_section(Tag.RESET_TOKEN, "reset_token", limits.CODE_MAX, required=True),
)
message(
    Opcode.PASSWORD_RESET,
    REPLY,
    "PasswordResetReply",
    "OK, PASSWORD_WEAK, RATE_LIMITED, SERVER_BUSY; else AUTH_FAILED, whatever the cause.",
    c.Struct("ended" / U32 * "sessions ended", Zero(4)),
)
message(
    Opcode.ACCOUNT_CLOSE,
    REQUEST,
    "AccountClose",
    "Closes the own account for ever: what is personal is forgotten, the ledger is kept.",
    c.Struct(Zero(4)),
    _PASSWORD,
    text_section(Tag.TOTP, "code", limits.CODE_MAX),
)
message(
    Opcode.ACCOUNT_CLOSE,
    REPLY,
    "AccountCloseReply",
    "OK, AUTH_FAILED, SECOND_FACTOR_REQUIRED, ACCOUNT_IN_USE, RATE_LIMITED, SERVER_BUSY.",
    c.Struct("ended" / U32 * "sessions ended", Zero(4)),
)

# --- operators

message(
    Opcode.INVITE_CREATE,
    REQUEST,
    "InviteCreate",
    "Makes a code with which one account may be opened. Scope ADMIN. Changes state.",
    c.Struct(
        "role" / Choice(k.AccountRole, strict=True) * "what the account will be",
        Zero(3),
        "lifetime_s" / U32 * "seconds until it is good no more; not 0",
    ),
    text_section(Tag.TAG, "label", limits.TAG_TEXT_MAX),
)
message(
    Opcode.INVITE_CREATE,
    REPLY,
    "InviteCreateReply",
    "OK, TOO_MANY_INVITATIONS, REGISTRATION_CLOSED. INVITE is absent when a repetition cannot show"
    " it.",
    c.Struct("invitation_id" / Id * "names it in lists", "expires_at" / Ts * "its end"),
    text_section(Tag.INVITE, "invitation", limits.CODE_MAX),
)
message(
    Opcode.INVITE_LIST,
    REQUEST,
    "InviteList",
    "The invitations that are open, oldest first. Scope ADMIN.",
    c.Struct(Zero(4)),
)
block(
    "InvitationRow",
    "An invitation, without its code.",
    "invitation_id" / Id * "names it",
    "created_at" / Ts * "when it was made",
    "expires_at" / Ts * "its end",
    "created_by" / Id * "the operator's account; 0 = beside the service",
    "role" / Choice(k.AccountRole, strict=False) * "what the account will be",
    Zero(7),
)
message(
    Opcode.INVITE_LIST,
    REPLY,
    "InviteListPart",
    "One part of the list.",
    c.Struct(*list_head()),
    group_section(Tag.INVITATIONS, "invitations", "InvitationRow", PART_ROWS),
    category=DATA,
)
message(
    Opcode.INVITE_REVOKE,
    REQUEST,
    "InviteRevoke",
    "Voids an invitation. Scope ADMIN. Changes state.",
    c.Struct("invitation_id" / Id * "which, from INVITE_LIST"),
)
message(
    Opcode.INVITE_REVOKE,
    REPLY,
    "InviteRevokeReply",
    "OK or NO_SUCH_INVITATION.",
    c.Struct(Zero(4)),
)
message(
    Opcode.RESET_CREATE,
    REQUEST,
    "ResetCreate",
    "Makes a token for PASSWORD_RESET; an older one of the account is void. Scope ADMIN. Changes "
    "state.",
    c.Struct("username" / Name24 * "whose password was forgotten"),
)
message(
    Opcode.RESET_CREATE,
    REPLY,
    "ResetCreateReply",
    "OK or NO_SUCH_ACCOUNT. RESET_TOKEN is absent when a repetition cannot show it.",
    c.Struct("expires_at" / Ts * "its end"),
    text_section(Tag.RESET_TOKEN, "reset_token", limits.CODE_MAX),
)
message(
    Opcode.ACCOUNT_LIST,
    REQUEST,
    "AccountList",
    "The accounts, by number; or one of them. Scope ADMIN.",
    c.Struct(
        "username" / Name24 * "this one only; empty = all",
        "after" / Id * "accounts above this number",
        "limit" / U32 * "rows at most; 0 = 500",
        Zero(4),
    ),
)
block(
    "AccountRow",
    "An account, as its operator sees it. No e-mail address, no password hash.",
    "account" / Id * "its number",
    "username" / Name24 * "as registered; of a closed one what stands in its place",
    "created_at" / Ts * "when it was opened",
    "last_login_at" / Ts * "its last good LOGIN; 0 = none that is remembered",
    "failed_tries" / U32 * "failed logins since the last good one",
    "sessions" / U16 * "living ones",
    "status" / Choice(k.AccountStatus, strict=False) * "whether it may be used",
    "role" / Choice(k.AccountRole, strict=False) * "what it may be",
    "has_totp" / Bool * "whether its logins need a second factor",
    Zero(7),
)
message(
    Opcode.ACCOUNT_LIST,
    REPLY,
    "AccountListPart",
    "One part of the list; NO_SUCH_ACCOUNT for a user name that nobody has.",
    c.Struct(*list_head()),
    group_section(Tag.ACCOUNTS, "accounts", "AccountRow", PART_ROWS),
    category=DATA,
)
message(
    Opcode.ACCOUNT_CONTROL,
    REQUEST,
    "AccountControl",
    "Changes what an account may do. Scope ADMIN. Changes state.",
    c.Struct(
        "username" / Name24 * "which account",
        "action" / Choice(k.AccountAction, strict=True) * "what is done to it",
        "role" / Choice(k.AccountRole, strict=True) * "with SET_ROLE; else TRADER",
        Zero(6),
        "session_id" / Id * "with END_SESSIONS: this one only; else 0",
    ),
)
message(
    Opcode.ACCOUNT_CONTROL,
    REPLY,
    "AccountControlReply",
    "OK, NO_SUCH_ACCOUNT, NO_SUCH_SESSION; INVALID_FIELD for one's own account.",
    c.Struct("ended" / U32 * "sessions ended", Zero(4)),
)
message(
    Opcode.ACCOUNT_SESSIONS,
    REQUEST,
    "AccountSessions",
    "The living sessions of an account, oldest first. Scope ADMIN.",
    c.Struct("username" / Name24 * "whose"),
)
message(
    Opcode.ACCOUNT_SESSIONS,
    REPLY,
    "AccountSessionsPart",
    "One part of the list; NO_SUCH_ACCOUNT.",
    c.Struct(*list_head()),
    group_section(Tag.SESSIONS, "sessions", "SessionRow", limits.SESSIONS_PER_ACCOUNT),
    category=DATA,
)
