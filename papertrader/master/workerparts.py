"""The parts of Worker Management beside the links: enrolling, operators' commands, heads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from papertrader.core.limithits import LimitHits
from papertrader.master.commands import Command
from papertrader.master.credentialing import Credentialing
from papertrader.master.database import TruthStore
from papertrader.master.enrollment import Enrollment
from papertrader.master.journal import Journal
from papertrader.master.notary import Notary
from papertrader.master.operators import Operators
from papertrader.master.registrar import Registrar
from papertrader.master.workers import Workers
from papertrader.net.clock import Clock
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode


class WorkerParts:
    """Makes the parts and joins them to `workers`. The driver gives them what signs."""

    def __init__(
        self,
        workers: Workers,
        store: TruthStore,
        journal: Journal,
        operators: Operators,
        clock: Clock,
        hits: LimitHits,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._workers = workers
        self.enrollment = Enrollment(workers.registry, store, journal, clock, hits, entropy)
        self.notary = Notary(store, journal, clock, workers.send_all)
        workers.credentialing = Credentialing(
            self.enrollment, self.notary, clock, journal.when_durable
        )
        self.registrar = Registrar(workers, self.enrollment, operators, journal, clock)

    def open_routes(self) -> Mapping[int, Callable[[Command, Any], Any]]:
        """Return what needs no session."""
        return {Opcode.WORKER_LIST: self._listing}

    def _listing(self, command: Command, message: m.WorkerList) -> bytes:
        rows = tuple(self._workers.listing(message.region))
        reply = m.WorkerListReply(as_of=command.accepted_at, rows=len(rows), workers=rows)
        head = command.header
        return codec.encode(reply, session=head.session, correlation=head.correlation)

    def routes(self) -> Mapping[int, Callable[..., Any]]:
        """Return which command is answered by what."""
        return {
            Opcode.WORKER_ADD: self.registrar.add,
            Opcode.WORKER_SIGN: self.registrar.sign,
            Opcode.WORKER_REGISTRY: self.registrar.listing,
            Opcode.WORKER_BOOT: self.registrar.boot,
            Opcode.WORKER_ROTATE: self.registrar.rotate,
            Opcode.AUTHORITY_CONTROL: self.registrar.authority,
        }

    def figures(self) -> Iterator[tuple[str, int]]:
        """Give their counters."""
        yield "workers_enrolled", self.enrollment.enrolled
        yield "enrollments_refused", self.enrollment.refused
        yield "workers_renewed", self.enrollment.renewed
        yield "links_turned_away", self._workers.turned_away_count
        yield "worker_duplicates", self._workers.duplicates.counts.total()
        yield "audit_heads", self.notary.heads
