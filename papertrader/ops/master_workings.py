"""The workings of a master as a process: what the driver of `papertrader.ops.master_tap` starts.

`papertrader.master.main.Main` is built and started here, in the order of the specification: states,
modules, then the workers are listened to, on the socket that the driver holds.
"""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import attrs
import peewee
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.core.instants import from_datetime
from papertrader.core.logrecord import Level
from papertrader.eventlog.inflight import SUSPECTS_FILE, InFlight, read_poison
from papertrader.eventlog.shipping import ShippedLogs
from papertrader.extras import install_command
from papertrader.master.accounts import AccountRules
from papertrader.master.admission import AdmissionRules
from papertrader.master.engines import StoreError, place_at, reason
from papertrader.master.guard import Guard
from papertrader.master.livemarket import LiveParts
from papertrader.master.main import Main
from papertrader.master.marketsource import MarketRules
from papertrader.master.providers.recorded import DataFileError
from papertrader.master.rules import MasterRules, Threads
from papertrader.master.viewsapart import ViewsApart, fork_writer
from papertrader.net.clock import Clock
from papertrader.net.credentials import CredentialsError
from papertrader.net.factory import AcceptCaps, AcceptorFactory, Files
from papertrader.net.ports import cannot_listen
from papertrader.net.services import ListeningService
from papertrader.ops.certificates import CertificateError
from papertrader.ops.files import make_private_directory
from papertrader.ops.heart import LOCK_FD, Heart, Inherited
from papertrader.ops.inherited import inherited_endpoint
from papertrader.ops.live_parts import live_parts
from papertrader.ops.market_variables import MarketSource
from papertrader.ops.master_tap import Options
from papertrader.ops.masterkeys import MasterKeys
from papertrader.ops.options import ServerOptions
from papertrader.ops.process import FAIL_DELAY_S, Process, nice_thread
from papertrader.ops.running import (
    EXIT_INTERNAL,
    StartError,
    calm_collector,
    files_for_connections,
    hold_collector,
    remove_run_file,
    run_directory,
    tell,
    write_run_file,
)
from papertrader.ops.sealing import check_shared_secret
from papertrader.ops.sealkey import keep_seal_key, new_seal_key, read_seal_key
from papertrader.ops.settings import Settings
from papertrader.ops.starting import StartProgress

STARTING: Final = (
    StartError,
    StoreError,
    DataFileError,
    CredentialsError,
    CertificateError,
    OSError,
    RuntimeError,
)
"""What keeps a master from starting and is told in one line."""
INNER_CAPS = AcceptCaps(total=1_024, per_address=256, rate=100, burst=200)
"""Connections of workers: only those with a registered key get further than TLS."""


def master_rules(options: ServerOptions, settings: Settings) -> MasterRules:
    """Return what the settings mean for a master."""
    market = settings.market
    start: int = from_datetime(options.midnight(market.start))
    key = read_seal_key(options.state)
    data = options.state / market.data if market.data else None
    if data is not None and settings.is_default("market.start"):
        start = 0
    return MasterRules(
        state_dir=options.state,
        market=MarketRules(
            source=str(market.source),
            start=start,
            speed_milli=market.speed_milli,
            keep_closed_hours=market.keep_closed_hours,
            extended_hours=market.extended_hours,
            seed=market.seed,
            data=data,
            assets=options.state / market.assets if market.assets else None,
            update_interval_ms=market.look_ms,
        ),
        accounts=AccountRules(
            starting_cash=settings.accounts.starting_cash,
            currency=settings.accounts.currency,
            registration=settings.accounts.registration,
        ),
        argon2_memory_kib=settings.auth.argon2_memory_kib,
        argon2_passes=settings.auth.argon2_time,
        hashing_threads=hashing_threads(),
        seal_key=key or new_seal_key(),
        seal_key_is_new=key is None,
        admission=AdmissionRules(
            logins_per_second=settings.limits.logins_per_second,
            failed_logins_per_address=settings.limits.failed_logins_per_address,
            registrations_per_second=settings.limits.registrations_per_second,
            registrations_per_hour=settings.limits.registrations_per_hour,
            registrations_per_day=settings.limits.registrations_per_day,
        ),
        second_factor=settings.auth.second_factor,
        idle_days=settings.auth.idle_days,
        store_url=settings.store.url,
        low_water=settings.store.low_water,
        room=lambda: shutil.disk_usage(options.state).free,
        holder=f"{platform.node()} pid {os.getpid()}",
    )


def hashing_threads() -> int:
    """Return how many passwords are hashed at once: one processor is left for everything else."""
    return max(1, (os.cpu_count() or 2) - 1)


class Workings(Service):
    """One life of a master (see the module). ``died``: how the life before ended, if it crashed."""

    log = Logger()

    def __init__(
        self, options: ServerOptions, reactor: Any, inherited: Inherited, died: str = ""
    ) -> None:
        self._options = options
        self._reactor = reactor
        self._inherited = inherited
        self._died = died
        self._files = Files(files_for_connections())
        self._heart: Heart | None = None
        self._process: Process | None = None
        self._main: Main | None = None
        self._has_begun = False
        self._listening: ListeningService | None = None
        self._metrics: Any = None
        self._apart: ViewsApart | None = None

    def startService(self) -> None:
        """Start everything; a failure is one line on stderr and an exit code that is not 0."""
        super().startService()  # type: ignore[no-untyped-call]
        settings = self._options.settings
        signal.signal(signal.SIGHUP, lambda number, frame: self._reactor.callFromThread(self._told))
        try:
            # Before anything else: what forks must have no threads.
            self._apart = self._fork_writer(settings)
        except OSError as error:
            tell("master", f"error: cannot start the process that writes the views: {error}")
        except StoreError:
            pass  # Nor can the master have such a store, and it says so.
        process = Process(self._reactor, self._options.state, "master", settings.log.memory_bytes)
        self._process = process
        self._heart = Heart(self._reactor, process.clock, self._inherited.heart)
        try:
            process.start(self._died)
            self._start(process, settings)
        except STARTING as error:
            self._main = None
            process.fail(str(error))

    def _told(self) -> None:
        """Take SIGHUP, by which a worker reads certificates again."""
        self.log.info("SIGHUP: a master reads settings and certificates when it starts; going on")

    def _fork_writer(self, settings: Settings) -> ViewsApart:
        """Return the process that writes the views. Raises `OSError`, `StoreError`.

        It holds the lock on the state directory, as the workings do: nobody begins before it ends.
        """
        state = self._options.state
        make_private_directory(run_directory(state))
        lock = run_directory(state) / "views.lock"
        return fork_writer(place_at(state, settings.store.url).views, lock, (LOCK_FD,))

    def _start(self, process: Process, settings: Settings) -> None:
        threads = Threads(
            truth=process.thread("truth"),
            copying=process.thread("copying"),
            views=process.thread("views"),
            feeding=process.thread("feeding"),
            hashing=nice_thread(process.thread("hashing", hashing_threads())),
            proving=nice_thread(process.thread("proving")),
        )
        read_log = process.log_reader()
        process.start_threads()
        main = Main(
            master_rules(self._options, settings),
            process.clock,
            threads,
            secrets.token_bytes,
            lambda why: process.fail(why, EXIT_INTERNAL, FAIL_DELAY_S),
            self._live_parts(process, settings),
            self._apart,
        )
        keys = MasterKeys(self._options.state, main, process.clock)
        self._main = main
        if main.store.engine.shared:
            check_shared_secret(self._options.state, main.store.engine)
            waiting = Deferred.fromCoroutine(self._wait(main, settings.master.standby))
            waiting.addCallback(lambda _: self._begin(main, process, keys, read_log))
            waiting.addErrback(self._cannot_start)
        else:
            self._begin(main, process, keys, read_log)

    async def _wait(self, main: Main, standby: bool) -> None:
        """Wait until the store may be had; a standby may for days, and lives meanwhile."""
        if standby and self._heart is not None:
            said = {"pid": os.getpid(), "driver": os.getppid(), "where": main.store.where}
            # One that was robbed serves no more, whatever it said before.
            remove_run_file(self._options.state, "master.json")
            write_run_file(self._options.state, "standby.json", said)
            self._heart.start()
            self._heart.ready()
        await main.claim(standby)
        if self._main is not main:
            raise StartError("it was told to stop while it waited for the store")
        remove_run_file(self._options.state, "standby.json")
        if standby and self._heart is not None:
            self._heart.stop()

    def _cannot_start(self, failure: Failure) -> None:
        stopped, self._main = self._main is None, None
        if self._process is None or stopped:
            return
        if not failure.check(*STARTING):
            self.log.failure("the master could not start", failure=failure)
        self._process.fail(failure.getErrorMessage())

    def _begin(
        self,
        main: Main,
        process: Process,
        keys: MasterKeys,
        read_log: Callable[[int, Level, int, bool], Awaitable[list[str]]],
    ) -> None:
        """Load the states, start the modules, listen: the store is this master's."""
        hold_collector()
        progress = StartProgress(
            process.clock.monotonic_ns,
            lambda sentence: tell(process.name, sentence),
            self._heart.loading if self._heart is not None else lambda: None,
        )
        main.store.tell = progress.store
        try:
            main.initialize(progress)
        except peewee.PeeweeException as error:
            raise StoreError(f"{main.store.where} cannot be read: {reason(error)}") from error
        self._has_begun = True
        if main.rules.seal_key_is_new:
            # Not before the store has said that nothing waits for an older one.
            keep_seal_key(self._options.state, main.rules.seal_key)
        keys.begin()
        main.operators.log_entries = read_log
        shipped = ShippedLogs(
            process.event_log.directory, process.thread("shipped"), process.clock.wall_ns
        )
        main.workers.take_log = shipped.take
        main.workers.clock_is_stale = process.begin_anew
        process.start_threads()

        def figures() -> Iterator[tuple[str, int]]:
            yield from process.figures()
            yield "shipped_lines", shipped.lines
            yield "shipped_dropped", shipped.dropped

        main.operators.process_figures = figures
        main.guard = self._guard()
        if main.live is not None:
            main.live.polling.tell = lambda sentence: tell(process.name, sentence)
        main.trail = process.trail(self._options.settings.log.commands)
        calm_collector()
        main.start()
        listen = self._options.settings.master.listen
        factory = AcceptorFactory(
            lambda address: main.workers.new_link(),
            process.clock,
            caps=attrs.evolve(INNER_CAPS, files=self._files),
            tls=keys.tls,
            reactor=self._reactor,
        )
        self._listening = ListeningService(
            inherited_endpoint(self._reactor, self._inherited.listen),
            factory,
            process.clock,
            where=str(listen),
            setting="master.listen",
        )
        self._metrics = self._metrics_port(process.clock, self._options.settings, main)
        self._listening.startService()
        self._listening.listening.addCallbacks(self._listens, self._cannot_listen)

    def _metrics_port(self, clock: Clock, settings: Settings, main: Main) -> Any:
        """Open the port for monitoring, if the settings name one; raises `StartError`."""
        listen = settings.metrics.listen
        if listen is None:
            return None
        # Only a master that is watched loads what it takes.
        from papertrader.net.web import WebSite  # noqa: PLC0415
        from papertrader.ops.metrics import CAPS, CROWD, MetricsRoot  # noqa: PLC0415

        try:
            root = MetricsRoot(main.operators.rows, lambda: "" if self._main else "stopping")
        except ImportError:
            raise StartError(
                f"metrics.listen needs prometheus_client: {install_command('metrics')}; or set"
                ' metrics.listen = "off"'
            ) from None
        site = WebSite(root, clock, self._reactor, crowd=CROWD)
        acceptor = AcceptorFactory(site.build, clock, caps=attrs.evolve(CAPS, files=self._files))
        acceptor.name = "metrics.listen"
        try:
            return self._reactor.listenTCP(listen.port, acceptor, interface=listen.host)
        except CannotListenError as error:
            said = cannot_listen(str(listen), "metrics.listen", error.socketError)
            raise StartError(said) from None

    def _guard(self) -> Guard | None:
        """Return what marks the commands; without room on the disk the master does without."""
        log = self._options.state / "log"
        try:
            return Guard(InFlight(log / "master.inflight"), read_poison(log / SUSPECTS_FILE))
        except OSError as error:
            self.log.error("commands are not marked while decided: {error}", error=str(error))
            return None

    def _live_parts(self, process: Process, settings: Settings) -> LiveParts | None:
        """Return the parts of a live market, None for another. Raises `KeyMissing`."""
        if settings.market.source is not MarketSource.LIVE:
            return None
        return live_parts(settings, self._options.state, os.environ, self._reactor, process.clock)

    def _listens(self, port: Any) -> None:
        if self._process is not None:
            self._process.stalls.start()
        number = port.getHost().port
        said: dict[str, Any] = {"pid": os.getpid(), "driver": os.getppid(), "port": number}
        if self._main is not None:
            market = self._main.assets.market
            if self._metrics is not None:
                said["metrics"] = self._metrics.getHost().port
            said["market"] = {
                "name": market.name,
                "time": market.now(),
                "speed_milli": market.speed_milli,
            }
        write_run_file(self._options.state, "master.json", said)
        if self._heart is not None:
            self._heart.start()
            self._heart.ready()
        self.log.info("the master listens for workers on port {port}", port=number)

    def _cannot_listen(self, failure: Failure) -> None:
        if self._process is not None:
            self._process.fail(failure.getErrorMessage())

    def stopService(self) -> Deferred[None]:
        """Stop in the reverse order; everything is durable when this is done."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        main, self._main = self._main, None
        # One that still waits for the store has nothing yet that could be stopped or kept.
        if main is not None and self._has_begun:
            await main.stop()
        if self._metrics is not None:
            self._metrics.stopListening()
        if self._listening is not None:
            await self._listening.stopService()
        if self._process is not None:
            await self._process.stop()


__all__ = ["Options", "Workings", "master_rules"]
