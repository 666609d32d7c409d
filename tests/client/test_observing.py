"""The market's state, clock, bars and openings through each face of the client library."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from twisted.internet.defer import CancelledError

from papertrader.client import errors
from papertrader.client import results as r
from papertrader.client import updates as u
from papertrader.client.aio import AsyncClient
from papertrader.client.blocking import Client
from papertrader.core.instants import MINUTE, to_datetime
from papertrader.core.logrecord import Level
from papertrader.core.marketclock import ClockField, ClockMode
from papertrader.wire import limits
from papertrader.wire.kinds import DrainMode, MarketState, Opcode, Scope, Status, Topic
from tests.blocking_kit import logged_in
from tests.client.test_aio import Bench as AsyncBench
from tests.client.test_protocol import Bench
from tests.client_accounts import BID, START
from tests.client_kit import BlockingMarket


@pytest.fixture
def market() -> BlockingMarket:
    """A market with one user, ada."""
    market = BlockingMarket()
    market.add("ada", "correct horse")
    return market


def seen(client: Client, seconds: float = 1) -> list[u.Event]:
    """What the server pushed, without news of the connection."""
    events = client.events(timeout=seconds)
    return [each for each in events if not isinstance(each, u.ConnectionUpdate)]


def test_state_and_clock(market: BlockingMarket) -> None:
    """Market times are aware datetimes, the speed is exact."""
    client = logged_in(market)
    state = client.market()
    assert (state.exchange, state.state, state.is_open) == ("XNYS", MarketState.OPEN, True)
    assert state.now == to_datetime(START)
    assert state.next_close == to_datetime(START) + timedelta(hours=1)
    clock = client.clock()
    assert (clock.mode, clock.speed, clock.paused) == (ClockMode.REPLAY, Decimal(60), False)
    assert clock.ends_at is None


def test_an_exchange_must_be_a_code_and_known(market: BlockingMarket) -> None:
    """A word that cannot be sent raises at once, an unknown code is refused."""
    client = logged_in(market)
    with pytest.raises(ValueError, match="4 letters"):
        client.market("NASDAQ")
    with pytest.raises(errors.RefusedError) as refused:
        client.market("XLON")
    assert refused.value.status == Status.NO_DATA


def test_bars_come_as_they_form_and_once_when_closed(market: BlockingMarket) -> None:
    """A bar that another worker tells again after its close is dropped."""
    client = logged_in(market)
    number = client.subscribe_bars(["AAPL", "IBM"], "5m", min_interval_ms=50)
    (asked,) = market.bodies(Opcode.SUBSCRIBE)
    assert (asked.topics, asked.bar_interval_s, asked.min_interval_ms) == (Topic.BARS, 300, 50)
    peer = market.peers[-1]
    told = [(START, False), (START, True), (START, True), (START, False), (START + MINUTE, False)]
    for time, final in told:
        peer.push_bar("AAPL", time, final)
    updates = seen(client)
    assert [(e.bar.time, e.final) for e in updates if isinstance(e, u.BarUpdate)] == [
        (to_datetime(START), False),
        (to_datetime(START), True),
        (to_datetime(START + MINUTE), False),
    ]
    first = updates[0]
    assert isinstance(first, u.BarUpdate)
    assert (first.subscription, first.symbol, first.interval_s) == (number, "AAPL", 300)
    assert first.bar.open == Decimal(BID) / 10**8
    client.unsubscribe(number)
    peer.push_bar("AAPL", START + 2 * MINUTE, True)
    assert seen(client) == []


@pytest.mark.parametrize(
    ("symbols", "interval"), [([], "1m"), ("AAPL", "2m"), ("AAPL", 61), ("no symbol", "1m")]
)
def test_bars_that_cannot_be_are_refused_at_once(
    market: BlockingMarket, symbols: object, interval: object
) -> None:
    """Nothing is sent."""
    client = logged_in(market)
    with pytest.raises(ValueError):
        client.subscribe_bars(symbols, interval)  # type: ignore[arg-type]
    assert market.bodies(Opcode.SUBSCRIBE) == []


def test_openings_and_closes_come_and_survive_a_lost_connection(market: BlockingMarket) -> None:
    """The subscription is made again on the next connection."""
    client = logged_in(market)
    number = client.subscribe_market()
    market.peers[-1].push_market(MarketState.CLOSED)
    updates = seen(client)
    assert [e.market.state for e in updates if isinstance(e, u.MarketUpdate)] == [
        MarketState.OPEN,
        MarketState.CLOSED,
    ]
    market.peers[-1].drop()
    again = [e for e in seen(client, 10) if isinstance(e, u.MarketUpdate)]
    assert [(e.subscription, e.market.is_open) for e in again] == [(number, True)]


def test_setting_the_clock(market: BlockingMarket) -> None:
    """Only what is given is sent as set; the answer is how the clock stands."""
    client = logged_in(market)
    when = datetime(2010, 1, 4, 15, 0, tzinfo=UTC)
    clock = client.set_clock(now=when, paused=True, speed="0.5", mode="replay")
    assert (clock.now, clock.paused, clock.speed, clock.epoch) == (when, True, Decimal("0.5"), 2)
    assert clock.begins_at == to_datetime(START) - timedelta(seconds=1)
    assert client.set_clock(step=timedelta(minutes=5)).paused
    assert not client.set_clock(paused=False).paused
    first, second, third = market.bodies(Opcode.CLOCK_SET)
    every = ClockField.NOW | ClockField.PAUSED | ClockField.SPEED | ClockField.MODE
    assert (first.fields, first.speed_milli, first.mode) == (every, 500, ClockMode.REPLAY)
    assert (second.fields, second.step) == (ClockField.STEP, 5 * MINUTE)
    assert third.fields == ClockField.PAUSED
    assert [header.seq for header in market.seen(Opcode.CLOCK_SET)] == [1, 2, 3]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"now": date(2010, 1, 4), "step": timedelta(1)},
        {"step": timedelta(0)},
        {"step": timedelta(401)},
        {"speed": 0},
        {"speed": 10_001},
        {"speed": "1.0005"},
        {"mode": "sideways"},
        {"now": datetime(2010, 1, 4)},  # noqa: DTZ001 (that is what is wrong with it)
    ],
)
def test_a_clock_that_cannot_be_asked_for(market: BlockingMarket, wrong: dict[str, Any]) -> None:
    """A `ValueError` before anything is sent."""
    client = logged_in(market)
    with pytest.raises(ValueError, match=r"give|must|time zone"):
        client.set_clock(**wrong)
    assert market.bodies(Opcode.CLOCK_SET) == []


def test_a_closed_bar_of_a_later_epoch_is_news(market: BlockingMarket) -> None:
    """After the clock was turned back the times of bars are smaller, and they count."""
    client = logged_in(market)
    client.subscribe_bars("AAPL", "1m")
    peer = market.peers[-1]
    for time, epoch in ((START, 1), (START, 1), (START - MINUTE, 2), (START - MINUTE, 1)):
        peer.push_bar("AAPL", time, True, epoch=epoch)
    times = [e.bar.time for e in seen(client) if isinstance(e, u.BarUpdate)]
    assert times == [to_datetime(START), to_datetime(START - MINUTE)]


def test_the_asyncio_face_has_them() -> None:
    """As coroutines."""
    bench = AsyncBench()

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")
        assert (await client.market()).is_open
        assert (await client.clock()).speed == 60
        assert (await client.set_clock(paused=True)).paused
        bars = await client.subscribe_bars("AAPL", "1m")
        openings = await client.subscribe_market(snapshot=False)
        bench.streams[0].peer.push_bar("AAPL", START, True)
        bench.streams[0].peer.push_market(MarketState.CLOSED)
        bench.streams[0].carry()
        found = []
        async for event in client.events():
            if isinstance(event, u.BarUpdate | u.MarketUpdate):
                found.append(event.subscription)
            if len(found) == 2:
                break
        assert found == [bars, openings]

    bench.run(body)


def test_the_twisted_face_has_them() -> None:
    """As Deferreds, events to the listeners."""
    bench = Bench().logged_in()
    client = bench.client
    assert bench.result(client.market()).is_open
    assert bench.result(client.clock()).speed == 60
    assert bench.result(client.set_clock(paused=True)).paused
    bars = bench.result(client.subscribe_bars("AAPL", "1m"))
    openings = bench.result(client.subscribe_market())
    bench.streams[0].peer.push_bar("AAPL", START, True)
    bench.pump()
    numbers = [e.subscription for e in bench.events if isinstance(e, u.BarUpdate | u.MarketUpdate)]
    assert numbers == [openings, bars]


# --- CANCEL --------------------------------------------------------------------------------------


def test_a_transfer_that_nobody_waits_for_is_cancelled(market: BlockingMarket) -> None:
    """After its deadline the server is told; a short reply is not worth it."""
    client = logged_in(market, timeout=2.0)
    market.plan(Opcode.BARS_GET, "silence")
    market.plan(Opcode.ACCOUNT_GET, "silence")
    for ask in (lambda: client.bars("AAPL"), client.account):
        with pytest.raises(errors.ConnectionLost):
            ask()
    assert client.market().is_open
    (late,) = market.seen(Opcode.BARS_GET)
    (cancel,) = market.bodies(Opcode.CANCEL)
    assert cancel.target == late.correlation
    assert market.seen(Opcode.CANCEL)[0].session == late.session


def test_cancelling_a_task_cancels_its_transfer() -> None:
    """asyncio: a timeout around a request ends it at the server too."""
    bench = AsyncBench()

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")
        bench.market.plan(Opcode.BARS_GET, "silence")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await client.bars("AAPL")
        assert (await client.market()).is_open

    bench.run(body)
    assert len(bench.market.bodies(Opcode.CANCEL)) == 1


def test_cancelling_a_deferred_cancels_its_transfer() -> None:
    """Twisted: Deferred.cancel; many at once stay within what the server takes."""
    bench = Bench().logged_in()
    bench.market.plan(Opcode.BARS_GET, *["silence"] * 40)
    asked = [bench.client.bars("AAPL") for _ in range(40)]
    bench.pump()
    for deferred in asked:
        deferred.addErrback(lambda failure: failure.trap(CancelledError))
        deferred.cancel()
    assert bench.result(bench.client.market()).is_open
    sent = len(bench.market.bodies(Opcode.CANCEL))
    assert 1 <= sent <= limits.CONTROL_BURST // 2
    assert len(bench.streams) == 1


# --- operators -----------------------------------------------------------------------------------


def test_operators_read_counters_and_drain_workers(market: BlockingMarket) -> None:
    """With a session of scope ADMIN; modes have names."""
    client = logged_in(market)
    with pytest.raises(errors.RefusedError, match="ADMIN"):
        client.stats()
    client.logout()
    client.login("ada", "correct horse", scope=Scope.ADMIN)
    assert client.stats()[1] == r.Figure(worker=3, name="rtt_us", value=1_234)
    assert client.drain_worker(3, "boot") == 12
    assert market.bodies(Opcode.WORKER_CONTROL)[0].mode == DrainMode.BOOT
    assert client.halt("AAPL", reason="news") == "halted"
    assert client.halt("AAPL", halted=False) == "tradable"
    first, second = market.bodies(Opcode.ASSET_HALT)
    assert (first.halted, first.reason, second.halted, second.reason) == (True, "news", False, None)
    for wrong in ({"mode": "later"}, {"deadline_s": 3_601}, {"deadline_s": -1}):
        with pytest.raises(ValueError):
            client.drain_worker(3, **wrong)  # type: ignore[arg-type]


def test_operators_on_the_other_faces() -> None:
    """As coroutines and as Deferreds."""
    bench = AsyncBench()

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse", scope=Scope.ADMIN)
        assert len(await client.stats()) == 2
        assert await client.drain_worker(3) == 12
        assert await client.halt("AAPL") == "halted"

    bench.run(body)
    twisted = Bench()
    twisted.result(twisted.client.login("ada", "correct horse", scope=Scope.ADMIN))
    assert len(twisted.result(twisted.client.stats())) == 2
    assert twisted.result(twisted.client.drain_worker(3)) == 12
    assert twisted.result(twisted.client.halt("AAPL")) == "halted"


def test_the_log_comes_as_records(market: BlockingMarket) -> None:
    """Parts put together, oldest first; the level is asked by its name."""
    client = logged_in(market)
    records = client.log_entries("warning", limit=2, flush=False)
    assert [record.message for record in records] == ["one\ntwo", "three"]
    (asked,) = market.bodies(Opcode.LOG_DUMP)
    assert (asked.least, asked.limit, asked.flush) == (Level.WARNING, 2, False)
    with pytest.raises(ValueError, match="level"):
        client.log_entries("loud")
    bench = AsyncBench()

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse")
        assert len(await client.log_entries()) == 2

    bench.run(body)
    twisted = Bench().logged_in()
    assert len(twisted.result(twisted.client.log_entries())) == 2
