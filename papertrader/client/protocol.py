"""The Twisted face of the client library: the methods of `Client`, each giving a Deferred.

    client = TwistedClient(reactor, "127.0.0.1:2049", ca="ca.pem")
    client.listen(print)
    await client.login("ada", "correct horse")
    await client.subscribe_account()
    order = await client.buy("AAPL", 10)

It connects with the first request, reconnects and resumes by itself, and keeps alive until `close`.
Arguments that cannot be sent raise at once (`TypeError`, `ValueError`), and so does what this
client cannot take: `NotLoggedIn`, `TooManyCalls`, `ConnectionLost` after `close`. Everything else
fails the Deferred with an error of `papertrader.client.errors`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.client import commands
from papertrader.client import results as r
from papertrader.client import updates as u
from papertrader.client.accessing import TwistedAccess
from papertrader.client.alerting import TwistedAlerts
from papertrader.client.arguments import timeout_of
from papertrader.client.blocking import CLIENT_ORDER_ID_BITS, PRIVATE
from papertrader.client.commands import Amount, Command
from papertrader.client.conditions import Conditions
from papertrader.client.contesting import TwistedContests
from papertrader.client.endpoints import Endpoint
from papertrader.client.moments import Moment
from papertrader.client.observing import TwistedObserver
from papertrader.client.octetstream import (
    EndpointFor,
    Octets,
    OctetsFactory,
    tls_endpoints,
    why_not_made,
)
from papertrader.client.owning import TwistedOwner
from papertrader.client.phases import Profile
from papertrader.client.session import ClientSession
from papertrader.client.trading import TwistedTrader
from papertrader.client.transport import DIAL_TIMEOUT_S, endpoints_of
from papertrader.client.workering import TwistedWorkers
from papertrader.core.instants import SECOND
from papertrader.core.orders import OrderState, Side, TimeInForce
from papertrader.net.clock import Clock, Timer
from papertrader.wire import messages as m
from papertrader.wire.kinds import Privacy, Scope, TxKind

ResultT = TypeVar("ResultT")

Listener = Callable[[u.Event], object]


class TwistedClient(
    TwistedObserver,
    TwistedOwner,
    TwistedAccess,
    TwistedTrader,
    TwistedContests,
    TwistedAlerts,
    TwistedWorkers,
):
    """A user of PaperTrader on a Twisted reactor; see `papertrader.client.blocking.Client`.

    ``clock`` and ``endpoint_for`` replace the reactor's time and the TLS endpoints. It goes on
    dialing until `close`, unless ``patient`` is False.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        workers: str | Endpoint | Iterable[str | Endpoint],
        ca: str | Path | None = None,
        *,
        timeout: float = 30.0,
        patient: bool = True,
        learn_workers: bool = True,
        clock: Clock | None = None,
        endpoint_for: EndpointFor | None = None,
        randbits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        if endpoint_for is None and ca is None:
            raise ValueError("name the file of the certificate authority: ca=PATH")
        self._endpoint_for = (
            endpoint_for
            if endpoint_for is not None
            else tls_endpoints(reactor, cast("str | Path", ca))
        )
        self._clock = clock if clock is not None else Clock(reactor)
        self._randbits = randbits
        profile = Profile(timeout=timeout_of(timeout), patient=patient, learn_workers=learn_workers)
        self._session = ClientSession(profile, endpoints_of(workers), randbits)
        self._deferreds: dict[int, Deferred[Any]] = {}
        self._listeners: list[Listener] = []
        self._stream: Octets | None = None
        self._dialing: Deferred[Any] | None = None
        self._timer: Timer | None = None
        self._timer_due = 0
        self._dial_due = 0
        self._closing: Deferred[None] | None = None

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

    def register(
        self,
        username: str,
        password: str,
        *,
        email: str | None = None,
        currency: str = "",
        privacy: Privacy = PRIVATE,
        invitation: str | None = None,
    ) -> Deferred[r.Registration]:
        """Open an account; as `Client.register`."""
        return self._ask(
            commands.register(username, password, email, currency, privacy, invitation)
        )

    def login(
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
    ) -> Deferred[r.Login]:
        """Open a session; as `Client.login`."""
        return self._ask(
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

    def resume(self, token: bytes, *, last_event_seq: int = 0) -> Deferred[r.Login]:
        """Go on with a session by its token; as `Client.resume`."""
        return self._ask(commands.resume(token, last_event_seq))

    def logout(self, *, everywhere: bool = False) -> Deferred[int]:
        """End the session, or all of the account's; fires with how many ended."""
        return self._ask(commands.logout(everywhere))

    def account(self, username: str = "") -> Deferred[r.Account]:
        """Read the own account, or what another user shows of theirs."""
        return self._ask(commands.account(username))

    # --- market data ------------------------------------------------------------------------------

    def asset(self, symbol: str) -> Deferred[r.Asset]:
        """Read one asset."""
        return self._ask(commands.asset(symbol))

    def assets(self, prefix: str = "", *, limit: int = 0) -> Deferred[r.Page[r.Asset]]:
        """Read the assets whose symbol begins with ``prefix``."""
        return self._ask(commands.assets(prefix, limit))

    def quotes(self, symbols: str | Iterable[str], *, max_age_ms: int = 0) -> Deferred[r.Quotes]:
        """Read the newest quotes of 1 to 64 symbols; as `Client.quotes`."""
        return self._ask(commands.quotes(symbols, max_age_ms))

    def bars(
        self,
        symbol: str,
        interval: str | int = "1d",
        *,
        from_time: Moment = None,
        to_time: Moment = None,
        limit: int = 0,
        adjust: str = "raw",
    ) -> Deferred[r.Bars]:
        """Read bars, oldest first; as `Client.bars`."""
        return self._ask(commands.bars(symbol, interval, from_time, to_time, limit, adjust))

    # --- orders -----------------------------------------------------------------------------------

    def buy(
        self,
        symbol: str,
        quantity: Amount,
        limit: Amount | None = None,
        time_in_force: str | TimeInForce = "day",
        client_order_id: int | None = None,
        portfolio: int = 0,
        tag: str | None = None,
        conditions: Conditions | None = None,
    ) -> Deferred[r.Order]:
        """Buy at the market, or at ``limit`` or better; as `Client.buy`."""
        return self.order_new(
            Side.BUY, symbol, quantity, limit, time_in_force, client_order_id, portfolio, tag,
            conditions,
        )  # fmt: skip

    def sell(
        self,
        symbol: str,
        quantity: Amount,
        limit: Amount | None = None,
        time_in_force: str | TimeInForce = "day",
        client_order_id: int | None = None,
        portfolio: int = 0,
        tag: str | None = None,
        conditions: Conditions | None = None,
    ) -> Deferred[r.Order]:
        """Sell what is held; as `Client.sell`."""
        return self.order_new(
            Side.SELL, symbol, quantity, limit, time_in_force, client_order_id, portfolio, tag,
            conditions,
        )  # fmt: skip

    def order_new(
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
    ) -> Deferred[r.Order]:
        """Send an order of either side; as `Client.buy`."""
        if client_order_id is None:
            client_order_id = self._randbits(CLIENT_ORDER_ID_BITS) or 1
        return self._ask(
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

    def order_cancel(
        self, order_id: int = 0, *, client_order_id: int = 0, portfolio: int = 0
    ) -> Deferred[r.Order]:
        """Cancel an open order; as `Client.order_cancel`."""
        return self._ask(commands.order_cancel(order_id, client_order_id, portfolio))

    def order(
        self, order_id: int = 0, *, client_order_id: int = 0, portfolio: int = 0, tag: str = ""
    ) -> Deferred[r.Order]:
        """Read one order."""
        return self._ask(commands.order(order_id, client_order_id, portfolio, tag))

    def orders(
        self,
        symbol: str = "",
        *,
        states: Iterable[OrderState] | None = None,
        every: bool = False,
        limit: int = 0,
        after: int = 0,
        portfolio: int = 0,
        newest_first: bool = False,
    ) -> Deferred[r.Page[r.Order]]:
        """Read orders, oldest first; as `Client.orders`."""
        return self._ask(
            commands.orders(symbol, states, every, limit, after, portfolio, newest_first)
        )

    def portfolio(self, portfolio: int = 0, *, username: str = "") -> Deferred[r.Portfolio]:
        """Read cash, totals and positions."""
        return self._ask(commands.portfolio(portfolio, username))

    def transactions(
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
    ) -> Deferred[r.Page[r.Transaction]]:
        """Read ledger history, oldest first; as `Client.transactions`."""
        return self._ask(
            commands.transactions(
                from_time, to_time, kinds, limit, after, portfolio, username, newest_first
            )
        )

    # --- events -----------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with everything pushed from now on; what it raises is logged."""
        self._listeners.append(listener)

    def subscribe_quotes(
        self, symbols: str | Iterable[str], *, min_interval_ms: int = 0, snapshot: bool = True
    ) -> Deferred[int]:
        """Have quotes pushed to the listeners; as `Client.subscribe_quotes`."""
        return self._subscribe(commands.subscribe_quotes(symbols, min_interval_ms, snapshot))

    def subscribe_account(self, *, from_event_seq: int = 0) -> Deferred[int]:
        """Have the account's events pushed to the listeners; as `Client.subscribe_account`."""
        return self._subscribe(commands.subscribe_account(from_event_seq))

    def unsubscribe(self, subscription: int, symbols: str | Iterable[str] = ()) -> Deferred[None]:
        """End a subscription, or leave ``symbols`` out of it."""
        now = self._clock.wall_ns()
        return self._await(self._session.unsubscribe(subscription, symbols, now))

    def workers(self, region: int = 0) -> Deferred[tuple[r.WorkerInfo, ...]]:
        """Read which workers clients may use; ``region`` 0 for any."""
        return self._ask(commands.workers(region))

    def close(self) -> Deferred[None]:
        """Say GOODBYE and let go of the connection; open requests fail.

        Fires when the connection is closed.
        """
        if self._closing is None:
            self._closing = Deferred()
            self._session.close()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            stream = self._stream
            if stream is not None:
                stream.write(self._session.data_to_send(self._clock.wall_ns()))
                stream.close()
            elif self._dialing is not None:
                self._dialing.cancel()
            self._settle()
            if stream is None:
                self._closing.callback(None)
            return self._closing
        return succeed(None) if self._closing.called else self._closing

    # --- working the connection -------------------------------------------------------------------

    def _ask(self, command: Command[ResultT]) -> Deferred[ResultT]:
        return self._await(self._session.submit(command, self._clock.wall_ns()))

    def _subscribe(self, request: m.Subscribe) -> Deferred[int]:
        return self._await(self._session.subscribe(request, self._clock.wall_ns()))

    def _await(self, number: int) -> Deferred[Any]:
        def forget(_deferred: Deferred[Any]) -> None:
            del self._deferreds[number]
            self._session.abandon(number)

        deferred: Deferred[Any] = Deferred(forget)
        self._deferreds[number] = deferred
        self._turn()
        return deferred

    def _turn(self) -> None:
        """After anything happened: connect, write, tell, and set the timer."""
        now = self._clock.wall_ns()
        endpoint = self._session.endpoint_to_dial(now)
        if endpoint is not None:
            self._connect(endpoint, now)
        stream = self._stream
        if stream is not None:
            octets = self._session.data_to_send(now)
            if octets:
                stream.write(octets)
            if self._session.wants_close and self._stream is stream:
                stream.close()
                self._lost(stream, "closed", ended=False)
                return
        self._settle()
        self._set_timer(now)

    def _set_timer(self, now: int) -> None:
        due = self._session.next_deadline()
        if self._dial_due:
            due = self._dial_due if due is None else min(due, self._dial_due)
        if due is None or self._closing is not None:
            return
        if self._timer is not None and self._timer.active and self._timer_due <= due:
            # It comes early, finds nothing to do and is set anew: cheaper than one timer per frame.
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._clock.call_later(max(0, due - now) / SECOND, self._time)

    def _time(self) -> None:
        now = self._clock.wall_ns()
        self._timer = None
        if self._dial_due and now >= self._dial_due and self._dialing is not None:
            self._dialing.cancel()
        elif self._dial_due and now >= self._dial_due and self._stream is not None:
            stream = self._stream
            self._lost(stream, "no TLS connection in time", ended=False)
            stream.abort()
        self._session.handle_time(now)
        self._turn()

    def _connect(self, endpoint: Endpoint, now: int) -> None:
        stream = Octets(self._connected, self._received, self._lost)
        self._stream = stream
        self._dial_due = now + round(DIAL_TIMEOUT_S * SECOND)
        try:
            self._dialing = self._endpoint_for(endpoint).connect(OctetsFactory(stream))
        except ValueError as error:
            # A host name that cannot be encoded; there may be other workers.
            self._lost(stream, str(error), ended=False)
            return

        def made(_protocol: object) -> None:
            self._dialing = None

        def failed(failure: Failure) -> None:
            self._dialing = None
            self._lost(stream, *why_not_made(failure))

        self._dialing.addCallbacks(made, failed)

    def _connected(self, stream: Octets) -> None:
        if stream is self._stream and self._closing is None:
            self._dial_due = 0
            self._session.connected(self._clock.wall_ns())
            self._turn()
        else:
            stream.abort()

    def _received(self, stream: Octets, data: bytes) -> None:
        if stream is self._stream:
            self._session.receive(data, self._clock.wall_ns())
            self._turn()

    def _lost(self, stream: Octets, why: str, ended: bool) -> None:
        if stream is not self._stream:
            return
        self._stream = None
        self._dial_due = 0
        self._session.lost(why, self._clock.wall_ns(), ended)
        if self._closing is not None:
            if not self._closing.called:
                self._closing.callback(None)
        else:
            self._turn()

    def _settle(self) -> None:
        """Hand out the answers and events that came."""
        for answer in self._session.take_answers():
            deferred = self._deferreds.pop(answer.call, None)
            if deferred is None:
                continue
            if answer.error is not None:
                deferred.errback(answer.error)
            else:
                deferred.callback(answer.value)
        while (event := self._session.take_event()) is not None:
            for listener in list(self._listeners):
                try:
                    listener(event)
                except Exception:
                    self.log.failure("a listener to PaperTrader events failed")
