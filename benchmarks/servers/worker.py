"""A worker without the limits that protect it from one client: the load is one client.

The real worker takes 50 commands a second of a session, 5,000 connections, 32 of an address, and
10 new ones a second of an address or 200 of all. A load generator on one machine is one address,
and must send faster than a person. These limits, and nothing else, are raised, by the arguments of
the constructors that hold them. Everything else is what `twistd papertrader-worker` runs.

    python -m benchmarks.servers.worker STATE MASTER_PORT [WORKER_ID]
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Final

from twisted.internet import reactor
from twisted.python.failure import Failure

from papertrader.net.clock import install_monotonic
from papertrader.net.credentials import host_names, load_certificates
from papertrader.net.factory import AcceptCaps
from papertrader.net.webport import WebConfiguration
from papertrader.ops.certificates import certificate_files
from papertrader.ops.process import Process
from papertrader.ops.running import calm_collector
from papertrader.ops.workerkeys import WorkerKeys
from papertrader.worker.main import Worker, WorkerConfiguration

COMMANDS_A_SECOND: Final = 1_000_000
CONNECTIONS: Final = 10_000
LOG_OCTETS: Final = 16 * 1024 * 1024
CAPS: Final = AcceptCaps(
    total=CONNECTIONS, per_address=CONNECTIONS, rate=CONNECTIONS, burst=CONNECTIONS,
    total_rate=CONNECTIONS, total_burst=CONNECTIONS,
)  # fmt: skip


def main() -> None:
    """Run until SIGTERM; print READY with the ports once clients and browsers may come."""
    state, master_port = Path(sys.argv[1]), int(sys.argv[2])
    worker_id = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    name = f"worker-{worker_id}"
    install_monotonic(reactor)
    process = Process(reactor, state, name, LOG_OCTETS, ships=True)
    process.start()
    keys = WorkerKeys(state, name)
    names = host_names(load_certificates(certificate_files(state, f"{name}-public")[0])[0])
    worker = Worker(
        WorkerConfiguration(
            worker_id=worker_id, name=name, master_host="127.0.0.1", master_port=master_port,
            listen_host="127.0.0.1", listen_port=0, caps=CAPS,
            request_rate=COMMANDS_A_SECOND, request_burst=COMMANDS_A_SECOND,
            web=WebConfiguration(listen_host="127.0.0.1", listen_port=0, names=names, caps=CAPS),
        ),
        reactor,
        process.clock,
        random.SystemRandom(),
        public_tls=keys.public,
        inner_tls=keys.inner,
        web_tls=keys.web,
        trail=process.trail(wanted=True),
        shipment=process.shipment,
    )  # fmt: skip

    def ready(worker: Worker) -> None:
        calm_collector()
        web = worker.web.port if worker.web is not None else 0
        print("READY", os.getpid(), worker.port, web, flush=True)

    def failed(failure: Failure) -> None:
        print("error:", failure.getErrorMessage(), file=sys.stderr, flush=True)
        reactor.stop()

    reactor.callWhenRunning(lambda: worker.start().addCallbacks(ready, failed))
    reactor.addSystemEventTrigger("before", "shutdown", worker.stop)
    reactor.addSystemEventTrigger("after", "shutdown", lambda: os._exit(0))
    reactor.run()


if __name__ == "__main__":
    main()
