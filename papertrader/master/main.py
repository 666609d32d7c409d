"""Main: builds the modules, starts them in order, parses the workers' commands and routes each.

The order of the start is the specification's: states are initialized, modules are started, then
the workers are listened to, and what they send is parsed and passed to its module. Nothing here
listens or owns the process: that is the driver's part, so that the workings can crash without it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.core.desk import ENGINE, Desk
from papertrader.core.instants import SECOND
from papertrader.core.limithits import LimitHits
from papertrader.core.marketclock import MarketClock
from papertrader.eventlog.trail import Note
from papertrader.master.alerts import Alerts
from papertrader.master.assets import Assets
from papertrader.master.authorization import SWEEP_S
from papertrader.master.barstore import FILE as HISTORY_FILE
from papertrader.master.barstore import BarStore
from papertrader.master.checkpoints import CHECKPOINT_S, Checkpoints
from papertrader.master.closing import Closing
from papertrader.master.commands import Command, Refused, cancel, close_flag
from papertrader.master.contests import Contests
from papertrader.master.continuity import go_on_after
from papertrader.master.database import TruthStore
from papertrader.master.engines import StoreError, place_at
from papertrader.master.equity import EquityCurves
from papertrader.master.explaining import Explaining
from papertrader.master.guard import Guard
from papertrader.master.halts import Halts
from papertrader.master.history import History
from papertrader.master.intake import Intake
from papertrader.master.journal import Journal
from papertrader.master.livemarket import SAVE_S, LiveMarket, LiveParts, Wanted
from papertrader.master.marketanswers import MarketAnswers
from papertrader.master.marketsource import make_source
from papertrader.master.markettime import MarketTime, live_clock, resumed_clock
from papertrader.master.notary import LOOK_S
from papertrader.master.operators import Operators
from papertrader.master.people import People
from papertrader.master.portfolios import Portfolios
from papertrader.master.providers.base import TapeSource, load_calendars, load_rates
from papertrader.master.putaway import PUT_AWAY_S, PutAway
from papertrader.master.rules import MasterRules, Threads
from papertrader.master.sessions import Session
from papertrader.master.storeguard import StoreGuard
from papertrader.master.streams import Streams
from papertrader.master.timekeeper import ClockSettings, Timekeeper
from papertrader.master.transactions import Transactions
from papertrader.master.views import Views, load_desk
from papertrader.master.viewsapart import ViewsApart
from papertrader.master.viewstore import ViewStore
from papertrader.master.walcopy import WalCopy
from papertrader.master.watchlists import Watchlists
from papertrader.master.workerlink import WorkerLink
from papertrader.master.workerparts import WorkerParts
from papertrader.master.workers import Workers
from papertrader.net.clock import Clock, Timer
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode, Status

POLL_S: Final = 0.2
"""How often a master that waits looks whether it may have the store."""
CLAIM_S: Final = 8
"""How long a master that does not wait takes a silent one to be gone."""
_CANCEL: Final = int(Opcode.CANCEL)


class Main:
    """The master's workings (see the module).

    ``entropy`` gives random octets. ``on_fail`` is called once with the reason when the store or
    the books failed: memory cannot be trusted any more, and the process must end.
    """

    log = Logger()

    def __init__(
        self,
        rules: MasterRules,
        clock: Clock,
        threads: Threads,
        entropy: Callable[[int], bytes],
        on_fail: Callable[[str], None],
        live: LiveParts | None = None,
        apart: ViewsApart | None = None,
    ) -> None:
        """``live``: the parts of a live market; ``apart``: who writes the views."""
        self.rules = rules
        self._live_parts = live
        self.live: LiveMarket | None = None
        self.clock = clock
        self._threads = threads
        self._entropy = entropy
        self._tell_failure = on_fail
        self._failed = False
        self.wal_copy: WalCopy | None = None
        """None where a server keeps the store."""
        self._timers: list[Timer] = []
        place = place_at(rules.state_dir, rules.store_url)
        self.store = TruthStore(place.truth, rules.holder)
        self.view_store = ViewStore(place.views)
        self._apart = apart
        self.explaining = Explaining()
        self.commands = 0
        self.limit_hits = LimitHits()
        self.intake = Intake(clock, self._begin, self.limit_hits)
        self.running = False
        self.guard: Guard | None = None
        """Marks what is decided, for the case that it is the last; None: nobody would read it."""
        self.trail: Note | None = None
        """Writes down what becomes of commands; None: nobody wants to know."""

    # --- start and stop ------------------------------------------------------------------------

    async def claim(self, patient: bool) -> None:
        """Wait until this master may have the store; a ``patient`` one for as long as it takes.

        Raises `StoreError` if another master has it and lives.
        """
        began = self.clock.monotonic_ns()
        told = False
        while True:
            now = self.clock.monotonic_ns()
            if await self._threads.truth(self.store.claim, now / SECOND, patient):
                return
            if not patient and now - began > CLAIM_S * SECOND:
                raise StoreError(
                    f"another master has {self.store.where}; stop it, or let this one wait for it"
                    " with master.standby = true"
                )
            if not told:
                told = True
                self.log.info("waiting for {where}", where=self.store.where)
            pause: Deferred[None] = Deferred()
            self.clock.call_later(POLL_S, pause.callback, None)
            await pause

    def initialize(self, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Load every state from disk. Raises `StoreError` if that cannot be done.

        ``progress`` is told (input reached, last input) while views are made again.
        """
        self.store.open()
        go_on_after(self.clock, self.store.last_written(), self.rules.market.source == "live")
        self.view_store.epoch = self.store.epoch
        if self._apart is not None:
            self._apart.wait(self.store.epoch)
        self.view_store.open()
        desk = Desk()
        desk.calendars.know_all(load_calendars())
        desk.rates.table = load_rates()
        late_replies = load_desk(self.view_store, self.store.db, desk, progress)
        violations = desk.check_invariants()
        if violations:
            raise RuntimeError(f"the books are wrong: {violations[0]}; run: papertrader audit")
        self.store.decided_by(ENGINE, self.clock.wall_ns())
        self.views = Views(
            self.view_store, self.clock, self._threads.views, self._store_failed,
            None if self._apart is None else partial(self._threads.feeding, self._apart.write),
        )  # fmt: skip
        self.journal = Journal(
            self.store, self.clock, self._threads.truth, self.views, self._store_failed
        )
        self.store_guard = StoreGuard(
            self.store, self.journal, self.clock, self._threads.truth, self._store_failed,
            self.rules.room, self.rules.low_water,
        )  # fmt: skip
        if not self.store.engine.shared:
            self.wal_copy = WalCopy(
                self.store, self._threads.copying, self._threads.truth, self._store_failed,
                self.rules.wal_pass_octets,
            )  # fmt: skip
        self.checkpoints = Checkpoints(
            self.clock, desk, self.journal, self._threads.proving,
            lambda: self.store_guard.may_change,
        )  # fmt: skip
        self.put_away = PutAway(self.clock, desk.state.orders, self.journal)
        self.streams = Streams(self.views, self.view_store, self.journal.when_durable)
        for account, state in desk.state.accounts.items():
            oldest = self.view_store.oldest_event(account)
            self.streams.load(account, state.event_seq + 1, oldest)
        self._build(desk)
        self.workers.load(self.store.db)
        self.people.load(self.store.db)
        self.operators.load()
        self.watchlists.load(self.store.db)
        self.alerts.load(self.store.db)
        alive = self.authorization.load(self.store.db, self.clock.wall_ns())
        for reply in (*self.view_store.replies(alive), *late_replies):
            session = self.authorization.sessions.get(reply.session_id)
            if session is not None:
                session.keep_reply(reply.command_seq, reply.request_hash, reply.frame)
        self.log.info(
            "states: {accounts} accounts, {orders} orders, {sessions} sessions, journal at {seq}",
            accounts=len(self.book),
            orders=len(desk.state.orders),
            sessions=len(alive),
            seq=self.journal.seq,
        )

    def _build(self, desk: Desk) -> None:
        rules, market_rules = self.rules, self.rules.market
        source = self._source()
        market = MarketTime(self._market_clock(source, desk), self.clock, source, desk.state.epoch)
        self.transactions = Transactions(
            desk, self.journal, self.views, self.streams, self.clock, market
        )
        boot = int.from_bytes(self._entropy(8), "big") >> 1 or 1
        self.workers = Workers(self.clock, boot, market_rules.update_interval_ms)
        self.workers.listener = self
        # Who has waited for a commit does not wait for one more turn of the reactor as well.
        self.journal.told = self._told
        self.workers.epoch = self.store.epoch
        self.assets = Assets(
            source,
            market,
            self.clock,
            self.transactions,
            self.workers,
            self.journal,
            self.store,
            market_rules.update_interval_ms,
        )
        self.assets.on_fail = lambda: self._fail("the market update failed")
        self.people = People(
            self.store,
            self.journal,
            self._threads.hashing,
            self.clock,
            self._entropy,
            rules,
            self.limit_hits,
        )
        self.book, self.authorization = self.people.book, self.people.authorization
        self.operators = Operators(self.store, self.journal, self.workers, self._figures)
        self.timekeeper = Timekeeper(
            self.assets,
            self.clock,
            self.transactions,
            self.book,
            self.operators,
            ClockSettings(speed_milli=market_rules.speed_milli, start=market_rules.start),
        )
        self.people.build(self.transactions, self.streams, self.operators)
        self.worker_parts = WorkerParts(
            self.workers, self.store, self.journal, self.operators, self.clock, self.limit_hits,
            self._entropy,
        )  # fmt: skip
        self.authorization.on_notice = self._notice
        self._build_answers(desk, source, market)
        self._route()

    def _build_answers(self, desk: Desk, source: TapeSource, market: MarketTime) -> None:
        """Make the modules that answer for what the others keep."""
        rules = self.rules
        self.closing = Closing(self.transactions)
        self.history = History(
            self.transactions, self.journal, self.views, self.view_store, market, self.book
        )
        self.market_answers = MarketAnswers(source, market, self.clock, desk, self.assets)
        self.equity = EquityCurves(
            self.transactions, self.journal, self.views, self.view_store, source, self.clock,
            self.book, lambda: self.assets.told_at,
        )  # fmt: skip
        self.portfolios = Portfolios(self.transactions, rules.accounts, self.equity, self.operators)
        self.contests = Contests(
            self.transactions, self.equity, self.book, rules.accounts, self.operators.may_host
        )
        self.watchlists = Watchlists(desk, self.journal)
        self.alerts = Alerts(desk, self.journal, self.streams, market, self.clock)
        self.assets.watcher = self.alerts
        self.people.access.forget += [self.watchlists.forget, self.alerts.forget]
        self.assets.may_change = lambda: self.store_guard.may_change

    def _source(self) -> TapeSource:
        if self.rules.market.source != "live":
            return make_source(self.rules.market)
        if self._live_parts is None:
            raise RuntimeError("a live market needs its providers: name them in market.providers")
        history = BarStore(self.rules.state_dir / HISTORY_FILE)
        self.live = LiveMarket(self._live_parts, load_calendars(), self.clock, self.store, history)
        return self.live.source

    def _market_clock(self, source: TapeSource, desk: Desk) -> MarketClock:
        wall, clocks = self.clock.wall_ns(), desk.state.clocks
        if self.live is not None:
            return live_clock(source, wall)
        return resumed_clock(self.rules.market, source, self.store, clocks, wall)

    def admitted(self, spki: bytes, uuid: str, host: str = "") -> bool:
        """Tell whether a worker's key may come in (asked within its TLS handshake)."""
        return self.running and self.workers.admitted(spki, uuid, host)

    def start(self) -> None:
        """Start the modules. After this the workers may be listened to."""
        self.running = True
        self.assets.start()
        if self.live is not None:
            self.live.start(self._wanted(), self.assets.update_soon, self.assets.act_late)
            self.assets.hours.update_interval_ms = self.live.polling.shortest_ms
            self._every(SAVE_S, self._save_calls)
            self._every(SAVE_S, self._save_bars)
        self.store_guard.start()
        self.authorization.sweep()
        self._every(SWEEP_S, self.authorization.sweep)
        self._every(CHECKPOINT_S, self.checkpoints.look)
        self._every(PUT_AWAY_S, self.put_away.look)
        self._every(LOOK_S, self.worker_parts.notary.look)

    def _every(self, seconds: float, function: Callable[[], object]) -> None:
        def again() -> None:
            self._timers.remove(timer)
            self._every(seconds, function)
            function()

        timer = self.clock.call_later(seconds, again)
        self._timers.append(timer)

    def _save_calls(self) -> None:
        if not self.store_guard.may_change:
            return
        change = self.live.change() if self.live is not None else None
        if change is not None:
            self.journal.change(change)

    def _save_bars(self) -> Deferred[Any]:
        """Write down the bars of a live market; history that cannot be kept ends nothing."""
        if self.live is None or not self.store_guard.may_change:
            return succeed(None)
        rows = self.live.source.unsaved_bars()
        return self._threads.views(self.live.keep_bars, rows).addErrback(
            lambda failure: self.log.failure("bars could not be kept", failure=failure)
        )

    async def stop(self) -> None:
        """Stop the modules and make everything durable; then close the stores."""
        self.running = False
        self.store_guard.stop()
        self.put_away.stop()
        for timer in self._timers:
            timer.cancel()
        if self.live is not None:
            await self.live.stop()
            await self._save_bars()
            await self._threads.views(self.live.close_history)
        self.intake.stop()
        sealed = self.worker_parts.notary.seal()
        if sealed is not None:
            await sealed
        for link in self.workers.links():
            link.say_goodbye(Status.SHUTDOWN, "the master stops", retry_after_ms=200)
        if not self._failed:
            self.assets.stop()
            self._save_calls()
            await self.checkpoints.take()
            await self.journal.drain()
            await self.views.drain()
            await self._threads.views(self.view_store.close)
            if self._apart is not None:
                await self._threads.feeding(self._apart.close)
            if self.wal_copy is not None:
                await self.wal_copy.stop()
            await self._threads.truth(self.store.close)

    def _told(self) -> None:
        """Whoever waited for a commit has been told."""
        self.workers.flush()
        if self.wal_copy is not None:
            self.wal_copy.look()

    def _store_failed(self, failure: Failure) -> None:
        self._fail(failure.getErrorMessage())

    def _fail(self, why: str) -> None:
        if not self._failed:
            self._failed = True
            self.running = False
            self.store_guard.stop()
            self._tell_failure(why)

    # --- routing -------------------------------------------------------------------------------

    def _route(self) -> None:
        """The table: which module answers which command. The first needs no session."""
        self._open: dict[int, Callable[[Command, Any], Any]] = {
            **self.people.open_routes(),
            **self.worker_parts.open_routes(),
        }
        self._routes: dict[int, Callable[[Command, Session, Any], Any]] = {
            **self.people.routes(),
            Opcode.ORDER_NEW: self.transactions.order_new,
            Opcode.ORDER_REPLACE: self.transactions.order_replace,
            Opcode.ORDER_CANCEL: self.transactions.order_cancel,
            Opcode.ORDER_CANCEL_ALL: self.closing.order_cancel_all,
            Opcode.POSITION_CLOSE: self.closing.position_close,
            Opcode.ORDER_GET: self.history.order_get,
            Opcode.ORDER_LIST: self.history.order_list,
            Opcode.RECEIPT_GET: self.history.receipt_get,
            Opcode.REFUSALS_GET: self.history.refusals_get,
            Opcode.PORTFOLIO_GET: self.history.portfolio_get,
            Opcode.TRANSACTIONS_GET: self.history.transactions_get,
            Opcode.EQUITY_GET: self.equity.equity_get,
            Opcode.CONTEST_CREATE: self.contests.create,
            Opcode.CONTEST_GET: self.contests.get,
            Opcode.CONTEST_LIST: self.contests.listing,
            Opcode.CONTEST_JOIN: self.contests.join,
            Opcode.CONTEST_STANDINGS: self.contests.standings,
            Opcode.CONTEST_FILE: self.contests.file,
            Opcode.PORTFOLIO_CREATE: self.portfolios.create,
            Opcode.PORTFOLIO_LIST: self.portfolios.listing,
            Opcode.PORTFOLIO_UPDATE: self.portfolios.update,
            Opcode.PORTFOLIO_RESET: self.portfolios.reset,
            Opcode.PORTFOLIO_CASH: self.portfolios.move_cash,
            Opcode.PORTFOLIO_FORK: self.portfolios.fork,
            Opcode.PORTFOLIO_FREEZE: self.portfolios.freeze,
            Opcode.PORTFOLIO_CORRECT: self.portfolios.correct,
            Opcode.PORTFOLIO_TERMS: self.portfolios.set_terms,
            Opcode.PORTFOLIO_TERMS_GET: self.portfolios.terms,
            Opcode.ASSET_GET: self.market_answers.asset_get,
            Opcode.ASSET_LIST: self.market_answers.asset_list,
            Opcode.QUOTE_GET: self.market_answers.quote_get,
            Opcode.BARS_GET: self.market_answers.bars_get,
            Opcode.MARKET_STATUS: self.assets.hours.market_status,
            Opcode.CLOCK_GET: self.assets.hours.clock_get,
            Opcode.CLOCK_SET: self.timekeeper.clock_set,
            Opcode.ASSET_HALT: Halts(self.assets, self.operators, self.store, self.journal).order,
            Opcode.WATCHLIST_SET: self.watchlists.set_list,
            Opcode.WATCHLIST_LIST: self.watchlists.listing,
            Opcode.WATCHLIST_DELETE: self.watchlists.delete,
            Opcode.ALERT_CREATE: self.alerts.create,
            Opcode.ALERT_LIST: self.alerts.listing,
            Opcode.ALERT_DELETE: self.alerts.delete,
            Opcode.LOG_DUMP: self.operators.log_dump,
            Opcode.STATS_GET: self.operators.stats_get,
            Opcode.WORKER_CONTROL: self.operators.worker_control,
            **self.worker_parts.routes(),
            **self.streams.routes(),
        }

    @property
    def internal_errors(self) -> int:
        """Errors of ours, which clients were told a reference of."""
        return self.explaining.internal_errors

    def command(self, command: Command) -> None:
        """Parse a command, find its module, answer it once it is durable (`workers.Listener`)."""
        self.commands += 1
        self.intake.take(command)

    def _begin(self, command: Command) -> None:
        if command.fields[4] == _CANCEL:
            cancel(command)
            return
        try:
            self._decide(command)
        finally:
            if self.guard is not None:
                self.guard.end()

    def _decide(self, command: Command) -> None:
        """Have a command answered, or its answer begun."""
        if self.trail is not None:
            command.note_taken_up(self.trail)
        try:
            answer = self._dispatch(command)
        except Exception as error:
            self._answer(command, self.explaining.explain(command, error))
            return
        # Most answers are frames; asking whether something can be awaited costs a microsecond.
        if not isinstance(answer, (bytes, list)) and inspect.isawaitable(answer):
            Deferred.fromCoroutine(self._finish(command, answer)).addErrback(
                lambda failure: self.log.failure("an answer was lost", failure=failure)
            )
        else:
            self._answer(command, answer)

    def _dispatch(self, command: Command) -> Any:
        fields = command.fields
        opcode = fields[4]
        if not self.running:
            raise Refused(Status.SERVER_BUSY, "The server is stopping.", retry_after_ms=1_000)
        self.store_guard.check(opcode)
        route = self._routes.get(opcode)
        if route is None:
            opener = self._open.get(opcode)
            if opener is None:
                raise RemoteFault(Status.UNKNOWN_OPCODE, f"opcode {opcode:#06x} is not known here")
            if self.guard is not None:
                self.guard.begin(command, None)
            return opener(command, codec.decode_body(fields, command.octets))
        session = self.authorization.session_of(command)
        self.authorization.confinement.check(session, opcode)
        if self.guard is not None:
            self.guard.begin(command, session)
        return route(command, session, codec.decode_body(fields, command.octets))

    async def _finish(self, command: Command, answer: Awaitable[Any]) -> None:
        try:
            result = await answer
        except Exception as error:
            result = self.explaining.explain(command, error)
        self._answer(command, result)

    def _answer(self, command: Command, answer: bytes | list[bytes] | None) -> None:
        """Send an answer after everything it may tell of is durable."""
        if answer is None:
            return
        frames = [answer] if isinstance(answer, bytes) else answer
        flags = close_flag(frames[0])

        def send() -> None:
            if self.trail is not None:
                command.note_answered(self.trail, frames[0], self.journal.durable_seq)
            if len(frames) == 1:
                command.answer(frames[0], flags=flags)
            else:
                command.answer_parts(frames, flags=flags)

        self.journal.when_durable(send, command.unknown)

    def _wanted(self) -> Wanted:
        return Wanted(self.transactions.desk, self.workers, self.alerts.symbols)

    def _figures(self) -> Iterator[tuple[str, int]]:
        """Give the master's counters (`operators.Figures`)."""
        yield "commands", self.commands
        yield "internal_errors", self.internal_errors
        yield "scope_denied", self.explaining.denied
        yield "poison_refused", 0 if self.guard is None else self.guard.refused
        yield "accounts", len(self.book)
        yield "sessions", len(self.authorization.sessions)
        yield "workers", len(self.workers.links())
        yield from self.worker_parts.figures()
        yield "journal_seq", self.journal.seq
        yield "durable_seq", self.journal.durable_seq
        if self.wal_copy is not None:
            yield "wal_copies", self.wal_copy.passes
            yield "wal_rests", self.wal_copy.rests
        yield "events_sent", self.streams.sent
        yield "market_updates", self.assets.updates
        yield "quotes", self.assets.quotes
        yield "market_cuts", self.assets.cuts
        yield "actions_refused", self.transactions.actions_refused
        yield "alerts_open", len(self.alerts)
        yield "alerts_ended", self.alerts.ended
        yield "waiting", len(self.intake)
        yield "shedding", self.intake.level
        yield from self.people.figures()
        yield from self.limit_hits.figures()
        yield from self.store_guard.figures()
        yield from self._wanted().figures(self.assets.listed())
        if self.live is not None:
            yield from self.live.figures()

    # --- notices ---------------------------------------------------------------------------------

    def _notice(self, session: Session, code: int) -> None:
        """Tell a session's connection what becomes of it."""
        if session.link is not None:
            number, ends = session.session_id, session.expires_at
            event = m.SessionEvent(session_id=number, code=code, expires_at=ends)
            session.link.relay(session.connection, codec.encode(event, session=session.handle))

    def client_closed(self, link: WorkerLink, connection: int, clean: bool) -> None:
        """A client's connection is gone (`workers.Listener`)."""
        self.authorization.connection_closed(link, connection, clean)

    def alarm(self, worker_id: int, what: str) -> None:
        """Note in the audit log what an operator should look at (`workers.Listener`)."""
        now = self.clock.wall_ns()
        self.journal.change(self.store.audit(now, "worker duplicate", detail=what))

    def superseded(self, epoch: int) -> None:
        """A worker says that another master has taken over: look (`workers.Listener`)."""
        self.log.warn("a worker says that epoch {epoch} has begun", epoch=epoch)
        self.store_guard.beat_now()

    def link_lost(self, link: WorkerLink) -> None:
        """A worker's link is gone (`workers.Listener`)."""
        self.authorization.link_lost(link)
