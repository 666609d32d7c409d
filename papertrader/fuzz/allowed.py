"""What the specification allows as the answer to one frame: the model behind the oracles.

Written from the clauses of the specification, not from any implementation. Where the order of two
checks is not specified, both answers are allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from papertrader.wire import codec, kinds, limits
from papertrader.wire.codec import EVENT, RESPONSE, Header
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode, Status
from papertrader.wire.messages import REQUESTS

Statuses = frozenset[int]


def _set(*statuses: Status) -> Statuses:
    return frozenset(int(status) for status in statuses)


OVERLOAD: Final = _set(
    Status.SERVER_BUSY, Status.MASTER_UNAVAILABLE, Status.OUTCOME_UNKNOWN, Status.SESSION_DETACHED,
    Status.EXPIRED,
)  # fmt: skip
"""May answer any request at any time (clauses 11.22, 12.11, 12.12); counted, no fault."""
_NOTHING: Final[Statuses] = frozenset()
_CRITICAL: Final = int(kinds.CRITICAL_FLAGS)
NO_SESSION: Final = _set(
    Status.NOT_LOGGED_IN, Status.SESSION_DETACHED, Status.SESSION_EXPIRED, Status.SESSION_REVOKED
)
ALWAYS_CLOSE: Final = _set(Status.OK, Status.SHUTDOWN, Status.BOOTED, Status.SLOW_CONSUMER)
"""Codes of a GOODBYE that needs no cause on this side."""
WITHOUT_SESSION: Final = frozenset(
    {Opcode.REGISTER, Opcode.LOGIN, Opcode.RESUME, Opcode.PASSWORD_RESET, Opcode.WORKER_LIST}
)
_NOT_OF_ORDERS: Final = _set(
    Status.NO_SUCH_ORDER, Status.NAME_TAKEN, Status.PORTFOLIO_LIMIT, Status.PORTFOLIO_IN_USE,
)  # fmt: skip
_TRADING: Final = frozenset(int(s) for s in Status if 0x0400 <= s < 0x0500) - _NOT_OF_ORDERS
_COMMAND: Final = _set(
    Status.OK, Status.SEQ_REQUIRED, Status.SEQ_TOO_OLD, Status.SEQ_REUSED, Status.SCOPE_DENIED,
    Status.INVALID_FIELD,
)  # fmt: skip
_LIST: Final = _set(
    Status.OK, Status.NO_SUCH_PORTFOLIO, Status.INVALID_FIELD, Status.RANGE_TOO_LARGE,
    Status.NO_SUCH_SYMBOL, Status.NO_DATA,
)  # fmt: skip

_FACTOR: Final = _set(
    Status.AUTH_FAILED, Status.RATE_LIMITED, Status.SECOND_FACTOR_STATE
)  # fmt: skip
_CONTEST: Final = _set(
    Status.NO_SUCH_CONTEST, Status.CONTEST_CLOSED, Status.CONTEST_FORBIDS
)  # fmt: skip
"""An entry may not be changed by hand (clause 13.35)."""

OUTCOMES: Final[Mapping[int, Statuses]] = MappingProxyType(
    {
        Opcode.REGISTER: _set(
            Status.OK, Status.USERNAME_TAKEN, Status.INVALID_FIELD, Status.PASSWORD_WEAK,
            Status.REGISTRATION_CLOSED, Status.RATE_LIMITED, Status.INVITATION_INVALID,
        ),
        Opcode.LOGIN: _set(
            Status.OK, Status.AUTH_FAILED, Status.MECHANISM_UNSUPPORTED, Status.SESSION_IN_USE,
            Status.ACCOUNT_SUSPENDED, Status.TOO_MANY_SESSIONS, Status.RATE_LIMITED,
            Status.INVALID_FIELD, Status.SECOND_FACTOR_REQUIRED,
        ),
        Opcode.PASSWORD_RESET: _set(
            Status.OK, Status.AUTH_FAILED, Status.PASSWORD_WEAK, Status.RATE_LIMITED,
        ),
        Opcode.TOTP_SETUP: _set(
            Status.OK, Status.AUTH_FAILED, Status.RATE_LIMITED, Status.SCOPE_DENIED,
            Status.SECOND_FACTOR_STATE,
        ),
        Opcode.TOTP_ENABLE: _COMMAND | _FACTOR,
        Opcode.TOTP_DISABLE: _COMMAND | _FACTOR,
        Opcode.RECOVERY_RENEW: _COMMAND | _FACTOR,
        Opcode.ACCOUNT_CLOSE: _set(
            Status.OK, Status.AUTH_FAILED, Status.RATE_LIMITED, Status.SCOPE_DENIED,
            Status.SECOND_FACTOR_REQUIRED, Status.ACCOUNT_IN_USE,
        ),
        # Of operators alone: clause 11.20.
        Opcode.INVITE_CREATE: (
            _COMMAND | _set(Status.TOO_MANY_INVITATIONS, Status.REGISTRATION_CLOSED)
        ),
        Opcode.INVITE_LIST: _set(Status.OK, Status.SCOPE_DENIED),
        Opcode.INVITE_REVOKE: _COMMAND | _set(Status.NO_SUCH_INVITATION),
        Opcode.RESET_CREATE: _COMMAND | _set(Status.NO_SUCH_ACCOUNT),
        Opcode.ACCOUNT_LIST: _set(Status.OK, Status.SCOPE_DENIED, Status.NO_SUCH_ACCOUNT),
        Opcode.ACCOUNT_CONTROL: _COMMAND
        | _set(Status.NO_SUCH_ACCOUNT, Status.NO_SUCH_SESSION, Status.SECOND_FACTOR_STATE),
        Opcode.ACCOUNT_SESSIONS: _set(Status.OK, Status.SCOPE_DENIED, Status.NO_SUCH_ACCOUNT),
        Opcode.RESUME: _set(
            Status.OK, Status.SESSION_EXPIRED, Status.SESSION_REVOKED, Status.SESSION_IN_USE,
            Status.RESUME_GAP, Status.ACCOUNT_SUSPENDED,
        ),
        Opcode.LOGOUT: _set(Status.OK),
        Opcode.ACCOUNT_GET: _set(Status.OK, Status.NO_SUCH_ACCOUNT, Status.PRIVATE),
        Opcode.SESSION_LIST: _set(Status.OK, Status.SCOPE_DENIED),
        Opcode.SESSION_REVOKE: _COMMAND | _set(Status.NO_SUCH_SESSION, Status.PROOF_TOO_OLD),
        Opcode.PASSWORD_CHANGE: _COMMAND
        | _set(Status.AUTH_FAILED, Status.PASSWORD_WEAK, Status.RATE_LIMITED),
        Opcode.ACCOUNT_UPDATE: _COMMAND | _set(Status.PROOF_TOO_OLD),
        Opcode.APIKEY_CREATE: _COMMAND | _set(Status.TOO_MANY_KEYS, Status.PROOF_TOO_OLD),
        Opcode.APIKEY_LIST: _set(Status.OK, Status.SCOPE_DENIED),
        Opcode.APIKEY_REVOKE: _COMMAND | _set(Status.NO_SUCH_KEY),
        Opcode.WATCHLIST_SET: _COMMAND | _set(Status.TOO_MANY_WATCHLISTS, Status.NO_SUCH_SYMBOL),
        Opcode.WATCHLIST_LIST: _set(Status.OK, Status.NO_SUCH_WATCHLIST),
        Opcode.WATCHLIST_DELETE: _COMMAND | _set(Status.NO_SUCH_WATCHLIST),
        Opcode.ALERT_CREATE: _COMMAND | _set(Status.TOO_MANY_ALERTS, Status.NO_SUCH_SYMBOL),
        Opcode.ALERT_LIST: _set(Status.OK),
        Opcode.ALERT_DELETE: _COMMAND | _set(Status.NO_SUCH_ALERT),
        Opcode.ORDER_NEW: _COMMAND | _TRADING,
        Opcode.ORDER_REPLACE: _COMMAND | _TRADING | _set(Status.NO_SUCH_ORDER),
        Opcode.ORDER_CANCEL_ALL: _COMMAND
        | _set(Status.NO_SUCH_PORTFOLIO, Status.NO_SUCH_SYMBOL),
        Opcode.ORDER_CANCEL: _COMMAND
        | _set(Status.NO_SUCH_ORDER, Status.ORDER_DONE, Status.NO_SUCH_PORTFOLIO)
        | _set(Status.INSUFFICIENT_MARGIN),
        Opcode.ORDER_GET: _set(Status.OK, Status.NO_SUCH_ORDER, Status.NO_SUCH_PORTFOLIO),
        Opcode.ORDER_LIST: _LIST,
        Opcode.RECEIPT_GET: _LIST | _set(Status.NO_SUCH_ORDER),
        Opcode.REFUSALS_GET: _LIST,
        Opcode.ASSET_GET: _set(Status.OK, Status.NO_SUCH_SYMBOL, Status.INVALID_FIELD),
        Opcode.ASSET_LIST: _LIST,
        Opcode.QUOTE_GET: _set(
            Status.OK, Status.NO_SUCH_SYMBOL, Status.INVALID_FIELD, Status.NO_QUOTE, Status.NO_DATA
        ),
        Opcode.BARS_GET: _LIST | _set(Status.INTERVAL_UNSUPPORTED),
        Opcode.MARKET_STATUS: _set(Status.OK, Status.NO_DATA, Status.INVALID_FIELD),
        Opcode.CLOCK_GET: _set(Status.OK, Status.NO_DATA),
        Opcode.CLOCK_SET: _set(
            Status.OK, Status.INVALID_FIELD, Status.SCOPE_DENIED, Status.CLOCK_FIXED,
            Status.NO_DATA, Status.RANGE_TOO_LARGE,
        ),
        # Whoever is no operator: clause 14.18.
        Opcode.ASSET_HALT: _set(
            Status.OK, Status.SCOPE_DENIED, Status.NO_SUCH_SYMBOL, Status.INVALID_FIELD
        ),
        Opcode.EQUITY_GET: _LIST
        | _set(Status.INTERVAL_UNSUPPORTED, Status.NO_SUCH_ACCOUNT, Status.PRIVATE),
        Opcode.PORTFOLIO_CREATE: _COMMAND
        | _set(Status.NAME_TAKEN, Status.PORTFOLIO_LIMIT, Status.AMOUNT_OVERFLOW),
        Opcode.PORTFOLIO_LIST: _set(Status.OK, Status.NO_SUCH_ACCOUNT, Status.PRIVATE),
        Opcode.PORTFOLIO_UPDATE: _COMMAND | _set(Status.NO_SUCH_PORTFOLIO, Status.NAME_TAKEN),
        Opcode.PORTFOLIO_RESET: _COMMAND
        | _set(
            Status.NO_SUCH_PORTFOLIO, Status.AMOUNT_OVERFLOW, Status.INSUFFICIENT_CASH,
            Status.NO_QUOTE, Status.CONTEST_FORBIDS,
        ),
        Opcode.PORTFOLIO_CASH: _COMMAND
        | _set(
            Status.NO_SUCH_PORTFOLIO, Status.INSUFFICIENT_CASH, Status.AMOUNT_OVERFLOW,
            Status.CONTEST_FORBIDS,
        ),
        Opcode.PORTFOLIO_TERMS: _COMMAND
        | _set(
            Status.NO_SUCH_PORTFOLIO, Status.PORTFOLIO_IN_USE, Status.NO_SUCH_SYMBOL,
            Status.TYPE_UNSUPPORTED, Status.CONTEST_FORBIDS, Status.INSUFFICIENT_CASH,
        ),
        Opcode.PORTFOLIO_TERMS_GET: _set(Status.OK, Status.NO_SUCH_PORTFOLIO),
        Opcode.PORTFOLIO_FORK: _COMMAND
        | _CONTEST
        | _set(
            Status.NO_SUCH_PORTFOLIO, Status.NAME_TAKEN, Status.PORTFOLIO_LIMIT,
            Status.INSUFFICIENT_CASH, Status.AMOUNT_OVERFLOW, Status.NO_DATA,
            Status.PORTFOLIO_FROZEN,
        ),
        Opcode.PORTFOLIO_FREEZE: _COMMAND | _set(Status.NO_SUCH_PORTFOLIO, Status.CONTEST_FORBIDS),
        # Of operators alone: clause 11.16.
        Opcode.PORTFOLIO_CORRECT: _COMMAND
        | _set(Status.NO_SUCH_PORTFOLIO, Status.INSUFFICIENT_CASH, Status.AMOUNT_OVERFLOW),
        Opcode.POSITION_CLOSE: _COMMAND | _TRADING,
        Opcode.CONTEST_CREATE: _COMMAND | _CONTEST | _set(Status.NAME_TAKEN, Status.NO_SUCH_SYMBOL),
        Opcode.CONTEST_JOIN: _COMMAND | _CONTEST | _set(Status.NAME_TAKEN, Status.PORTFOLIO_LIMIT),
        Opcode.CONTEST_GET: _set(Status.OK, Status.NO_SUCH_CONTEST),
        Opcode.CONTEST_LIST: _LIST,
        Opcode.CONTEST_STANDINGS: _LIST | _set(Status.NO_SUCH_CONTEST),
        Opcode.CONTEST_FILE: _LIST | _set(Status.NO_SUCH_CONTEST),
        # Whoever is no operator: clause 11.16.
        Opcode.LOG_DUMP: _set(
            Status.OK, Status.SCOPE_DENIED, Status.NO_DATA, Status.RANGE_TOO_LARGE
        ),
        Opcode.STATS_GET: _set(Status.OK, Status.SCOPE_DENIED),
        Opcode.WORKER_CONTROL: _set(
            Status.OK, Status.SCOPE_DENIED, Status.INVALID_FIELD, Status.WORKER_UNKNOWN,
            Status.NO_SUCH_CONNECTION,
        ),
        Opcode.PORTFOLIO_GET: _set(
            Status.OK, Status.NO_SUCH_PORTFOLIO, Status.NO_SUCH_ACCOUNT, Status.PRIVATE
        ),
        Opcode.TRANSACTIONS_GET: _LIST | _set(Status.NO_SUCH_ACCOUNT, Status.PRIVATE),
        Opcode.SUBSCRIBE: _set(
            Status.OK, Status.INVALID_FIELD, Status.MISSING_SECTION, Status.TOO_MANY_SYMBOLS,
            Status.NO_SUCH_SYMBOL, Status.RESUME_GAP, Status.INTERVAL_UNSUPPORTED, Status.NO_DATA,
        ),
        Opcode.UNSUBSCRIBE: _set(Status.OK, Status.INVALID_FIELD, Status.NO_DATA),
        Opcode.WORKER_LIST: _set(Status.OK),
        **{
            opcode: _COMMAND | _set(Status.SCOPE_DENIED, Status.NO_DATA, Status.NAME_TAKEN)
            for opcode in (
                Opcode.WORKER_ADD, Opcode.WORKER_SIGN, Opcode.WORKER_BOOT, Opcode.WORKER_ROTATE,
                Opcode.AUTHORITY_CONTROL,
            )
        },
        Opcode.WORKER_REGISTRY: _set(Status.OK, Status.SCOPE_DENIED),
    }
)  # fmt: skip
"""opcode -> the statuses that a well-formed request may be answered with (clauses 9 to 14)."""


DEFAULT: Final = frozenset(
    int(s) for s in Status if s in (Status.OK, Status.INVALID_FIELD) or 0x0300 < s < 0x0600
)
"""Of requests that have no row above: whatever refuses one request for its meaning."""


@attrs.frozen
class Verdict:
    """What may come of one frame.

    ``statuses``: of its reply. ``closes``: codes of a GOODBYE that it may cause. ``fatal``: the
    connection must end. ``beyond``: what follows this frame is not read any more.
    """

    statuses: Statuses = frozenset()
    closes: Statuses = frozenset()
    fatal: bool = False
    beyond: bool = False
    message: Message | None = None

    @property
    def answered(self) -> bool:
        """Whether a reply must come."""
        return bool(self.statuses) and not self.fatal


def header_faults(header: Header, frame_max: int, version: bool = True) -> Statuses:
    """Return every fatal fault of a header (clauses 4.2 to 4.4, 5.2, 6.1)."""
    if (
        header.magic == kinds.MAGIC
        and (header.version == kinds.VERSION or not version)
        and header.block_len <= header.length <= frame_max - limits.HEADER_SIZE
        and 1 <= header.category <= 3
        and not header.flags & _CRITICAL
    ):
        return _NOTHING
    found = set()
    if header.magic != kinds.MAGIC:
        found.add(Status.BAD_MAGIC)
    if version and header.version != kinds.VERSION:
        found.add(Status.VERSION_UNSUPPORTED)
    if header.length + limits.HEADER_SIZE > frame_max:
        found.add(Status.FRAME_TOO_LARGE)
    if not 1 <= header.category <= 3:
        found.add(Status.BAD_CATEGORY)
    if header.flags & kinds.CRITICAL_FLAGS:
        found.add(Status.CRITICAL_FLAG)
    if header.block_len > header.length:
        found.add(Status.BAD_LENGTH)
    return frozenset(int(status) for status in found)


def forbidden(header: Header) -> Statuses:
    """Return what a client may not send at all (clause 9.2)."""
    if not header.flags & (RESPONSE | EVENT) and header.opcode < kinds.INNER_OPCODES:
        return _NOTHING
    found = set()
    if header.opcode > 0xFF:
        if header.flags & (RESPONSE | EVENT):
            found.add(int(Status.PROTOCOL_STATE))
        if kinds.INNER_OPCODES <= header.opcode < 0x8000:
            found.add(int(Status.OPCODE_FORBIDDEN))
    return frozenset(found)


def fatal(codes: Iterable[int], beyond: bool = True) -> Verdict:
    """Return that the connection must end with one of the codes."""
    return Verdict(closes=frozenset(int(code) for code in codes), fatal=True, beyond=beyond)


def first_frame(header: Header, octets: bytes) -> Verdict:
    """Judge the first frame of a client (clause 7)."""
    if header.opcode == Opcode.GOODBYE:
        try:
            codec.decode_body(header, octets)
        except RemoteFault as fault:
            return fatal({fault.status, Status.HELLO_EXPECTED})
        return Verdict(closes=ALWAYS_CLOSE, beyond=True)
    if header.opcode != Opcode.HELLO:
        return fatal({Status.HELLO_EXPECTED})
    try:
        message = codec.decode_body(header._replace(version=kinds.VERSION), octets)
    except RemoteFault as fault:
        verdict = fatal({fault.status, Status.HELLO_EXPECTED})
        return attrs.evolve(verdict, statuses=frozenset({int(fault.status)}))
    if header.flags & (RESPONSE | EVENT):
        return fatal({Status.HELLO_EXPECTED, Status.PROTOCOL_STATE})
    low, high = getattr(message, "min_version", 0), getattr(message, "max_version", 0)
    if not low <= kinds.VERSION <= high:
        unsupported = _set(Status.VERSION_UNSUPPORTED)
        return Verdict(unsupported, unsupported, True, True, message)
    if getattr(message, "role", 0) not in (kinds.Role.CLIENT, kinds.Role.TOOL):
        codes = _set(Status.OPCODE_FORBIDDEN, Status.PROTOCOL_STATE)
        return Verdict(_set(Status.OK) | codes, codes, True, True, message)
    return Verdict(_set(Status.OK), message=message)


def control_frame(header: Header, octets: bytes) -> Verdict:
    """Judge a control frame after HELLO (clauses 8.2 to 8.5)."""
    if header.opcode == Opcode.HELLO:
        return fatal({Status.PROTOCOL_STATE})
    try:
        message = codec.decode_body(header, octets)
    except RemoteFault as fault:
        if fault.fatal:
            return fatal({fault.status})
        if header.flags & (RESPONSE | EVENT):
            return fatal({fault.status, Status.PROTOCOL_STATE})
        return Verdict(_set(fault.status))
    if header.opcode == Opcode.GOODBYE:
        return Verdict(closes=ALWAYS_CLOSE, beyond=True, message=message)
    if header.opcode == Opcode.PING and not header.flags & RESPONSE:
        return Verdict(_set(Status.OK), message=message)
    return Verdict(message=message)


def is_command(header: Header, message: Message | None) -> bool:
    """Tell whether a well-formed request is numbered (clause 12.1); a mere trial is not."""
    if header.opcode not in kinds.STATE_CHANGING or message is None:
        return False
    flags = int(getattr(message, "flags", 0))
    return not (header.opcode == Opcode.ORDER_NEW and flags & kinds.OrderFlag.VALIDATE_ONLY)


def request(header: Header, octets: bytes, handle: int, unsure: bool) -> Verdict:
    """Judge a request of a client.

    ``handle`` is the session of the connection (0: none); ``unsure``: whether it may have changed
    by the time the frame is read. Idempotency is judged elsewhere.
    """
    opcode = header.opcode
    statuses: set[int] = set()
    closes: set[int] = set()
    foreign = header.session not in (0, handle)
    if opcode not in REQUESTS:
        statuses = {int(Status.UNKNOWN_OPCODE), int(Status.INVALID_FIELD)}
        if foreign or unsure:
            statuses |= NO_SESSION
        elif not header.status:
            statuses.discard(Status.INVALID_FIELD)
        return Verdict(frozenset(statuses))
    refused = foreign or (not header.session and opcode not in WITHOUT_SESSION)
    if refused or unsure:
        statuses |= NO_SESSION
    message: Message | None = None
    try:
        message = codec.decode_body(header, octets)
    except RemoteFault as fault:
        statuses.add(int(fault.status))
        if fault.fatal:
            closes.add(int(fault.status))
        # Which check comes first, the command's number or its body, is not specified.
        if opcode in kinds.STATE_CHANGING:
            statuses |= _COMMAND - {int(Status.OK)}
    else:
        if not refused or unsure:
            statuses |= OUTCOMES.get(opcode, DEFAULT)
            if opcode in kinds.STATE_CHANGING:
                statuses |= _COMMAND
    if is_command(header, message) and not header.seq and not refused:
        numbered = _set(Status.SEQ_REQUIRED, Status.SCOPE_DENIED, Status.INVALID_FIELD)
        statuses = (statuses & NO_SESSION) | numbered
    certain = bool(closes) and not statuses - closes
    return Verdict(frozenset(statuses), frozenset(closes), certain, False, message)
