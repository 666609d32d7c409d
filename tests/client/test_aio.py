"""The asyncio face on a loop whose time jumps instead of passing."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from papertrader.client import errors
from papertrader.client import updates as u
from papertrader.client.aio import AsyncClient
from papertrader.client.losses import SHUT_OUT_TRIES
from papertrader.wire.kinds import Opcode, Status
from tests.client_accounts import START
from tests.client_kit import Market, Peer


class JumpingSelector(selectors.DefaultSelector):
    """Never waits: hands the time it would have waited to the loop."""

    loop: JumpingLoop

    def select(self, timeout: float | None = None) -> list:
        ready = super().select(0)
        if not ready and timeout:
            self.loop.moment += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.moment = 1_000.0
        selector = JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.moment


class MemoryStream:
    """An asyncio transport to a `Peer`; what comes back is delivered in the next turn."""

    def __init__(self, peer: Peer, stream: asyncio.Protocol) -> None:
        self.peer = peer
        self.stream = stream
        self.gone = False

    def write(self, octets: bytes) -> None:
        self.peer.take(octets)
        asyncio.get_running_loop().call_soon(self.carry)

    def carry(self) -> None:
        back = self.peer.give()
        if back:
            self.stream.data_received(back)
        if self.peer.closed:
            self.lose()

    def lose(self) -> None:
        if not self.gone:
            self.gone = True
            self.peer.drop()
            self.stream.connection_lost(None)

    def close(self) -> None:
        asyncio.get_running_loop().call_soon(self.lose)


class Bench:
    def __init__(self, **options: object) -> None:
        self.market = Market()
        self.market.add("ada", "correct horse")
        self.streams: list[MemoryStream] = []
        self.options = options

    async def dial(self, endpoint: object, stream: asyncio.Protocol) -> MemoryStream:
        transport = MemoryStream(self.market.dial(endpoint), stream)
        self.streams.append(transport)
        return transport

    def run(self, body: Callable[[AsyncClient], Awaitable[None]]) -> None:
        """Run ``body`` with an open client until it returns."""
        loop = JumpingLoop()
        now = lambda: START + round(loop.moment * 1e9)  # noqa: E731
        self.market.clock = now

        async def whole() -> None:
            client = AsyncClient(
                "127.0.0.1:2049", dial=self.dial, now_ns=now, learn_workers=False,
                randbits=Random(1).getrandbits, **self.options,
            )  # fmt: skip
            async with client:
                await body(client)

        try:
            loop.run_until_complete(whole())
        finally:
            loop.close()


def test_orders_side_by_side_survive_a_lost_connection() -> None:
    """Twenty orders gathered, the connection lost among them: each executed once."""
    bench = Bench()

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")
        bench.market.plan(Opcode.ORDER_NEW, *[None] * 4, "drop after")
        orders = await asyncio.gather(*[client.buy("AAPL", n + 1) for n in range(20)])
        assert [int(order.quantity) for order in orders] == list(range(1, 21))

    bench.run(body)
    assert len(bench.market.accounts["ada"].orders) == 20
    assert bench.streams[-1].peer.connection.goodbye.code == Status.OK


def test_events_are_iterated() -> None:
    """Own orders come as events, in order, until the client is closed."""
    bench = Bench()

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")
        await client.subscribe_account()
        await client.buy("AAPL", 1)
        bench.market.tick()
        bench.streams[0].carry()
        seen = []
        async for event in client.events():
            if isinstance(event, u.OrderUpdate | u.TransactionUpdate):
                seen.append(event.sequence)
            if len(seen) == 3:
                break
        assert seen == [1, 2, 3]

    bench.run(body)


def test_it_reconnects_while_nobody_asks() -> None:
    """A lost connection comes back by itself."""
    bench = Bench()

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")
        bench.streams[0].lose()
        await asyncio.sleep(2)
        assert len(bench.streams) == 2
        assert len(bench.market.seen(Opcode.RESUME)) == 1

    bench.run(body)


def test_a_refused_connection_is_told() -> None:
    """Without patience the first failure of the only worker ends the request."""
    bench = Bench()
    bench.market.refuse_dials = 10

    async def body(client: AsyncClient) -> None:
        with pytest.raises(errors.ConnectionLost, match="Connection refused"):
            await client.login("ada", "correct horse")

    bench.run(body)


def test_who_is_shut_out_for_a_moment_comes_in_a_little_later() -> None:
    """A worker that has too many connections just now closes the next: two more tries."""
    bench = Bench()
    bench.market.shut_dials = SHUT_OUT_TRIES

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")

    bench.run(body)
    assert len(bench.market.dials) == 1 + SHUT_OUT_TRIES


def test_a_canceled_request_is_forgotten() -> None:
    """Canceling the task leaves the client usable."""
    bench = Bench()

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")
        bench.market.plan(Opcode.ACCOUNT_GET, "silence")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await client.account()
        assert (await client.account()).username == "ada"

    bench.run(body)


def test_the_deadline_ends_a_request() -> None:
    """No answer: ConnectionLost for a read, OutcomeUnknown for an order, in bounded time."""
    bench = Bench(timeout=3.0)

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")
        bench.market.plan(Opcode.ACCOUNT_GET, "silence")
        bench.market.plan(Opcode.ORDER_NEW, "silence")
        with pytest.raises(errors.ConnectionLost):
            await client.account()
        with pytest.raises(errors.OutcomeUnknown):
            await client.buy("AAPL", 1)

    bench.run(body)


def test_all_faces_have_the_same_methods() -> None:
    """Names and arguments of every command are the same in the three faces."""
    import inspect

    from papertrader.client.blocking import Client
    from papertrader.client.protocol import TwistedClient

    names = [
        name
        for name, _ in inspect.getmembers(Client, inspect.isfunction)
        if not name.startswith("_") and name != "events"
    ]
    assert len(names) > 18
    for name in names:
        wanted = inspect.signature(getattr(Client, name)).parameters
        for face in (AsyncClient, TwistedClient):
            parameters = inspect.signature(getattr(face, name)).parameters
            assert list(parameters.values()) == list(wanted.values()), (face, name)
