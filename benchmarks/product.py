"""The product under load: an installation, its processes, its accounts, and what they send."""

from __future__ import annotations

import compileall
import contextlib
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import attrs

from benchmarks.processes import (
    ROOT,
    START_S,
    BenchmarkError,
    Running,
    cpu_seconds,
    module,
    server,
    wait_for_json,
)
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import OrderType, Side, TimeInForce
from papertrader.master.engines import place_at
from papertrader.ops.certificates import authority_file
from papertrader.ops.installation import prepare, prepare_settings
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Mechanism, Opcode, Role, Scope, Topic

SYMBOL: Final = "AURUSD"
COINS: Final = {SYMBOL: (200_000, 2_000), "NIMUSD": (20_000, 200)}
"""The simulated market's coins trade round the clock. A buy at the first price and a sell at the
second are beyond the market, so that they fill at its own price with the next quote."""
QUANTITY: Final = 100
"""One lot, a millionth of a coin: what a quote shows suffices for all orders until the next."""
HOLDING: Final = 10**6
"""Bought for each account when it is opened, so that it can sell whatever it sends first."""
FILLED_S: Final = 1.0
"""By then the next quotes have filled what was bought."""
PASSWORD: Final = "a load of orders"
SESSIONS_OF_ONE: Final = limits.SESSIONS_PER_ACCOUNT - 1
KEEPALIVE_S: Final = 120
SETTINGS: Final = {
    "master.listen": "127.0.0.1:0",
    "market.source": "simulated",
    "market.speed": "10",
    "market.update_interval_ms": "100",
    "accounts.starting_cash": "1000000000.00",
    # Logins are not measured here; the least work for each makes hundreds of them quick.
    "auth.argon2_memory_kib": "8192",
    "auth.argon2_time": "1",
    "limits.logins_per_second": "100000",
    "limits.registrations_per_second": "100000",
    "limits.registrations_per_day": "1000000",
}
NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})
AWAIT_LOGIN: Final = 2
AWAIT_UPGRADE: Final = 3


@attrs.define
class Account:
    """An account, and the token by which further sessions of it are opened."""

    username: str
    token: str


@attrs.define
class Product:
    """A master and a worker that run; ``start_cpu``: CPU seconds each took until READY."""

    state: Path
    master: Running
    worker: Running
    start_cpu: tuple[float, float]
    accounts: list[Account] = attrs.Factory(list)

    @property
    def pids(self) -> tuple[int, int]:
        """Worker, and the master's workings: its driver does nothing once it is up."""
        return self.worker.pid, self.master.workings


@contextlib.contextmanager
def master(state: Path, settings: Mapping[str, str] = NO_SETTINGS) -> Iterator[Running]:
    """Run the master as it is: ``twistd papertrader-master``."""
    given = {**SETTINGS, **settings}.items()
    sets = [part for name, value in given for part in ("--set", f"{name}={value}")]
    twistd = str(Path(sys.executable).with_name("twistd"))
    command = [
        twistd, "-n", "--pidfile=", "--logger=papertrader.ops.running.no_observer",
        "papertrader-master", "--state-dir", str(state), *sets,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True)
    running = Running(process, 0)
    try:
        said = wait_for_json(state / "run" / "master.json", process, START_S)
        running.port, running.workings = int(str(said["port"])), int(str(said["pid"]))
        yield running
    finally:
        running.stop()


@contextlib.contextmanager
def product(
    state: Path, settings: Mapping[str, str] = NO_SETTINGS, *, workers: int = 1
) -> Iterator[Product]:
    """Make an installation in ``state`` and run it for the length of a block.

    ``settings`` of the master go before `SETTINGS`.
    """
    install(state, workers, settings.get("store.url", ""))
    with master(state, settings) as one:
        cpu = cpu_seconds(one.process.pid) + cpu_seconds(one.workings)
        command = module("benchmarks.servers.worker", state, one.port)
        with server(*command) as two:
            yield Product(state, one, two, (cpu, cpu_seconds(two.pid)))


def install(state: Path, workers: int = 1, store_url: str = "") -> None:
    """Make an installation with so many workers registered; ``store_url``: in a PostgreSQL.

    The program's bytecode is made first, as pip does when it installs: an editable installation in
    an environment that forbids writing it would compile everything at each start.
    """
    compileall.compile_dir(str(ROOT / "papertrader"), quiet=2)
    prepare_settings(state, lambda line: None)
    place = place_at(state, store_url)
    prepare(state, workers, now=datetime.now(UTC), new_uuid=uuid.uuid4, place=place)


# --- accounts and sessions ----------------------------------------------------------------------


def hello() -> bytes:
    """Return the first frame of a client."""
    return codec.encode(
        m.Hello(
            min_version=1, max_version=1, role=Role.CLIENT, revision=kinds.REVISION,
            keepalive_s=KEEPALIVE_S, max_frame=limits.FRAME_MAX, software="benchmark",
        )
    )  # fmt: skip


def keepalive() -> bytes:
    """Return the frame that keeps a silent connection alive."""
    return codec.encode(m.Ping(token=1, sent_at=time.time_ns()), correlation=1)


def masked(octets: bytes) -> bytes:
    """Return one binary message of a browser's WebSocket, under the mask 0."""
    size = len(octets)
    head = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return b"\x82" + head + bytes(4) + octets


def upgrade(port: int) -> bytes:
    """Return the request by which a page of the worker's own opens its WebSocket."""
    return (
        f"GET /ptwp HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: https://localhost:{port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def _ask(
    link: ssl.SSLSocket, message: Message, correlation: int, session: int = 0, seq: int = 0
) -> Any:
    link.sendall(codec.encode(message, correlation=correlation, session=session, seq=seq))
    while True:
        octets = exactly(link, limits.HEADER_SIZE)
        octets += exactly(link, codec.parse_header(octets).length)
        header, reply = codec.decode(octets)
        if header.correlation == correlation and header.opcode == message.OPCODE:
            if header.status:
                raise BenchmarkError(f"{type(message).__name__} was refused: {reply!r}")
            return reply


def exactly(link: ssl.SSLSocket, size: int) -> bytes:
    """Return so many octets of a connection; raises `BenchmarkError` if it ends before."""
    data = b""
    while len(data) < size:
        more = link.recv(size - len(data))
        if not more:
            raise BenchmarkError("the worker closed the connection")
        data += more
    return data


def open_accounts(running: Product, count: int) -> None:
    """Register accounts until there are so many, and wait until they hold something to sell."""
    if len(running.accounts) >= count:
        return
    context = ssl.create_default_context(cafile=str(authority_file(running.state)))
    context.set_alpn_protocols([kinds.ALPN_CLIENT])
    while len(running.accounts) < count:
        name = f"load{len(running.accounts)}"
        raw = socket.create_connection(("127.0.0.1", running.worker.port), timeout=10)
        with context.wrap_socket(raw, server_hostname="localhost") as link:
            link.sendall(hello())
            _ask(link, m.Register(username=name, password=PASSWORD), 1)
            login = m.Login(
                username=name, mechanism=Mechanism.PASSWORD, remember=True, scope=Scope.TRADE,
                password=PASSWORD,
            )  # fmt: skip
            reply = _ask(link, login, 2)
            for number, symbol in enumerate(COINS, 1):
                first = attrs.evolve(
                    _order(symbol, Side.BUY, OrderType.MARKET, HOLDING), client_order_id=number
                )
                _ask(link, first, 2 + number, session=reply.session, seq=number)
        running.accounts.append(Account(name, reply.token.hex()))
    time.sleep(FILLED_S)


def log_in(link: ssl.SSLSocket, account: Account) -> int:
    """Open a session of an account on a new connection; return its handle."""
    login = m.Login(
        username=account.username, mechanism=Mechanism.SESSION_TOKEN, scope=Scope.TRADE,
        password=account.token,
    )  # fmt: skip
    link.sendall(hello())
    return int(_ask(link, login, 1).session)


def prologue(
    running: Product,
    conns: int,
    *,
    of_one: int = SESSIONS_OF_ONE,
    then: bytes = b"",
    skip: int = 0,
    web: bool = False,
) -> bytes:
    """Return what opens so many connections: HELLO, LOGIN, and perhaps one request (load.c).

    ``of_one`` sessions share an account. Orders need an account each: an account may have only
    so many of them open, and they stay open until the next quote. The first ``skip`` accounts are
    left to others. ``web``: as a browser, over WebSocket.
    """
    open_accounts(running, skip - (-conns // of_one))
    then = masked(then) if web and then else then
    parts = []
    for number in range(conns):
        account = running.accounts[skip + number // of_one]
        login = m.Login(
            username=account.username, mechanism=Mechanism.SESSION_TOKEN, scope=Scope.TRADE,
            password=account.token,
        )  # fmt: skip
        first = hello() + codec.encode(login, correlation=1)
        if web:
            asked = upgrade(running.worker.web)
            first = masked(first)
            parts += [
                len(asked).to_bytes(4, "big"), asked, bytes(4), AWAIT_UPGRADE.to_bytes(4, "big"),
            ]  # fmt: skip
        parts += [
            len(first).to_bytes(4, "big"), first,
            len(then).to_bytes(4, "big"), then,
            AWAIT_LOGIN.to_bytes(4, "big"),
        ]  # fmt: skip
    return b"".join(parts)


# --- what they send -----------------------------------------------------------------------------


def account_read() -> list[bytes]:
    """Return the request that asks the master and needs no commit."""
    return [codec.encode(m.AccountGet(), session=1, correlation=1)]


def quote_read() -> list[bytes]:
    """Return the request that the worker answers from its cache."""
    request = m.QuoteGet(symbols=(m.SymbolRow(SYMBOL),))
    return [codec.encode(request, session=1, correlation=1)]


def orders() -> list[bytes]:
    """Return market and limit orders, as many bought as sold, so that cash and positions last."""
    return [
        codec.encode(_order(symbol, side, kind), session=1, correlation=1, seq=1)
        for kind in (OrderType.MARKET, OrderType.LIMIT)
        for side in (Side.BUY, Side.SELL)
        for symbol in COINS
    ]


def _order(symbol: str, side: Side, kind: OrderType, quantity: int = QUANTITY) -> m.OrderNew:
    price = COINS[symbol][0 if side is Side.BUY else 1] * SCALE
    return m.OrderNew(
        client_order_id=1, symbol=symbol, side=side, order_type=kind,
        time_in_force=TimeInForce.GTC, quantity=quantity,
        limit_price=price if kind is OrderType.LIMIT else NULL,
    )  # fmt: skip


def subscription(symbols: tuple[str, ...] = (SYMBOL,)) -> bytes:
    """Return the request for every quote of some symbols."""
    rows = tuple(m.SymbolRow(symbol) for symbol in symbols)
    return codec.encode(
        m.Subscribe(topics=int(Topic.QUOTES), symbols=rows), session=1, correlation=2
    )


if (int(Opcode.LOGIN), int(Opcode.EV_QUOTE)) != (0x0102, 0x0510):
    raise RuntimeError("load.c knows these numbers; change them there as well")
