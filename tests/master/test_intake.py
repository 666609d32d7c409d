"""Too much to do: deadlines, shedding, turns; at a master in memory."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.instants import MILLISECOND, SECOND
from papertrader.core.money import SCALE
from papertrader.core.shedding import Work
from papertrader.master.commands import Command
from papertrader.master.intake import (
    QUEUE_PER_WORKER,
    RUN_COMMANDS,
    TURN_COMMANDS,
    WORK,
    WorkerQueue,
    work_of,
)
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode, Status
from tests.master.conftest import trader
from tests.master_kit import FakeLink, MasterClient, MasterKit


def late(kit: MasterKit, monkeypatch: pytest.MonkeyPatch, waited: int) -> None:
    """Let every command have waited so long on its way."""
    take = kit.main.intake.take

    def taken(command: Command) -> None:
        command.waited = waited
        take(command)

    monkeypatch.setattr(kit.main.intake, "take", taken)


@pytest.mark.clause("11.22")
def test_what_waited_too_long_is_never_done(
    kit: MasterKit, ann: MasterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EXPIRED; the number is free, and the same command later is done, once."""
    late(kit, monkeypatch, 5 * SECOND + 1)
    answer = ann.order("AAPL", "1")
    assert (answer.status, answer.message.retry_after_ms) == (Status.EXPIRED, 500)
    assert kit.main.transactions.desk.state.orders == {}
    monkeypatch.undo()
    ann.seq -= 1
    assert ann.order("AAPL", "1").status == 0
    assert len(kit.main.transactions.desk.state.orders) == 1
    assert kit.main.limit_hits["deadline"] == 1


def test_what_may_have_been_done_before_is_never_called_expired(
    kit: MasterKit, ann: MasterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A RELAY_UP that was sent again may have been done the first time."""
    late(kit, monkeypatch, 60 * SECOND)
    message = m.Register(username="bob", password="a long enough one")
    other = kit.client(connection=4)
    assert other.ask(message, session=0).status == Status.EXPIRED
    assert other.ask(message, session=0, resent=True).status == 0


@pytest.mark.clause("11.22")
def test_history_goes_first_and_cancels_never(
    kit: MasterKit, ann: MasterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a second late: one kind more; each refusal says when to come again, and is counted."""
    placed = ann.order("AAPL", "1", order_type=2, limit_price=SCALE).message
    late(kit, monkeypatch, 200 * MILLISECOND)
    refused: dict[str, int] = {}

    def probe() -> None:
        for message in (m.OrderList(), m.AccountGet()):
            answer = ann.ask(message)
            if answer.status:
                assert answer.status == Status.SERVER_BUSY
                assert answer.message.retry_after_ms >= 500
                refused.setdefault(type(message).__name__, kit.main.intake.level)
        other = kit.client(ann.link, connection=8)
        login = other.ask(m.Login(username="x", password="y" * 9), session=0)
        if login.status == Status.SERVER_BUSY:
            refused.setdefault("Login", kit.main.intake.level)

    for _ in range(30):
        probe()
        kit.turn(0.1)
    assert refused == {"OrderList": 1, "Login": 2, "AccountGet": 3}
    assert ann.order("AAPL", "1").status == Status.SERVER_BUSY
    ann.seq += 1
    answer = ann.ask(m.OrderCancel(order=placed.order), seq=ann.seq)
    assert answer.status == 0
    assert ann.resume().status == 0
    monkeypatch.undo()
    for _ in range(60):
        kit.turn(0.1)
        ann.ask(m.AccountGet())
    assert kit.main.intake.level == 0
    assert ann.ask(m.OrderList()).status == 0
    hits = kit.main.limit_hits
    assert min(hits[f"shed_{kind}"] for kind in ("history", "login", "account", "order")) >= 1


def test_what_is_late_over_one_worker_has_nothing_refused_over_another(
    kit: MasterKit, ann: MasterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T-35: neither a worker's flood nor what it says of waits shuts out the others' clients."""
    bob = trader(kit, "bob", 1, FakeLink(2))
    with monkeypatch.context() as patch:
        late(kit, patch, 200 * MILLISECOND)
        for _ in range(30):
            ann.ask(m.AccountGet())
            kit.turn(0.1)
    assert kit.main.intake.level >= Work.ACCOUNT
    for message in (m.OrderList(), m.AccountGet()):
        assert bob.ask(message).status == Status.OK
        assert ann.ask(message).status == Status.SERVER_BUSY
    assert bob.order("AAPL", "1").status == Status.OK
    assert kit.client(bob.link, connection=9).login("bob").status == Status.OK
    kit.turn(10)
    assert kit.main.intake.level == 0
    assert ann.ask(m.OrderList()).status == Status.OK


def test_each_request_has_its_kind_of_work() -> None:
    """What ends or undoes something is never refused for load."""
    assert {opcode for opcode, work in WORK.items() if work is Work.KEPT} >= {
        Opcode.ORDER_CANCEL, Opcode.ORDER_CANCEL_ALL, Opcode.LOGOUT, Opcode.SESSION_REVOKE,
        Opcode.RESUME, Opcode.CANCEL, Opcode.APIKEY_REVOKE,
    }  # fmt: skip
    assert work_of(Opcode.ORDER_NEW) is Work.ORDER
    assert work_of(Opcode.PORTFOLIO_GET) is Work.ACCOUNT


def test_workers_and_their_clients_have_their_turns(kit: MasterKit) -> None:
    """A worker that floods delays another by one command, not by its flood; none is lost."""
    noisy, quiet = FakeLink(1), FakeLink(2)
    ann = trader(kit, "ann", 1, noisy)
    bob = trader(kit, "bob", 1, quiet)
    order: list[Any] = []
    decide = kit.main.intake._decide

    def noted(command: Command) -> None:
        order.append((command.link.worker_id, command.connection, command.header.correlation))
        decide(command)

    kit.main.intake._decide = noted  # type: ignore[method-assign]
    asked = [ann.send(m.AccountGet()) for _ in range(2 * TURN_COMMANDS)]
    wanted = [bob.send(m.AccountGet()) for _ in range(3)]
    assert len(order) == TURN_COMMANDS
    kit.reactor.advance(0)
    later = order[TURN_COMMANDS:]
    assert [each[0] for each in later[:6]] == [1, 2, 1, 2, 1, 2]
    kit.turn()
    kit.turn()
    assert [each[2] for each in order if each[0] == 1] == asked
    assert [each[2] for each in order if each[0] == 2] == wanted
    assert kit.main.limit_hits["turn"] >= 1
    assert len(kit.main.intake) == 0


def waiting(connection: int, number: int) -> Command:
    """Return a command that only waits: the number-th of its connection."""
    fields = (0,) * 9 + (number, 0)
    return Command(FakeLink(1), connection, 0, 0, 0, b"", False, fields, b"", b"")


def test_of_each_connection_some_commands_are_done_in_a_row() -> None:
    """Runs in turn, each connection's commands in order; what is answered at once is one write."""
    queue = WorkerQueue()
    for number in range(2 * RUN_COMMANDS + 1):
        for connection in (1, 2, 3):
            queue.append(waiting(connection, number))
    done = [queue.pop() for _ in range(queue.size)]
    assert queue.size == 0
    turns = [connection for connection in (1, 2, 3) for _ in range(RUN_COMMANDS)]
    assert [each.connection for each in done] == [*turns, *turns, 1, 2, 3]
    for connection in (1, 2, 3):
        numbers = [each.correlation for each in done if each.connection == connection]
        assert numbers == list(range(2 * RUN_COMMANDS + 1))
    with pytest.raises(IndexError):
        queue.pop()


def test_a_single_command_does_not_stand_behind_the_runs_of_others() -> None:
    """It has every second place; so many of them as there are, the others go on as well."""
    queue = WorkerQueue()
    for number in range(RUN_COMMANDS):
        for connection in (1, 2):
            queue.append(waiting(connection, number))
    assert queue.pop().connection == 1
    for connection in range(10, 20):
        queue.append(waiting(connection, 0))
    done = [queue.pop().connection for _ in range(20)]
    assert done[::2] == list(range(10, 20))
    assert done[1::2] == [1] * 10
    queue.append(waiting(30, 0))
    queue.append(waiting(30, 1))
    rest = [queue.pop().connection for _ in range(queue.size)]
    assert rest == [1] * 5 + [2] * RUN_COMMANDS + [30] * 2


def test_only_so_much_of_a_worker_waits(kit: MasterKit, ann: MasterClient) -> None:
    """One more is SERVER_BUSY at once; another worker's is not."""
    for _ in range(TURN_COMMANDS + QUEUE_PER_WORKER):
        ann.send(m.AccountGet())
    asked = ann.send(m.AccountGet())
    assert ann.replies(asked)[0].status == Status.SERVER_BUSY
    other = kit.client(FakeLink(2))
    wanted = other.send(m.WorkerList(), session=0)
    assert other.replies(wanted) == []
    while len(kit.main.intake):
        kit.reactor.advance(0)
    assert other.replies(wanted)[0].status == 0
    assert kit.main.limit_hits["queue_worker"] == 1
