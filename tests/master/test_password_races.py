"""A password that is changed while hashes take their time, and what comes meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from papertrader.master.rules import Threads
from papertrader.wire import messages as m
from papertrader.wire.kinds import AccountField, FrameFlag, Scope, Status
from tests.master.test_profile import NEXT, audited
from tests.master_kit import PASSWORD, Gate, MasterClient, MasterKit, at_once
from tests.session_kit import beside


@pytest.fixture
def hashing() -> Gate:
    """The hashing thread, whose work is done when the test says so."""
    return Gate()


@pytest.fixture
def gated(tmp_path: Path, hashing: Gate) -> Any:
    """A master whose hashes take as long as the test wants."""
    made = MasterKit(tmp_path, threads=Threads(truth=at_once, views=at_once, hashing=hashing))
    yield made
    made.check()


def opened(kit: MasterKit, hashing: Gate) -> MasterClient:
    """Register ann and log her in."""
    client = kit.client()
    for message in (
        m.Register(username="ann", password=PASSWORD),
        m.Login(username="ann", password=PASSWORD, scope=Scope.TRADE, remember=True),
    ):
        correlation = client.send(message, session=0)
        hashing.work()
        kit.turn()
        (answer,) = client.replies(correlation)
        assert answer.status == 0
    client.session, client.token = answer.header.session, answer.message.token
    return client


def work_all(kit: MasterKit, hashing: Gate) -> None:
    """Do every hash that is asked for."""
    for _ in range(20):
        if not len(hashing):
            return
        hashing.work()
        kit.turn()
    raise AssertionError("hashing never ends")


def test_a_change_that_comes_again_while_it_is_hashed_is_done_once(
    gated: MasterKit, hashing: Gate
) -> None:
    """The second copy waits, and gets the stored reply."""
    client = opened(gated, hashing)
    message = m.PasswordChange(password=PASSWORD, new_password=NEXT)
    first, second = client.send(message, seq=1), client.send(message, seq=1)
    gated.turn()
    assert len(hashing) == 1
    work_all(gated, hashing)
    (done,), (again,) = client.replies(first), client.replies(second)
    assert (done.status, again.status) == (0, 0)
    assert not done.header.flags & FrameFlag.REPLAYED
    assert again.header.flags & FrameFlag.REPLAYED
    assert audited(gated, "password change") == [""]


def test_a_login_that_is_verified_while_the_password_changes_fails(
    gated: MasterKit, hashing: Gate
) -> None:
    """The old password opens nothing once its change was answered."""
    client = opened(gated, hashing)
    thief = gated.client(connection=2)
    changing = client.send(m.PasswordChange(password=PASSWORD, new_password=NEXT), seq=1)
    gated.turn()
    for _ in range(2):
        hashing.work()
        gated.turn()
    login = thief.send(m.Login(username="ann", password=PASSWORD, scope=Scope.TRADE), session=0)
    work_all(gated, hashing)
    assert client.replies(changing)[0].status == 0
    assert thief.replies(login)[0].status == Status.AUTH_FAILED


def test_of_two_changes_at_once_one_is_refused(gated: MasterKit, hashing: Gate) -> None:
    """Both showed the right password; the first that is done ends the session of the other."""
    client = opened(gated, hashing)
    other = beside(gated, client, 2)
    assert other.last.status == 0
    sent = [
        each.send(m.PasswordChange(password=PASSWORD, new_password=new), seq=1)
        for each, new in ((other, NEXT), (client, "and a third password"))
    ]
    gated.turn()
    work_all(gated, hashing)
    assert other.replies(sent[0])[0].status == 0
    assert client.replies(sent[1])[0].status == Status.SESSION_REVOKED


def test_one_session_does_not_fill_the_queue_of_hashes(gated: MasterKit, hashing: Gate) -> None:
    """Another change of the session is SERVER_BUSY; the number is taken for other commands."""
    client = opened(gated, hashing)
    message = m.PasswordChange(password=PASSWORD, new_password=NEXT)
    first = client.send(message, seq=1)
    gated.turn()
    busy = client.ask(message, seq=2)
    assert busy.status == Status.SERVER_BUSY
    assert busy.message.retry_after_ms > 0
    for other in (m.AccountUpdate(mask=AccountField.PRIVACY), m.OrderCancel(order=1)):
        assert client.ask(other, seq=1).status == Status.SEQ_REUSED
    work_all(gated, hashing)
    assert client.replies(first)[0].status == 0


def test_a_session_that_ends_while_it_changes_the_password_changes_nothing(
    gated: MasterKit, hashing: Gate
) -> None:
    """What was revoked must not change anything any more."""
    client = opened(gated, hashing)
    changing = client.send(m.PasswordChange(password=PASSWORD, new_password=NEXT), seq=1)
    gated.turn()
    (session,) = gated.main.authorization.sessions.of_account(1)
    gated.main.authorization.end(session, Status.SESSION_REVOKED)
    work_all(gated, hashing)
    assert client.replies(changing)[0].status == Status.SESSION_REVOKED
    assert audited(gated, "password change") == []
