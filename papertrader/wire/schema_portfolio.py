"""Declarations: portfolios, their history, subscriptions, events and the directory."""

from __future__ import annotations

from typing import Any, Final

import construct as c

from papertrader.core.fills import LimitingRule
from papertrader.core.money import NULL
from papertrader.core.orders import OrderEventKind
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
    category=DATA,
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
)
message(
    Opcode.TRANSACTIONS_GET,
    REQUEST,
    "TransactionsGet",
    "Ledger history, oldest first; another user's likewise.",
    c.Struct(
        "portfolio" / Id * "0 = the default portfolio",
        "from_time" / Ts * "inclusive; 0 = from the beginning",
        "to_time" / Ts * "exclusive; 0 = to now",
        "after" / Id * "page: transactions with id greater",
        "kinds" / U16 * "bit n = kind n; 0 = all",
        "limit" / U16 * "rows at most; 0 = 500",
        Zero(4),
    ),
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
message(
    Opcode.TRANSACTIONS_GET,
    REPLY,
    "TransactionsPart",
    "One part of the history.",
    c.Struct(*list_head()),
    group_section(Tag.TRANSACTIONS, "transactions", "TransactionRow", PART_ROWS),
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
    also=(Opcode.PORTFOLIO_UPDATE, Opcode.PORTFOLIO_RESET, Opcode.PORTFOLIO_CASH),
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
    category=DATA,
)
message(
    Opcode.EV_TX,
    EVENT,
    "TransactionEvent",
    "A ledger transaction; sequenced (account stream). The position after it, if any, is the row.",
    c.Struct(*_transaction_fields()),
    group_section(Tag.POSITIONS, "positions", "HoldingRow", 1),
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
