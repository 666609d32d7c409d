"""Sessions: login, resume, logout, tokens and their theft, limits, ends, and what stays secret."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from papertrader.core.instants import SECOND
from papertrader.core.money import SCALE
from papertrader.master.rules import Threads
from papertrader.master.sessions import (
    DAY,
    LIFETIME,
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
from papertrader.wire.kinds import Mechanism, Scope, Status
from tests import backends
from tests.master_kit import PASSWORD, Answer, FakeLink, Gate, MasterClient, MasterKit, at_once

ORDER = m.OrderNew(client_order_id=1, symbol="AAPL", quantity=SCALE)


def beside(kit: MasterKit, parent: MasterClient, connection: int, **fields: Any) -> MasterClient:
    """Open a session beside another with its token, as a program does that finds it stored."""
    client = kit.client(connection=connection)
    fields.setdefault("scope", Scope.TRADE)
    client.last = client.ask(
        m.Login(
            username="ann",
            mechanism=Mechanism.SESSION_TOKEN,
            password=parent.token.hex(),
            **fields,
        ),
        session=0,
    )
    if client.last.status == 0:
        client.session, client.token = client.last.header.session, client.last.message.token
    return client


def notices(client: MasterClient) -> list[int]:
    """The codes of the notices about the client's session."""
    return [each.message.code for each in client.events() if hasattr(each.message, "code")]


def close(kit: MasterKit, client: MasterClient, clean: bool = False) -> None:
    """Lose the client's connection."""
    kit.main.client_closed(client.link, client.connection, clean)
    kit.turn()


def resume(client: MasterClient, token: bytes, **options: Any) -> Answer:
    """Show a token, whichever."""
    client.token = token
    return client.resume(**options)


# --- login ---------------------------------------------------------------------------------------


def test_a_login_says_who_and_until_when(kit: MasterKit, ann: MasterClient) -> None:
    """The reply's header carries the handle; remembered sessions live 30 days, others 12 hours."""
    other = kit.client(connection=2)
    for remember, lifetime in ((True, LIFETIME_REMEMBERED), (False, LIFETIME)):
        before = kit.clock.wall_ns()
        answer = other.login("ANN", remember=remember)
        assert answer.status == 0
        assert answer.header.session == answer.message.session != 0
        assert answer.message.account == 1
        assert abs(answer.message.expires_at - before - lifetime) < SECOND
        assert other.ask(m.Logout()).message.ended == 1


def test_a_shorter_life_may_be_wished_for_but_no_longer_one(
    kit: MasterKit, ann: MasterClient
) -> None:
    """lifetime_s only shortens."""
    for wished, got in ((60, 60 * SECOND), (2**32 - 1, LIFETIME)):
        client = kit.client(connection=2 + (wished > 60))
        now = kit.clock.wall_ns()
        answer = client.ask(
            m.Login(username="ann", password=PASSWORD, lifetime_s=wished), session=0
        )
        assert abs(answer.message.expires_at - now - got) < SECOND


def test_the_failed_tries_are_told_at_the_next_login(kit: MasterKit, ann: MasterClient) -> None:
    """The owner hears how often somebody else tried, also after a restart, and only once."""
    other = kit.client(connection=2)
    for _ in range(3):
        answer = other.ask(m.Login(username="ann", password="a wrong one"), session=0)
        assert answer.status == Status.AUTH_FAILED
    kit.crash()
    assert other.login().message.failed_tries == 3
    other.ask(m.Logout())
    assert other.login().message.failed_tries == 0


def test_one_connection_has_one_session(kit: MasterKit, ann: MasterClient) -> None:
    """A second LOGIN, or a RESUME of another session, is refused while there is one."""
    assert ann.login().status == Status.SESSION_IN_USE
    other = kit.client(connection=2)
    other.login()
    close(kit, other)
    assert resume(ann, other.token).status == Status.SESSION_IN_USE


@pytest.mark.parametrize("second", ["login", "resume"])
def test_one_connection_has_one_session_however_quick(tmp_path: Path, second: str) -> None:
    """While a password is being checked no other session may come to the connection."""
    gate = Gate()
    kit = MasterKit(tmp_path)
    ann = kit.client()
    ann.register()
    ann.login()
    close(kit, ann)
    kit.threads = Threads(truth=at_once, views=at_once, hashing=gate)
    kit.crash()
    login = m.Login(username="ann", password=PASSWORD, scope=2)
    first = ann.send(login, session=0)
    message = login if second == "login" else m.Resume(token=ann.token, flags=2)
    other = ann.send(message, session=0)
    kit.turn()
    while gate:
        gate.work()
        kit.turn()
    assert ann.replies(other)[0].status == Status.SESSION_IN_USE
    assert ann._held[0].header.correlation == first
    assert ann._held[0].status == 0
    kit.check()


def test_a_login_whose_connection_is_gone_opens_nothing(tmp_path: Path) -> None:
    """Nothing is attached to a connection that closed while the password was checked."""
    gate = Gate()
    kit = MasterKit(tmp_path)
    ann = kit.client()
    ann.register()
    kit.threads = Threads(truth=at_once, views=at_once, hashing=gate)
    kit.crash()
    ann.send(m.Login(username="ann", password=PASSWORD, scope=2), session=0)
    close(kit, ann)
    gate.work()
    kit.turn()
    assert len(kit.main.authorization.sessions) == 0
    ann.connection = 2
    ann.send(m.Login(username="ann", password=PASSWORD, scope=2), session=0)
    kit.main.link_lost(ann.link)
    gate.work()
    kit.turn()
    assert len(kit.main.authorization.sessions) == 0
    kit.check()


# --- tokens --------------------------------------------------------------------------------------


def test_resume_rotates_the_token(kit: MasterKit, ann: MasterClient) -> None:
    """Each RESUME gives another token, and the session goes on with its handle."""
    tokens = {ann.token}
    handle = ann.session
    for _ in range(5):
        assert ann.resume().status == 0
        assert ann.session == handle
        tokens.add(ann.token)
    assert len(tokens) == 6


def test_a_lost_reply_does_not_lock_out(kit: MasterKit, ann: MasterClient) -> None:
    """The old token works until the new one was used: the reply to RESUME may get lost."""
    old = ann.token
    assert ann.resume().status == 0
    lost = ann.token
    kit.crash()
    assert resume(ann, old).status == 0
    assert resume(ann, ann.token).status == 0
    assert resume(ann, lost).status == Status.SESSION_EXPIRED


def test_a_spent_token_ends_the_whole_family(kit: MasterKit, ann: MasterClient) -> None:
    """Whoever shows a token after its successor was used has stolen it, or was robbed."""
    stolen = ann.token
    ann.resume()
    ann.resume()
    sibling = beside(kit, ann, 2)
    thief = kit.client(connection=3)
    assert resume(thief, stolen).status == Status.SESSION_REVOKED
    assert notices(ann) == [Status.SESSION_REVOKED]
    assert notices(sibling) == [Status.SESSION_REVOKED]
    assert resume(ann, ann.token).status == Status.SESSION_EXPIRED
    assert resume(sibling, sibling.token).status == Status.SESSION_EXPIRED
    assert sibling.ask(ORDER, seq=1).status == Status.SESSION_DETACHED


def test_theft_is_seen_after_a_restart(kit: MasterKit, ann: MasterClient) -> None:
    """Spent tokens are kept on disk."""
    stolen = ann.token
    ann.resume()
    ann.resume()
    kit.crash()
    thief = kit.client(connection=3)
    assert resume(thief, stolen).status == Status.SESSION_REVOKED
    assert resume(ann, ann.token).status == Status.SESSION_EXPIRED


def test_no_token_ever_becomes_good_again(kit: MasterKit, ann: MasterClient) -> None:
    """Beyond SPENT_KEPT a spent token is only unknown, in memory and after a restart."""
    first = ann.token
    for _ in range(SPENT_KEPT + 3):
        assert ann.resume().status == 0
    good = ann.token
    thief = kit.client(connection=3)
    assert resume(thief, first).status == Status.SESSION_EXPIRED
    kit.crash()
    assert resume(thief, first).status == Status.SESSION_EXPIRED
    rows = kit.main.store.db.execute_sql("SELECT count(*) FROM spent_token").fetchone()
    assert rows == (SPENT_KEPT,)
    assert resume(ann, good).status == 0


def test_an_unknown_token_opens_nothing(kit: MasterKit, ann: MasterClient) -> None:
    """Neither as RESUME nor as SESSION_TOKEN."""
    other = kit.client(connection=2)
    assert resume(other, bytes(32)).status == Status.SESSION_EXPIRED
    for shown in ("00" * 32, "zz", "00" * 31, ann.token.hex() + "00"):
        answer = other.ask(
            m.Login(username="ann", mechanism=Mechanism.SESSION_TOKEN, password=shown), session=0
        )
        assert answer.status == Status.AUTH_FAILED


# --- siblings ------------------------------------------------------------------------------------


def test_a_sibling_leaves_the_token_alone_and_ends_with_its_parent(
    kit: MasterKit, ann: MasterClient
) -> None:
    """SESSION_TOKEN uses nothing up; the sibling is told when the parent logs out."""
    first, second = beside(kit, ann, 2), beside(kit, ann, 3)
    assert first.last.status == second.last.status == 0
    assert first.ask(ORDER, seq=1).status == 0
    assert ann.resume().status == 0
    assert ann.ask(m.Logout()).message.ended == 3
    assert notices(first) == [Status.SESSION_REVOKED]
    assert first.ask(ORDER, seq=2).status == Status.SESSION_DETACHED
    assert resume(second, second.token).status == Status.SESSION_EXPIRED


def test_a_sibling_is_never_more_than_its_parent(kit: MasterKit, ann: MasterClient) -> None:
    """Its scope is no wider, its life no longer, and it is not remembered itself."""
    parent = kit.client(connection=2)
    answer = parent.ask(
        m.Login(username="ann", password=PASSWORD, remember=True, scope=Scope.READ, lifetime_s=600),
        session=0,
    )
    parent.session, parent.token = answer.header.session, answer.message.token
    sibling = beside(kit, parent, 3, remember=True, lifetime_s=86_400)
    assert sibling.last.message.scope == Scope.READ
    assert sibling.last.message.expires_at == answer.message.expires_at
    assert sibling.ask(ORDER, seq=1).status == Status.SCOPE_DENIED
    assert beside(kit, sibling, 4).last.status == Status.AUTH_FAILED


def test_only_the_owner_of_a_remembered_session_gets_a_sibling(
    kit: MasterKit, ann: MasterClient
) -> None:
    """Another user's name, or a session that is not remembered, is AUTH_FAILED."""
    bob = kit.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    answer = kit.client(connection=3).ask(
        m.Login(username="bob", mechanism=Mechanism.SESSION_TOKEN, password=ann.token.hex()),
        session=0,
    )
    assert answer.status == Status.AUTH_FAILED
    brief = kit.client(connection=4)
    brief.login(remember=False)
    assert beside(kit, brief, 5).last.status == Status.AUTH_FAILED


# --- who asks, from where ------------------------------------------------------------------------


def test_a_session_belongs_to_its_connection(kit: MasterKit, ann: MasterClient) -> None:
    """T-33: the handle of a session is worth nothing on any other connection or worker."""
    elsewhere = [kit.client(ann.link, 2), kit.client(FakeLink(2), 1), kit.client(FakeLink(1), 1)]
    for client in elsewhere:
        client.session = ann.session
        for message, seq in ((ORDER, 1), (m.PortfolioGet(), 0), (m.Logout(), 0)):
            assert client.ask(message, seq=seq).status == Status.SESSION_DETACHED
    assert ann.ask(m.OrderList()).message.total_rows == 0


@pytest.mark.parametrize(
    ("message", "seq"),
    [
        (ORDER, 1),
        (m.OrderCancel(order=1), 1),
        (m.OrderGet(order=1), 0),
        (m.OrderList(), 0),
        (m.PortfolioGet(), 0),
        (m.TransactionsGet(), 0),
        (m.AccountGet(), 0),
        (m.AssetGet(symbol="AAPL"), 0),
        (m.AssetList(), 0),
        (m.BarsGet(symbol="AAPL", interval_s=60), 0),
        (m.QuoteGet(symbols=(m.SymbolRow(symbol="AAPL"),)), 0),
        (m.Subscribe(topics=8), 0),
        (m.Logout(), 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_goes_without_a_session(kit: MasterKit, message: Any, seq: int) -> None:
    """Every command but REGISTER, LOGIN, RESUME and WORKER_LIST needs one."""
    assert kit.client().ask(message, seq=seq).status == Status.NOT_LOGGED_IN


def test_the_list_of_workers_is_for_everyone(kit: MasterKit, ann: MasterClient) -> None:
    """WORKER_LIST is answered without a session and with one."""
    assert kit.client(connection=2).ask(m.WorkerList()).status == Status.OK
    answer = ann.ask(m.WorkerList())
    assert (answer.status, answer.header.session) == (Status.OK, ann.session)


def test_scope_read_reads_only(kit: MasterKit, ann: MasterClient) -> None:
    """SCOPE_DENIED for what changes something; the number is not used up; reads are answered."""
    reader = kit.client(connection=2)
    answer = reader.ask(m.Login(username="ann", password=PASSWORD), session=0)
    reader.session = answer.header.session
    assert reader.ask(ORDER, seq=1).status == Status.SCOPE_DENIED
    assert reader.ask(m.OrderCancel(order=1), seq=1).status == Status.SCOPE_DENIED
    assert reader.ask(m.PortfolioGet()).status == 0
    assert ann.ask(m.OrderList(states=0xFFFF)).message.total_rows == 0


def test_taking_over_is_asked_for_and_told(kit: MasterKit, ann: MasterClient) -> None:
    """Without TAKE_OVER: SESSION_IN_USE. With it, the older connection gets a notice."""
    newer = kit.client(connection=2)
    token = ann.token
    assert resume(newer, token, take_over=False).status == Status.SESSION_IN_USE
    assert resume(newer, token).status == 0
    assert notices(ann) == [Status.SESSION_TAKEN_OVER]
    assert ann.ask(m.PortfolioGet()).status == Status.SESSION_DETACHED
    assert newer.ask(m.PortfolioGet()).status == 0
    assert newer.seq == 0


def test_events_go_to_the_connection_that_asked(kit: MasterKit, ann: MasterClient) -> None:
    """After a RESUME nothing is sent until SUBSCRIBE is said again, even if one was on its way."""
    gate = Gate()
    kit.check()
    kit.threads = Threads(truth=gate, views=at_once, hashing=at_once)
    kit.boot()
    while gate:
        gate.work()
        kit.turn()
    ann.send(m.Resume(token=ann.token, flags=2), session=0)
    kit.turn()
    ann.send(m.Subscribe(topics=8))
    close(kit, ann)
    newer = kit.client(connection=2)
    newer.send(m.Resume(token=ann.token, flags=2), session=0)
    newer.session = ann.session
    kit.turn()
    newer.send(ORDER, seq=1)
    for _ in range(10):
        if gate:
            gate.work()
            kit.turn()
    frames = newer.inbox()
    assert [each.status for each in frames if each.is_reply] == [0, 0]
    assert [each for each in frames if not each.is_reply] == []
    kit.threads = Threads(truth=at_once, views=at_once, hashing=at_once)
    kit.crash()


# --- ends ----------------------------------------------------------------------------------------


def test_logout_voids_the_token(kit: MasterKit, ann: MasterClient) -> None:
    """After LOGOUT neither the handle nor the token is worth anything, now or after a restart."""
    token = ann.token
    assert ann.ask(m.Logout()).message.ended == 1
    assert ann.ask(m.PortfolioGet()).status == Status.SESSION_DETACHED
    assert resume(ann, token).status == Status.SESSION_EXPIRED
    kit.crash()
    assert resume(ann, token).status == Status.SESSION_EXPIRED


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


@pytest.mark.parametrize("remember", [True, False])
def test_goodbye_ends_what_is_not_remembered(
    kit: MasterKit, ann: MasterClient, remember: bool
) -> None:
    """A clean end of the connection ends the session at once, unless it is remembered."""
    client = kit.client(connection=2)
    client.login(remember=remember)
    close(kit, client, clean=True)
    assert client.resume().status == (0 if remember else Status.SESSION_EXPIRED)


def test_a_lost_worker_detaches_its_sessions_only(kit: MasterKit, ann: MasterClient) -> None:
    """Clients of another worker go on; the lost ones resume there."""
    other = kit.client(FakeLink(2), 1)
    other.login()
    kit.main.link_lost(ann.link)
    assert ann.ask(m.PortfolioGet()).status == Status.SESSION_DETACHED
    assert other.ask(m.PortfolioGet()).status == 0
    moved = kit.client(other.link, 2)
    assert resume(moved, ann.token, take_over=False).status == 0


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


# --- secrets -------------------------------------------------------------------------------------


def test_secrets_stand_nowhere(kit: MasterKit, ann: MasterClient, capfd: Any) -> None:
    """P-18: no token and no password in the files, in the log or in any repr."""
    secret = "correct horse battery"
    carl = kit.client(connection=2)
    carl.ask(m.Register(username="carl", password=secret, email="carl@example.org"), session=0)
    answer = carl.ask(m.Login(username="carl", password=secret, scope=2, remember=True), session=0)
    carl.session, carl.token = answer.header.session, answer.message.token
    tokens = [carl.token]
    carl.resume()
    tokens.append(carl.token)
    carl.ask(ORDER, seq=1)
    kit.client(connection=3).ask(m.Login(username="carl", password=secret + "!"), session=0)
    seen: list[str] = []
    command = kit.main.command
    kit.main.command = lambda each: seen.append(repr(each)) or command(each)  # type: ignore[func-returns-value, method-assign]
    carl.ask(m.Logout())
    carl.ask(m.Login(username="carl", password=secret), session=0)
    kit.main.command = command  # type: ignore[method-assign]
    seen += [repr(each) for each in kit.main.authorization.sessions]
    seen += [repr(kit.main.book.get(number)) for number in (1, 2)]
    captured = capfd.readouterr()
    haystack = (captured.out + captured.err + "".join(seen)).encode()
    for path in kit.state_dir.iterdir():
        haystack += path.read_bytes()
    assert b"carl" in haystack
    for each in (secret.encode(), *tokens):
        for form in (
            each,
            each.hex().encode(),
            each.hex().upper().encode(),
            base64.b64encode(each).rstrip(b"="),
            base64.urlsafe_b64encode(each).rstrip(b"="),
            repr(each)[2:-1].encode(),
        ):
            assert form not in haystack
