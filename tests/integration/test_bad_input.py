"""Bad input against real processes: one GOODBYE with the code, nothing else disturbed."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from papertrader.client.blocking import Client
from papertrader.ops.certificates import certificate_files, issue_worker
from papertrader.ops.installation import prepare, prepare_settings
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode, Role, Status
from tests.server_kit import PASSWORD, UP, Server, running

pytestmark = pytest.mark.slow
QUIET_S = 60.0
"""A server that is silent for so long hangs; what is waited for comes at once."""
HELLO = codec.encode(
    m.Hello(
        min_version=1, max_version=1, role=Role.CLIENT, revision=1, max_frame=1 << 20, instance=7
    ),
    correlation=1,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole file."""
    with running(tmp_path_factory.mktemp("bad") / "state") as server:
        with Client(server.workers, server.ca) as client:
            client.register("ann", PASSWORD)
        yield server


def address(text: str) -> tuple[str, int]:
    """Split HOST:PORT."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def connect(server: Server) -> ssl.SSLSocket:
    """Open a TLS connection to the worker as a client would."""
    context = ssl.create_default_context(cafile=str(server.ca))
    context.set_alpn_protocols(["ptwp/1"])
    host, port = address(server.workers[0])
    return context.wrap_socket(
        socket.create_connection((host, port), QUIET_S), server_hostname=host
    )


def talk(server: Server, octets: bytes) -> list[tuple[codec.Header, object]]:
    """Send octets on a new connection; return every frame until the worker closes."""
    with connect(server) as tls:
        tls.settimeout(QUIET_S)
        tls.sendall(octets)
        data = b""
        try:
            while chunk := tls.recv(65536):
                data += chunk
        except (ssl.SSLEOFError, ConnectionResetError):
            pass
    frames = []
    while data:
        size = 32 + codec.parse_header(data).length
        frames.append(codec.decode(data[:size]))
        data = data[size:]
    return frames


def frame(opcode: int, body: bytes = b"", **fields: int) -> bytes:
    """Return a frame that no encoder of ours would make."""
    values = {
        "magic": b"PT", "version": 1, "category": 1, "length": len(body), "flags": 0,
        "block_len": len(body), "status": 0, "session": 0, "correlation": 5, "seq": 0,
    }  # fmt: skip
    values.update(fields)  # type: ignore[arg-type]
    head = codec.HEADER.pack(
        values["magic"], values["version"], values["category"], values["length"], opcode,
        values["flags"], values["block_len"], values["status"], values["session"],
        values["correlation"], values["seq"],
    )  # fmt: skip
    return head + body


BAD = {
    "garbage": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Status.BAD_MAGIC),
    "zeros": (bytes(64), Status.BAD_MAGIC),
    "no hello": (frame(Opcode.PING, bytes(16), category=3), Status.HELLO_EXPECTED),
    "second hello": (HELLO + HELLO, Status.PROTOCOL_STATE),
    "oversize": (HELLO + frame(Opcode.LOGIN, length=1 << 24), Status.FRAME_TOO_LARGE),
    "version": (HELLO + frame(Opcode.LOGIN, version=9), Status.VERSION_UNSUPPORTED),
    "category": (HELLO + frame(Opcode.LOGIN, category=9), Status.BAD_CATEGORY),
    "critical flag": (HELLO + frame(Opcode.LOGIN, flags=0x8000), Status.CRITICAL_FLAG),
    "block beyond frame": (HELLO + frame(Opcode.LOGIN, block_len=9), Status.BAD_LENGTH),
    "inner opcode": (HELLO + frame(Opcode.RELAY_UP, bytes(48)), Status.OPCODE_FORBIDDEN),
    "journal record": (HELLO + frame(Opcode.STORE_TX, bytes(48)), Status.OPCODE_FORBIDDEN),
    "an answer": (HELLO + frame(Opcode.LOGIN, flags=1), Status.PROTOCOL_STATE),
    "an event": (HELLO + frame(Opcode.EV_TX, flags=2), Status.PROTOCOL_STATE),
}


@pytest.mark.clause("8.6")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_frame_gets_one_goodbye(server: Server, name: str) -> None:
    """The code says what was wrong, the connection closes, and another client trades on."""
    octets, status = BAD[name]
    with Client(server.workers, server.ca) as other:
        other.login("ann", PASSWORD)
        frames = talk(server, octets)
        goodbyes = [message for _, message in frames if isinstance(message, m.Goodbye)]
        assert [goodbye.code for goodbye in goodbyes] == [status]
        assert isinstance(frames[-1][1], m.Goodbye)
        assert other.portfolio().cash > 0


def test_a_truncated_frame_times_out_alone(server: Server) -> None:
    """Half a frame and a silent peer: closed at the end of its time, others undisturbed."""
    with connect(server) as tls:
        tls.sendall(HELLO + frame(Opcode.LOGIN, bytes(40))[:50])
        tls.settimeout(QUIET_S)
        data = b""
        while chunk := tls.recv(65536):
            data += chunk
        size = 32 + codec.parse_header(data).length
        _, goodbye = codec.decode(data[size:])
        assert isinstance(goodbye, m.Goodbye)
        assert goodbye.code == Status.KEEPALIVE_TIMEOUT


def inner_handshake(server: Server, context: ssl.SSLContext) -> bytes:
    """Try to get at the inner port; return what the master sent before it closed."""
    port = int(server.said("master.json")["port"])
    with socket.create_connection(("127.0.0.1", port), QUIET_S) as plain:
        plain.settimeout(QUIET_S)
        with context.wrap_socket(plain, server_hostname="master.papertrader.internal") as tls:
            tls.sendall(HELLO)
            return tls.recv(4096)


def inner_context(server: Server) -> ssl.SSLContext:
    """Return a context that trusts the authority and speaks the inner protocol."""
    context = ssl.create_default_context(cafile=str(server.ca))
    context.set_alpn_protocols(["ptwp-inner/1"])
    return context


@pytest.mark.clause("1.1")
def test_the_inner_port_is_shut(server: Server) -> None:
    """No certificate, a client's, an unregistered one, plain octets: no frame is answered."""
    with pytest.raises(OSError, match=r"."):
        assert inner_handshake(server, inner_context(server)) == b""
        raise OSError("closed without a word")
    stranger = str(uuid4())
    issue_worker(server.state, "worker-9", stranger, now=datetime.now(UTC))
    pem, key = certificate_files(server.state, "worker-9")
    context = inner_context(server)
    context.load_cert_chain(pem, key)
    with pytest.raises(OSError, match=r"."):
        assert inner_handshake(server, context) == b""
        raise OSError("closed without a word")
    port = int(server.said("master.json")["port"])
    with socket.create_connection(("127.0.0.1", port), QUIET_S) as plain:
        plain.settimeout(QUIET_S)
        plain.sendall(b"\x00" * 512)
        answered = plain.recv(4096)
        assert b"PT" not in answered
    with Client(server.workers, server.ca) as client:
        client.login("ann", PASSWORD)


def up(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``papertrader up`` expecting it to refuse."""
    return subprocess.run(
        [*UP, "--state-dir", str(state), *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Check that it was refused in one clear line; return that line."""
    assert done.returncode not in (0, None)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return errors[0]


def test_a_port_in_use(tmp_path: Path) -> None:
    """The line names the port and the setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = one_line(up(tmp_path / "s", "--master-port", str(port), "--worker-port", "0"))
        assert str(port) in line
        assert "master.listen" in line
        line = one_line(up(tmp_path / "s", "--worker-port", str(port), "--master-port", "0"))
        assert "worker.listen" in line


def test_an_unusable_state_directory(tmp_path: Path) -> None:
    """A file stands where the directory should be."""
    (tmp_path / "s").write_text("not a directory")
    assert "--state-dir" in one_line(up(tmp_path / "s"))


@pytest.mark.parametrize("kind", ["master", "worker"])
def test_a_state_directory_that_is_open_to_others(tmp_path: Path, kind: str) -> None:
    """No service starts there, as `up` does not: in one line, with what to run."""
    state = tmp_path / "s"
    prepare_settings(state, lambda line: None)
    prepare(state, 1, now=datetime.now(UTC), new_uuid=uuid4)
    state.chmod(0o755)
    said = f"the directory {state} is open to other users (mode 0755); run: chmod 700 {state}"
    twistd = Path(sys.executable).with_name("twistd")
    done = subprocess.run(
        [str(twistd), "-n", "--pidfile=", f"papertrader-{kind}", "--state-dir", str(state)],
        capture_output=True, text=True, timeout=60, check=False, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"papertrader-{kind}" in done.stderr
    assert f"error: {said}" in done.stderr
    assert said in one_line(up(state))


def test_broken_settings_are_told_all_at_once(tmp_path: Path) -> None:
    """Each error with its line and key; nothing is started, nothing damaged."""
    state = tmp_path / "s"
    state.mkdir(mode=0o700)
    text = 'workers = 0\n[market]\nspeed = "fast"\nsorce = "replay"\n'
    (state / "papertrader.toml").write_text(text)
    done = up(state)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2
    assert "hint: see: " in done.stderr
    assert len(errors) == 3
    for number, key in ((1, "workers"), (3, "market.speed"), (4, "market.sorce")):
        assert any(f"papertrader.toml:{number}: {key}:" in line for line in errors)
    assert (state / "papertrader.toml").read_text() == text
    assert not (state / "truth.db").exists()


def test_a_second_up_and_a_second_master(server: Server) -> None:
    """Both are refused in one line; the first goes on."""
    assert "another" in one_line(up(server.state))
    twistd = Path(sys.executable).with_name("twistd")
    done = subprocess.run(
        [str(twistd), "-n", "--pidfile=", "papertrader-master", "--state-dir", str(server.state)],
        capture_output=True, text=True, timeout=60, check=False, env=os.environ,
    )  # fmt: skip
    assert done.returncode != 0
    assert "another master runs on" in done.stderr
    assert "Traceback" not in done.stderr
    with Client(server.workers, server.ca) as client:
        client.login("ann", PASSWORD)
    assert server.audit().violations == []
