"""Contests: same cash, same terms, a beginning and an end; results, ranks, and the file."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from papertrader.core import contests, desk
from papertrader.core.contestfile import Account, FileError, curve_of, risk_adjusted, verify, write
from papertrader.core.contests import Contest, ContestRules, Entry, ranked
from papertrader.core.events import TransactionPosted
from papertrader.core.instants import DAY
from papertrader.core.ledger import InvariantViolated, TransactionKind
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import OrderState, Side, TimeInForce
from papertrader.core.refusals import Refusal
from papertrader.core.terms import AccountKind, PortfolioTerms

END = 10**6


def rules(**changes: Any) -> ContestRules:
    """A contest from 100 to END with 1,000.00 for each."""
    given: dict[str, Any] = {
        "name": "cup", "currency": "USD", "cash": 1_000 * SCALE, "opens_at": 100, "ends_at": END,
        "joins_until": 5_000, "terms": PortfolioTerms(price_minimum=SCALE),
    }  # fmt: skip
    return ContestRules(**(given | changes))


def opened(floor: Any, number: int = 1, **changes: Any) -> Any:
    """Open a contest."""
    tick = floor.tick()
    outcome = floor.desk.open_contest(
        **tick, account=1, contest=number, rules=rules(**changes), market_at=tick["at"]
    )
    floor.keep(outcome.events)
    return outcome


def joined(floor: Any, account: int, portfolio: int, number: int = 1, market_at: int = 0) -> Any:
    """Enter it."""
    tick = floor.tick()
    before = floor.desk.state_hash()
    outcome = floor.desk.join_contest(
        **tick, account=account, contest=number, portfolio=portfolio,
        market_at=market_at or tick["at"],
    )  # fmt: skip
    floor.keep(outcome.events)
    if outcome.refusal is not None:
        assert floor.desk.state_hash() == before
    return outcome


def advance(floor: Any, market_at: int) -> list[Any]:
    """Let market time go on."""
    return floor.keep(floor.desk.advance(**floor.tick(), market_at=market_at))


@pytest.fixture
def cup(floor: Any) -> Any:
    """A floor with a running contest: entries 10 of account 1 and 20 of account 2."""
    floor.open(2, 2)
    assert opened(floor).refusal is None
    assert joined(floor, 1, 10).refusal is None
    assert joined(floor, 2, 20).refusal is None
    floor.now = 200
    return floor


def test_what_falls_due_after_a_contest_is_none_of_its_business(cup: Any) -> None:
    """Time may go past its end and a close in one step: the order for that close is too late."""
    cup.quote("9", "10", last="10")
    fields = {"portfolio": 10, "time_in_force": TimeInForce.CLS, "works_from": 1}
    late = cup.order("1", expire_at=END + 5, **fields)
    cup.quote("9", "10", last="10")
    early = cup.order("1", expire_at=END - 5, **fields)
    cup.quote("9", "10", last="10")
    advance(cup, END + 10)
    assert cup.now_is(early).state == OrderState.FILLED
    assert cup.now_is(late).state == OrderState.CANCELLED
    assert cup.now_is(late).reason == Refusal.CONTEST_CLOSED
    assert cup.desk.state.contests[1].entries[10].equity == 1_000 * SCALE


def test_an_entry_ends_with_all_that_it_owes_until_then(
    floor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One input goes past two closes here: the contest ends behind those of its time, no sooner."""
    monkeypatch.setattr(desk, "CLOSES_MAX", 2)
    ends = 8 * DAY
    terms = PortfolioTerms(account_kind=AccountKind.MARGIN)
    cash = 10_000 * SCALE
    opened(floor, cash=cash, ends_at=ends, opens_at=1, joins_until=ends, terms=terms)
    joined(floor, 1, 10)
    floor.order("150", "100", portfolio=10)
    floor.quote("100", "100", last="100")
    while 0 < floor.desk.next_expiry() <= 20 * DAY:
        advance(floor, 20 * DAY)
    posted = [each.transaction for each in floor.events if isinstance(each, TransactionPosted)]
    charged = [each for each in posted if each.kind == TransactionKind.INTEREST]
    until_then = [each.amount for each in charged if each.market_time < ends]
    assert len(charged) > len(until_then) > 2
    assert floor.desk.state.contests[1].entries[10].equity == cash + sum(until_then)


def test_an_entry_is_a_portfolio_with_the_contests_cash_and_terms(cup: Any) -> None:
    """Named after it; it trades, and recovers, like any other."""
    entry = cup.desk.portfolio(10)
    assert (entry.cash, entry.name, entry.contest) == (1_000 * SCALE, "cup", 1)
    assert entry.terms.price_minimum == SCALE
    cup.quote("9", "10", last="10")
    assert cup.submit("1", "0.5", portfolio=10).refusal is None
    cup.quote("0.5", "0.6", last="0.5")
    assert cup.submit("1", "0.5", portfolio=10).refusal == Refusal.TERMS_FORBID
    assert cup.recovered().state_hash() == cup.desk.state_hash()


@pytest.mark.clause("13.35")
def test_what_an_entry_may_not_do(cup: Any) -> None:
    """No cash in or out, no reset, no other terms: CONTEST_FORBIDS, and nothing is changed."""
    asked = [
        ("move_cash", {"amount": SCALE}),
        ("move_cash", {"amount": -SCALE}),
        ("reset_portfolio", {"cash": 0}),
        ("set_terms", {"terms": PortfolioTerms()}),
    ]
    for method, fields in asked:
        before = cup.desk.state_hash()
        outcome = getattr(cup.desk, method)(**cup.tick(), account=1, portfolio=10, **fields)
        assert outcome.refusal == Refusal.CONTEST_FORBIDS, method
        assert "is an entry of contest 1" in outcome.text
        assert cup.desk.state_hash() == before


@pytest.mark.clause("13.34")
def test_who_may_join_and_when(floor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, in time, if there is room; and such a contest must be."""
    floor.open(2, 2)
    opened(floor)
    assert joined(floor, 1, 10, number=9).refusal == Refusal.NO_SUCH_CONTEST
    assert joined(floor, 1, 10, market_at=5_000).refusal == Refusal.CONTEST_CLOSED
    assert joined(floor, 1, 10, market_at=4_999).refusal is None
    assert joined(floor, 1, 11).refusal == Refusal.CONTEST_FORBIDS
    opened(floor, 2, name="strict", joins_until=100)
    assert joined(floor, 1, 12, number=2, market_at=100).refusal == Refusal.CONTEST_CLOSED
    assert joined(floor, 1, 12, number=2, market_at=99).refusal is None
    opened(floor, 3, name="third")
    floor.desk.rules = attrs.evolve(floor.desk.rules, portfolios_max=3)
    full = joined(floor, 1, 13, number=3)
    assert full.refusal == Refusal.PORTFOLIO_LIMIT
    assert "needs a portfolio of its own: you have 3, 3 are allowed" in full.text
    monkeypatch.setattr("papertrader.core.contesting.ENTRIES_MAX", 1)
    assert joined(floor, 2, 13).refusal == Refusal.CONTEST_FORBIDS
    with pytest.raises(ValueError, match="exists already"):
        joined(floor, 2, 12)


def test_contests_are_bounded(floor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In number while they go on; and none may end before it was opened."""
    assert contests.CONTESTS_MAX > 1
    monkeypatch.setattr("papertrader.core.contesting.CONTESTS_MAX", 1)
    assert opened(floor, ends_at=101, joins_until=101).refusal is None
    assert opened(floor, 2).refusal == Refusal.CONTEST_FORBIDS
    floor.now = 200
    advance(floor, 200)
    for end in (150, floor.now + 20):  # The second input is of just that time.
        late = opened(floor, 2, ends_at=end, joins_until=end)
        assert late.refusal == Refusal.CONTEST_FORBIDS
    assert opened(floor, 2).refusal is None
    assert opened(floor, 3, cash=10**18).refusal is not None
    with pytest.raises(ValueError, match="exists already"):
        opened(floor, 2)


@pytest.mark.clause("13.35")
def test_entries_trade_only_while_it_runs(cup: Any) -> None:
    """Neither before it opens nor from its end on; others trade on."""
    assert cup.submit("1", "10", portfolio=10, market_at=99).refusal == Refusal.CONTEST_CLOSED
    assert cup.submit("1", "10", portfolio=10, market_at=END).refusal == Refusal.CONTEST_CLOSED
    assert cup.submit("1", "10", portfolio=10, market_at=END - 1).refusal is None
    assert cup.submit("1", "10", market_at=END).refusal is None


@pytest.mark.clause("13.35")
def test_at_the_end_everything_is_valued_at_last_prices(cup: Any) -> None:
    """Open orders are cancelled; the result does not change any more."""
    cup.quote("9", "10", last="10")
    cup.order("50", "10", portfolio=10)
    cup.quote("9", "10", last="9.5")
    rest = cup.order("1", "5", portfolio=20, account=2)
    assert cup.desk.next_expiry() == END
    advance(cup, END - 1)
    assert cup.desk.state.contests[1].ended_at == 0
    advance(cup, END + 5)
    contest = cup.desk.state.contests[1]
    assert (contest.ended_at, contest.marks) == (END + 5, (("ACME", 950_000_000),))
    assert contest.entries[10].equity == 975 * SCALE
    assert contest.entries[20].equity == 1_000 * SCALE
    assert cup.now_is(rest).state == OrderState.CANCELLED
    assert cup.now_is(rest).reason == Refusal.CONTEST_CLOSED
    assert cup.desk.next_expiry() == 0
    assert cup.recovered().state_hash() == cup.desk.state_hash()
    assert joined(cup, 1, 30).refusal == Refusal.CONTEST_CLOSED


def test_events_that_do_not_follow_are_refused(cup: Any) -> None:
    """A result that is another one, an entry that is none, a contest opened twice."""
    advance(cup, END)
    ended = cup.events[-1]
    fresh = cup.recovered
    cup.events.pop()
    wrong = type(ended)(1, END, ended.marks, ((10, 1), (20, 1)), ended.at)
    for event in (wrong, type(ended)(1, END, (), ((10, 1_000 * SCALE),), 1)):
        with pytest.raises(InvariantViolated):
            fresh().apply(event)


@pytest.mark.parametrize(
    "changes",
    [
        {"cash": 0}, {"opens_at": 0}, {"ends_at": 100}, {"joins_until": 99},
        {"joins_until": END + 1}, {"name": ""}, {"currency": "usd"},
    ],
)  # fmt: skip
def test_rules_that_contradict_themselves(changes: dict[str, Any]) -> None:
    """Refused before there is a contest."""
    with pytest.raises(ValueError, match=r"\w"):
        rules(**changes)


@pytest.mark.clause("13.36")
def test_equals_share_a_rank() -> None:
    """By equity, or by risk with those that have none last; who joined first stands first."""
    entries = {n: Entry(n, n, joined_at=n) for n in (1, 2, 3, 4)}
    contest = Contest(1, 1, rules(), 0, entries)
    found = ranked(contest, [(1, 5, NULL), (2, 9, 3), (3, 9, 7), (4, 1, NULL)])
    assert [(each.rank, each.portfolio) for each in found] == [(1, 2), (1, 3), (3, 1), (4, 4)]
    risky = ranked(contest, [(1, 5, NULL), (2, 9, 3), (3, 9, 7), (4, 1, NULL)], by_risk=True)
    assert [(each.rank, each.portfolio) for each in risky] == [(1, 3), (2, 2), (3, 1), (3, 4)]
    assert found[0].gain == (9 - 1_000 * SCALE) * SCALE // (1_000 * SCALE)


# --- the file ------------------------------------------------------------------------------------


def file_of(floor: Any) -> bytes:
    """The file of the floor's contest 1, with two sessions before its end."""
    contest = floor.desk.state.contests[1]
    accounts = [
        Account(
            entry,
            f"user{entry.account}",
            [
                event.transaction
                for event in floor.events
                if isinstance(event, TransactionPosted)
                and event.portfolio == entry.portfolio
            ],
        )
        for entry in contest.entries.values()
    ]  # fmt: skip
    prices = {1_000: {"ACME": 9 * SCALE}, 2_000: {"ACME": 11 * SCALE}}
    marks = dict(contest.marks)
    equities = [
        (
            each.entry.portfolio,
            each.entry.equity,
            risk_adjusted(curve_of(each.transactions, prices, contest.ended_at, marks)),
        )
        for each in accounts
    ]
    return write(contest, accounts, prices, ranked(contest, equities))


@pytest.fixture
def played(cup: Any) -> bytes:
    """The file of a contest in which both have traded."""
    cup.quote("9", "10", last="10")
    cup.order("50", "10", portfolio=10)
    cup.order("20", "10", portfolio=20, account=2)
    cup.quote("9", "10", last="9.5")
    cup.order("20", side=Side.SELL, portfolio=20, account=2)
    cup.quote("12", "12.5", last="12")
    cup.now = END
    advance(cup, END)
    return file_of(cup)


def test_a_file_is_counted_again(played: bytes) -> None:
    """Everything in it follows from everything else."""
    report = verify(played)
    assert report.problems == []
    assert [(each.rank, each.portfolio) for each in report.standings] == [(1, 10), (2, 20)]
    assert report.contest.rules == rules()
    assert report.standings[0].equity == 1_100 * SCALE


def _changed(played: bytes, line: int, change: Any) -> bytes:
    lines = played.splitlines()
    content = json.loads(lines[line])
    change(content)
    lines[line] = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return b"\n".join(lines) + b"\n"


@pytest.mark.clause("13.37")
@pytest.mark.parametrize(
    ("line", "change", "problem"),
    [
        (1, lambda c: c["transactions"][1].__setitem__(5, -SCALE), "adds up to"),
        (1, lambda c: c["transactions"][1].__setitem__(4, 3 * SCALE), "price times its quantity"),
        (1, lambda c: c["transactions"].insert(1, c["transactions"][0]), "does not allow"),
        (1, lambda c: c["entry"].__setitem__("equity", 5), "and the file says 5"),
        (0, lambda c: c["marks"].__setitem__("ACME", SCALE), "is worth"),
        (3, lambda c: c["prices"][0][1].__setitem__("ACME", SCALE), "standings"),
        (4, lambda c: c["standings"].reverse(), "standings"),
        (4, lambda c: c["standings"][0].__setitem__("gain", 7), "standings"),
    ],
)
def test_no_change_of_a_file_goes_unseen(
    played: bytes, line: int, change: Any, problem: str
) -> None:
    """The digest tells that it was changed, the counting tells what."""
    report = verify(_changed(played, line, change))
    assert any("SHA-256" in each for each in report.problems)
    assert any(problem in each for each in report.problems), report.problems


@pytest.mark.parametrize(
    "octets", [b"", b"{}", b"[1]\n[2]\n[3]\n[4]\n", b"\xff\xfe", b"null\nnull\nnull\nnull\n"]
)
def test_what_is_no_file_is_said_so(octets: bytes) -> None:
    """One sentence, never a traceback."""
    with pytest.raises(FileError, match="not a whole file"):
        verify(octets)
