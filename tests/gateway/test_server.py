"""The port: keys, errors in Alpaca's form, rates, bounds; secrets stand nowhere."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from twisted.logger import globalLogPublisher

from papertrader.core.instants import SECOND
from papertrader.gateway import ids, seats, server
from papertrader.master.confinement import Confinement
from papertrader.master.demand import Demand
from papertrader.net.web import BODY_MAX, LIFE_S
from papertrader.testing import PASSWORD
from papertrader.wire.kinds import Scope
from tests.gateway_kit import ADDRESS, NAME, Bot, GatewayMarket, Reply

ACCOUNT = "/v2/account"


def test_a_request_is_one_of_an_ordinary_client(shared: GatewayMarket, guest: Bot) -> None:
    """The master sees a session of the key, from the program's own address, on this worker."""
    guest.get(ACCOUNT)
    (program,) = [each for each in guest.owner.sessions() if each.api_key]
    assert (program.address, program.worker, program.device) == (ADDRESS, 1, "gateway")
    for _ in range(3):
        guest.get(ACCOUNT)
    assert [each.session_id for each in guest.owner.sessions() if each.api_key] == [
        program.session_id
    ]
    assert shared.gateway.seats.counters.opened == 1


def test_a_read_only_key_does_not_trade(shared: GatewayMarket) -> None:
    """What a key may do is the master's to say."""
    guest = shared.bot(scope=Scope.READ)
    guest.get(ACCOUNT)
    body = {"symbol": "BRKF", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"}
    assert guest.ask("POST", "/v2/orders", body, expect=403).body["code"] == 40310000


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        ([], 401, 40110000),
        (["APCA-API-KEY-ID: 0000000000000001"], 401, 40110000),
        (["APCA-API-KEY-ID: x", "APCA-API-SECRET-KEY: y"], 403, 40310000),
        ([f"APCA-API-KEY-ID: {'0' * 16}", f"APCA-API-SECRET-KEY: {'0' * 64}"], 403, 40310000),
    ],
)
def test_wrong_keys(shared: GatewayMarket, lines: list[str], status: int, code: int) -> None:
    """No key is 401, a wrong one 403, in Alpaca's form."""
    text = "\r\n".join([f"GET {ACCOUNT} HTTP/1.1", f"Host: {NAME}", *lines, "", ""])
    line = shared.raw(text.encode())
    shared.advance(0.5)
    reply = Reply(line.octets)
    assert (reply.status, reply.body["code"]) == (status, code)


def test_wrong_keys_count_as_failed_logins(market: GatewayMarket, bot: Bot) -> None:
    """After so many from one address even a good key has to wait there, and elsewhere not."""
    good = bot.secret
    bot.secret = "0" * 64
    answers = [bot.ask("GET", ACCOUNT).status for _ in range(25)]
    assert answers[0] == 403
    assert answers[-1] == 429
    bot.secret = good
    assert bot.ask("GET", ACCOUNT).status == 429
    bot.address = "198.51.100.4"
    bot.get(ACCOUNT)


def test_a_key_whose_owner_lacks_what_is_demanded(market: GatewayMarket, bot: Bot) -> None:
    """403 in Alpaca's form, with what the owner is to do; afterwards the key is good again."""
    assert market._main is not None
    people = market._main.people
    people.authorization.confinement = Confinement(
        Demand.EVERYBODY, people.book, market._main.operators.role_of
    )
    refused = bot.ask("GET", ACCOUNT)
    assert (refused.status, refused.body["code"]) == (403, 40310000)
    assert "papertrader totp setup" in refused.body["message"]
    seed = bot.owner.totp_setup(PASSWORD).seed
    key = base64.b32decode(seed + "=" * (-len(seed) % 8))
    now = market.clock.wall_ns() // SECOND
    bot.owner.totp_enable(TOTP(key, 6, SHA1(), 30).generate(now).decode())
    bot.get(ACCOUNT)


def test_a_revoked_key_is_over_at_once(market: GatewayMarket, bot: Bot) -> None:
    """Its seat goes with its session."""
    bot.get(ACCOUNT)
    (key,) = bot.owner.api_keys()
    bot.owner.api_key_revoke(key.key)
    market.advance(1)
    assert bot.ask("GET", ACCOUNT).status == 403
    assert len(market.gateway.seats) == 0


def test_secrets_stand_nowhere(shared: GatewayMarket, guest: Bot) -> None:
    """Neither the log, nor an answer, nor what is shown of our own values has the secret."""
    events: list[str] = []

    def keep(event: dict[str, Any]) -> None:
        events.append(repr(event))

    globalLogPublisher.addObserver(keep)
    try:
        answers = [
            guest.ask("GET", ACCOUNT),
            guest.ask("GET", f"/v2/orders/{guest.secret}"),
            guest.ask("POST", "/v2/orders", {"symbol": 5}),
        ]
        guest.key_id = "0" * 16
        answers.append(guest.ask("GET", ACCOUNT))
    finally:
        globalLogPublisher.removeObserver(keep)
    assert not any(guest.secret in text for text in events)
    assert [guest.secret in each.text for each in answers] == [False, True, False, False]
    assert guest.secret not in repr(ids.credential_of("0" * 16, guest.secret))


def test_a_program_may_use_another_portfolio(guest: Bot) -> None:
    """The number of a portfolio stands behind the key's ID."""
    second = guest.owner.portfolio_create("second", cash=777)
    guest.key_id += f".{second.portfolio}"
    assert guest.get(ACCOUNT)["cash"] == "777"
    guest.key_id = guest.key_id.partition(".")[0] + ".99"
    assert guest.ask("GET", ACCOUNT).body["code"] == 40410000


def test_the_rate_is_told_and_kept() -> None:
    """Alpaca's headers say what is left; beyond it the answer is 429, then it goes on."""
    with GatewayMarket(rate=1, burst=3) as market:
        bot = market.bot()
        first = bot.ask("GET", "/v2/nothing")
        assert "x-ratelimit-limit" not in first.headers
        told = [bot.ask("GET", "/v2/watchlists").headers for _ in range(3)]
        assert [each["x-ratelimit-remaining"] for each in told] == ["2", "1", "0"]
        assert {each["x-ratelimit-limit"] for each in told} == {"60"}
        assert int(told[-1]["x-ratelimit-reset"]) >= market.clock.wall_ns() // SECOND
        refused = bot.ask("GET", "/v2/watchlists", expect=429)
        assert refused.body == {"code": 42910000, "message": "rate limit exceeded"}
        assert refused.headers["retry-after"] == "1"
        assert market.gateway.limit_hits()["gateway_rate"] == 1
        market.advance(1.1)
        bot.get("/v2/watchlists")
        market.advance(11)
        assert market.told_hits()["gateway_rate"] == 1


def test_many_requests_of_one_seat(market: GatewayMarket, bot: Bot) -> None:
    """So many at a time; one login for those that come together."""
    head = "\r\n".join([*bot.head("GET", ACCOUNT), "", ""]).encode()
    lines = [market.line() for _ in range(seats.SEAT_REQUESTS_MAX + 3)]
    for line in lines:
        line.end.write(head)
    market.advance(2)
    statuses = [Reply(line.octets).status for line in lines]
    assert sorted(set(statuses)) == [200, 429]
    assert statuses.count(429) == 3
    assert market.gateway.seats.counters.opened == 1


def test_the_seats_are_bounded(market: GatewayMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest idle one gives way; with all in use the answer is 503."""
    monkeypatch.setattr(seats, "SEATS_MAX", 1)
    ann, bob = market.bot(), market.bot()
    ann.get(ACCOUNT)
    bob.get(ACCOUNT)
    assert len(market.gateway.seats) == 1
    (seat,) = market.gateway.seats._seats.values()
    seat.running = 1
    assert ann.ask("GET", ACCOUNT, expect=503).body["code"] == 50310000
    assert market.gateway.limit_hits()["gateway_seats"] == 1


def test_idle_seats_end(market: GatewayMarket, bot: Bot) -> None:
    """And their sessions with them; the next request opens another."""
    bot.get(ACCOUNT)
    market.advance(seats.SEAT_IDLE_S + seats.LOOK_S + 1)
    assert len(market.gateway.seats) == 0
    assert [each for each in bot.owner.sessions() if each.api_key] == []
    bot.get(ACCOUNT)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, 40410000),
        ("GET", "/v2/account/nothing", 404, 40410000),
        ("PUT", ACCOUNT, 405, 40510000),
        ("GET", "/v2/orders/08000000-0000-8000-8000-0000000000ff", 404, 40410000),
        ("GET", "/v2/orders/x", 404, 40410000),
        ("GET", "/v2/positions/BRKF", 404, 40410000),
        ("GET", "/v2/stocks/bars?symbols=BRKF&timeframe=2Day", 400, 40010001),
        ("GET", "/v2/stocks/bars?symbols=BRKF&timeframe=1Day&start=yesterday", 400, 40010001),
        ("GET", "/v2/stocks/quotes/latest", 400, 40010001),
        ("GET", "/v2/account/portfolio/history?period=1X", 400, 40010001),
        ("POST", "/v2/positions/BRKF/exercise", 422, 42210000),
    ],
)
def test_errors(guest: Bot, method: str, path: str, status: int, code: int) -> None:
    """Each has a status, Alpaca's code, and a sentence."""
    reply = guest.ask(method, path)
    assert (reply.status, reply.body["code"]) == (status, code)
    assert reply.body["message"]
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    assert reply.headers["cache-control"] == "no-store"


def test_an_error_of_ours_is_told_without_its_text(
    shared: GatewayMarket, guest: Bot, monkeypatch: pytest.MonkeyPatch, logged_errors: Any
) -> None:
    """500 in Alpaca's form; the log alone has what happened."""

    async def fails(call: object) -> None:
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr(shared.gateway.api._routes, "find", lambda method, path: (fails, {}))
    faults = shared.gateway.api.counters.faults
    reply = guest.ask("GET", "/v2/account", expect=500)
    assert reply.body == {"code": 50010000, "message": "internal server error occurred"}
    assert shared.gateway.api.counters.faults == faults + 1
    (failure,) = logged_errors.flush(ZeroDivisionError)
    assert "secret of the house" in str(failure.value)


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "CONNECT"])
def test_other_methods_are_refused(guest: Bot, method: str) -> None:
    """Nothing that was sent is repeated, keys above all."""
    reply = guest.ask(method, "/v2/account")
    assert reply.status in (404, 405)
    assert guest.secret not in reply.text


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b"[" * 5_000, b'{"a":1e999999999}x'])
def test_bodies_that_cannot_be_read(shared: GatewayMarket, guest: Bot, body: bytes) -> None:
    """They are 400, whatever they are."""
    head = [*guest.head("POST", "/v2/orders"), f"Content-Length: {len(body)}", "", ""]
    line = shared.raw("\r\n".join(head).encode() + body)
    shared.advance(0.5)
    assert Reply(line.octets).body["code"] == 40010001


def test_a_body_that_is_too_long(shared: GatewayMarket, guest: Bot) -> None:
    """It is refused before it has come."""
    head = [*guest.head("POST", "/v2/orders"), f"Content-Length: {BODY_MAX + 1}", "", ""]
    assert b" 413 " in shared.raw("\r\n".join(head).encode()).octets


def test_the_parameters_are_bounded(guest: Bot) -> None:
    """More than `QUERY_MAX` are 400; what is no UTF-8 is so, too."""
    many = "&".join(f"a{number}=1" for number in range(server.QUERY_MAX + 1))
    for query in (many, "symbols=%ff"):
        assert guest.ask("GET", f"/v2/watchlists?{query}", expect=400).body["code"] == 40010001


def test_a_connection_lives_as_long_as_requests_come(shared: GatewayMarket, guest: Bot) -> None:
    """It is not cut within a request of a program that keeps it open, but is when it is idle."""
    line = shared.line()
    head = "\r\n".join([*guest.head("GET", "/v2/clock"), "", ""]).encode()
    for number in range(1, 6):
        line.end.write(head)
        shared.advance(LIFE_S / 2)
        assert line.octets.count(b"HTTP/1.1 200") == number
    shared.advance(80)
    assert line.lost


def test_while_the_master_is_away(market: GatewayMarket, bot: Bot) -> None:
    """A question is 503, an order that was sent is 500: nobody knows whether it was taken."""
    bot.get(ACCOUNT)
    bot.get("/v2/assets/BRKF")
    market.lose_master()
    assert bot.ask("GET", "/v2/watchlists", expect=503).body["code"] == 50310000
    body = {"symbol": "BRKF", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"}
    reply = bot.ask("POST", "/v2/orders", body)
    assert (reply.status, reply.body["code"]) == (500, 50010000), reply.text
    line = market.raw(f"GET /health HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
    assert line.octets.startswith(b"HTTP/1.1 503")


def test_other_hosts_are_refused(shared: GatewayMarket) -> None:
    """As on the page: only under the names of the certificate."""
    line = shared.raw(b"GET /v2/clock HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert line.octets.startswith(b"HTTP/1.1 403")


def test_health(shared: GatewayMarket) -> None:
    """For load balancers; it needs no key."""
    line = shared.raw(f"GET /health HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
    assert line.octets.startswith(b"HTTP/1.1 200")
