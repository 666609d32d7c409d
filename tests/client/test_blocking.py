"""The blocking face against a scripted worker of real frames: commands, and what is read."""

from __future__ import annotations

import contextlib
import doctest
import functools
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from papertrader.client import blocking, errors
from papertrader.client import updates as u
from papertrader.client.blocking import Client
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode, Status
from tests.blocking_kit import client_of, logged_in, market
from tests.client_accounts import START
from tests.client_kit import BlockingMarket

__all__ = ["market"]


def test_the_example_in_the_documentation_runs() -> None:
    """The doctest of the module is executed word for word."""
    market = BlockingMarket()
    connected = functools.partial(Client, **market.options())
    outcome = doctest.testmod(blocking, extraglobs={"Client": connected})
    assert outcome.attempted >= 1
    assert outcome.failed == 0


def test_register_login_and_account(market: BlockingMarket) -> None:
    """A new user registers, logs in and sees the starting cash."""
    with client_of(market) as client:
        registration = client.register("bob", "battery staple")
        assert registration.starting_cash == Decimal("100000")
        login = client.login("bob", "battery staple")
        assert login.account == registration.account
        assert client.account().username == "bob"
        assert client.account().created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_goodbye_is_said_at_close(market: BlockingMarket) -> None:
    """Leaving the context sends GOODBYE with code 0."""
    with logged_in(market):
        pass
    assert market.peers[0].connection.goodbye is not None
    assert market.peers[0].connection.goodbye.code == 0


def test_typed_refusals(market: BlockingMarket) -> None:
    """Each refusal is an error of its own class, with the status and the server's sentence."""
    client = client_of(market)
    with pytest.raises(errors.AuthenticationFailed, match="wrong"):
        client.login("ada", "not the password")
    with pytest.raises(errors.UsernameTaken):
        client.register("ada", "battery staple")
    client.login("ada", "correct horse")
    with pytest.raises(errors.InsufficientCash) as caught:
        client.buy("AAPL", 1_000_000)
    assert caught.value.status == Status.INSUFFICIENT_CASH
    assert caught.value.code == "INSUFFICIENT_CASH"
    with pytest.raises(errors.NoSuchSymbol):
        client.buy("ZZZZ", 1)
    with pytest.raises(errors.NoSuchOrder):
        client.order(order_id=77)
    order = client.buy("AAPL", 1, client_order_id=5)
    with pytest.raises(errors.RefusedError) as twice:
        client.buy("AAPL", 1, client_order_id=5)
    assert twice.value.code == "DUPLICATE_ORDER"
    assert twice.value.order == order


def test_a_session_is_needed(market: BlockingMarket) -> None:
    """Without a login a command fails at once and nothing is sent."""
    with pytest.raises(errors.NotLoggedIn):
        client_of(market).portfolio()
    assert market.requests == []


@pytest.mark.parametrize("quantity", [1.5, True, None])
def test_amounts_that_are_not_exact_are_refused(market: BlockingMarket, quantity: object) -> None:
    """A float, a bool or nothing is no quantity, and the message says what is."""
    client = logged_in(market)
    with pytest.raises(TypeError, match="text, an integer or a Decimal"):
        client.buy("AAPL", quantity)
    with pytest.raises(ValueError, match="8 decimals"):
        client.buy("AAPL", "0.000000001")
    with pytest.raises(ValueError, match="not a valid symbol"):
        client.buy("not a symbol", 1)
    assert market.seen(Opcode.ORDER_NEW) == []


@pytest.mark.clause("9.6")
def test_multi_part_replies_are_put_together(market: BlockingMarket) -> None:
    """Lists that come in parts are one result, in order."""
    client = logged_in(market)
    assert [asset.symbol for asset in client.assets()] == ["AAPL", "IBM", "MSFT"]
    bars = client.bars("AAPL", "1d", from_time=date(2010, 1, 1), limit=5)
    assert len(bars) == 5
    assert [bar.time for bar in bars] == sorted(bar.time for bar in bars)
    assert bars.bars[0].close == Decimal("182.50")
    sent = market.bodies(Opcode.BARS_GET)[0]
    assert (sent.interval_s, sent.limit) == (86_400, 5)


@pytest.mark.clause("9.8")
@pytest.mark.parametrize("wrong", ["number", "total", "early"])
def test_a_broken_transfer_ends_the_connection(market: BlockingMarket, wrong: str) -> None:
    """Missing parts, wrong totals or an early end are a protocol fault, answered by GOODBYE."""
    client = logged_in(market)
    row = m.AssetRow(symbol="AAPL", currency="USD")
    part = m.AssetListPart(part=1, parts=1, rows=1, total_rows=1, assets=(row,))
    if wrong == "number":
        part.part = 2
    elif wrong == "total":
        part.total_rows = 3
    else:
        part.parts = 2
    correlation = market.requests[-1][0].correlation + 1
    market.plan(Opcode.ASSET_LIST, codec.encode(part, correlation=correlation))
    with pytest.raises(errors.ProtocolFault):
        client.assets()
    # The next call finds a new connection.
    assert client.account().username == "ada"
    assert market.peers[0].connection.goodbye.code == Status.PROTOCOL_STATE
    assert len(market.peers) == 2


def test_unsubscribe(market: BlockingMarket) -> None:
    """After unsubscribing no quote comes, and a reconnect does not bring it back."""
    client = logged_in(market)
    number = client.subscribe_quotes(["AAPL", "IBM"], snapshot=False)
    client.unsubscribe(number, ["IBM"])
    market.tick()
    events = [e.quote.symbol for e in client.events(0.1) if isinstance(e, u.QuoteUpdate)]
    assert events == ["AAPL"]
    client.unsubscribe(number)
    market.peers[0].drop()
    client.account()
    market.tick()
    assert not [e for e in client.events(0.1) if isinstance(e, u.QuoteUpdate)]
    with pytest.raises(ValueError, match="no subscription"):
        client.unsubscribe(number)


def test_history_and_portfolio_are_exact(market: BlockingMarket) -> None:
    """Bought and sold: amounts, cash and positions are exact decimals."""
    market.fill_at_once = True
    client = logged_in(market)
    client.buy("AAPL", "10")
    portfolio = client.portfolio()
    assert portfolio.cash == Decimal("98175")
    assert portfolio.positions[0].quantity == Decimal(10)
    assert portfolio.positions[0].unrealized_pnl == Decimal("-1.00")
    client.sell("AAPL", Decimal("10"))
    history = client.transactions()
    assert [t.amount for t in history] == [Decimal("-1825.00"), Decimal("1824.00")]
    assert history[-1].cash_after == Decimal("99999")
    assert history.next_after == 0
    assert client.portfolio().positions == ()
    assert START > 0


def test_lists_go_both_ways(market: BlockingMarket) -> None:
    """A page's ``next_after`` goes on the way that was begun."""
    market.fill_at_once = True
    client = logged_in(market)
    for _ in range(5):
        client.buy("AAPL", "1")
    for newest_first, numbers in ((False, [1, 2, 3, 4, 5]), (True, [5, 4, 3, 2, 1])):
        orders, transactions, after = [], [], 0
        for _ in range(3):
            page = client.orders(every=True, limit=2, after=after, newest_first=newest_first)
            rows = client.transactions(limit=2, after=after, newest_first=newest_first)
            assert page.next_after == rows.next_after
            orders += [each.order_id for each in page]
            transactions += [each.transaction for each in rows]
            after = page.next_after
        assert orders == transactions == numbers
        assert after == 0


def test_a_tag_comes_back_and_finds_its_order(market: BlockingMarket) -> None:
    """With the order, in lists and events; one that could not be a tag is not sent."""
    client = logged_in(market)
    client.subscribe_account()
    sent = client.buy("AAPL", "1", tag="swing / é")
    newest = client.sell("AAPL", "1", tag="swing / é")
    plain = client.buy("AAPL", "1")
    assert (sent.tag, plain.tag) == ("swing / é", "")
    assert client.order(tag="swing / é").order_id == newest.order_id
    assert [each.tag for each in client.orders()] == ["swing / é", "swing / é", ""]
    told = [each for each in client.events(0) if isinstance(each, u.OrderUpdate)]
    assert [each.order.tag for each in told] == ["swing / é", "swing / é", ""]
    sent_before = len(market.seen(Opcode.ORDER_NEW))
    for tag in ("two\nlines", "x" * 129):
        with pytest.raises(ValueError, match="tag"):
            client.buy("AAPL", "1", tag=tag)
    with pytest.raises(ValueError, match="not by both"):
        client.order(sent.order_id, tag="swing / é")
    assert len(market.seen(Opcode.ORDER_NEW)) == sent_before


def test_another_thread_is_told_to_have_a_client_of_its_own(market: BlockingMarket) -> None:
    """While a call is under way another thread's is refused, and not sent; afterwards it is not."""
    refused: list[BaseException] = []

    def other() -> None:
        try:
            client.buy("AAPL", 1)
        except RuntimeError as error:
            refused.append(error)

    @contextlib.contextmanager
    def beside(_: Client) -> Iterator[None]:
        if threading.current_thread() is threading.main_thread():
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        yield

    client = client_of(market, while_waiting=beside)
    client.login("ada", "correct horse")
    assert [str(error) for error in refused] == [
        "another thread is at work with this client; each thread needs its own"
    ]
    assert list(client.orders(every=True)) == []
    client = logged_in(market)
    thread = threading.Thread(target=client.buy, args=("AAPL", 1))
    thread.start()
    thread.join()
    assert len(client.orders(every=True)) == 1
