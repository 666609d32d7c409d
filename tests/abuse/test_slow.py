"""Slow attackers of seven kinds: each is ended at its deadline, and nobody else notices."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.address import IPv4Address

from papertrader.net.factory import AcceptCaps
from papertrader.net.protocol import OutputBounds
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.link_kit import MeteredTransport, client_link
from tests.worker_kit import ClientPeer, House

GRACE_S = 1.0
"""An attacker may be held so much longer than its deadline."""
HELLO = codec.encode(
    m.Hello(min_version=1, max_version=1, role=client_link().role, revision=1, instance=7),
    correlation=1,
)
PING = codec.encode(m.Ping(token=1), correlation=5)


class Attacker:
    """A connection that says octets of its own, and reads nothing unless told to."""

    def __init__(self, house: House, host: str = "192.0.2.66") -> None:
        address = IPv4Address("TCP", host, 6666)
        self.near = house.reactor.tcpServers[-1][1].buildProtocol(address)
        self.transport = MeteredTransport(self.near, True, address)
        self.near.makeConnection(self.transport)
        self.house = house

    def says(self, octets: bytes) -> None:
        """Send octets."""
        if not self.is_over:
            self.near.dataReceived(octets)

    @property
    def is_over(self) -> bool:
        """Whether the worker has ended it."""
        over: bool = self.near.ended
        return over or self.transport.aborted

    @property
    def goodbye(self) -> int | None:
        """The code of the GOODBYE that was written to it."""
        octets = b"".join(self.transport.writes)
        code = None
        while len(octets) >= limits.HEADER_SIZE:
            header, size = codec.parse_header(octets), 0
            size = limits.HEADER_SIZE + header.length
            message = codec.decode_body(header, octets[:size])
            code = message.code if isinstance(message, m.Goodbye) else code
            octets = octets[size:]
        return code


def says_nothing(attacker: Attacker, second: int) -> None:
    """TCP alone."""


def half_a_hello(attacker: Attacker, second: int) -> None:
    """Half a HELLO, then nothing."""
    if second == 0:
        attacker.says(HELLO[:30])


def hello_by_octets(attacker: Attacker, second: int) -> None:
    """One octet of HELLO a second."""
    attacker.says(HELLO[second : second + 1])


def half_a_frame(attacker: Attacker, second: int) -> None:
    """HELLO, then half a frame."""
    if second == 0:
        attacker.says(HELLO + PING[:20])


def frame_by_octets(attacker: Attacker, second: int) -> None:
    """HELLO, then one octet of a frame a second: never silent, never done."""
    attacker.says(HELLO + PING[:1] if second == 0 else PING[second : second + 1])


def hello_and_silence(attacker: Attacker, second: int) -> None:
    """HELLO, then nothing for ever."""
    if second == 0:
        attacker.says(HELLO)


def wishes_a_long_silence(attacker: Attacker, second: int) -> None:
    """HELLO that asks for the longest keep-alive interval there could be, then nothing."""
    if second == 0:
        wish = m.Hello(
            min_version=1, max_version=1, role=client_link().role, revision=1, instance=7,
            keepalive_s=65_535,
        )  # fmt: skip
        attacker.says(codec.encode(wish, correlation=1))


SILENCE_S = limits.KEEPALIVE_S * 2.5
KINDS = (
    (says_nothing, limits.HELLO_TIMEOUT_S, Status.HELLO_TIMEOUT),
    (half_a_hello, limits.HELLO_TIMEOUT_S, Status.HELLO_TIMEOUT),
    (hello_by_octets, limits.HELLO_TIMEOUT_S, Status.HELLO_TIMEOUT),
    (half_a_frame, limits.FRAME_TIMEOUT_S, Status.KEEPALIVE_TIMEOUT),
    (frame_by_octets, limits.FRAME_TIMEOUT_S, Status.KEEPALIVE_TIMEOUT),
    (hello_and_silence, SILENCE_S, Status.KEEPALIVE_TIMEOUT),
    (wishes_a_long_silence, SILENCE_S, Status.KEEPALIVE_TIMEOUT),
)


@pytest.mark.parametrize(
    ("attack", "deadline_s", "code"), KINDS, ids=lambda k: getattr(k, "__name__", None)
)
def test_each_kind_is_ended_at_its_deadline(
    attack: Callable[[Attacker, int], None], deadline_s: float, code: Status
) -> None:
    """It is told why, its place is given back, and the timers are the server's, not its own."""
    house = House()
    house.connect_master()
    honest = house.connect_client()
    attacker = Attacker(house)
    admission = house.worker.acceptor.admission
    assert admission.connections == 2
    second = 0
    while not attacker.is_over and second < deadline_s + 5:
        attack(attacker, second)
        house.advance(1.0)
        second += 1
    assert attacker.is_over
    assert second <= deadline_s + GRACE_S
    assert attacker.goodbye == code
    house.advance(limits.LINGER_S + 0.5)
    assert attacker.transport.aborted or attacker.transport.closing
    attacker.transport.reportDisconnect()
    assert admission.connections == 1
    assert not honest.lost


def test_who_never_reads_is_cut_at_the_hard_bound() -> None:
    """Replies that are not taken stop the reading first; beyond the hard bound it is over."""
    house = House(bounds=OutputBounds(soft=2_000, hard=20_000))
    house.connect_master()
    client: ClientPeer = house.connect_client()
    house.log_in(client)
    client.wire.near.stalled = True
    for seq in range(1, 400):
        house.down(1, codec.encode(m.TransactionEvent(transaction=seq), session=77, seq=seq))
        if client.near.ended:
            break
    assert client.near.ended
    assert client.near.queued <= 20_000 + 1_000
    assert house.worker.statistics.slow_consumers == 1
    house.advance(limits.LINGER_S + 0.5)
    assert client.wire.near.aborted


def test_two_thousand_at_once_leave_nothing_behind() -> None:
    """After their deadline no connection, no timer and no queue of theirs is left."""
    house = House(caps=AcceptCaps(total_rate=10_000, total_burst=10_000))
    house.connect_master()
    honest = house.connect_client()
    house.advance(0.5)
    timers = house.clock.waiting
    attackers = [Attacker(house, f"198.51.{n // 20}.{n % 20}") for n in range(2_000)]
    for attacker in attackers:
        attacker.says(HELLO[:10])
    house.advance(limits.HELLO_TIMEOUT_S + 0.5)
    assert all(attacker.is_over for attacker in attackers)
    house.advance(limits.LINGER_S + 0.5)
    for attacker in attackers:
        attacker.transport.reportDisconnect()
    assert house.worker.acceptor.admission.connections == 1
    assert house.clock.waiting <= timers + 1
    assert not honest.lost
