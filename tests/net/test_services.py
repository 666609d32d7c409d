"""ListeningService: says when it listens, why it cannot, and when it has really ended."""

from __future__ import annotations

import errno

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.testing import MemoryReactorClock, StringTransport
from zope.interface import implementer

from papertrader.net.clock import Clock
from papertrader.net.factory import AcceptorFactory
from papertrader.net.protocol import FrameProtocol
from papertrader.net.services import (
    STOP_S,
    ListeningService,
    NextEndpoint,
    PortUnavailableError,
    address,
)
from papertrader.wire.connection import Link
from papertrader.wire.kinds import Role
from tests.link_kit import WALL_NS

LINK = Link(role=Role.WORKER, initiator=False, frame_max=4096, instance=1, outer=True)


@implementer(IStreamServerEndpoint)
class TakenEndpoint:
    """A port that another program has."""

    def listen(self, protocolFactory: object) -> Deferred[IListeningPort]:
        """Fail as a reactor does."""
        error = OSError(errno.EADDRINUSE, "Address already in use")
        return fail(CannotListenError("127.0.0.1", 2049, error))


def service(
    reactor: MemoryReactorClock, endpoint: IStreamServerEndpoint | None = None
) -> ListeningService:
    """Return a service that has not begun."""
    clock = Clock(reactor, lambda: WALL_NS)
    return ListeningService(
        endpoint or TCP4ServerEndpoint(reactor, 2049, interface="127.0.0.1"),
        AcceptorFactory(lambda _: FrameProtocol(LINK, clock), clock),
        clock,
        where="127.0.0.1:2049",
        setting="worker.listen",
    )


def test_it_tells_when_it_listens() -> None:
    """`listening` fires with the open port."""
    it = service(MemoryReactorClock())
    ports: list[IListeningPort] = []
    it.listening.addCallback(ports.append)
    assert ports == []
    it.startService()
    assert ports == [it.port]
    assert it.running


def test_a_taken_port_is_told_in_one_sentence() -> None:
    """The sentence names the port, the cause, and what to do."""
    it = service(MemoryReactorClock(), TakenEndpoint())
    errors: list[BaseException] = []
    it.listening.addErrback(lambda failure: errors.append(failure.value))
    it.startService()
    assert [type(each) for each in errors] == [PortUnavailableError]
    assert str(errors[0]) == (
        "cannot listen on 127.0.0.1:2049: Address already in use; stop the program that uses this"
        " port, or set worker.listen to another"
    )
    assert it.stopService().called


@pytest.mark.parametrize("polite", [True, False])
def test_stopping_waits_for_the_connections_but_not_for_ever(polite: bool) -> None:
    """It ends with the last connection; one that stays is cut after STOP_S."""
    reactor = MemoryReactorClock()
    it = service(reactor)
    it.startService()
    protocol = it.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
    assert protocol is not None
    transport = StringTransport()
    protocol.makeConnection(transport)
    stopped = it.stopService()
    assert not stopped.called
    if polite:
        protocol.connectionLost()
    else:
        reactor.advance(STOP_S)
        assert transport.disconnected
        protocol.connectionLost()
    assert stopped.called
    assert it.port is None


def test_a_service_that_never_began_stops_at_once() -> None:
    """Stop without start is harmless."""
    assert service(MemoryReactorClock()).stopService().called


def test_the_log_is_told_where_something_leads() -> None:
    """Twisted's service writes the endpoint as it stands into what people read."""
    where = [address("127.0.0.1", 2048), address("::1", 2050)]
    text = f"to connect {NextEndpoint([TakenEndpoint()], where)} in"  # type: ignore[list-item]
    assert text == "to connect to 127.0.0.1:2048 or [::1]:2050 in"
