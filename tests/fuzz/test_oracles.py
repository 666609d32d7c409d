"""Each oracle finds the bug that is put in for it, and finds nothing at an honest target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from papertrader.fuzz import audits, mutate
from papertrader.fuzz.audits import Canary, audited
from papertrader.fuzz.bench import Bench, Outcome
from papertrader.fuzz.campaign import Campaign, Plan
from papertrader.fuzz.corpus import Kind, Opening, Sequence, Step, Wait
from papertrader.fuzz.observe import Breach, LeakWatch
from papertrader.fuzz.player import play
from papertrader.fuzz.reference import rows_of
from papertrader.fuzz.report import campaign_facts, campaign_html, campaign_line
from papertrader.fuzz.resources import Usage, Watch, compared, usage
from papertrader.fuzz.sequences import Sequences, send
from papertrader.fuzz.timing import EVERY_S, LoginTiming
from papertrader.fuzz.timing import compared as compared_times
from papertrader.fuzz.world import World
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.fuzz_kit import FakeTarget, world

ORDER = codec.encode(m.OrderNew(client_order_id=7, symbol="IBM", quantity=1), correlation=5, seq=1)


def played(it: World, *frames: bytes) -> list[str]:
    """Play frames on one connection with a session; return the oracles that spoke."""
    opening = Step(Kind.OPEN, option=Opening.FIRST)
    steps = (opening, *(send(octets, Wait.REPLY) for octets in frames))
    return [breach.oracle for breach in play(it, Sequence(steps)).breaches]


def asked(message: m.Message, correlation: int = 3) -> bytes:
    """Return a request."""
    return codec.encode(message, correlation=correlation)


LIE = mutate.put(asked(m.PortfolioGet()), 2, "B", 9)
BUGS = {
    "odd": ("framing", [asked(m.PortfolioGet())]),
    "refuses": ("model", [asked(m.OrderList())]),
    "internal": ("crash", [asked(m.OrderList())]),
    "mute": ("discipline", [LIE]),
    "twice": ("idempotency", [ORDER, mutate.put(ORDER, 20, "I", 6)]),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_found(bug: str) -> None:
    """One bug, the frames that show it, the oracle that says so; without the bug: nothing."""
    oracle, frames = BUGS[bug]
    assert played(world(bug), *frames)[:1] == [oracle]
    assert played(world(), *frames) == []


def test_rows_of_a_part_are_those_of_its_kind() -> None:
    """Of the first group, lines of a log, and one for each part of a contest's file."""
    head = {"part": 1, "parts": 1, "rows": 2, "total_rows": 2}
    assert rows_of(m.LogPart(**head, lines='{"a": 1}\n{"b": 2}')) == 2
    assert rows_of(m.LogPart(**head)) == 0
    assert rows_of(m.ContestFilePart(**head, contest=1, size=2, octets=b"ab")) == 1
    watches = (m.WatchRow(name="a", symbol="IBM"), m.WatchRow(name="a", symbol="AAPL"))
    assert rows_of(m.WatchlistPart(**head, watches=watches)) == 2
    assert rows_of(m.WatchlistPart(**head)) == 0


def test_a_leak_is_found() -> None:
    """The e-mail of one account in a reply to another."""
    assert leaks_of(world("leaks")) == ["leak"]
    assert leaks_of(world()) == []


def leaks_of(it: World) -> list[str]:
    """Ask as the second account who it is."""
    it.keeper_token(it.account(0))
    steps = (Step(Kind.OPEN, option=Opening.SECOND), send(asked(m.AccountGet()), Wait.REPLY))
    return [breach.oracle for breach in play(it, Sequence(steps)).breaches]


def test_tokens_and_passwords_are_never_sent_again() -> None:
    """A token that was given once, and whatever is marked as a password."""
    watch = LeakWatch()
    watch.watch_token(b"t" * 32)
    assert [b.oracle for b in watch.judge("a", b"x" + b"t" * 32)] == ["leak"]
    assert [b.text for b in watch.judge("a", b"ptfz-pw-secret")] == ["a password was sent to a"]
    assert watch.judge("a", b"ptfz-a-mark and tttt") == []


def test_money_that_is_lost_is_found() -> None:
    """The chain of cash_after is broken."""
    assert [b.oracle for b in audited(world("loses money"), 0)[0]] == ["conservation"]
    assert audited(world(), 0)[0] == []


def test_an_order_that_counts_twice_is_found() -> None:
    """The reply and its repetition are alike; the books have the order two times."""
    for bugs, oracles in (((), []), (("does it twice",), ["idempotency"])):
        it = world(*bugs)
        assert played(it, ORDER, mutate.put(ORDER, 20, "I", 6)) == []
        assert [breach.oracle for breach in audited(it, 0)[0]] == oracles


def test_fills_are_counted_once() -> None:
    """A fill posted twice, and an order whose transactions are not what it has filled."""
    fill = m.TransactionRow(kind=1, symbol="IBM", quantity=5, order=1, fill=1)
    order = m.OrderRow(order=1, client_order_id=7, filled=5)
    head = m.PortfolioPart()
    assert audits.counted_twice(audits.Books(head, (), (fill,), (order,))) == []
    for transactions in ((), (fill, fill)):
        found = audits.counted_twice(audits.Books(head, (), transactions, (order,)))
        assert {breach.oracle for breach in found} == {"idempotency"}


def test_a_password_that_fails_too_quickly_is_found() -> None:
    """Whoever answers for an unknown user without a hash tells which users exist."""
    for bugs, oracles in (((), []), (("hurries",), ["leak"])):
        it = world(*bugs)
        timing = LoginTiming(it)
        until = it.target.now() + 16 * EVERY_S
        while it.target.now() < until:
            timing.tend()
            it.target.pump(1.0)
        assert [breach.oracle for breach in timing.judge()] == oracles
    assert compared_times([0.05] * 9, [0.06] * 9) == []
    assert compared_times([0.05] * 5, [0.01] * 9) == []


def test_conservation_of_positions_and_reservations() -> None:
    """Fills make positions, open orders make the reserved cash."""
    buy = m.TransactionRow(kind=1, symbol="IBM", quantity=5, amount=-10, cash_after=-10)
    head = m.PortfolioPart(cash=-10, reserved_cash=3)
    good = audits.Books(
        head, (m.PositionRow(symbol="IBM", quantity=5),), (buy,), (m.OrderRow(reserved_cash=3),)
    )
    assert audits.unbalanced(good) == []
    for books in (
        audits.Books(head, (), good.transactions, good.orders),
        audits.Books(head, good.positions, good.transactions, ()),
        audits.Books(m.PortfolioPart(cash=1, reserved_cash=3), good.positions, (buy,), good.orders),
    ):
        assert [b.oracle for b in audits.unbalanced(books)] == ["conservation"]


def test_the_canary_notices_a_lost_connection_and_slowness() -> None:
    """It is cut off once; then every answer takes too long."""
    it = world()
    canary = Canary(it, bound_s=0.5)
    tend(it, canary)
    assert canary.latencies
    target = it.target
    assert isinstance(target, FakeTarget)
    next(end for end in target.ends if end.channel.owner == "c").cut("close")
    tend(it, canary)
    canary.latencies.extend([0.9] * 100)
    assert {breach.oracle for breach in canary.judge()} == {"canary"}
    assert any("p99" in breach.text for breach in canary.breaches)
    assert any("lost its connection" in breach.text for breach in canary.breaches)


def tend(it: World, canary: Canary) -> None:
    """Let some time pass for the canary."""
    for _ in range(40):
        canary.tend()
        it.target.pump(0.05)


def test_resources_and_crash(tmp_path: Path) -> None:
    """Memory and open files before and after; a process that is gone."""
    (tmp_path / "7" / "fd").mkdir(parents=True)
    (tmp_path / "7" / "status").write_text("Name:\tx\nVmRSS:\t  2048 kB\n")
    (tmp_path / "7" / "stat").write_text("7 (a b) S " + "0 " * 40)
    before = usage(7, tmp_path)
    assert before == Usage(2048, 0)
    assert usage(8, tmp_path) is None
    assert compared(7, before, before) == []
    assert [b.oracle for b in compared(7, before, None)] == ["crash"]
    grown = Usage(2048 + 100 * 1024, 50)
    assert [b.oracle for b in compared(7, before, grown)] == ["resources", "resources"]


def test_memory_that_grows_on_and_on_is_found(tmp_path: Path) -> None:
    """A line through the second half of the samples; what cases may leave behind is allowed."""
    place = tmp_path / "7"
    (place / "fd").mkdir(parents=True)
    (place / "stat").write_text("7 (a b) S " + "0 " * 40)

    def watched(kib: Callable[[int], int], cases: int = 0) -> list[str]:
        watch = Watch(7, tmp_path)
        for second in range(0, 600, 5):
            (place / "status").write_text(f"VmRSS: {kib(second)} kB\n")
            watch.sample(float(second), second * cases)
        assert watch.told().startswith("process 7: memory ")
        return [breach.oracle for breach in watch.judge()]

    assert watched(lambda second: 100_000) == []
    assert watched(lambda second: 100_000 + 400 * min(second, 200)) == []
    assert watched(lambda second: 100_000 + 100 * second) == ["resources"]
    assert watched(lambda second: 100_000 + 100 * second, 5_000) == []
    assert watched(lambda second: 100_000 + 1_500 * second, 5_000) == ["resources"]
    gone = Watch(7, tmp_path)
    gone.sample(0.0, 0)
    (place / "status").unlink()
    gone.sample(1.0, 0)
    assert [breach.oracle for breach in gone.judge()] == ["crash"]


@pytest.mark.parametrize("profile", ["codec", "session", "all"])
def test_an_honest_target_has_no_findings(profile: str) -> None:
    """Many sequences of every profile: nothing is said against a target that does all right."""
    it = world(seed=3)
    made = Sequences(it.rng)
    found: list[Breach] = []
    for number in range(25):
        found += play(it, made.make(profile, number)).breaches
    assert found == []


def test_a_campaign_finds_a_bug_and_saves_it(tmp_path: Path) -> None:
    """The whole loop in memory: coverage grows, a finding is written once however often met."""
    it = world("refuses")
    plan = Plan(seconds=0.5, seed=1, profile="codec", connections=2, findings=tmp_path)
    campaign = Campaign(it, plan, lambda campaign, elapsed: None)
    tally = campaign.run()
    assert any(breach.oracle == "model" for breach in tally.texts)
    assert list(tmp_path.glob("model-*/sequence.ptc"))
    assert len(campaign.coverage.triples) > 5


def test_what_a_target_refuses_to_the_harness_is_told() -> None:
    """One that opens no session and shows no books any more: no finding, and not a quiet one."""
    it = world(seed=3)

    def progress(campaign: Campaign, elapsed: float) -> None:
        it.target.bugs = frozenset({"closed"})

    campaign = Campaign(it, Plan(seconds=1.5, seed=1, profile="codec", connections=2), progress)
    tally = campaign.run()
    assert (tally.found, tally.refused_setups >= 3) == ({}, True)
    assert campaign_facts(campaign)["refused_setups"] == tally.refused_setups
    assert f" {tally.refused_setups} setups refused," in campaign_line(campaign)


def test_the_page_of_a_campaign_names_each_process_and_finding_on_a_line() -> None:
    """As people write them, not as Python does; and where the findings were saved."""
    plan = Plan(seconds=1.0, seed=1, profile="codec", connections=1)
    campaign = Campaign(world(seed=3), plan, lambda campaign, elapsed: None)
    assert "<td>saved</td><td>none</td>" in campaign_html(campaign)
    campaign.tally.places = ["findings/leak-1", "findings/crash-2"]
    assert "<td>findings/leak-1<br>findings/crash-2</td>" in campaign_html(campaign)


def test_the_same_seed_makes_the_same_sequences() -> None:
    """Deterministic by seed."""
    first = [Sequences(world(seed=9).rng).make("all", 1) for _ in range(2)]
    assert first[0] == first[1]


def test_the_bench_reports_what_came() -> None:
    """A case sees the status of a reply, or the code of GOODBYE."""
    it = world()
    bench = Bench(it, it.rng)
    channel = bench.session()
    good = bench.outcome(channel, bench.encoded(channel, m.PortfolioGet()))
    assert (good.status, good.closed) == (Status.OK, False)
    bad = bench.outcome(channel, LIE)
    assert (bad.status, bad.closed) == (Status.VERSION_UNSUPPORTED, True)
    assert str(Outcome(None, False, None)) == "silence"
    assert bench.finish() == []
