"""What a trader writes on an order: kept with it, shown with it, found by it, deciding nothing."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from papertrader.core.money import SCALE
from papertrader.core.orders import LegRole, OrderType, TimeInForce
from papertrader.master.holdings import Details, parts
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode, Status, Tag
from tests.backends import replay_check
from tests.master.conftest import asked
from tests.master.test_amendments import LIMIT, command
from tests.master_kit import Answer, MasterClient, MasterKit

LONGEST = "é" * (limits.ORDER_TAG_MAX // 2)


def told(answer: Answer) -> dict[int, str]:
    """The tags of a reply, a part or an event, by order."""
    return {row.order: row.tag.rstrip(b"\0").decode() for row in answer.message.order_tags}


def by_tag(client: MasterClient, tag: str) -> Any:
    """ORDER_GET by tag alone."""
    return client.ask(m.OrderGet(tag=tag))


@pytest.mark.clause("13.40")
def test_a_tag_is_told_with_its_order_and_survives(kit: MasterKit, ann: MasterClient) -> None:
    """In the reply, the events, the list; after a crash and a rebuild of the views the same."""
    ann.follow()
    plain = ann.order("AAPL", "1")
    tagged = ann.order("AAPL", "1", tag=LONGEST)
    number = tagged.message.order
    assert told(plain) == {}
    assert told(tagged) == {number: LONGEST}
    kit.quote("AAPL", "560.00", "560.10")
    events = [each for each in ann.events() if isinstance(each.message, m.OrderEvent)]
    assert [told(each) for each in events if each.message.order == number] == [
        {number: LONGEST}
    ] * 2
    assert all(not told(each) for each in events if each.message.order != number)
    for _ in range(2):
        assert told(by_tag(ann, LONGEST)) == {number: LONGEST}
        assert told(ann.ask(m.OrderList(states=0xFFFF))) == {number: LONGEST}
        kit.crash()
        ann.resume()
    kit.check()
    report = replay_check(kit.state_dir)
    assert (report.findings, report.taken) == ([], 0)
    kit.boot()


@pytest.mark.clause("13.40")
def test_a_tag_finds_the_newest_order_of_a_portfolio(kit: MasterKit, ann: MasterClient) -> None:
    """Several may have one; another portfolio's or user's, and one nobody has, are not there."""
    first, second = (ann.order("AAPL", "1", tag="swing", **LIMIT).message.order for _ in "ab")
    assert by_tag(ann, "swing").message.order == second > first
    assert by_tag(ann, "Swing").status == Status.NO_SUCH_ORDER
    number = command(ann, m.PortfolioCreate(name="other")).message.portfolio
    assert ann.ask(m.OrderGet(tag="swing", portfolio=number)).status == Status.NO_SUCH_ORDER
    nothing = ann.ask(m.OrderGet())
    assert (nothing.status, "None" in nothing.message.text) == (Status.NO_SUCH_ORDER, False)
    there = ann.order("AAPL", "1", tag="swing", portfolio=number, **LIMIT).message.order
    assert by_tag(ann, "swing").message.order == second
    assert ann.ask(m.OrderGet(tag="swing", portfolio=number)).message.order == there
    assert ann.ask(m.OrderGet(order=first, tag="nothing")).message.order == first
    bob = kit.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    assert by_tag(bob, "swing").status == Status.NO_SUCH_ORDER


@pytest.mark.clause("13.40")
def test_a_new_order_keeps_the_tag_of_the_one_it_replaces(
    kit: MasterKit, ann: MasterClient
) -> None:
    """Unless it has its own; a leg has none, nor does what was refused."""
    old = ann.order("AAPL", "10", tag="swing", **LIMIT).message.order
    kept = command(ann, m.OrderReplace(order=old, client_order_id=50, quantity=20 * SCALE))
    assert told(kept) == {kept.message.order: "swing"}
    wish = m.OrderReplace(
        order=kept.message.order, client_order_id=51, quantity=30 * SCALE, tag="longer"
    )
    other = command(ann, wish)
    assert told(other) == {other.message.order: "longer"}
    assert by_tag(ann, "swing").message.order == kept.message.order
    loss = m.LegRow(
        role=LegRole.OTO, order_type=OrderType.LIMIT, limit_price=200 * SCALE, client_order_id=61,
        time_in_force=TimeInForce.GTC,
    )  # fmt: skip
    parent = ann.order("AAPL", "1", tag="pair", legs=(loss,), **LIMIT)
    assert parent.message.orders
    assert told(parent) == {parent.message.order: "pair"}
    assert ann.order("AAPL", "1000000", tag="too much").status == Status.INSUFFICIENT_CASH
    assert by_tag(ann, "too much").status == Status.NO_SUCH_ORDER
    kit.check()
    assert replay_check(kit.state_dir).findings == []
    kit.boot()


@pytest.mark.clause("13.40")
@pytest.mark.parametrize("tag", ["two\nlines", "\x1b[2J", "end\0"])
def test_a_tag_is_one_line(ann: MasterClient, tag: str) -> None:
    """What a terminal would obey, or padding swallow, is refused and changes nothing. FIELD has the
    offset of the section, as of everything that is INVALID_FIELD."""
    answer = ann.order("AAPL", "1", tag=tag)
    assert (answer.status, answer.message.field) == (Status.INVALID_FIELD, m.OrderNew.SIZE)
    kept = ann.order("AAPL", "1", **LIMIT)
    wish = m.OrderReplace(order=kept.message.order, client_order_id=70, tag=tag)
    assert command(ann, wish).status == Status.INVALID_FIELD


def test_a_list_of_tagged_orders_comes_in_parts(ann: MasterClient) -> None:
    """Each part has the tags of its own rows, and stays within its size."""
    order = ann.order("AAPL", "1").message
    count = 500
    names = [each.name for each in attrs.fields(m.OrderRow)]
    values = {name: getattr(order, name) for name in names}
    rows = [m.OrderRow(**{**values, "order": number}) for number in range(1, count + 1)]
    tags = [m.OrderTagRow(row.order, b"x" * limits.ORDER_TAG_MAX).pack() for row in rows[:-1]]
    details = Details(Tag.ORDER_TAGS, m.OrderTagRow.SIZE, [*tags, b""])
    packed = [row.pack() for row in rows]
    frames = parts(
        *asked(m.OrderList()), Tag.ORDERS, m.OrderRow.SIZE, packed, m.OrderListPart(), (details,)
    )
    read = [codec.decode(frame) for frame in frames]
    assert len(read) > 1
    addressed = {(header.opcode, header.session, header.correlation) for header, _ in read}
    assert addressed == {(Opcode.ORDER_LIST, 1, 2)}
    assert all(header.length <= limits.PART_BODY_MAX for header, _ in read)
    shown = [[row.order for row in part.orders] for _, part in read]
    tagged = [[row.order for row in part.order_tags] for _, part in read]
    assert [each for part in shown for each in part] == list(range(1, count + 1))
    assert tagged == [*shown[:-1], shown[-1][:-1]]
