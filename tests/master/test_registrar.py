"""Operators and the registry of workers over the wire: clauses 11.24, 11.25 and 15.19."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from papertrader.core.instants import to_datetime
from papertrader.master.operators import Appointment
from papertrader.master.workers import BOOT_ABORT_S
from papertrader.ops import authorities
from papertrader.ops.appointment import appoint_operator
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import (
    AuthorityPhase,
    AuthorityStep,
    BootMode,
    DrainMode,
    Scope,
    Status,
    WorkerState,
)
from tests.authority_kit import request
from tests.master.test_enrollment import Gate, audited, up
from tests.master.test_operators import login
from tests.master_kit import PASSWORD, MasterClient, MasterKit
from tests.yard_kit import BAD

COMMANDS = (
    m.WorkerAdd(name="far"), m.WorkerSign(name="far", csr="x"), m.WorkerRegistry(),
    m.WorkerBoot(worker_id=1, mode=BootMode.BOOT), m.WorkerRotate(), m.AuthorityControl(),
)  # fmt: skip


class Office:
    """A master with an authority and an operator, ann."""

    def __init__(self, state: Path) -> None:
        self.kit = MasterKit(state)
        self.kit.client().register()
        self.kit.stop()
        assert appoint_operator(state, "ann", Appointment.ADMIN, self.kit.wall)
        self.kit.boot()
        self.gate = Gate(self.kit)
        self.ann: MasterClient = self.kit.client()
        assert login(self.ann, Scope.ADMIN) == 0

    def ask(self, message: Any) -> Any:
        """Ask as the operator; the answer must be OK."""
        answer = self.ann.ask(message)
        assert answer.status == 0, answer.message
        return answer.message

    def row(self, number: int) -> m.RegisteredRow:
        """Return a worker's row of the registry."""
        rows = self.ask(m.WorkerRegistry()).registered
        return next(row for row in rows if row.worker_id == number)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office; the books are audited when it closes."""
    made = Office(tmp_path)
    yield made
    made.kit.check()


def test_only_operators(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 11.24: any other session is SCOPE_DENIED, whatever it asks for."""
    for message in COMMANDS:
        assert ann.ask(message).status == Status.SCOPE_DENIED


def test_add_list_and_sign_by_hand(office: Office) -> None:
    """A place is pending until its token or its requests are used; names are taken once."""
    made = office.ask(m.WorkerAdd(name="far", networks="192.0.2.0/24", hosts="far.example.org"))
    row = office.row(made.worker_id)
    assert (row.state, row.name, row.expires_at) == (WorkerState.PENDING, "far", made.expires_at)
    assert made.authority == office.gate.signer.status().issuing
    wrong = office.ann.ask(m.WorkerSign(name="far", csr="x"))
    assert wrong.status == Status.INVALID_FIELD
    uuid = office.kit.main.workers.registry.pending()[0].uuid
    done = office.ask(m.WorkerSign(name="far", csr=request(uuid), public_csr=request(uuid)))
    assert done.worker_id == made.worker_id
    row = office.row(made.worker_id)
    assert (row.state, row.connected) == (WorkerState.ACTIVE, False)
    assert row.networks.rstrip(b"\0") == b"192.0.2.0/24"
    assert office.ann.ask(m.WorkerSign(name="far", csr=request(uuid))).status == Status.NO_DATA
    assert office.ann.ask(m.WorkerAdd(name="far")).status == Status.NAME_TAKEN
    assert office.ann.ask(m.WorkerAdd(name="new", again=True)).status == Status.NO_DATA


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "ca"}, {"name": "Far"}, {"name": "-far"}, {"name": "far-public"},
        {"name": "fär"}, {"name": "far", "networks": "192.0.2.1/24"},
        {"name": "far", "networks": "everywhere"},
        {"name": "far", "hosts": "a.example https://b.example"}, {"name": "far", "hosts": "a:1"},
    ],
)  # fmt: skip
def test_what_cannot_be_added(office: Office, wrong: dict[str, str]) -> None:
    """Names that files cannot bear, and networks that are none."""
    assert office.ann.ask(m.WorkerAdd(**wrong)).status == Status.INVALID_FIELD
    assert office.kit.main.workers.registry.pending() == []


def test_boot_cuts_the_link_and_keeps_it_out(office: Office) -> None:
    """T-30, clause 15.19: within a second, durable, told to its clients; nothing is taken after."""
    worker, uuid = up(office.gate)
    assert worker.ask(BAD).status == Status.AUTH_FAILED
    worker.send(m.ClientOpen(connection=1, address=bytes(16), family=4, tls=3))
    assert office.row(worker.number).clients == 1
    commands = office.kit.main.commands
    reply = office.ask(m.WorkerBoot(worker_id=worker.number, mode=BootMode.BOOT))
    assert (reply.clients, reply.state) == (1, WorkerState.BOOTED)
    worker.peer.send(b"PT\x01\x03more")
    worker.settle()
    assert [each.mode for each in worker.take(m.WorkerDrain)] == [DrainMode.BOOT]
    assert worker.goodbye == Status.WORKER_BOOTED
    office.kit.turn(BOOT_ABORT_S + 0.1)
    assert worker.wire.near.aborted or worker.peer.lost
    assert office.kit.main.commands == commands + 1
    assert not office.kit.main.admitted(worker.link.shown, uuid)
    assert not office.row(worker.number).connected
    office.kit.crash()
    assert not office.kit.main.admitted(worker.link.shown, uuid)
    assert audited(office.kit, "worker boot") == 1


def test_nobody_shuts_the_last_door_behind_themselves(office: Office) -> None:
    """Through the only worker that is up it is not shut out; with another one it is."""
    worker, uuid = up(office.gate)
    worker.send(m.ClientOpen(connection=1, address=bytes(16), family=4, tls=3))
    opened = worker.ask(m.Login(username="ann", password=PASSWORD, scope=Scope.ADMIN))
    assert opened.status == 0
    for mode in (BootMode.BOOT, BootMode.REVOKE):
        wish = m.WorkerBoot(worker_id=worker.number, mode=mode)
        assert worker.ask(wish, session=opened.session).status == Status.INVALID_FIELD
        assert "another one first" in (worker.answer.text or "")
    assert office.row(worker.number).state == WorkerState.ACTIVE
    assert office.kit.main.admitted(worker.link.shown, uuid)
    up_named(office, "near")
    wish = m.WorkerBoot(worker_id=worker.number, mode=BootMode.BOOT)
    worker.relay(codec.encode(wish, session=opened.session, correlation=78))
    office.kit.turn()
    assert not office.kit.main.admitted(worker.link.shown, uuid)


def test_a_booted_worker_is_admitted_again_a_revoked_one_is_not(office: Office) -> None:
    """ADMIT after BOOT; after REVOKE only enrolling again helps, with another key."""
    worker, uuid = up(office.gate)
    number, key = worker.number, worker.link.shown
    office.ask(m.WorkerBoot(worker_id=number, mode=BootMode.BOOT))
    assert not office.kit.main.admitted(key, uuid)
    office.ask(m.WorkerBoot(worker_id=number, mode=BootMode.ADMIT))
    assert office.kit.main.admitted(key, uuid)
    office.ask(m.WorkerBoot(worker_id=number, mode=BootMode.REVOKE))
    assert not office.kit.main.admitted(key, uuid)
    back = office.ann.ask(m.WorkerBoot(worker_id=number, mode=BootMode.ADMIT))
    assert back.status == Status.INVALID_FIELD
    again = office.ask(m.WorkerAdd(name="far", again=True))
    assert office.gate.enroll(again.token, request(uuid))[0] == Status.OK
    assert office.row(number).state == WorkerState.ACTIVE
    assert not office.kit.main.admitted(key, uuid)


def test_clients_may_move_before(office: Office) -> None:
    """``drain_ms``: the registry is shut at once, the link goes after it; ADMIT within it saves."""
    worker, uuid = up(office.gate)
    office.ask(m.WorkerBoot(worker_id=worker.number, mode=BootMode.BOOT, drain_ms=2_000))
    worker.settle()
    assert [each.mode for each in worker.take(m.WorkerDrain)] == [DrainMode.MOVE]
    assert not office.kit.main.admitted(worker.link.shown, uuid)
    office.kit.turn(1.5)
    assert worker.goodbye == -1
    office.kit.turn(0.7)
    worker.settle()
    assert worker.goodbye == Status.WORKER_BOOTED
    other, _ = up_named(office, "near")
    office.ask(m.WorkerBoot(worker_id=other.number, mode=BootMode.BOOT, drain_ms=1_000))
    office.ask(m.WorkerBoot(worker_id=other.number, mode=BootMode.ADMIT))
    office.kit.turn(1.5)
    other.settle()
    assert other.goodbye == -1


def up_named(office: Office, name: str) -> Any:
    """Another worker that is up."""
    add = office.gate.add
    office.gate.add = lambda *_, **options: add(name, **options)  # type: ignore[method-assign]
    return up(office.gate)


def test_rotate_orders_new_keys(office: Office) -> None:
    """One worker, all that are up, or NO_DATA for one that is not."""
    worker, _ = up(office.gate)
    assert office.ask(m.WorkerRotate()).ordered == 1
    assert office.ask(m.WorkerRotate(worker_id=worker.number)).ordered == 1
    worker.settle()
    assert len(worker.take(m.RenewOrder)) == 2
    assert office.ann.ask(m.WorkerRotate(worker_id=99)).status == Status.NO_DATA


def test_the_authority_changes_in_steps(office: Office) -> None:
    """Clause 11.25: TRUST, REISSUE, DROP; BACK takes back; no step cuts a link."""
    from tests.master.test_enrollment import renew

    kit, directory = office.kit, office.kit.state_dir / "tls"
    worker, uuid = up(office.gate)
    for number in (1, 2):
        office.ask(m.WorkerBoot(worker_id=number, mode=BootMode.BOOT))

    def step(name: AuthorityStep, **more: Any) -> Any:
        reply = office.ask(m.AuthorityControl(step=name, **more))
        worker.settle()
        for told in worker.take(m.TrustSet):
            import hashlib

            trust = hashlib.sha256(told.trust.encode()).digest()
            worker.send(m.TrustTaken(trust=trust))
        return reply

    refused = office.ann.ask(m.AuthorityControl(step=AuthorityStep.TRUST))
    assert refused.status == Status.INVALID_FIELD
    made = authorities.make_plain(directory, now=to_datetime(kit.clock.wall_ns()))
    authorities.prepare_next(directory, made)
    before = office.ask(m.AuthorityControl())
    assert (before.phase, before.other) == (AuthorityPhase.SINGLE, bytes(32))
    assert step(AuthorityStep.TRUST).phase == AuthorityPhase.BOTH
    assert step(AuthorityStep.BACK).phase == AuthorityPhase.SINGLE
    assert step(AuthorityStep.TRUST).phase == AuthorityPhase.BOTH
    both = step(AuthorityStep.REISSUE)
    assert (both.phase, both.renewed) == (AuthorityPhase.REISSUED, 0)
    assert both.issuing != before.issuing == both.other
    too_soon = office.ann.ask(m.AuthorityControl(step=AuthorityStep.DROP))
    assert too_soon.status == Status.INVALID_FIELD
    assert "far" in too_soon.message.text
    assert renew(worker, uuid)[0] == Status.OK
    told = office.ask(m.AuthorityControl())
    assert (told.workers, told.trusting, told.renewed) == (1, 1, 1)
    last = step(AuthorityStep.DROP)
    assert (last.phase, last.issuing) == (AuthorityPhase.SINGLE, both.issuing)
    assert worker.goodbye == -1
    assert kit.main.workers.links() == [worker.link]
