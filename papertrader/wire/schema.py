"""The declarations of every frame: the only source.

``messages`` (the classes and the derived codec), the tables of ``specs/protocol.rst`` and the JSON
schema are generated from here by ``python -m papertrader.wire.generate``; a test fails when they
are out of date. Parsing with these constructs directly (``reference``) is the yardstick that the
derived code is compared with.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import attrs
import construct as c

from papertrader.core.fills import LimitingRule
from papertrader.core.ledger import LedgerKind
from papertrader.core.orders import OrderEventKind, OrderState, OrderType, Side, TimeInForce
from papertrader.core.quotes import ActionKind, AssetFlag, AssetKind, AssetStatus, QuoteFlag
from papertrader.wire import kinds as k
from papertrader.wire import limits
from papertrader.wire.kinds import Category, Opcode, Tag
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
    Hash32,
    Host64,
    Id,
    Ip16,
    Money,
    Name24,
    Op,
    Px,
    Qty,
    Sym16,
    Tok32,
    Ts,
    Zero,
)


class Shape(Enum):
    """Which way a message is meant: asked, answered, or pushed."""

    REQUEST = "request"
    REPLY = "reply"
    EVENT = "event"


@attrs.frozen
class Section:
    """A tagged part of a message.

    ``kind`` is ``text`` (UTF-8), ``octets``, ``u16``, ``u32`` or ``group`` (rows of ``row``).
    ``size_max`` bounds octets, or rows for a group. ``many`` is False: a tag occurs at most once.
    """

    tag: Tag
    attribute: str
    kind: str
    size_max: int
    required: bool = False
    row: str = ""
    size_min: int = 0


@attrs.frozen
class Block:
    """A fixed layout: the rows of a group, or what several messages share as their root."""

    name: str
    struct: Any
    docs: str


@attrs.frozen
class Message:
    """One message: an opcode asked, answered or pushed, with its root block and its sections."""

    opcode: Opcode
    shape: Shape
    name: str
    struct: Any
    docs: str
    category: Category
    sections: tuple[Section, ...] = ()
    also: tuple[Opcode, ...] = ()


BLOCKS: Final[dict[str, Block]] = {}
MESSAGES: Final[list[Message]] = []


def _struct(*fields: Any) -> Any:
    return c.Struct(*fields)


def _block(name: str, docs: str, *fields: Any) -> Any:
    struct = _struct(*fields)
    BLOCKS[name] = Block(name, struct, docs)
    return struct


def _message(
    opcode: Opcode,
    shape: Shape,
    name: str,
    docs: str,
    struct: Any,
    *sections: Section,
    category: Category = Category.COMMAND,
    also: tuple[Opcode, ...] = (),
) -> None:
    ordered = tuple(sorted(sections, key=lambda section: section.tag))
    MESSAGES.append(Message(opcode, shape, name, struct, docs, category, ordered, also))


def _text(tag: Tag, attribute: str, size_max: int, required: bool = False, least: int = 1) -> Section:
    return Section(tag, attribute, "text", size_max, required, size_min=least)


def _group(tag: Tag, attribute: str, row: str, rows_max: int, required: bool = False) -> Section:
    return Section(tag, attribute, "group", rows_max, required, row)


REQUEST, REPLY, EVENT = Shape.REQUEST, Shape.REPLY, Shape.EVENT
DATA, CONTROL = Category.DATA, Category.CONTROL
PART_ROWS = limits.PART_BODY_MAX // 16
REASON = _text(Tag.TEXT, "text", limits.TEXT_MAX)

# --- control, both links ---------------------------------------------------------------------

_message(
    Opcode.HELLO, REQUEST, "Hello",
    "Initiator to acceptor, the first frame of a connection. Frozen for ever.",
    _struct(
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
    _text(Tag.SOFTWARE, "software", limits.SOFTWARE_MAX),
    category=CONTROL,
)
_message(
    Opcode.HELLO, REPLY, "HelloReply",
    "Acceptor's answer; status OK, or VERSION_UNSUPPORTED and close. Frozen for ever.",
    _struct(
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
    _text(Tag.SOFTWARE, "software", limits.SOFTWARE_MAX),
    _text(Tag.NOTICE, "notice", limits.NOTICE_MAX),
    category=CONTROL,
)
_message(
    Opcode.PING, REQUEST, "Ping", "Either side; measures the way and the peer's clock.",
    _struct("token" / U64 * "opaque; echoed", "sent_at" / Ts * "sender's clock"),
    category=CONTROL,
)
_message(
    Opcode.PING, REPLY, "PingReply", "Answered before any other queued frame.",
    _struct(
        "token" / U64 * "as received",
        "sent_at" / Ts * "as received",
        "received_at" / Ts * "replier's clock",
    ),
    category=CONTROL,
)
_message(
    Opcode.HEARTBEAT, EVENT, "Heartbeat",
    "Either side, when nothing else was sent for a keep-alive interval; never answered.",
    _struct(
        "next_event_seq" / U64
        * "sequence the next account event of this connection's session would carry, as far as "
        "the sender knows; 0 = unknown or no session",
    ),
    category=CONTROL,
)
_message(
    Opcode.GOODBYE, EVENT, "Goodbye", "Either side; the last frame before closing, and why.",
    _struct(
        "code" / Err * "why: 0 normal, or a status",
        Zero(2),
        "retry_after_ms" / U32 * "do not reconnect here before this; 0 = at once",
        "last_command_seq" / U64 * "highest command sequence acted on; 0 = unknown",
        "last_event_seq" / U64 * "highest event sequence sent; 0 = unknown",
        "drain_until" / Ts * "open requests are still answered until then; 0 = closing now",
    ),
    _text(Tag.TEXT, "text", limits.TEXT_MAX),
    _group(Tag.WORKERS, "workers", "WorkerRow", 64),
    category=CONTROL,
)

# --- account and session ---------------------------------------------------------------------

_message(
    Opcode.REGISTER, REQUEST, "Register",
    "Opens an account. Session 0, seq 0: the user name is the idempotency key.",
    _struct(
        "username" / Name24 * "3 to 24 of A-Z a-z 0-9 _ . -; compared without case",
        "currency" / Ccy4 * "ISO 4217; empty = server default",
        "privacy" / Flags(c.Int32ub, k.Privacy, strict=True) * "what others may see",
    ),
    _text(Tag.EMAIL, "email", limits.EMAIL_MAX),
    _text(Tag.PASSWORD, "password", limits.PASSWORD_MAX, required=True, least=limits.PASSWORD_MIN),
)
_message(
    Opcode.REGISTER, REPLY, "RegisterReply",
    "OK, USERNAME_TAKEN, INVALID_FIELD, PASSWORD_WEAK or REGISTRATION_CLOSED.",
    _struct(
        "account" / Id * "the new account",
        "created_at" / Ts * "master's clock",
        "starting_cash" / Money * "what the default portfolio begins with",
    ),
)
_message(
    Opcode.LOGIN, REQUEST, "Login", "Opens a session. Session 0, seq 0.",
    _struct(
        "username" / Name24 * "as registered, any case",
        "mechanism" / Choice(k.Mechanism, strict=True) * "PASSWORD; others are reserved",
        "remember" / Bool * "True: a long-lived session; False: it ends a minute after a lost link",
        "scope" / Choice(k.Scope, strict=True) * "what the session may do",
        Zero(1),
        "lifetime_s" / U32 * "wished lifetime, seconds; 0 = server default; never longer than it",
    ),
    _text(Tag.PASSWORD, "password", limits.PASSWORD_MAX, required=True, least=1),
    _text(Tag.DEVICE, "device", 24),
)
_message(
    Opcode.LOGIN, REPLY, "LoginReply",
    "OK, or AUTH_FAILED whatever the cause; the header's session field is the new handle.",
    _struct(
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
_message(
    Opcode.RESUME, REQUEST, "Resume", "Goes on with a session after a lost link. Session 0, seq 0.",
    _struct(
        "token" / Tok32 * "the newest token received",
        "last_event_seq" / U64 * "last account event processed",
        "flags" / Flags(c.Int32ub, k.ResumeFlag, strict=True) * "replay events, take over",
        Zero(4),
    ),
)
_message(
    Opcode.RESUME, REPLY, "ResumeReply",
    "OK, SESSION_EXPIRED, SESSION_REVOKED, SESSION_IN_USE; RESUME_GAP: live, but events are lost.",
    _struct(
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
_message(
    Opcode.LOGOUT, REQUEST, "Logout", "Ends the session; the token is void.",
    _struct("everywhere" / Bool * "True: every session of the account", Zero(1)),
)
_message(Opcode.LOGOUT, REPLY, "LogoutReply", "OK.", _struct("ended" / U32 * "sessions ended"))
_message(
    Opcode.ACCOUNT_GET, REQUEST, "AccountGet", "Who am I, what do I own.",
    _struct("username" / Name24 * "empty = own account"),
)
_message(
    Opcode.ACCOUNT_GET, REPLY, "AccountReply",
    "Own account: all fields. Another's: what its privacy allows, the rest NULL or 0.",
    _struct(
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
    _text(Tag.EMAIL, "email", limits.EMAIL_MAX),
)

# --- orders ----------------------------------------------------------------------------------


def _order_fields() -> tuple[Any, ...]:
    return (
        "order" / Id * "given by the master",
        "client_order_id" / U64 * "chosen by the client",
        "account" / Id * "whose",
        "portfolio" / Id * "in which portfolio",
        "symbol" / Sym16 * "what",
        "side" / Choice(Side, strict=False) * "buy or sell",
        "order_type" / Choice(OrderType, strict=False) * "how it is priced",
        "time_in_force" / Choice(TimeInForce, strict=False) * "how long it stands",
        "flags" / Flags(c.Int8ub, k.OrderFlag, strict=False) * "options",
        "state" / Choice(OrderState, strict=False) * "where it is",
        Zero(1),
        "reason" / Err * "why it ended, 0 = none",
        "quantity" / Qty * "asked",
        "filled" / Qty * "cumulative",
        "limit_price" / Px * "NULL unless a limit",
        "stop_price" / Px * "NULL unless a stop",
        "average_price" / Px * "of what filled; NULL until a fill",
        "collar_price" / Px * "worst price a market order may fill at; NULL for others",
        "reserved_cash" / Money * "held for it",
        "fees" / Money * "cumulative",
        "received_at" / Ts * "the worker's stamp",
        "accepted_at" / Ts * "the master's stamp: total order of the account's commands",
        "updated_at" / Ts * "last change",
        "expire_at" / Ts * "market time at which it expires, 0 = never",
        "version" / U32 * "grows by 1 with every change",
        "fills" / U32 * "number of fills",
        "replaces" / Id * "order this one replaced, 0 = none",
    )


_block("OrderRow", "An order as it stands.", *_order_fields())
_message(
    Opcode.ORDER_NEW, REQUEST, "OrderNew", "Sends an order. Changes state: seq >= 1.",
    _struct(
        "client_order_id" / U64 * "unique for ever within the portfolio, not 0: the business key",
        "portfolio" / Id * "0 = the default portfolio",
        "symbol" / Sym16 * "what",
        "side" / Choice(Side, strict=True) * "buy or sell",
        "order_type" / Choice(OrderType, strict=True) * "how it is priced",
        "time_in_force" / Choice(TimeInForce, strict=True) * "how long it stands",
        "flags" / Flags(c.Int8ub, k.OrderFlag, strict=True) * "options",
        "quantity" / Qty * "> 0",
        "limit_price" / Px * "NULL unless a limit",
        "stop_price" / Px * "NULL unless a stop",
        "expire_at" / Ts * "for GTD, else 0",
    ),
    _text(Tag.TAG, "tag", limits.TAG_TEXT_MAX),
)
_message(
    Opcode.ORDER_NEW, REPLY, "OrderReply",
    "The order as it stands. DUPLICATE_ORDER and ORDER_DONE carry the order they speak of.",
    _struct(*_order_fields()),
    REASON,
    also=(Opcode.ORDER_CANCEL, Opcode.ORDER_GET),
)
_message(
    Opcode.ORDER_CANCEL, REQUEST, "OrderCancel", "Cancels an order. Changes state: seq >= 1.",
    _struct(
        "order" / Id * "0 = use client_order_id",
        "client_order_id" / U64 * "used when order is 0",
        "portfolio" / Id * "0 = the default portfolio",
    ),
)
_message(
    Opcode.ORDER_GET, REQUEST, "OrderGet", "One order.",
    _struct(
        "order" / Id * "0 = use client_order_id",
        "client_order_id" / U64 * "used when order is 0",
        "portfolio" / Id * "0 = the default portfolio",
    ),
)
_message(
    Opcode.ORDER_LIST, REQUEST, "OrderList", "Orders by symbol and state, oldest first.",
    _struct(
        "portfolio" / Id * "0 = the default portfolio",
        "symbol" / Sym16 * "empty = all",
        "states" / U16 * "bit n = state n wanted; 0 = open ones",
        "limit" / U16 * "rows at most; 0 = 500",
        "after" / Id * "page: orders with id greater",
    ),
)


def _part_head() -> tuple[Any, ...]:
    return (
        "part" / U32 * "1, 2, 3 ...",
        "parts" / U32 * "total, known from the first part on",
        "rows" / U32 * "rows in this part",
        "total_rows" / U32 * "rows in the transfer",
    )


def _list_head() -> tuple[Any, ...]:
    return (
        *_part_head(),
        "as_of" / Ts * "master's clock",
        "event_seq" / U64 * "account stream position of the snapshot; 0 = not account data",
        "next_after" / Id * "give as `after` for the next page; 0 = no more",
    )


_message(
    Opcode.ORDER_LIST, REPLY, "OrderListPart", "One part of the list.",
    _struct(*_list_head()),
    _group(Tag.ORDERS, "orders", "OrderRow", PART_ROWS),
    category=DATA,
)

# --- market data -----------------------------------------------------------------------------


def _asset_fields() -> tuple[Any, ...]:
    return (
        "symbol" / Sym16 * "its name here",
        "kind" / Choice(AssetKind, strict=False) * "what it is",
        "status" / Choice(AssetStatus, strict=False) * "whether it may be traded",
        "flags" / Flags(c.Int16ub, AssetFlag, strict=False) * "properties",
        "currency" / Ccy4 * "ISO 4217",
        "tick" / Px * "smallest price step",
        "lot" / Qty * "smallest quantity step",
        "quantity_min" / Qty * "smallest order",
        "quantity_max" / Qty * "largest order",
        "first_bar" / Ts * "market time of the first bar, 0 = unknown",
        "last_bar" / Ts * "market time of the newest bar, 0 = unknown",
    )


_block("AssetRow", "An asset.", *_asset_fields())
_block("SymbolRow", "A symbol.", "symbol" / Sym16 * "its name")
_message(
    Opcode.ASSET_GET, REQUEST, "AssetGet", "One asset.", _struct("symbol" / Sym16 * "its name")
)
_message(
    Opcode.ASSET_GET, REPLY, "AssetReply", "The asset, or NO_SUCH_SYMBOL.",
    _struct(*_asset_fields()),
    _text(Tag.NAME, "name", limits.NAME_MAX),
    _text(Tag.EXCHANGE, "exchange", limits.EXCHANGE_MAX),
    _text(Tag.SOURCE, "source", limits.EXCHANGE_MAX),
)
_message(
    Opcode.ASSET_LIST, REQUEST, "AssetList", "Assets in order of symbol.",
    _struct(
        "kinds" / U16 * "bit n = kind n; 0 = all",
        "limit" / U16 * "rows at most; 0 = 500",
        Zero(4),
    ),
    _text(Tag.PREFIX, "prefix", limits.PREFIX_MAX),
)
_message(
    Opcode.ASSET_LIST, REPLY, "AssetListPart", "One part of the list.",
    _struct(*_list_head()),
    _group(Tag.ASSETS, "assets", "AssetRow", PART_ROWS),
    category=DATA,
)
_message(
    Opcode.QUOTE_GET, REQUEST, "QuoteGet", "Newest quotes of 1 to 64 symbols.",
    _struct(
        "max_age_ms" / U32 * "a cached quote not older than this will do; 0 = any age",
        Zero(4),
    ),
    _group(Tag.SYMBOLS, "symbols", "SymbolRow", limits.QUOTE_SYMBOLS_MAX, required=True),
)


def _quote_fields() -> tuple[Any, ...]:
    return (
        "symbol" / Sym16 * "what",
        "bid" / Px * "NULL if unknown",
        "ask" / Px * "NULL if unknown",
        "last" / Px * "NULL if unknown",
        "bid_size" / Qty * "0 if unknown",
        "ask_size" / Qty * "0 if unknown",
        "last_size" / Qty * "0 if unknown",
        "day_open" / Px * "of the session so far",
        "day_high" / Px * "of the session so far",
        "day_low" / Px * "of the session so far",
        "prev_close" / Px * "of the session before, unadjusted",
        "day_volume" / Qty * "of the session so far",
        "source_time" / Ts * "market time: the source's stamp",
        "observed_at" / Ts * "when the master received it: what the no-look-ahead rule compares",
        "quote_seq" / U64 * "grows by 1 per quote of the symbol; a jump is conflation",
        "flags" / Flags(c.Int16ub, QuoteFlag, strict=False) * "warnings",
        Zero(6),
    )


_block("QuoteRow", "The newest prices of a symbol.", *_quote_fields())
_message(
    Opcode.QUOTE_GET, REPLY, "QuoteReply",
    "One row for each symbol that has a quote, in the order asked; NO_SUCH_SYMBOL if one is unknown.",
    _struct("as_of" / Ts * "the answerer's clock", "rows" / U32 * "rows in the group", Zero(4)),
    _group(Tag.QUOTES, "quotes", "QuoteRow", limits.QUOTE_SYMBOLS_MAX),
    REASON,
    category=DATA,
)
_message(
    Opcode.EV_QUOTE, EVENT, "QuoteEvent", "A new quote of a subscribed symbol; seq 0.",
    _struct(*_quote_fields()),
    category=DATA,
)
_message(
    Opcode.BARS_GET, REQUEST, "BarsGet", "A series of bars, in parts.",
    _struct(
        "symbol" / Sym16 * "what",
        "interval_s" / U32 * "60, 300, 900, 3600, 86400, 604800; 2592000 = calendar month",
        "adjustment" / Choice(k.Adjustment, strict=True) * "raw or adjusted prices",
        "newest_first" / Bool * "order of the rows",
        Zero(2),
        "from_time" / Ts * "inclusive; 0 = from the first bar",
        "to_time" / Ts * "exclusive; 0 = to now",
        "limit" / U32 * "rows at most, the newest of the range; 0 = server limit",
        Zero(4),
    ),
)
_block(
    "BarRow", "A bar.",
    "time" / Ts * "start of the bar, market time",
    "open" / Px * "first price",
    "high" / Px * "highest price",
    "low" / Px * "lowest price",
    "close" / Px * "last price",
    "volume" / Qty * "traded",
)
_message(
    Opcode.BARS_GET, REPLY, "BarsPart", "One part of the series.",
    _struct(
        *_part_head(),
        "symbol" / Sym16 * "what",
        "interval_s" / U32 * "as asked",
        "adjustment" / Choice(k.Adjustment, strict=False) * "as asked",
        "complete" / Bool * "False: the source had less than the range asked",
        Zero(2),
        "as_of" / Ts * "market time up to which the newest bar is known",
    ),
    _group(Tag.BARS, "bars", "BarRow", PART_ROWS),
    category=DATA,
)

# --- portfolio and history -------------------------------------------------------------------

_message(
    Opcode.PORTFOLIO_GET, REQUEST, "PortfolioGet", "Cash, totals and positions.",
    _struct("portfolio" / Id * "0 = the default portfolio"),
)
_message(
    Opcode.PORTFOLIO_GET, REPLY, "PortfolioPart", "One part; the totals stand in each.",
    _struct(
        *_part_head(),
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "currency" / Ccy4 * "of the money below",
        Zero(4),
        "cash" / Money * "settled cash",
        "reserved_cash" / Money * "held for open buy orders",
        "equity" / Money * "cash and positions, longs at bid",
        "market_value" / Money * "of the positions, longs at bid",
        "unrealized_pnl" / Money * "at those prices",
        "realized_pnl" / Money * "price, dividends and fees since the beginning",
        "as_of" / Ts * "master's clock",
        "market_time" / Ts * "market clock",
        "event_seq" / U64 * "the snapshot holds every account event up to this one",
    ),
    _group(Tag.POSITIONS, "positions", "PositionRow", PART_ROWS),
    category=DATA,
)
_block(
    "PositionRow", "A position.",
    "symbol" / Sym16 * "what",
    "quantity" / Qty * "negative = short",
    "reserved" / Qty * "held for open sell orders",
    "average_cost" / Px * "of what is held",
    "cost_basis" / Money * "of what is held",
    "mark" / Px * "liquidation price: bid for a long; NULL if unknown",
    "last" / Px * "last price; NULL if unknown",
    "market_value" / Money * "at the mark; NULL if unknown",
    "unrealized_pnl" / Money * "at the mark; NULL if unknown",
    "realized_pnl" / Money * "in this symbol since the beginning",
    "opened_at" / Ts * "first fill of what is held",
    "updated_at" / Ts * "last change",
)
_message(
    Opcode.TRANSACTIONS_GET, REQUEST, "TransactionsGet", "Ledger history, oldest first.",
    _struct(
        "portfolio" / Id * "0 = the default portfolio",
        "from_time" / Ts * "inclusive; 0 = from the beginning",
        "to_time" / Ts * "exclusive; 0 = to now",
        "after" / Id * "page: transactions with id greater",
        "kinds" / U16 * "bit n = kind n; 0 = all",
        "limit" / U16 * "rows at most; 0 = 500",
        Zero(4),
    ),
)


def _transaction_fields() -> tuple[Any, ...]:
    return (
        "transaction" / Id * "strictly increasing within the account",
        "portfolio" / Id * "which",
        "kind" / Choice(k.TxKind, strict=False) * "what for",
        Zero(3),
        "currency" / Ccy4 * "of the money below",
        "symbol" / Sym16 * "empty for cash only",
        "quantity" / Qty * "of the fill",
        "price" / Px * "of the fill; NULL if none",
        "amount" / Money * "signed change of cash",
        "fees" / Money * "part of amount",
        "cash_after" / Money * "cash after it",
        "realized" / Money * "realised profit and loss of it",
        "order" / Id * "0 = none",
        "fill" / U32 * "number of the fill within the order, 0 = none",
        Zero(4),
        "received_at" / Ts * "worker's stamp of the command that caused it",
        "executed_at" / Ts * "master's clock",
        "quote_seq" / U64 * "the quote that priced it, 0 = none",
    )


_block("TransactionRow", "One ledger transaction.", *_transaction_fields())
_message(
    Opcode.TRANSACTIONS_GET, REPLY, "TransactionsPart", "One part of the history.",
    _struct(*_list_head()),
    _group(Tag.TRANSACTIONS, "transactions", "TransactionRow", PART_ROWS),
    category=DATA,
)

# --- subscriptions and events ----------------------------------------------------------------

_message(
    Opcode.SUBSCRIBE, REQUEST, "Subscribe",
    "Asks for events; the reply's correlation names the subscription in every event. "
    "ACCOUNT stands alone: it is served by the master, public topics by the worker.",
    _struct(
        "topics" / Flags(c.Int32ub, k.Topic, strict=True) * "QUOTES, or ACCOUNT",
        "min_interval_ms" / U32 * "at most one quote per symbol and interval; 0 = every update",
        "from_event_seq" / U64 * "ACCOUNT: replay from here; 0 = only new ones",
        "snapshot" / Bool * "QUOTES: send the newest quote first",
        Zero(3),
    ),
    _group(Tag.SYMBOLS, "symbols", "SymbolRow", limits.SYMBOLS_MAX),
)
_message(
    Opcode.SUBSCRIBE, REPLY, "SubscribeReply",
    "OK, TOO_MANY_SYMBOLS, NO_SUCH_SYMBOL; RESUME_GAP: subscribed, but events are lost.",
    _struct(
        "next_event_seq" / U64 * "ACCOUNT: sequence the next event will carry; else 0",
        "oldest_event_seq" / U64 * "ACCOUNT: oldest event still kept; else 0",
    ),
    REASON,
)
_message(
    Opcode.UNSUBSCRIBE, REQUEST, "Unsubscribe", "Ends a subscription, or some symbols of it.",
    _struct("subscription" / U32 * "correlation of the SUBSCRIBE", Zero(4)),
    _group(Tag.SYMBOLS, "symbols", "SymbolRow", limits.SYMBOLS_MAX),
)
_message(
    Opcode.UNSUBSCRIBE, REPLY, "UnsubscribeReply", "OK.",
    _struct("symbols_left" / U32 * "of the subscription"),
)
_block(
    "ReceiptRow", "Why a fill was what it was; recomputable to the last unit.",
    "quote_seq" / U64 * "the quote used",
    "bid" / Px * "of that quote",
    "ask" / Px * "of that quote",
    "last" / Px * "of that quote",
    "bid_size" / Qty * "of that quote",
    "ask_size" / Qty * "of that quote",
    "observed_at" / Ts * "when the master received it",
    "source_time" / Ts * "market time",
    "age" / U64 * "market nanoseconds between the quote and its use",
    "spread_cost" / Money * "against the middle of bid and ask",
    "slippage" / Money * "against the price shown",
    "limiting" / Choice(LimitingRule, strict=False) * "the rule that stopped the rest",
    Zero(7),
)
_message(
    Opcode.EV_ORDER, EVENT, "OrderEvent",
    "An order changed; sequenced (account stream). The order after the change is the one row.",
    _struct(
        "kind" / Choice(OrderEventKind, strict=False) * "what happened",
        Zero(3),
        "fill" / U32 * "number of this fill within the order, 0 = none",
        "fill_quantity" / Qty * "of this fill",
        "fill_price" / Px * "of this fill; NULL if none",
        "fill_fees" / Money * "of this fill",
        "transaction" / Id * "ledger transaction written, 0 = none",
        "order" / Id * "which order",
    ),
    _group(Tag.ORDERS, "orders", "OrderRow", 1, required=True),
    _group(Tag.RECEIPT, "receipt", "ReceiptRow", 1),
    category=DATA,
)
_message(
    Opcode.EV_TX, EVENT, "TransactionEvent",
    "A ledger transaction; sequenced (account stream). The position after it, if any, is the row.",
    _struct(*_transaction_fields()),
    _group(Tag.POSITIONS, "positions", "HoldingRow", 1),
    category=DATA,
)
_block(
    "HoldingRow", "A position by itself, without market prices.",
    "symbol" / Sym16 * "what",
    "quantity" / Qty * "negative = short; 0 = closed",
    "cost_basis" / Money * "of what is held",
    "realized" / Money * "in this symbol since the beginning",
    "opened_at" / Ts * "first fill of what is held",
    "updated_at" / Ts * "last change",
)
_message(
    Opcode.EV_SESSION, EVENT, "SessionEvent",
    "A notice about the session; seq 0. SESSION_DETACHED: send RESUME, then repeat what is open.",
    _struct(
        "session_id" / Id * "which; 0 = the one of this connection",
        "code" / Err * "SESSION_DETACHED, SESSION_EXPIRED, SESSION_REVOKED, SESSION_TAKEN_OVER",
        Zero(2),
        "grace_ms" / U32 * "until it takes effect",
        "expires_at" / Ts * "0 = unknown",
    ),
    category=DATA,
)

# --- directory -------------------------------------------------------------------------------

_message(
    Opcode.WORKER_LIST, REQUEST, "WorkerList", "Workers a client may use.",
    _struct("region" / U32 * "0 = any"),
)
_block(
    "WorkerRow", "A worker.",
    "address" / Ip16 * "IPv6 or IPv4-mapped",
    "port" / U16 * "for clients",
    "load" / U8 * "0 to 100",
    "flags" / Flags(c.Int8ub, k.WorkerFlag, strict=False) * "accepting, draining",
    "region" / U32 * "as set by the operator",
    "sessions" / U32 * "attached",
    "rtt_us" / U32 * "as seen by the master",
    "host" / Host64 * "name to verify in the certificate",
)
_message(
    Opcode.WORKER_LIST, REPLY, "WorkerListReply", "The workers that are up.",
    _struct("as_of" / Ts * "master's clock", "rows" / U32 * "rows in the group", Zero(4)),
    _group(Tag.WORKERS, "workers", "WorkerRow", 256),
    category=DATA,
)

# --- worker link -----------------------------------------------------------------------------

_message(
    Opcode.WORKER_AUTH, REQUEST, "WorkerAuth",
    "Worker to master after HELLO; mutual TLS has already named the peer.",
    _struct(
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
    ),
    category=CONTROL,
)
_message(
    Opcode.WORKER_AUTH, REPLY, "WorkerAuthReply", "OK, WORKER_UNKNOWN, WORKER_BOOTED, CLOCK_SKEW.",
    _struct(
        "last_worker_seq" / U64 * "highest RELAY_UP taken from this worker id and boot",
        "master_boot" / U64 * "new = every cached thing of the old master is void",
        "clock" / Ts * "master's clock",
        "max_skew_ms" / U32 * "tolerance for stamps",
        "relay_window" / U32 * "RELAY_UP frames that may be unacknowledged",
        "stats_every_s" / U32 * "how often WORKER_STATS is wanted",
        "update_interval_ms" / U32 * "the stock data update interval now in force",
    ),
    category=CONTROL,
)
_message(
    Opcode.CLIENT_OPEN, EVENT, "ClientOpen", "Worker to master, once per client connection.",
    _struct(
        "connection" / U64 * "worker-local number, never reused within a boot",
        "opened_at" / Ts * "worker's clock",
        "address" / Ip16 * "the client's",
        "port" / U16 * "the client's",
        "family" / Choice(k.Family, strict=True) * "of the address",
        "tls" / Choice(k.TlsVersion, strict=True) * "of the client's connection",
        Zero(4),
    ),
    _text(Tag.SOFTWARE, "software", limits.SOFTWARE_MAX),
    category=CONTROL,
)
_message(
    Opcode.CLIENT_CLOSE, EVENT, "ClientClose",
    "Worker reports a closed client; master orders one closed.",
    _struct(
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
_message(
    Opcode.RELAY_UP, EVENT, "RelayUp",
    "Worker to master: one client frame, octet for octet, in section INNER.",
    _struct(
        "received_at" / Ts * "worker's clock when the frame's last octet arrived: its timestamp",
        "worker_seq" / U64 * "strictly increasing within a boot; order of time",
        "connection" / U64 * "which client connection",
        "address" / Ip16 * "the client's, in each envelope: no guessing, no state",
        "port" / U16 * "the client's",
        "family" / Choice(k.Family, strict=True) * "of the address",
        "flags" / Flags(c.Int8ub, k.RelayUpFlag, strict=True) * "resent, client certificate",
        Zero(4),
    ),
    Section(Tag.INNER, "inner", "octets", limits.CLIENT_FRAME_MAX, True, size_min=32),
    category=CONTROL,
)
_message(
    Opcode.RELAY_DOWN, EVENT, "RelayDown",
    "Master to worker: one frame for one client, written as it is.",
    _struct(
        "connection" / U64 * "which client connection",
        "ack_worker_seq" / U64 * "cumulative acknowledgement of RELAY_UP",
        "accepted_at" / Ts * "master's stamp; 0 for events",
        "flags" / Flags(c.Int8ub, k.RelayDownFlag, strict=True) * "cacheable, close, ...",
        Zero(1),
        "cache_s" / U16 * "how long the answer may be given again, seconds",
        Zero(4),
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
    category=CONTROL,
)
_message(
    Opcode.RELAY_ACK, EVENT, "RelayAck", "Master to worker when no RELAY_DOWN carried it.",
    _struct("ack_worker_seq" / U64 * "cumulative acknowledgement"),
    category=CONTROL,
)
_message(
    Opcode.TOPIC_PUBLISH, EVENT, "TopicPublish",
    "Master to worker: events for many clients, sent once per worker, one EV frame after another "
    "in INNER with session and correlation 0; the worker fills in octets 16 to 23.",
    _struct("kind" / Choice(k.TopicKind, strict=True) * "what", Zero(3), "frames" / U32 * "in INNER"),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
    category=CONTROL,
)
_message(
    Opcode.TOPIC_INTEREST, EVENT, "TopicInterest",
    "Worker to master: first or last subscriber of a topic on this worker.",
    _struct(
        "kind" / Choice(k.TopicKind, strict=True) * "what",
        "add" / Bool * "True: first subscriber came; False: last one left",
        Zero(2),
        "interval_s" / U32 * "bars only, else 0",
        "symbol" / Sym16 * "which",
    ),
    category=CONTROL,
)
_message(
    Opcode.WORKER_STATS, EVENT, "WorkerStats", "Worker to master every stats_every_s.",
    _struct(
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
    category=CONTROL,
)

# --- records of the journal ------------------------------------------------------------------

_message(
    Opcode.STORE_COMMAND, EVENT, "StoreCommand",
    "Input: a client's command with what the master added. INNER is its RELAY_UP envelope.",
    _struct(
        "seq" / U64 * "input sequence",
        "accepted_at" / Ts * "master's stamp",
        "market_at" / Ts * "market clock",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "session_id" / Id * "of which session",
        "expire_at" / Ts * "end of the order by the calendar, 0 = none",
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
)
_message(
    Opcode.STORE_QUOTE, EVENT, "StoreQuote", "Input: a quote that some order used.",
    _struct("seq" / U64 * "input sequence", *_quote_fields()),
)
_message(
    Opcode.STORE_TIME, EVENT, "StoreTime", "Input: market time went on and something fell due.",
    _struct(
        "seq" / U64 * "input sequence",
        "accepted_at" / Ts * "master's clock",
        "market_at" / Ts * "market clock",
    ),
)
_message(
    Opcode.STORE_ACTION, EVENT, "StoreAction", "Input: a corporate action.",
    _struct(
        "seq" / U64 * "input sequence",
        "accepted_at" / Ts * "master's clock",
        "symbol" / Sym16 * "whose shares",
        "kind" / Choice(ActionKind, strict=True) * "what",
        Zero(3),
        "numerator" / U32 * "a split turns denominator shares ...",
        "denominator" / U32 * "... into numerator",
        Zero(4),
        "at" / Ts * "market time of the first price after it",
        "amount" / Money * "a dividend's amount per share",
    ),
)
_message(
    Opcode.STORE_PORTFOLIO, EVENT, "StorePortfolio", "Input and outcome: a portfolio was opened.",
    _struct(
        "seq" / U64 * "input sequence",
        "accepted_at" / Ts * "master's clock",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "currency" / Ccy4 * "base currency",
        Zero(4),
        "deposit" / Money * "starting cash",
    ),
)
_block(
    "EntryRow", "One side of a ledger transaction; the amounts of each asset add up to zero.",
    "kind" / Choice(LedgerKind, strict=True) * "which ledger account",
    Zero(3),
    "asset" / Sym16 * "currency or symbol",
    "portfolio" / Id * "whose, 0 = the house",
    "amount" / Money * "signed",
)
_block(
    "LotRow", "Shares bought together.",
    "quantity" / Qty * "left of the lot",
    "price" / Px * "paid",
    "opened_at" / Ts * "when",
    "transaction" / Id * "by which transaction",
)
_message(
    Opcode.STORE_ORDER, EVENT, "StoreOrder", "Outcome: an order changed. INNER is the EV_ORDER.",
    _struct(
        "seq" / U64 * "input that caused it",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "at" / Ts * "master's clock",
        "reserved_quantity" / Qty * "shares held for the order",
        "sequence" / U64 * "input that created the order",
        "notional_high" / c.Int64ub * "sum of price times quantity of the fills, upper 64 bits",
        "notional_low" / c.Int64ub * "and lower 64 bits",
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
)
_message(
    Opcode.STORE_TX, EVENT, "StoreTransaction", "Outcome: a transaction. INNER is the EV_TX.",
    _struct(
        "seq" / U64 * "input that caused it",
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "at" / Ts * "master's clock",
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
    _group(Tag.ENTRIES, "entries", "EntryRow", 64, required=True),
    _group(Tag.LOTS, "lots", "LotRow", 65_536),
)
_message(
    Opcode.STORE_REPLY, EVENT, "StoreReply", "Outcome: the stored reply of a command. INNER is it.",
    _struct(
        "seq" / U64 * "input that caused it",
        "session_id" / Id * "whose",
        "command_seq" / U64 * "the command's seq",
        "request_hash" / Hash32 * "SHA-256 of the request's opcode and body",
        "at" / Ts * "master's clock",
    ),
    Section(Tag.INNER, "inner", "octets", limits.FRAME_MAX, True, size_min=32),
)
_message(
    Opcode.STORE_APPLIED, EVENT, "StoreApplied", "Outcome: a corporate action was applied.",
    _struct(
        "seq" / U64 * "input that caused it",
        "symbol" / Sym16 * "whose shares",
        "kind" / Choice(ActionKind, strict=True) * "what",
        Zero(7),
        "action_at" / Ts * "which action",
        "at" / Ts * "master's clock",
    ),
)

HEADER_FIELDS: Final = (
    ("magic", 2, "u16", '"PT"; anything else is BAD_MAGIC and closes the connection'),
    ("version", 1, "u8", "major protocol version: 1. A frame is readable without its connection"),
    ("category", 1, "e:Category", "COMMAND, DATA or CONTROL; must be the message's own"),
    ("length", 4, "u32", "octets after this header; checked before anything is stored"),
    ("opcode", 2, "op", "which message; a reply carries the opcode of its request"),
    ("flags", 2, "f:16", "see the table of flags"),
    ("block_len", 2, "u16", "length of the root block that follows, at most length"),
    ("status", 2, "err", "0 on requests and events; the result on replies"),
    ("session", 4, "u32", "session handle, 0 = none"),
    ("correlation", 4, "u32", "request number chosen by the requester; 0 = unsolicited"),
    ("seq", 8, "u64", "command or event sequence; otherwise 0"),
)

HEADER_STRUCT: Final = c.Struct(
    "magic" / c.Bytes(2),
    "version" / c.Int8ub,
    "category" / c.Int8ub,
    "length" / c.Int32ub,
    "opcode" / c.Int16ub,
    "flags" / c.Int16ub,
    "block_len" / c.Int16ub,
    "status" / c.Int16ub,
    "session" / c.Int32ub,
    "correlation" / c.Int32ub,
    "seq" / c.Int64ub,
)
