"""Accepting: caps in total, per address and per second; bans; and knowing who is connected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure

from papertrader.net import factory as factory_module
from papertrader.net.clock import Clock
from papertrader.net.factory import (
    LOCAL,
    AcceptCaps,
    AcceptorFactory,
    Admission,
    Files,
    address_block,
)
from papertrader.net.protocol import FrameProtocol
from papertrader.wire.connection import Link
from papertrader.wire.kinds import Role
from tests.link_kit import WALL_NS

LINK = Link(role=Role.WORKER, initiator=False, frame_max=4096, instance=1, outer=True)


def clock_and_reactor() -> tuple[Clock, MemoryReactorClock]:
    """Return a clock under the test's hand."""
    reactor = MemoryReactorClock()
    return Clock(reactor, lambda: WALL_NS), reactor


def acceptor(clock: Clock, **caps: int) -> AcceptorFactory:
    """Return a factory of plain connections."""
    return AcceptorFactory(lambda _: FrameProtocol(LINK, clock), clock, caps=AcceptCaps(**caps))


def ipv4(host: str = "192.0.2.1") -> IAddress:
    """A client's address."""
    return IPv4Address("TCP", host, 5000)


@pytest.mark.parametrize(
    ("address", "block"),
    [
        (ipv4("192.0.2.7"), "192.0.2.7"),
        (IPv6Address("TCP", "::ffff:192.0.2.7", 1), "192.0.2.7"),
        (IPv6Address("TCP", "2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (IPv6Address("TCP", "fe80::1%eth0", 1), "fe80::/64"),
        (UNIXAddress("/run/x"), LOCAL),
        (None, LOCAL),
    ],
)
def test_addresses_are_counted_by_block(address: object, block: str) -> None:
    """IPv4 by host, IPv6 by the /64 that one customer has, everything else together."""
    assert address_block(address) == block


@pytest.mark.clause("10.1")
def test_one_address_has_its_cap_and_others_are_not_disturbed() -> None:
    """The connection above the cap is closed before TLS; a closed one makes room."""
    clock, _ = clock_and_reactor()
    it = acceptor(clock, per_address=2)
    first, second = it.buildProtocol(ipv4()), it.buildProtocol(ipv4())
    assert first is not None
    assert second is not None
    assert it.buildProtocol(ipv4()) is None
    assert it.buildProtocol(ipv4("192.0.2.2")) is not None
    assert it.counters.over_address == 1
    transport = StringTransport()
    first.makeConnection(transport)
    first.connectionLost(Failure(ConnectionDone()))
    assert it.buildProtocol(ipv4()) is not None


def test_what_is_closed_is_told_in_the_log_once_a_minute() -> None:
    """The first with its reason at once; then their number, with the next after a minute."""
    clock, reactor = clock_and_reactor()
    it = acceptor(clock, burst=1, rate=1)
    with capturedLogs() as told:
        for _ in range(40):
            it.buildProtocol(ipv4())
        reactor.advance(factory_module.TELL_S)
        it.buildProtocol(ipv4())
        it.buildProtocol(ipv4())
    lines = [formatEvent(each) for each in told]
    why = "closed before TLS, the newest of 192.0.2.1: the address makes more than 1 a second"
    assert lines == [f"listening: 1 connection(s) {why}", f"listening: 39 connection(s) {why}"]
    assert it.counters.refused == 40


def test_all_addresses_together_have_a_cap() -> None:
    """No more than `total` connections live at once."""
    clock, _ = clock_and_reactor()
    it = acceptor(clock, total=3)
    made = [it.buildProtocol(ipv4(f"192.0.2.{n}")) for n in range(5)]
    assert [each is not None for each in made] == [True, True, True, False, False]
    assert (it.counters.accepted, it.counters.over_total, it.counters.refused) == (3, 2, 2)


def test_all_addresses_together_may_connect_so_often_per_second() -> None:
    """Newcomers from anywhere get a share of the time; above it they are closed before TLS."""
    clock, reactor = clock_and_reactor()
    it = acceptor(clock, total_rate=5, total_burst=10)
    made = [it.buildProtocol(ipv4(f"192.0.2.{n}")) for n in range(12)]
    assert [each is not None for each in made] == [True] * 10 + [False] * 2
    assert (it.counters.over_total_rate, it.counters.refused) == (2, 2)
    reactor.advance(1.0)
    made = [it.buildProtocol(ipv4(f"192.0.2.{n}")) for n in range(20, 28)]
    assert [each is not None for each in made] == [True] * 5 + [False] * 3


def test_one_address_may_connect_so_often_per_second() -> None:
    """After the burst the rate holds, whatever becomes of the connections."""
    clock, reactor = clock_and_reactor()
    it = acceptor(clock, rate=10, burst=3)
    assert [it.buildProtocol(ipv4()) is not None for _ in range(5)] == [True] * 3 + [False] * 2
    assert it.counters.over_rate == 2
    reactor.advance(0.1)
    assert it.buildProtocol(ipv4()) is not None
    assert it.buildProtocol(ipv4()) is None


def test_a_banned_address_is_refused_until_its_time_is_over() -> None:
    """The master may ban an address for seconds."""
    clock, reactor = clock_and_reactor()
    it = acceptor(clock)
    it.admission.ban("192.0.2.1", 60)
    reactor.advance(59)
    assert it.buildProtocol(ipv4()) is None
    assert it.counters.banned == 1
    reactor.advance(1)
    assert it.buildProtocol(ipv4()) is not None


def test_the_memory_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest unseen address is forgotten, but never one with a connection."""
    monkeypatch.setattr(factory_module, "ADDRESSES_MAX", 3)
    clock, _ = clock_and_reactor()
    it = Admission(clock, AcceptCaps(burst=1))
    assert it.admit("a")
    for name in ("b", "c", "d", "e"):
        assert it.admit(name)
        it.release(name)
    assert not it.admit("a"), "still known: its burst of 1 is used up"
    assert it.admit("b"), "forgotten: it begins anew"


def test_an_error_while_building_gives_the_place_back() -> None:
    """A failing build is not counted as a connection for ever."""
    clock, _ = clock_and_reactor()

    def build(_: IAddress) -> FrameProtocol:
        raise ZeroDivisionError

    it = AcceptorFactory(build, clock)
    with pytest.raises(ZeroDivisionError):
        it.buildProtocol(ipv4())
    assert it.admission.connections == 0


def test_it_tells_when_the_last_connection_has_gone() -> None:
    """`when_empty` fires at once without connections, else with the last end."""
    clock, _ = clock_and_reactor()
    it = acceptor(clock)
    assert it.when_empty().called
    made = [it.buildProtocol(ipv4()) for _ in range(2)]
    waiting = it.when_empty()
    for each in made:
        assert each is not None
        assert not waiting.called
        each.makeConnection(StringTransport())
        each.connectionLost(Failure(ConnectionDone()))
    assert waiting.called
    assert list(it) == []


def test_every_connection_can_be_cut() -> None:
    """`abort_all` aborts each transport."""
    clock, _ = clock_and_reactor()
    it = acceptor(clock)
    transports = [StringTransport() for _ in range(3)]
    for transport in transports:
        made = it.buildProtocol(ipv4())
        assert made is not None
        made.makeConnection(transport)
    it.abort_all()
    assert all(each.disconnected for each in transports)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60))
def test_caps_hold_in_any_order_of_comings_and_goings(steps: list[tuple[int, bool]]) -> None:
    """Never more than the caps, and the count is exact."""
    clock, _ = clock_and_reactor()
    it = Admission(clock, AcceptCaps(total=5, per_address=2, burst=100))
    living: list[str] = []
    for origin, coming in steps:
        block = str(origin)
        if coming:
            expected = len(living) < 5 and living.count(block) < 2
            assert it.admit(block) is expected
            living += [block] * expected
        elif block in living:
            it.release(block)
            living.remove(block)
        assert it.connections == len(living)


def test_ports_share_what_the_process_may_open() -> None:
    """One full port leaves none for the other; what ends makes room; the operator is told why."""
    clock, _ = clock_and_reactor()
    caps = AcceptCaps(total=9, per_address=9, burst=100, files=Files(3))
    clients, web = Admission(clock, caps), Admission(clock, caps)
    assert [clients.admit("a"), web.admit("a"), clients.admit("b")] == [True] * 3
    assert not clients.admit("c")
    assert not web.admit("c")
    assert (clients.counters.over_files, web.counters.refused) == (1, 1)
    assert "3 connections" in web.why
    assert "ulimit -n" in web.why
    clients.release("a")
    assert web.admit("c")
    assert not web.admit("c")
