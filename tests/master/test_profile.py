"""What owners do to their accounts: sessions, password, privacy, e-mail, API keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from papertrader.core.instants import SECOND
from papertrader.master.tries import ADDRESS_TRIES, TRIES_FREE
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import AccountField, FrameFlag, Mechanism, Privacy, Scope, Status
from tests.master.conftest import trader
from tests.master_kit import PASSWORD, Answer, MasterClient, MasterKit
from tests.session_kit import beside, notices

NEXT = "another long enough one"


def change(client: MasterClient, message: Any, seq: int = 0) -> Answer:
    """Send a command with the client's next number, or with ``seq``."""
    if not seq:
        client.seq += 1
        seq = client.seq
    return client.ask(message, seq=seq)


def with_password(client: MasterClient, password: str, name: str = "ann") -> Answer:
    """Log in with a password."""
    answer = client.ask(
        m.Login(username=name, password=password, scope=Scope.TRADE, device="the web page"),
        session=0,
    )
    if answer.status == 0:
        client.session, client.token = answer.header.session, answer.message.token
    return answer


def with_key(
    client: MasterClient, made: m.ApiKeyCreateReply, name: str = "", remember: bool = False
) -> Answer:
    """Log in with an API key."""
    credential = made.key.to_bytes(8, "big").hex() + made.secret.hex()
    answer = client.ask(
        m.Login(
            username=name,
            mechanism=Mechanism.API_KEY,
            remember=remember,
            password=credential,
            scope=Scope.TRADE,
        ),
        session=0,
    )
    if answer.status == 0:
        client.session, client.token = answer.header.session, answer.message.token
    return answer


def rows(client: MasterClient) -> dict[int, m.SessionRow]:
    """The client's list of sessions, by number."""
    answer = client.ask(m.SessionList())
    assert answer.status == 0
    return {row.session_id: row for row in answer.message.sessions}


def audited(kit: MasterKit, kind: str) -> list[str]:
    """The details of the audit log's entries of a kind."""
    found = kit.main.store.db.execute_sql("SELECT detail FROM audit WHERE kind = ?", (kind,))
    return [row[0] for row in found]


# --- sessions ------------------------------------------------------------------------------------


@pytest.mark.clause("11.10")
def test_the_list_shows_every_session_and_which_one_asks(kit: MasterKit, ann: MasterClient) -> None:
    """Address, device, scope, parent, online, current; other accounts' sessions are not in it."""
    trader(kit, "bob", 9)
    web = kit.client(connection=2)
    web.address = bytes(15) + b"\7"
    number = with_password(web, PASSWORD).message.session_id
    below = beside(kit, ann, 3).last.message.session_id
    mine = next(row for row in rows(ann).values() if row.current)
    assert (mine.online, mine.remember, mine.parent, mine.key) == (True, True, 0, 0)
    found = rows(web)
    assert found.keys() == {mine.session_id, number, below}
    assert found[number].current and not found[mine.session_id].current
    assert found[number].device.rstrip(b"\0") == b"the web page"
    assert found[number].address == web.address
    assert (found[number].worker, found[number].scope) == (1, Scope.TRADE)
    assert found[below].parent == mine.session_id
    kit.main.client_closed(web.link, web.connection, False)
    gone = rows(ann)[number]
    assert not gone.online
    assert gone.last_seen_at >= gone.created_at > 0


def test_the_list_survives_a_restart(kit: MasterKit, ann: MasterClient) -> None:
    """What the list shows is kept with the session."""
    before = rows(ann)
    kit.crash()
    again = kit.client(connection=4)
    again.token = ann.token
    assert again.resume().status == 0
    after = rows(again)
    assert after.keys() == before.keys()
    for number, row in after.items():
        assert row.created_at == before[number].created_at
        assert row.last_seen_at > before[number].last_seen_at


@pytest.mark.clause("11.10")
def test_a_revoked_session_is_told_and_void(kit: MasterKit, ann: MasterClient) -> None:
    """Its connection gets the event, its token is worthless, and so are those beside it."""
    web = kit.client(connection=2)
    number = web.login().message.session_id
    child = beside(kit, web, 3)
    web.events()
    reply = change(ann, m.SessionRevoke(session_id=number))
    assert (reply.status, reply.message.ended) == (0, 2)
    assert notices(web) == notices(child) == [Status.SESSION_REVOKED]
    assert web.ask(m.AccountGet()).status == Status.SESSION_DETACHED
    assert web.resume().status == Status.SESSION_EXPIRED
    assert number not in rows(ann)
    assert audited(kit, "session revoked") == [f"session {number}"]


@pytest.mark.clause("11.10")
def test_only_other_sessions_of_ones_own_are_revoked(kit: MasterKit, ann: MasterClient) -> None:
    """Another user's and none at all look the same; one's own login is for LOGOUT."""
    bob = trader(kit, "bob", 9)
    other = next(iter(rows(bob)))
    for number in (other, 999):
        refused = change(ann, m.SessionRevoke(session_id=number))
        assert refused.status == Status.NO_SUCH_SESSION
        assert refused.octets[32:].replace(b"999", b"%d" % other).endswith(b"%d." % other)
    child = beside(kit, ann, 3)
    for number in rows(child):
        assert change(child, m.SessionRevoke(session_id=number)).status == Status.INVALID_FIELD
    assert bob.ask(m.AccountGet()).status == 0


COMMANDS = (
    m.SessionRevoke(session_id=5),
    m.PasswordChange(password=PASSWORD, new_password=NEXT),
    m.AccountUpdate(mask=AccountField.PRIVACY, privacy=1),
    m.ApiKeyCreate(scope=Scope.READ, label="bot"),
    m.ApiKeyRevoke(key=1),
)


@pytest.mark.parametrize("message", COMMANDS, ids=lambda message: type(message).__name__)
def test_commands_need_a_number_and_a_session_that_may_change_things(
    kit: MasterKit, ann: MasterClient, message: Any
) -> None:
    """SEQ_REQUIRED for 0; SCOPE_DENIED for a session that may only read."""
    assert ann.ask(message, seq=0).status == Status.SEQ_REQUIRED
    reader = kit.client(connection=2)
    reader.session = reader.ask(
        m.Login(username="ann", password=PASSWORD, scope=Scope.READ), session=0
    ).header.session
    assert reader.ask(message, seq=1).status == Status.SCOPE_DENIED
    assert kit.main.authorization.keys.of_account(1) == []


# --- exactly once --------------------------------------------------------------------------------


@pytest.mark.parametrize("crash", [False, True])
def test_a_repeated_change_is_answered_and_not_done_again(
    kit: MasterKit, ann: MasterClient, crash: bool
) -> None:
    """The same number and request: the stored reply, after a crash of the master too."""
    first = change(ann, m.AccountUpdate(mask=AccountField.PRIVACY, privacy=Privacy.LISTED))
    seq = ann.seq
    assert change(ann, m.AccountUpdate(mask=AccountField.PRIVACY)).message.privacy == 0
    if crash:
        kit.crash()
        assert ann.resume().message.last_command_seq == seq + 1
    message = m.AccountUpdate(mask=AccountField.PRIVACY, privacy=Privacy.LISTED)
    again = change(ann, message, seq)
    assert again.header.flags & FrameFlag.REPLAYED
    assert again.octets[32:] == first.octets[32:]
    assert ann.ask(m.AccountGet()).message.privacy == 0
    other = change(ann, m.AccountUpdate(mask=AccountField.PRIVACY, privacy=7), seq)
    assert other.status == Status.SEQ_REUSED
    assert change(ann, m.ApiKeyRevoke(key=1), seq).status == Status.SEQ_REUSED


@pytest.mark.parametrize("crash", [False, True])
def test_a_repeated_password_change_is_answered_and_not_done_again(
    kit: MasterKit, ann: MasterClient, crash: bool
) -> None:
    """The old password would be wrong now; the stored reply says that it was changed."""
    message = m.PasswordChange(password=PASSWORD, new_password=NEXT)
    first = change(ann, message)
    assert first.status == 0
    if crash:
        kit.crash()
        assert ann.resume().status == 0
    again = change(ann, message, ann.seq)
    assert (again.status, again.octets[32:]) == (0, first.octets[32:])
    assert again.header.flags & FrameFlag.REPLAYED
    for old, new in ((PASSWORD, "and a third password"), (NEXT, NEXT)):
        other = m.PasswordChange(password=old, new_password=new)
        assert change(ann, other, ann.seq).status == Status.SEQ_REUSED
    assert with_password(kit.client(connection=5), NEXT).status == 0


def test_neither_password_nor_key_stand_in_the_store(
    kit: MasterKit, ann: MasterClient, tmp_path: Path
) -> None:
    """Nothing of them is in the files, nor the quick hash of a request that holds a password."""
    message = m.PasswordChange(password=PASSWORD, new_password=NEXT)
    change(ann, message)
    made = change(ann, m.ApiKeyCreate(scope=Scope.READ, label="bot")).message
    change(ann, m.AccountUpdate(mask=AccountField.EMAIL, email="ann@example.org"))
    journal = b"".join(
        row[0] for row in kit.main.store.db.execute_sql("SELECT frames FROM journal")
    )
    assert made.secret not in journal
    assert b"ann@example.org" not in journal
    kit.stop()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert NEXT.encode() not in files
    assert made.secret not in files
    assert made.secret.hex().encode() not in files
    kit.boot()


# --- password ------------------------------------------------------------------------------------


@pytest.mark.clause("11.11")
def test_a_new_password_ends_every_other_session(kit: MasterKit, ann: MasterClient) -> None:
    """Also the one beside which the asking one was opened; the asking one goes on."""
    web = kit.client(connection=2)
    web.login()
    child = beside(kit, ann, 3)
    ann.events()
    reply = change(child, m.PasswordChange(password=PASSWORD, new_password=NEXT))
    assert (reply.status, reply.message.ended) == (0, 2)
    assert notices(web) == notices(ann) == [Status.SESSION_REVOKED]
    assert notices(child) == []
    assert [row.parent for row in rows(child).values()] == [0]
    assert with_password(kit.client(connection=4), PASSWORD).status == Status.AUTH_FAILED
    assert with_password(kit.client(connection=5), NEXT).status == 0
    assert audited(kit, "password change") == [""]
    kit.crash()
    assert with_password(kit.client(connection=6), NEXT).status == 0
    assert ann.resume().status == Status.SESSION_EXPIRED
    assert child.resume().status == 0
    assert [row.parent for row in rows(child).values() if row.current] == [0]


@pytest.mark.clause("11.11")
@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("not the password", NEXT, Status.AUTH_FAILED),
        (PASSWORD, PASSWORD, Status.PASSWORD_WEAK),
        (PASSWORD, "password123", Status.PASSWORD_WEAK),
        (PASSWORD, "aaaaaaaaaa", Status.PASSWORD_WEAK),
    ],
)
def test_passwords_that_are_not_taken(
    kit: MasterKit, ann: MasterClient, old: str, new: str, status: Status
) -> None:
    """Nothing changes, and the number stays free (R7)."""
    web = kit.client(connection=2)
    web.login()
    refused = change(ann, m.PasswordChange(password=old, new_password=new))
    assert refused.status == status
    assert web.ask(m.AccountGet()).status == 0
    good = m.PasswordChange(password=PASSWORD, new_password=NEXT)
    assert change(ann, good, ann.seq).status == 0


@pytest.mark.clause("11.11")
def test_guessing_the_present_password_is_bounded(kit: MasterKit, ann: MasterClient) -> None:
    """Tries count with the failed logins of the name: whoever holds a session may not guess on."""
    for _ in range(TRIES_FREE):
        wrong = m.PasswordChange(password="a wrong password", new_password=NEXT)
        assert change(ann, wrong).status == Status.AUTH_FAILED
    good = m.PasswordChange(password=PASSWORD, new_password=NEXT)
    refused = change(ann, good)
    assert refused.status == Status.RATE_LIMITED
    assert refused.message.retry_after_ms > 0


# --- privacy and e-mail --------------------------------------------------------------------------


@pytest.mark.clause("11.12")
def test_an_update_sets_what_its_mask_names(kit: MasterKit, ann: MasterClient) -> None:
    """Privacy and e-mail, each alone; without EMAIL section the address is removed."""
    first = change(ann, m.AccountUpdate(mask=AccountField.EMAIL, email="ann@example.org"))
    assert (first.message.privacy, first.message.has_email) == (0, True)
    second = change(ann, m.AccountUpdate(mask=AccountField.PRIVACY, privacy=Privacy.LISTED))
    assert (second.message.privacy, second.message.has_email) == (Privacy.LISTED, True)
    kit.crash()
    assert ann.resume().status == 0
    told = ann.ask(m.AccountGet()).message
    assert (told.privacy, told.email) == (Privacy.LISTED, "ann@example.org")
    assert ann.ask(m.TotpSetup(password=PASSWORD)).status == 0
    third = change(ann, m.AccountUpdate(mask=AccountField.EMAIL))
    assert not third.message.has_email
    assert ann.ask(m.AccountGet()).message.email is None
    assert audited(kit, "e-mail") == ["set", "removed"]
    assert audited(kit, "privacy") == ["4"]


@pytest.mark.clause("11.27")
def test_some_changes_need_a_password_of_lately(kit: MasterKit, ann: MasterClient) -> None:
    """For ten minutes after it was shown, here or before this session was opened beside."""
    web = kit.client(connection=2)
    email = m.AccountUpdate(mask=AccountField.EMAIL, email="ann@example.org")
    kit.reactor.advance(limits.PROOF_S - 1)
    child = beside(kit, ann, 3)
    for client in (ann, child):
        assert change(client, email).status == 0
    kit.reactor.advance(2)
    number = web.login().message.session_id
    for client in (ann, child):
        key = m.ApiKeyCreate(scope=Scope.READ, label="bot")
        for message in (email, m.SessionRevoke(session_id=number), key):
            assert change(client, message).status == Status.PROOF_TOO_OLD
    hidden = m.AccountUpdate(mask=AccountField.PRIVACY, privacy=Privacy.LISTED)
    assert change(ann, hidden).status == 0
    assert change(ann, m.PasswordChange(password=PASSWORD, new_password=NEXT)).status == 0
    assert change(ann, email).status == 0
    kit.reactor.advance(limits.PROOF_S + 1)
    assert change(ann, email).status == Status.PROOF_TOO_OLD
    assert ann.ask(m.TotpSetup(password=NEXT)).status == 0
    assert change(ann, email).status == 0
    seq = ann.seq
    kit.crash()
    assert ann.resume().status == 0
    assert change(ann, email, seq).status == 0
    assert change(ann, email).status == Status.PROOF_TOO_OLD


@pytest.mark.clause("11.12")
@pytest.mark.parametrize(
    "message",
    [
        m.AccountUpdate(),
        m.AccountUpdate(mask=AccountField.EMAIL, privacy=1, email="ann@example.org"),
        m.AccountUpdate(mask=AccountField.PRIVACY, email="ann@example.org"),
        m.AccountUpdate(mask=AccountField.EMAIL, email="no address"),
    ],
)
def test_updates_that_contradict_themselves(
    kit: MasterKit, ann: MasterClient, message: m.AccountUpdate
) -> None:
    """INVALID_FIELD with the place of what is wrong, and nothing is changed."""
    answer = change(ann, message)
    assert answer.status == Status.INVALID_FIELD
    if message.mask == AccountField.PRIVACY:
        assert answer.message.field == m.AccountUpdate.SIZE
    told = ann.ask(m.AccountGet()).message
    assert (told.privacy, told.email) == (0, None)


@pytest.mark.clause("11.13")
@pytest.mark.parametrize(
    ("privacy", "portfolio", "history"),
    [
        (0, Status.NO_SUCH_ACCOUNT, Status.NO_SUCH_ACCOUNT),
        (Privacy.LISTED, Status.NO_SUCH_ACCOUNT, Status.NO_SUCH_ACCOUNT),
        (Privacy.PORTFOLIO_PUBLIC, Status.OK, Status.PRIVATE),
        (Privacy.HISTORY_PUBLIC, Status.PRIVATE, Status.OK),
        (Privacy.PORTFOLIO_PUBLIC | Privacy.HISTORY_PUBLIC, Status.OK, Status.OK),
    ],
)
def test_others_see_what_privacy_allows(
    kit: MasterKit, ann: MasterClient, privacy: int, portfolio: Status, history: Status
) -> None:
    """The holdings and the history of another user, each as far as they are shown."""
    bob = trader(kit, "bob", 2)
    kit.quote("AAPL", "10", "11")
    assert bob.order("AAPL", "1").status == 0
    kit.quote("AAPL", "10", "11")
    change(bob, m.AccountUpdate(mask=AccountField.PRIVACY, privacy=privacy))
    seen = ann.ask(m.PortfolioGet(username="BOB"))
    told = ann.ask(m.TransactionsGet(username="bob"))
    assert (seen.status, told.status) == (portfolio, history)
    assert ann.ask(m.AccountGet(username="bob")).status == portfolio
    if not portfolio:
        assert (seen.message.account, seen.message.event_seq) == (2, 0)
        assert [row.symbol for row in seen.message.positions] == ["AAPL"]
    if not history:
        assert [row.symbol for row in told.message.transactions] == ["", "AAPL"]
        assert told.message.event_seq == 0
    own = bob.ask(m.PortfolioGet(username="bob")).message
    assert (own.account, own.event_seq > 0) == (2, True)
    assert ann.ask(m.PortfolioGet()).message.account == 1


@pytest.mark.clause("11.13")
def test_another_users_portfolio_is_not_reached_by_its_number(
    kit: MasterKit, ann: MasterClient
) -> None:
    """A number belongs to the account that is named, and no other."""
    bob = trader(kit, "bob", 2)
    change(bob, m.AccountUpdate(mask=AccountField.PRIVACY, privacy=Privacy.PORTFOLIO_PUBLIC))
    mine = ann.ask(m.PortfolioGet()).message.portfolio
    theirs = ann.ask(m.PortfolioGet(username="bob")).message.portfolio
    assert mine != theirs
    for number, username, status in (
        (theirs, "bob", Status.OK),
        (mine, "bob", Status.NO_SUCH_PORTFOLIO),
        (theirs, None, Status.NO_SUCH_PORTFOLIO),
    ):
        asked = m.PortfolioGet(portfolio=number, username=username)
        assert ann.ask(asked).status == status


# --- API keys ------------------------------------------------------------------------------------


@pytest.mark.clause("11.14")
def test_a_key_opens_sessions_until_it_is_revoked(kit: MasterKit, ann: MasterClient) -> None:
    """With and without the owner's name, after a restart too; then it opens nothing any more."""
    made = change(ann, m.ApiKeyCreate(scope=Scope.TRADE, label="bot")).message
    bot = kit.client(connection=2)
    answer = with_key(bot, made)
    assert (answer.status, answer.message.account) == (0, 1)
    assert bot.order("AAPL", "1").status in (0, Status.NO_QUOTE)
    kit.crash()
    assert ann.resume().status == 0
    bot = kit.client(connection=3)
    assert with_key(bot, made, "ANN").status == 0
    (row,) = ann.ask(m.ApiKeyList()).message.keys
    assert (row.key, row.label.rstrip(b"\0"), row.sessions) == (made.key, b"bot", 2)
    assert row.last_used_at > row.created_at > 0
    bot.events()
    revoked = change(ann, m.ApiKeyRevoke(key=made.key))
    assert (revoked.status, revoked.message.ended) == (0, 2)
    assert notices(bot) == [Status.SESSION_REVOKED]
    assert with_key(kit.client(connection=4), made).status == Status.AUTH_FAILED
    assert ann.ask(m.ApiKeyList()).message.keys == ()
    kit.crash()
    assert with_key(kit.client(connection=5), made).status == Status.AUTH_FAILED
    assert ann.resume().status == 0
    another = m.ApiKeyCreate(scope=Scope.READ, label="bot")
    assert change(ann, another).status == Status.PROOF_TOO_OLD
    assert ann.ask(m.TotpSetup(password=PASSWORD)).status == 0
    assert change(ann, another).message.key == made.key + 1


@pytest.mark.clause("11.14")
def test_a_session_of_a_key_has_its_scope_and_its_end(kit: MasterKit, ann: MasterClient) -> None:
    """READ stays READ, and the session ends with the key at the latest."""
    made = change(ann, m.ApiKeyCreate(scope=Scope.READ, lifetime_s=60, label="reader")).message
    assert made.expires_at == made.created_at + 60 * SECOND
    bot = kit.client(connection=2)
    answer = with_key(bot, made).message
    assert (answer.scope, answer.expires_at) == (Scope.READ, made.expires_at)
    assert bot.order("AAPL", "1").status == Status.SCOPE_DENIED
    kit.turn(61)
    assert bot.ask(m.AccountGet()).status in (Status.SESSION_EXPIRED, Status.SESSION_DETACHED)
    assert with_key(kit.client(connection=3), made).status == Status.AUTH_FAILED


@pytest.mark.clause("11.15")
def test_a_program_with_a_key_may_not_manage_the_account(kit: MasterKit, ann: MasterClient) -> None:
    """Whoever finds a key must not be able to stay: no keys, no password, no list of sessions."""
    made = change(ann, m.ApiKeyCreate(scope=Scope.TRADE, label="bot")).message
    bot = kit.client(connection=2)
    assert with_key(bot, made, remember=True).status == 0
    child = beside(kit, bot, 3)
    assert child.last.status == 0
    for program in (bot, child):
        for message in (*COMMANDS, m.SessionList(), m.ApiKeyList()):
            assert change(program, message).status == Status.SCOPE_DENIED
        assert program.ask(m.AccountGet()).status == 0


@pytest.mark.parametrize("wrong", ["name", "secret", "number", "short", "text"])
def test_what_is_no_key_opens_nothing(kit: MasterKit, ann: MasterClient, wrong: str) -> None:
    """AUTH_FAILED whatever it is; failures of an address are bounded."""
    trader(kit, "bob", 9)
    made = change(ann, m.ApiKeyCreate(scope=Scope.TRADE, label="bot")).message
    number, secret = made.key.to_bytes(8, "big").hex(), made.secret.hex()
    credential = {
        "secret": number + "00" * 32,
        "number": (made.key + 1).to_bytes(8, "big").hex() + secret,
        "short": secret,
        "text": "no digits",
    }.get(wrong, number + secret)
    name = "bob" if wrong == "name" else "ann"
    bot = kit.client(connection=2)
    bot.address = bytes(10) + b"\xff\xff\xc6\x33\0\5"
    message = m.Login(
        username=name, mechanism=Mechanism.API_KEY, password=credential, scope=Scope.TRADE
    )
    for _ in range(ADDRESS_TRIES):
        assert bot.ask(message, session=0).status == Status.AUTH_FAILED
    assert bot.ask(message, session=0).status == Status.RATE_LIMITED


@pytest.mark.clause("11.14")
def test_what_a_key_may_not_be(kit: MasterKit, ann: MasterClient) -> None:
    """A label of one line; no wider scope than its maker's; KEYS_PER_ACCOUNT at most."""
    bad = change(ann, m.ApiKeyCreate(scope=Scope.READ, label="a\x1b[2J"))
    assert (bad.status, bad.message.field) == (Status.INVALID_FIELD, m.ApiKeyCreate.SIZE)
    more = change(ann, m.ApiKeyCreate(scope=Scope.ADMIN, label="bot"))
    assert more.status == Status.SCOPE_DENIED
    for _ in range(limits.KEYS_PER_ACCOUNT):
        assert change(ann, m.ApiKeyCreate(scope=Scope.READ, label="bot")).status == 0
    one_more = change(ann, m.ApiKeyCreate(scope=Scope.READ, label="bot"))
    assert one_more.status == Status.TOO_MANY_KEYS
    bob = trader(kit, "bob", 2)
    first = ann.ask(m.ApiKeyList()).message.keys[0].key
    assert change(bob, m.ApiKeyRevoke(key=first)).status == Status.NO_SUCH_KEY
    assert len(ann.ask(m.ApiKeyList()).message.keys) == limits.KEYS_PER_ACCOUNT


def test_programs_never_shut_their_owner_out(kit: MasterKit, ann: MasterClient) -> None:
    """Sessions of keys push out their like only, and give way to a login with the password."""
    made = change(ann, m.ApiKeyCreate(scope=Scope.READ, label="bot")).message
    kit.main.client_closed(ann.link, ann.connection, False)
    bots = [kit.client(connection=10 + number) for number in range(limits.SESSIONS_PER_ACCOUNT)]
    opened_ = [with_key(bot, made).status for bot in bots]
    assert opened_ == [0] * (limits.SESSIONS_PER_ACCOUNT - 1) + [Status.TOO_MANY_SESSIONS]
    kit.main.client_closed(bots[0].link, bots[0].connection, False)
    assert with_key(bots[-1], made).status == 0
    assert ann.resume().status == 0
    bots[1].events()
    web = kit.client(connection=40)
    assert with_password(web, PASSWORD).status == 0
    assert notices(bots[1]) == [Status.SESSION_EXPIRED]
    assert change(web, m.ApiKeyRevoke(key=made.key)).message.ended == 14


@pytest.mark.clause("11.14")
def test_a_key_whose_reply_was_lost(kit: MasterKit, ann: MasterClient) -> None:
    """The stored reply shows it again; after a restart it shows that there is no secret left."""
    message = m.ApiKeyCreate(scope=Scope.READ, label="bot")
    first = change(ann, message)
    again = change(ann, message, ann.seq)
    assert again.octets[32:] == first.octets[32:]
    kit.crash()
    assert ann.resume().status == 0
    later = change(ann, message, ann.seq).message
    assert (later.key, later.secret) == (first.message.key, bytes(32))
    assert len(ann.ask(m.ApiKeyList()).message.keys) == 1
