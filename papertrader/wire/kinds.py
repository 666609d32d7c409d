"""Every number of the protocol that has a name: never renumbered, retired numbers are kept."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

from papertrader.core import orders
from papertrader.wire import accesskinds, tags

MAGIC: Final = b"PT"
VERSION: Final = 1
REVISION: Final = 1
ALPN_CLIENT: Final = "ptwp/1"
"""What TLS names the client link by."""
ALPN_WORKER: Final = "ptwp-inner/1"
"""What TLS names the worker link by."""
ALPN_ENROLL: Final = "ptwp-enroll/1"
"""What TLS names an enrollment by: on the worker link's port, without a certificate."""
PORT_CLIENT: Final = 2049
PORT_WORKER: Final = 2048


class Category(IntEnum):
    """What a frame is for."""

    COMMAND = 1
    DATA = 2
    CONTROL = 3


class FrameFlag(IntFlag):
    """Header flags. Bits 0x1000 to 0x8000 are critical: refused when not understood."""

    RESPONSE = 0x0001
    EVENT = 0x0002
    MORE = 0x0004
    REPLAYED = 0x0008
    CHECKSUM = 0x0010
    CACHED = 0x0040
    GREASE = 0x0800


CRITICAL_FLAGS: Final = 0xF000


class Role(IntEnum):
    """Who speaks (HELLO)."""

    CLIENT = 1
    WORKER = 2
    ADMIN = 3
    TOOL = 4
    MASTER = 5


AccountAction = accesskinds.AccountAction
AccountField = accesskinds.AccountField
AccountRole = accesskinds.AccountRole
AccountStatus = accesskinds.AccountStatus
Mechanism = accesskinds.Mechanism
Privacy = accesskinds.Privacy
Scope = accesskinds.Scope
allows = accesskinds.allows
lower_scope = accesskinds.lower_scope
"""Who may do what: see there."""

OrderFlag = orders.OrderFlag
"""Options of an order."""


class Adjustment(IntEnum):
    """Whether a bar series is adjusted for corporate actions."""

    RAW = 0
    SPLIT = 1
    TOTAL = 2


class Topic(IntFlag):
    """What a SUBSCRIBE asks for."""

    QUOTES = 1
    BARS = 2
    MARKET = 4
    ACCOUNT = 8


class MarketState(IntEnum):
    """Whether an exchange trades. 5 is kept for a halt."""

    CLOSED = 1
    PRE_MARKET = 2
    OPEN = 3
    AFTER_HOURS = 4


class TopicKind(IntEnum):
    """Kinds of public topic on the worker link."""

    QUOTE = 1
    BAR = 2
    MARKET = 3


class ResumeFlag(IntFlag):
    """Options of RESUME. Bit 0 is kept free."""

    TAKE_OVER = 2


class Family(IntEnum):
    """Address family of a client."""

    LOCAL = 1
    IPV4 = 4
    IPV6 = 6


class TlsVersion(IntEnum):
    """TLS version of a client's connection."""

    NONE = 0
    TLS12 = 2
    TLS13 = 3


class RelayUpFlag(IntFlag):
    """Marks on a relayed command. Bit 1 was never used and is kept free."""

    RESENT = 1


class RelayDownFlag(IntFlag):
    """Marks on a relayed answer. Bits 2 and 3 were never used and are kept free."""

    CACHEABLE = 1
    CLOSE = 2


class ClosedBy(IntEnum):
    """Who ended a client's connection."""

    CLIENT = 1
    WORKER = 2
    MASTER = 3


class DrainMode(IntEnum):
    """What becomes of the clients of a worker (WORKER_DRAIN)."""

    OFF = 0
    ADMIT_NONE = 1
    MOVE = 2
    BOOT = 3


class WorkerState(IntEnum):
    """What the registry says of a worker; PENDING: added, but it has shown no key yet."""

    PENDING = 1
    ACTIVE = 2
    BOOTED = 3
    REVOKED = 4


class BootMode(IntEnum):
    """What WORKER_BOOT does with a worker."""

    ADMIT = 0
    BOOT = 1
    REVOKE = 2


class AuthorityStep(IntEnum):
    """What AUTHORITY_CONTROL does; each step but DROP can be taken back."""

    NONE = 0
    TRUST = 1
    REISSUE = 2
    DROP = 3
    BACK = 4


class AuthorityPhase(IntEnum):
    """How far a change of authorities is; BOTH: the old one issues, REISSUED: the new one."""

    SINGLE = 1
    BOTH = 2
    REISSUED = 3


class WorkerFlag(IntFlag):
    """State of a worker in WORKER_LIST."""

    ACCEPTING = 1
    DRAINING = 2


class Direction(IntEnum):
    """Which rows of a list come first."""

    OLDEST_FIRST = 0
    NEWEST_FIRST = 1


class TxKind(IntEnum):
    """What a ledger transaction was for."""

    BUY = 1
    SELL = 2
    SHORT = 3
    COVER = 4
    FEE = 5
    DIVIDEND = 6
    SPLIT = 7
    DEPOSIT = 8
    RESET = 9
    INTEREST = 10
    WITHDRAWAL = 11
    BORROW = 12
    SYMBOL_CHANGE = 13
    DELISTING = 14
    CORRECTION = 15


class Opcode(IntEnum):
    """Which message a frame is; a reply has the opcode of its request."""

    HELLO = 0x0001
    PING = 0x0002
    HEARTBEAT = 0x0003
    GOODBYE = 0x0004
    CANCEL = 0x0006
    REGISTER = 0x0101
    LOGIN = 0x0102
    RESUME = 0x0104
    LOGOUT = 0x0105
    SESSION_LIST = 0x0106
    SESSION_REVOKE = 0x0107
    PASSWORD_CHANGE = 0x0108
    ACCOUNT_GET = 0x0109
    ACCOUNT_UPDATE = 0x010A
    APIKEY_CREATE = 0x010C
    APIKEY_LIST = 0x010D
    APIKEY_REVOKE = 0x010E
    TOTP_SETUP = 0x0110
    TOTP_ENABLE = 0x0111
    TOTP_DISABLE = 0x0112
    RECOVERY_RENEW = 0x0113
    PASSWORD_RESET = 0x0114
    ACCOUNT_CLOSE = 0x0115
    INVITE_CREATE = 0x0118
    INVITE_LIST = 0x0119
    INVITE_REVOKE = 0x011A
    RESET_CREATE = 0x011B
    ACCOUNT_LIST = 0x011C
    ACCOUNT_CONTROL = 0x011D
    ACCOUNT_SESSIONS = 0x011E
    ORDER_NEW = 0x0201
    ORDER_REPLACE = 0x0202
    ORDER_CANCEL = 0x0203
    ORDER_CANCEL_ALL = 0x0204
    ORDER_GET = 0x0205
    ORDER_LIST = 0x0206
    POSITION_CLOSE = 0x0207
    RECEIPT_GET = 0x0210
    REFUSALS_GET = 0x0211
    ASSET_GET = 0x0301
    ASSET_LIST = 0x0302
    QUOTE_GET = 0x0303
    BARS_GET = 0x0304
    MARKET_STATUS = 0x0305
    CLOCK_GET = 0x0306
    CLOCK_SET = 0x0307
    WATCHLIST_SET = 0x0308
    WATCHLIST_LIST = 0x0309
    WATCHLIST_DELETE = 0x030A
    ASSET_HALT = 0x0310
    PORTFOLIO_GET = 0x0401
    TRANSACTIONS_GET = 0x0402
    EQUITY_GET = 0x0403
    PORTFOLIO_CREATE = 0x0404
    PORTFOLIO_LIST = 0x0405
    PORTFOLIO_UPDATE = 0x0406
    PORTFOLIO_RESET = 0x0407
    PORTFOLIO_FORK = 0x0408
    PORTFOLIO_CASH = 0x0409
    PORTFOLIO_TERMS = 0x040A
    PORTFOLIO_TERMS_GET = 0x040B
    PORTFOLIO_FREEZE = 0x040C
    PORTFOLIO_CORRECT = 0x040D
    CONTEST_CREATE = 0x0440
    CONTEST_GET = 0x0441
    CONTEST_LIST = 0x0442
    CONTEST_JOIN = 0x0443
    CONTEST_STANDINGS = 0x0444
    CONTEST_FILE = 0x0445
    SUBSCRIBE = 0x0501
    UNSUBSCRIBE = 0x0502
    EV_QUOTE = 0x0510
    EV_BAR = 0x0511
    EV_ORDER = 0x0512
    EV_TX = 0x0513
    EV_MARKET = 0x0514
    EV_SESSION = 0x0515
    EV_ALERT = 0x0516
    ALERT_CREATE = 0x0520
    ALERT_LIST = 0x0521
    ALERT_DELETE = 0x0522
    WORKER_LIST = 0x0601
    WORKER_ADD = 0x0610
    WORKER_SIGN = 0x0611
    WORKER_REGISTRY = 0x0612
    WORKER_BOOT = 0x0613
    WORKER_ROTATE = 0x0614
    AUTHORITY_CONTROL = 0x0615
    LOG_DUMP = 0x0681
    STATS_GET = 0x0682
    WORKER_CONTROL = 0x0683
    WORKER_AUTH = 0x7001
    CLIENT_OPEN = 0x7002
    CLIENT_CLOSE = 0x7003
    RELAY_UP = 0x7010
    RELAY_DOWN = 0x7011
    RELAY_CREDIT = 0x7012
    RELAY_ACK = 0x7013
    CACHE_INVALIDATE = 0x7021
    TOPIC_PUBLISH = 0x7023
    TOPIC_INTEREST = 0x7024
    WORKER_STATS = 0x7030
    WORKERS_CHANGED = 0x7031
    WORKER_DRAIN = 0x7032
    LIMIT_HITS = 0x7070
    WORKER_LOG = 0x7040
    ENROLL = 0x7050
    CERTIFICATE_RENEW = 0x7051
    RENEW_ORDER = 0x7052
    TRUST_SET = 0x7053
    TRUST_TAKEN = 0x7054
    AUDIT_KEY = 0x7055
    AUDIT_HEAD = 0x7056
    STORE_COMMAND = 0x7E01
    STORE_QUOTE = 0x7E02
    STORE_TIME = 0x7E03
    STORE_ACTION = 0x7E04
    STORE_PORTFOLIO = 0x7E11
    STORE_ORDER = 0x7E12
    STORE_TX = 0x7E13
    STORE_REPLY = 0x7E14
    STORE_APPLIED = 0x7E15
    STORE_NAME = 0x7E16
    STORE_SEASON = 0x7E17
    STORE_TERMS = 0x7E18
    STORE_REFUSAL = 0x7E19
    STORE_CLOCK = 0x7E1F
    STORE_ASSET = 0x7E28
    STORE_MARKS = 0x7E29
    STORE_MARGIN = 0x7E2A
    STORE_FREEZE = 0x7E2F
    STORE_CONTEST = 0x7E30
    STORE_ENTRY = 0x7E31
    STORE_RESULT = 0x7E32


INNER_OPCODES: Final = 0x7001
"""Opcodes from here on exist on the worker link only; on a client link they are a fatal fault."""

STORE_OPCODES: Final = 0x7E00
"""Opcodes from here on to 0x7EFF are records of the journal and never cross a link."""

GREASE_OPCODES: Final = (0x0A5A, 0x1A5A, 0x2A5A)
GREASE_FEATURES: Final = 0xFF << 56


class Status(IntEnum):
    """Result codes. 0x01xx close the connection; 0x02xx to 0x0Fxx answer one request."""

    OK = 0x0000
    BAD_MAGIC = 0x0101
    VERSION_UNSUPPORTED = 0x0102
    FRAME_TOO_LARGE = 0x0103
    BAD_LENGTH = 0x0104
    BAD_CHECKSUM = 0x0105
    BAD_CATEGORY = 0x0106
    CRITICAL_FLAG = 0x0107
    HELLO_EXPECTED = 0x0108
    HELLO_TIMEOUT = 0x0109
    KEEPALIVE_TIMEOUT = 0x010A
    OPCODE_FORBIDDEN = 0x010B
    PROTOCOL_STATE = 0x010C
    DUPLICATE_CORRELATION = 0x010D
    SLOW_CONSUMER = 0x0110
    IDLE = 0x0111
    BOOTED = 0x0112
    SHUTDOWN = 0x0113
    TOO_MANY_CONNECTIONS = 0x0114
    UNKNOWN_OPCODE = 0x0201
    BLOCK_TOO_SHORT = 0x0202
    INVALID_FIELD = 0x0203
    MISSING_SECTION = 0x0204
    DUPLICATE_SECTION = 0x0205
    SECTION_TOO_LARGE = 0x0206
    CRITICAL_SECTION = 0x0207
    SEQ_REQUIRED = 0x0208
    SEQ_TOO_OLD = 0x0209
    SEQ_REUSED = 0x020A
    COMMAND_POISON = 0x020B
    NOT_LOGGED_IN = 0x0301
    AUTH_FAILED = 0x0302
    SECOND_FACTOR_REQUIRED = 0x0303
    MECHANISM_UNSUPPORTED = 0x0304
    SESSION_EXPIRED = 0x0305
    SESSION_REVOKED = 0x0306
    SESSION_IN_USE = 0x0307
    SESSION_TAKEN_OVER = 0x0308
    SCOPE_DENIED = 0x0309
    USERNAME_TAKEN = 0x030A
    REGISTRATION_CLOSED = 0x030B
    ACCOUNT_SUSPENDED = 0x030C
    PRIVATE = 0x030D
    TOO_MANY_SESSIONS = 0x030E
    RESUME_GAP = 0x030F
    NO_SUCH_ACCOUNT = 0x0310
    SESSION_DETACHED = 0x0311
    PASSWORD_WEAK = 0x0312
    NO_SUCH_SESSION = 0x0313
    NO_SUCH_KEY = 0x0314
    TOO_MANY_KEYS = 0x0315
    NO_SUCH_WATCHLIST = 0x0316
    TOO_MANY_WATCHLISTS = 0x0317
    NO_SUCH_ALERT = 0x0318
    TOO_MANY_ALERTS = 0x0319
    INVITATION_INVALID = 0x0320
    SECOND_FACTOR_STATE = 0x0321
    NO_SUCH_INVITATION = 0x0322
    TOO_MANY_INVITATIONS = 0x0323
    ACCOUNT_IN_USE = 0x0324
    SECOND_FACTOR_DEMANDED = 0x0325
    PROOF_TOO_OLD = 0x0326
    NO_SUCH_SYMBOL = 0x0401
    SYMBOL_HALTED = 0x0402
    MARKET_CLOSED = 0x0403
    INSUFFICIENT_CASH = 0x0404
    INSUFFICIENT_POSITION = 0x0405
    SHORT_NOT_ALLOWED = 0x0406
    BAD_TICK = 0x0407
    BAD_LOT = 0x0408
    QUANTITY_LIMIT = 0x0409
    PRICE_BAND = 0x040A
    DUPLICATE_ORDER = 0x040B
    NO_SUCH_ORDER = 0x040C
    ORDER_DONE = 0x040D
    STALE_VERSION = 0x040E
    NO_QUOTE = 0x040F
    TIF_UNSUPPORTED = 0x0410
    TYPE_UNSUPPORTED = 0x0411
    AMOUNT_OVERFLOW = 0x0412
    OPEN_ORDER_LIMIT = 0x0413
    DEADLINE_PASSED = 0x0414
    NO_SUCH_PORTFOLIO = 0x0415
    NOT_FILLABLE = 0x0416
    NAME_TAKEN = 0x0417
    PORTFOLIO_LIMIT = 0x0418
    PORTFOLIO_IN_USE = 0x0419
    COMBINATION_ENDED = 0x041A
    BAD_COMBINATION = 0x041B
    TERMS_FORBID = 0x041C
    INSUFFICIENT_MARGIN = 0x0421
    NO_SUCH_CONTEST = 0x041D
    CONTEST_CLOSED = 0x041E
    CONTEST_FORBIDS = 0x041F
    PORTFOLIO_FROZEN = 0x0420
    CLOCK_TURNED_BACK = 0x0430
    NO_DATA = 0x0501
    RANGE_TOO_LARGE = 0x0502
    INTERVAL_UNSUPPORTED = 0x0503
    CANCELLED = 0x0506
    TOO_MANY_SYMBOLS = 0x0507
    CLOCK_FIXED = 0x0509
    RATE_LIMITED = 0x0601
    TOO_MANY_INFLIGHT = 0x0602
    SERVER_BUSY = 0x0603
    MASTER_UNAVAILABLE = 0x0604
    OUTCOME_UNKNOWN = 0x0605
    EXPIRED = 0x0606
    READ_ONLY = 0x0608
    WORKER_UNKNOWN = 0x0701
    WORKER_BOOTED = 0x0702
    CLOCK_SKEW = 0x0703
    NO_SUCH_CONNECTION = 0x0704
    WINDOW_EXCEEDED = 0x0705
    WORKER_DUPLICATE = 0x0706
    ENROLLMENT_REFUSED = 0x0707
    MASTER_SUPERSEDED = 0x0710
    INTERNAL = 0x0F01


def is_fatal(status: int) -> bool:
    """Tell whether ``status`` ends the connection it is said on."""
    return 0x0100 <= status < 0x0200 or status in _FATAL_INNER


_FATAL_INNER: Final = frozenset(
    {
        Status.WORKER_UNKNOWN,
        Status.WORKER_BOOTED,
        Status.WINDOW_EXCEEDED,
        Status.WORKER_DUPLICATE,
        Status.ENROLLMENT_REFUSED,
        Status.MASTER_SUPERSEDED,
    }
)
_RETRY: Final = frozenset(
    {
        Status.SHUTDOWN,
        Status.RATE_LIMITED,
        Status.TOO_MANY_INFLIGHT,
        Status.SERVER_BUSY,
        Status.MASTER_UNAVAILABLE,
        Status.READ_ONLY,
        Status.OUTCOME_UNKNOWN,
        Status.SESSION_DETACHED,
        Status.CLOCK_SKEW,
        Status.EXPIRED,
    }
)


def may_retry(status: int) -> bool:
    """Tell whether the same command (same ``seq``) may be sent again after ``status``."""
    return status in _RETRY


def is_stored(status: int) -> bool:
    """Tell whether a reply with ``status`` is kept and answered again for the same ``seq``."""
    return status == Status.OK or 0x0400 <= status < 0x0500


STATE_CHANGING: Final = frozenset(
    {
        Opcode.SESSION_REVOKE,
        Opcode.PASSWORD_CHANGE,
        Opcode.ACCOUNT_UPDATE,
        Opcode.APIKEY_CREATE,
        Opcode.APIKEY_REVOKE,
        Opcode.TOTP_ENABLE,
        Opcode.TOTP_DISABLE,
        Opcode.RECOVERY_RENEW,
        Opcode.INVITE_CREATE,
        Opcode.INVITE_REVOKE,
        Opcode.RESET_CREATE,
        Opcode.ACCOUNT_CONTROL,
        Opcode.ORDER_NEW,
        Opcode.ORDER_REPLACE,
        Opcode.ORDER_CANCEL,
        Opcode.ORDER_CANCEL_ALL,
        Opcode.POSITION_CLOSE,
        Opcode.CLOCK_SET,
        Opcode.PORTFOLIO_CREATE,
        Opcode.PORTFOLIO_UPDATE,
        Opcode.PORTFOLIO_RESET,
        Opcode.PORTFOLIO_CASH,
        Opcode.PORTFOLIO_TERMS,
        Opcode.PORTFOLIO_FORK,
        Opcode.PORTFOLIO_FREEZE,
        Opcode.PORTFOLIO_CORRECT,
        Opcode.CONTEST_CREATE,
        Opcode.CONTEST_JOIN,
        Opcode.WATCHLIST_SET,
        Opcode.WATCHLIST_DELETE,
        Opcode.ALERT_CREATE,
        Opcode.ALERT_DELETE,
    }
)
"""Commands of a session that carry ``seq`` >= 1 and whose reply is stored.

LOGOUT and ACCOUNT_CLOSE change state as well, but end the session that would hold their stored
reply: saying either twice is harmless, so they carry 0. TOTP_SETUP only begins what TOTP_ENABLE
does; said twice, the second seed counts.
"""

WITHOUT_SESSION: Final = frozenset(
    {
        Opcode.REGISTER,
        Opcode.LOGIN,
        Opcode.RESUME,
        Opcode.PASSWORD_RESET,
        Opcode.WORKER_LIST,
    }
)
"""Requests of clients that need no session."""

Tag = tags.Tag
TAG_CRITICAL: Final = tags.TAG_CRITICAL
TAG_GROUP: Final = tags.TAG_GROUP
GREASE_TAGS: Final = tags.GREASE_TAGS
