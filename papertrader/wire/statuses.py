"""The status registry: what each status means, in words, and for whoever gets it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from papertrader.wire.kinds import Status, is_fatal, is_stored, may_retry


class StatusRule(NamedTuple):
    """A row of the status registry: what a status means, for the connection and for a retry.

    ``fatal``: the connection ends. ``retry``: the same ``seq`` may be sent again. ``stored``: the
    reply of a command is kept and answered again.
    """

    fatal: bool
    retry: bool
    stored: bool
    meaning: str


_MEANINGS: Final[Mapping[Status, str]] = MappingProxyType(
    {
        Status.OK: "Done.",
        Status.BAD_MAGIC: "A frame did not begin with PT.",
        Status.VERSION_UNSUPPORTED: "No major version is spoken by both sides.",
        Status.FRAME_TOO_LARGE: "A frame is larger than the receiver takes.",
        Status.BAD_LENGTH: "The lengths inside a frame contradict each other.",
        Status.BAD_CHECKSUM: "The CRC-32 does not fit the frame.",
        Status.BAD_CATEGORY: "The category is not that of the message.",
        Status.CRITICAL_FLAG: "A flag that must be understood is not.",
        Status.HELLO_EXPECTED: "The first frame was neither HELLO nor GOODBYE.",
        Status.HELLO_TIMEOUT: "HELLO did not come in time.",
        Status.KEEPALIVE_TIMEOUT: "Nothing was heard for too long, or a frame stayed unfinished.",
        Status.OPCODE_FORBIDDEN: "The opcode may not be used on this link.",
        Status.PROTOCOL_STATE: "The frame is not allowed at this point, or too often.",
        Status.DUPLICATE_CORRELATION: "An open request has this correlation already.",
        Status.SLOW_CONSUMER: "The peer did not take what was sent to it.",
        Status.IDLE: "The connection was not used for too long.",
        Status.BOOTED: "An operator or the master closed the connection.",
        Status.SHUTDOWN: "The server is going down; another worker may serve.",
        Status.TOO_MANY_CONNECTIONS: "The address, or the server, has too many connections.",
        Status.UNKNOWN_OPCODE: "The opcode is not known here.",
        Status.BLOCK_TOO_SHORT: "A root block or a row is shorter than its layout.",
        Status.INVALID_FIELD: "A value is not allowed; FIELD says where.",
        Status.MISSING_SECTION: "A section that is needed is absent; FIELD names it.",
        Status.DUPLICATE_SECTION: "A section comes twice, or out of order; FIELD names it.",
        Status.SECTION_TOO_LARGE: "A section has too many octets or rows; FIELD names it.",
        Status.CRITICAL_SECTION: "A section that must be understood is not; FIELD names it.",
        Status.SEQ_REQUIRED: "A command that changes state needs seq >= 1.",
        Status.SEQ_TOO_OLD: "The reply of this seq is not kept any more; nothing was done.",
        Status.SEQ_REUSED: "This seq was used for another command; nothing was done.",
        Status.COMMAND_POISON: "The server crashed over this command before; it is never done.",
        Status.NOT_LOGGED_IN: "The request needs a session.",
        Status.AUTH_FAILED: "The credentials are wrong, whatever about them is.",
        Status.SECOND_FACTOR_REQUIRED: "The password is right; a code must come with it.",
        Status.MECHANISM_UNSUPPORTED: "This way to log in is not offered.",
        Status.SESSION_EXPIRED: "The session is over, or the token is not known.",
        Status.SESSION_REVOKED: "The session was ended by its owner or an operator.",
        Status.SESSION_IN_USE: "Another connection holds the session; TAKE_OVER would take it.",
        Status.SESSION_TAKEN_OVER: "Another connection has taken the session over.",
        Status.SCOPE_DENIED: "The session may not do this.",
        Status.USERNAME_TAKEN: "An account has this user name.",
        Status.REGISTRATION_CLOSED: "New accounts are not taken at present.",
        Status.ACCOUNT_SUSPENDED: "The account may not be used at present.",
        Status.PRIVATE: "The owner does not show this to others.",
        Status.TOO_MANY_SESSIONS: "The account has too many sessions.",
        Status.RESUME_GAP: "Done, but account events are lost: take a snapshot.",
        Status.NO_SUCH_ACCOUNT: "No account has this user name.",
        Status.SESSION_DETACHED: "The worker lost the session: RESUME, then send it again.",
        Status.PASSWORD_WEAK: "The password is too easy to guess.",
        Status.NO_SUCH_SESSION: "The account has no such session.",
        Status.NO_SUCH_KEY: "The account has no such API key.",
        Status.TOO_MANY_KEYS: "The account has too many API keys.",
        Status.NO_SUCH_WATCHLIST: "The account has no such watchlist.",
        Status.TOO_MANY_WATCHLISTS: "The account has too many watchlists.",
        Status.NO_SUCH_ALERT: "The account has no such price alert.",
        Status.TOO_MANY_ALERTS: "The account has too many price alerts; delete those that ended.",
        Status.INVITATION_INVALID: "New accounts need an invitation that is good.",
        Status.SECOND_FACTOR_STATE: "The second factor is on already, or it is off.",
        Status.NO_SUCH_INVITATION: "There is no such invitation, or it is not open any more.",
        Status.TOO_MANY_INVITATIONS: "Too many invitations are open; revoke some.",
        Status.ACCOUNT_IN_USE: "The account has open orders; cancel them first.",
        Status.SECOND_FACTOR_DEMANDED: "The account must set up a second factor before anything.",
        Status.PROOF_TOO_OLD: "The session showed no password lately; log in with it, then ask.",
        Status.NO_SUCH_SYMBOL: "The symbol is not traded here.",
        Status.SYMBOL_HALTED: "The symbol may not be traded this way at present.",
        Status.MARKET_CLOSED: "The market is closed.",
        Status.INSUFFICIENT_CASH: "The portfolio has too little free cash.",
        Status.INSUFFICIENT_POSITION: "The portfolio has too little of the symbol free to sell.",
        Status.SHORT_NOT_ALLOWED: "The portfolio or the symbol does not allow short sales.",
        Status.BAD_TICK: "A price is missing, out of place or not a multiple of the tick.",
        Status.BAD_LOT: "The quantity is not a positive multiple of the lot.",
        Status.QUANTITY_LIMIT: "The quantity is outside the symbol's bounds.",
        Status.PRICE_BAND: "The price is too far from the market.",
        Status.DUPLICATE_ORDER: "The client order id was used already; the reply has that order.",
        Status.NO_SUCH_ORDER: "The account has no such order.",
        Status.ORDER_DONE: "The order is final already; the reply has it.",
        Status.STALE_VERSION: "The order has changed since the version named.",
        Status.NO_QUOTE: "There is no usable quote of the symbol.",
        Status.TIF_UNSUPPORTED: "This time in force is not offered for the order.",
        Status.TYPE_UNSUPPORTED: "This order type or flag is not offered.",
        Status.AMOUNT_OVERFLOW: "An amount would not fit in 64 bits of 1e-8 units.",
        Status.OPEN_ORDER_LIMIT: "The account has too many open orders, in all or of the symbol.",
        Status.DEADLINE_PASSED: "The command reached the market too late.",
        Status.NO_SUCH_PORTFOLIO: "The account has no such portfolio.",
        Status.NOT_FILLABLE: "An IOC or FOK order found too little; only as an order's reason.",
        Status.NAME_TAKEN: "Another portfolio of the account has this name.",
        Status.PORTFOLIO_LIMIT: "The account has as many portfolios as it may have.",
        Status.NO_SUCH_CONTEST: "There is no such contest.",
        Status.CONTEST_CLOSED: "The contest has not begun, cannot be joined now, or is over.",
        Status.CONTEST_FORBIDS: "The rules of contests do not allow it.",
        Status.TERMS_FORBID: "The portfolio's own terms do not allow it.",
        Status.INSUFFICIENT_MARGIN: "The portfolio's equity does not bear it.",
        Status.COMBINATION_ENDED: "The order hung on one that has ended; only as its reason.",
        Status.BAD_COMBINATION: "The orders cannot be combined so.",
        Status.PORTFOLIO_FROZEN: "The portfolio is frozen: it does not trade.",
        Status.PORTFOLIO_IN_USE: "The portfolio has positions or open orders.",
        Status.CLOCK_TURNED_BACK: "The market's clock was turned back; only as an order's reason.",
        Status.NO_DATA: "There is nothing for what was asked.",
        Status.RANGE_TOO_LARGE: "More was asked than one transfer may hold.",
        Status.INTERVAL_UNSUPPORTED: "Bars of this interval are not offered.",
        Status.CANCELLED: "The transfer was ended because its requester said CANCEL.",
        Status.TOO_MANY_SYMBOLS: "Too many symbols, or subscriptions.",
        Status.CLOCK_FIXED: "The clock of this market cannot be set so.",
        Status.RATE_LIMITED: "Too many commands; RETRY_AFTER says when.",
        Status.TOO_MANY_INFLIGHT: "Too many requests of the connection are open.",
        Status.SERVER_BUSY: "A queue of the server is full; RETRY_AFTER says when.",
        Status.MASTER_UNAVAILABLE: "The command was certainly not passed on.",
        Status.READ_ONLY: "Nothing can be changed for now, and nothing was; reads go on.",
        Status.OUTCOME_UNKNOWN: "It is not known whether the command was carried out.",
        Status.EXPIRED: "It waited too long on its way; it was not done and will not be.",
        Status.WORKER_UNKNOWN: "The worker is not registered with this certificate.",
        Status.WORKER_BOOTED: "The worker was shut out by an operator.",
        Status.CLOCK_SKEW: "The worker's stamp lies outside what its clock can show.",
        Status.NO_SUCH_CONNECTION: "The worker has no such client connection.",
        Status.WINDOW_EXCEEDED: "More was relayed than may be unacknowledged.",
        Status.WORKER_DUPLICATE: "Another link of the same worker is alive.",
        Status.ENROLLMENT_REFUSED: "Token, name or key do not open the registry; nothing was done.",
        Status.MASTER_SUPERSEDED: "Another master has taken over from this one.",
        Status.INTERNAL: "The server failed; TEXT has a reference for its operator.",
    }
)

STATUS_RULES: Final[Mapping[Status, StatusRule]] = MappingProxyType(
    {
        status: StatusRule(is_fatal(status), may_retry(status), is_stored(status), meaning)
        for status, meaning in _MEANINGS.items()
    }
)
"""The status registry, complete."""
