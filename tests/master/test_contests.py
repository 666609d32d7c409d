"""Contests at the master: hosts, entries, standings, the end, the file; across a crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from papertrader.core.contestfile import verify
from papertrader.core.contests import ContestState, StandingOrder
from papertrader.core.instants import DAY, MINUTE
from papertrader.core.marketclock import ClockField
from papertrader.core.money import NULL, SCALE
from papertrader.core.terms import PortfolioTerms
from papertrader.master.operators import Appointment, appoint
from papertrader.master.termrecords import terms_block
from papertrader.wire import messages as m
from papertrader.wire.kinds import Scope, Status
from tests.master_kit import PASSWORD, START, MasterClient, MasterKit


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[MasterKit]:
    """A master whose replay runs a session in some three seconds; account 1 is a host's."""
    made = MasterKit(tmp_path, speed_milli=10_000_000)
    ann = made.client()
    ann.register()
    made.main.journal.change(appoint(made.main.store, 1, Appointment.HOST))
    made.turn()
    made.crash()
    yield made
    made.check()


def host(kit: MasterKit, name: str = "ann", connection: int = 1) -> MasterClient:
    """A client logged in with scope HOST."""
    client = kit.client(connection=connection)
    reply = client.ask(m.Login(username=name, scope=Scope.HOST, password=PASSWORD), session=0)
    if reply.status == 0:
        client.session = reply.header.session
    return client


def command(client: MasterClient, message: Any) -> Any:
    """Send a command under the next number."""
    client.seq += 1
    return client.ask(message, seq=client.seq)


def wish(**changes: Any) -> m.ContestCreate:
    """A contest of three days that anyone may join while it runs."""
    given = {"name": "cup", "cash": NULL, "opens_at": 0, "ends_at": START + 3 * DAY,
             "joins_until": START + 3 * DAY}  # fmt: skip
    terms = PortfolioTerms(assets=("AAPL", "IBM"))
    return terms_block(m.ContestCreate, terms, **(given | changes))


@pytest.mark.clause("13.37")
def test_a_contest_from_its_opening_to_its_file(fast: MasterKit) -> None:
    """Clauses 13.33 to 13.37: created, joined, traded, ranked, ended, written, counted again."""
    ann = host(fast)
    made = command(ann, wish()).message
    assert (made.contest, made.name, made.host) == (1, "cup", "ann")
    assert (made.cash, made.state) == (100_000 * SCALE, ContestState.RUNNING)
    assert [row.symbol for row in made.symbols] == ["AAPL", "IBM"]
    bob = fast.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    mine = command(ann, m.ContestJoin(contest=1)).message
    his = command(bob, m.ContestJoin(contest=1)).message
    assert (mine.entries, his.entries) == (1, 2)
    assert command(bob, m.ContestJoin(contest=1)).status == Status.CONTEST_FORBIDS
    assert command(bob, m.PortfolioReset(portfolio=his.portfolio)).status == (
        Status.CONTEST_FORBIDS
    )
    assert bob.order("MSFT", "1", portfolio=his.portfolio).status == Status.TERMS_FORBID
    assert bob.order("AAPL", "100", portfolio=his.portfolio).status == 0
    fast.turn(1.0)
    standings = ann.ask(m.ContestStandings(contest=1, order=StandingOrder.EQUITY)).message
    assert standings.ended_at == 0
    assert standings.standings[0].username in ("ann", "bob")
    assert ann.ask(m.ContestFile(contest=1)).status == Status.NO_DATA
    fast.crash()
    fast.turn(12.0)
    bob = fast.client(connection=4)
    bob.login("bob")
    shown = bob.ask(m.ContestGet(contest=1)).message
    assert shown.state == ContestState.ENDED
    assert shown.ended_at >= START + 3 * DAY
    assert bob.order("AAPL", "1", portfolio=shown.portfolio).status == Status.CONTEST_CLOSED
    final = bob.ask(m.ContestStandings(contest=1, order=StandingOrder.RISK_ADJUSTED)).message
    assert final.ended_at == shown.ended_at
    assert {row.username for row in final.standings} == {"ann", "bob"}
    traded = next(row for row in final.standings if row.username == "bob")
    assert traded.risk_adjusted != NULL
    parts = bob.ask_all(m.ContestFile(contest=1))
    octets = b"".join(part.message.octets for part in parts)
    assert len(octets) == parts[0].message.size
    report = verify(octets)
    assert report.problems == []
    assert {each.equity for each in report.standings} == {row.equity for row in final.standings}
    assert {each.risk_adjusted for each in report.standings} == {
        row.risk_adjusted for row in final.standings
    }


@pytest.mark.clause("13.36")
def test_what_was_counted_while_it_went_on_is_not_the_result(fast: MasterKit) -> None:
    """The final standings by risk are those of the file, though somebody looked just before."""
    ann = host(fast)
    command(ann, wish())
    mine = command(ann, m.ContestJoin(contest=1)).message.portfolio
    assert ann.order("AAPL", "100", portfolio=mine).status == 0
    by_risk = m.ContestStandings(contest=1, order=StandingOrder.RISK_ADJUSTED)
    fast.turn(4.0)
    before = ann.ask(by_risk).message
    assert before.ended_at == 0
    fast.turn(12.0)
    final = ann.ask(by_risk).message
    assert final.ended_at > 0
    octets = b"".join(part.message.octets for part in ann.ask_all(m.ContestFile(contest=1)))
    assert [row.risk_adjusted for row in final.standings] == [
        each.risk_adjusted for each in verify(octets).standings
    ]
    assert final.standings[0].risk_adjusted != before.standings[0].risk_adjusted


@pytest.mark.clause("13.33")
def test_only_hosts_open_contests(fast: MasterKit) -> None:
    """Clause 13.33: scope HOST is for those whom the operator appointed; TRADE is too little."""
    trader = fast.client()
    trader.login()
    assert command(trader, wish()).status == Status.SCOPE_DENIED
    bob = fast.client(connection=2)
    bob.register("bob")
    refused = bob.ask(m.Login(username="bob", scope=Scope.HOST, password=PASSWORD), session=0)
    assert refused.status == Status.SCOPE_DENIED
    ann = host(fast, connection=3)
    assert ann.ask(m.StatsGet()).status == Status.SCOPE_DENIED
    assert ann.order("AAPL", "1").status == 0


@pytest.mark.clause("13.33")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ends_at": 0}, Status.INVALID_FIELD),
        ({"joins_until": START + 4 * DAY}, Status.INVALID_FIELD),
        ({"name": ""}, Status.INVALID_FIELD),
        ({"cash": 0}, Status.INVALID_FIELD),
        ({"participation": 0}, Status.INVALID_FIELD),
        ({"opens_at": 1, "ends_at": 2, "joins_until": 2}, Status.CONTEST_FORBIDS),
        ({"cash": 2**62}, Status.AMOUNT_OVERFLOW),
    ],
)
def test_contests_that_cannot_be(fast: MasterKit, changes: Any, status: Status) -> None:
    """Clause 13.33: each is refused with its reason, and there is no contest."""
    ann = host(fast)
    message = attrs.evolve(wish(), **changes)
    assert command(ann, message).status == status
    assert ann.ask(m.ContestList()).message.contests == ()


@pytest.mark.clause("13.36")
def test_questions_about_contests(fast: MasterKit) -> None:
    """Clause 13.36: lists page; what there is not is NO_SUCH_CONTEST."""
    ann = host(fast)
    for name in ("one", "two", "three"):
        assert command(ann, wish(name=name)).status == 0
    first = ann.ask(m.ContestList(limit=2)).message
    assert [row.name for row in first.contests] == ["one", "two"]
    rest = ann.ask(m.ContestList(after=first.next_after)).message
    assert [row.name for row in rest.contests] == ["three"]
    for message in (m.ContestGet(contest=9), m.ContestStandings(contest=9),
                    m.ContestFile(contest=9)):  # fmt: skip
        assert ann.ask(message).status == Status.NO_SUCH_CONTEST
    assert command(ann, m.ContestJoin(contest=9)).status == Status.NO_SUCH_CONTEST
    assert ann.ask(m.ContestStandings(contest=1)).message.standings == ()


def test_a_step_past_the_end_is_valued_at_the_prices_of_the_end(fast: MasterKit) -> None:
    """Ten days at once: what counts are the last prices of the third, not of before the step."""
    ann = host(fast)
    entry = command(ann, m.ContestJoin(contest=command(ann, wish()).message.contest)).message
    assert command(ann, m.ClockSet(fields=ClockField.PAUSED, paused=True)).status == 0
    assert ann.order("AAPL", "100", portfolio=entry.portfolio).status == 0
    assert command(ann, m.ClockSet(fields=ClockField.STEP, step=MINUTE)).status == 0
    before = ann.ask(m.PortfolioGet(portfolio=entry.portfolio)).message
    assert [row.quantity for row in before.positions] == [100 * SCALE]
    assert command(ann, m.ClockSet(fields=ClockField.STEP, step=10 * DAY)).status == 0
    final = ann.ask(m.ContestStandings(contest=1, order=StandingOrder.EQUITY)).message
    assert final.ended_at > START + 3 * DAY
    price = fast.main.assets._source.quote("AAPL", START + 3 * DAY - 1)
    assert price is not None
    assert final.standings[0].equity == before.cash + 100 * price.last
