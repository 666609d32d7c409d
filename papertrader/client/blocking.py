"""The blocking face of the client library: sockets of the standard library, no threads, no Twisted.

A call sends its request and works the connection until the answer is there; `Client.events` does
the same for what the server pushes. Between calls nothing runs: a program that pauses for minutes
should keep ``events`` running or log in with ``remember=True``.

>>> with Client("127.0.0.1:2049", ca="ca.pem") as client:
...     registration = client.register("ada", "correct horse")
...     login = client.login("ada", "correct horse")
...     order = client.buy("AAPL", 10, limit="190.25")
...     print(order.side.name, order.quantity, order.symbol, order.state.name)
...     print(client.order(order_id=order.order_id).limit_price)
...     print(client.portfolio().cash)
BUY 10.00 AAPL PENDING
190.25
100000.00

Prices, quantities and money are text, integers or `decimal.Decimal`; a float raises `TypeError`.
Every method may raise what `papertrader.client.errors` lists: `RefusedError` when the server says
no, `ConnectionLost` when it cannot be reached, `OutcomeUnknown` when a command was sent and its
fate is not known.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from papertrader.client import commands
from papertrader.client import results as r
from papertrader.client import updates as u
from papertrader.client.accessing import BlockingAccess
from papertrader.client.alerting import BlockingAlerts
from papertrader.client.arguments import timeout_of, wait_of
from papertrader.client.commands import Amount, Command
from papertrader.client.conditions import Conditions
from papertrader.client.contesting import BlockingContests
from papertrader.client.endpoints import Endpoint
from papertrader.client.losses import was_shut_out, why_lost
from papertrader.client.moments import Moment
from papertrader.client.observing import BlockingObserver
from papertrader.client.owning import BlockingOwner
from papertrader.client.phases import Profile
from papertrader.client.session import ClientSession
from papertrader.client.trading import BlockingTrader
from papertrader.client.transport import (
    DIAL_TIMEOUT_S,
    Dial,
    Transport,
    endpoints_of,
    tls_dialer,
    wall_clock,
)
from papertrader.client.workering import BlockingWorkers
from papertrader.core.instants import SECOND
from papertrader.core.orders import OrderState, Side, TimeInForce
from papertrader.wire import messages as m
from papertrader.wire.kinds import Privacy, Scope, TxKind

ResultT = TypeVar("ResultT")

WhileWaiting = Callable[["Client"], AbstractContextManager[object]]
"""Gives what a client's wait for an answer is done within."""

_STEP_S: Final = 1.0
CLIENT_ORDER_ID_BITS: Final = 63
PRIVATE: Final = Privacy(0)


class Client(
    BlockingObserver,
    BlockingOwner,
    BlockingAccess,
    BlockingTrader,
    BlockingContests,
    BlockingAlerts,
    BlockingWorkers,
):
    """A user of PaperTrader, over whichever worker can be reached. Use it as a context manager.

    ``workers`` is one or several ``HOST:PORT``; ``ca`` the file with the certificate authority that
    signed theirs. ``timeout`` (seconds) bounds each call, repeats included. ``patient``: keep
    trying for that long even if no worker was ever reached. ``dial``, ``now_ns``, ``sleep`` and
    ``randbits`` replace the network, the clock and the random source. ``while_waiting`` gives
    what each wait for an answer is done within, such as what tells a person after some seconds
    which `worker` is waited for. Each thread needs a client of its own: while one works this
    one's connection, a call of another raises `RuntimeError`.
    """

    def __init__(
        self,
        workers: str | Endpoint | Iterable[str | Endpoint],
        ca: str | Path | None = None,
        *,
        timeout: float = 30.0,
        patient: bool = False,
        learn_workers: bool = True,
        dial: Dial | None = None,
        now_ns: Callable[[], int] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        randbits: Callable[[int], int] = secrets.randbits,
        while_waiting: WhileWaiting = contextlib.nullcontext,
    ) -> None:
        if dial is None and ca is None:
            raise ValueError("name the file of the certificate authority: ca=PATH")
        self._dial = dial if dial is not None else tls_dialer(cast("str | Path", ca))
        self._now = now_ns if now_ns is not None else wall_clock()
        self._sleep = sleep
        self._randbits = randbits
        self._while_waiting = while_waiting
        profile = Profile(timeout=timeout_of(timeout), patient=patient, learn_workers=learn_workers)
        self._session = ClientSession(profile, endpoints_of(workers), randbits)
        self._transport: Transport | None = None
        self._answers: dict[int, Any] = {}
        self._one_thread = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

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
    ) -> r.Registration:
        """Open an account: name of 3 to 24 letters, digits and ``_ . -``, password of 8 to 256
        octets, ``currency`` empty for the server's default, ``invitation`` where accounts need one.
        Raises `UsernameTaken`, `InvitationInvalid`."""
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
    ) -> r.Login:
        """Open a session: with the password, beside a remembered session with its token, or with
        an API key (its owner's name may be left out).

        Without ``remember`` the session ends with `close`, or a minute after a lost connection.
        ``lifetime_s`` 0 is the server's default. ``code`` is one of the second factor, with a
        password. Raises `AuthenticationFailed`, `SecondFactorRequired`. A ``scope`` of SETUP says
        that this server demands a second factor first: `totp_setup`, `totp_enable`.
        """
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

    def resume(self, token: bytes, *, last_event_seq: int = 0) -> r.Login:
        """Go on with a session by the newest token received; other users of it are detached.

        Raises `SessionEnded` if it has ended.
        """
        return self._ask(commands.resume(token, last_event_seq))

    def logout(self, *, everywhere: bool = False) -> int:
        """End the session, or every session of the account; returns how many ended."""
        return self._ask(commands.logout(everywhere))

    def account(self, username: str = "") -> r.Account:
        """Read the own account, or what another user shows of theirs."""
        return self._ask(commands.account(username))

    # --- market data ------------------------------------------------------------------------------

    def asset(self, symbol: str) -> r.Asset:
        """Read one asset. Raises `NoSuchSymbol`."""
        return self._ask(commands.asset(symbol))

    def assets(self, prefix: str = "", *, limit: int = 0) -> r.Page[r.Asset]:
        """Read the assets whose symbol begins with ``prefix``; ``limit`` 0 is 500."""
        return self._ask(commands.assets(prefix, limit))

    def quotes(self, symbols: str | Iterable[str], *, max_age_ms: int = 0) -> r.Quotes:
        """Read the newest quotes of 1 to 64 symbols; those without one are left out.

        ``max_age_ms``: a quote older than this is asked for anew, 0 takes any age.
        """
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
    ) -> r.Bars:
        """Read bars of market time, oldest first.

        ``interval`` is ``1m 5m 15m 1h 1d 1w 1mo`` or seconds; ``from_time`` inclusive, ``to_time``
        exclusive (dates mean midnight UTC); ``limit`` takes the newest of the range, 0 for the
        server's limit; ``adjust`` is ``raw``, ``split`` or ``total``.
        """
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
    ) -> r.Order:
        """Buy ``quantity`` shares or coins at the market, or at ``limit`` or better.

        ``time_in_force`` is ``day``, ``gtc``, ``gtd``, ``ioc`` (what the first price update gives;
        the rest is cancelled), ``fok`` (all of it then, or nothing), ``opg`` or ``cls`` (at the
        opening or the close). ``conditions``: stops, legs and the rest. ``client_order_id`` (1 to
        2**64 - 1) must never be used twice; without it a random one is taken. The order fills on
        the first price update after it arrived: the answer says that it was accepted. Raises
        `InsufficientCash`, `NoSuchSymbol`, `RefusedError`; `OutcomeUnknown` carries the client
        order id. ``tag`` is a note by which to know the order again.
        """
        return self.order_new(
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
    ) -> r.Order:
        """Sell what is held; as `buy`. Raises `InsufficientPosition`."""
        return self.order_new(
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
    ) -> r.Order:
        """Send an order of either side; see `buy`."""
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
    ) -> r.Order:
        """Cancel an open order, named by one of the two ids.

        Raises `NoSuchOrder`, and `RefusedError` ORDER_DONE (with the order) if it has ended.
        """
        return self._ask(commands.order_cancel(order_id, client_order_id, portfolio))

    def order(
        self, order_id: int = 0, *, client_order_id: int = 0, portfolio: int = 0, tag: str = ""
    ) -> r.Order:
        """Read one order, named by one of the two ids, or the newest one with a ``tag``.

        Raises `NoSuchOrder`.
        """
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
    ) -> r.Page[r.Order]:
        """Read orders: the open ones, those in ``states``, or ``every`` one.

        Oldest first, or ``newest_first``. ``limit`` 0 is 500; give the page's ``next_after`` as
        ``after`` to go on the same way.
        """
        return self._ask(
            commands.orders(symbol, states, every, limit, after, portfolio, newest_first)
        )

    def portfolio(self, portfolio: int = 0, *, username: str = "") -> r.Portfolio:
        """Read cash, totals and positions; 0 is the default portfolio.

        ``username``: another user's, as far as it is shown. Raises `RefusedError` (PRIVATE,
        NO_SUCH_ACCOUNT).
        """
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
    ) -> r.Page[r.Transaction]:
        """Read ledger history; ``kinds`` empty for all, ``limit`` 0 is 500.

        ``username`` as for `portfolio`, ``newest_first`` and ``after`` as for `orders`.
        """
        return self._ask(
            commands.transactions(
                from_time, to_time, kinds, limit, after, portfolio, username, newest_first
            )
        )

    # --- events -----------------------------------------------------------------------------------

    def subscribe_quotes(
        self, symbols: str | Iterable[str], *, min_interval_ms: int = 0, snapshot: bool = True
    ) -> int:
        """Have quotes of up to 512 symbols pushed to `events`; returns the subscription's number.

        ``min_interval_ms``: at most one quote per symbol and interval, 0 for every one.
        ``snapshot``: begin with the newest ones.
        """
        return self._subscribe(commands.subscribe_quotes(symbols, min_interval_ms, snapshot))

    def subscribe_account(self, *, from_event_seq: int = 0) -> int:
        """Have the account's orders and transactions pushed to `events`, each exactly once.

        ``from_event_seq`` repeats from that event on; 0 sends only new ones.
        """
        return self._subscribe(commands.subscribe_account(from_event_seq))

    def unsubscribe(self, subscription: int, symbols: str | Iterable[str] = ()) -> None:
        """End a subscription, or leave ``symbols`` out of it."""
        with self._alone():
            self._await(self._session.unsubscribe(subscription, symbols, self._now()))

    def events(self, timeout: float | None = None) -> Iterator[u.Event]:
        """Give what the server pushes, for ``timeout`` seconds in all; None goes on for ever.

        The connection is kept alive, and set up again when it is lost, while this runs.
        """
        wait = wait_of(timeout)
        until = None if wait is None else self._now() + wait
        while True:
            event = self._session.take_event()
            if event is not None:
                yield event
            elif until is not None and self._now() >= until:
                return
            else:
                with self._alone():
                    self._step(until)

    def workers(self, region: int = 0) -> tuple[r.WorkerInfo, ...]:
        """Read which workers clients may use; ``region`` 0 for any."""
        return self._ask(commands.workers(region))

    def close(self) -> None:
        """Say GOODBYE and let go of the connection. A session not to be remembered ends."""
        self._session.close()
        transport, self._transport = self._transport, None
        if transport is not None:
            try:
                transport.send(self._session.data_to_send(self._now()))
                # What was not read would make the system reset the connection, and the GOODBYE
                # could be lost with it.
                transport.receive(0.0)
            except OSError:
                pass
            finally:
                transport.close()

    # --- working the connection -------------------------------------------------------------------

    def _ask(self, command: Command[ResultT]) -> ResultT:
        with self._alone():
            return cast("ResultT", self._await(self._session.submit(command, self._now())))

    def _subscribe(self, request: m.Subscribe) -> int:
        with self._alone():
            return cast("int", self._await(self._session.subscribe(request, self._now())))

    def _await(self, number: int) -> Any:
        try:
            with self._while_waiting(self):
                return self._answer(number)
        finally:
            self._session.abandon(number)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads out: each would take answers that the other waits for."""
        if not self._one_thread.acquire(blocking=False):
            raise RuntimeError(
                "another thread is at work with this client; each thread needs its own"
            )
        try:
            yield
        finally:
            self._one_thread.release()

    def _answer(self, number: int) -> Any:
        while True:
            for answer in self._session.take_answers():
                if answer.call == number:
                    if answer.error is not None:
                        raise answer.error
                    return answer.value
            self._step(None)

    def _step(self, until: int | None) -> None:
        """Do one thing: connect, write and read, or wait, not beyond ``until``."""
        now = self._now()
        if self._transport is None:
            endpoint = self._session.endpoint_to_dial(now)
            if endpoint is not None:
                self._connect(endpoint, now)
            else:
                self._session.handle_time(now)
                self._sleep(self._pause(now, until))
        else:
            self._write(self._transport)
            if self._transport is not None:
                self._read(self._transport, self._pause(now, until))

    def _pause(self, now: int, until: int | None) -> float:
        due = self._session.next_deadline()
        ends = [moment for moment in (due, until) if moment is not None]
        return min(_STEP_S, max(0, min(ends) - now) / SECOND) if ends else _STEP_S

    def _connect(self, endpoint: Endpoint, now: int) -> None:
        due = self._session.next_deadline()
        allowed = DIAL_TIMEOUT_S
        if due is not None:
            allowed = min(allowed, max(0.1, (due - now) / SECOND))
        try:
            transport = self._dial(endpoint, allowed)
        except (OSError, ValueError) as error:
            # ValueError: a host name that cannot be encoded; there may be other workers.
            self._session.lost(why_lost(error), self._now(), was_shut_out(error))
        except BaseException:
            self._session.lost("interrupted", self._now())
            raise
        else:
            self._transport = transport
            self._session.connected(self._now())

    def _write(self, transport: Transport) -> None:
        octets = self._session.data_to_send(self._now())
        try:
            if octets:
                transport.send(octets)
        except OSError as error:
            self._read_last_words(transport)
            self._lose(why_lost(error), was_shut_out(error))
        else:
            if self._session.wants_close:
                self._lose("closed")

    def _read(self, transport: Transport, pause: float) -> None:
        try:
            data = transport.receive(pause)
        except OSError as error:
            self._lose(why_lost(error), was_shut_out(error))
            return
        now = self._now()
        if data:
            self._session.receive(data, now)
        elif data is not None:
            self._lose("the server closed the connection", ended=True)
            return
        self._session.handle_time(now)
        self._write(transport)

    def _read_last_words(self, transport: Transport) -> None:
        """A GOODBYE with its reason may lie unread before the end of the connection."""
        try:
            data = transport.receive(0.0)
        except OSError:
            return
        if data:
            self._session.receive(data, self._now())

    def _lose(self, why: str, ended: bool = False) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        self._session.lost(why, self._now(), ended)
