"""Revisions apart: one of client, worker and master sends longer frames, and all go on working."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from papertrader.client import errors
from papertrader.client.updates import OrderUpdate, QuoteUpdate, TransactionUpdate
from papertrader.core.orders import OrderEventKind
from papertrader.wire import codec, vectors
from papertrader.wire.kinds import Category, Opcode, Status
from tests.conformance.chain import Ahead, Chain
from tests.conformance.newer import later, split

PASSWORD = "a long enough one"
VECTORS = [vector for vector in vectors.accepted() if not vector.name.startswith("Hello")]
ALL = [Ahead(client=c, worker=w, master=m) for c, w, m in product((False, True), repeat=3)]


@pytest.mark.clause("6.2", "6.4", "6.5", "7.8")
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_longer_frame_has_the_same_values(vector: vectors.Vector) -> None:
    """Each message with longer blocks and rows, unknown sections and grease reads the same."""
    octets = later(vector.octets)
    assert len(octets) > len(vector.octets)
    before, after = codec.decode(vector.octets), codec.decode(octets)
    if after[0].opcode in (Opcode.RELAY_DOWN, Opcode.TOPIC_PUBLISH):
        assert codec.decode(after[1].inner)[1] == codec.decode(before[1].inner)[1]
    else:
        assert after[1] == before[1]


def said(ahead: Ahead) -> str:
    """Name a case."""
    names = ("client", "worker", "master")
    return "".join(name[0] if getattr(ahead, name) else "-" for name in names)


@pytest.mark.clause("7.6", "7.8")
@pytest.mark.parametrize("ahead", ALL, ids=said)
def test_a_day_of_trading_with_revisions_apart(tmp_path: Path, ahead: Ahead) -> None:
    """Register, log in, look around, trade, follow, lose the connection, resume: all as usual."""
    chain = Chain(tmp_path, ahead)
    with chain.client() as client:
        client.register("ann", PASSWORD)
        client.login("ann", PASSWORD, remember=True)
        assert client.account().username == "ann"
        client.subscribe_account(from_event_seq=1)
        client.subscribe_quotes(["IBM"])
        assert {asset.symbol for asset in client.assets()} >= {"IBM", "AAPL"}
        assert client.asset("IBM").symbol == "IBM"
        first, again = client.quotes(["IBM"]), client.quotes(["IBM"])
        assert [quote.symbol for quote in (*first, *again)] == ["IBM", "IBM"]
        bought = client.buy("IBM", 5)
        resting = client.buy("IBM", 1, limit="1.00")
        seen = list(client.events(timeout=5.0))
        assert client.order_cancel(resting.order_id).state.name == "CANCELLED"
        with pytest.raises(errors.RefusedError):
            client.buy("NOSUCH", 1)
        told = [each.order for each in seen if isinstance(each, OrderUpdate)]
        states = [order.state.name for order in told if order.order_id == bought.order_id]
        assert states == ["PENDING", "FILLED"]
        (deposit, trade) = (each for each in seen if isinstance(each, TransactionUpdate))
        assert trade.transaction.amount < 0 < deposit.transaction.amount
        assert any(isinstance(each, QuoteUpdate) for each in seen)
        portfolio = client.portfolio()
        assert portfolio.cash == deposit.transaction.amount + trade.transaction.amount
        assert [(row.symbol, row.quantity) for row in portfolio.positions] == [("IBM", Decimal(5))]
        assert len(client.transactions().items) == 2
        assert len(client.orders().items) == 0
    chain.master.check()


@pytest.mark.clause("12.9", "12.11")
@pytest.mark.parametrize("ahead", ALL, ids=said)
def test_losses_with_revisions_apart(tmp_path: Path, ahead: Ahead) -> None:
    """The client's connection, then the worker link is lost: the session goes on by itself."""
    chain = Chain(tmp_path, ahead)
    with chain.client() as client:
        client.register("ann", PASSWORD)
        client.login("ann", PASSWORD, remember=True)
        client.subscribe_account()
        first = client.buy("IBM", 1, limit="1.00")
        chain.house.wires[-1].cut()
        chain.house.wires.pop()
        second = client.buy("IBM", 2, limit="1.00")
        chain.master_wire.cut()
        chain.house.wires.remove(chain.master_wire)
        dialled = len(chain.reactor.tcpClients)
        for _ in range(200):
            chain.advance(0.05)
            if len(chain.reactor.tcpClients) > dialled:
                break
        chain.link()
        third = client.buy("IBM", 3, limit="1.00")
        numbers = {first.order_id, second.order_id, third.order_id}
        assert {order.order_id for order in client.orders()} == numbers
        told = [each for each in client.events(timeout=2.0) if isinstance(each, OrderUpdate)]
        accepted = [each.order.order_id for each in told if each.kind is OrderEventKind.ACCEPTED]
        assert sorted(accepted) == sorted(numbers)
        sequences = [each.sequence for each in told]
        assert sequences == list(range(sequences[0], sequences[0] + len(told)))
    chain.master.check()


@pytest.mark.clause("7.8", "9.2")
def test_what_only_a_newer_worker_says(tmp_path: Path) -> None:
    """The master ignores notices that it does not know, answers such requests, and goes on."""
    chain = Chain(tmp_path, Ahead())
    (link,) = chain.master.main.workers.links()
    written = len(chain.master_wire.near.writes)
    chain.master_wire.far.write(
        codec.frame(Category.CONTROL, 0x7077, b"news", flags=codec.EVENT)
        + codec.frame(Category.CONTROL, 0x7078, b"well?", correlation=5)
    )
    chain.settle()
    (answer,) = map(codec.decode, split(b"".join(chain.master_wire.near.writes[written:])))
    assert (answer[0].correlation, answer[0].status) == (5, Status.UNKNOWN_OPCODE)
    assert chain.master.main.workers.links() == [link]
    chain.master.check()
