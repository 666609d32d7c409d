"""What the in-memory worker of `client_kit` remembers: the time, accounts and sessions.

The functions tell of it as rows and replies.
"""

from __future__ import annotations

from collections import defaultdict

import attrs

from papertrader.core.instants import SECOND
from papertrader.core.money import SCALE
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Direction, Scope

START = 1_700_000_000 * SECOND
BID = 18_240_000_000
ASK = 18_250_000_000


class FakeClock:
    """Time that goes on only when someone waits."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(1, round(seconds * SECOND))


@attrs.define
class ServerSession:
    account: int
    token: bytes
    remember: bool
    last_seq: int = 0
    replies: dict = attrs.Factory(dict)
    peer: object = None
    handle: int = 0
    device: str = ""
    number: int = 0
    scope: int = Scope.TRADE


@attrs.define
class FakeAccount:
    number: int
    username: str
    password: str
    cash: int = 100_000 * SCALE
    orders: list = attrs.Factory(list)
    transactions: list = attrs.Factory(list)
    events: list = attrs.Factory(list)
    privacy: int = 0
    email: str = ""
    shares: dict = attrs.Factory(lambda: defaultdict(int))
    portfolios: dict = attrs.Factory(dict)
    terms: dict = attrs.Factory(dict)
    refused: dict = attrs.Factory(dict)
    tags: dict = attrs.Factory(dict)


def reply_of(order: m.OrderRow, account: FakeAccount | None = None) -> m.OrderReply:
    reply = m.OrderReply(**{a.name: getattr(order, a.name) for a in attrs.fields(m.OrderRow)})
    reply.order_tags = tag_rows(account, [order]) if account is not None else ()
    return reply


def tag_rows(account: FakeAccount, orders: list[m.OrderRow]) -> tuple[m.OrderTagRow, ...]:
    known = [(order.order, account.tags.get(order.order)) for order in orders]
    return tuple(
        m.OrderTagRow(number, tag.encode().ljust(limits.ORDER_TAG_MAX, b"\0"))
        for number, tag in known
        if tag
    )


def paged(rows: list, message: object, key: str) -> tuple[list, int]:
    """The rows of a page, in its direction, and where the next one goes on."""
    if message.direction and message.direction[0].direction == Direction.NEWEST_FIRST:
        before = message.after or 2**64
        found = [row for row in rows[::-1] if getattr(row, key) < before]
    else:
        found = [row for row in rows if getattr(row, key) > message.after]
    limit = message.limit or 500
    return found[:limit], getattr(found[limit - 1], key) if len(found) > limit else 0
