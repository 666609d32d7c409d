"""Too many connections against real processes: the caps hold, and who is connected goes on."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from papertrader.client.blocking import Client
from papertrader.wire import limits
from tests.server_kit import EVENTS_S, PASSWORD, Server, running

pytestmark = pytest.mark.slow
FILES = 64
"""Files that the worker may have open in the second test."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole file."""
    with running(tmp_path_factory.mktemp("many") / "state") as server:
        with Client(server.workers, server.ca) as client:
            client.register("ann", PASSWORD)
        yield server


def connect(server: Server, count: int, source: str) -> list[socket.socket]:
    """Open TCP connections from an address and say nothing."""
    host, _, port = server.workers[0].rpartition(":")
    found = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            found.append(socket.create_connection((host, int(port)), 2, (source, 0)))
    return found


def living(connections: list[socket.socket], wanted: int) -> int:
    """Count those that the worker has not closed, until there are no more than wanted."""
    deadline = time.monotonic() + EVENTS_S
    while (count := counted(connections)) > wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return count


def counted(connections: list[socket.socket]) -> int:
    """Count those that are not closed now."""
    count = 0
    for each in connections:
        each.setblocking(False)
        try:
            count += each.recv(1) != b""
        except BlockingIOError:
            count += 1
        except OSError:
            continue
    return count


def test_one_address_gets_no_more_than_its_share(server: Server) -> None:
    """Of 200 connections from one address few are kept; another address is served at once."""
    with server.client("ann") as honest:
        crowd = connect(server, 200, "127.0.0.77")
        most = limits.CONNECTIONS_PER_ADDRESS
        assert living(crowd, most) <= most
        with Client(server.workers, server.ca) as other:
            other.login("ann", PASSWORD)
        assert honest.account().username == "ann"
    for each in crowd:
        each.close()


def test_without_files_who_is_connected_goes_on(server: Server) -> None:
    """When the system gives no more files the worker stays up, and takes newcomers afterwards."""
    pid = int(server.said("worker-1.json")["pid"])
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with server.client("ann") as honest:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (FILES, before[1]))
        try:
            crowds = [connect(server, 20, f"127.0.1.{n}") for n in range(1, 8)]
            time.sleep(0.5)
            assert honest.buy("IBM", 1).quantity == 1
            for crowd in crowds:
                for each in crowd:
                    each.close()
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        time.sleep(1.5)
        with Client(server.workers, server.ca, timeout=60) as other:
            other.login("ann", PASSWORD)
        assert honest.account().username == "ann"
    assert int(server.said("worker-1.json")["pid"]) == pid
