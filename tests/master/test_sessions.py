"""Sessions: login, resume, tokens and their theft, siblings, scopes, and what stays secret."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from papertrader.core.instants import SECOND
from papertrader.master.rules import Threads
from papertrader.master.sessions import (
    LIFETIME,
    LIFETIME_REMEMBERED,
    SPENT_KEPT,
)
from papertrader.wire import messages as m
from papertrader.wire.kinds import Mechanism, Scope, Status
from tests.master_kit import PASSWORD, FakeLink, Gate, MasterClient, MasterKit, at_once
from tests.session_kit import ORDER, beside, close, notices, resume

# --- login ---------------------------------------------------------------------------------------


@pytest.mark.clause("1.4")
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


def test_a_login_that_is_refused_tells_no_failed_tries_away(
    kit: MasterKit, ann: MasterClient
) -> None:
    """With the right password and rights that the account has not: the owner still hears of it."""
    other = kit.client(connection=2)
    other.ask(m.Login(username="ann", password="a wrong one"), session=0)
    refused = other.ask(m.Login(username="ann", password=PASSWORD, scope=4), session=0)
    assert refused.status == Status.SCOPE_DENIED
    assert other.login().message.failed_tries == 1


def test_a_password_is_good_for_ever(kit: MasterKit, ann: MasterClient) -> None:
    """Twenty years later it opens a session as on the first day, and nothing asks for another."""
    kit.kill()
    kit.wall += 20 * 365 * 24 * 3_600 * SECOND
    kit.boot()
    later = kit.client(connection=2)
    assert later.login().status == Status.OK
    assert later.ask(m.AccountGet()).status == Status.OK


@pytest.mark.clause("11.3")
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


@pytest.mark.clause("11.4")
def test_resume_rotates_the_token(kit: MasterKit, ann: MasterClient) -> None:
    """Each RESUME gives another token, and the session goes on with its handle."""
    tokens = {ann.token}
    handle = ann.session
    for _ in range(5):
        assert ann.resume().status == 0
        assert ann.session == handle
        tokens.add(ann.token)
    assert len(tokens) == 6


@pytest.mark.clause("11.4")
def test_a_lost_reply_does_not_lock_out(kit: MasterKit, ann: MasterClient) -> None:
    """The old token works until the new one was used: the reply to RESUME may get lost."""
    old = ann.token
    assert ann.resume().status == 0
    lost = ann.token
    kit.crash()
    assert resume(ann, old).status == 0
    assert resume(ann, ann.token).status == 0
    assert resume(ann, lost).status == Status.SESSION_EXPIRED


@pytest.mark.clause("11.4")
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


@pytest.mark.clause("11.2")
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


@pytest.mark.clause("11.2")
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


@pytest.mark.clause("1.4", "11.3")
def test_a_session_belongs_to_its_connection(kit: MasterKit, ann: MasterClient) -> None:
    """T-33: the handle of a session is worth nothing on any other connection or worker."""
    elsewhere = [kit.client(ann.link, 2), kit.client(FakeLink(2), 1), kit.client(FakeLink(1), 1)]
    for client in elsewhere:
        client.session = ann.session
        for message, seq in ((ORDER, 1), (m.PortfolioGet(), 0), (m.Logout(), 0)):
            assert client.ask(message, seq=seq).status == Status.SESSION_DETACHED
    assert ann.ask(m.OrderList()).message.total_rows == 0


@pytest.mark.clause("11.1")
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


@pytest.mark.clause("11.1")
def test_the_list_of_workers_is_for_everyone(kit: MasterKit, ann: MasterClient) -> None:
    """WORKER_LIST is answered without a session and with one."""
    assert kit.client(connection=2).ask(m.WorkerList()).status == Status.OK
    answer = ann.ask(m.WorkerList())
    assert (answer.status, answer.header.session) == (Status.OK, ann.session)


@pytest.mark.clause("11.8")
def test_scope_read_reads_only(kit: MasterKit, ann: MasterClient) -> None:
    """SCOPE_DENIED for what changes something; the number is not used up; reads are answered."""
    reader = kit.client(connection=2)
    answer = reader.ask(m.Login(username="ann", password=PASSWORD), session=0)
    reader.session = answer.header.session
    assert reader.ask(ORDER, seq=1).status == Status.SCOPE_DENIED
    assert reader.ask(m.OrderCancel(order=1), seq=1).status == Status.SCOPE_DENIED
    assert reader.ask(m.PortfolioGet()).status == 0
    assert ann.ask(m.OrderList(states=0xFFFF)).message.total_rows == 0


@pytest.mark.clause("11.5")
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


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.clause("11.9")
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
