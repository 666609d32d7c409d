"""``papertrader log forward`` as a process: a receiver of Python's own TLS, kill -9, SIGTERM."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactor

from papertrader.net.unsent import octets_unsent
from papertrader.ops.certificates import certificate_files
from papertrader.ops.forwarded import read_forwarded
from tests.forward_kit import LogWriter
from tests.syslog_kit import Frames, Message
from tests.tls_kit import installation

WAIT_S = 60
"""A bound for what must come: reaching it fails."""


class Listener:
    """Listens for one forwarder after the other, on one port, in a thread."""

    def __init__(self, state: Path) -> None:
        self.messages: queue.Queue[Message] = queue.Queue()
        self.ends: queue.Queue[str] = queue.Queue()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate_files(state, "worker-1-public"))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        """Take connections until the socket is closed."""
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            with plain:
                try:
                    with self.context.wrap_socket(
                        plain, server_side=True, suppress_ragged_eofs=False
                    ) as link:
                        self.receive(link)
                    self.ends.put("in order")
                except OSError as error:
                    self.ends.put(str(error))

    def receive(self, link: ssl.SSLSocket) -> None:
        """Read messages until the other end has no more."""
        frames = Frames()
        while octets := link.recv(65536):
            for each in frames.feed(octets):
                self.messages.put(each)

    def next(self, count: int) -> list[Message]:
        """Wait for so many messages."""
        return [self.messages.get(timeout=WAIT_S) for _ in range(count)]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An installation's certificates."""
    return installation(tmp_path)


@pytest.fixture
def listener(state: Path) -> Iterator[Listener]:
    """A receiver that knows nothing of Twisted."""
    made = Listener(state)
    yield made
    made.socket.shutdown(socket.SHUT_RDWR)
    made.socket.close()
    made.thread.join(WAIT_S)


def start(state: Path, port: int) -> subprocess.Popen[str]:
    """Start a forwarder to a receiver on this machine."""
    return subprocess.Popen(
        [
            sys.executable, "-m", "papertrader.cli.main", "--state-dir", str(state), "log",
            "forward", "--to", f"tls://127.0.0.1:{port}", "--ca", str(state / "tls" / "ca.pem"),
        ],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_a_killed_forwarder_leaves_nothing_out(state: Path, listener: Listener) -> None:
    """What comes twice is the same, octet for octet; then a stop in order."""
    own = LogWriter(state / "log")
    own.write("one", "two")
    first = start(state, listener.port)
    try:
        before = listener.next(2)
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    listener.ends.get(timeout=WAIT_S)
    found = read_forwarded(state / "log")
    # Unless the machine stood still for seconds, neither had settled.
    known = found.places["master"].seq if found is not None else 0
    own.write("three")
    second = start(state, listener.port)
    try:
        after = listener.next(3 - known)
        second.send_signal(signal.SIGTERM)
        _, said = second.communicate(timeout=WAIT_S)
    finally:
        second.kill()
    assert [each.text for each in before] == ["one", "two"]
    assert after[:-1] == before[known:]
    assert after[-1].text == "three"
    assert listener.ends.get(timeout=WAIT_S) == "in order"
    assert listener.messages.empty()
    assert second.returncode == 0
    assert f"connected to tls://127.0.0.1:{listener.port}" in said
    assert f"stopped: {len(after)} entries in 1 connections, 0 lost, 0 cut" in said


def test_what_the_other_machine_has_not_taken() -> None:
    """What waits here, and what the system has sent and nobody acknowledged; then nothing."""
    listening = socket.socket()
    # What the other end takes unread is less than is written.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    with listening, socket.create_connection(listening.getsockname()) as near:
        far, _ = listening.accept()
        with far:
            near.setblocking(False)
            connection = Connection(near, Protocol(), MemoryReactor())
            connection.connected = 1
            assert octets_unsent(connection) == 0
            connection.write(b"x" * 100)
            assert octets_unsent(connection) == 100
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while sent < 64 << 20:
                    sent += near.send(bytes(65_536))
            assert 100 < octets_unsent(connection) <= 100 + sent
            while sent:
                sent -= len(far.recv(1 << 20))
            deadline = time.monotonic() + WAIT_S
            while octets_unsent(connection) > 100:
                # The last acknowledgment is on its way.
                assert time.monotonic() < deadline
                os.sched_yield()
    assert octets_unsent(None) == 0
