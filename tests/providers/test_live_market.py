"""A whole master with a live market: one order waits while everything bad comes, then is filled."""

from __future__ import annotations

from pathlib import Path

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import succeed

from papertrader.core.callbudget import CallBudget
from papertrader.core.callplan import SymbolClass
from papertrader.core.marketclock import ClockMode
from papertrader.core.money import parse_amount
from papertrader.core.quotes import QuoteFlag, QuoteProvider
from papertrader.master.livemarket import LiveParts
from papertrader.master.providers.catalog import facts_of, make_provider
from papertrader.master.providers.http import Web
from papertrader.master.providers.request import Origin
from papertrader.net.clock import Clock
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.master_kit import MasterKit
from tests.provider_kit import SHAPES, Bench, Row, Sent, Stub, limits_of
from tests.providers.test_conformance import CASES

SYMBOL = "BTC/USD"


class Served(Stub):
    """Kraken's stub, which stamps nothing: the same body is right at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.say(Row())

    def say(self, row: Row) -> None:
        """Answer honestly."""
        body = SHAPES["kraken"].body({SYMBOL: row})
        self.answers = [Sent(200, body.encode())]


def live_kit(state_dir: Path, stub: Stub) -> MasterKit:
    """Return a running master whose only provider is Kraken's stub."""

    def parts(clock: Clock) -> LiveParts:
        facts = facts_of("kraken")
        web = Web(RequestTraversalAgent(stub), Origin.parse(facts.url), clock)
        provider = make_provider("kraken", web, clock, limits=facts.limits, key=())
        return LiveParts(
            providers=(provider,),
            assets=facts.starters[:1],
            jitter=lambda: 0.0,
            close=lambda: succeed(None),
        )

    return MasterKit(state_dir, source="live", live=parts)


def test_one_order_waits_through_all_classes(tmp_path: Path) -> None:
    """Not one of the classes fills it; the first honest quote after them does, at its price."""
    stub = Served()
    kit = live_kit(tmp_path, stub)
    ann = kit.client()
    ann.register()
    ann.login()
    kit.turn(3)
    bench = Bench("kraken")
    stub.answers = [Sent(500, b"{}")]
    kit.turn(1)
    assert ann.order(SYMBOL, "1").status == Status.OK
    assert kit.main.live is not None
    feed = kit.main.live.polling.feeds[0]
    served = 0
    for case in CASES:
        if not case.applies(bench):
            continue
        bench.serve(case.serve(bench))
        stub.answers = list(bench.stub.answers)
        # The provider's rest is over, and the symbol is due: this class is what it says now.
        feed.rests_until = feed.faults = 0
        feed.budget = CallBudget(limits_of("kraken"))
        feed.queue._budget = feed.budget
        feed.queue.failed((SYMBOL,), 0)
        before = len(stub.seen)
        for _ in range(200):
            kit.turn(0.5)
            if len(stub.seen) > before and feed.call is None:
                break
        served += len(stub.seen) > before
        orders = kit.main.transactions.desk.state.orders
        assert all(order.filled == 0 for order in orders.values()), case.name
    assert served >= 40
    feed.rests_until = 0
    stub.say(Row())
    kit.turn(1_000)
    (order,) = kit.main.transactions.desk.state.orders.values()
    assert order.filled == parse_amount("1")
    kit.check()


def test_the_live_clock_is_the_real_one(tmp_path: Path) -> None:
    """Market time is the master's wall; it has no end and cannot be set."""
    kit = live_kit(tmp_path, Served())
    clock = kit.main.assets.market.market_clock
    assert clock.mode is ClockMode.LIVE
    assert clock.market_end == 0
    kit.turn(5)
    assert kit.main.assets.market.now() == kit.clock.wall_ns()
    assert kit.main.assets.market.name == "live"
    kit.check()


def test_what_was_spent_survives_a_restart(tmp_path: Path) -> None:
    """Calls of the minute are kept on disk, cleanly stopped or killed."""
    kit = live_kit(tmp_path, Served())
    kit.turn(30)
    live = kit.main.live
    assert live is not None
    spent = live.polling.feeds[0].budget.spent(kit.clock.wall_ns())["minute"]
    assert spent > 0
    kit.wall = kit.clock.wall_ns()
    kit.stop()
    kit.wall -= 1_000 * 1_000_000_000
    kit.boot()
    again = kit.main.live
    assert again is not None
    assert again.polling.feeds[0].budget.spent(kit.clock.wall_ns())["minute"] >= spent
    kit.check()


def test_a_quote_tells_when_it_was_true_and_when_it_came(tmp_path: Path) -> None:
    """QUOTE_GET of a live symbol: prices, both times, and STALE when the provider falls silent."""
    stub = Served()
    kit = live_kit(tmp_path, stub)
    ann = kit.client()
    ann.register()
    ann.login()
    kit.turn(10)
    first = ann.ask(m.QuoteGet(symbols=(m.SymbolRow(symbol=SYMBOL),))).message.quotes[0]
    assert first.bid == parse_amount("100.00")
    assert first.observed_at >= first.source_time > 0
    assert first.provider == QuoteProvider.KRAKEN
    assert not first.flags
    stub.answers = [Sent(200, b"<html>", {"Content-Type": "text/html"})]
    kit.turn(16 * 60)
    later = ann.ask(m.QuoteGet(symbols=(m.SymbolRow(symbol=SYMBOL),))).message.quotes[0]
    assert later.flags == QuoteFlag.STALE
    assert (later.bid, later.provider) == (first.bid, QuoteProvider.KRAKEN)
    kit.check()


def test_the_interval_that_is_planned_is_told(tmp_path: Path) -> None:
    """MARKET_STATUS says how often prices come by the plan that counts now, not how often the
    master looks."""
    kit = live_kit(tmp_path, Served())
    ann = kit.client()
    ann.register()
    ann.login()
    kit.turn(3)
    assert kit.main.live is not None
    plan = kit.main.live.polling.feeds[0].plan
    assert plan is not None
    told = ann.ask(m.MarketStatus()).message.update_interval_ms
    assert told == plan.interval_ms >= 5_000


def test_the_plan_of_now_is_among_the_figures(tmp_path: Path) -> None:
    """The page and monitoring show it: how many of which class, how often, what is spent."""
    kit = live_kit(tmp_path, Served())
    ann = kit.client()
    ann.register()
    ann.login()
    kit.turn(5)
    assert kit.main.live is not None
    figures = dict(kit.main.live.figures())
    plan = kit.main.live.polling.feeds[0].plan
    assert plan is not None
    told = [of for of in plan.classes if of.symbols]
    assert [figures[f"kraken_{of.symbol_class.name.lower()}"] for of in told] == [1]
    (of,) = told
    prefix = f"kraken_{of.symbol_class.name.lower()}"
    assert (figures[f"{prefix}_ms"], figures[f"{prefix}_age"]) == (of.interval_ms, of.age_max_ms)
    limits = limits_of("kraken")
    assert figures["kraken_minute_limit"] == limits.of("minute") > 0
    assert 0 < figures["kraken_minute_spent"] <= limits.of("minute")
    assert limits.of("day") == limits.calls_per_day
    names = [f"twelvedata_{each.name.lower()}_age" for each in SymbolClass]
    names += [f"twelvedata_{limit}_spent" for limit in ("minute", "hour", "day")]
    assert max(map(len, names)) <= 24, "what STATS_GET has room for"
