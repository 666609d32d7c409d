"""``twistd papertrader-worker``: options, and the service that drives a worker."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from papertrader.net.clock import install_monotonic
from papertrader.net.credentials import CredentialsError
from papertrader.net.factory import TOTAL_BURST, TOTAL_RATE, AcceptCaps
from papertrader.net.tls import inner_client_factory, public_server_factory
from papertrader.ops.certificates import authority_file, certificate_files
from papertrader.ops.options import ServerOptions
from papertrader.ops.process import Process, StartError, StateLock, calm_collector, write_run_file
from papertrader.ops.variables import WORKERS_MAX
from papertrader.worker.main import Worker, WorkerConfiguration


class Options(ServerOptions):
    """Options of a worker; what is not given comes from the settings file."""

    optParameters = [
        ["number", "n", "1", "Which worker of the installation this is, from 1."],
        ["region", None, "0", "Region that clients may ask for."],
        [
            "public-host",
            None,
            "",
            "Name by which clients reach this worker.",
        ],
    ]

    def postOptions(self) -> None:
        """Check the numbers besides the settings."""
        super().postOptions()
        for name, least, most in (("number", 1, WORKERS_MAX), ("region", 0, 2**32 - 1)):
            try:
                self[name] = int(self[name])
            except ValueError:
                raise usage.UsageError(f"--{name} takes a number, not {self[name]!r}") from None
            if not least <= self[name] <= most:
                raise usage.UsageError(f"--{name} must be {least} to {most}")
        if self["number"] > self.settings.workers:
            raise usage.UsageError(
                f"there is no worker {self['number']}: the settings say workers ="
                f" {self.settings.workers}"
            )


class WorkerService(Service):
    """Drives one worker: process, lock, certificates, and the worker itself."""

    log = Logger()

    def __init__(self, options: Options, reactor: Any) -> None:
        self._options = options
        self._reactor = reactor
        self._name = f"worker-{options['number']}"
        self._lock = StateLock(options.state, self._name)
        self._process: Process | None = None
        self._worker: Worker | None = None

    def startService(self) -> None:
        """Start; a failure is one line on stderr and an exit code that is not 0."""
        super().startService()  # type: ignore[no-untyped-call]
        install_monotonic(self._reactor)
        options = self._options
        process = Process(
            self._reactor, options.state, self._name, options.settings.log.memory_bytes
        )
        self._process = process
        try:
            self._lock.acquire()
            process.start()
            self._start(process, options.state)
        except (StartError, CredentialsError, OSError) as error:
            process.fail(str(error))

    def _start(self, process: Process, state: Path) -> None:
        options, settings = self._options, self._options.settings
        listen = settings.worker_listen(options["number"])
        master = settings.master.listen
        configuration = WorkerConfiguration(
            worker_id=options["number"],
            name=self._name,
            master_host=master.host,
            master_port=master.port,
            listen_host=listen.host,
            listen_port=listen.port,
            region=options["region"],
            public_host=options["public-host"],
            caps=AcceptCaps(
                per_address=settings.limits.connections_per_address,
                rate=settings.limits.connects_per_second,
                burst=settings.limits.connects_at_once,
                total_rate=max(TOTAL_RATE, settings.limits.connects_per_second),
                total_burst=max(TOTAL_BURST, settings.limits.connects_at_once),
            ),
            request_rate=settings.limits.requests_per_second,
            request_burst=settings.limits.requests_at_once,
        )
        public = certificate_files(state, f"{self._name}-public")
        inner = certificate_files(state, self._name)
        self._worker = Worker(
            configuration,
            self._reactor,
            process.clock,
            random.SystemRandom(),
            public_tls=public_server_factory(*public),
            inner_tls=inner_client_factory(authority_file(state), *inner),
        )
        self._worker.start().addCallbacks(self._ready, self._cannot_start)

    def _ready(self, worker: Worker) -> None:
        calm_collector()
        if self._process is not None:
            self._process.stalls.start()
        host = self._options.settings.worker_listen(self._options["number"]).host
        write_run_file(
            self._options.state,
            f"{self._name}.json",
            {"pid": os.getpid(), "host": host, "port": worker.port},
        )
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
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.stop()
        if self._process is not None:
            await self._process.stop()
        self._lock.release()


def makeService(options: Options) -> WorkerService:
    """Return the service for ``twistd``; nothing is opened before it starts."""
    from twisted.internet import reactor  # noqa: PLC0415 (twistd chose it by now)

    return WorkerService(options, reactor)
