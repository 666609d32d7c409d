"""A second factor that is demanded: who has none may set one up, and nothing else."""

from __future__ import annotations

import pytest

from papertrader.master.confinement import LEFT_OPEN
from papertrader.master.demand import Demand
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import (
    AccountAction,
    AccountRole,
    Category,
    Mechanism,
    Opcode,
    Scope,
    Status,
)
from tests.master.test_access import STEP, code_of, command, factor, login, operator
from tests.master_kit import PASSWORD, MasterClient, MasterKit

DEMANDED = Status.SECOND_FACTOR_DEMANDED


def demand(kit: MasterKit, what: Demand) -> None:
    """Have the operator change the setting and start the master again."""
    kit.demand = what
    kit.crash()


@pytest.mark.clause("11.26")
def test_a_confined_session_sets_a_second_factor_up_and_is_free(
    kit: MasterKit, ann: MasterClient
) -> None:
    """A remembered session of before, too; LOGIN and RESUME say SETUP, then what was asked for."""
    demand(kit, Demand.EVERYBODY)
    assert ann.resume().message.scope == Scope.SETUP
    assert login(kit, None).message.scope == Scope.SETUP
    assert ann.ask(m.AccountGet()).status == DEMANDED
    assert ann.order("AAPL", "1").status == DEMANDED
    seed, _ = factor(kit, ann)
    assert ann.ask(m.AccountGet()).message.scope == Scope.TRADE
    assert ann.order("AAPL", "1").status == 0
    assert ann.resume().message.scope == Scope.TRADE
    kit.turn(STEP + 1)
    assert login(kit, code_of(kit, seed)).message.scope == Scope.TRADE


@pytest.mark.clause("11.26")
def test_nothing_else_is_answered(kit: MasterKit, ann: MasterClient) -> None:
    """Of all that needs a session, before its body is looked at; each refusal is counted."""
    demand(kit, Demand.EVERYBODY)
    ann.resume()
    others = sorted(kit.main._routes.keys() - LEFT_OPEN)
    assert len(others) > 60
    for number, opcode in enumerate(others, 1_000):
        ann.relay(
            codec.frame(
                Category.COMMAND, opcode, b"", session=ann.session, correlation=number, seq=1
            )
        )
        kit.turn()
        (answer,) = ann.replies(number)
        assert answer.status == DEMANDED, Opcode(opcode)
        assert "papertrader totp setup" in answer.message.text
    assert dict(kit.main.people.figures())["factor_demanded"] == len(others)
    assert ann.ask(m.Logout()).status == 0


@pytest.mark.clause("11.26")
def test_of_operators_alone(kit: MasterKit, ann: MasterClient) -> None:
    """Traders are left alone; whoever becomes an operator is logged out, and confined then."""
    boss = operator(kit)
    demand(kit, Demand.OPERATORS)
    assert ann.resume().message.scope == Scope.TRADE
    assert boss.resume().message.scope == Scope.SETUP
    assert boss.ask(m.StatsGet()).status == DEMANDED
    factor(kit, boss)
    assert boss.ask(m.StatsGet()).status == 0
    raised = m.AccountControl(
        username="ann", action=AccountAction.SET_ROLE, role=AccountRole.OPERATOR
    )
    assert command(boss, raised).message.ended == 1
    assert ann.ask(m.AccountGet()).status == Status.SESSION_DETACHED
    assert ann.login().message.scope == Scope.SETUP


@pytest.mark.clause("11.26")
def test_who_loses_it_is_logged_out(kit: MasterKit, ann: MasterClient) -> None:
    """By an operator: everywhere. By the owner: elsewhere; what this session heard is over."""
    demand(kit, Demand.EVERYBODY)
    boss = operator(kit)
    factor(kit, boss)
    assert ann.login().status == 0
    _, codes = factor(kit, ann)
    off = m.AccountControl(username="ann", action=AccountAction.TOTP_OFF)
    assert command(boss, off).message.ended == 2
    assert ann.login().message.scope == Scope.SETUP
    _, codes = factor(kit, ann)
    other = kit.client(connection=9)
    kit.turn(2 * STEP)
    assert ann.follow().status == 0
    again = other.ask(m.Login(username="ann", password=PASSWORD, scope=2, code=codes[0]), session=0)
    assert again.status == 0
    assert command(ann, m.TotpDisable(code=codes[1])).status == 0
    session = kit.main.authorization.sessions.by_handle(ann.session, ann.link, ann.connection)
    assert session is not None
    assert session.subscription == 0
    assert [each.account for each in kit.main.authorization.sessions].count(session.account) == 1
    assert ann.ask(m.AccountGet()).status == DEMANDED


@pytest.mark.clause("11.26")
def test_keys_of_a_confined_account_open_nothing(kit: MasterKit, ann: MasterClient) -> None:
    """Neither a login nor a session of before; with the owner's second factor they do again."""
    made = command(ann, m.ApiKeyCreate(scope=Scope.READ, label="bot")).message
    text = made.key.to_bytes(8, "big").hex() + made.secret.hex()
    key = m.Login(mechanism=Mechanism.API_KEY, scope=Scope.READ, password=text)
    bot = kit.client(connection=3)
    answer = bot.ask(key, session=0)
    bot.session, bot.token = answer.header.session, answer.message.token
    demand(kit, Demand.EVERYBODY)
    assert bot.ask(key, session=0).status == DEMANDED
    assert bot.resume().message.scope == Scope.SETUP
    assert bot.ask(m.AccountGet()).status == DEMANDED
    assert bot.ask(m.TotpSetup(password=PASSWORD)).status == Status.SCOPE_DENIED
    ann.resume()
    factor(kit, ann)
    assert bot.ask(m.AccountGet()).status == 0


@pytest.mark.clause("11.26")
def test_setup_is_said_and_not_asked_for(kit: MasterKit, ann: MasterClient) -> None:
    """No login and no key has the scope SETUP; by default nothing is demanded."""
    asked = kit.client(connection=9).ask(
        m.Login(username="ann", password=PASSWORD, scope=Scope.SETUP), session=0
    )
    assert asked.status == Status.INVALID_FIELD
    key = m.ApiKeyCreate(scope=Scope.SETUP, label="bot")
    assert command(ann, key).status == Status.INVALID_FIELD
    assert ann.ask(m.AccountGet()).message.scope == Scope.TRADE
    assert dict(kit.main.people.figures())["factor_demanded"] == 0
