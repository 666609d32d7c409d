"""Clauses of ``specs/protocol.rst`` that no other test shows by itself."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from papertrader.client import errors
from papertrader.core.instants import SECOND
from papertrader.wire import codec, kinds, limits, vectors
from papertrader.wire import messages as m
from papertrader.wire.connection import Connection
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import FrameFlag, Opcode, Role, Status
from papertrader.wire.schema import MESSAGES
from papertrader.worker.clients import RELAYED_FIRST, RELAYED_LAST
from papertrader.worker.linkstate import TRANSITIONS, LinkState
from tests.conformance.chain import Ahead, Chain
from tests.conformance.newer import split
from tests.conformance.prose import PROSE, table_behind, text_of
from tests.link_kit import WALL_NS, client_link, join, master_link
from tests.master_kit import MasterKit
from tests.worker_kit import House

ORDER = codec.encode(m.OrderNew(symbol="AAPL"), session=7, correlation=1, seq=1)
DEFINED = sum(FrameFlag)
FATAL_CLAUSES = {"4.2", "4.3", "4.4", "5.2", "6.1", "6.6"}


def patched(octets: bytes, offset: int, value: int, size: int = 2) -> bytes:
    """Return a frame with a number put over what stands at an offset."""
    return octets[:offset] + value.to_bytes(size, "big") + octets[offset + size :]


@pytest.mark.clause("3.2")
def test_instants_are_nanoseconds_since_1970() -> None:
    """HELLO and PING tell the worker's clock as POSIX time in nanoseconds."""
    it = House()
    it.connect_master()
    client = it.connect_client()
    peer = client.connection.peer
    assert isinstance(peer, m.HelloReply)
    assert WALL_NS <= peer.server_time < WALL_NS + SECOND
    pongs: list[m.PingReply] = []
    client.connection.on_pong = lambda reply, now: pongs.append(reply)
    it.reactor.advance(2.5)
    client.connection.ping(9, it.clock.wall_ns())
    client.push()
    it.settle()
    assert [pong.received_at - WALL_NS for pong in pongs] == [2_500_000_000]


@pytest.mark.clause("4.7")
@pytest.mark.parametrize("vector", vectors.refused(), ids=lambda vector: vector.name)
def test_which_faults_are_fatal(vector: vectors.Vector) -> None:
    """Where the next frame begins has become doubtful, or who the peer is: then it is fatal."""
    with pytest.raises(RemoteFault) as caught:
        codec.decode(vector.octets)
    doubtful = caught.value.status >> 8 == 1
    assert caught.value.fatal == doubtful
    if vector.clause in FATAL_CLAUSES:
        assert doubtful
    if vector.clause in {"3.5", "3.4", "4.6", "6.4", "9.2"}:
        assert not doubtful


@pytest.mark.clause("5.1", "5.2")
@pytest.mark.parametrize("bit", range(16))
def test_each_bit_of_the_flags(bit: int) -> None:
    """Bits that are not in the table are ignored up to 0x0800; from 0x1000 on they are refused."""
    flag = 1 << bit
    octets = patched(ORDER, 10, flag)
    if flag & kinds.CRITICAL_FLAGS:
        with pytest.raises(RemoteFault) as caught:
            codec.decode(octets)
        assert caught.value.status == Status.CRITICAL_FLAG
        assert caught.value.fatal
    elif flag & ~(FrameFlag.RESPONSE | FrameFlag.EVENT | FrameFlag.CHECKSUM):
        assert codec.decode(octets)[1] == codec.decode(ORDER)[1]
    else:
        with pytest.raises(RemoteFault):
            codec.decode(octets)


@pytest.mark.clause("5.4", "4.6", "4.5")
def test_nobody_sets_what_is_not_defined(tmp_path: Path) -> None:
    """Client, worker and master send defined flags only, and a status in replies only."""
    chain = Chain(tmp_path, Ahead())
    with chain.client() as client:
        client.register("ann", "a long enough one")
        client.login("ann", "a long enough one")
        client.subscribe_account(from_event_seq=1)
        client.subscribe_quotes(["IBM"])
        client.buy("IBM", 1)
        assert list(client.events(timeout=3.0))
        ends = [end for wire in chain.house.wires for end in (wire.near, wire.far)]
        written = [split(b"".join(end.writes)) for end in ends]
    assert all(written)
    for octets in (frame for frames in written for frame in frames):
        head = codec.parse_header(octets)
        assert head.flags & ~DEFINED == 0
        if not head.flags & FrameFlag.RESPONSE:
            assert head.status == 0
            events = (Opcode.EV_ORDER, Opcode.EV_TX)
            assert bool(head.seq) == (head.opcode in kinds.STATE_CHANGING or head.opcode in events)


@pytest.mark.clause("7.2")
@pytest.mark.parametrize(
    ("low", "high", "revision", "chosen"),
    [(1, 1, 1, 1), (1, 200, 40, 1), (0, 1, 0, 0), (1, 1, 0, 0)],
)
def test_the_lower_revision_and_the_common_features(
    low: int, high: int, revision: int, chosen: int
) -> None:
    """The acceptor answers with version 1, the lower revision, and no feature of grease."""
    acceptor = Connection(attrs.evolve(master_link(), role=Role.WORKER), WALL_NS)
    hello = m.Hello(
        min_version=low, max_version=high, role=Role.CLIENT, revision=revision,
        features=kinds.GREASE_FEATURES,
    )  # fmt: skip
    acceptor.receive(codec.encode(hello, correlation=1), WALL_NS)
    _, reply = codec.decode(acceptor.data_to_send())
    assert isinstance(reply, m.HelloReply)
    assert (reply.version, reply.revision, reply.features) == (1, chosen, 0)
    assert reply.max_frame >= limits.FRAME_MAX_LEAST


@pytest.mark.clause("7.7")
@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.name)
def test_who_may_call_where(tmp_path: Path, role: Role) -> None:
    """CLIENT and TOOL at the worker, WORKER at the master; others hear OPCODE_FORBIDDEN."""
    it = House()
    it.connect_master()
    client = it.connect_client(role=role)
    assert (client.goodbye is None) == (role in (Role.CLIENT, Role.TOOL))
    kit = MasterKit(tmp_path)
    link = kit.main.workers.new_link()
    caller = type(client)(client_link(role=role), kit.clock)
    join(link, caller, kit.reactor, near_is_server=True)  # type: ignore[arg-type]
    assert (caller.goodbye is None) == (role is Role.WORKER)
    for goodbye in (client.goodbye, caller.goodbye):
        assert goodbye is None or goodbye.code == Status.OPCODE_FORBIDDEN


@pytest.mark.clause("8.4", "8.8")
def test_a_ping_overtakes_what_waits() -> None:
    """While the transport takes nothing, the answer to PING goes before what is queued already."""
    it = House()
    it.connect_master()
    client = it.connect_client()
    it.log_in(client)
    client.wire.near.stalled = True
    event = codec.encode(m.TransactionEvent(transaction=1), session=77, seq=1)
    for _ in range(3):
        it.down(1, event)
    client.connection.ping(9, it.clock.wall_ns())
    client.push()
    it.settle()
    client.wire.near.unstall()
    it.settle()
    opcodes = [codec.parse_header(frame).opcode for frame in split(bytes(client.raw))]
    # The first event had gone to the transport before it was full.
    assert opcodes[-4:] == [Opcode.EV_TX, Opcode.PING, Opcode.EV_TX, Opcode.EV_TX]


@pytest.mark.clause("15.10")
def test_the_states_of_the_link_are_those_of_the_code() -> None:
    """Each arrow of the table is one of the worker's state machine, and none is left out."""
    rows = table_behind("15.10")
    told = {(state, after.partition(";")[0]) for state, _, after in rows}
    arrows = {(before.name, after.name) for (before, _), after in TRANSITIONS.items()}
    assert told == {(before, after) for before, after in arrows if before != after}
    assert {state for state, _, _ in rows} == set(LinkState.__members__)


@pytest.mark.clause("11.6")
def test_the_states_of_a_session_are_closed() -> None:
    """Every state of the table but the last can be left, and every one can be reached."""
    rows = table_behind("11.6")
    states = {state for state, _, _ in rows}
    reached = {re.split(r"[ ;]", after)[0] for _, _, after in rows}
    assert states == {"NONE", "ATTACHED", "DETACHED"}
    assert reached == {"ATTACHED", "DETACHED", "ENDED"}


@pytest.mark.clause("12.1")
def test_the_commands_are_those_of_the_text() -> None:
    """Each that changes state, and no other, is in the list."""
    listed = text_of("12.1").partition(". It carries")[0]
    named = re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", listed.replace("VALIDATE_ONLY", ""))
    assert sorted(named) == sorted(opcode.name for opcode in kinds.STATE_CHANGING)


@pytest.mark.clause("17.2")
def test_statuses_of_later_revisions() -> None:
    """0x01xx is fatal, everything else refuses the one request; the number is kept."""
    _, made = codec.decode(codec.failure(Opcode.ACCOUNT_GET, 0x0BAD, "later", correlation=3))
    assert isinstance(made, codec.Failure)
    assert not kinds.is_fatal(0x0BAD)
    assert kinds.is_fatal(0x01FE)
    error = errors.refusal(0x0BAD, made.text or "", None, None)
    assert type(error) is errors.RefusedError
    assert error.status == 0x0BAD


@pytest.mark.clause("18.1")
def test_the_ranges_of_opcodes() -> None:
    """Each opcode lies in the range of its link; what a client may ask is what a worker relays."""
    asked = {int(opcode) for message in MESSAGES for opcode in (message.opcode, *message.also)}
    for opcode in asked:
        control = opcode <= 0x00FF
        client = RELAYED_FIRST <= opcode <= RELAYED_LAST
        inner = 0x7001 <= opcode <= 0x7DFF
        journal = 0x7E01 <= opcode <= 0x7EFF
        assert [control, client, inner, journal].count(True) == 1, hex(opcode)
    assert f"0x{RELAYED_FIRST:04X} to 0x{RELAYED_LAST:04X} asked by clients" in PROSE
