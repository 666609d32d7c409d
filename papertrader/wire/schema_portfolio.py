"""Declarations: portfolios, their history, subscriptions, events and the directory."""

from __future__ import annotations

from typing import Any, Final

import construct as c

from papertrader.core.fills import LimitingRule
from papertrader.core.money import NULL
from papertrader.core.orders import OrderEventKind
from papertrader.core.terms import ASSETS_MAX, AccountKind, FeeModelKind, FillModelKind, TermsFlag
from papertrader.wire import kinds as k
from papertrader.wire import limits
from papertrader.wire.declarations import (
    DATA,
    EVENT,
    PART_ROWS,
    REASON,
    REPLY,
    REQUEST,
    Declarations,
    group_section,
    list_head,
    part_head,
    text_section,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import (
    U8,
    U16,
    U32,
    U64,
    Alias,
    Bool,
    Ccy4,
    Choice,
    Err,
    Flags,
    Host64,
    Id,
    Ip16,
    Money,
    Name24,
    Px,
    Qty,
    Sym16,
    Ts,
    Zero,
)

DECLARED: Final = Declarations()
StartingCash: Final = Alias(c.Int64sb, "money", NULL)
"""Money that the server chooses when it is NULL."""
message, block = DECLARED.message, DECLARED.block

# --- portfolio and history

message(
    Opcode.PORTFOLIO_GET,
    REQUEST,
    "PortfolioGet",
    "Cash, totals and positions; of another user's as far as their privacy allows.",
    c.Struct("portfolio" / Id * "0 = the default portfolio"),
    text_section(Tag.USERNAME, "username", limits.USERNAME_MAX),
)
message(
    Opcode.PORTFOLIO_GET,
    REPLY,
    "PortfolioPart",
    "One part; the totals stand in each.",
    c.Struct(
        *part_head(),
        "account" / Id * "whose",
        "portfolio" / Id * "which",
        "currency" / Ccy4 * "of the money below",
        Zero(4),
        "cash" / Money * "settled cash",
        "reserved_cash" / Money * "held for open buy orders",
        "equity" / Money * "cash and positions, longs at bid",
        "market_value" / Money * "of the positions, longs at bid",
        "unrealized_pnl" / Money * "at those prices",
        "realized_pnl" / Money * "price, dividends and fees in this season",
        "as_of" / Ts * "master's clock",
        "market_time" / Ts * "market clock",
        "event_seq" / U64 * "the snapshot holds every account event up to this one",
    ),
    group_section(Tag.POSITIONS, "positions", "PositionRow", PART_ROWS),
    group_section(Tag.EARNINGS, "earnings", "EarningsRow", 1),
    group_section(Tag.MARGIN, "margin", "MarginRow", 1),
    group_section(Tag.PLAN, "plan", "PlanRow", PART_ROWS),
    category=DATA,
)
block(
    "EarningsRow",
    "What the realized profit of the season is made of, and which cash has settled; in the first "
    "part, where any of it but price is not 0.",
    "price" / Money * "profit of prices",
    "fees" / Money * "charged, less rebates: they count against the profit",
    "dividends" / Money * "received, less paid",
    "borrow" / Money * "for borrowed shares; negative = paid",
    "interest" / Money * "on money; negative = paid",
    "settled_cash" / Money * "cash that may be spent and taken out, reservations included",
    "unsettled_cash" / Money * "cash that is to settle",
    "settles_at" / Ts * "market time at which more of it settles, 0 = all has",
)
block(
    "MarginRow",
    "How a portfolio that may borrow stands, at liquidation prices; in the first part.",
    "equity" / Money * "cash and positions",
    "long_value" / Money * "of the long positions",
    "short_value" / Money * "of the short positions, not positive",
    "initial" / Money * "margin that the positions ask for",
    "maintenance" / Money * "least equity",
    "available" / Money * "margin that new orders may reserve",
    "buying_power" / Money * "what they may buy for",
    "called_at" / Ts * "market time of the margin call that stands, 0 = none",
    "due_at" / Ts * "market time at which it is carried out",
    "shortfall" / Money * "what is missing now",
)
block(
    "PlanRow",
    "One step of what a margin call would close now, in this order.",
    "symbol" / Sym16 * "what",
    "quantity" / Qty * "negative = sell, positive = buy back",
    "mark" / Px * "at about this price",
)
block(
    "PositionRow",
    "A position.",
    "symbol" / Sym16 * "what",
    "quantity" / Qty * "negative = short",
    "reserved" / Qty * "held for open sell orders",
    "average_cost" / Px * "of what is held",
    "cost_basis" / Money * "of what is held",
    "mark" / Px * "liquidation price: bid for a long; NULL if unknown",
    "last" / Px * "last price; NULL if unknown",
    "market_value" / Money * "at the mark; NULL if unknown",
    "unrealized_pnl" / Money * "at the mark; NULL if unknown",
    "realized_pnl" / Money * "in this symbol in this season",
    "opened_at" / Ts * "first fill of what is held",
    "updated_at" / Ts * "last change",
    "fifo_cost_basis" / Money * "of what is held, first in first out",
    "fifo_realized" / Money * "profit of prices in this symbol, first in first out",
)
message(
    Opcode.TRANSACTIONS_GET,
    REQUEST,
    "TransactionsGet",
    "Ledger history, oldest first unless DIRECTION says otherwise; another user's likewise.",
    c.Struct(
        "portfolio" / Id * "0 = the default portfolio",
        "from_time" / Ts * "of executed_at, inclusive; 0 = from the beginning",
        "to_time" / Ts * "of executed_at, exclusive; 0 = to now",
        "after"
        / Id
        * "page: transactions with id greater; NEWEST_FIRST: less, 0 = from the newest",
        "kinds" / U16 * "bit n = kind n; 0 = all",
        "limit" / U16 * "rows at most; 0 = 500",
        Zero(4),
    ),
    group_section(Tag.DIRECTION, "direction", "DirectionRow", 1),
    text_section(Tag.USERNAME, "username", limits.USERNAME_MAX),
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


block("TransactionRow", "One ledger transaction.", *_transaction_fields())
block(
    "TransactionDetailRow",
    "What else there is to say of a transaction; left out where the market's time is the master's, "
    "nothing was charged, and the cash is there at once.",
    "transaction" / Id * "which",
    "market_at" / Ts * "market clock at it",
    "settles_at" / Ts * "market time at which its cash settles, 0 = at once",
    "commission" / Money * "part of the fees; negative = rebate",
    "sec_fee" / Money * "part of the fees: Section 31",
    "taf_fee" / Money * "part of the fees: FINRA trading activity fee",
    "rate" / Px * "one unit of the asset's currency in that of the money; NULL if the same",
    "asset_currency" / Ccy4 * "of the price; empty if that of the money",
    Zero(4),
)
message(
    Opcode.TRANSACTIONS_GET,
    REPLY,
    "TransactionsPart",
    "One part of the history; NOTES are the reasons of corrections.",
    c.Struct(*list_head()),
    group_section(Tag.TRANSACTIONS, "transactions", "TransactionRow", PART_ROWS),
    group_section(Tag.DETAILS, "details", "TransactionDetailRow", PART_ROWS),
    group_section(Tag.NOTES, "notes", "NoteRow", PART_ROWS),
    category=DATA,
)

message(
    Opcode.EQUITY_GET,
    REQUEST,
    "EquityGet",
    "What a portfolio was worth over market time, by its ledger; another user's likewise.",
    c.Struct(
        "portfolio" / Id * "0 = the default portfolio",
        "from_time" / Ts * "market time, inclusive; 0 = from the beginning",
        "to_time" / Ts * "market time, exclusive; 0 = to now",
        "interval_s"
        / U32
        * "60, 300, 900, 3600; 86400 = sessions, 604800 = weeks, 2592000 = months",
        Zero(4),
    ),
    text_section(Tag.USERNAME, "username", limits.USERNAME_MAX),
)
block(
    "EquityRow",
    "A point of an equity curve.",
    "time" / Ts * "market time: the end of the session or interval, or now",
    "equity" / Money * "cash, and positions at the last price then",
    "cash" / Money * "of it",
    "flow" / Money * "paid in, less what was taken out, since the row before",
)
message(
    Opcode.EQUITY_GET,
    REPLY,
    "EquityPart",
    "One part of the curve, oldest first.",
    c.Struct(
        *part_head(),
        "portfolio" / Id * "which",
        "currency" / Ccy4 * "of the money",
        "interval_s" / U32 * "as asked",
        "as_of" / Ts * "market clock",
    ),
    group_section(Tag.EQUITY, "equity", "EquityRow", PART_ROWS),
    category=DATA,
)

# --- several portfolios


def _listed_fields() -> tuple[Any, ...]:
    return (
        "portfolio" / Id * "which",
        "name" / Name24 * "given by its owner; empty until then",
        "currency" / Ccy4 * "of the money",
        "season" / U32 * "1, and one more with each reset",
        "season_at" / Ts * "when the season began; 0 = with the portfolio",
        "cash" / Money * "settled cash",
        "reserved_cash" / Money * "held for open buy orders",
        "equity" / Money * "cash and positions, longs at bid",
        "deposited" / Money * "paid in, less what was taken out, in this season",
        "realized_pnl" / Money * "price, dividends and fees in this season",
        "open_orders" / U32 * "number",
        "positions" / U32 * "number",
    )


block("ListedRow", "A portfolio in short.", *_listed_fields())
message(
    Opcode.PORTFOLIO_CREATE,
    REQUEST,
    "PortfolioCreate",
    "Opens a further portfolio. Changes state: seq >= 1.",
    c.Struct(
        "name" / Name24 * "1 to 24 of A-Z a-z 0-9 _ . -, new to the account",
        "cash" / StartingCash * "to begin with, 0 or more; NULL = the server's default",
    ),
)
message(
    Opcode.PORTFOLIO_CREATE,
    REPLY,
    "ListedReply",
    "The portfolio as it stands after the command.",
    c.Struct(*_listed_fields()),
    REASON,
    also=(
        Opcode.PORTFOLIO_UPDATE,
        Opcode.PORTFOLIO_RESET,
        Opcode.PORTFOLIO_CASH,
        Opcode.PORTFOLIO_FORK,
        Opcode.PORTFOLIO_FREEZE,
        Opcode.PORTFOLIO_CORRECT,
    ),
)
message(
    Opcode.PORTFOLIO_LIST,
    REQUEST,
    "PortfolioList",
    "The portfolios of the account, the default one first.",
    c.Struct(Zero(8)),
)
message(
    Opcode.PORTFOLIO_LIST,
    REPLY,
    "PortfolioListPart",
    "One part of the list.",
    c.Struct(*list_head()),
    group_section(Tag.PORTFOLIOS, "portfolios", "ListedRow", PART_ROWS),
    category=DATA,
)
message(
    Opcode.PORTFOLIO_UPDATE,
    REQUEST,
    "PortfolioUpdate",
    "Gives a portfolio another name. Changes state: seq >= 1.",
    c.Struct(
        "portfolio" / Id * "0 = the default portfolio",
        "name" / Name24 * "as in PORTFOLIO_CREATE",
    ),
)
message(
    Opcode.PORTFOLIO_RESET,
    REQUEST,
    "PortfolioReset",
    "Cancels the open orders, closes the positions at the last price and begins a new season. "
    "Changes state: seq >= 1.",
    c.Struct(
        "portfolio" / Id * "0 = the default portfolio",
        "cash" / StartingCash * "to begin with, 0 or more; NULL = the server's default",
    ),
)
message(
    Opcode.PORTFOLIO_CASH,
    REQUEST,
    "PortfolioCash",
    "Pays money in or takes money out. Changes state: seq >= 1.",
    c.Struct(
        "portfolio" / Id * "0 = the default portfolio",
        "amount" / Money * "not 0; negative = taken out",
    ),
)

message(
    Opcode.PORTFOLIO_FORK,
    REQUEST,
    "PortfolioFork",
    "Opens a portfolio as another one is, or was at a moment. Changes state: seq >= 1.",
    c.Struct(
        "portfolio" / Id * "to copy; 0 = the default portfolio",
        "name" / Name24 * "of the new one, as in PORTFOLIO_CREATE",
        "at" / Ts * "market time of the moment; 0 = now",
    ),
)
message(
    Opcode.PORTFOLIO_FREEZE,
    REQUEST,
    "PortfolioFreeze",
    "Lets a portfolio trade no more, or again. Changes state: seq >= 1.",
    c.Struct(
        "portfolio" / Id * "0 = the default portfolio",
        "frozen" / Bool * "whether it is to be",
        Zero(7),
    ),
)
message(
    Opcode.PORTFOLIO_CORRECT,
    REQUEST,
    "PortfolioCorrect",
    "Posts a correction to any portfolio, with a reason; scope ADMIN. Changes state: seq >= 1.",
    c.Struct(
        "portfolio" / Id * "which",
        "amount" / Money * "not 0; negative = taken out",
    ),
    text_section(Tag.TEXT, "reason", limits.TEXT_MAX, required=True),
)

# --- the terms of a portfolio


def terms_fields() -> tuple[Any, ...]:
    """Return the fields of a portfolio's terms."""
    return (
        "account_kind" / Choice(AccountKind, strict=True) * "cash or margin",
        "fill_model" / Choice(FillModelKind, strict=True) * "what a quote gives an order",
        "fee_model" / Choice(FeeModelKind, strict=True) * "what a fill costs besides its price",
        "flags" / Flags(c.Int8ub, TermsFlag, strict=True) * "options",
        "slippage" / U32 * "basis points, for the conservative fill model",
        "participation" / U32 * "basis points of the interval's volume, for the volume models",
        "impact" / U32 * "basis points: the factor of the price impact, for volume-share",
        "leverage" / U32 * "basis points of equity that positions may reach; 0 = by the rules",
        "position_cap" / U32 * "basis points of equity in one asset; 0 = no cap",
        "hold_seconds" / U32 * "least time a position is held; 0 = none",
        Zero(4),
        "seed" / U64 * "for fill models that use chance",
        "fee_rate" / Money * "per share, or the part of the notional",
        "fee_maker" / Money * "likewise, for orders that rested; negative = rebate",
        "fee_minimum" / Money * "least fee of an order with a fill",
        "fee_maximum" / U32 * "basis points of the notional; 0 = no bound",
        Zero(4),
        "price_minimum" / Px * "assets below it may not be opened; 0 = any",
    )


message(
    Opcode.PORTFOLIO_TERMS,
    REQUEST,
    "PortfolioTermsSet",
    "Chooses the terms by which a portfolio without positions and open orders trades. Changes "
    "state: seq >= 1.",
    c.Struct("portfolio" / Id * "0 = the default portfolio", *terms_fields()),
    group_section(Tag.SYMBOLS, "symbols", "SymbolRow", ASSETS_MAX),
)
message(
    Opcode.PORTFOLIO_TERMS,
    REPLY,
    "PortfolioTermsReply",
    "The terms by which the portfolio trades; SYMBOLS are the only assets it may open.",
    c.Struct("portfolio" / Id * "which", *terms_fields()),
    REASON,
    group_section(Tag.SYMBOLS, "symbols", "SymbolRow", ASSETS_MAX),
    also=(Opcode.PORTFOLIO_TERMS_GET,),
)
message(
    Opcode.PORTFOLIO_TERMS_GET,
    REQUEST,
    "PortfolioTermsGet",
    "Asks for the terms of a portfolio.",
    c.Struct("portfolio" / Id * "0 = the default portfolio"),
)

# --- subscriptions and events

message(
    Opcode.SUBSCRIBE,
    REQUEST,
    "Subscribe",
    "Asks for events of one topic; the reply's correlation names the subscription in every "
    "event. ACCOUNT is served by the master, public topics by the worker.",
    c.Struct(
        "topics" / Flags(c.Int32ub, k.Topic, strict=True) * "exactly one",
        "min_interval_ms"
        / U32
        * "QUOTES, BARS: at most one per symbol and interval; 0 = every update",
        "from_event_seq" / U64 * "ACCOUNT: replay from here; 0 = only new ones",
        "snapshot" / Bool * "not ACCOUNT: send what is known first",
        Zero(3),
        "bar_interval_s" / U32 * "BARS: length of the bars, as in BARS_GET; else 0",
    ),
    group_section(Tag.SYMBOLS, "symbols", "SymbolRow", limits.SYMBOLS_MAX),
)
message(
    Opcode.SUBSCRIBE,
    REPLY,
    "SubscribeReply",
    "OK, TOO_MANY_SYMBOLS, INTERVAL_UNSUPPORTED; RESUME_GAP: subscribed, but events are lost.",
    c.Struct(
        "next_event_seq" / U64 * "ACCOUNT: sequence the next event will carry; else 0",
        "oldest_event_seq" / U64 * "ACCOUNT: oldest event still kept; else 0",
    ),
    REASON,
)
message(
    Opcode.UNSUBSCRIBE,
    REQUEST,
    "Unsubscribe",
    "Ends a subscription, or some symbols of it.",
    c.Struct("subscription" / U32 * "correlation of the SUBSCRIBE", Zero(4)),
    group_section(Tag.SYMBOLS, "symbols", "SymbolRow", limits.SYMBOLS_MAX),
)
message(
    Opcode.UNSUBSCRIBE,
    REPLY,
    "UnsubscribeReply",
    "OK.",
    c.Struct("symbols_left" / U32 * "of the subscription"),
)
block(
    "ReceiptRow",
    "Why a fill was what it was; recomputable to the last unit.",
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
message(
    Opcode.EV_ORDER,
    EVENT,
    "OrderEvent",
    "An order changed; sequenced (account stream). The order after the change is the one row.",
    c.Struct(
        "kind" / Choice(OrderEventKind, strict=False) * "what happened",
        Zero(3),
        "fill" / U32 * "number of this fill within the order, 0 = none",
        "fill_quantity" / Qty * "of this fill",
        "fill_price" / Px * "of this fill; NULL if none",
        "fill_fees" / Money * "of this fill",
        "transaction" / Id * "ledger transaction written, 0 = none",
        "order" / Id * "which order",
    ),
    group_section(Tag.ORDERS, "orders", "OrderRow", 1, required=True),
    group_section(Tag.RECEIPT, "receipt", "ReceiptRow", 1),
    group_section(Tag.WORKING, "working", "WorkingRow", 1),
    group_section(Tag.ORDER_TERMS, "order_terms", "OrderTermsRow", 1),
    group_section(Tag.ORDER_TAGS, "order_tags", "OrderTagRow", 1),
    category=DATA,
)
message(
    Opcode.EV_TX,
    EVENT,
    "TransactionEvent",
    "A ledger transaction; sequenced (account stream). The position after it, if any, is the row.",
    c.Struct(*_transaction_fields()),
    REASON,
    group_section(Tag.POSITIONS, "positions", "HoldingRow", 1),
    group_section(Tag.DETAILS, "details", "TransactionDetailRow", 1),
    category=DATA,
)
block(
    "HoldingRow",
    "A position by itself, without market prices.",
    "symbol" / Sym16 * "what",
    "quantity" / Qty * "negative = short; 0 = closed",
    "cost_basis" / Money * "of what is held",
    "realized" / Money * "in this symbol in this season",
    "opened_at" / Ts * "first fill of what is held",
    "updated_at" / Ts * "last change",
)
message(
    Opcode.EV_SESSION,
    EVENT,
    "SessionEvent",
    "A notice about the session; seq 0. SESSION_DETACHED: send RESUME, then repeat what is open.",
    c.Struct(
        "session_id" / Id * "which; 0 = the one of this connection",
        "code" / Err * "SESSION_DETACHED, SESSION_EXPIRED, SESSION_REVOKED, SESSION_TAKEN_OVER",
        Zero(2),
        "grace_ms" / U32 * "until it takes effect",
        "expires_at" / Ts * "0 = unknown",
    ),
    category=DATA,
)

# --- directory

message(
    Opcode.WORKER_LIST,
    REQUEST,
    "WorkerList",
    "Workers a client may use.",
    c.Struct("region" / U32 * "0 = any"),
)
block(
    "WorkerRow",
    "A worker.",
    "address" / Ip16 * "IPv6 or IPv4-mapped",
    "port" / U16 * "for clients",
    "load" / U8 * "0 to 100",
    "flags" / Flags(c.Int8ub, k.WorkerFlag, strict=False) * "accepting, draining",
    "region" / U32 * "as set by the operator",
    "sessions" / U32 * "attached",
    "rtt_us" / U32 * "as seen by the master",
    "host" / Host64 * "name to verify in the certificate",
)
message(
    Opcode.WORKER_LIST,
    REPLY,
    "WorkerListReply",
    "The workers that are up.",
    c.Struct("as_of" / Ts * "master's clock", "rows" / U32 * "rows in the group", Zero(4)),
    group_section(Tag.WORKERS, "workers", "WorkerRow", 256),
    category=DATA,
)
