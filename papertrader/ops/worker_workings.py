"""The workings of a worker as a process: what the driver of `papertrader.ops.worker_tap` starts."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.core.instants import to_datetime
from papertrader.net.credentials import CredentialsError
from papertrader.net.factory import TOTAL_BURST, TOTAL_RATE, AcceptCaps, Files
from papertrader.net.webport import WebConfiguration
from papertrader.ops.certificates import CertificateError, check_dates
from papertrader.ops.heart import Heart, Inherited
from papertrader.ops.inherited import inherited_endpoint
from papertrader.ops.process import Process
from papertrader.ops.running import (
    StartError,
    calm_collector,
    files_for_connections,
    sentence_of,
    write_run_file,
)
from papertrader.ops.worker_tap import Options
from papertrader.ops.workerkeys import WorkerKeys
from papertrader.wire import limits
from papertrader.worker.main import Worker, WorkerConfiguration
from papertrader.worker.witness import Witness, WitnessError

if TYPE_CHECKING:
    from papertrader.gateway.server import Gateway


STARTING: Final = (StartError, CredentialsError, CertificateError, WitnessError, OSError)


class Workings(Service):
    """One life of a worker. ``died``: how the life before ended, if it crashed."""

    log = Logger()

    def __init__(
        self, options: Options, reactor: Any, inherited: Inherited, died: str = ""
    ) -> None:
        self._options = options
        self._reactor = reactor
        self._inherited = inherited
        self._died = died
        self._name = options.name
        self._heart: Heart | None = None
        self._process: Process | None = None
        self._worker: Worker | None = None
        self._gateway: Gateway | None = None

    def startService(self) -> None:
        """Start; a failure is one line on stderr and an exit code that is not 0."""
        super().startService()  # type: ignore[no-untyped-call]
        options = self._options
        process = Process(
            self._reactor,
            options.state,
            self._name,
            options.settings.log.memory_bytes,
            ships=True,
        )
        self._process = process
        self._heart = Heart(self._reactor, process.clock, self._inherited.heart)
        try:
            process.start(self._died)
            self._start(process, options.state)
        except STARTING as error:
            process.fail(sentence_of(error))

    def _start(self, process: Process, state: Path) -> None:
        options, settings = self._options, self._options.settings
        listen = settings.worker_listen(options["number"])
        enrolled, master = options.enrolled, settings.master.listen
        keys = WorkerKeys(state, self._name)
        check_dates(state, [self._name], now=to_datetime(process.clock.true_ns()))
        files = Files(files_for_connections())
        caps = AcceptCaps(
            total=min(limits.CONNECTIONS_MAX, files.most),
            files=files,
            per_address=settings.limits.connections_per_address,
            rate=settings.limits.connects_per_second,
            burst=settings.limits.connects_at_once,
            total_rate=max(TOTAL_RATE, settings.limits.connects_per_second),
            total_burst=max(TOTAL_BURST, settings.limits.connects_at_once),
        )
        web = self._web(keys, caps)
        configuration = WorkerConfiguration(
            worker_id=enrolled.worker_id if enrolled else options["number"],
            name=self._name,
            master_host=enrolled.master_host if enrolled else master.host,
            master_port=enrolled.master_port if enrolled else master.port,
            masters=() if enrolled else settings.worker.masters,
            listen_host=listen.host,
            listen_port=listen.port,
            region=options["region"],
            public_host=options["public-host"],
            caps=caps,
            request_rate=settings.limits.requests_per_second,
            request_burst=settings.limits.requests_at_once,
            web=web,
        )
        self._worker = Worker(
            configuration,
            self._reactor,
            process.clock,
            random.SystemRandom(),
            public_tls=keys.public,
            inner_tls=keys.inner,
            keys=keys,
            witness=Witness(state / "witness" / f"{self._name}.jsonl", process.clock),
            endpoint=inherited_endpoint(self._reactor, self._inherited.listen),
            web_tls=keys.web,
            web_endpoint=inherited_endpoint(self._reactor, self._inherited.web) if web else None,
            trail=process.trail(settings.log.commands),
            shipment=process.shipment,
        )
        # A certificate that somebody else renews is read again without dropping connections.
        signal.signal(
            signal.SIGHUP, lambda number, frame: self._reactor.callFromThread(keys.reload)
        )
        self._worker.upstream.clock_is_stale = process.begin_anew
        self._gateway = self._make_gateway(self._worker, caps, keys)
        self._worker.start().addCallbacks(self._serves, self._cannot_start)
        if self._heart is not None:
            self._heart.start()

    def _web(self, keys: WorkerKeys, caps: AcceptCaps) -> WebConfiguration | None:
        """Return what the settings mean for the web face; its names are the certificate's."""
        listen = self._options.settings.web_listen(self._options["number"])
        if listen is None:
            return None
        return WebConfiguration(
            listen_host=listen.host,
            listen_port=listen.port,
            names=keys.hosts,
            caps=caps,
            strict_transport=self._options.settings.web.strict_transport,
        )

    def _make_gateway(self, worker: Worker, caps: AcceptCaps, keys: WorkerKeys) -> Gateway | None:
        settings = self._options.settings
        listen = settings.gateway_listen(self._options["number"])
        if listen is None:
            return None
        # A worker without a gateway does not load one, nor the client library.
        from papertrader.gateway.seats import SeatRules  # noqa: PLC0415
        from papertrader.gateway.server import Gateway, GatewayConfiguration  # noqa: PLC0415

        configuration = GatewayConfiguration(
            listen_host=listen.host,
            listen_port=listen.port,
            names=keys.hosts,
            rules=SeatRules(
                rate=settings.limits.requests_per_second, burst=settings.limits.requests_at_once
            ),
            caps=caps,
            strict_transport=settings.web.strict_transport,
        )
        gateway = Gateway(
            configuration,
            worker.client,
            worker.trouble,
            worker.clock,
            self._reactor,
            keys.web,
            inherited_endpoint(self._reactor, self._inherited.gateway),
        )
        worker.more_hits = gateway.limit_hits
        return gateway

    def _serves(self, worker: Worker) -> None:
        """The worker takes clients: open the gateway's port, then all is ready."""
        gateway = self._gateway
        if gateway is None:
            self._ready(worker)
            return
        gateway.start()
        gateway.listening.listening.addCallbacks(lambda _: self._ready(worker), self._cannot_start)

    def _ready(self, worker: Worker) -> None:
        calm_collector()
        if self._process is not None:
            self._process.stalls.start()
        host = self._options.settings.worker_listen(self._options["number"]).host
        said: dict[str, Any] = {
            "pid": os.getpid(), "driver": os.getppid(), "host": host, "port": worker.port,
        }  # fmt: skip
        if worker.web is not None:
            said["web"] = {"host": worker.web.host, "port": worker.web.port}
        if self._gateway is not None:
            where = self._gateway.host
            said["gateway"] = {"host": where, "port": self._gateway.port}
        write_run_file(self._options.state, f"{self._name}.json", said)
        if self._heart is not None:
            self._heart.ready()
        self.log.info(
            "{name} is ready for clients on port {port}", name=self._name, port=worker.port
        )

    def _cannot_start(self, failure: Failure) -> None:
        if self._process is not None:
            self._process.fail(failure.getErrorMessage())

    def stopService(self) -> Deferred[None]:
        """Say goodbye to the clients and end."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        gateway, self._gateway = self._gateway, None
        if gateway is not None:
            await gateway.stop()
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.stop()
        if self._process is not None:
            await self._process.stop()


__all__ = ["Options", "Workings"]
