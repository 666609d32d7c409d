"""What the in-memory worker of `client_kit` does for operators."""

from __future__ import annotations

from papertrader.core.limithits import DRAINED
from papertrader.core.logrecord import PLAIN, UNCORRELATED, Level, LogRecord, Source, render_json
from papertrader.core.quotes import AssetStatus
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.codec import MORE
from papertrader.wire.kinds import AuthorityPhase, DrainMode, Scope, Status, WorkerState
from tests.client_accounts import START


class OperatorPeer:
    """Answers of `Peer`: reads send their reply, commands return it with its status."""

    def _log_dump(self, header: codec.Header, message: m.LogDump) -> None:
        source = Source("papertrader.x", "x.py", "f", 7)
        for number, text in ((1, "one\ntwo"), (2, "three")):
            record = LogRecord(
                seq=number, wall_ns=START + number, monotonic_ns=5, level=Level.WARNING,
                source=source, correlation=UNCORRELATED, message=text, flags=PLAIN,
            )  # fmt: skip
            part = m.LogPart(
                part=number, parts=2, rows=1, total_rows=2, as_of=START, lines=render_json(record)
            )
            self._send(header, part, flags=MORE if number == 1 else 0)

    def _stats_get(self, header: codec.Header, message: m.StatsGet) -> None:
        if not self._is_operator(header):
            return
        rows = [m.StatRow(key="accounts", value=1), m.StatRow(worker=3, key="rtt_us", value=1_234)]
        out = sorted(self.market.drained)
        rows += [m.StatRow(worker=each, key=DRAINED, value=1) for each in out]
        self._parts(header, m.StatsPart, "stats", rows, as_of=START)

    def _worker_control(self, header: codec.Header, message: m.WorkerControl) -> None:
        if not self._is_operator(header):
            return
        if message.mode == DrainMode.OFF:
            self.market.drained.discard(message.worker_id)
        else:
            self.market.drained.add(message.worker_id)
        self._send(header, m.WorkerControlReply(clients=12))

    def _asset_halt(self, header: codec.Header, message: m.AssetHalt) -> None:
        if not self._is_operator(header):
            return
        status = AssetStatus.HALTED if message.halted else AssetStatus.TRADABLE
        self._send(header, m.AssetHaltReply(symbol=message.symbol, status=status))

    def _is_operator(self, header: codec.Header) -> bool:
        if self.session.scope != Scope.ADMIN:
            self._fail(header, Status.SCOPE_DENIED, "Only sessions of scope ADMIN may do this.")
        return self.session.scope == Scope.ADMIN

    def _worker_add(self, header: codec.Header, message: m.WorkerAdd) -> None:
        if self._is_operator(header):
            self._send(
                header,
                m.WorkerAddReply(
                    worker_id=4, uuid=bytes(range(16)), token=b"T" * 32, authority=b"A" * 32,
                    expires_at=START,
                ),
            )  # fmt: skip

    def _worker_sign(self, header: codec.Header, message: m.WorkerSign) -> None:
        if self._is_operator(header):
            self._send(
                header,
                m.WorkerSignReply(
                    worker_id=4, uuid=bytes(range(16)), certificate="C", public_certificate="P",
                    trust="T",
                ),
            )  # fmt: skip

    def _worker_registry(self, header: codec.Header, message: m.WorkerRegistry) -> None:
        if not self._is_operator(header):
            return
        rows = [
            m.RegisteredRow(
                worker_id=3, name="worker-3", state=WorkerState.ACTIVE, connected=True,
                trusting=True, clients=12, rtt_us=1_234, duplicates=1, added_at=START,
                address=bytes(10) + b"\xff\xff\xc0\x00\x02\x07", seen_at=START, expires_at=START,
                spki=b"K" * 32, authority=b"A" * 32, networks=b"192.0.2.0/24".ljust(64, b"\0"),
            ),
            m.RegisteredRow(worker_id=4, name="far", state=WorkerState.PENDING, added_at=START),
        ]  # fmt: skip
        self._parts(header, m.WorkerRegistryPart, "registered", rows, as_of=START)

    def _worker_boot(self, header: codec.Header, message: m.WorkerBoot) -> None:
        if self._is_operator(header):
            states = (WorkerState.ACTIVE, WorkerState.BOOTED, WorkerState.REVOKED)
            self._send(header, m.WorkerBootReply(clients=12, state=states[message.mode]))

    def _worker_rotate(self, header: codec.Header, message: m.WorkerRotate) -> None:
        if self._is_operator(header):
            self._send(header, m.WorkerRotateReply(ordered=1 if message.worker_id else 2))

    def _authority_control(self, header: codec.Header, message: m.AuthorityControl) -> None:
        if self._is_operator(header):
            self._send(
                header,
                m.AuthorityControlReply(
                    phase=AuthorityPhase.SINGLE, workers=2, trusting=2, renewed=2,
                    issuing=b"A" * 32, issuing_until=START, master_until=START,
                ),
            )  # fmt: skip

    def _worker_list(self, header: codec.Header, message: m.WorkerList) -> None:
        self._send(
            header,
            m.WorkerListReply(
                as_of=START, rows=len(self.market.workers), workers=self.market.workers
            ),
        )
