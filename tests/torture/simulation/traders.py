"""The clients of a simulation: each a real client library, and a record of all it was told.

What a trader writes down is what a user could: asked, and then *done*, *refused* or *unknown*. The
rules of `Ledger` are what a user may rely on whatever broke in between.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint

from papertrader.client import errors
from papertrader.client import results as r
from papertrader.client import updates as u
from papertrader.client.protocol import TwistedClient
from papertrader.net.clock import Clock
from papertrader.wire.kinds import Status
from tests.torture.simulation.machines import LIVE_SYMBOL, WORKER_PORT, worker_host
from tests.torture.simulation.network import Machine, Network

PASSWORD: Final = "a long enough one"
SYMBOLS: Final = ("IBM", "AAPL", "MSFT", "GOOG")


class Broken(Exception):
    """Something happened that a user was promised would not; the text says what."""


@attrs.define
class Told:
    """What is known of one order of a client's own number."""

    what: str = "asked"
    """``asked`` (no answer yet), ``done``, ``refused`` or ``unknown``."""
    order_id: int = 0
    status: str = ""


@attrs.define
class Record:
    """What one account was told by anybody, over all its clients and their lives."""

    name: str
    orders: dict[int, Told] = attrs.Factory(dict)
    events: dict[int, Any] = attrs.Factory(dict)
    answered: int = 0

    def saw(self, sequence: int, event: Any) -> bool:
        """An event came; tell whether every copy of it says the same."""
        return bool(self.events.setdefault(sequence, event) == event)


class Trader:
    """One client of an account, over its crashes (see the module)."""

    def __init__(
        self, network: Network, number: int, record: Record, workers: int, live: bool
    ) -> None:
        self.network = network
        self.world = network.world
        self.number = number
        self.record = record
        self._endpoints = [f"{worker_host(n)}:{WORKER_PORT}" for n in range(1, workers + 1)]
        self._symbols = (LIVE_SYMBOL,) if live else SYMBOLS
        self._live = live
        self._next_id = number * 1_000_000
        self._mine: list[int] = []
        self._token = b""
        self._last_event = 0
        self._life = 0
        self.calm = False
        """No new orders: only what is open is brought to its end."""
        self.finished = False
        self.start()

    # --- life and death -------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a program: with what it kept of the session before, or with nothing."""
        random = self.world.random
        self._life += 1
        self.finished = False
        self.machine = Machine(self.network, f"10.0.2.{self.number}")
        reactor = self.machine.reactor
        endpoints = list(self._endpoints)
        random.shuffle(endpoints)
        self.client = TwistedClient(
            reactor,
            endpoints,
            timeout=random.choice((8.0, 30.0)),
            clock=Clock(reactor, self.machine.wall_ns),
            endpoint_for=lambda at: TCP4ClientEndpoint(reactor, at.host, at.port, timeout=10),
            randbits=random.getrandbits,
        )
        life = self._life
        self._expected = 0
        self.client.listen(lambda event: self._event(event, life))
        self.world.note(f"trader {self.number} begins")
        Deferred.fromCoroutine(self._live_on()).addErrback(self._ended, life)

    def crash(self) -> None:
        """End without a word; whatever was asked is unknown."""
        self.world.note(f"trader {self.number} dies")
        self.machine.die()
        for told in (self.record.orders[number] for number in self._mine):
            if told.what == "asked":
                told.what = "unknown"

    def _ended(self, failure: Any, life: int) -> None:
        if life == self._life and not failure.check(CancelledError):
            self.world.broken(failure)

    async def _live_on(self) -> None:
        await self._log_in()
        while not self.calm:
            await self._pause(self.world.random.expovariate(3.0))
            try:
                await self._do_something()
                self.record.answered += 1
            except errors.SessionEnded:
                await self._log_in()
            except errors.NotLoggedIn:
                await self._log_in()
            except (errors.ConnectionLost, errors.OutcomeUnknown, errors.RefusedError) as error:
                self.world.note(f"trader {self.number}: {type(error).__name__}")
        await self._resolve()
        self.finished = True

    def _pause(self, seconds: float) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.machine.reactor.callLater(seconds, done.callback, None)
        return done

    async def _patiently(self, call: Callable[[], Deferred[Any]]) -> Any:
        """Ask until there is an answer; a refusal is one unless it says "later"."""
        while True:
            try:
                return await call()
            except (errors.ConnectionLost, errors.OutcomeUnknown, errors.Overloaded):
                await self._pause(0.5)

    async def _log_in(self) -> None:
        client, name = self.client, self.record.name
        if self._token and self.world.random.random() < 0.6:
            token, self._token = self._token, b""
            try:
                login = await client.resume(token, last_event_seq=self._last_event)
                self._token = login.token
                await self._subscribe(self._last_event + 1)
                return
            except errors.PaperTraderError:
                self.world.note(f"trader {self.number} cannot resume")
        while True:
            with contextlib.suppress(errors.UsernameTaken):
                await self._patiently(lambda: client.register(name, PASSWORD))
            try:
                login = await self._patiently(lambda: client.login(name, PASSWORD, remember=True))
                self._token = login.token
            except ValueError:
                # A login that nobody waited for any more has gone through: there is a session.
                self._token = b""
            except errors.RefusedError:
                await self._pause(5.0)
                continue
            await self._subscribe(0)
            return

    async def _subscribe(self, from_event: int) -> None:
        self._expected = 0
        try:
            await self._patiently(lambda: self.client.subscribe_account(from_event_seq=from_event))
        except (ValueError, errors.RefusedError):
            self.world.note(f"trader {self.number} cannot subscribe")

    # --- what it does ---------------------------------------------------------------------------

    async def _do_something(self) -> None:
        random = self.world.random
        kind = random.randrange(20)
        if kind < 9:
            await self._order()
        elif kind < 11:
            orders = await self.client.orders()
            if orders:
                await self.client.order_cancel(random.choice(list(orders)).order_id)
        elif kind < 13:
            await self._order_again()
        elif kind < 15:
            await self._look_at_own()
        elif kind < 17:
            self._check_portfolio(await self.client.portfolio())
        elif kind < 18:
            await self.client.quotes(self._symbols)
        elif kind < 19:
            await self.client.transactions(limit=20)
        else:
            await self.client.order_cancel_all()

    def _wish(self, number: int) -> tuple[Callable[[], Deferred[r.Order]], str]:
        """Return what an order of this number asks for, always the same for the same number."""
        symbol = self._symbols[number % len(self._symbols)]
        quantity = 1 + number * 7919 % (60 if self._live else 300)
        side = self.client.sell if number * 31 % 5 < 2 else self.client.buy
        limit = None if number % 3 else ("95.00" if self._live else "150.00")
        kind = "gtc" if limit else "day"
        return (
            lambda: side(symbol, quantity, limit=limit, time_in_force=kind, client_order_id=number),
            f"{symbol} {quantity} {limit}",
        )

    async def _order(self) -> None:
        self._next_id += 1
        number = self._next_id
        told = self.record.orders[number] = Told()
        self._mine.append(number)
        call, what = self._wish(number)
        self.world.note(f"trader {self.number} orders {number} {what}")
        life = self._life
        try:
            order = await call()
        except errors.OutcomeUnknown:
            told.what = "unknown"
            raise
        except (errors.ConnectionLost, errors.RefusedError) as error:
            if life == self._life:
                told.what, told.status = "refused", getattr(error, "code", "CONNECTION_LOST")
            raise
        if order.client_order_id != number:
            raise Broken(f"{self.record.name}: asked for {number}, told of {order}")
        told.what, told.order_id = "done", order.order_id

    async def _order_again(self) -> None:
        """Send an order once more as a new command: it must not be done twice."""
        if not self._mine:
            return
        number = self.world.random.choice(self._mine)
        told = self.record.orders[number]
        if told.what not in {"done", "unknown"}:
            return
        call, _ = self._wish(number)
        try:
            order = await call()
        except errors.RefusedError as error:
            if error.status == Status.DUPLICATE_ORDER and error.order is not None:
                self._same(number, told, error.order)
            return
        self._same(number, told, order)

    def _same(self, number: int, told: Told, order: r.Order) -> None:
        """An order was told of: it must be the one that was told of before."""
        if told.what == "refused":
            raise Broken(f"{self.record.name}: order {number} was refused ({told.status}), and is")
        if told.order_id and told.order_id != order.order_id:
            raise Broken(f"{self.record.name}: order {number} is {told.order_id} and {order}")
        told.what, told.order_id = "done", order.order_id

    async def _look_at_own(self) -> None:
        """Read one's own order: what was acknowledged is there, what was refused is not."""
        if not self._mine:
            return
        number = self.world.random.choice(self._mine)
        told = self.record.orders[number]
        before = told.what
        if before == "asked":
            return
        try:
            order = await self.client.order(client_order_id=number)
        except errors.NoSuchOrder:
            if before == "done":
                raise Broken(f"{self.record.name}: order {number} was done, and is not") from None
            return
        self._same(number, told, order)

    def _check_portfolio(self, shown: r.Portfolio) -> None:
        """P-06, I-04: nothing is below its limits in anything that is shown."""
        if shown.cash < 0 or shown.reserved_cash < 0 or shown.reserved_cash > shown.cash:
            raise Broken(f"{self.record.name}: cash {shown.cash}, reserved {shown.reserved_cash}")
        for each in shown.positions:
            if each.quantity < 0:
                raise Broken(f"{self.record.name}: a position of {each.quantity} {each.symbol}")

    async def _resolve(self) -> None:
        """Find out about everything whose outcome is not known."""
        for number in self._mine:
            told = self.record.orders[number]
            if told.what in {"done", "refused"}:
                continue
            while True:
                try:
                    order = await self._patiently(
                        lambda wanted=number: self.client.order(client_order_id=wanted)
                    )
                except errors.NoSuchOrder:
                    break
                except (errors.SessionEnded, errors.NotLoggedIn):
                    await self._log_in()
                    continue
                self._same(number, told, order)
                break

    # --- what it is told ------------------------------------------------------------------------

    def _event(self, event: u.Event, life: int) -> None:
        if life != self._life:
            return
        name = self.record.name
        if isinstance(event, u.EventsLost):
            self.world.broken(f"{name}: events were lost: {event.reason}")
        if not isinstance(event, u.OrderUpdate | u.TransactionUpdate):
            return
        sequence = event.sequence
        if self._expected and sequence != self._expected:
            self.world.broken(f"{name}: event {sequence} came when {self._expected} was next")
        self._expected = sequence + 1
        self._last_event = max(self._last_event, sequence)
        if not self.record.saw(sequence, attrs.evolve(event, replayed=False)):
            self.world.broken(f"{name}: event {sequence} is not what it was for another client")
