"""Both ends of a connection without its socket, as several tests need them."""

from __future__ import annotations

from papertrader.core.instants import SECOND
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.connection import Connection, Link, State
from papertrader.wire.kinds import Role
from tests.wire.frames import frames_in

START = 1_000 * SECOND


def link(role: Role = Role.CLIENT, initiator: bool = True, **changes: int | bool) -> Link:
    """Return one end of a link, with the bounds of its role."""
    frame_max = limits.FRAME_MAX if initiator else limits.CLIENT_FRAME_MAX
    given = {"frame_max": frame_max, "instance": 5, **changes}
    return Link(role=role, initiator=initiator, **given)  # type: ignore[arg-type]


def worker(**changes: int | bool) -> Connection:
    """Return the acceptor of a client link."""
    return Connection(link(Role.WORKER, False, **{"outer": True, **changes}), START)


def client(**changes: int | bool) -> Connection:
    """Return the initiator of a client link."""
    return Connection(link(**changes), START)


def opened(**changes: int | bool) -> Connection:
    """Return an acceptor that has taken HELLO and whose answer was fetched."""
    connection = worker(**changes)
    assert connection.receive(client().data_to_send(), START) == []
    connection.data_to_send()
    assert connection.state is State.OPEN
    return connection


def goodbyes(connection: Connection) -> list[int]:
    """Return the codes of the GOODBYE frames that the connection wants to send."""
    sent = frames_in(connection.data_to_send())
    return [made.code for _, made in sent if isinstance(made, m.Goodbye)]


REQUEST = codec.encode(m.AssetGet(symbol="IBM"), session=1, correlation=2)
PING = codec.encode(m.Ping(token=7, sent_at=8), correlation=9)
HELLO = client().data_to_send()
