"""Cases about what is written on orders, and about the ways that lists go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from papertrader.fuzz.bench import Bench, Case, CaseFailed
from papertrader.fuzz.cases_rules import Run, resting_order
from papertrader.fuzz.channel import Channel
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Direction, Status

_NEWEST: Final = (m.DirectionRow(direction=Direction.NEWEST_FIRST),)
_EVERY_STATE: Final = 0xFFFF
ROWS: Final = 3
"""Rows of a page that is asked for."""


def _cleared(bench: Bench) -> Channel:
    """Return a new session of an account that has no open orders, of which there may be so many."""
    channel = bench.session(fresh=True)
    bench.ask(channel, m.OrderCancelAll(), seq=1)
    return channel


def _tagged(tag: str) -> Run:
    """Return the case of a tag that must come back as it was, with its order and by itself."""

    def run(bench: Bench) -> None:
        channel = _cleared(bench)
        order = resting_order(bench)
        order.tag = tag
        sent = bench.ask(channel, order, seq=2)
        found = bench.ask(channel, m.OrderGet(tag=tag))
        numbers = set()
        for reply in (sent, found):
            if not isinstance(reply, m.OrderReply):
                raise CaseFailed("an order with a tag was not answered by an order")
            told = {row.order: row.tag.rstrip(b"\0").decode() for row in reply.order_tags}
            if told != {reply.order: tag}:
                raise CaseFailed(f"the order was sent with {tag!r} and has {told}")
            numbers.add(reply.order)
        if len(numbers) > 1:
            raise CaseFailed("the newest order with a tag is another one")

    return run


def _no_tag(tag: str) -> Run:
    def run(bench: Bench) -> None:
        channel = bench.session(fresh=True)
        order = resting_order(bench)
        order.tag = tag
        bench.ask(channel, order, Status.INVALID_FIELD, seq=1)

    return run


def _unknown(bench: Bench) -> None:
    bench.ask(bench.session(), m.OrderGet(tag="nobody has written this"), Status.NO_SUCH_ORDER)


def _numbers(reply: Message | None) -> list[int]:
    if isinstance(reply, m.OrderListPart):
        return [row.order for row in reply.orders]
    if isinstance(reply, m.TransactionsPart):
        return [row.transaction for row in reply.transactions]
    if isinstance(reply, m.RefusalsPart):
        return [row.refusal for row in reply.refusals]
    raise CaseFailed("a list was not answered by a part of it")


def _backwards(make: Callable[..., Message]) -> Run:
    """Return the case of a list whose first two pages from the newest on must fit together."""

    def run(bench: Bench) -> None:
        channel = _cleared(bench)
        for number in range(2, 2 * ROWS + 1):
            bench.ask(channel, resting_order(bench), seq=number)
        first = bench.ask(channel, make(limit=ROWS, direction=_NEWEST))
        seen = _numbers(first)
        after = getattr(first, "next_after", 0)
        if after:
            seen += _numbers(bench.ask(channel, make(limit=ROWS, after=after, direction=_NEWEST)))
        if seen != sorted(set(seen), reverse=True):
            raise CaseFailed(f"from the newest on came {seen}")

    return run


def order_cases() -> Iterator[Case]:
    """Clauses 13.40 and 13.41, from outside."""
    for name, tag in (("short", "a"), ("longest", "x" * limits.ORDER_TAG_MAX), ("of words", "é ü")):
        yield Case(section="orders", name=f"a tag, {name}", clause="13.40", run=_tagged(tag))
    for name, tag in (("two lines", "a\nb"), ("a NUL at its end", "a\0"), ("an escape", "\x1b[2J")):
        yield Case(section="orders", name=f"a tag of {name}", clause="13.40", run=_no_tag(tag))
    yield Case(section="orders", name="a tag that nobody has", clause="13.40", run=_unknown)
    lists: tuple[tuple[str, Callable[..., Message]], ...] = (
        ("ORDER_LIST", lambda **more: m.OrderList(states=_EVERY_STATE, **more)),
        ("TRANSACTIONS_GET", m.TransactionsGet),
        ("REFUSALS_GET", m.RefusalsGet),
    )
    for name, make in lists:
        yield Case(
            section="orders", name=f"{name} from the newest on", clause="13.41",
            run=_backwards(make),
        )  # fmt: skip
