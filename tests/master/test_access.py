"""Second factor, invitations, reset, leaving, operators over accounts: a master in memory."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from papertrader.core.instants import SECOND
from papertrader.master.admission import AdmissionRules
from papertrader.master.database import StoreError
from papertrader.master.registration import Registration
from papertrader.master.secondfactor import SETUPS_MAX
from papertrader.ops.firstoperator import invite_operator
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import (
    AccountAction,
    AccountRole,
    AccountStatus,
    Mechanism,
    Scope,
    Status,
)
from tests.master_kit import PASSWORD, Answer, MasterClient, MasterKit

NEXT = "another long enough one"
STEP = 30


def command(client: MasterClient, message: Any) -> Answer:
    """Send a command with the next number."""
    client.seq += 1
    return client.ask(message, seq=client.seq)


def code_of(kit: MasterKit, seed: str, steps: int = 0) -> str:
    """The code of a seed at the master's time, or so many steps from it."""
    raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
    at = kit.clock.wall_ns() // SECOND + steps * STEP
    return TOTP(raw, 6, SHA1(), STEP).generate(at).decode()


def factor(kit: MasterKit, client: MasterClient) -> tuple[str, list[str]]:
    """Turn a client's second factor on; return the seed and the recovery codes."""
    made = client.ask(m.TotpSetup(password=PASSWORD))
    assert made.status == 0
    seed = made.message.seed
    answer = command(client, m.TotpEnable(code=code_of(kit, seed)))
    assert answer.status == 0
    return seed, answer.message.codes.split("\n")


def login(kit: MasterKit, code: str | None, connection: int = 9, **fields: Any) -> Answer:
    """Log ann in on a connection of its own, and out again if that went well."""
    client = kit.client(connection=connection)
    fields.setdefault("password", PASSWORD)
    answer = client.ask(m.Login(username="ann", scope=2, code=code, **fields), session=0)
    if answer.status == 0:
        client.session = answer.header.session
        client.ask(m.Logout())
    return answer


def operator(kit: MasterKit, name: str = "boss", connection: int = 50) -> MasterClient:
    """An operator with a session of scope ADMIN."""
    client = kit.client(connection=connection)
    assert client.register(name).status == 0
    account = kit.main.book.named(name)
    assert account is not None
    kit.main.operators.set_role(account.account, AccountRole.OPERATOR, 1)
    answer = client.ask(m.Login(username=name, password=PASSWORD, scope=Scope.ADMIN), session=0)
    assert answer.status == 0
    client.session, client.token = answer.header.session, answer.message.token
    return client


# --- the second factor ---------------------------------------------------------------------------


@pytest.mark.clause("11.17")
def test_with_a_second_factor_the_password_alone_is_not_enough(
    kit: MasterKit, ann: MasterClient
) -> None:
    """SECOND_FACTOR_REQUIRED to the right password only; a good code opens a session."""
    seed, codes = factor(kit, ann)
    assert len(set(codes)) == limits.RECOVERY_CODES
    assert login(kit, None).status == Status.SECOND_FACTOR_REQUIRED
    assert login(kit, None, password="a wrong one").status == Status.AUTH_FAILED
    kit.turn(STEP + 1)
    assert login(kit, code_of(kit, seed), password="a wrong one").status == Status.AUTH_FAILED
    assert login(kit, code_of(kit, seed)).status == 0


@pytest.mark.clause("11.17")
def test_each_step_is_good_once_and_only_now_or_just_before(
    kit: MasterKit, ann: MasterClient
) -> None:
    """The present step and the last; not the next, not an older one, never one used before."""
    seed, _ = factor(kit, ann)
    assert login(kit, code_of(kit, seed)).status == Status.AUTH_FAILED  # ENABLE used it
    kit.turn(3 * STEP)
    assert login(kit, code_of(kit, seed, 1)).status == Status.AUTH_FAILED
    assert login(kit, code_of(kit, seed, -2)).status == Status.AUTH_FAILED
    assert login(kit, code_of(kit, seed, -1)).status == 0
    assert login(kit, code_of(kit, seed, -1)).status == Status.AUTH_FAILED
    used = code_of(kit, seed)
    assert login(kit, used).status == 0
    kit.wall = kit.clock.wall_ns()
    kit.kill()
    kit.wall -= 1_000 * SECOND
    kit.boot()
    assert login(kit, used).status == Status.AUTH_FAILED


@pytest.mark.clause("11.17")
def test_a_recovery_code_is_good_once(kit: MasterKit, ann: MasterClient) -> None:
    """In any case, with or without hyphens; also after a restart; renewed, the old are void."""
    seed, codes = factor(kit, ann)
    assert all(len(code.replace("-", "")) == 28 for code in codes)
    assert login(kit, codes[0].upper().replace("-", " ")).status == 0
    kit.crash()
    assert login(kit, codes[0]).status == Status.AUTH_FAILED
    assert login(kit, codes[1]).status == 0
    assert ann.resume().status == 0
    kit.turn(2 * STEP)
    renewed = command(ann, m.RecoveryRenew(code=code_of(kit, seed))).message.codes.split("\n")
    assert login(kit, codes[2]).status == Status.AUTH_FAILED
    assert login(kit, renewed[2]).status == 0


def test_wrong_codes_are_failed_logins(kit: MasterKit, ann: MasterClient) -> None:
    """They count, are told at the next good login, and make the name wait."""
    seed, _ = factor(kit, ann)
    kit.turn(2 * STEP)
    for _ in range(5):
        assert login(kit, "000000").status == Status.AUTH_FAILED
    assert login(kit, code_of(kit, seed)).status == Status.RATE_LIMITED
    kit.turn(STEP + 1)
    assert login(kit, code_of(kit, seed)).message.failed_tries == 5


def test_turning_it_off_needs_a_code(kit: MasterKit, ann: MasterClient) -> None:
    """And what is not possible in the present state is SECOND_FACTOR_STATE."""
    assert command(ann, m.TotpEnable(code="123456")).status == Status.SECOND_FACTOR_STATE
    assert command(ann, m.TotpDisable(code="123456")).status == Status.SECOND_FACTOR_STATE
    assert command(ann, m.RecoveryRenew(code="123456")).status == Status.SECOND_FACTOR_STATE
    assert ann.ask(m.TotpSetup(password="a wrong one")).status == Status.AUTH_FAILED
    made = ann.ask(m.TotpSetup(password=PASSWORD)).message
    assert (made.step_s, made.digits, len(made.seed)) == (30, 6, 32)
    assert command(ann, m.TotpEnable(code="000000")).status == Status.AUTH_FAILED
    assert command(ann, m.TotpEnable(code=code_of(kit, made.seed))).status == 0
    assert ann.ask(m.TotpSetup(password=PASSWORD)).status == Status.SECOND_FACTOR_STATE
    assert command(ann, m.TotpDisable(code="000000")).status == Status.AUTH_FAILED
    kit.turn(STEP + 1)
    assert command(ann, m.TotpDisable(code=code_of(kit, made.seed))).status == 0
    assert login(kit, None).status == 0


def test_a_seed_waits_ten_minutes_for_its_code(kit: MasterKit, ann: MasterClient) -> None:
    """Then it is nothing; and only so many seeds wait at all."""
    seed = ann.ask(m.TotpSetup(password=PASSWORD)).message.seed
    kit.turn(601)
    late = command(ann, m.TotpEnable(code=code_of(kit, seed)))
    assert late.status == Status.SECOND_FACTOR_STATE
    factors, account = kit.main.people.factors, kit.main.book.get(1)
    factors._setups.clear()
    for number in range(SETUPS_MAX + 5):
        factors._setups[1_000 + number] = (b"x", 1 << 62)
    factors.begin(account, 0)
    assert len(factors._setups) <= SETUPS_MAX + 5
    assert 1_000 not in factors._setups


def test_the_recovery_codes_are_shown_once(kit: MasterKit, ann: MasterClient) -> None:
    """The same command again gets them from memory, but after a restart not: they are nowhere."""
    seed = ann.ask(m.TotpSetup(password=PASSWORD)).message.seed
    message = m.TotpEnable(code=code_of(kit, seed))
    first = command(ann, message)
    again = ann.ask(message, seq=ann.seq)
    assert again.message.codes == first.message.codes
    kit.crash()
    ann.resume()
    late = ann.ask(message, seq=ann.seq)
    assert (late.status, late.message.codes, late.message.count) == (0, None, 10)


def test_the_seed_is_sealed(kit: MasterKit, ann: MasterClient) -> None:
    """It is in no file, and with another key file the master does not start."""
    seed, codes = factor(kit, ann)
    raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
    kit.stop()
    for path in kit.state_dir.iterdir():
        octets = path.read_bytes()
        for secret in (raw, seed.encode(), codes[0].encode(), codes[0].replace("-", "").encode()):
            assert secret not in octets, path
    kit.seal_key = bytes(32)
    with pytest.raises(StoreError, match="keys/second-factor does not open"):
        kit.boot()
    kit.kill()
    kit.seal_key = bytes(range(32))
    kit.boot()


def test_a_program_with_a_key_may_do_nothing_of_this(kit: MasterKit, ann: MasterClient) -> None:
    """SCOPE_DENIED: who found a key must not be able to shut the owner out."""
    made = command(ann, m.ApiKeyCreate(scope=Scope.TRADE, label="bot")).message
    credential = (made.key.to_bytes(8, "big") + made.secret).hex()
    bot = kit.client(connection=3)
    answer = bot.ask(
        m.Login(mechanism=Mechanism.API_KEY, password=credential, scope=Scope.TRADE), session=0
    )
    bot.session = answer.header.session
    assert bot.ask(m.TotpSetup(password=PASSWORD)).status == Status.SCOPE_DENIED
    assert bot.ask(m.AccountClose(password=PASSWORD)).status == Status.SCOPE_DENIED
    for message in (
        m.TotpEnable(code="1"), m.TotpDisable(code="1"), m.RecoveryRenew(code="1")
    ):  # fmt: skip
        assert command(bot, message).status == Status.SCOPE_DENIED


# --- invitations ---------------------------------------------------------------------------------


def register(kit: MasterKit, name: str, code: str | None, connection: int = 9) -> Answer:
    """Register with an invitation."""
    message = m.Register(username=name, password=PASSWORD, invitation=code)
    return kit.client(connection=connection).ask(message, session=0)


def invited(boss: MasterClient, **fields: Any) -> m.InviteCreateReply:
    """Make an invitation."""
    fields = {"role": AccountRole.TRADER, "lifetime_s": 60, **fields}
    answer = command(boss, m.InviteCreate(**fields))
    assert answer.status == 0
    return answer.message


@pytest.fixture
def private(kit: MasterKit) -> MasterClient:
    """An operator of a server that takes new accounts by invitation only."""
    boss = operator(kit)
    kit.registration = Registration.INVITE
    kit.crash()
    boss.resume()
    return boss


@pytest.mark.clause("11.18")
def test_an_invitation_opens_one_account(kit: MasterKit, private: MasterClient) -> None:
    """Absent, unknown, spent, revoked or over: INVITATION_INVALID, whatever the name is."""
    made = invited(private)
    refused = [register(kit, "boss", None), register(kit, "nobody", None)]
    refused += [register(kit, "boss", "0" * 32), register(kit, "nobody", "0" * 32)]
    assert {each.status for each in refused} == {Status.INVITATION_INVALID}
    assert len({each.octets[32:] for each in refused}) == 1
    assert register(kit, "boss", made.invitation).status == Status.USERNAME_TAKEN
    assert register(kit, "cat", made.invitation.upper()).status == 0
    assert register(kit, "dog", made.invitation).status == Status.INVITATION_INVALID
    over = invited(private)
    kit.turn(61)
    assert register(kit, "dog", over.invitation).status == Status.INVITATION_INVALID
    revoked = invited(private)
    number = revoked.invitation_id
    assert command(private, m.InviteRevoke(invitation_id=number)).status == 0
    again = command(private, m.InviteRevoke(invitation_id=number))
    assert again.status == Status.NO_SUCH_INVITATION
    assert register(kit, "dog", revoked.invitation).status == Status.INVITATION_INVALID


def test_an_invitation_survives_a_restart_and_gives_its_role(
    kit: MasterKit, private: MasterClient
) -> None:
    """The list shows it without its code, before and after; an operator's opens an operator's."""
    made = invited(private, role=AccountRole.OPERATOR, lifetime_s=9_000, label="for the other one")
    kit.crash()
    private.resume()
    (row,) = private.ask(m.InviteList()).message.invitations
    assert (row.invitation_id, row.role, row.created_by) == (made.invitation_id, 2, 1)
    assert register(kit, "two", made.invitation).status == 0
    assert private.ask(m.InviteList()).message.invitations == ()
    other = kit.client(connection=70)
    message = m.Login(username="two", password=PASSWORD, scope=Scope.ADMIN)
    assert other.ask(message, session=0).status == 0


def test_only_so_many_invitations_are_open(
    kit: MasterKit, private: MasterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TOO_MANY_INVITATIONS; those that are over make room. A life has bounds."""
    monkeypatch.setattr(limits, "INVITATIONS_MAX", 2)
    invited(private)
    invited(private)
    one_more = m.InviteCreate(role=AccountRole.TRADER, lifetime_s=60)
    assert command(private, one_more).status == Status.TOO_MANY_INVITATIONS
    kit.turn(61)
    assert command(private, one_more).status == 0
    for life in (0, limits.INVITATION_LIFETIME_MAX_S + 1):
        bad = m.InviteCreate(role=AccountRole.TRADER, lifetime_s=life)
        assert command(private, bad).status == Status.INVALID_FIELD


@pytest.mark.clause("11.18")
def test_a_closed_server_and_the_first_operator(tmp_path: Path) -> None:
    """Closed, only a code that was made beside the service opens an account: an operator's."""
    kit = MasterKit(tmp_path, registration=Registration.CLOSED)
    assert register(kit, "eve", None).status == Status.REGISTRATION_CLOSED
    kit.stop()
    kit.main.store.open()
    older = invite_operator(kit.main.store, kit.clock.wall_ns())
    code = invite_operator(kit.main.store, kit.clock.wall_ns())
    kit.main.store.close()
    kit.boot()
    assert register(kit, "eve", older).status == Status.INVITATION_INVALID
    assert register(kit, "boss", code).status == 0
    boss = kit.client()
    answer = boss.ask(m.Login(username="boss", password=PASSWORD, scope=Scope.ADMIN), session=0)
    boss.session = answer.header.session
    answer = command(boss, m.InviteCreate(role=AccountRole.TRADER, lifetime_s=60))
    assert answer.status == Status.REGISTRATION_CLOSED
    kit.check()


@pytest.mark.clause("11.18")
def test_who_was_invited_before_a_server_was_closed(kit: MasterKit, private: MasterClient) -> None:
    """The invitation opens nothing, and is good again when the server takes new accounts again."""
    made = invited(private, lifetime_s=9_000)
    kit.registration = Registration.CLOSED
    kit.crash()
    assert register(kit, "eve", made.invitation).status == Status.REGISTRATION_CLOSED
    kit.registration = Registration.INVITE
    kit.crash()
    assert register(kit, "eve", made.invitation).status == 0


# --- a forgotten password ------------------------------------------------------------------------


def reset(kit: MasterKit, name: str, token: str, new: str = NEXT, connection: int = 9) -> Answer:
    """Show a token."""
    message = m.PasswordReset(username=name, new_password=new, reset_token=token)
    return kit.client(connection=connection).ask(message, session=0)


@pytest.mark.clause("11.19")
def test_a_token_sets_a_new_password_once(kit: MasterKit, ann: MasterClient) -> None:
    """Every session ends; the old password opens nothing; a restart changes nothing of it."""
    boss = operator(kit)
    made = command(boss, m.ResetCreate(username="ANN")).message
    assert len(made.reset_token) == 32
    kit.crash()
    ann.resume()
    assert reset(kit, "ann", made.reset_token, "password").status == Status.PASSWORD_WEAK
    done = reset(kit, "Ann", made.reset_token.upper())
    assert (done.status, done.message.ended) == (0, 1)
    assert ann.ask(m.AccountGet()).status == Status.SESSION_DETACHED
    assert reset(kit, "ann", made.reset_token).status == Status.AUTH_FAILED
    assert login(kit, None).status == Status.AUTH_FAILED
    assert login(kit, None, password=NEXT).status == 0


@pytest.mark.clause("11.19")
def test_a_reset_does_not_pass_the_second_factor(kit: MasterKit, ann: MasterClient) -> None:
    """Nor does a token live longer than a day, nor beside a newer one."""
    _, codes = factor(kit, ann)
    boss = operator(kit)
    older = command(boss, m.ResetCreate(username="ann")).message.reset_token
    newer = command(boss, m.ResetCreate(username="ann")).message.reset_token
    assert reset(kit, "ann", older).status == Status.AUTH_FAILED
    assert reset(kit, "ann", newer).status == 0
    assert login(kit, None, password=NEXT).status == Status.SECOND_FACTOR_REQUIRED
    assert login(kit, codes[0], password=NEXT).status == 0
    late = command(boss, m.ResetCreate(username="ann")).message.reset_token
    kit.kill()
    kit.wall += limits.RESET_LIFETIME_S * SECOND
    kit.boot()
    assert reset(kit, "ann", late).status == Status.AUTH_FAILED


@pytest.mark.clause("11.19")
def test_a_reset_tells_no_one_who_has_an_account(kit: MasterKit, ann: MasterClient) -> None:
    """T-11: octet for octet and hash for hash, with a token of another account as well."""
    boss = operator(kit)
    token = command(boss, m.ResetCreate(username="boss")).message.reset_token
    seen = []
    for number, name in enumerate(("ann", "nobody")):
        before = kit.main.people.vault.hashes
        answer = reset(kit, name, token, connection=20 + number)
        seen.append((answer.status, answer.octets[32:], kit.main.people.vault.hashes - before))
    assert seen[0] == seen[1]
    assert (seen[0][0], seen[0][2]) == (Status.AUTH_FAILED, 1)


def test_guessing_tokens_is_bounded_and_hinders_no_login(kit: MasterKit, ann: MasterClient) -> None:
    """RATE_LIMITED after five; the owner logs in meanwhile."""
    for number in range(5):
        assert reset(kit, "ann", f"{number:032x}").status == Status.AUTH_FAILED
    assert reset(kit, "ann", "0" * 32).status == Status.RATE_LIMITED
    assert login(kit, None).status == 0


# --- operators -----------------------------------------------------------------------------------


@pytest.mark.clause("11.20")
def test_operators_see_and_manage_accounts(kit: MasterKit, ann: MasterClient) -> None:
    """List, disable, enable, end sessions, role: each takes effect at once, and after a restart."""
    boss = operator(kit)
    rows = {row.username: row for row in boss.ask(m.AccountList()).message.accounts}
    assert rows.keys() == {"ann", "boss"}
    assert (rows["ann"].sessions, rows["ann"].status) == (1, AccountStatus.ACTIVE)
    assert rows["boss"].role == AccountRole.OPERATOR
    assert rows["ann"].last_login_at > 0
    page = boss.ask(m.AccountList(limit=1)).message
    assert (len(page.accounts), page.next_after) == (1, 1)
    assert boss.ask(m.AccountList(after=1)).message.accounts[0].username == "boss"

    def control(action: AccountAction, **fields: Any) -> Answer:
        return command(boss, m.AccountControl(username="ann", action=action, **fields))

    (session,) = boss.ask(m.AccountSessions(username="ann")).message.sessions
    unknown = control(AccountAction.END_SESSIONS, session_id=10_000)
    assert unknown.status == Status.NO_SUCH_SESSION
    ended = control(AccountAction.END_SESSIONS, session_id=session.session_id)
    assert ended.message.ended == 1
    assert ann.ask(m.AccountGet()).status == Status.SESSION_DETACHED
    ann.login()
    assert control(AccountAction.DISABLE).message.ended == 1
    kit.crash()
    boss.resume()
    assert login(kit, None).status == Status.ACCOUNT_SUSPENDED
    assert login(kit, None, password="a wrong one").status == Status.AUTH_FAILED
    assert control(AccountAction.ENABLE).status == 0
    assert login(kit, None).status == 0
    assert control(AccountAction.SET_ROLE, role=AccountRole.HOST).status == 0
    kit.crash()
    boss.resume()
    assert boss.ask(m.AccountList(username="ann")).message.accounts[0].role == AccountRole.HOST
    ann.login()
    assert control(AccountAction.SET_ROLE).message.ended == 1


@pytest.mark.clause("11.20")
def test_what_operators_may_not(kit: MasterKit, ann: MasterClient) -> None:
    """Not their own account; no field that goes with another action; nobody else anything."""
    boss = operator(kit)
    messages = (
        m.InviteCreate(role=0, lifetime_s=60), m.InviteRevoke(invitation_id=1),
        m.ResetCreate(username="ann"), m.AccountControl(username="boss", action=1),
    )  # fmt: skip
    for message in messages:
        assert command(ann, message).status == Status.SCOPE_DENIED
    for question in (m.InviteList(), m.AccountList(), m.AccountSessions(username="boss")):
        assert ann.ask(question).status == Status.SCOPE_DENIED
    own = m.AccountControl(username="boss", action=AccountAction.DISABLE)
    assert command(boss, own).status == Status.INVALID_FIELD
    for fields in ({"role": AccountRole.HOST}, {"session_id": 3}):
        bad = m.AccountControl(username="ann", action=AccountAction.ENABLE, **fields)
        assert command(boss, bad).status == Status.INVALID_FIELD
    nobody = m.AccountControl(username="nobody", action=AccountAction.ENABLE)
    assert command(boss, nobody).status == Status.NO_SUCH_ACCOUNT
    off = m.AccountControl(username="ann", action=AccountAction.TOTP_OFF)
    assert command(boss, off).status == Status.SECOND_FACTOR_STATE
    factor(kit, ann)
    assert command(boss, off).status == 0
    assert login(kit, None).status == 0


# --- leaving -------------------------------------------------------------------------------------


@pytest.mark.clause("11.21")
def test_what_is_personal_is_forgotten(kit: MasterKit, ann: MasterClient) -> None:
    """Nothing personal is left in the database; the books stay right; the name is free."""
    command(ann, m.AccountUpdate(mask=2, email="ann.personal@example.org"))
    command(ann, m.WatchlistSet(name="mine", symbols=(m.SymbolRow(symbol="AAPL"),)))
    command(ann, m.AlertCreate(symbol="AAPL", condition=1, price=10**8))
    command(ann, m.ApiKeyCreate(scope=Scope.READ, label="my machine"))
    factor(kit, ann)
    ann.order("AAPL", "1")
    kit.quote("AAPL", "99", "100")
    ann.seq = max(ann.seq, kit.main.authorization.sessions.of_account(1)[0].last_seq)
    assert ann.order("AAPL", "1", order_type=2, limit_price=10**8, time_in_force=2).status == 0
    assert ann.ask(m.AccountClose(password=PASSWORD)).status == Status.ACCOUNT_IN_USE
    assert command(ann, m.OrderCancelAll()).status == 0
    refused = ann.ask(m.AccountClose(password=PASSWORD))
    assert refused.status == Status.SECOND_FACTOR_REQUIRED
    boss = operator(kit)
    off = m.AccountControl(username="ann", action=AccountAction.TOTP_OFF)
    assert command(boss, off).status == 0
    assert ann.ask(m.AccountClose(password="a wrong one")).status == Status.AUTH_FAILED
    assert ann.ask(m.AccountClose(password=PASSWORD)).message.ended == 1
    assert login(kit, None).status == Status.AUTH_FAILED
    for name, password in (("(closed-1)", ""), ("(closed-1)", "nobody's password")):
        sent = m.Login(username=name, password=password or PASSWORD, scope=2)
        assert kit.client(connection=30).ask(sent, session=0).status == Status.AUTH_FAILED
    kit.crash()
    boss.resume()
    rows = boss.ask(m.AccountList()).message.accounts
    assert rows[0].username == "(closed-1)"
    assert rows[0].status == AccountStatus.CLOSED
    tables = kit.main.store.db
    for table in ("watchlist", "alert", "recovery_code", "login_address", "reset_token"):
        (left,) = tables.execute_sql(
            f"SELECT count(*) FROM {table}" + (" WHERE account = 1" if table != "x" else "")
        ).fetchone()
        assert left == 0, table
    dump = repr([tables.execute_sql(f"SELECT * FROM {t}").fetchall() for t in
                 ("account", "session", "api_key", "audit")])  # fmt: skip
    for trace in ("ann", "personal", "my machine"):
        assert trace not in dump
    assert kit.client(connection=31).register("ann").status == 0


def test_an_operator_closes_an_account_with_open_orders(kit: MasterKit, ann: MasterClient) -> None:
    """They run their course: the ledger knows numbers only."""
    boss = operator(kit)
    assert ann.order("AAPL", "1", order_type=2, limit_price=10**8, time_in_force=2).status == 0
    close = m.AccountControl(username="ann", action=AccountAction.CLOSE)
    assert command(boss, close).message.ended == 1
    kit.crash()
    assert len(kit.main.transactions.desk.orders_of(account=1)) == 1


# --- how often -----------------------------------------------------------------------------------


@pytest.mark.clause("11.23")
def test_the_rates_of_a_worker_and_of_an_address(tmp_path: Path) -> None:
    """Logins and registrations: RATE_LIMITED with a wait, counted; a loopback is no address."""
    rules = AdmissionRules(
        logins_per_second=1, registrations_per_second=1, registrations_per_hour=3,
        registrations_per_day=9,
    )  # fmt: skip
    kit = MasterKit(tmp_path, admission=rules)
    client = kit.client()
    client.address = bytes(10) + b"\xff\xff\xc6\x33\x00\x01"
    statuses = [client.register(f"user{number}").status for number in range(4)]
    assert statuses == [0, 0, 0, Status.RATE_LIMITED]
    assert kit.main.limit_hits["registers_address"] == 1
    client.address = bytes(15) + b"\1"
    statuses = [client.register(f"local{number}").status for number in range(7)]
    assert statuses == [0] * 6 + [Status.RATE_LIMITED]
    assert kit.main.limit_hits["registers_day"] == 1
    statuses = [client.register("ab").status for _ in range(60)]
    assert statuses[-1] == Status.RATE_LIMITED
    assert kit.main.limit_hits["registrations_worker"] >= 1
    statuses = []
    for number in range(7):
        other = kit.client(connection=100 + number)
        sent = m.Login(username="user0", password=PASSWORD, scope=2)
        answer = other.ask(sent, session=0)
        statuses.append(answer.status)
    assert statuses[:5] == [0] * 5
    assert statuses[-1] == Status.RATE_LIMITED
    assert answer.message.retry_after_ms <= 1_000
    assert kit.main.limit_hits["logins_worker"] >= 1
    kit.check()


@pytest.mark.clause("11.23")
def test_the_failures_of_an_address_are_as_many_as_the_operator_says(tmp_path: Path) -> None:
    """One more than was set waits, and is counted."""
    kit = MasterKit(tmp_path, admission=AdmissionRules(failed_logins_per_address=3))
    statuses = []
    for number in range(4):
        client = kit.client(connection=100 + number)
        client.address = bytes(10) + b"\xff\xff\xc6\x33\x00\x01"
        wrong = m.Login(username=f"nobody{number}", password=PASSWORD, scope=2)
        statuses.append(client.ask(wrong, session=0).status)
    assert statuses == [Status.AUTH_FAILED] * 3 + [Status.RATE_LIMITED]
    assert kit.main.limit_hits["login_address"] == 1
    kit.check()
