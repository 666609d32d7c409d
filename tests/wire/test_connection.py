"""The connection without its socket: HELLO, states, faults, chunks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.instants import SECOND
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import Header
from papertrader.wire.connection import TRANSITIONS, Connection, Happening, State
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode, Role, Status
from tests.strategies import messages
from tests.wire.ends import HELLO, PING, REQUEST, START, client, goodbyes, link, opened, worker
from tests.wire.frames import HEAD, frames_in, patched

QUICK = settings(deadline=None, max_examples=100)


@pytest.mark.parametrize("keepalive_s", [1, limits.KEEPALIVE_MAX_S])
def test_the_bounds_of_a_keep_alive_interval(keepalive_s: int) -> None:
    """The least and the most are taken; what is beyond them is a mistake of ours."""
    assert client(keepalive_s=keepalive_s).state is State.WAIT_HELLO
    beyond = 0 if keepalive_s == 1 else keepalive_s + 1
    with pytest.raises(ValueError, match="out of bounds"):
        client(keepalive_s=beyond)


# --- HELLO -------------------------------------------------------------------------------------


@pytest.mark.clause("1.2", "7.1", "7.5")
@QUICK
@given(grease=st.integers(0, 2**32 - 1), wish=st.integers(1, 120), own=st.integers(1, 120))
def test_hello_opens_both_ends(grease: int, wish: int, own: int) -> None:
    """HELLO, greased or not, opens both ends; features are none; the interval is in bounds."""
    initiator, acceptor = client(grease=grease, keepalive_s=wish), worker(keepalive_s=own)
    assert acceptor.receive(initiator.data_to_send(), START) == []
    assert initiator.receive(acceptor.data_to_send(), START) == []
    assert initiator.state is acceptor.state is State.OPEN
    assert isinstance(initiator.peer, m.HelloReply)
    assert isinstance(acceptor.peer, m.Hello)
    assert initiator.peer.features == 0
    assert initiator.peer.keepalive_s * SECOND == acceptor.keepalive <= own * SECOND
    assert initiator.keepalive <= wish * SECOND
    if min(wish, own) >= limits.KEEPALIVE_MIN_S:
        assert initiator.keepalive == acceptor.keepalive == min(wish, own) * SECOND
    assert initiator.frame_max_peer == limits.CLIENT_FRAME_MAX
    assert acceptor.frame_max_peer == limits.FRAME_MAX


@pytest.mark.clause("7.6")
def test_grease_is_sent() -> None:
    """With grease, HELLO carries a reserved flag, reserved features and an unknown section."""
    octets = client(grease=0xABCDEF01).data_to_send()
    header, made = codec.decode(octets)
    assert isinstance(made, m.Hello)
    assert header.flags & kinds.FrameFlag.GREASE
    assert made.features == 0x01 << 56
    assert len(octets) > len(HELLO)
    assert codec.decode(HELLO)[1] == m.Hello(
        min_version=1, max_version=1, role=Role.CLIENT, revision=1, keepalive_s=15,
        max_frame=limits.FRAME_MAX, instance=5, software="papertrader",
    )  # fmt: skip


@pytest.mark.parametrize("version", [0, 2, 255])
def test_hello_is_read_whatever_version_its_header_names(version: int) -> None:
    """HELLO is frozen: its header's version decides nothing, its body's range does."""
    connection = worker()
    connection.receive(patched(HELLO, 2, "B", version), START)
    assert connection.state is State.OPEN


def test_no_common_version() -> None:
    """Without a common version the reply tells the range, and GOODBYE follows. Clause 7.2."""
    connection = worker()
    hello = codec.encode(m.Hello(min_version=2, max_version=3), correlation=1)
    connection.receive(hello, START)
    (head, reply), (_, goodbye) = frames_in(connection.data_to_send())
    assert isinstance(reply, m.HelloReply)
    assert (head.status, reply.version) == (Status.VERSION_UNSUPPORTED, 0)
    assert (reply.min_version, reply.max_version) == (1, 1)
    assert isinstance(goodbye, m.Goodbye)
    assert goodbye.code == Status.VERSION_UNSUPPORTED


def test_the_initiator_gives_up_on_a_refusal() -> None:
    """A refused initiator closes and says which versions the peer speaks. Clause 7.2."""
    for octets in (
        codec.encode(m.HelloReply(min_version=4, max_version=6), status=0x0102, correlation=1),
        codec.encode(m.HelloReply(version=4, min_version=4, max_version=6), correlation=1),
    ):
        initiator = client()
        initiator.receive(octets, START)
        assert initiator.fault is not None
        assert initiator.fault.status is Status.VERSION_UNSUPPORTED
        assert "4 to 6" in initiator.fault.text
    initiator = client()
    initiator.receive(codec.failure(Opcode.HELLO, Status.INTERNAL, correlation=1), START)
    assert initiator.state is State.CLOSED


@pytest.mark.clause("7.3")
def test_goodbye_instead_of_hello() -> None:
    """A server that cannot take the connection says GOODBYE at once; the client learns why."""
    initiator = client()
    initiator.data_to_send()
    initiator.receive(codec.encode(m.Goodbye(code=Status.TOO_MANY_CONNECTIONS)), START)
    assert initiator.state is State.CLOSED
    assert initiator.fault is None
    assert initiator.goodbye is not None
    assert initiator.goodbye.code == Status.TOO_MANY_CONNECTIONS
    assert initiator.data_to_send() == b""


@pytest.mark.clause("1.2")
@pytest.mark.parametrize(
    ("end", "octets"),
    [
        (client, HELLO),
        (worker, codec.encode(m.HelloReply(version=1))),
        (worker, codec.failure(Opcode.GOODBYE, Status.INTERNAL)),
    ],
)
def test_hello_of_the_wrong_side(end: Callable[[], Connection], octets: bytes) -> None:
    """The initiator is not greeted, the acceptor not answered; a reply is no GOODBYE."""
    connection = end()
    connection.receive(octets, START)
    assert connection.fault is not None
    assert connection.fault.status in (Status.HELLO_EXPECTED, Status.BAD_CATEGORY)


@pytest.mark.clause("7.5", "10.2")
def test_the_peers_least_frame() -> None:
    """Whatever HELLO says, FRAME_MAX_LEAST is taken to fit, and never more than FRAME_MAX."""
    for told, used in ((0, limits.FRAME_MAX_LEAST), (2**32 - 1, limits.FRAME_MAX)):
        connection = worker()
        hello = m.Hello(min_version=1, max_version=1, max_frame=told)
        connection.receive(codec.encode(hello), START)
        assert connection.frame_max_peer == used


@pytest.mark.parametrize("keepalive_s", [0, limits.KEEPALIVE_MAX_S + 1])
def test_keepalive_out_of_bounds(keepalive_s: int) -> None:
    """An end cannot be set to an interval outside the bounds."""
    with pytest.raises(ValueError, match="keep-alive"):
        worker(keepalive_s=keepalive_s)


# --- the table of states -----------------------------------------------------------------------

HAPPENINGS: dict[Happening, bytes] = {
    Happening.HELLO: HELLO,
    Happening.FRAME: REQUEST,
    Happening.GOODBYE: codec.encode(m.Goodbye(code=0)),
    Happening.FAULT: b"GET / HTTP/1.1\r\n\r\n",
}
ABSENT = {
    (State.WAIT_HELLO, Happening.FRAME): Status.HELLO_EXPECTED,
    (State.OPEN, Happening.HELLO): Status.PROTOCOL_STATE,
}


def _in_state(state: State) -> Connection:
    connection = worker() if state is State.WAIT_HELLO else opened()
    if state is State.CLOSED:
        connection.say_goodbye(0)
        connection.data_to_send()
    return connection


@pytest.mark.clause("8.1")
@pytest.mark.parametrize("happening", Happening)
@pytest.mark.parametrize("state", State)
def test_every_state_and_happening(state: State, happening: Happening) -> None:
    """A pair of the table leads where it says; an absent one is a fault; CLOSED ignores all."""
    connection = _in_state(state)
    frames = connection.receive(HAPPENINGS[happening], START)
    if state is State.CLOSED:
        assert (connection.state, frames, connection.data_to_send()) == (State.CLOSED, [], b"")
        return
    after = TRANSITIONS.get((state, happening))
    assert connection.state is (State.CLOSED if after is None else after)
    assert bool(frames) == (happening is Happening.FRAME and state is State.OPEN)
    if after is None:
        expected = [ABSENT[state, happening]]
    else:
        expected = [Status.BAD_MAGIC] if happening is Happening.FAULT else []
    assert goodbyes(connection) == expected
    assert (connection.fault is not None) == bool(expected)


def test_the_table_is_complete() -> None:
    """Every pair of a living state is in the table, or is a fault of its own kind. Clause 8.1."""
    living = {(s, h) for s in (State.WAIT_HELLO, State.OPEN) for h in Happening}
    assert living == TRANSITIONS.keys() | ABSENT.keys()


# --- faults ------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[bytes, Status]] = {
    "magic": (patched(REQUEST, 0, "2s", b"PX"), Status.BAD_MAGIC),
    "version": (patched(REQUEST, 2, "B", 2), Status.VERSION_UNSUPPORTED),
    "category": (patched(REQUEST, 3, "B", 9), Status.BAD_CATEGORY),
    "too large": (patched(REQUEST, 4, "I", limits.CLIENT_FRAME_MAX - 31), Status.FRAME_TOO_LARGE),
    "block_len": (patched(REQUEST, 12, "H", 17), Status.BAD_LENGTH),
    "critical flag": (patched(REQUEST, 10, "H", 0x2000), Status.CRITICAL_FLAG),
    "reply": (codec.encode(m.LogoutReply()), Status.PROTOCOL_STATE),
    "event": (codec.encode(m.QuoteEvent()), Status.PROTOCOL_STATE),
    "inner opcode": (patched(REQUEST, 8, "H", 0x7001), Status.OPCODE_FORBIDDEN),
    "journal opcode": (patched(REQUEST, 8, "H", 0x7E01), Status.OPCODE_FORBIDDEN),
    "second hello": (HELLO, Status.PROTOCOL_STATE),
    "control category": (patched(PING, 3, "B", 1), Status.BAD_CATEGORY),
    "control checksum": (patched(PING, 10, "H", codec.CHECKSUM), Status.BAD_CHECKSUM),
    "bad heartbeat": (
        codec.frame(3, Opcode.HEARTBEAT, b"1234567", flags=codec.EVENT),
        Status.BLOCK_TOO_SHORT,
    ),
}


@pytest.mark.clause("4.2")
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_ends_the_connection_with_one_goodbye(name: str) -> None:
    """Frames before the fault are handed on, one GOODBYE has its code, all after it is ignored."""
    octets, status = FAULTS[name]
    connection = opened()
    frames = connection.receive(REQUEST + octets + REQUEST, START)
    assert [frame for _, frame in frames] == [REQUEST]
    assert connection.fault is not None
    assert connection.fault.status is status
    assert connection.receive(REQUEST, START) == []
    connection.fail(RemoteFault(Status.IDLE, "too late"))
    connection.say_goodbye(0)
    assert goodbyes(connection) == [status]
    assert connection.next_deadline() is None


@pytest.mark.clause("8.4")
@pytest.mark.parametrize("opcode", [0x0006, 0x00FF])
def test_unknown_control_requests_are_answered(opcode: int) -> None:
    """A control request that is not known is answered UNKNOWN_OPCODE and the connection lives."""
    connection = opened()
    connection.receive(patched(PING, 8, "H", opcode), START)
    ((header, made),) = frames_in(connection.data_to_send())
    assert (header.opcode, header.status) == (opcode, Status.UNKNOWN_OPCODE)
    assert (header.correlation, connection.state) == (9, State.OPEN)
    assert isinstance(made, codec.Failure)


@pytest.mark.clause("9.2")
def test_a_control_event_of_a_later_revision_is_ignored() -> None:
    """By a client and on the worker link: the connection lives, and nobody sees it."""
    later = codec.frame(kinds.Category.CONTROL, 0x0040, bytes(8), b"", flags=codec.EVENT)
    ends = client(), worker(outer=False)
    for mine, other in (ends, ends[::-1]):
        other.receive(mine.data_to_send(), START)
    ends[0].receive(ends[1].data_to_send(), START)
    for each in ends:
        assert each.receive(later, START) == []
        assert (each.state, each.data_to_send()) == (State.OPEN, b"")
    outer = opened()
    outer.receive(later, START)
    assert outer.state is State.CLOSED


@pytest.mark.clause("9.1")
def test_a_ping_of_ours_has_a_correlation() -> None:
    """0 is none, whoever is strict about it."""
    connection = opened()
    connection.ping(3, START)
    ((header, _),) = frames_in(connection.data_to_send())
    assert header.correlation


def test_a_bad_ping_is_answered_with_its_place() -> None:
    """What is wrong inside one control request is answered, not punished. Clause 8.4."""
    connection = opened()
    connection.receive(codec.frame(3, Opcode.PING, b"short", correlation=4), START)
    ((header, _),) = frames_in(connection.data_to_send())
    assert (header.status, connection.state) == (Status.BLOCK_TOO_SHORT, State.OPEN)


@pytest.mark.parametrize("opcode", [0x0A5A, 0x6FFF, 0x8000, 0xFFFF])
def test_other_unknown_opcodes_are_handed_on(opcode: int) -> None:
    """An unknown opcode outside control is for the layer above to answer."""
    frame = patched(REQUEST, 8, "H", opcode)
    assert [octets for _, octets in opened().receive(frame, START)] == [frame]


def test_journal_records_cross_no_link() -> None:
    """On the worker link inner opcodes pass, but records of the journal do not. Clause 16.1."""
    master = Connection(link(Role.MASTER, False, keepalive_s=2), START)
    master.receive(HELLO, START)
    ack = codec.encode(m.RelayAck(ack_worker_seq=1))
    assert len(master.receive(ack, START)) == 1
    assert master.receive(codec.encode(m.StoreTime()), START) == []
    assert master.fault is not None
    assert master.fault.status is Status.OPCODE_FORBIDDEN


def test_long_fault_texts_are_cut() -> None:
    """GOODBYE can say any text: it is cut to what its section holds."""
    connection = opened()
    connection.fail(RemoteFault(Status.INVALID_FIELD, "é" * 5_000))
    ((_, made),) = frames_in(connection.data_to_send())
    assert isinstance(made, m.Goodbye)
    assert made.text == "é" * (limits.TEXT_MAX // 2)


# --- chunks and noise --------------------------------------------------------------------------


def _fed(chunks: list[bytes], connection: Connection) -> list[tuple[Header, bytes]]:
    return [frame for chunk in chunks for frame in connection.receive(chunk, START)]


def _cut(octets: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(octets) + 1) for place in places} | {0, len(octets)})
    return [octets[a:b] for a, b in pairwise(ends)]


@pytest.mark.clause("2.3")
@QUICK
@given(
    made=st.lists(messages(), max_size=4),
    places=st.lists(st.integers(0, 2**16), max_size=12),
    spoiled=st.none() | st.tuples(st.integers(0, 2**16), st.integers(1, 255)),
)
def test_any_chunks_give_the_same(
    made: list[Message], places: list[int], spoiled: tuple[int, int] | None
) -> None:
    """However a stream is cut, good or spoiled: same frames, same state, same answer."""
    stream = bytearray(HELLO + b"".join(codec.encode(each, correlation=1) for each in made))
    if spoiled is not None:
        stream[spoiled[0] % len(stream)] ^= spoiled[1]
    octets = bytes(stream)
    for outer in (True, False):
        whole, cut = worker(outer=outer), worker(outer=outer)
        assert whole.receive(octets, START) == _fed(_cut(octets, places), cut)
        assert (whole.state, goodbyes(whole)) == (cut.state, goodbyes(cut))
        assert str(whole.fault) == str(cut.fault)


def test_octet_by_octet() -> None:
    """One octet at a time gives the frames of the whole, on either end."""
    stream = HELLO + REQUEST + PING + REQUEST
    connection = worker()
    frames = _fed([stream[i : i + 1] for i in range(len(stream))], connection)
    assert [octets for _, octets in frames] == [REQUEST, REQUEST]


@QUICK
@given(
    noise=st.binary(min_size=1, max_size=200),
    begin=st.sampled_from([b"", HELLO, HELLO + b"PT\x01\x01", HELLO + REQUEST[:20]]),
)
def test_noise_gives_at_most_one_goodbye(noise: bytes, begin: bytes) -> None:
    """Random octets raise nothing and bring one GOODBYE at most, as the last frame said."""
    connection = worker()
    _fed([begin, noise, noise], connection)
    connection.handle_time(START + limits.FRAME_TIMEOUT_S * SECOND)
    said = [isinstance(made, m.Goodbye) for _, made in frames_in(connection.data_to_send())]
    closed = connection.state is State.CLOSED
    # A few zeros can be the rest of an empty request, which is answered and harms nobody.
    assert closed or connection.fault is None
    assert said.count(True) == closed
    assert not closed or said[-1]


class Counting(Connection):
    """A connection that counts how often it looks for frames."""

    looked = 0

    def _split(self, data: bytes, frames: list[tuple[Header, bytes]], now: int) -> int:
        self.looked += 1
        return super()._split(data, frames, now)


def test_a_slow_drip_is_looked_at_a_few_times_only() -> None:
    """A frame of 64 KiB, octet by octet, costs a fixed number of looks, not one an octet."""
    connection = Counting(link(Role.WORKER, False, outer=True), START)
    connection.receive(HELLO, START)
    body = bytes(8) + codec.section(0x5A, bytes(limits.CLIENT_FRAME_MAX - HEAD - 8 - 6))
    octets = codec.frame(1, Opcode.QUOTE_GET, body[:8], body[8:])
    assert len(octets) == limits.CLIENT_FRAME_MAX
    before = connection.looked
    frames = _fed([octets[i : i + 1] for i in range(len(octets))], connection)
    assert [frame for _, frame in frames] == [octets]
    assert connection.looked - before <= 3


@pytest.mark.clause("4.3")
def test_too_large_is_said_before_the_body_comes() -> None:
    """The header alone of a frame that is too large ends the connection: nothing is stored."""
    connection = opened()
    connection.receive(patched(REQUEST, 4, "I", 2**31)[:HEAD], START)
    assert goodbyes(connection) == [Status.FRAME_TOO_LARGE]
