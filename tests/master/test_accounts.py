"""Accounts: who may open one, what is refused, what an outsider can find out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from papertrader.core.instants import SECOND
from papertrader.core.money import SCALE
from papertrader.master.passwords import QUEUE_MAX, check_password
from papertrader.master.registration import Registration
from papertrader.master.rules import Threads
from papertrader.master.tries import (
    ADDRESS_TRIES,
    ADDRESS_WINDOW,
    TRIES_FREE,
    TRIES_KEYS_MAX,
    WindowCounter,
)
from papertrader.wire import messages as m
from papertrader.wire.kinds import Privacy, Status, TxKind
from tests.master_kit import PASSWORD, Answer, FakeLink, Gate, MasterClient, MasterKit, at_once


def v4(number: int) -> bytes:
    """The address 198.51.x.y of a client, as it stands in the envelope."""
    return bytes(10) + b"\xff\xff\xc6\x33" + number.to_bytes(2, "big")


HERE, THERE = v4(1), v4(2)


@pytest.fixture
def hashing() -> Gate:
    """The thread that hashes passwords, at the test's pace."""
    return Gate()


@pytest.fixture
def gated(tmp_path: Path, hashing: Gate) -> Iterator[MasterKit]:
    """A master whose hashes take as long as the test likes, with the user ann."""
    kit = MasterKit(tmp_path)
    kit.client().register()
    kit.stop()
    kit.threads = Threads(truth=at_once, views=at_once, hashing=hashing)
    kit.boot()
    yield kit
    kit.check()


def work(kit: MasterKit, hashing: Gate) -> None:
    """Let all hashes be done."""
    while hashing:
        hashing.work()
    kit.turn()


def login(name: str = "ann", password: str = "a wrong password") -> m.Login:
    """A LOGIN, by default with a wrong password."""
    return m.Login(username=name, password=password, scope=2)


def from_address(client: MasterClient, address: bytes, message: Any) -> Answer:
    """Relay a message as from that address of a client."""
    client.address = address
    return client.ask(message, session=0)


# --- registration --------------------------------------------------------------------------------


def test_an_account_opens_with_its_starting_cash(kit: MasterKit) -> None:
    """REGISTER says the number and the cash; the ledger begins with the deposit."""
    ann = kit.client()
    answer = ann.register()
    assert answer.status == 0
    assert (answer.message.account, answer.message.starting_cash) == (1, 100_000 * SCALE)
    ann.login()
    portfolio = ann.ask(m.PortfolioGet()).message
    assert (portfolio.cash, portfolio.equity, portfolio.event_seq) == (100_000 * SCALE,) * 2 + (1,)
    (row,) = ann.ask(m.TransactionsGet()).message.transactions
    assert (row.kind, row.amount) == (TxKind.DEPOSIT, 100_000 * SCALE)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"username": "ab"}, Status.INVALID_FIELD),
        ({"username": "semi;colon'"}, Status.INVALID_FIELD),
        ({"username": "semi;colon"}, Status.INVALID_FIELD),
        ({"username": "../../etc"}, Status.INVALID_FIELD),
        ({"username": "a'--"}, Status.INVALID_FIELD),
        ({"username": ""}, Status.INVALID_FIELD),
        ({"username": "ann"}, Status.USERNAME_TAKEN),
        ({"username": "ANN"}, Status.USERNAME_TAKEN),
        ({"email": "nobody"}, Status.INVALID_FIELD),
        ({"email": "a b@example.org"}, Status.INVALID_FIELD),
        ({"email": "a@b@example.org"}, Status.INVALID_FIELD),
        ({"email": "a@example.org\n"}, Status.INVALID_FIELD),
        ({"currency": "EUR"}, Status.INVALID_FIELD),
        ({"password": "12345678"}, Status.PASSWORD_WEAK),
        ({"password": "PassWord"}, Status.PASSWORD_WEAK),
        ({"password": "abababababab"}, Status.PASSWORD_WEAK),
        ({"username": "somebody_new", "password": "SomeBody_new"}, Status.PASSWORD_WEAK),
        ({"email": "somebody.new@example.org", "password": "somebody.new"}, Status.PASSWORD_WEAK),
    ],
)
def test_what_registration_refuses(
    kit: MasterKit, ann: MasterClient, fields: dict[str, Any], status: Status
) -> None:
    """Each with a sentence; no account comes of it."""
    hashes = kit.main.people.vault.hashes
    message = m.Register(**{"username": "newcomer", "password": PASSWORD, **fields})
    answer = kit.client(connection=2).ask(message, session=0)
    assert answer.status == status
    assert answer.message.text.endswith((".", "-"))
    # A name that is taken takes as long as one that is free.
    taken = status == Status.USERNAME_TAKEN
    assert kit.main.people.vault.hashes == hashes + taken
    assert len(kit.main.book) == 1


def test_registration_may_be_closed(tmp_path: Path) -> None:
    """REGISTRATION_CLOSED, for known and unknown names alike."""
    kit = MasterKit(tmp_path)
    kit.client().register()
    kit.registration = Registration.CLOSED
    kit.crash()
    for name in ("ann", "bob"):
        assert kit.client().register(name).status == Status.REGISTRATION_CLOSED
    kit.check()


@pytest.mark.parametrize("length", [8, 256])
def test_passwords_have_no_rules_but_length(length: int) -> None:
    """From 8 to 256 octets of anything; multi-octet characters count as what they are."""
    password = ("pässwörd of many letters " * 20).encode()[:length].decode(errors="ignore")
    password += "x" * (length - len(password.encode()))
    assert check_password(password, "ann", "") == ""
    assert check_password(password[1:], "ann", "") == "" or length == 8
    assert (check_password(password + "yyy", "ann", "") == "") == (length == 8)


def test_the_length_is_counted_in_octets() -> None:
    """Seven octets are too few, and so are 257."""
    assert "8 to 256" in check_password("abcdefg", "ann", "")
    assert "8 to 256" in check_password("é" * 100 + "a" * 57, "ann", "")


def test_two_who_want_one_name_at_once(gated: MasterKit, hashing: Gate) -> None:
    """The first gets it, the other USERNAME_TAKEN after the same work, in any spelling."""
    first, second = gated.client(connection=2), gated.client(connection=3)
    a = first.send(m.Register(username="Bob", password=PASSWORD))
    b = second.send(m.Register(username="bOB", password=PASSWORD))
    gated.turn()
    assert first.replies(a) == second.replies(b) == []
    hashing.work()
    gated.turn()
    assert first.replies(a)[0].status == 0
    assert second.replies(b) == []
    work(gated, hashing)
    assert second.replies(b)[0].status == Status.USERNAME_TAKEN
    assert len(gated.main.book) == 2


def test_a_name_is_free_again_if_its_hash_was_refused(gated: MasterKit, hashing: Gate) -> None:
    """SERVER_BUSY leaves nothing behind."""
    crowd = [gated.client(connection=number) for number in range(2, 2 + QUEUE_MAX)]
    for number, each in enumerate(crowd):
        each.send(m.Register(username=f"user{number}", password=PASSWORD))
    late = gated.client(connection=99)
    asked = late.send(m.Register(username="late", password=PASSWORD))
    gated.turn()
    (busy,) = late.replies(asked)
    assert busy.status == Status.SERVER_BUSY
    assert busy.message.retry_after_ms > 0
    work(gated, hashing)
    asked = late.send(m.Register(username="late", password=PASSWORD))
    work(gated, hashing)
    assert late.replies(asked)[0].status == 0


@pytest.mark.clause("12.11")
def test_a_frame_sent_again_gets_the_first_answer(kit: MasterKit) -> None:
    """R11: the same RELAY_UP, marked RESENT after a lost link, opens nothing twice."""
    ann = kit.client()
    message = m.Register(username="ann", password=PASSWORD)
    first = ann.ask(message, session=0)
    number = kit.seq
    kit.crash()
    again = ann.ask(message, session=0, resent=True, worker_seq=number)
    assert again.status == 0
    assert again.message == first.message
    assert ann.ask(message, session=0).status == Status.USERNAME_TAKEN
    ann.link = FakeLink(1, boot=8)
    ann._read = 0
    assert (
        ann.ask(message, session=0, resent=True, worker_seq=number).status == Status.USERNAME_TAKEN
    )


def test_a_frame_sent_again_while_the_first_is_at_work(gated: MasterKit, hashing: Gate) -> None:
    """R11: it waits for the same hash, and gets the same answer."""
    first = gated.client(FakeLink(), 2)
    message = m.Register(username="bob", password=PASSWORD)
    first.send(message, session=0)
    number = gated.seq
    gated.main.link_lost(first.link)
    again = gated.client(FakeLink(), 2)
    asked = again.send(message, session=0, resent=True, worker_seq=number)
    work(gated, hashing)
    (answer,) = again.replies(asked)
    assert answer.status == 0
    assert len(gated.main.book) == 2


# --- what outsiders can find out -----------------------------------------------------------------


@pytest.mark.clause("11.2")
def test_an_unknown_user_and_a_wrong_password_look_the_same(
    gated: MasterKit, hashing: Gate
) -> None:
    """T-11: same status, same octets, same number of hashes and of commits."""
    seen = []
    for name in ("ann", "eve"):
        client = gated.client(connection=2)
        vault, journal = gated.main.people.vault, gated.main.journal
        before = vault.hashes, journal.commits
        asked = client.send(login(name), session=0)
        gated.turn()
        assert client.replies(asked) == []
        work(gated, hashing)
        (answer,) = client.replies(asked)
        seen.append(
            (
                answer.status,
                answer.octets[32:],
                vault.hashes - before[0],
                journal.commits - before[1],
            )
        )
    assert seen[0] == seen[1]
    assert seen[0][0] == Status.AUTH_FAILED
    assert seen[0][2] == 1


def test_an_account_that_is_private_looks_like_none(kit: MasterKit, ann: MasterClient) -> None:
    """T-11: NO_SUCH_ACCOUNT for both; of a public one the e-mail address is not shown."""
    other = kit.client(connection=2)
    for name, privacy in (("hidden", 0), ("open", Privacy.PORTFOLIO_PUBLIC)):
        message = m.Register(
            username=name, password=PASSWORD, privacy=privacy, email=f"{name}@example.org"
        )
        assert other.ask(message, session=0).status == 0
    hidden, nobody = (ann.ask(m.AccountGet(username=name)) for name in ("hidden", "nobody"))
    assert hidden.status == nobody.status == Status.NO_SUCH_ACCOUNT
    assert hidden.octets[32:] == nobody.octets[32:].replace(b"nobody", b"hidden")
    public = ann.ask(m.AccountGet(username="OPEN"))
    assert (public.status, public.message.username) == (0, "open")
    assert public.message.cash == 100_000 * SCALE
    assert public.message.email is None
    other.login("open")
    assert other.ask(m.AccountGet()).message.email == "open@example.org"


# --- failed tries --------------------------------------------------------------------------------


@pytest.mark.clause("11.2")
def test_five_failures_make_a_name_wait(kit: MasterKit, ann: MasterClient) -> None:
    """By name, from wherever: 2, 4, 8 ... seconds, and no hash is made; 15 minutes at most."""
    client = kit.client(connection=2)
    for number in range(TRIES_FREE):
        address = v4(20 + number)
        assert from_address(client, address, login()).status == Status.AUTH_FAILED
    hashes = kit.main.people.vault.hashes
    answer = from_address(client, THERE, login(password=PASSWORD))
    assert answer.status == Status.RATE_LIMITED
    assert 0 < answer.message.retry_after_ms <= 2_001
    assert kit.main.people.vault.hashes == hashes
    waits = []
    for number in range(12):
        wait = from_address(client, THERE, login()).message.retry_after_ms
        waits.append(round(wait / 1000))
        kit.turn(wait / 1000 + 0.01)
        elsewhere = v4(256 + number)
        assert from_address(client, elsewhere, login()).status == Status.AUTH_FAILED
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_a_name_that_nobody_has_waits_likewise(kit: MasterKit, ann: MasterClient) -> None:
    """T-11: octet for octet, so that the wait tells nothing either."""
    seen = []
    for name, connection in (("ann", 2), ("eve", 3)):
        client = kit.client(connection=connection)
        answers = [
            from_address(client, v4(256 * connection + number), login(name))
            for number in range(TRIES_FREE + 1)
        ]
        seen.append([(each.status, each.octets[32:]) for each in answers])
    assert seen[0][:-1] == seen[1][:-1]
    assert seen[0][-1][0] == seen[1][-1][0] == Status.RATE_LIMITED


def test_a_restart_forgives_no_failure(kit: MasterKit, ann: MasterClient) -> None:
    """The counters by name are durable, of names that nobody has as well."""
    client = kit.client(connection=2)
    for name in ("ann", "eve"):
        for number in range(TRIES_FREE + 1):
            address = v4(20 + number)
            from_address(client, address, login(name))
    kit.kill()
    kit.wall -= 999 * SECOND
    kit.boot()
    client = kit.client(connection=2)
    for name in ("ann", "eve"):
        assert from_address(client, THERE, login(name)).status == Status.RATE_LIMITED


def test_the_owner_is_not_shut_out_by_strangers(kit: MasterKit, ann: MasterClient) -> None:
    """T-10: from an address where the account was logged in to well, one still gets in."""
    client = kit.client(connection=2)
    assert from_address(client, HERE, login(password=PASSWORD)).status == 0
    client.session = kit.main.authorization.sessions.last_id
    client.ask(m.Logout())
    for number in range(TRIES_FREE + 3):
        from_address(client, v4(20 + number), login())
    assert from_address(client, THERE, login(password=PASSWORD)).status == Status.RATE_LIMITED
    kit.crash()
    client = kit.client(connection=2)
    for number in range(TRIES_FREE + 3):
        from_address(client, v4(20 + number), login())
    assert from_address(client, HERE, login(password=PASSWORD)).status == 0


@pytest.mark.clause("11.2")
def test_an_address_has_so_many_failures(kit: MasterKit, ann: MasterClient) -> None:
    """By address, whatever the names; a /64 is one address; from elsewhere one may log in."""
    client = kit.client(connection=2)
    network = bytes.fromhex("20010db8000000010000000000000000")
    for number in range(ADDRESS_TRIES):
        address = network[:8] + number.to_bytes(8, "big")
        assert from_address(client, address, login(f"name{number}")).status == Status.AUTH_FAILED
    answer = from_address(client, network, login(password=PASSWORD))
    assert answer.status == Status.RATE_LIMITED
    other = bytes.fromhex("20010db8000000020000000000000000")
    assert from_address(client, other, login(password=PASSWORD)).status == 0
    assert kit.main.limit_hits["login_address"] == 1


def test_a_good_login_clears_the_name(kit: MasterKit, ann: MasterClient) -> None:
    """Four mistakes, a good login, four more: never shut out."""
    client = kit.client(connection=2)
    for address in (HERE, THERE):
        for _ in range(TRIES_FREE - 1):
            assert from_address(client, address, login()).status == Status.AUTH_FAILED
        assert from_address(client, address, login(password=PASSWORD)).status == 0
        client.session = kit.main.authorization.sessions.last_id
        client.ask(m.Logout())


def test_many_tries_at_once_are_no_more_than_one_by_one(gated: MasterKit, hashing: Gate) -> None:
    """Tries that were let in together tell nothing more once five of them have failed."""
    clients = [gated.client(connection=number) for number in range(2, 12)]
    passwords = [f"a wrong password {n}" for n in range(TRIES_FREE)] + [PASSWORD] * 5
    asked = [
        client.send(login(password=password), session=0)
        for client, password in zip(clients, passwords, strict=True)
    ]
    work(gated, hashing)
    statuses = [client.replies(each)[0].status for client, each in zip(clients, asked, strict=True)]
    assert statuses == [Status.AUTH_FAILED] * 5 + [Status.RATE_LIMITED] * 5


def test_many_may_log_in_at_once_from_one_address(gated: MasterKit, hashing: Gate) -> None:
    """A class behind one address: nobody fails, so nobody waits."""
    clients = [gated.client(connection=number) for number in range(2, 14)]
    asked = [client.send(login(password=PASSWORD), session=0) for client in clients]
    work(gated, hashing)
    statuses = [client.replies(each)[0].status for client, each in zip(clients, asked, strict=True)]
    assert statuses == [0] * 12


def test_the_counter_is_bounded() -> None:
    """The longest unseen key is forgotten; a window that is over counts anew."""
    counter = WindowCounter(ADDRESS_TRIES, ADDRESS_WINDOW)
    for number in range(TRIES_KEYS_MAX + 10):
        counter.count(b"%d" % number, 0)
    assert len(counter) == TRIES_KEYS_MAX
    for _ in range(ADDRESS_TRIES):
        counter.count(b"key", 5)
    assert counter.wait_ms(b"key", 5) == ADDRESS_WINDOW // 1_000_000 + 1
    assert counter.wait_ms(b"key", ADDRESS_WINDOW + 5) == 0
    counter.count(b"key", ADDRESS_WINDOW + 5)
    assert counter.wait_ms(b"key", ADDRESS_WINDOW + 5) == 0


@pytest.mark.parametrize(
    "ask",
    [lambda n: login(f"user{n}"), lambda n: m.Register(username=f"user{n}", password=PASSWORD)],
    ids=["login", "register"],
)
def test_the_hashing_queue_is_bounded(
    gated: MasterKit, hashing: Gate, ask: Callable[[int], Any]
) -> None:
    """Beyond QUEUE_MAX: SERVER_BUSY at once, whoever asks; nothing is counted as a failure."""
    clients = [gated.client(connection=2 + number) for number in range(QUEUE_MAX)]
    for number, client in enumerate(clients):
        client.address = v4(number)
        client.send(ask(number), session=0)
    late = gated.client(connection=77)
    for name in ("ann", "nobody"):
        asked = late.send(login(name), session=0)
        gated.turn()
        assert late.replies(asked)[0].status == Status.SERVER_BUSY
    assert gated.main.people.vault.queued == QUEUE_MAX
    assert len(hashing) == 1
    work(gated, hashing)
    asked = late.send(login(password=PASSWORD), session=0)
    work(gated, hashing)
    assert late.replies(asked)[0].status == 0
