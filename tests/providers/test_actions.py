"""Corporate actions that a provider announces: read strictly, believed with care, applied once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import succeed
from twisted.logger import capturedLogs, formatEvent

from papertrader.core.instants import DAY, MINUTE
from papertrader.core.money import SCALE, parse_amount
from papertrader.core.quotes import ActionKind
from papertrader.core.secrets import Secret
from papertrader.master import announcements
from papertrader.master.livemarket import LiveParts
from papertrader.master.providers.catalog import facts_of, make_provider
from papertrader.master.providers.faults import FaultKind, ProviderFault
from papertrader.master.providers.http import Web
from papertrader.master.providers.provider import ActionsAnswer, Announcement
from papertrader.master.providers.request import Origin
from papertrader.net.clock import Clock
from papertrader.ops import replaycheck
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.master_kit import MasterKit
from tests.provider_kit import JSON, KEY, SHAPES, Bench, Row, Sent, Stub

FIRST, LAST = date(2026, 11, 1), date(2026, 12, 31)
SPLIT = {"symbol": "AAPL", "new_rate": 2, "old_rate": 1, "ex_date": "2026-11-30"}
DIVIDEND = {"symbol": "AAPL", "rate": 0.26, "ex_date": "2026-12-01", "special": False}


def body(page: str | None = None, **lists: Any) -> str:
    """An answer of Alpaca's."""
    return json.dumps({"corporate_actions": lists, "next_page_token": page})


def asked(answer: str | Sent, page: str = "") -> ActionsAnswer | ProviderFault:
    """What a call brings that is answered so."""
    bench = Bench("alpaca")
    bench.serve(answer)
    return bench.run(bench.provider.actions(["AAPL", "MSFT"], FIRST, LAST, page))  # type: ignore[no-any-return]


def test_splits_and_dividends_are_read_exactly() -> None:
    """Whole ratios in lowest terms, exact amounts; the request names symbols, kinds and days."""
    bench = Bench("alpaca")
    reverse = {**SPLIT, "symbol": "MSFT", "new_rate": 1, "old_rate": 1.5}
    bench.serve(
        body("more", forward_splits=[SPLIT], reverse_splits=[reverse], cash_dividends=[DIVIDEND])
    )
    answer = bench.run(bench.provider.actions(["AAPL", "MSFT"], FIRST, LAST))
    found = [(a.symbol, a.kind, a.numerator, a.denominator, a.amount) for a in answer.announcements]
    assert found == [
        ("AAPL", ActionKind.SPLIT, 2, 1, 0),
        ("MSFT", ActionKind.SPLIT, 2, 3, 0),
        ("AAPL", ActionKind.CASH_DIVIDEND, 1, 1, parse_amount("0.26")),
    ]
    assert (answer.page, answer.problems) == ("more", ())
    bench.serve(body())
    bench.run(bench.provider.actions(["AAPL"], FIRST, LAST, answer.page))
    first, second = (seen.uri for seen in bench.stub.seen)
    assert first.startswith("/v1/corporate-actions?symbols=AAPL%2CMSFT&types=forward_split")
    assert "start=2026-11-01&end=2026-12-31" in first
    assert "page_token=more" in second
    assert all(KEY.decode() not in seen.uri for seen in bench.stub.seen)


BAD_ROWS: dict[str, tuple[str, Any]] = {
    "1 a split of nothing": ("forward_splits", {**SPLIT, "new_rate": 0}),
    "2 a negative split": ("forward_splits", {**SPLIT, "old_rate": -1}),
    "3 a split into itself": ("forward_splits", {**SPLIT, "new_rate": 1}),
    "4 a split beyond all measure": ("reverse_splits", {**SPLIT, "old_rate": 10_001}),
    "5 text for a rate": ("forward_splits", {**SPLIT, "new_rate": "two"}),
    "6 no rate": ("forward_splits", {"symbol": "AAPL", "ex_date": "2026-11-30"}),
    "7 a rate that is true": ("forward_splits", {**SPLIT, "new_rate": True}),
    "8 no dividend": ("cash_dividends", {**DIVIDEND, "rate": 0}),
    "9 a negative dividend": ("cash_dividends", {**DIVIDEND, "rate": -0.26}),
    "10 a dividend beyond 64 bits": ("cash_dividends", {**DIVIDEND, "rate": 99999999999999}),
    "11 no day": ("cash_dividends", {**DIVIDEND, "ex_date": None}),
    "12 no such day": ("cash_dividends", {**DIVIDEND, "ex_date": "2026-02-30"}),
    "13 a day nobody asked for": ("cash_dividends", {**DIVIDEND, "ex_date": "2019-12-01"}),
    "14 a symbol nobody asked for": ("cash_dividends", {**DIVIDEND, "symbol": "GOOG"}),
    "15 no symbol": ("cash_dividends", {"rate": 1, "ex_date": "2026-12-01"}),
    "16 no object": ("cash_dividends", 7),
}


@pytest.mark.parametrize("case", list(BAD_ROWS))
def test_a_bad_row_is_its_own_problem_alone(case: str) -> None:
    """It is left out, with a reason; the good row beside it is taken."""
    name, row = BAD_ROWS[case]
    lists: dict[str, list[Any]] = {"cash_dividends": [DIVIDEND]}
    lists[name] = [row, *lists.get(name, [])]
    answer = asked(body(**lists))
    assert isinstance(answer, ActionsAnswer)
    assert [each.kind for each in answer.announcements] == [ActionKind.CASH_DIVIDEND]
    assert len(answer.problems) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ('{"corporate_actions": [], "next_page_token": null}', FaultKind.MALFORMED),
        ('{"corporate_actions": {"cash_dividends": {}}}', FaultKind.MALFORMED),
        ('{"corporate_actions": {}, "next_page_token": 7}', FaultKind.MALFORMED),
        (body(page="x" * 513), FaultKind.MALFORMED),
        ("[]", FaultKind.MALFORMED),
        ('{"corporate_actions"', FaultKind.MALFORMED),
        ('{"message": "nothing here"}', FaultKind.MALFORMED),
        (Sent(429, b"{}", {**JSON, "Retry-After": "7"}), FaultKind.LIMITED),
        (Sent(403, b'{"message":"forbidden."}', JSON), FaultKind.DENIED),
        (Sent(200, b"<html>", {"Content-Type": "text/html"}), FaultKind.MALFORMED),
    ],
)
def test_a_bad_answer_is_a_fault(answer: str | Sent, kind: FaultKind) -> None:
    """The call fails as calls for quotes do, and brings nothing."""
    fault = asked(answer)
    assert isinstance(fault, ProviderFault)
    assert fault.kind is kind


@pytest.mark.parametrize("name", [each for each in SHAPES if each != "alpaca"])
def test_who_announces_nothing_says_so(name: str) -> None:
    """REFUSED, without a call."""
    bench = Bench(name)
    fault = bench.run(bench.provider.actions([bench.symbol], FIRST, LAST))
    assert (fault.kind, bench.stub.seen) == (FaultKind.REFUSED, [])


def test_what_contradicts_or_is_absurd_is_not_believed() -> None:
    """Two splits of a day count as none; dividends add up; one of half the price is left out."""
    bench = Bench("alpaca")
    bench.serve(Row())
    bench.source.take(bench.ask("AAPL"), bench.provider, bench.clock.wall_ns())  # type: ignore[arg-type]
    huge = {**DIVIDEND, "rate": 60, "ex_date": "2026-12-02"}
    rows = [DIVIDEND, {**DIVIDEND, "rate": 0.04}, DIVIDEND, huge]
    bench.serve(body(forward_splits=[SPLIT, {**SPLIT, "new_rate": 3}], cash_dividends=rows))
    answer = bench.run(bench.provider.actions(["AAPL"], FIRST, LAST))
    bench.source.take_actions(answer, "alpaca")
    (only,) = bench.source.actions(0, 2**62)
    assert (only.kind, only.amount) == (ActionKind.CASH_DIVIDEND, parse_amount("0.30"))
    assert sum(n for why, n in bench.source.refused.items() if why.startswith("action")) == 2


# --- a whole master ------------------------------------------------------------------------------


class Served(Stub):
    """Alpaca's stub: snapshots of the moment, and announcements."""

    def __init__(self) -> None:
        super().__init__()
        self.actions = body()
        self.asked = 0
        self.now: Callable[[], int] = lambda: 0

    def render_GET(self, request: Any) -> bytes | int:
        """Answer what is asked for."""
        if b"corporate-actions" in request.uri:
            self.asked += 1
            text = self.actions
        else:
            row = Row(at=self.now())
            text = SHAPES["alpaca"].body({"AAPL": row})
        self.answers = [Sent(200, text.encode(), JSON)]
        return super().render_GET(request)


def live_kit(state_dir: Path, stub: Served) -> MasterKit:
    """A master whose only provider is Alpaca's stub, on Thursday, 2027-01-21, at 20:30 UTC."""

    def parts(clock: Clock) -> LiveParts:
        stub.now = clock.wall_ns
        facts = facts_of("alpaca")
        web = Web(RequestTraversalAgent(stub), Origin.parse(facts.url), clock)
        key = tuple(Secret(KEY + str(n).encode()) for n in range(facts.key_lines))
        provider = make_provider("alpaca", web, clock, limits=facts.limits, key=key)
        return LiveParts(
            providers=(provider,),
            assets=tuple(a for a in facts.starters if a.symbol == "AAPL"),
            jitter=lambda: 0.0,
            close=lambda: succeed(None),
        )

    kit = MasterKit(state_dir, source="live", live=parts, update_interval_ms=60_000)
    kit.stop()
    kit.wall += 6 * DAY + 750 * MINUTE
    kit.boot()
    return kit


def later(kit: MasterKit, hours: float) -> None:
    """Let time go on, in long steps: nothing but the market happens."""
    for _ in range(round(hours * 3_600 / 5)):
        kit.reactor.advance(5)


def hold(kit: MasterKit, shares: str) -> Any:
    """Open an account that holds shares, bought half an hour before the close."""
    ann = kit.client()
    ann.register()
    ann.login()
    kit.turn(10)
    assert ann.order("AAPL", shares).status == Status.OK
    kit.turn(30)
    assert ann.ask(m.PortfolioGet()).message.positions[0].quantity == parse_amount(shares)
    return ann


def test_a_dividend_is_paid_when_its_session_opens_once(tmp_path: Path) -> None:
    """Announced before, applied at the opening of the ex-date; asked for again, not paid again."""
    stub = Served()
    stub.actions = body(cash_dividends=[{**DIVIDEND, "ex_date": "2027-01-22"}])
    kit = live_kit(tmp_path, stub)
    ann = hold(kit, "10")
    before = ann.ask(m.PortfolioGet()).message.cash
    later(kit, 17.4)
    portfolio = next(iter(kit.main.transactions.desk.state.portfolios.values()))
    assert portfolio.cash == before
    later(kit, 1)
    assert stub.asked > 18 * 3_600 // announcements.EVERY_S
    assert portfolio.cash == before + parse_amount("2.60")
    kit.check()


def test_a_split_that_fell_due_while_nobody_was_here(tmp_path: Path) -> None:
    """It is late, and applied as soon as it is known; what is older than the stop never is."""
    stub = Served()
    kit = live_kit(tmp_path, stub)
    hold(kit, "10")
    kit.stop()
    old = {**SPLIT, "ex_date": "2027-01-04"}
    new = {**SPLIT, "new_rate": 4, "ex_date": "2027-01-22"}
    stub.actions = body(forward_splits=[old, new])
    kit.wall += DAY
    kit.boot()
    kit.turn(5)
    (portfolio,) = kit.main.transactions.desk.state.portfolios.values()
    assert portfolio.positions["AAPL"].quantity == 40 * SCALE
    later(kit, announcements.EVERY_S / 3_600 + 0.1)
    assert portfolio.positions["AAPL"].quantity == 40 * SCALE
    kit.check()


def test_a_split_that_is_announced_when_it_was_traded_on(tmp_path: Path) -> None:
    """What was bought, and asked to be told of, since its time is not split; a check agrees.

    The log says so to the operator, once: who sold since is owed what a split in time would be.
    """
    stub = Served()
    kit = live_kit(tmp_path, stub)
    hold(kit, "10")
    kit.stop()
    kit.wall += DAY - 120 * MINUTE
    kit.boot()
    ann = kit.client()
    ann.login()
    kit.turn(10)
    assert ann.order("AAPL", "3", client_order_id=50).status == Status.OK
    ann.seq += 1
    wish = m.AlertCreate(symbol="AAPL", condition=1, price=parse_amount("9999"))
    assert ann.ask(wish, seq=ann.seq).status == Status.OK
    kit.turn(130)
    (portfolio,) = kit.main.transactions.desk.state.portfolios.values()
    assert portfolio.positions["AAPL"].quantity == 13 * SCALE
    split = Announcement(
        symbol="AAPL", kind=ActionKind.SPLIT, ex_date=date(2027, 1, 22), numerator=4
    )
    assert kit.main.live is not None
    with capturedLogs() as told:
        kit.main.live.source.take_actions(ActionsAnswer((split,)), "alpaca")
        kit.turn(5)
    alerts = [text for text in map(formatEvent, told) if text.startswith("ALERT")]
    assert [text.partition(";")[0] for text in alerts] == [
        "ALERT: the SPLIT of AAPL of 2027-01-22T14:30:00.000Z was heard of late"
    ]
    assert portfolio.positions["AAPL"].quantity == 43 * SCALE
    (alert,) = ann.ask(m.AlertList()).message.alerts
    assert alert.price == parse_amount("9999")
    kit.crash()
    (portfolio,) = kit.main.transactions.desk.state.portfolios.values()
    assert portfolio.positions["AAPL"].quantity == 43 * SCALE
    kit.check()
    assert replaycheck.replay_check(tmp_path).findings == []
