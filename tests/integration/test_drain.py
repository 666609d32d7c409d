"""An operator drains a worker: its clients go to the other; a client that does not read is alone.

One server for the whole story, since each start costs seconds.
"""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from papertrader.client.blocking import Client
from papertrader.client.updates import BarUpdate, ConnectionUpdate, MarketUpdate
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import RESPONSE, Failure
from papertrader.wire.connection import Connection, Link
from papertrader.wire.kinds import Role, Scope, Status
from tests.server_kit import EVENTS_S, PASSWORD, Server, events_until

REQUESTS = 40
ROWS = 5_000


def stalled(server: Server, worker: str) -> tuple[socket.socket, Connection]:
    """Log in, ask for several megabytes of bars, and read nothing of them."""
    host, port = worker.split(":")
    context = ssl.create_default_context(cafile=str(server.ca))
    context.set_alpn_protocols(["ptwp/1"])
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    raw.connect((host, int(port)))
    stream = context.wrap_socket(raw, server_hostname=host)
    link = Link(role=Role.CLIENT, initiator=True, frame_max=limits.FRAME_MAX, instance=1)
    connection = Connection(link, time.time_ns())
    login = m.Login(username="ann", password=PASSWORD, scope=Scope.READ)
    stream.sendall(connection.data_to_send() + codec.encode(login, correlation=2))
    session = 0
    while not session:
        for header, _ in connection.receive(stream.recv(65_536), time.time_ns()):
            if header.flags & RESPONSE:
                session = header.session
    for number in range(REQUESTS):
        stream.sendall(question(number, session))
    return stream, connection


def question(number: int, session: int) -> bytes:
    """Ask for bars."""
    bars = m.BarsGet(symbol="AAPL", interval_s=60, limit=ROWS - number)
    return codec.encode(bars, session=session, correlation=10 + number)


def rows_read(stream: socket.socket, connection: Connection) -> int:
    """Read everything that was asked for; return the number of bars."""
    rows = done = 0
    stream.settimeout(EVENTS_S)
    while done < REQUESTS:
        data = stream.recv(262_144)
        assert data, connection.goodbye
        for header, octets in connection.receive(data, time.time_ns()):
            message = codec.decode_body(header, octets)
            if isinstance(message, Failure) and header.status == Status.SERVER_BUSY:
                # History is the first to be put off where others use the machine.
                time.sleep((message.retry_after_ms or 0) / 1_000)
                stream.sendall(question(header.correlation - 10, header.session))
                continue
            assert isinstance(message, m.BarsPart), message
            rows += message.rows
            done += message.part == message.parts
    return rows


def connections(events: list[Any]) -> list[ConnectionUpdate]:
    """Return those that tell of the connection."""
    return [event for event in events if isinstance(event, ConnectionUpdate)]


@pytest.mark.slow
def test_credit_drain_and_bars_on_a_real_server(tmp_path: Path) -> None:
    """A stalled client loses nothing and delays nobody; a drained worker's clients move on."""
    server = Server(tmp_path / "state", "--workers", "2")
    try:
        server.start()
        first, second = server.workers
        with Client([first], server.ca) as client:
            client.register("ann", PASSWORD)
        assert server.cli("admin", "ann").returncode == 2
        server.stop()
        assert server.cli("admin", "ann").stdout == "ann is an operator's account now\n"
        server.start()
        first, second = server.workers
        stream, connection = stalled(server, first)
        with Client([first], server.ca) as quick:
            quick.login("ann", PASSWORD, remember=True)
            for _ in range(50):
                quick.portfolio()
            assert quick.market().exchange == "XNYS"
            quick.subscribe_market()
            quick.subscribe_bars("AAPL", "1m")
            wanted = {BarUpdate, MarketUpdate}
            seen = events_until(quick, lambda seen: wanted <= {type(event) for event in seen})
            assert wanted <= {type(event) for event in seen}
        assert rows_read(stream, connection) == sum(ROWS - n for n in range(REQUESTS))
        stream.close()
        with Client([first], server.ca) as moved, Client([second], server.ca) as operator:
            moved.login("ann", PASSWORD, remember=True)
            moved.subscribe_account()
            operator.login("ann", PASSWORD, scope=Scope.ADMIN)
            names = {figure.name for figure in operator.stats()}
            assert {"commands", "rtt_us", "connections"} <= names
            assert any("states:" in entry.message for entry in operator.log_entries("info"))
            assert operator.drain_worker(1, "move", deadline_s=2) >= 1
            events = events_until(moved, lambda seen: len(connections(seen)) == 3)
            events = connections(events)
            assert [event.connected for event in events] == [True, False, True]
            assert events[-1].worker == second
            assert moved.buy("AAPL", 1).symbol == "AAPL"
            draining = [worker.draining for worker in operator.workers()]
            assert sorted(draining) == [False, True]
        assert server.audit().violations == []
    finally:
        server.end()
