"""Receipts through each face of the client library."""

from __future__ import annotations

from decimal import Decimal

import pytest

from papertrader.client import errors
from papertrader.client.aio import AsyncClient
from papertrader.client.receipts import STOPPED_BY
from papertrader.core.fills import LimitingRule
from papertrader.core.money import SCALE
from papertrader.core.orders import OrderEventKind
from papertrader.core.terms import FillModelKind
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.blocking_kit import logged_in
from tests.client.test_aio import Bench as AsyncBench
from tests.client.test_protocol import Bench
from tests.client_kit import BlockingMarket


def rows(count: int) -> list[m.OrderReceiptRow]:
    """Return receipts of so many fills of one share at 101, by the bar model."""
    return [
        m.OrderReceiptRow(
            event_seq=10 + number,
            kind=OrderEventKind.FILL,
            fill=number + 1,
            at=10**18,
            fill_quantity=SCALE,
            fill_price=101 * SCALE,
            transaction=7 + number,
            remaining=(count - number - 1) * SCALE,
            quote_seq=5,
            bid=99 * SCALE,
            ask=101 * SCALE,
            limiting=LimitingRule.VOLUME,
            model=FillModelKind.BAR,
            bar_time=10**18,
            bar_open=101 * SCALE,
        )
        for number in range(count)
    ]


def test_every_rule_has_its_words() -> None:
    """What stopped the rest can be said of each rule there is."""
    assert set(STOPPED_BY) == set(LimitingRule)


def test_receipts_of_an_order() -> None:
    """In parts, by pages, with decimals; unknown orders are refused."""
    market = BlockingMarket()
    market.add("ada", "correct horse")
    client = logged_in(market)
    order = client.buy("AAPL", 3, limit="100")
    market.receipts[order.order_id] = rows(3)
    found = client.receipts(order.order_id)
    assert [each.fill for each in found] == [1, 2, 3]
    first = found[0]
    assert (first.price, first.quantity, first.remaining) == (101, 1, 2)
    assert (first.quote.bid, first.quote.limiting) == (Decimal(99), LimitingRule.VOLUME)
    assert (first.model, first.bar_open, first.reference) == (FillModelKind.BAR, 101, None)
    assert [each.event_seq for each in client.receipts(order.order_id, after=10)] == [11, 12]
    with pytest.raises(errors.RefusedError) as refused:
        client.receipts(99)
    assert refused.value.status == Status.NO_SUCH_ORDER
    with pytest.raises(ValueError, match="order_id"):
        client.receipts(-1)


def test_the_asynchronous_face_has_them() -> None:
    """The same method, awaited."""
    bench = AsyncBench()

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")
        order = await client.buy("AAPL", 1, limit="1")
        bench.market.receipts[order.order_id] = rows(1)
        assert len(await client.receipts(order.order_id)) == 1

    bench.run(body)


def test_the_twisted_face_has_them() -> None:
    """The same method with a Deferred."""
    bench = Bench().logged_in()
    client, result = bench.client, bench.result
    order = result(client.buy("AAPL", 1, limit="1"))
    bench.market.receipts[order.order_id] = rows(1)
    assert len(result(client.receipts(order.order_id))) == 1
