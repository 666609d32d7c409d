"""boofuzz against a real worker: ``python -m tests.torture.boofuzz [--seconds 300]``.

An outside fuzzer (extra ``torture``) with the small definition below: HELLO, LOGIN, ORDER_NEW and
QUOTE_GET over TLS, each a header, a root block and sections. A case is one connection: the frames
before the fuzzed one are as they should be. The account is a tester's; its sessions are opened
beside one that is remembered. Found is: a process that is gone, an entry of the event log that
tells of an error, an honest client that cannot trade afterwards, books that do not add up.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import socket
import ssl
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boofuzz

from papertrader.core.logrecord import Level
from papertrader.core.money import SCALE
from papertrader.eventlog.reading import ENTRIES_MAX, newest_entries
from papertrader.wire import codec, kinds
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from tests.server_kit import PASSWORD, Server, running

ADDRESSES = 120
"""Source addresses 127.0.0.2 and on: a worker takes ten connections a second from each."""
TIMEOUT_S = 2.0
USER = "boofuzz"
_CODES = re.compile(r"(\d*)([A-Za-z])")
_NUMBERS = {"B": boofuzz.Byte, "H": boofuzz.Word, "I": boofuzz.DWord, "L": boofuzz.DWord,
            "Q": boofuzz.QWord, "q": boofuzz.QWord}  # fmt: skip


class TimeOverError(Exception):
    """The campaign has lasted as long as it should."""


class Connection(boofuzz.SSLSocketConnection):  # type: ignore[misc]
    """A TLS connection from the next source address."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, until: float) -> None:
        super().__init__(host, port, TIMEOUT_S, TIMEOUT_S, sslcontext=context, server_hostname=host)
        self.refused = 0
        self._until = until
        self._sources = itertools.cycle(f"127.0.0.{2 + n}" for n in range(ADDRESSES))

    def open(self) -> None:
        """Connect; what fails is told as boofuzz wants it, and it tries again.

        Raises `TimeOverError` when no further case is to begin.
        """
        if time.monotonic() > self._until:
            raise TimeOverError
        plain = socket.create_connection(
            (self.host, self.port), TIMEOUT_S, (next(self._sources), 0)
        )
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._sock = self.sslcontext.wrap_socket(plain, server_hostname=self.server_hostname)
        except OSError as error:
            self.refused += 1
            plain.close()
            raise boofuzz.exception.BoofuzzTargetConnectionFailedError(str(error)) from None


class Processes(boofuzz.BaseMonitor):  # type: ignore[misc]
    """Watches that the server's processes are those that were started."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._pids = pids(server)
        self._gone: list[int] = []

    def post_send(
        self, target: Any = None, fuzz_data_logger: Any = None, session: Any = None
    ) -> bool:
        """Tell whether all of them are still there."""
        self._gone = [pid for pid in self._pids if not Path(f"/proc/{pid}").exists()]
        return not self._gone

    def get_crash_synopsis(self) -> str:
        """Say which is not."""
        return f"gone: {self._gone}"


def pids(server: Server) -> list[int]:
    """Return the processes of master and worker."""
    return [int(server.said(name)["pid"]) for name in ("master.json", "worker-1.json")]


# --- the definition ------------------------------------------------------------------------------


def block_fields(message: Message) -> Iterator[Any]:
    """Give one primitive for each field of a root block, with the message's own value."""
    layout = message.LAYOUT
    values = iter(layout.unpack(message.pack()))
    for place, (count, code) in enumerate(_CODES.findall(layout.format)):
        if code == "s":
            octets = next(values)
            yield boofuzz.Bytes(f"octets {place}", octets, size=len(octets), max_len=len(octets))
            continue
        for turn in range(int(count or 1)):
            value = next(values)
            unsigned = value & (1 << 8 * struct.calcsize(code)) - 1
            yield _NUMBERS[code](f"number {place}.{turn}", unsigned, endian=">")


def section_fields(message: Message) -> Iterator[Any]:
    """Give tag, size and payload of each section."""
    octets, at = codec.sections_of(message), 0
    while at < len(octets):
        tag, size = codec.SECTION.unpack_from(octets, at)
        at += codec.SECTION.size
        name = f"section {tag:#06x}"
        payload = boofuzz.Bytes("payload", octets[at : at + size], max_len=4_096)
        yield boofuzz.Word(f"tag of {name}", tag, endian=">")
        yield boofuzz.Size(f"size of {name}", block_name=name, length=4, endian=">")
        yield boofuzz.Block(name, children=(payload,))
        at += size


def request(name: str, message: Message, *, seq: int = 0, session: bool = False) -> Any:
    """Return the definition of a frame."""
    handle = boofuzz.ProtocolSessionReference("handle", default_value=1) if session else 0
    header = (
        boofuzz.Bytes("magic", kinds.MAGIC, size=2),
        boofuzz.Byte("version", kinds.VERSION),
        boofuzz.Byte("category", message.CATEGORY),
        boofuzz.Size("length", block_name="body", length=4, endian=">"),
        boofuzz.Word("opcode", message.OPCODE, endian=">"),
        boofuzz.Word("flags", 0, endian=">"),
        boofuzz.Size("block_len", block_name="root", length=2, endian=">"),
        boofuzz.Word("status", 0, endian=">"),
        boofuzz.DWord("session", handle, endian=">"),
        boofuzz.DWord("correlation", 5, endian=">"),
        boofuzz.QWord("seq", seq, endian=">"),
    )
    root = boofuzz.Block("root", children=tuple(block_fields(message)))
    body = boofuzz.Block("body", children=(root, *section_fields(message)))
    return boofuzz.Request(name, children=(boofuzz.Block("header", children=header), body))


def remember_handle(
    target: Any, fuzz_data_logger: Any, session: Any, test_case_context: Any, **_: Any
) -> None:
    """Take the session's handle out of the reply to LOGIN."""
    reply = session.last_recv or b""
    handle = codec.parse_header(reply).session if len(reply) >= codec.HEADER.size else 0
    if test_case_context is not None:
        test_case_context.session_variables["handle"] = handle


def connect_all(session: Any, token: bytes) -> None:
    """Lay out the frames and what comes before each."""
    hello = m.Hello(
        min_version=1, max_version=1, role=kinds.Role.TOOL, revision=kinds.REVISION,
        max_frame=1 << 20, instance=7, software="boofuzz",
    )  # fmt: skip
    login = m.Login(
        username=USER, password=token.hex(), mechanism=kinds.Mechanism.SESSION_TOKEN,
        scope=kinds.Scope.TRADE,
    )  # fmt: skip
    order = m.OrderNew(client_order_id=77, symbol="IBM", quantity=SCALE, tag="boofuzz")
    quotes = m.QuoteGet(symbols=(m.SymbolRow(symbol="IBM"), m.SymbolRow(symbol="AAPL")))
    first = request("HELLO", hello)
    second = request("LOGIN", login)
    session.connect(first)
    session.connect(first, second)
    session.connect(second, request("ORDER_NEW", order, seq=1, session=True), remember_handle)
    session.connect(second, request("QUOTE_GET", quotes, session=True), remember_handle)


# --- the campaign --------------------------------------------------------------------------------


def campaign(server: Server, seconds: float, place: Path) -> int:
    """Fuzz for so long; return how many cases were played."""
    with server.client() as client:
        client.register(USER, PASSWORD)
        token = client.login(USER, PASSWORD, remember=True).token
    host, _, port = server.workers[0].rpartition(":")
    context = ssl.create_default_context(cafile=str(server.ca))
    context.set_alpn_protocols([kinds.ALPN_CLIENT])
    connection = Connection(host, int(port), context, time.monotonic() + seconds)
    target = boofuzz.Target(connection=connection, monitors=[Processes(server)])
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        session = boofuzz.Session(
            target=target, web_port=None, keep_web_open=False,
            fuzz_loggers=[boofuzz.FuzzLoggerText(file_handle=nothing)],
            db_filename=str(place / "boofuzz.db"), fuzz_db_keep_only_n_pass_cases=1,
            ignore_connection_reset=True,
            ignore_connection_aborted=True, ignore_connection_ssl_errors=True,
            receive_data_after_fuzz=False, restart_threshold=1, restart_timeout=1,
        )  # fmt: skip
        connect_all(session, token)
        try:
            while True:
                session.fuzz()
                session.mutant_index = 0
        except TimeOverError:
            pass
        print(f"{connection.refused} connections were refused and tried again")
        return int(session.num_cases_actually_fuzzed)


def errors(server: Server) -> list[str]:
    """Return the entries of the event logs that tell of an error."""
    found = []
    for name in ("master", "worker-1"):
        found += newest_entries(
            server.state / "log", name, since_ns=0, least=Level.ERROR, limit=ENTRIES_MAX
        )
    return found


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="tests.torture.boofuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="papertrader-boofuzz-") as name,
        running(Path(name) / "state") as server,
    ):
        before = pids(server)
        began = time.monotonic()
        cases = campaign(server, options.seconds, Path(name))
        took = time.monotonic() - began
        alive = pids(server) == before and all(Path(f"/proc/{p}").exists() for p in before)
        with server.client() as client:
            client.register("afterwards", PASSWORD)
            client.login("afterwards", PASSWORD)
            client.buy("IBM", 1)
        server.stop()
        logged, violations = errors(server), server.audit().violations
    for line in (*logged[:20], *violations[:20]):
        print(line)
    print(
        f"{cases} cases in {took:.0f} s ({cases / took:.0f} a second):"
        f" processes {'the same' if alive else 'NOT the same'}, {len(logged)} errors logged,"
        f" {len(violations)} violations of the books"
    )
    return 0 if alive and cases and not logged and not violations else 1


if __name__ == "__main__":
    sys.exit(main())
