"""The client's methods for the owner of an account: sessions, password, privacy, API keys."""

from __future__ import annotations

import pytest

from papertrader.client import errors
from papertrader.client.account_commands import api_key_create
from papertrader.client.blocking import Client
from papertrader.wire import messages as m
from papertrader.wire.kinds import Mechanism, Opcode, Privacy, Scope, Status
from tests.client_kit import BlockingMarket

PASSWORD = "correct horse"
NEXT = "battery staple"


@pytest.fixture
def market() -> BlockingMarket:
    """A server that knows ada."""
    made = BlockingMarket()
    made.add("ada", PASSWORD)
    return made


def client_of(market: BlockingMarket) -> Client:
    """A client of the market."""
    return Client("127.0.0.1:2049", **market.options())


def ada(market: BlockingMarket, device: str = "") -> Client:
    """A client with a session of ada's."""
    client = client_of(market)
    client.login("ada", PASSWORD, remember=True, device=device or None)
    return client


def test_sessions_are_listed_and_revoked(market: BlockingMarket) -> None:
    """Address, device and which one asks; then one of them is ended."""
    here, there = ada(market), ada(market, "a phone")
    found = here.sessions()
    assert [each.current for each in found] == [True, False]
    assert found[1].device == "a phone"
    assert (found[1].address, found[1].scope) == ("127.0.0.1", Scope.TRADE)
    assert here.session_revoke(found[1].session_id) == 1
    assert len(here.sessions()) == 1
    with pytest.raises(errors.RefusedError, match="no such session") as refused:
        here.session_revoke(found[1].session_id)
    assert refused.value.code == "NO_SUCH_SESSION"
    there.close()


def test_what_cannot_be_printed_is_not_shown(market: BlockingMarket) -> None:
    """A device's name may come from anyone who knows the password: no terminal obeys it."""
    ada(market, "\x1b[2Jcleared")
    assert ada(market).sessions()[0].device == "?[2Jcleared"


def test_the_password_is_changed(market: BlockingMarket) -> None:
    """The new one opens sessions, the old one does not, the other sessions are gone."""
    here = ada(market)
    ada(market)
    assert here.password_change(PASSWORD, NEXT) == 1
    client = client_of(market)
    with pytest.raises(errors.AuthenticationFailed):
        client.login("ada", PASSWORD)
    client.login("ada", NEXT)
    with pytest.raises(errors.AuthenticationFailed):
        here.password_change(PASSWORD, NEXT)
    for old, new, said in (("", NEXT, "the password"), (NEXT, "short", "the new password")):
        with pytest.raises(ValueError, match=said):
            here.password_change(old, new)


@pytest.mark.parametrize("fault", ["drop", "drop after", "detach"])
def test_a_change_whose_reply_was_lost_has_one_result(market: BlockingMarket, fault: str) -> None:
    """It is repeated with its number, and the stored reply says that it was done."""
    here = ada(market)
    market.plan(Opcode.PASSWORD_CHANGE, fault)
    assert here.password_change(PASSWORD, NEXT) == 0
    sent = market.seen(Opcode.PASSWORD_CHANGE)
    assert [header.seq for header in sent] == [1, 1]
    market.plan(Opcode.APIKEY_CREATE, fault)
    assert here.api_key_create("bot").key == 1
    assert len(here.api_keys()) == 1


@pytest.mark.parametrize("opcode", [Opcode.PASSWORD_CHANGE, Opcode.APIKEY_CREATE])
def test_what_must_not_be_done_twice_is_not_guessed(market: BlockingMarket, opcode: Opcode) -> None:
    """A repeated command whose answer the server has no more may have been done: unknown."""
    here = ada(market)
    market.plan(opcode, "drop after", Status.SEQ_TOO_OLD)
    with pytest.raises(errors.OutcomeUnknown):
        if opcode == Opcode.PASSWORD_CHANGE:
            here.password_change(PASSWORD, NEXT)
        else:
            here.api_key_create("bot")
    assert len(market.seen(opcode)) == 2


def test_the_account_is_updated(market: BlockingMarket) -> None:
    """Privacy and e-mail each alone; "" removes the address, None leaves it."""
    here = ada(market)
    assert here.account_update(email="ada@example.org").has_email
    settings = here.account_update(privacy=Privacy.PORTFOLIO_PUBLIC)
    assert (settings.privacy, settings.has_email) == (Privacy.PORTFOLIO_PUBLIC, True)
    assert here.account().email == "ada@example.org"
    assert not here.account_update(email="").has_email
    assert here.account().privacy == Privacy.PORTFOLIO_PUBLIC
    with pytest.raises(ValueError, match="what to change"):
        here.account_update()
    with pytest.raises(ValueError, match="321"):
        here.account_update(email="a" * 322)


def test_a_key_logs_programs_in(market: BlockingMarket) -> None:
    """With its credential alone; the credential is in no ``repr``; revoked, it opens nothing."""
    here = ada(market)
    made = here.api_key_create("bot", scope=Scope.TRADE, lifetime_s=60)
    assert len(made.credential) == 80
    assert made.credential not in repr(made)
    assert made.expires_at is not None
    (listed,) = here.api_keys()
    assert (listed.key, listed.label, listed.last_used_at) == (made.key, "bot", None)
    bot = client_of(market)
    assert bot.login(api_key=made.credential).account == 1
    sent = market.bodies(Opcode.LOGIN)[-1]
    assert (sent.username, sent.mechanism) == ("", Mechanism.API_KEY)
    assert here.api_key_revoke(made.key) == 0
    with pytest.raises(errors.AuthenticationFailed):
        client_of(market).login("ada", api_key=made.credential)
    with pytest.raises(errors.RefusedError, match="no such API key"):
        here.api_key_revoke(made.key)


def test_a_secret_that_cannot_be_shown_again(market: BlockingMarket) -> None:
    """Zeros in its place are no credential."""
    here = ada(market)
    reply = m.ApiKeyCreateReply(key=3, created_at=1)
    assert api_key_create("bot", Scope.READ, 0).read([reply]).credential == ""
    for label in ("", "x" * 65, "two\nlines"):
        with pytest.raises(ValueError, match="one line"):
            here.api_key_create(label)


def test_a_login_shows_one_credential(market: BlockingMarket) -> None:
    """None at all and two of them are mistakes; a name is needed but for a key."""
    client = client_of(market)
    for options in ({}, {"password": PASSWORD, "api_key": "00"}):
        with pytest.raises(ValueError, match="one of"):
            client.login("ada", **options)
    with pytest.raises(ValueError, match="user name"):
        client.login(password=PASSWORD)


def test_others_are_read_by_name(market: BlockingMarket) -> None:
    """Another user's portfolio and history, if they show it."""
    bob = market.add("bob", PASSWORD)
    here = ada(market)
    with pytest.raises(errors.RefusedError) as refused:
        here.portfolio(username="bob")
    assert refused.value.code == "NO_SUCH_ACCOUNT"
    bob.privacy = int(Privacy.PORTFOLIO_PUBLIC | Privacy.HISTORY_PUBLIC)
    assert here.portfolio(username="bob").account == bob.number
    assert list(here.transactions(username="bob")) == []
    assert here.portfolio().account == 1
    assert [body.username for body in market.bodies(Opcode.PORTFOLIO_GET)] == ["bob", "bob", None]
