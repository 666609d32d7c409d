"""Attackers of a worker, in a process of their own: ``python -m tests.torture.attackers``.

Plain sockets and one `epoll`, so that thousands cost little. Each slow connection is of one of
seven kinds; when the worker ends one, a new one takes its place. Beside them a flood sends junk
that looks valid. Connections come from many addresses of 127.0.0.0/8, so that the limits for one
address hide nothing. What was held and done is printed at the end as JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import select
import signal
import socket
import ssl
import struct
import time
from pathlib import Path
from typing import Any

from papertrader.wire import codec
from papertrader.wire import messages as m
from tests.torture.line import client_context, hello

KINDS = (
    "tcp", "half-client-hello", "tls-silent", "half-hello", "drip", "silent", "no-reader",
)  # fmt: skip
"""TCP alone; half a ClientHello; TLS and silence; half a HELLO; a frame octet by octet; HELLO and
silence; requests whose replies are not read."""
PER_ADDRESS = 20
CONNECTS_PER_TICK = 12
TICK_S = 0.02
DRIP_S = 1.0
FLOOD_BATCH = 200
_HALF_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(60)


class Slow:
    """One slow connection."""

    __slots__ = ("began", "kind", "next_at", "place", "sent", "state", "stream", "tls")

    def __init__(self, kind: str, place: int, stream: socket.socket, now: float) -> None:
        self.kind = kind
        self.place = place
        self.stream: Any = stream
        self.tls = False
        self.state = "connecting"
        self.began = now
        self.next_at = 0.0
        self.sent = 0


class Attack:
    """Keeps ``count`` slow connections to a worker, for as long as `run` lasts."""

    def __init__(self, worker: str, ca: Path, count: int, flooders: int) -> None:
        host, _, port = worker.rpartition(":")
        self.address = (host, int(port))
        self.context: ssl.SSLContext = client_context(ca)
        self.count = count
        self.flooders = flooders
        self.poll = select.epoll()
        self.slow: dict[int, Slow] = {}
        self.places = list(range(count - 1, -1, -1))
        self.kinds = itertools.cycle(KINDS)
        self.opened = self.refused = self.ended = self.flooded = self.flood_ends = 0
        self.held_longest = dict.fromkeys(KINDS, 0.0)
        self.most = 0
        self.stopped = False
        self.flood: dict[int, Any] = {}
        self._ping = codec.encode(m.Ping(token=1), correlation=5)
        self._junk = self._junk_frames()

    @staticmethod
    def _junk_frames() -> bytes:
        order = codec.encode(
            m.OrderNew(client_order_id=1, symbol="IBM", quantity=1), session=1, correlation=1, seq=1
        )
        return b"".join(
            order[:20] + struct.pack(">I", number + 2) + order[24:] for number in range(FLOOD_BATCH)
        )

    def source(self, place: int) -> str:
        """Return the address that a place's connections come from."""
        number = place // PER_ADDRESS + 2
        return f"127.{1 + number // 250}.{number % 250 // 50}.{number % 250 + 2}"

    # --- slow connections ------------------------------------------------------------------------

    def open_some(self, now: float) -> None:
        """Open a few of those that are missing."""
        for _ in range(min(CONNECTS_PER_TICK, len(self.places))):
            place = self.places.pop()
            stream = socket.socket()
            stream.setblocking(False)
            try:
                stream.bind((self.source(place), 0))
                stream.connect(self.address)
            except BlockingIOError:
                pass
            except OSError:
                stream.close()
                self.places.insert(0, place)
                self.refused += 1
                continue
            self.slow[stream.fileno()] = Slow(next(self.kinds), place, stream, now)
            self.poll.register(stream.fileno(), select.EPOLLIN | select.EPOLLOUT)
            self.opened += 1

    def end(self, number: int, now: float) -> None:
        """Take note that a connection is over."""
        each = self.slow.pop(number)
        self.poll.unregister(number)
        each.stream.close()
        self.places.insert(0, each.place)
        if each.state == "connecting":
            self.refused += 1
        else:
            self.ended += 1
            held = now - each.began
            self.held_longest[each.kind] = max(self.held_longest[each.kind], held)

    def step(self, number: int, events: int, now: float) -> None:
        """Go on with a connection on which something happened."""
        each = self.slow[number]
        try:
            if each.state == "connecting":
                each.stream.send(b"") if events & select.EPOLLOUT else None
                each.state = "begun"
                self.begin(each)
            if each.state == "handshake":
                self.shake(each, now)
            elif self.is_closed(each, events):
                self.end(number, now)
                return
            if events & (select.EPOLLHUP | select.EPOLLERR) and number in self.slow:
                self.end(number, now)
                return
            self.poll.modify(number, self.wanted(each))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            self.poll.modify(number, self.wanted(each))
        except OSError:
            self.end(number, now)

    @staticmethod
    def is_closed(each: Slow, events: int) -> bool:
        """Read what came, if the kind reads; tell whether the worker has closed."""
        reads = events & select.EPOLLIN and each.kind != "no-reader"
        return bool(reads) and not each.stream.recv(4_096)

    @staticmethod
    def wanted(each: Slow) -> int:
        """Return the events that a connection waits for."""
        return 0 if each.kind == "no-reader" and each.state == "open" else select.EPOLLIN

    def begin(self, each: Slow) -> None:
        """Do what a kind does once it is connected."""
        if each.kind == "half-client-hello":
            each.stream.send(_HALF_HELLO)
        elif each.kind != "tcp":
            each.state = "handshake"
            number = each.stream.fileno()
            each.stream = self.context.wrap_socket(
                each.stream, server_hostname=self.address[0], do_handshake_on_connect=False
            )
            if each.stream.fileno() != number:
                raise OSError("the socket changed its number")

    def shake(self, each: Slow, now: float) -> None:
        """Go on with the TLS handshake, then say what the kind says."""
        each.stream.do_handshake()
        each.state = "open"
        first = hello()
        if each.kind == "half-hello":
            each.stream.send(first[:20])
        elif each.kind in ("drip", "silent", "no-reader"):
            each.stream.send(first)
        if each.kind == "no-reader":
            each.stream.send(self._ping * 30)
        each.next_at = now + DRIP_S

    def drip(self, now: float) -> None:
        """Send one more octet where one is due."""
        for number, each in list(self.slow.items()):
            if each.kind == "drip" and each.state == "open" and now >= each.next_at:
                each.next_at = now + DRIP_S
                try:
                    each.stream.send(self._ping[each.sent : each.sent + 1])
                    each.sent = min(each.sent + 1, len(self._ping) - 2)
                except (ssl.SSLWantWriteError, BlockingIOError):
                    continue
                except OSError:
                    self.end(number, now)

    # --- the flood -------------------------------------------------------------------------------

    def flood_some(self) -> None:
        """Send junk on the connections of the flood, opening those that are missing."""
        while len(self.flood) < self.flooders:
            source = f"127.200.0.{2 + self.flood_ends % 200}"
            plain = socket.create_connection(self.address, 5, (source, 0))
            try:
                stream = self.context.wrap_socket(plain, server_hostname=self.address[0])
                stream.sendall(hello())
            except OSError:
                plain.close()
                self.flood_ends += 1
                return
            stream.setblocking(False)
            self.flood[stream.fileno()] = stream
        for number, stream in list(self.flood.items()):
            try:
                self.flooded += stream.send(self._junk) // (len(self._junk) // FLOOD_BATCH)
            except (ssl.SSLWantWriteError, BlockingIOError):
                pass
            except OSError:
                stream.close()
                del self.flood[number]
                self.flood_ends += 1
                continue
            try:
                if not stream.recv(65_536):
                    raise ConnectionError
            except (ssl.SSLWantReadError, BlockingIOError):
                pass
            except OSError:
                stream.close()
                del self.flood[number]
                self.flood_ends += 1

    # --- the run ---------------------------------------------------------------------------------

    def run(self, seconds: float, ready: Path) -> None:
        """Attack for so long; ``ready`` is written when as many as wanted were held once."""
        until = time.monotonic() + seconds
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stopped", True))
        while not self.stopped and (now := time.monotonic()) < until:
            self.open_some(now)
            for number, events in self.poll.poll(TICK_S, 512):
                if number in self.slow:
                    self.step(number, events, now)
            self.drip(now)
            self.flood_some()
            self.most = max(self.most, len(self.slow))
            if len(self.slow) >= self.count * 0.95 and not ready.exists():
                ready.write_text(f"{time.monotonic()}\n", encoding="ascii")


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="tests.torture.attackers", description=__doc__)
    parser.add_argument("--worker", required=True)
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--flooders", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--ready", type=Path, required=True)
    options = parser.parse_args()
    os.nice(10)
    attack = Attack(options.worker, options.ca, options.count, options.flooders)
    attack.run(options.seconds, options.ready)
    facts = {
        "opened": attack.opened, "refused": attack.refused, "ended": attack.ended,
        "held": len(attack.slow), "most": attack.most, "flooded": attack.flooded,
        "flood_ends": attack.flood_ends,
        "held_longest_s": {kind: round(value, 1) for kind, value in attack.held_longest.items()},
    }  # fmt: skip
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
