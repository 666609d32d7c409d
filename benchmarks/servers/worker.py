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

import attrs
from twisted.internet import reactor
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from papertrader.net.clock import install_monotonic
from papertrader.net.factory import AcceptCaps
from papertrader.net.tls import inner_client_factory, public_server_factory
from papertrader.ops.certificates import authority_file, certificate_files
from papertrader.ops.process import Process
from papertrader.worker.clients import ClientProtocol, outer_link
from papertrader.worker.main import Worker, WorkerConfiguration
from papertrader.worker.stamping import client_data

COMMANDS_A_SECOND: Final = 1_000_000
CONNECTIONS: Final = 10_000
LOG_OCTETS: Final = 16 * 1024 * 1024
CAPS: Final = AcceptCaps(
    total=CONNECTIONS, per_address=CONNECTIONS, rate=CONNECTIONS, burst=CONNECTIONS,
    total_rate=CONNECTIONS, total_burst=CONNECTIONS,
)  # fmt: skip


class BenchmarkWorker(Worker):
    """The worker whose clients may send as fast as they can."""

    def _client(self, peer: IAddress) -> ClientProtocol:
        around = attrs.evolve(
            self._around, command_rate=COMMANDS_A_SECOND, command_burst=COMMANDS_A_SECOND
        )
        number = self.clients.next_number()
        return ClientProtocol(outer_link(number, self.boot), client_data(peer), around)


def main() -> None:
    """Run until SIGTERM; print READY with the port once clients may come."""
    state, master_port = Path(sys.argv[1]), int(sys.argv[2])
    worker_id = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    name = f"worker-{worker_id}"
    install_monotonic(reactor)
    process = Process(reactor, state, name, LOG_OCTETS)
    process.start()
    worker = BenchmarkWorker(
        WorkerConfiguration(
            worker_id=worker_id, name=name, master_host="127.0.0.1", master_port=master_port,
            listen_host="127.0.0.1", listen_port=0, caps=CAPS,
        ),
        reactor,
        process.clock,
        random.SystemRandom(),
        public_tls=public_server_factory(*certificate_files(state, f"{name}-public")),
        inner_tls=inner_client_factory(
            authority_file(state), *certificate_files(state, name)
        ),
    )  # fmt: skip

    def ready(worker: Worker) -> None:
        print("READY", os.getpid(), worker.port, flush=True)

    def failed(failure: Failure) -> None:
        print("error:", failure.getErrorMessage(), file=sys.stderr, flush=True)
        reactor.stop()

    reactor.callWhenRunning(lambda: worker.start().addCallbacks(ready, failed))
    reactor.addSystemEventTrigger("before", "shutdown", worker.stop)
    reactor.addSystemEventTrigger("after", "shutdown", lambda: os._exit(0))
    reactor.run()


if __name__ == "__main__":
    main()
