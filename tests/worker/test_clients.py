"""Clients of a worker: relaying untouched, limits, states, and the end told to the master."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

from papertrader.net.factory import AcceptCaps
from papertrader.net.protocol import OutputBounds
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import MORE
from papertrader.wire.kinds import (
    ClosedBy,
    Family,
    Opcode,
    RelayDownFlag,
    RelayUpFlag,
    Role,
    Status,
    TlsVersion,
)
from tests.worker_kit import House, failure_of, login, quote, request, subscribe


def house(**changes: object) -> House:
    """A worker whose link to the master is active."""
    it = House(**changes)
    it.connect_master()
    return it


@pytest.mark.clause("15.4")
def test_a_frame_is_relayed_octet_for_octet_with_when_and_from_whom() -> None:
    """The envelope says all; the body is not looked at, even of an opcode unknown here."""
    it = house()
    client = it.connect_client("192.0.2.9", 4321)
    (opened,) = it.told(m.ClientOpen)
    assert (opened.connection, opened.port, opened.family) == (1, 4321, Family.IPV4)
    assert (opened.tls, opened.software) == (TlsVersion.NONE, "papertrader")
    it.log_in(client)
    octets = request(0x0466, b"\xff" * 50, session=77, correlation=9)
    client.send(octets)
    it.settle()
    (up,) = it.relayed()
    assert up.inner == octets
    assert (up.connection, up.port, up.worker_seq) == (1, 4321, 2)
    assert up.address == bytes(10) + b"\xff\xff\xc0\x00\x02\x09"
    assert up.flags == RelayUpFlag(0)
    assert up.received_at >= it.clock.wall_ns()


@pytest.mark.clause("9.1")
def test_replies_go_back_as_they_are_and_may_overtake_each_other() -> None:
    """Each reply reaches its client; the order is the master's."""
    it = house()
    first, second = it.connect_client(), it.connect_client(port=4001)
    it.log_in(first, 70)
    it.log_in(second, 71)
    it.ask(first, m.AccountGet(), correlation=5, session=70)
    it.ask(second, m.AccountGet(), correlation=5, session=71)
    ups = it.relayed()
    assert [up.worker_seq for up in ups] == [3, 4]
    assert ups[0].received_at < ups[1].received_at
    inner_2 = it.answer(ups[1], m.AccountReply(account=2))
    inner_1 = it.answer(ups[0], m.AccountReply(account=1))
    assert [octets for _, octets in first.frames] == [inner_1]
    assert [octets for _, octets in second.frames] == [inner_2]


def test_many_requests_and_replies_take_few_writes() -> None:
    """50 requests in one chunk go up in one write; 50 replies in one chunk come down in one."""
    it = house()
    client = it.connect_client()
    it.log_in(client)
    writes_up = len(it.master_wire.near.writes)
    client.send(
        b"".join(codec.encode(m.AccountGet(), session=77, correlation=n + 10) for n in range(50))
    )
    it.settle()
    assert len(it.master_wire.near.writes) == writes_up + 1
    ups = it.relayed()
    assert len(ups) == 50
    writes_down = len(client.wire.near.writes)
    down = []
    for up in ups:
        header = codec.parse_header(up.inner)
        inner = codec.encode(m.AccountReply(), session=77, correlation=header.correlation)
        down.append(codec.encode(m.RelayDown(connection=1, inner=inner)))
    it.master.send(b"".join(down))
    it.settle()
    assert len(client.wire.near.writes) == writes_down + 1
    assert len(client.frames) == 50


@pytest.mark.clause("9.6")
def test_parts_of_a_transfer_belong_to_one_request() -> None:
    """The request stays open until the part without MORE."""
    it = house()
    client = it.connect_client()
    it.log_in(client)
    it.ask(client, m.TransactionsGet(), correlation=5, session=77)
    (up,) = it.relayed()
    it.answer(up, m.TransactionsPart(part=1, parts=2), flags=MORE)
    assert len(client.near.open) == 1
    it.answer(up, m.TransactionsPart(part=2, parts=2))
    assert len(client.near.open) == 0
    assert len(client.frames) == 2
    it.answer(up, m.TransactionsPart(part=3, parts=2))
    assert len(client.frames) == 2
    assert it.worker.statistics.late_replies == 1


@pytest.mark.clause("9.3")
def test_the_requests_open_at_once_are_bounded() -> None:
    """The one above the bound is answered TOO_MANY_INFLIGHT; the connection lives."""
    it = house()
    client = it.connect_client()
    it.log_in(client)
    for number in range(limits.INFLIGHT_MAX):
        it.ask(client, m.AccountGet(), correlation=number + 10, session=77)
    assert client.take() == []
    it.ask(client, m.AccountGet(), correlation=999, session=77)
    assert failure_of(client.take()[0]) == (999, Status.TOO_MANY_INFLIGHT)
    ups = it.relayed()
    it.answer(ups[0], m.AccountReply())
    client.take()
    it.advance(1)
    it.ask(client, m.AccountGet(), correlation=999, session=77)
    assert client.take() == []


@pytest.mark.clause("9.3")
def test_commands_have_a_rate() -> None:
    """Above the burst: RATE_LIMITED with the wait; after it the client may go on."""
    it = house()
    client = it.connect_client()
    it.log_in(client)
    statuses = []
    for number in range(limits.COMMAND_BURST + 4):
        it.ask(client, m.AssetGet(symbol="A"), correlation=number + 10, session=77)
        for up in it.relayed():
            it.answer(up, m.AssetReply(symbol="A"))
        statuses += [(header.status, message) for header, message in client.take()]
    good = [status for status, _ in statuses].count(0)
    assert good == limits.COMMAND_BURST - 1  # LOGIN took one
    status, failure = statuses[-1]
    assert status == Status.RATE_LIMITED
    assert isinstance(failure, codec.Failure)
    assert failure.retry_after_ms == 1000 // limits.COMMAND_RATE
    it.advance(0.5)
    it.ask(client, m.AssetGet(symbol="A"), correlation=5000, session=77)
    assert len(it.relayed()) == 1
    assert it.worker.statistics.rate_limited == len(statuses) - good


@pytest.mark.clause("9.1")
def test_an_open_correlation_must_not_be_used_again() -> None:
    """DUPLICATE_CORRELATION closes this client and disturbs no other."""
    it = house()
    client, other = it.connect_client(), it.connect_client(port=4001)
    it.log_in(client)
    it.ask(client, m.AccountGet(), correlation=5, session=77)
    it.ask(client, m.AccountGet(), correlation=5, session=77)
    assert client.goodbye is not None
    assert client.goodbye.code == Status.DUPLICATE_CORRELATION
    it.log_in(other, 71)


@pytest.mark.clause("8.6")
@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"XX" + bytes(40), Status.BAD_MAGIC),
        (b"PT\x02\x01" + bytes(40), Status.VERSION_UNSUPPORTED),
        (b"PT\x01\x01" + b"\x00\x01\x00\x01" + bytes(24), Status.FRAME_TOO_LARGE),
        (b"PT\x01\x07" + bytes(28), Status.BAD_CATEGORY),
        (request(0x0109, correlation=0), Status.PROTOCOL_STATE),
        (request(0x7010, bytes(60), correlation=3), Status.OPCODE_FORBIDDEN),
        (request(0x0109, correlation=3, flags=1), Status.PROTOCOL_STATE),
        (codec.encode(m.Hello(), correlation=1), Status.PROTOCOL_STATE),
        (codec.encode(m.AssetGet(symbol="A"), session=77, correlation=3)[:-1] + b"\xff", None),
    ],
)
def test_a_bad_frame_gives_one_goodbye_and_disturbs_nothing_else(
    octets: bytes, code: Status | None
) -> None:
    """Fatal faults close with their code; what is wrong inside one request is answered."""
    it = house()
    client, other = it.connect_client(), it.connect_client(port=4001)
    it.log_in(client)
    it.log_in(other, 71)
    it.master.take()
    client.send(octets)
    it.settle()
    if code is None:
        # A body that is relayed is the master's to judge.
        assert client.goodbye is None
        assert len(it.relayed()) == 1
    else:
        assert client.goodbye is not None
        assert client.goodbye.code == code
        assert client.frames == []
        (close,) = it.told(m.ClientClose)
        assert (close.connection, close.code, close.by) == (1, code, ClosedBy.WORKER)
    it.ask(other, m.AccountGet(), correlation=8, session=71)
    assert len(it.relayed()) == 1


@pytest.mark.clause("9.2")
def test_opcodes_outside_the_range_are_answered_here() -> None:
    """Grease and private opcodes get UNKNOWN_OPCODE; the master never sees them."""
    it = house()
    client = it.connect_client()
    it.master.take()
    for opcode in (0x0A5A, 0x0700, 0xF001):
        client.send(request(opcode, correlation=opcode))
        it.settle()
        assert failure_of(client.take()[0]) == (opcode, Status.UNKNOWN_OPCODE)
    assert it.master.take() == []


@pytest.mark.clause("11.1")
def test_without_a_session_only_the_door_is_open() -> None:
    """NOT_LOGGED_IN for market data and everything else; LOGIN and WORKER_LIST are relayed."""
    it = house()
    client = it.connect_client()
    it.master.take()
    for number, message in enumerate(
        [m.AssetGet(symbol="A"), subscribe("A"), m.AccountGet(), m.OrderNew(symbol="A")], 1
    ):
        it.ask(client, message, correlation=number)
        assert failure_of(client.take()[0]) == (number, Status.NOT_LOGGED_IN)
    it.ask(client, m.AccountGet(), correlation=9, session=5)
    assert failure_of(client.take()[0]) == (9, Status.NOT_LOGGED_IN)
    assert it.worker.statistics.refused == 5
    it.ask(client, login(), correlation=10)
    it.ask(client, m.WorkerList(), correlation=11)
    assert len(it.relayed()) == 2


@pytest.mark.clause("14.6")
def test_the_session_ends_with_logout_and_with_the_masters_event() -> None:
    """After either the old handle is worth nothing here."""
    it = house()
    client = it.connect_client()
    it.log_in(client)
    it.ask(client, m.Logout(), correlation=2, session=77)
    it.answer(it.relayed()[0], m.LogoutReply(), session=77)
    client.take()
    assert it.worker.clients.sessions == 0
    it.ask(client, m.AccountGet(), correlation=3, session=77)
    assert failure_of(client.take()[0]) == (3, Status.NOT_LOGGED_IN)
    it.log_in(client, 78)
    event = codec.encode(m.SessionEvent(code=Status.SESSION_TAKEN_OVER), session=78)
    it.down(1, event)
    assert [octets for _, octets in client.frames] == [event]
    assert it.worker.clients.sessions == 0


@pytest.mark.clause("9.5")
def test_a_resume_with_a_gap_begins_a_session() -> None:
    """RESUME_GAP is a status, but the session lives."""
    it = house()
    client = it.connect_client()
    it.ask(client, m.Resume(), correlation=1)
    it.answer(it.relayed()[0], m.ResumeReply(session=80), status=Status.RESUME_GAP, session=80)
    assert it.worker.clients.sessions == 1


@pytest.mark.clause("1.1", "7.7")
def test_only_clients_connect_to_the_public_port() -> None:
    """A peer that calls itself a worker or master is turned away."""
    it = house()
    peer = it.connect_client(role=Role.WORKER)
    assert peer.goodbye is not None
    assert peer.goodbye.code == Status.OPCODE_FORBIDDEN
    assert len(it.worker.clients) == 0
    assert it.told(m.ClientOpen) == []
    it.connect_client(role=Role.TOOL)
    assert len(it.worker.clients) == 1


@pytest.mark.clause("7.3")
def test_the_first_frame_must_be_hello() -> None:
    """A client that did not say HELLO never becomes known to the master."""
    it = house()
    near = it.worker.acceptor.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
    assert near is not None
    transport = StringTransport()
    near.makeConnection(transport)
    near.dataReceived(request(0x0109, correlation=1))
    _, goodbye = codec.decode(transport.value())
    assert isinstance(goodbye, m.Goodbye)
    assert goodbye.code == Status.HELLO_EXPECTED
    assert transport.disconnecting
    it.settle()
    assert it.master.take() == []


@pytest.mark.clause("15.3")
@pytest.mark.parametrize(("polite", "code"), [(True, Status.OK), (False, Status.KEEPALIVE_TIMEOUT)])
def test_the_master_learns_how_a_client_ended(polite: bool, code: Status) -> None:
    """by=CLIENT with code 0 says GOODBYE was said; otherwise the connection was just lost."""
    it = house()
    client = it.connect_client()
    it.log_in(client)
    it.ask(client, m.AccountGet(), correlation=5, session=77)
    (up,) = it.relayed()
    if polite:
        client.send(codec.encode(m.Goodbye()))
        it.settle()
    else:
        client.wire.cut()
        it.settle()
    (close,) = it.told(m.ClientClose)
    assert (close.connection, close.code, close.by) == (1, code, ClosedBy.CLIENT)
    assert (close.frames_up, close.frames_down) == (2, 1)
    it.answer(up, m.AccountReply())
    assert it.worker.statistics.strays == 1
    assert len(it.worker.clients) == 0


@pytest.mark.clause("15.3")
def test_the_master_may_close_a_client_and_ban_its_address() -> None:
    """GOODBYE with the master's code; its address is refused for the time, others are not."""
    it = house()
    client, other = it.connect_client(), it.connect_client("192.0.2.2")
    order = m.ClientClose(connection=1, code=Status.BOOTED, by=ClosedBy.MASTER, ban_s=30)
    it.master.send(codec.encode(order))
    it.settle()
    assert client.goodbye is not None
    assert client.goodbye.code == Status.BOOTED
    assert client.lost
    assert not other.lost
    with pytest.raises(ConnectionRefusedError):
        it.connect_client()
    it.advance(30)
    it.connect_client()


@pytest.mark.clause("15.5")
def test_a_reply_can_close_the_connection_after_it() -> None:
    """CLOSE: the frame is delivered, then GOODBYE."""
    it = house()
    client = it.connect_client()
    it.log_in(client)
    it.ask(client, m.Logout(), correlation=5, session=77)
    it.answer(it.relayed()[0], m.LogoutReply(), down=RelayDownFlag.CLOSE)
    assert len(client.frames) == 1
    assert client.goodbye is not None
    assert client.lost


def test_connections_above_the_caps_are_closed_before_anything_is_said() -> None:
    """Caps of the acceptor are those of the configuration."""
    it = house(caps=AcceptCaps(per_address=2))
    it.connect_client()
    it.connect_client()
    with pytest.raises(ConnectionRefusedError):
        it.connect_client()
    it.connect_client("192.0.2.2")
    assert it.worker.acceptor.counters.over_address == 1


@pytest.mark.clause("8.7")
def test_a_client_that_does_not_read_waits_then_gets_the_newest_quotes() -> None:
    """Above the soft bound it is not read from and quotes conflate; later it catches up."""
    it = house(bounds=OutputBounds(soft=2000, hard=100_000))
    client = it.connect_client()
    it.log_in(client)
    it.ask(client, subscribe("A"), correlation=9, session=77)
    client.take()
    client.wire.near.stalled = True
    for seq in range(1, 41):
        it.publish(quote("A", seq=seq))
    assert client.near.is_congested
    assert not client.wire.near.reading
    assert it.worker.topics.counters.conflated > 10
    client.wire.near.unstall()
    it.settle()
    assert client.wire.near.reading
    seqs = [event.quote_seq for _, event in client.take()]
    assert seqs == sorted(seqs)
    assert seqs[-1] == 40
    assert len(seqs) < 30


@pytest.mark.clause("8.7")
def test_a_client_that_never_reads_is_closed_and_the_link_goes_on() -> None:
    """Replies are never dropped: at the hard bound the client is a SLOW_CONSUMER."""
    it = house(bounds=OutputBounds(soft=2000, hard=20_000))
    client, other = it.connect_client(), it.connect_client(port=4001)
    it.log_in(client)
    it.log_in(other, 71)
    it.master.take()
    client.wire.near.stalled = True
    event = codec.frame(2, Opcode.EV_TX, bytes(1000), flags=2, session=77)
    for _ in range(25):
        it.down(1, event)
    assert it.worker.statistics.slow_consumers == 1
    (close,) = it.told(m.ClientClose)
    assert (close.connection, close.code) == (1, Status.SLOW_CONSUMER)
    it.advance(limits.LINGER_S)
    assert client.lost
    it.ask(other, m.AccountGet(), correlation=8, session=71)
    assert len(it.relayed()) == 1
