"""Plays a worker against clients, or a master against workers, and lies to them now and then.

Every request is answered with a reply made from the schema; some replies are changed
(`papertrader.fuzz.mutate`), some events are pushed that nobody asked for. What the peer sends is
judged: it must be well-formed, and after a fatal lie the connection must end.
"""

from __future__ import annotations

import random
import selectors
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from papertrader.fuzz.generate import Generator
from papertrader.fuzz.mutate import mutated, put
from papertrader.fuzz.observe import Breach
from papertrader.fuzz.reference import CLOSE_S
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import EVENT, RESPONSE, Header
from papertrader.wire.declarations import Message, Shape
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode, Role
from papertrader.wire.schema import MESSAGES

PEERS_MAX: Final = 64
"""Connections at once; more are closed."""
BREACHES_MAX: Final = 200
OUTPUT_MAX: Final = 8 * 1024 * 1024
TICK_S: Final = 0.05
_REPLIES: Final[dict[int, Message]] = {
    int(opcode): message
    for message in MESSAGES
    if message.shape is Shape.REPLY
    for opcode in (message.opcode, *message.also)
}
_EVENTS: Final = tuple(message for message in MESSAGES if message.shape is Shape.EVENT)
_HONEST: Final = frozenset({Opcode.HELLO, Opcode.LOGIN, Opcode.RESUME, Opcode.WORKER_AUTH})
"""Answered well, nearly always: otherwise nothing behind them would ever be reached."""


@attrs.frozen(kw_only=True)
class Setting:
    """Where and as whom to listen. ``lies`` is the share of replies that are changed."""

    host: str
    port: int
    certificate: Path
    key: Path
    as_master: bool = False
    client_ca: Path | None = None
    lies: float = 0.2


class Conversation:
    """One peer without its socket: takes what it says, returns what it is told."""

    def __init__(self, setting: Setting, rng: random.Random, generator: Generator) -> None:
        self.breaches: list[Breach] = []
        self.frames_in = self.frames_out = self.lies = 0
        self.lied_at: float | None = None
        self.told_fatal = False
        self.cuts = False
        """The connection is to be cut after what was said last."""
        self._setting = setting
        self._rng = rng
        self._generator = generator
        self._buffer = b""
        self._hello = False
        self._subscribed = False

    def receive(self, data: bytes, now: float) -> bytes:
        """Take octets of the peer; return what to send."""
        self._buffer += data
        out = b""
        while len(self._buffer) >= limits.HEADER_SIZE:
            header = codec.parse_header(self._buffer)
            try:
                codec.check_header(header._replace(version=1), limits.FRAME_MAX)
            except RemoteFault as fault:
                self._blame(f"a header: {fault}")
                self._buffer = b""
                return out
            size = limits.HEADER_SIZE + header.length
            if len(self._buffer) < size:
                break
            octets, self._buffer = self._buffer[:size], self._buffer[size:]
            out += self._frame(header, octets, now)
        return out

    def _blame(self, text: str) -> None:
        self.breaches.append(Breach("framing", f"the peer sent {text}"))

    def _frame(self, header: Header, octets: bytes, now: float) -> bytes:
        self.frames_in += 1
        try:
            message = codec.decode_body(header, octets)
        except RemoteFault as fault:
            greasy = header.opcode in kinds.GREASE_OPCODES
            if not greasy:
                self._blame(f"{codec.describe(header.opcode)}: {fault}")
            return codec.failure(header.opcode, fault.status, correlation=header.correlation)
        if not self._hello and not isinstance(message, m.Hello | m.Goodbye):
            self._blame(f"{type(message).__name__} before HELLO")
        if header.flags & (RESPONSE | EVENT):
            return b""
        self._hello = True
        return self._answer(header, now)

    def _answer(self, header: Header, now: float) -> bytes:
        declared = _REPLIES.get(header.opcode)
        if declared is None:
            return b""
        reply = self._reply(declared, header)
        honest = header.opcode in _HONEST and self._rng.random() < 0.95
        out = reply if honest else self._perhaps_lie(reply, now)
        if header.opcode in (Opcode.SUBSCRIBE, Opcode.WORKER_AUTH):
            self._subscribed = True
        if self._subscribed and self._rng.random() < 0.3:
            event = self._generator.frame(self._rng.choice(_EVENTS))
            if codec.parse_header(event).opcode != Opcode.GOODBYE:
                out += self._perhaps_lie(event, now)
        self.frames_out += 1
        return out

    def _reply(self, declared: Message, header: Header) -> bytes:
        made = self._generator.message(declared)
        session = header.session
        if isinstance(made, m.HelloReply):
            role = Role.MASTER if self._setting.as_master else Role.WORKER
            made = m.HelloReply(
                version=1, min_version=1, max_version=1, role=role, revision=kinds.REVISION,
                keepalive_s=15, max_frame=limits.CLIENT_FRAME_MAX, max_inflight=64,
                max_sessions=1, command_rate=50, server_time=1,
            )  # fmt: skip
        elif isinstance(made, m.LoginReply | m.ResumeReply):
            made.session = session = session or 1
            made.expires_at = 2**62
        elif isinstance(made, m.WorkerAuthReply):
            made.relay_window = limits.RELAY_WINDOW_FRAMES
        elif hasattr(made, "part"):
            rows = [getattr(made, s.attribute) for s in declared.sections if s.kind == "group"]
            count = sum(map(len, rows))
            whole = {"part": 1, "parts": 1, "rows": count, "total_rows": count, "next_after": 0}
            for name, value in whole.items():
                if hasattr(made, name):
                    setattr(made, name, value)
        elif isinstance(made, m.PingReply):
            made.token = 0
        return codec.encode(
            made, opcode=header.opcode, session=session, correlation=header.correlation
        )

    def _perhaps_lie(self, octets: bytes, now: float) -> bytes:
        if self._rng.random() >= self._setting.lies:
            return octets
        self.lies += 1
        how = self._rng.random()
        if how < 0.08:
            return octets + octets
        if how < 0.16:
            return put(octets, 20, "I", self._rng.getrandbits(32)) + octets
        if how < 0.22:
            self.cuts = True
            return octets[: self._rng.randrange(len(octets))]
        if how < 0.26:
            return b""
        changed = mutated(self._rng, octets)
        if len(changed) >= limits.HEADER_SIZE and self._rng.random() < 0.5:
            changed = put(changed, 4, "I", len(changed) - limits.HEADER_SIZE)
        if self.lied_at is None and self._is_fatal(changed):
            self.lied_at = now
        return changed

    @staticmethod
    def _is_fatal(octets: bytes) -> bool:
        try:
            codec.decode(octets)
        except RemoteFault as fault:
            return fault.fatal
        return False

    def overdue(self, now: float) -> list[Breach]:
        """Return a breach if the peer lives on after a fatal lie; told once."""
        if self.lied_at is None or self.told_fatal or now - self.lied_at <= 2 * CLOSE_S:
            return []
        self.told_fatal = True
        text = f"the peer did not close {2 * CLOSE_S:.0f} s after a fatal fault"
        return [Breach("discipline", text)]


@attrs.define(eq=False)
class _Peer:
    stream: ssl.SSLSocket
    talk: Conversation
    shaken: bool = False
    out: bytearray = attrs.Factory(bytearray)


class Acceptor:
    """The port and its peers. ``now`` is a monotonic clock; raises `OSError` for a taken port."""

    def __init__(self, setting: Setting, rng: random.Random, now: Callable[[], float]) -> None:
        self.breaches: list[Breach] = []
        self.accepted = self.frames_in = self.frames_out = self.lies_told = 0
        self._setting = setting
        self._rng = rng
        self._now = now
        self._context = self._tls()
        self._port = socket.create_server((setting.host, setting.port))
        self._port.setblocking(False)
        self.host, self.port = self._port.getsockname()[:2]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._port, selectors.EVENT_READ, None)
        self._peers: set[_Peer] = set()

    def _tls(self) -> ssl.SSLContext:
        setting = self._setting
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(setting.certificate, setting.key)
        context.set_alpn_protocols(["ptwp-inner/1" if setting.as_master else "ptwp/1"])
        if setting.client_ca is not None:
            context.load_verify_locations(setting.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def run(self, seconds: float) -> None:
        """Serve for so long, 0: until interrupted; then close everything."""
        began = self._now()
        try:
            while not seconds or self._now() - began < seconds:
                self.turn(TICK_S)
        except KeyboardInterrupt:
            pass
        finally:
            for peer in list(self._peers):
                self._lost(peer)
            self._selector.close()
            self._port.close()

    def turn(self, seconds: float) -> None:
        """Do what is due within so long."""
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._accept()
            else:
                self._read(key.data)
        for peer in list(self._peers):
            self._write(peer)
            self._take(peer.talk.overdue(self._now()))

    def _take(self, breaches: list[Breach]) -> None:
        room = BREACHES_MAX - len(self.breaches)
        self.breaches += [each for each in breaches if each not in self.breaches][:room]

    def _accept(self) -> None:
        plain, _ = self._port.accept()
        if len(self._peers) >= PEERS_MAX:
            plain.close()
            return
        plain.setblocking(False)
        stream = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        # Of its own, so that its lies depend on nothing but how many came before.
        rng = random.Random(self._rng.getrandbits(64))
        peer = _Peer(stream, Conversation(self._setting, rng, Generator(rng)))
        self.accepted += 1
        self._peers.add(peer)
        self._selector.register(stream, selectors.EVENT_READ, peer)

    def _read(self, peer: _Peer) -> None:
        try:
            if not peer.shaken:
                peer.stream.do_handshake()
                peer.shaken = True
            while True:
                data = peer.stream.recv(65536)
                if not data:
                    self._lost(peer)
                    return
                peer.out += peer.talk.receive(data, self._now())
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            pass
        except (OSError, ssl.SSLError):
            self._lost(peer)
        if len(peer.out) > OUTPUT_MAX:
            self._lost(peer)

    def _write(self, peer: _Peer) -> None:
        try:
            while peer.out and peer.shaken:
                sent = peer.stream.send(peer.out[:65536])
                del peer.out[:sent]
            if peer.talk.cuts and peer.shaken and not peer.out:
                self._lost(peer)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            pass
        except (OSError, ssl.SSLError):
            self._lost(peer)

    def _lost(self, peer: _Peer) -> None:
        if peer not in self._peers:
            return
        self._peers.discard(peer)
        self._take(peer.talk.breaches)
        self.frames_in += peer.talk.frames_in
        self.frames_out += peer.talk.frames_out
        self.lies_told += peer.talk.lies
        self._selector.unregister(peer.stream)
        peer.stream.close()
