"""Nobody is told anything before it is durable; and what is said when the store fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from papertrader.core.money import SCALE
from papertrader.core.orders import OrderState
from papertrader.master.rules import Threads
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.backends import audit
from tests.master_kit import Gate, MasterClient, MasterKit, at_once

QUESTIONS = (
    m.OrderGet(client_order_id=1),
    m.OrderList(states=0xFFFF),
    m.PortfolioGet(),
    m.TransactionsGet(),
    m.AccountGet(),
)


class GatedKit(MasterKit):
    """A master whose store writes when the test lets it."""

    def __init__(self, state_dir: Path) -> None:
        self.gate = Gate()
        super().__init__(
            state_dir, threads=Threads(truth=self.gate, views=at_once, hashing=at_once)
        )

    def settle(self) -> None:
        """Let the store do everything that waits, and what follows from it."""
        for _ in range(100):
            self.turn()
            if not self.gate:
                return
            self.gate.work()
        raise AssertionError("the store never comes to rest")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[GatedKit]:
    """A gated master, audited as it stands when the test is over."""
    made = GatedKit(tmp_path)
    made.settle()
    yield made
    assert audit(tmp_path).violations == []


@pytest.fixture
def ann(kit: GatedKit) -> MasterClient:
    """A trader with a session, who follows the account's events."""
    client = kit.client()
    client.send(m.Register(username="ann", password="a long enough one"))
    kit.settle()
    client.send(m.Login(username="ann", password="a long enough one", remember=True, scope=2))
    kit.settle()
    reply = client.inbox()[-1]
    client.session, client.token = reply.header.session, reply.message.token
    client.send(m.Subscribe(topics=8))
    kit.settle()
    client.inbox()
    return client


def order(number: int = 1, quantity: int = SCALE) -> m.OrderNew:
    """A market order."""
    return m.OrderNew(client_order_id=number, symbol="AAPL", quantity=quantity)


@pytest.mark.clause("12.3", "12.8")
def test_neither_reply_nor_event_leaves_before_the_commit(kit: GatedKit, ann: MasterClient) -> None:
    """P-01, R8: all wait for the write; then the events come before the reply."""
    ann.send(order(), seq=1)
    kit.turn(0.2)
    assert len(kit.gate) == 1
    assert ann.inbox() == []
    kit.gate.work()
    event, reply = ann.inbox()
    assert event.header.seq == 2
    assert (reply.status, reply.message.state) == (0, OrderState.PENDING)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: type(each).__name__)
def test_no_read_tells_of_what_is_not_durable(
    kit: GatedKit, ann: MasterClient, question: object
) -> None:
    """A question asked while an order is on its way waits for the order's commit."""
    ann.send(order(), seq=1)
    kit.turn()
    asked = ann.send(question)
    kit.turn(0.2)
    assert len(kit.gate) == 1
    assert ann.inbox() == []
    kit.gate.work()
    kit.settle()
    (answer,) = [each for each in ann.inbox() if each.header.correlation == asked]
    assert answer.status == 0


@pytest.mark.clause("12.7", "12.9")
def test_commands_that_wait_together_and_are_refused_leave_their_numbers_free(
    kit: GatedKit, ann: MasterClient
) -> None:
    """What is not kept is not decided: a lower number is done, and RESUME tells of none of them."""
    ann.send(order(), seq=1)
    kit.turn()
    lost = [ann.send(m.PortfolioFork(name="x", at=1), seq=seq) for seq in (5, 23)]
    kit.turn()
    assert ann.inbox() == []
    kit.settle()
    answers = {each.header.correlation: each.status for each in ann.inbox()}
    assert [answers[each] for each in lost] == [Status.INVALID_FIELD] * 2
    ann.send(m.Resume(token=ann.token, flags=2), session=0)
    kit.settle()
    resumed = ann.inbox()[-1]
    assert (resumed.status, resumed.message.last_command_seq) == (0, 1)
    for seq in (2, 5):
        asked = ann.send(m.PortfolioCash(amount=SCALE), seq=seq, session=resumed.header.session)
        kit.settle()
        (answer,) = [each for each in ann.inbox() if each.header.correlation == asked]
        assert answer.status == 0


def test_a_refusal_that_shows_another_order_waits_for_it(kit: GatedKit, ann: MasterClient) -> None:
    """DUPLICATE_ORDER carries the first order: not before that one is durable."""
    ann.send(order(), seq=1)
    kit.turn()
    ann.send(order(), seq=2)
    ann.send(order(quantity=2 * SCALE), seq=1)
    kit.turn()
    assert ann.inbox() == []
    kit.settle()
    statuses = [each.status for each in ann.inbox() if each.is_reply]
    assert statuses == [0, Status.DUPLICATE_ORDER, Status.SEQ_REUSED]


@pytest.mark.clause("16.2")
def test_what_comes_in_during_a_commit_is_the_next_batch(kit: GatedKit, ann: MasterClient) -> None:
    """Group commit: while one write runs, all others gather in one more."""
    ann.send(order(1), seq=1)
    kit.turn()
    for number in range(2, 30):
        ann.send(order(number), seq=number)
        kit.turn()
    assert len(kit.gate) == 1
    commits = kit.main.journal.commits
    kit.settle()
    assert kit.main.journal.commits == commits + 2
    assert len([each for each in ann.inbox() if each.is_reply]) == 29


def test_a_login_is_answered_when_it_is_durable(kit: GatedKit, ann: MasterClient) -> None:
    """A token that a crash would make void is not given out; nor is a new account told of."""
    other = kit.client(connection=2)
    other.send(m.Login(username="ann", password="a long enough one", scope=2), session=0)
    third = kit.client(connection=3)
    third.send(m.Register(username="bob", password="a long enough one"), session=0)
    kit.turn()
    assert other.inbox() == third.inbox() == []
    kit.settle()
    assert other.inbox()[-1].status == third.inbox()[-1].status == 0


@pytest.mark.clause("12.12", "17.3")
@pytest.mark.parametrize("written", [False, True], ids=["not written", "written all the same"])
def test_a_failing_commit_leaves_the_outcome_unknown(
    kit: GatedKit, ann: MasterClient, written: bool
) -> None:
    """P-03: never a refusal, whatever waits; the master fails once; a restart tells the truth."""
    ann.send(order(1), seq=1)
    kit.turn()
    ann.send(order(2), seq=2)
    asked = ann.send(m.TransactionsGet())
    kit.turn()
    kit.gate.fail(OSError("disk I/O error"), done_all_the_same=written)
    kit.turn()
    replies = ann.inbox()
    assert [each.status for each in replies] == [Status.OUTCOME_UNKNOWN] * 3
    assert asked in [each.header.correlation for each in replies]
    assert kit.failures == ["disk I/O error"]
    late = ann.send(order(3), seq=3)
    kit.turn(1.0)
    (reply,) = ann.replies(late)
    assert reply.status in (Status.OUTCOME_UNKNOWN, Status.SERVER_BUSY)
    assert len(kit.failures) == 1
    assert len(kit.gate) == 0
    kit.crash()
    kit.settle()
    ann.send(m.Resume(token=ann.token, flags=2), session=0)
    kit.settle()
    told = ann.inbox()[-1].message
    assert told.last_command_seq == int(written)
    assert len(kit.main.transactions.desk.state.orders) == int(written)


def test_failing_views_stop_the_master(tmp_path: Path) -> None:
    """A view that cannot be written is the end of the process as well, told once."""
    gate = Gate()
    kit = MasterKit(tmp_path, threads=Threads(truth=at_once, views=gate, hashing=at_once))
    client = kit.client()
    client.register()
    client.login()
    gate.fail(OSError("disk full"))
    kit.turn()
    assert kit.failures == ["disk full"]
    assert not kit.main.running
    kit.kill()
    assert audit(tmp_path).violations == []


def test_an_input_that_does_not_follow_the_one_before_is_not_written(tmp_path: Path) -> None:
    """Whatever took its place, the books stay whole: the outcome is unknown, and all begins
    again from what was written."""
    kit = MasterKit(tmp_path)
    client = kit.client()
    client.register()
    client.login()
    kit.turn()
    before, lost = kit.main.journal.durable_seq, kit.main.journal.next_seq()
    asked = client.send(
        m.OrderNew(symbol="AAPL", side=1, quantity=SCALE, client_order_id=9), seq=client.seq + 1
    )
    kit.turn()
    assert kit.failures == [f"input {lost + 1} does not follow input {lost - 1}"]
    assert [each.status for each in client.replies(asked)] == [Status.OUTCOME_UNKNOWN]
    assert (kit.main.running, kit.main.journal.durable_seq) == (False, before)
    kit.kill()
    assert audit(tmp_path).violations == []


def test_history_waits_for_the_views(tmp_path: Path) -> None:
    """TRANSACTIONS_GET shows what the asker has been told, however late the views are."""
    gate = Gate()
    kit = MasterKit(tmp_path, threads=Threads(truth=at_once, views=gate, hashing=at_once))
    client = kit.client()
    client.register()
    client.login()
    client.order("AAPL", "1")
    kit.quote("AAPL", "560.00", "560.10")
    asked = client.send(m.TransactionsGet())
    kit.turn()
    assert client.replies(asked) == []
    for _ in range(10):
        if gate:
            gate.work()
            kit.turn()
    (answer,) = client.replies(asked)
    assert len(answer.message.transactions) == 2
    kit.kill()
    assert audit(tmp_path).violations == []
