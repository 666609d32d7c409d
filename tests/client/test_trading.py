"""Replace, cancel-all, preview and several portfolios through each face of the client library."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from papertrader.client import errors
from papertrader.client.aio import AsyncClient
from papertrader.client.blocking import Client
from papertrader.core.instants import from_datetime
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import Side, SideFilter, TimeInForce
from papertrader.core.terms import AccountKind, PortfolioTerms, TermsFlag
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode, OrderFlag, Status
from tests.blocking_kit import logged_in
from tests.client.test_aio import Bench as AsyncBench
from tests.client.test_protocol import Bench
from tests.client_kit import BlockingMarket


@pytest.fixture
def market() -> BlockingMarket:
    """A market with one user, ada."""
    market = BlockingMarket()
    market.add("ada", "correct horse")
    return market


def test_a_replaced_order(market: BlockingMarket) -> None:
    """The new order knows the old one; what is left out stays as it was."""
    client = logged_in(market)
    old = client.buy("AAPL", 2, limit="100")
    new = client.order_replace(old.order_id, limit="101", client_order_id=9, expect_version=1)
    assert (new.replaces, new.client_order_id, new.quantity) == (old.order_id, 9, 2)
    assert new.limit_price == 101
    (sent,) = market.bodies(Opcode.ORDER_REPLACE)
    assert (sent.quantity, sent.limit_price, sent.expect_version) == (0, 101 * SCALE, 1)
    assert market.seen(Opcode.ORDER_REPLACE)[0].seq == 2
    client.order_replace(new.order_id, quantity=5)
    sent = market.bodies(Opcode.ORDER_REPLACE)[1]
    assert (sent.quantity, sent.limit_price) == (5 * SCALE, NULL)
    assert sent.client_order_id > 0


def test_a_replace_that_comes_too_late_shows_the_order(market: BlockingMarket) -> None:
    """STALE_VERSION carries the order as it is now."""
    client = logged_in(market)
    old = client.buy("AAPL", 2, limit="100")
    with pytest.raises(errors.RefusedError) as refused:
        client.order_replace(old.order_id, quantity=3, expect_version=7)
    assert refused.value.status == Status.STALE_VERSION
    assert refused.value.order is not None
    assert refused.value.order.version == 1


def test_a_replace_whose_reply_is_lost_is_looked_for(market: BlockingMarket) -> None:
    """By the number of the new order: it is not replaced a second time."""
    client = logged_in(market)
    old = client.buy("AAPL", 2, limit="100")
    market.plan(Opcode.ORDER_REPLACE, "drop after", Status.SEQ_TOO_OLD)
    new = client.order_replace(old.order_id, quantity=3, client_order_id=12)
    assert (new.client_order_id, new.quantity) == (12, 3)
    assert len(market.accounts["ada"].orders) == 2


def test_cancel_all(market: BlockingMarket) -> None:
    """Of a symbol, of a side, or every one; and how many that were."""
    client = logged_in(market)
    for symbol in ("AAPL", "AAPL", "IBM"):
        client.buy(symbol, 1, limit="1")
    done = client.order_cancel_all("IBM", side=Side.BUY)
    assert (done.cancelled, done.still_open) == (1, 2)
    assert market.bodies(Opcode.ORDER_CANCEL_ALL)[0].side == SideFilter.BUY
    assert client.order_cancel_all().cancelled == 2
    assert client.orders().items == ()


def test_forks_freezes_and_corrections(market: BlockingMarket) -> None:
    """What was asked goes out as it was; a correction needs a reason."""
    client = logged_in(market)
    when = datetime(2010, 1, 4, 15, tzinfo=UTC)
    assert client.portfolio_fork("copy", at=when).name == "copy"
    assert market.bodies(Opcode.PORTFOLIO_FORK)[0].at == from_datetime(when)
    client.portfolio_freeze(2)
    client.portfolio_freeze(2, frozen=False)
    assert [each.frozen for each in market.bodies(Opcode.PORTFOLIO_FREEZE)] == [True, False]
    assert client.portfolio_correct(2, "-0.5", "a fee too few").cash == Decimal("99999.5")
    with pytest.raises(ValueError, match="give a reason"):
        client.portfolio_correct(2, 1, " ")


def test_the_terms_of_a_portfolio(market: BlockingMarket) -> None:
    """What was chosen is what is read; assets are a list of symbols."""
    client = logged_in(market)
    assert client.portfolio_terms() == PortfolioTerms()
    wish = PortfolioTerms(
        account_kind=AccountKind.MARGIN,
        flags=int(TermsFlag.NO_SHORTING),
        fee_rate=500_000,
        assets=("AAPL", "IBM"),
    )
    assert client.portfolio_terms_set(wish) == wish
    assert client.portfolio_terms() == wish
    assert market.seen(Opcode.PORTFOLIO_TERMS)[0].seq == 1


@pytest.mark.parametrize(
    ("opcode", "ask"),
    [
        (Opcode.ORDER_CANCEL_ALL, lambda client: client.order_cancel_all()),
        (Opcode.PORTFOLIO_CASH, lambda client: client.portfolio_deposit(5)),
        (Opcode.PORTFOLIO_RESET, lambda client: client.portfolio_reset()),
        (Opcode.PORTFOLIO_CREATE, lambda client: client.portfolio_create("x")),
    ],
)
def test_what_must_not_happen_twice_is_left_in_doubt(
    market: BlockingMarket, opcode: Opcode, ask: Callable[[Client], Any]
) -> None:
    """Repeated under its number; but if the reply is gone, its owner has to look."""
    client = logged_in(market)
    market.plan(opcode, "drop after")
    ask(client)
    assert [header.seq for header in market.seen(opcode)] == [1, 1]
    market.plan(opcode, "drop after", Status.SEQ_TOO_OLD)
    with pytest.raises(errors.OutcomeUnknown):
        client.portfolio_create("y") if opcode == Opcode.PORTFOLIO_CREATE else ask(client)
    assert [header.seq for header in market.seen(opcode)] == [1, 1, 2, 2]


def test_a_preview_uses_no_number(market: BlockingMarket) -> None:
    """It is a question: seq 0, no order, the figures exact; refused as the order would be."""
    client = logged_in(market)
    shown = client.order_preview(Side.BUY, "AAPL", 10)
    assert shown.price is not None
    assert shown.cost == shown.price * 10
    assert shown.buying_power_after == Decimal(100_000) - shown.cost
    assert (shown.fees, shown.currency, shown.order.order_id) == (0, "USD", 0)
    (header,) = market.seen(Opcode.ORDER_NEW)
    assert header.seq == 0
    assert market.bodies(Opcode.ORDER_NEW)[0].flags == OrderFlag.VALIDATE_ONLY
    with pytest.raises(errors.InsufficientCash):
        client.order_preview(Side.BUY, "AAPL", 1_000_000)
    client.buy("AAPL", 1)
    assert market.seen(Opcode.ORDER_NEW)[-1].seq == 1


def test_a_preview_without_figures_makes_no_sense(market: BlockingMarket) -> None:
    """What such a server answers is not guessed at."""
    client = logged_in(market)
    answered = m.OrderReply(version=1)
    peer = market.peers[-1]
    peer._preview = lambda header, wish: peer._send(header, answered)
    with pytest.raises(errors.ProtocolFault, match="without its figures"):
        client.order_preview(Side.BUY, "AAPL", 10)


@pytest.mark.parametrize("how", [TimeInForce.IOC, TimeInForce.FOK])
def test_immediate_orders(market: BlockingMarket, how: TimeInForce) -> None:
    """By name or by number."""
    client = logged_in(market)
    assert client.buy("AAPL", 1, time_in_force=how.name.lower()).time_in_force == how
    assert client.sell("AAPL", 1, time_in_force=how).time_in_force == how


def test_portfolios(market: BlockingMarket) -> None:
    """Made, listed, renamed, funded, reset."""
    client = logged_in(market)
    market.part_rows = 1
    made = client.portfolio_create("tech", cash="5000.50")
    assert (made.portfolio, made.name, made.cash) == (2, "tech", Decimal("5000.50"))
    assert client.portfolio_create("more").cash == 100_000
    assert [each.name for each in client.portfolios()] == ["", "tech", "more"]
    assert client.portfolio_rename(2, "bonds").name == "bonds"
    assert client.portfolio_deposit("10", portfolio=2).cash == Decimal("5010.50")
    assert client.portfolio_withdraw("5010.50", portfolio=2).cash == 0
    with pytest.raises(errors.InsufficientCash):
        client.portfolio_withdraw("1", portfolio=2)
    reset = client.portfolio_reset(2, cash=7)
    assert (reset.season, reset.cash) == (2, 7)
    assert reset.season_at is not None
    with pytest.raises(errors.RefusedError) as refused:
        client.portfolio_create("more")
    assert refused.value.status == Status.NAME_TAKEN


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.order_replace(1),
        lambda client: client.order_replace(1, quantity=0),
        lambda client: client.order_replace(-1, quantity=1),
        lambda client: client.order_cancel_all("no symbol"),
        lambda client: client.portfolio_create("no blanks"),
        lambda client: client.portfolio_create("x", cash=-1),
        lambda client: client.portfolio_deposit(0),
        lambda client: client.portfolio_withdraw("-5"),
    ],
)
def test_what_cannot_be_asked_raises_at_once(
    market: BlockingMarket, ask: Callable[[Client], Any]
) -> None:
    """Nothing is sent."""
    client = logged_in(market)
    before = len(market.requests)
    with pytest.raises(ValueError, match=r"."):
        ask(client)
    assert len(market.requests) == before


def test_the_asynchronous_face_has_them() -> None:
    """The same methods, awaited."""
    bench = AsyncBench()

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")
        order = await client.buy("AAPL", 1, limit="1")
        new = await client.order_replace(order.order_id, quantity=2)
        assert new.replaces == order.order_id
        assert (await client.order_cancel_all()).cancelled == 1
        assert (await client.order_preview(Side.BUY, "AAPL", 1)).currency == "USD"
        assert (await client.portfolio_create("x")).portfolio == 2
        assert (await client.portfolio_rename(2, "y")).name == "y"
        assert (await client.portfolio_deposit(1, portfolio=2)).cash == 100_001
        assert (await client.portfolio_withdraw(1, portfolio=2)).cash == 100_000
        assert (await client.portfolio_reset(2)).season == 2
        assert await client.portfolio_terms_set(PortfolioTerms(seed=3)) == PortfolioTerms(seed=3)
        assert (await client.portfolio_terms()).seed == 3
        assert (await client.portfolio_fork("z")).name == "z"
        assert (await client.portfolio_freeze(2)).portfolio == 2
        assert (await client.portfolio_correct(2, 1, "why")).portfolio == 2
        assert len(await client.portfolios()) == 3

    bench.run(body)


def test_the_twisted_face_has_them() -> None:
    """The same methods, as Deferreds."""
    bench = Bench().logged_in()
    client, result = bench.client, bench.result
    order = result(client.buy("AAPL", 1, limit="1"))
    assert result(client.order_replace(order.order_id, quantity=2)).replaces == order.order_id
    assert result(client.order_cancel_all()).cancelled == 1
    assert result(client.order_preview(Side.BUY, "AAPL", 1)).currency == "USD"
    assert result(client.portfolio_create("x")).portfolio == 2
    assert result(client.portfolio_rename(2, "y")).name == "y"
    assert result(client.portfolio_deposit(1, portfolio=2)).cash == 100_001
    assert result(client.portfolio_withdraw(1, portfolio=2)).cash == 100_000
    assert result(client.portfolio_reset(2)).season == 2
    assert result(client.portfolio_terms_set(PortfolioTerms(seed=3))) == PortfolioTerms(seed=3)
    assert result(client.portfolio_terms()).seed == 3
    assert (result(client.portfolio_fork("z"))).name == "z"
    assert (result(client.portfolio_freeze(2))).portfolio == 2
    assert (result(client.portfolio_correct(2, 1, "why"))).portfolio == 2
    assert len(result(client.portfolios())) == 3
