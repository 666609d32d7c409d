"""Declarations: orders."""

from __future__ import annotations

from typing import Any, Final

import construct as c

from papertrader.core.legs import LEGS_MAX
from papertrader.core.orders import (
    LegRole,
    OrderState,
    OrderType,
    Side,
    SideFilter,
    TimeInForce,
    TrailKind,
    TriggerSource,
)
from papertrader.wire import kinds as k
from papertrader.wire import limits
from papertrader.wire.declarations import (
    DATA,
    PART_ROWS,
    REASON,
    REPLY,
    REQUEST,
    Declarations,
    group_section,
    list_head,
    text_section,
)
from papertrader.wire.kinds import Opcode, Tag
from papertrader.wire.primitives import (
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
    Px,
    Qty,
    Sym16,
    Text128,
    Ts,
    Zero,
)

DECLARED: Final = Declarations()
message, block = DECLARED.message, DECLARED.block

# --- orders


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


block("OrderRow", "An order as it stands.", *_order_fields())
block(
    "OrderTermsRow",
    "What an order has beyond a plain market or limit order; left out for a plain one.",
    "order" / Id * "which",
    "trail_kind" / Choice(TrailKind, strict=False) * "how a trailing stop keeps its distance",
    "source" / Choice(TriggerSource, strict=False) * "which price triggers it",
    "role" / Choice(LegRole, strict=False) * "what it is in a combination",
    "shares" / Bool * "True: its partner reserves the shares of both",
    "currency" / Ccy4 * "of its prices; empty if that of the portfolio",
    "trail" / Px * "distance: money per share, or a part of the price",
    "mark" / Px * "best price that a trailing stop has seen; NULL if none",
    "notional" / Money * "amount of money that it is for, 0 = for a quantity",
    "parent" / Id * "order that must fill first, 0 = none",
    "pair" / Id * "number shared by the two of which one cancels the other, 0 = none",
    "works_from" / Ts * "market time: opening of the session that it waits for, 0 = none",
    "active_at" / Ts * "when its parent had filled, 0 = not",
    "triggered_at" / Ts * "when the market reached its stop, 0 = not",
    "marked_at" / Ts * "up to when mark is known",
)
block(
    "OrderTagRow",
    "What its trader has written on an order; left out for one without it.",
    "order" / Id * "which",
    "tag" / Text128 * "as it was given",
)
block(
    "TriggerRow",
    "How a stop is triggered.",
    "trail_kind" / Choice(TrailKind, strict=True) * "of a trailing stop",
    "source" / Choice(TriggerSource, strict=True) * "which price triggers",
    Zero(6),
    "trail" / Qty * "distance: money per share, or a part of the price; 0 unless trailing",
)
block(
    "LegRow",
    "An order that comes with another one, for the same quantity.",
    "role" / Choice(LegRole, strict=True) * "what it is",
    "side" / Choice(SideFilter, strict=True) * "ANY = closing, or for OCO the same",
    "order_type" / Choice(OrderType, strict=True) * "how it is priced",
    "time_in_force" / Choice(TimeInForce, strict=True) * "how long it stands",
    "trail_kind" / Choice(TrailKind, strict=True) * "of a trailing stop",
    "source" / Choice(TriggerSource, strict=True) * "which price triggers",
    Zero(2),
    "client_order_id" / U64 * "of its own",
    "limit_price" / Px * "NULL unless a limit",
    "stop_price" / Px * "NULL unless a stop",
    "trail" / Qty * "distance; 0 unless trailing",
)
message(
    Opcode.ORDER_NEW,
    REQUEST,
    "OrderNew",
    "Sends an order. Changes state: seq >= 1; with VALIDATE_ONLY it does not, and seq is 0.",
    c.Struct(
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
        "expire_at" / Ts * "market time, for GTD; else 0",
    ),
    text_section(Tag.ORDER_TAG, "tag", limits.ORDER_TAG_MAX),
    group_section(Tag.TRIGGER, "trigger", "TriggerRow", 1),
    group_section(Tag.LEGS, "legs", "LegRow", LEGS_MAX),
)
message(
    Opcode.ORDER_NEW,
    REPLY,
    "OrderReply",
    "The order as it stands; ORDERS are those that hang together with it. DUPLICATE_ORDER, "
    "ORDER_DONE, STALE_VERSION, and INSUFFICIENT_MARGIN of an order that carries out a margin call,"
    " carry the order they speak of.",
    c.Struct(*_order_fields()),
    REASON,
    group_section(Tag.ORDERS, "orders", "OrderRow", limits.COMBINED_ORDERS_MAX),
    group_section(Tag.ORDER_TERMS, "order_terms", "OrderTermsRow", limits.COMBINED_ORDERS_MAX + 1),
    group_section(Tag.ORDER_TAGS, "order_tags", "OrderTagRow", limits.COMBINED_ORDERS_MAX + 1),
    group_section(Tag.PREVIEW, "preview", "PreviewRow", 1),
    group_section(Tag.SUCCESSOR, "successor", "SuccessorRow", 1),
    also=(Opcode.ORDER_REPLACE, Opcode.ORDER_CANCEL, Opcode.ORDER_GET),
)
block(
    "PreviewRow",
    "What an order would cost if it were sent now.",
    "price" / Px * "at which it would fill on the newest quote, or its limit",
    "cost" / Money * "cash it would take at that price; negative: would bring",
    "fees" / Money * "that would come on top",
    "buying_power_after"
    / Money
    * "cash that would be free once it is accepted; with credit, the buying power",
    "currency" / Ccy4 * "of the money",
    "asset_currency" / Ccy4 * "of the price; empty if that of the money",
    "margin" / Money * "that it would reserve; 0 in a cash portfolio",
    "margin_left" / Money * "what coins, say, could then be bought for; 0 in a cash portfolio",
)
block(
    "SuccessorRow",
    "The order that took another's place.",
    "replaced_by" / Id * "its number",
)
message(
    Opcode.ORDER_REPLACE,
    REQUEST,
    "OrderReplace",
    "Puts a new order in the place of an open one; the reply is the new one. Changes state: "
    "seq >= 1.",
    c.Struct(
        "order" / Id * "the one to replace",
        "client_order_id" / U64 * "of the new order, as in ORDER_NEW",
        "portfolio" / Id * "0 = the default portfolio",
        "quantity" / Qty * "total, with what has filled; 0 = as it was",
        "limit_price" / Px * "NULL = as it was",
        "stop_price" / Px * "NULL = as it was",
        "expire_at" / Ts * "market time; 0 = as it was",
        "expect_version" / U32 * "the order's version must be this; 0 = any",
        Zero(4),
    ),
    text_section(Tag.ORDER_TAG, "tag", limits.ORDER_TAG_MAX),
    group_section(Tag.TRIGGER, "trigger", "TriggerRow", 1),
)
message(
    Opcode.ORDER_CANCEL,
    REQUEST,
    "OrderCancel",
    "Cancels an order. Changes state: seq >= 1.",
    c.Struct(
        "order" / Id * "0 = use client_order_id",
        "client_order_id" / U64 * "used when order is 0",
        "portfolio" / Id * "0 = the default portfolio",
    ),
)
message(
    Opcode.ORDER_CANCEL_ALL,
    REQUEST,
    "OrderCancelAll",
    "Cancels the open orders of a portfolio, one event each. Changes state: seq >= 1.",
    c.Struct(
        "portfolio" / Id * "0 = the default portfolio",
        "symbol" / Sym16 * "empty = all",
        "side" / Choice(SideFilter, strict=True) * "of which side",
        Zero(7),
    ),
)
message(
    Opcode.ORDER_CANCEL_ALL,
    REPLY,
    "OrderCancelAllReply",
    "How many it were.",
    c.Struct(
        "cancelled" / U32 * "orders cancelled",
        "still_open" / U32 * "open orders that the portfolio has left",
    ),
)
message(
    Opcode.POSITION_CLOSE,
    REQUEST,
    "PositionClose",
    "Closes a position, or all, by market orders; cancels their open orders first, all in one step."
    " Changes state: seq >= 1.",
    c.Struct(
        "portfolio" / Id * "0 = the default portfolio",
        "symbol" / Sym16 * "empty = every position",
        "client_order_id" / U64 * "of the first order; the next ones count on, by symbol",
    ),
)
message(
    Opcode.POSITION_CLOSE,
    REPLY,
    "PositionCloseReply",
    "The orders that close; TEXT says which positions could not be closed, and why.",
    c.Struct(
        "cancelled" / U32 * "open orders cancelled for it",
        "closing" / U32 * "orders sent; ORDERS shows the first of them",
    ),
    REASON,
    group_section(Tag.ORDERS, "orders", "OrderRow", limits.CLOSING_SHOWN_MAX),
)
message(
    Opcode.ORDER_GET,
    REQUEST,
    "OrderGet",
    "One order: by number, by client_order_id, or the newest one of a portfolio with a tag.",
    c.Struct(
        "order" / Id * "0 = use client_order_id",
        "client_order_id" / U64 * "used when order is 0; 0 = use ORDER_TAG",
        "portfolio" / Id * "0 = the default portfolio",
    ),
    text_section(Tag.ORDER_TAG, "tag", limits.ORDER_TAG_MAX),
)
block(
    "DirectionRow",
    "Which way a list goes.",
    "direction" / Choice(k.Direction, strict=True) * "what comes first",
    Zero(7),
)
message(
    Opcode.ORDER_LIST,
    REQUEST,
    "OrderList",
    "Orders by symbol and state, oldest first unless DIRECTION says otherwise.",
    c.Struct(
        "portfolio" / Id * "0 = the default portfolio",
        "symbol" / Sym16 * "empty = all",
        "states" / U16 * "bit n = state n wanted; 0 = open ones",
        "limit" / U16 * "rows at most; 0 = 500",
        "after" / Id * "page: orders with id greater; NEWEST_FIRST: less, 0 = from the newest",
    ),
    group_section(Tag.DIRECTION, "direction", "DirectionRow", 1),
)


message(
    Opcode.ORDER_LIST,
    REPLY,
    "OrderListPart",
    "One part of the list.",
    c.Struct(*list_head()),
    group_section(Tag.ORDERS, "orders", "OrderRow", PART_ROWS),
    group_section(Tag.ORDER_TERMS, "order_terms", "OrderTermsRow", PART_ROWS),
    group_section(Tag.ORDER_TAGS, "order_tags", "OrderTagRow", PART_ROWS),
    category=DATA,
)
