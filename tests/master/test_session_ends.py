"""How sessions end: logout, one too many, a lost connection, expiry, a month of no use."""

from __future__ import annotations

from typing import Any

import pytest

from papertrader.core.instants import SECOND
from papertrader.master.sessions import (
    DAY,
    LIFETIME_REMEMBERED,
    NOTED_EVERY,
    SPENT_KEPT,
    Session,
    SessionTable,
    token_hash,
)
from papertrader.ops.inspection import audit
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Mechanism, Status
from tests import backends
from tests.master_kit import PASSWORD, FakeLink, MasterClient, MasterKit
from tests.session_kit import ORDER, beside, close, notices, resume


@pytest.mark.clause("11.6")
def test_logout_voids_the_token(kit: MasterKit, ann: MasterClient) -> None:
    """After LOGOUT neither the handle nor the token is worth anything, now or after a restart."""
    token = ann.token
    assert ann.ask(m.Logout()).message.ended == 1
    assert ann.ask(m.PortfolioGet()).status == Status.SESSION_DETACHED
    assert resume(ann, token).status == Status.SESSION_EXPIRED
    kit.crash()
    assert resume(ann, token).status == Status.SESSION_EXPIRED


@pytest.mark.clause("11.8")
def test_logout_everywhere_ends_and_tells_all_sessions_of_the_account(
    kit: MasterKit, ann: MasterClient
) -> None:
    """The others are told SESSION_REVOKED; another account's session goes on."""
    bob = kit.client(connection=9)
    bob.register("bob")
    bob.login("bob")
    others = [kit.client(connection=number) for number in (2, 3)]
    for other in others:
        other.login()
    sibling = beside(kit, ann, 4)
    assert ann.ask(m.Logout(everywhere=True)).message.ended == 4
    for other in (*others, sibling):
        assert notices(other) == [Status.SESSION_REVOKED]
        assert resume(other, other.token).status == Status.SESSION_EXPIRED
    assert notices(ann) == []
    assert bob.ask(m.PortfolioGet()).status == 0


@pytest.mark.clause("10.1", "11.8")
def test_an_account_has_sixteen_sessions(kit: MasterKit, ann: MasterClient) -> None:
    """One more is TOO_MANY_SESSIONS while all are in use, else the oldest idle one makes room."""
    others = [kit.client(connection=number) for number in range(2, 2 + limits.SESSIONS_PER_ACCOUNT)]
    for other in others[:-1]:
        assert other.login().status == 0
    assert others[-1].login().status == Status.TOO_MANY_SESSIONS
    close(kit, others[4])
    close(kit, others[2])
    assert others[-1].login().status == 0
    assert others[2].resume().status == Status.SESSION_EXPIRED
    assert ann.ask(m.Logout()).message.ended == 1
    assert others[4].resume().status == 0


@pytest.mark.clause("11.6")
@pytest.mark.parametrize("remember", [True, False])
def test_a_lost_connection_leaves_a_minute_of_grace(
    kit: MasterKit, ann: MasterClient, remember: bool
) -> None:
    """A session that is not remembered ends 60 s after its connection was lost; others stay."""
    client = kit.client(connection=2)
    client.login(remember=remember)
    close(kit, client)
    kit.turn(50.0)
    assert client.resume().status == 0
    close(kit, client)
    kit.turn(66.0)
    assert client.resume().status == (0 if remember else Status.SESSION_EXPIRED)


@pytest.mark.clause("11.6")
@pytest.mark.parametrize("remember", [True, False])
def test_goodbye_ends_what_is_not_remembered(
    kit: MasterKit, ann: MasterClient, remember: bool
) -> None:
    """A clean end of the connection ends the session at once, unless it is remembered."""
    client = kit.client(connection=2)
    client.login(remember=remember)
    close(kit, client, clean=True)
    assert client.resume().status == (0 if remember else Status.SESSION_EXPIRED)


@pytest.mark.clause("12.11")
def test_a_lost_worker_detaches_its_sessions_only(kit: MasterKit, ann: MasterClient) -> None:
    """Clients of another worker go on; the lost ones resume there."""
    other = kit.client(FakeLink(2), 1)
    other.login()
    kit.main.link_lost(ann.link)
    assert ann.ask(m.PortfolioGet()).status == Status.SESSION_DETACHED
    assert other.ask(m.PortfolioGet()).status == 0
    moved = kit.client(other.link, 2)
    assert resume(moved, ann.token, take_over=False).status == 0


@pytest.mark.clause("11.6", "14.6")
def test_a_session_expires(kit: MasterKit, ann: MasterClient) -> None:
    """With a notice if it is in use; its commands are refused from that moment on."""
    client = kit.client(connection=2)
    answer = client.ask(
        m.Login(username="ann", password=PASSWORD, remember=True, lifetime_s=30), session=0
    )
    client.session, client.token = answer.header.session, answer.message.token
    kit.turn(36.0)
    assert notices(client) == [Status.SESSION_EXPIRED]
    assert client.ask(m.PortfolioGet()).status == Status.SESSION_DETACHED
    assert client.resume().status == Status.SESSION_EXPIRED


def test_expiry_does_not_wait_for_the_sweep(kit: MasterKit, ann: MasterClient) -> None:
    """Between two sweeps an expired session is refused all the same."""
    client = kit.client(connection=2)
    kit.turn(4.0)
    answer = client.ask(
        m.Login(username="ann", password=PASSWORD, remember=True, lifetime_s=2), session=0
    )
    client.session = answer.header.session
    kit.reactor.advance(2.0)
    assert client.ask(m.PortfolioGet()).status == Status.SESSION_EXPIRED


def test_the_expired_of_a_long_stop_end_at_the_start(kit: MasterKit, ann: MasterClient) -> None:
    """A session whose time ran out while the master was down is over."""
    kit.kill()
    kit.wall += LIFETIME_REMEMBERED
    kit.boot()
    assert len(kit.main.authorization.sessions) == 0
    assert ann.resume().status == Status.SESSION_EXPIRED


def test_a_start_with_a_wrong_clock_forgets_no_replies(kit: MasterKit, ann: MasterClient) -> None:
    """It died before it could end the sessions that it took for expired: they are as they were."""
    assert ann.ask(ORDER, seq=1).status == Status.OK
    right = kit.wall
    kit.kill()
    kit.wall = right + LIFETIME_REMEMBERED + SECOND
    kit.boot(start=False)
    kit.kill()
    kit.wall = right + SECOND
    kit.boot()
    assert audit(backends.place(kit.state_dir)).violations == []
    assert ann.resume().status == Status.OK


def test_a_remembered_session_that_nobody_uses_ends(kit: MasterKit, ann: MasterClient) -> None:
    """After its idle time, not before; noted in the audit log, and counted."""
    kit.main.authorization.sessions.idle = 200 * SECOND
    for _ in range(2):
        kit.main.client_closed(ann.link, ann.connection, clean=True)
        kit.reactor.advance(150)
        assert len(kit.main.authorization.sessions) == 1
        assert ann.resume().status == 0
    kit.main.client_closed(ann.link, ann.connection, clean=True)
    kit.reactor.advance(270)
    assert ann.resume().status == Status.SESSION_EXPIRED
    assert dict(kit.main.people.figures())["sessions_idle"] == 1
    kit.turn()
    rows = kit.main.store.db.execute_sql("SELECT detail FROM audit WHERE kind = 'session end'")
    assert [detail for (detail,) in rows] == ["session 1, idle"]


def test_a_restart_knows_what_was_used(kit: MasterKit, ann: MasterClient) -> None:
    """A login beside, a resume, and from time to time an open connection are written down."""
    kit.idle_days = 5
    kit.crash()
    table = kit.main.authorization.sessions
    assert table.idle == 5 * DAY
    assert ann.resume().status == 0
    for _ in range(2):
        kit.kill()
        kit.wall += table.idle - 3_600 * SECOND
        kit.boot()
        login = m.Login(
            username="ann", mechanism=Mechanism.SESSION_TOKEN, password=ann.token.hex(), scope=2
        )
        visitor = kit.client(connection=12)
        assert visitor.ask(login, session=0).status == 0
        kit.main.client_closed(visitor.link, visitor.connection, clean=True)
        kit.turn()
    assert ann.resume().status == 0
    (session,) = kit.main.authorization.sessions
    session.noted_at -= NOTED_EVERY
    kit.reactor.advance(100)
    kit.turn()
    ((noted,),) = kit.main.store.db.execute_sql("SELECT last_seen_at FROM session WHERE id = 1")
    assert noted == session.noted_at > session.last_seen_at
    kit.kill()
    kit.wall += table.idle
    kit.boot()
    assert ann.resume().status == Status.SESSION_EXPIRED
    assert dict(kit.main.people.figures())["sessions_idle"] == 1


def test_an_open_connection_is_use() -> None:
    """Also that of a session beside; what is not remembered has an end of its own."""
    table, link = SessionTable(), FakeLink()
    common: dict[str, Any] = {"account": 1, "scope": 2, "expires_at": 1 << 62}
    for number, parent in ((1, 0), (2, 1), (3, 0)):
        table.add(
            Session(
                session_id=number, token_hash=token_hash(b"%d" % number), parent=parent,
                remember=number != 2, **common,
            )
        )  # fmt: skip
    one, beside_it, other = table
    table.attach(beside_it, link, 5)
    table.attach(other, link, 6)
    late = 2 * table.idle
    assert list(table.idle_at(late)) == []
    assert table.to_note(NOTED_EVERY - 1) == []
    assert table.to_note(late) == [one, other]
    table.detach(beside_it, late)
    assert list(table.idle_at(late + table.idle - 1)) == []
    assert list(table.idle_at(late + table.idle)) == [one]
    table.detach(other, late + 1)
    assert list(table.idle_at(late + table.idle + 1)) == [one, other]
    assert table.to_note(late) == []


def test_the_table_forgets_all_of_a_session_that_ended() -> None:
    """No index keeps anything of it."""
    table = SessionTable()
    link = FakeLink()
    session = Session(
        session_id=3,
        account=1,
        token_hash=token_hash(b"0"),
        scope=2,
        remember=True,
        expires_at=10,
    )
    table.add(session)
    for number in range(SPENT_KEPT + 5):
        table.rotate(session, session.token_hash, token_hash(b"%d" % (number + 1)))
    table.attach(session, link, 1)
    assert len(table._by_token) == SPENT_KEPT + 2
    table.remove(session)
    assert len(table) == 0
    assert not table._by_token
    assert not table._by_connection
    assert not table._by_handle
    assert not table._by_account
