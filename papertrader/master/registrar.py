"""What operators do with the registry of workers over the wire: scope ADMIN only."""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

from papertrader.core.identifiers import check_worker_name
from papertrader.master.commands import Command, Refused
from papertrader.master.enrollment import AuthorityStatus, Enrolled, Enrollment, SigningRefused
from papertrader.master.holdings import parts
from papertrader.master.journal import Journal
from papertrader.master.operators import DEADLINE_MS_MAX, Operators
from papertrader.master.registry import Pending, RegisteredWorker, uuid_octets
from papertrader.master.sessions import Session
from papertrader.master.workers import Workers
from papertrader.net.clock import Clock
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import (
    AuthorityPhase,
    AuthorityStep,
    BootMode,
    Status,
    Tag,
    WorkerState,
)

_NONE: Final = bytes(32)


class Registrar:
    """The module (see above)."""

    log = Logger()

    def __init__(
        self,
        workers: Workers,
        enrollment: Enrollment,
        operators: Operators,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._workers = workers
        self._registry = workers.registry
        self._enrollment = enrollment
        self._operators = operators
        self._journal = journal
        self._clock = clock

    def add(self, command: Command, session: Session, message: m.WorkerAdd) -> bytes:
        """Answer WORKER_ADD."""
        self._operators.require(session)
        signer = self._enrollment.require_signer()
        name = message.name or ""
        try:
            check_worker_name(name)
        except ValueError as error:
            raise Refused(Status.INVALID_FIELD, f"{error}.") from None
        pending, token = self._enrollment.add(
            name,
            message.networks or "",
            message.hosts or "",
            again=message.again,
            account=session.account,
        )
        reply = m.WorkerAddReply(
            worker_id=pending.worker_id,
            uuid=uuid_octets(pending.uuid),
            token=token,
            authority=self._status(signer.status).issuing,
            expires_at=pending.expires_at,
        )
        return _encoded(reply, command, session)

    def sign(self, command: Command, session: Session, message: m.WorkerSign) -> bytes:
        """Answer WORKER_SIGN."""
        self._operators.require(session)
        done: Enrolled = self._enrollment.sign_by_hand(
            message.name or "", message.csr or "", message.public_csr
        )
        reply = m.WorkerSignReply(
            worker_id=done.worker.worker_id,
            uuid=uuid_octets(done.worker.uuid),
            certificate=done.certificate,
            public_certificate=done.public_certificate,
            trust=done.trust,
        )
        return _encoded(reply, command, session)

    def listing(self, command: Command, session: Session, message: m.WorkerRegistry) -> list[bytes]:
        """Answer WORKER_REGISTRY: those of the registry, then those that wait to enroll."""
        self._operators.require(session)
        now = self._clock.wall_ns()
        rows = [self._row(each) for each in self._registry]
        rows += [
            _pending_row(each)
            for each in self._registry.pending()
            if not each.again and each.expires_at > now
        ]
        packed = [row.pack() for row in sorted(rows, key=lambda row: row.worker_id)]
        head = m.WorkerRegistryPart(as_of=command.accepted_at)
        return parts(command, session, Tag.REGISTERED, m.RegisteredRow.SIZE, packed, head)

    def _row(self, worker: RegisteredWorker) -> m.RegisteredRow:
        number = worker.worker_id
        link = self._workers.link_of(number)
        wanted = self._workers.trust_hash()
        return m.RegisteredRow(
            worker_id=number,
            name=worker.name,
            uuid=uuid_octets(worker.uuid),
            state=worker.state,
            connected=link is not None,
            trusting=link is not None and link.trusting == wanted != b"",
            region=link.auth.region if link is not None and link.auth is not None else 0,
            clients=len(link.clients) if link is not None else 0,
            rtt_us=min(link.rtt_us, 2**32 - 1) if link is not None else 0,
            duplicates=self._workers.duplicates.counts[number],
            address=link.peer_address() if link is not None else bytes(16),
            added_at=worker.added_at,
            seen_at=self._workers.seen_at.get(number, 0),
            expires_at=worker.not_after,
            spki=worker.spki,
            authority=worker.authority or _NONE,
            networks=worker.networks.encode().ljust(64, b"\0"),
        )

    def boot(self, command: Command, session: Session, message: m.WorkerBoot) -> bytes:
        """Answer WORKER_BOOT: the registry at once, the link after ``drain_ms``."""
        self._operators.require(session)
        if message.drain_ms > DEADLINE_MS_MAX:
            raise Refused(
                Status.INVALID_FIELD, f"Clients have {DEADLINE_MS_MAX} milliseconds at most."
            )
        worker = self._registry.get(message.worker_id)
        if worker is None:
            raise Refused(Status.NO_DATA, f"There is no worker {message.worker_id}.")
        mode = BootMode(message.mode)
        state = {
            BootMode.ADMIT: WorkerState.ACTIVE,
            BootMode.BOOT: WorkerState.BOOTED,
            BootMode.REVOKE: WorkerState.REVOKED,
        }[mode]
        if worker.state is WorkerState.REVOKED and state is not WorkerState.REVOKED:
            raise Refused(
                Status.INVALID_FIELD,
                f"The keys of {worker.name} are revoked; enroll it again: worker add"
                f" {worker.name} --again",
            )
        link = self._workers.link_of(worker.worker_id)
        if mode is not BootMode.ADMIT and self._workers.links() == [command.link] == [link]:
            # Nobody could say ADMIT any more, and a restart would let no client in either.
            raise Refused(
                Status.INVALID_FIELD,
                f"{worker.name} is the only worker that is up, and you ask through it: bring up"
                " another one first.",
            )
        clients = len(link.clients) if link is not None else 0
        self._journal.change(self._workers.change_state(worker, state))
        detail = f"{worker.name}: {mode.name}, {clients} clients"
        self._operators.note(command.accepted_at, "worker boot", session, detail)
        if mode is not BootMode.ADMIT:
            drain_ms = message.drain_ms
            self._journal.when_durable(
                lambda: self._workers.shut_out(worker.worker_id, drain_ms), None
            )
        return _encoded(m.WorkerBootReply(clients=clients, state=state), command, session)

    def rotate(self, command: Command, session: Session, message: m.WorkerRotate) -> bytes:
        """Answer WORKER_ROTATE."""
        self._operators.require(session)
        self._enrollment.require_signer()
        wanted = message.worker_id
        if wanted and self._workers.link_of(wanted) is None:
            raise Refused(Status.NO_DATA, f"Worker {wanted} is not up.")
        ordered = self._workers.order_renewal(wanted)
        self._operators.note(command.accepted_at, "worker rotate", session, f"{ordered} workers")
        return _encoded(m.WorkerRotateReply(ordered=ordered), command, session)

    # --- the authority -------------------------------------------------------------------------

    def authority(self, command: Command, session: Session, message: m.AuthorityControl) -> bytes:
        """Answer AUTHORITY_CONTROL."""
        self._operators.require(session)
        signer = self._enrollment.require_signer()
        step = AuthorityStep(message.step)
        before = self._status(signer.status)
        if step is AuthorityStep.DROP and not message.force:
            self._require_all_moved(before)
        if step is not AuthorityStep.NONE:
            try:
                signer.step(step)
            except SigningRefused as error:
                raise Refused(Status.INVALID_FIELD, str(error)) from None
            self._operators.note(command.accepted_at, "authority", session, step.name)
            self._workers.tell_trust()
            taken_back = step is AuthorityStep.BACK and before.phase is AuthorityPhase.REISSUED
            if step is AuthorityStep.REISSUE or taken_back:
                # Taken back: their certificates must not depend on the new one.
                self._workers.order_renewal(0)
        status = self._status(signer.status)
        wanted = [each for each in self._registry if each.state is WorkerState.ACTIVE]
        reply = m.AuthorityControlReply(
            phase=status.phase,
            workers=len(wanted),
            trusting=sum(self._is_trusting(each) for each in wanted),
            renewed=sum(each.authority == status.issuing for each in wanted),
            issuing=status.issuing,
            other=status.other or _NONE,
            issuing_until=status.issuing_until,
            master_until=status.master_until,
        )
        return _encoded(reply, command, session)

    def _is_trusting(self, worker: RegisteredWorker) -> bool:
        link = self._workers.link_of(worker.worker_id)
        return link is not None and link.trusting == self._workers.trust_hash()

    def _require_all_moved(self, status: AuthorityStatus) -> None:
        behind = [
            each.name
            for each in self._registry
            if each.state is WorkerState.ACTIVE
            and (each.authority != status.issuing or not self._is_trusting(each))
        ]
        if behind and status.phase is AuthorityPhase.REISSUED:
            raise Refused(
                Status.INVALID_FIELD,
                f"These workers would be shut out: {', '.join(behind[:8])}; start them, or shut"
                " them out with worker boot, or say --force.",
            )

    @staticmethod
    def _status(ask: object) -> AuthorityStatus:
        try:
            status: AuthorityStatus = ask()  # type: ignore[operator]
        except SigningRefused as error:
            raise Refused(Status.NO_DATA, str(error)) from None
        return status


def _pending_row(pending: Pending) -> m.RegisteredRow:
    return m.RegisteredRow(
        worker_id=pending.worker_id,
        name=pending.name,
        uuid=uuid_octets(pending.uuid),
        state=WorkerState.PENDING,
        address=bytes(16),
        added_at=pending.added_at,
        expires_at=pending.expires_at,
        spki=_NONE,
        authority=_NONE,
        networks=pending.networks.encode().ljust(64, b"\0"),
    )


def _encoded(reply: object, command: Command, session: Session) -> bytes:
    return codec.encode(
        reply,  # type: ignore[arg-type]
        session=session.handle,
        correlation=command.header.correlation,
    )
