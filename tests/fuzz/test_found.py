"""What the harness found once, so that it stays found: each test was a finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from papertrader.client.blocking import Client
from papertrader.client.errors import PaperTraderError
from papertrader.core.money import SCALE
from papertrader.fuzz.mutate import put
from papertrader.fuzz.reference import Reference
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.connection import Connection, Link, State
from papertrader.wire.kinds import Opcode, RelayDownFlag, Role, Status
from tests.client_kit import BlockingMarket
from tests.master_kit import MasterClient, MasterKit
from tests.worker_kit import House

MOST = 2**64 - 1


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MasterKit]:
    """A master whose books must be right when the test is over."""
    made = MasterKit(tmp_path)
    yield made
    made.check()


@pytest.fixture
def ann(kit: MasterKit) -> MasterClient:
    """A trader with an account and a session."""
    client = kit.client(None, 1)
    assert client.register("ann").status == 0
    assert client.login("ann").status == 0
    return client


def test_a_number_that_the_stores_cannot_hold_is_refused(kit: MasterKit, ann: MasterClient) -> None:
    """It went into the journal, ended the master, and ended each that tried to recover."""
    order = m.OrderNew(client_order_id=1, symbol="AAPL", quantity=SCALE)
    for seq in (2**63, MOST):
        assert ann.ask(order, seq=seq).status == Status.INVALID_FIELD
    assert ann.ask(order, seq=2**63 - 1).status != Status.INVALID_FIELD
    kit.kill()
    kit.boot()
    assert kit.client(None, 1).login("ann").status == 0


def test_a_page_beyond_what_the_stores_can_hold_is_empty(ann: MasterClient) -> None:
    """TRANSACTIONS_GET with every bound at its greatest was answered INTERNAL."""
    for message in (
        m.TransactionsGet(after=MOST),
        m.TransactionsGet(from_time=MOST, to_time=MOST),
        m.TransactionsGet(to_time=MOST, after=2**63),
    ):
        answer = ann.ask(message)
        assert (answer.status, answer.message.rows) == (Status.OK, 0)
    assert ann.ask(m.TransactionsGet(to_time=MOST)).message.rows == 1


def test_goodbye_says_the_fatal_fault_that_the_master_found() -> None:
    """The worker closed such a client with GOODBYE(OK)."""
    house = House()
    house.connect_master()
    client = house.connect_client()
    house.log_in(client)
    house.ask(client, m.PortfolioGet(), correlation=5, session=77)
    house.answer(
        house.relayed()[0], codec.Failure("the category is not its own"),
        status=Status.BAD_CATEGORY, down=RelayDownFlag.CLOSE,
    )  # fmt: skip
    assert client.goodbye is not None
    assert client.goodbye.code == Status.BAD_CATEGORY


def test_a_cancel_in_the_shape_of_a_request_is_answered_once() -> None:
    """It was answered UNKNOWN_OPCODE, and then passed on, which closed the connection."""
    link = Link(
        role=Role.WORKER, initiator=False, frame_max=limits.CLIENT_FRAME_MAX, instance=1, outer=True
    )
    connection = Connection(link, 0)
    connection.receive(codec.encode(m.Hello(role=Role.CLIENT, min_version=1, max_version=1)), 1)
    connection.data_to_send()
    cancel = put(codec.encode(m.Ping(), correlation=9), 8, "H", Opcode.CANCEL)
    assert connection.receive(cancel, 2) == []
    header, failure = codec.decode(connection.data_to_send())
    assert (header.status, header.correlation) == (Status.UNKNOWN_OPCODE, 9)
    assert isinstance(failure, codec.Failure)
    assert connection.state is State.OPEN


@pytest.mark.parametrize("opcode", [Opcode.CANCEL, Opcode.HEARTBEAT, Opcode.PING])
def test_a_control_request_sent_twice_may_be_answered_twice(opcode: int) -> None:
    """The harness blamed the target for a reply that nothing had asked for."""
    reference = Reference(0.0)
    link = Link(
        role=Role.WORKER, initiator=False, frame_max=limits.CLIENT_FRAME_MAX, instance=1, outer=True
    )
    target = Connection(link, 0)
    twice = put(codec.encode(m.Ping(), correlation=9), 8, "H", opcode)
    hello = codec.encode(m.Hello(role=Role.CLIENT, min_version=1, max_version=1))
    found, came = [], 0
    for sent in (hello, twice + twice):
        reference.sent(sent, 0.0)
        target.receive(sent, 1)
        octets = target.data_to_send()
        while octets:
            size = limits.HEADER_SIZE + codec.parse_header(octets).length
            header, message = codec.decode(octets[:size])
            found += reference.received(header, octets[:size], message, 0.0)
            came += 1
            octets = octets[size:]
    assert (found, came) == ([], 3)
    assert not reference.owes


def test_a_server_that_says_an_impossible_number_is_a_fault_and_no_crash() -> None:
    """RESUME told of command 2**64 - 1; the client's next number did not fit its own frame."""
    market = BlockingMarket()
    market.add("ada", "correct horse")
    with Client("127.0.0.1:2049", learn_workers=False, **market.options()) as client:
        client.login("ada", "correct horse")
        for session in market.sessions.values():
            session.last_seq = MOST
        market.plan(Opcode.PORTFOLIO_GET, "drop")
        with pytest.raises(PaperTraderError):
            client.portfolio()
        with pytest.raises(PaperTraderError):
            client.buy("AAPL", 1)
