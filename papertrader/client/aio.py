"""The asyncio face of the client library: the methods of `Client` as coroutines.

::

    async with AsyncClient("127.0.0.1:2049", ca="ca.pem") as client:
        await client.login("ada", "correct horse")
        await client.subscribe_account()
        await client.buy("AAPL", 10)
        async for event in client.events():
            ...

One task works the connection while the client is open: it reconnects, resumes and keeps alive.
Requests may be made side by side; arguments, results and errors are those of `Client`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from papertrader.client import commands
from papertrader.client import results as r
from papertrader.client import updates as u
from papertrader.client.accessing import AsyncAccess
from papertrader.client.alerting import AsyncAlerts
from papertrader.client.arguments import timeout_of
from papertrader.client.blocking import CLIENT_ORDER_ID_BITS, PRIVATE
from papertrader.client.commands import Amount, Command
from papertrader.client.conditions import Conditions
from papertrader.client.contesting import AsyncContests
from papertrader.client.endpoints import Endpoint
from papertrader.client.losses import was_shut_out, why_lost
from papertrader.client.moments import Moment
from papertrader.client.observing import AsyncObserver
from papertrader.client.owning import AsyncOwner
from papertrader.client.phases import Profile
from papertrader.client.session import ClientSession
from papertrader.client.trading import AsyncTrader
from papertrader.client.transport import (
    DIAL_TIMEOUT_S,
    client_context,
    endpoints_of,
    require_alpn,
    wall_clock,
)
from papertrader.client.trust import Trust
from papertrader.client.workering import AsyncWorkers
from papertrader.core.instants import SECOND
from papertrader.core.orders import OrderState, Side, TimeInForce
from papertrader.wire import messages as m
from papertrader.wire.kinds import Privacy, Scope, TxKind

ResultT = TypeVar("ResultT")

Stream = asyncio.Protocol
DialAsync = Callable[[Endpoint, Stream], Awaitable[asyncio.Transport]]
"""Connects a protocol to a worker; raises `OSError`."""

_CLOSE_TIMEOUT_S: Final = 2.0


def tls_dialer(ca: str | Path) -> DialAsync:
    """Return what connects with TLS to workers whose certificates come from the CA file.

    The file is looked at before each connection: another one may have taken its place.
    """
    context = Trust(ca, client_context)

    async def dial(endpoint: Endpoint, stream: Stream) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(
            lambda: stream,
            endpoint.host,
            endpoint.port,
            ssl=context(),
            server_hostname=endpoint.host,
        )
        tls = transport.get_extra_info("ssl_object")
        try:
            require_alpn(tls.selected_alpn_protocol())
        except ConnectionError:
            transport.abort()
            raise
        return transport

    return dial


class _Octets(asyncio.Protocol):
    """One connection: passes what happens to its client."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client._received(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        why = why_lost(exc) if exc is not None else "the server closed the connection"
        self._client._lost(self, why, was_shut_out(exc))


class AsyncClient(
    AsyncObserver, AsyncOwner, AsyncAccess, AsyncTrader, AsyncContests, AsyncAlerts, AsyncWorkers
):
    """A user of PaperTrader on an asyncio loop; see `papertrader.client.blocking.Client`.

    Use it as an asynchronous context manager, on one loop. It stays connected while it is open.
    """

    def __init__(
        self,
        workers: str | Endpoint | Iterable[str | Endpoint],
        ca: str | Path | None = None,
        *,
        timeout: float = 30.0,
        patient: bool = False,
        learn_workers: bool = True,
        dial: DialAsync | None = None,
        now_ns: Callable[[], int] | None = None,
        randbits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        if dial is None and ca is None:
            raise ValueError("name the file of the certificate authority: ca=PATH")
        self._dial = dial if dial is not None else tls_dialer(cast("str | Path", ca))
        self._now = now_ns if now_ns is not None else wall_clock()
        self._randbits = randbits
        profile = Profile(timeout=timeout_of(timeout), patient=patient, learn_workers=learn_workers)
        self._session = ClientSession(profile, endpoints_of(workers), randbits)
        self._stream: _Octets | None = None
        self._transport: asyncio.Transport | None = None
        self._futures: dict[int, asyncio.Future[Any]] = {}
        self._wake = asyncio.Event()
        self._arrived = asyncio.Event()
        self._driver: asyncio.Task[None] | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        self._drive()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def reference(self) -> str:
        """What the servers' logs find the newest request by: ``papertrader log show
        --correlation``; empty before the first."""
        return self._session.reference

    @property
    def worker(self) -> Endpoint:
        """The worker that is asked, or the next one to be."""
        return self._session.workers.current

    # --- account and session ----------------------------------------------------------------------

    async def register(
        self,
        username: str,
        password: str,
        *,
        email: str | None = None,
        currency: str = "",
        privacy: Privacy = PRIVATE,
        invitation: str | None = None,
    ) -> r.Registration:
        """Open an account; as `Client.register`."""
        return await self._ask(
            commands.register(username, password, email, currency, privacy, invitation)
        )

    async def login(
        self,
        username: str = "",
        password: str | None = None,
        *,
        session_token: bytes | None = None,
        api_key: str | None = None,
        remember: bool = False,
        scope: Scope = Scope.TRADE,
        lifetime_s: int = 0,
        device: str | None = None,
        code: str | None = None,
    ) -> r.Login:
        """Open a session; as `Client.login`."""
        return await self._ask(
            commands.login(
                username,
                password,
                session_token,
                api_key,
                remember,
                scope,
                lifetime_s,
                device,
                code,
            )
        )

    async def resume(self, token: bytes, *, last_event_seq: int = 0) -> r.Login:
        """Go on with a session by its token; as `Client.resume`."""
        return await self._ask(commands.resume(token, last_event_seq))

    async def logout(self, *, everywhere: bool = False) -> int:
        """End the session, or all of the account's; returns how many ended."""
        return await self._ask(commands.logout(everywhere))

    async def account(self, username: str = "") -> r.Account:
        """Read the own account, or what another user shows of theirs."""
        return await self._ask(commands.account(username))

    # --- market data ------------------------------------------------------------------------------

    async def asset(self, symbol: str) -> r.Asset:
        """Read one asset."""
        return await self._ask(commands.asset(symbol))

    async def assets(self, prefix: str = "", *, limit: int = 0) -> r.Page[r.Asset]:
        """Read the assets whose symbol begins with ``prefix``."""
        return await self._ask(commands.assets(prefix, limit))

    async def quotes(self, symbols: str | Iterable[str], *, max_age_ms: int = 0) -> r.Quotes:
        """Read the newest quotes of 1 to 64 symbols; as `Client.quotes`."""
        return await self._ask(commands.quotes(symbols, max_age_ms))

    async def bars(
        self,
        symbol: str,
        interval: str | int = "1d",
        *,
        from_time: Moment = None,
        to_time: Moment = None,
        limit: int = 0,
        adjust: str = "raw",
    ) -> r.Bars:
        """Read bars, oldest first; as `Client.bars`."""
        return await self._ask(commands.bars(symbol, interval, from_time, to_time, limit, adjust))

    # --- orders -----------------------------------------------------------------------------------

    async def buy(
        self,
        symbol: str,
        quantity: Amount,
        limit: Amount | None = None,
        time_in_force: str | TimeInForce = "day",
        client_order_id: int | None = None,
        portfolio: int = 0,
        tag: str | None = None,
        conditions: Conditions | None = None,
    ) -> r.Order:
        """Buy at the market, or at ``limit`` or better; as `Client.buy`."""
        return await self.order_new(
            Side.BUY,
            symbol,
            quantity,
            limit,
            time_in_force,
            client_order_id,
            portfolio,
            tag,
            conditions,
        )

    async def sell(
        self,
        symbol: str,
        quantity: Amount,
        limit: Amount | None = None,
        time_in_force: str | TimeInForce = "day",
        client_order_id: int | None = None,
        portfolio: int = 0,
        tag: str | None = None,
        conditions: Conditions | None = None,
    ) -> r.Order:
        """Sell what is held; as `Client.sell`."""
        return await self.order_new(
            Side.SELL,
            symbol,
            quantity,
            limit,
            time_in_force,
            client_order_id,
            portfolio,
            tag,
            conditions,
        )

    async def order_new(
        self,
        side: Side,
        symbol: str,
        quantity: Amount,
        limit: Amount | None = None,
        time_in_force: str | TimeInForce = "day",
        client_order_id: int | None = None,
        portfolio: int = 0,
        tag: str | None = None,
        conditions: Conditions | None = None,
    ) -> r.Order:
        """Send an order of either side; as `Client.buy`."""
        if client_order_id is None:
            client_order_id = self._randbits(CLIENT_ORDER_ID_BITS) or 1
        return await self._ask(
            commands.order_new(
                side,
                symbol,
                quantity,
                limit,
                time_in_force,
                client_order_id,
                portfolio,
                tag,
                conditions,
            )
        )

    async def order_cancel(
        self, order_id: int = 0, *, client_order_id: int = 0, portfolio: int = 0
    ) -> r.Order:
        """Cancel an open order; as `Client.order_cancel`."""
        return await self._ask(commands.order_cancel(order_id, client_order_id, portfolio))

    async def order(
        self, order_id: int = 0, *, client_order_id: int = 0, portfolio: int = 0, tag: str = ""
    ) -> r.Order:
        """Read one order."""
        return await self._ask(commands.order(order_id, client_order_id, portfolio, tag))

    async def orders(
        self,
        symbol: str = "",
        *,
        states: Iterable[OrderState] | None = None,
        every: bool = False,
        limit: int = 0,
        after: int = 0,
        portfolio: int = 0,
        newest_first: bool = False,
    ) -> r.Page[r.Order]:
        """Read orders, oldest first; as `Client.orders`."""
        return await self._ask(
            commands.orders(symbol, states, every, limit, after, portfolio, newest_first)
        )

    async def portfolio(self, portfolio: int = 0, *, username: str = "") -> r.Portfolio:
        """Read cash, totals and positions."""
        return await self._ask(commands.portfolio(portfolio, username))

    async def transactions(
        self,
        *,
        from_time: Moment = None,
        to_time: Moment = None,
        kinds: Iterable[TxKind] = (),
        limit: int = 0,
        after: int = 0,
        portfolio: int = 0,
        username: str = "",
        newest_first: bool = False,
    ) -> r.Page[r.Transaction]:
        """Read ledger history, oldest first; as `Client.transactions`."""
        return await self._ask(
            commands.transactions(
                from_time, to_time, kinds, limit, after, portfolio, username, newest_first
            )
        )

    # --- events -----------------------------------------------------------------------------------

    async def subscribe_quotes(
        self, symbols: str | Iterable[str], *, min_interval_ms: int = 0, snapshot: bool = True
    ) -> int:
        """Have quotes pushed to `events`; as `Client.subscribe_quotes`."""
        return await self._subscribe(commands.subscribe_quotes(symbols, min_interval_ms, snapshot))

    async def subscribe_account(self, *, from_event_seq: int = 0) -> int:
        """Have the account's events pushed to `events`; as `Client.subscribe_account`."""
        return await self._subscribe(commands.subscribe_account(from_event_seq))

    async def unsubscribe(self, subscription: int, symbols: str | Iterable[str] = ()) -> None:
        """End a subscription, or leave ``symbols`` out of it."""
        await self._await(self._session.unsubscribe(subscription, symbols, self._now()))

    async def events(self) -> AsyncIterator[u.Event]:
        """Give what the server pushes until the client is closed."""
        while True:
            event = self._session.take_event()
            if event is not None:
                yield event
            elif self._closed:
                return
            else:
                self._arrived.clear()
                await self._arrived.wait()

    async def workers(self, region: int = 0) -> tuple[r.WorkerInfo, ...]:
        """Read which workers clients may use; ``region`` 0 for any."""
        return await self._ask(commands.workers(region))

    async def close(self) -> None:
        """Say GOODBYE and let go of the connection; open requests fail."""
        self._closed = True
        self._session.close()
        self._settle()
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.cancel()
            await asyncio.wait([driver], timeout=_CLOSE_TIMEOUT_S)
        if self._transport is not None:
            self._transport.write(self._session.data_to_send(self._now()))
            self._transport.close()
            self._transport = None
        self._stream = None

    # --- working the connection -------------------------------------------------------------------

    async def _ask(self, command: Command[ResultT]) -> ResultT:
        return cast("ResultT", await self._await(self._session.submit(command, self._now())))

    async def _subscribe(self, request: m.Subscribe) -> int:
        return cast("int", await self._await(self._session.subscribe(request, self._now())))

    async def _await(self, number: int) -> Any:
        self._drive()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._futures[number] = future
        self._flush()
        self._wake.set()
        try:
            return await future
        finally:
            self._futures.pop(number, None)
            self._session.abandon(number)

    def _drive(self) -> None:
        if self._driver is None and not self._closed:
            self._driver = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        """Work the connection; if that fails, so does everyone who waits for it."""
        try:
            await self._work()
        except Exception as error:
            for future in self._futures.values():
                if not future.done():
                    future.set_exception(error)
            raise

    async def _work(self) -> None:
        """Connect when the session wants to, and do what falls due."""
        while not self._closed:
            endpoint = self._session.endpoint_to_dial(self._now())
            if endpoint is not None:
                await self._connect(endpoint)
            self._session.handle_time(self._now())
            self._flush()
            self._settle()
            due = self._session.next_deadline()
            self._wake.clear()
            try:
                async with asyncio.timeout(
                    None if due is None else max(0.0, (due - self._now()) / SECOND)
                ):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _connect(self, endpoint: Endpoint) -> None:
        stream = _Octets(self)
        try:
            async with asyncio.timeout(DIAL_TIMEOUT_S):
                transport = await self._dial(endpoint, stream)
        except (OSError, ValueError) as error:
            # ValueError: a host name that cannot be encoded; there may be other workers.
            self._session.lost(why_lost(error), self._now(), was_shut_out(error))
            return
        self._stream = stream
        self._transport = transport
        self._session.connected(self._now())

    def _received(self, stream: _Octets, data: bytes) -> None:
        if stream is self._stream:
            self._session.receive(data, self._now())
            self._flush()
            self._settle()
            self._wake.set()

    def _lost(self, stream: _Octets, why: str, ended: bool) -> None:
        if stream is self._stream:
            self._stream = None
            self._transport = None
            self._session.lost(why, self._now(), ended)
            self._settle()
            self._wake.set()

    def _flush(self) -> None:
        if self._transport is None:
            return
        octets = self._session.data_to_send(self._now())
        if octets:
            self._transport.write(octets)
        if self._session.wants_close and self._stream is not None:
            transport, stream = self._transport, self._stream
            self._lost(stream, "closed", ended=False)
            transport.close()

    def _settle(self) -> None:
        """Hand out the answers and events that came."""
        for answer in self._session.take_answers():
            future = self._futures.get(answer.call)
            if future is not None and not future.done():
                if answer.error is not None:
                    future.set_exception(answer.error)
                else:
                    future.set_result(answer.value)
        if self._session.has_events or self._closed:
            self._arrived.set()
