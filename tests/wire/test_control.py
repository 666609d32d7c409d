"""The connection without its socket: control frames, and what time brings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from papertrader.core.instants import MILLISECOND, SECOND
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.connection import PINGS_OPEN, State
from papertrader.wire.errors import LocalFault
from papertrader.wire.kinds import Opcode, Status
from tests.wire.ends import HELLO, PING, REQUEST, START, client, goodbyes, opened, worker
from tests.wire.frames import frames_in

# --- control frames ----------------------------------------------------------------------------


def test_ping_is_answered_at_once() -> None:
    """The answer has the token and both clocks. Clause 8.4."""
    connection = opened()
    connection.receive(PING, START + 5)
    ((header, made),) = frames_in(connection.data_to_send())
    assert made == m.PingReply(token=7, sent_at=8, received_at=START + 5)
    assert header.correlation == 9


def test_pong_is_handed_on() -> None:
    """The answer to our own PING goes to `on_pong`, if somebody wants it."""
    initiator, acceptor = client(), worker()
    acceptor.receive(initiator.data_to_send(), START)
    initiator.receive(acceptor.data_to_send(), START)
    heard: list[tuple[int, int]] = []
    for hook in (None, lambda reply, now: heard.append((reply.token, now))):
        initiator.on_pong = hook
        initiator.ping(3, START)
        acceptor.receive(initiator.data_to_send(), START)
        initiator.receive(acceptor.data_to_send(), START + 9)
    assert heard == [(3, START + 9)]


def test_what_answers_no_ping_of_ours_is_ignored() -> None:
    """Another token, another instant, a second answer, or one older than `PINGS_OPEN`."""
    initiator, acceptor = client(), worker()
    acceptor.receive(initiator.data_to_send(), START)
    initiator.receive(acceptor.data_to_send(), START)
    heard: list[tuple[int, int]] = []
    initiator.on_pong = lambda reply, now: heard.append((reply.token, reply.sent_at))
    for token in range(PINGS_OPEN + 1):
        initiator.ping(token, START + token)
    answers = [(0, 0), (1, 2), (9, 1), (1, 1), (1, 1), (PINGS_OPEN, PINGS_OPEN)]
    for token, after in answers:
        reply = m.PingReply(token=token, sent_at=START + after, received_at=START)
        initiator.receive(codec.encode(reply), START + 20)
    assert heard == [(1, START + 1), (PINGS_OPEN, START + PINGS_OPEN)]
    assert initiator.state is State.OPEN


def test_ping_needs_an_open_connection() -> None:
    """Nothing but HELLO and GOODBYE is sent before HELLO."""
    with pytest.raises(LocalFault):
        client().ping(1, START)


def test_heartbeat_tells_the_next_event() -> None:
    """What the peer's heartbeat says of the account stream can be read. Clause 8.3."""
    connection = opened()
    connection.receive(codec.encode(m.Heartbeat(next_event_seq=41)), START)
    assert (connection.next_event_seq, connection.data_to_send()) == (41, b"")


def test_a_reply_of_control_that_is_a_failure_is_ignored() -> None:
    """A refused PING is no reason to close."""
    connection = opened()
    connection.receive(codec.failure(Opcode.PING, Status.INVALID_FIELD, correlation=1), START)
    assert (connection.state, connection.data_to_send()) == (State.OPEN, b"")


@pytest.mark.clause("8.4")
def test_control_frames_are_rationed() -> None:
    """CONTROL_BURST at once (HELLO is one) and CONTROL_RATE a second; more is PROTOCOL_STATE."""
    connection = opened()
    for _ in range(limits.CONTROL_BURST - 1):
        connection.receive(PING, START)
    assert connection.state is State.OPEN
    later = START + SECOND
    for _ in range(limits.CONTROL_RATE):
        connection.receive(PING, later)
    assert connection.state is State.OPEN
    connection.data_to_send()
    connection.receive(PING + REQUEST, later)
    assert goodbyes(connection) == [Status.PROTOCOL_STATE]


def test_the_worker_link_is_not_rationed() -> None:
    """Between worker and master control frames are not counted."""
    connection = opened(outer=False)
    for _ in range(3 * limits.CONTROL_BURST):
        connection.receive(PING, START)
    assert connection.state is State.OPEN


def test_goodbye_carries_where_else_to_go() -> None:
    """GOODBYE can name other workers and a wait; said twice it is sent once. Clause 8.5."""
    connection = opened()
    row = m.WorkerRow(port=2049, host="a.example")
    connection.say_goodbye(Status.SHUTDOWN, "maintenance", 500, (row,))
    connection.say_goodbye(Status.IDLE)
    ((_, made),) = frames_in(connection.data_to_send())
    assert made == m.Goodbye(
        code=Status.SHUTDOWN, retry_after_ms=500, text="maintenance", workers=(row,)
    )


# --- time --------------------------------------------------------------------------------------


def test_hello_in_time() -> None:
    """Without HELLO the connection ends after HELLO_TIMEOUT_S, drip or not. Clause 7.3."""
    connection = worker()
    due = START + limits.HELLO_TIMEOUT_S * SECOND
    assert connection.next_deadline() == due
    connection.receive(HELLO[:-1], due - 1)
    connection.handle_time(due - 1)
    assert connection.state is State.WAIT_HELLO
    connection.handle_time(due)
    assert goodbyes(connection) == [Status.HELLO_TIMEOUT]
    connection.handle_time(due)
    assert connection.data_to_send() == b""


def test_heartbeat_when_nothing_else_was_sent() -> None:
    """A heartbeat is due one interval after the last frame sent, again and again. Clause 8.2."""
    connection = opened()
    due = START + limits.KEEPALIVE_S * SECOND
    assert connection.next_deadline() == due
    connection.handle_time(due - 2 * MILLISECOND)
    assert connection.data_to_send() == b""
    connection.handle_time(due)
    ((_, made),) = frames_in(connection.data_to_send())
    assert isinstance(made, m.Heartbeat)
    connection.receive(PING, due)
    connection.sent(due + SECOND)
    assert connection.next_deadline() == due + SECOND + limits.KEEPALIVE_S * SECOND


@pytest.mark.clause("8.2")
def test_silence_ends_the_connection() -> None:
    """Nothing heard for two and a half intervals is KEEPALIVE_TIMEOUT; any octet is life."""
    connection = opened()
    limit = limits.KEEPALIVE_S * SECOND * 5 // 2
    connection.handle_time(START + limit - 1)
    assert connection.state is State.OPEN
    connection.receive(PING, START + limit - 1)
    connection.handle_time(START + limit)
    assert connection.state is State.OPEN
    connection.data_to_send()
    connection.handle_time(START + limit - 1 + limit)
    assert goodbyes(connection) == [Status.KEEPALIVE_TIMEOUT]


def test_a_short_interval_on_the_worker_link() -> None:
    """Set to the inner interval, a silent cut is seen within 5 seconds, even half a second late."""
    connection = opened(keepalive_s=limits.INNER_KEEPALIVE_S)
    due = START + limits.INNER_KEEPALIVE_S * SECOND * 9 // 4
    assert due <= START + 4_500_000_000
    connection.handle_time(due - 1)
    assert connection.state is State.OPEN
    connection.handle_time(due)
    assert goodbyes(connection)[-1] == Status.KEEPALIVE_TIMEOUT


def test_an_unfinished_frame_ends_the_connection() -> None:
    """A frame that drips in must be whole FRAME_TIMEOUT_S after its first octet. Clause 8.2."""
    connection = opened()
    limit = limits.FRAME_TIMEOUT_S * SECOND
    connection.receive(REQUEST + REQUEST[:1], START)
    assert connection.next_deadline() == START + limit
    for second in range(1, limits.FRAME_TIMEOUT_S):
        connection.receive(REQUEST[second : second + 1], START + second * SECOND)
        connection.handle_time(START + second * SECOND)
    assert connection.state is State.OPEN
    connection.handle_time(START + limit)
    assert goodbyes(connection) == [Status.KEEPALIVE_TIMEOUT]


def test_a_finished_frame_stops_its_clock() -> None:
    """Each frame has its own time: a long stream of whole frames is no drip."""
    connection = opened()
    connection.receive(REQUEST[:40], START)
    late = START + 9 * SECOND
    connection.receive(REQUEST[40:] + REQUEST[:5], late)
    deadline: Callable[[], int | None] = connection.next_deadline
    connection.sent(late)
    assert deadline() == late + limits.FRAME_TIMEOUT_S * SECOND
    connection.receive(REQUEST[5:], late)
    assert deadline() == late + limits.KEEPALIVE_S * SECOND
