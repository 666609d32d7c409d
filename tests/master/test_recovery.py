"""Crashes: what was acknowledged is there, once; memory, views and journal agree; time goes on."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from papertrader.core.money import SCALE
from papertrader.core.orders import Order, OrderState, OrderType, Side, TimeInForce
from papertrader.core.portfolio import PortfolioState
from papertrader.core.restore import StateImage, restore_state
from papertrader.master.database import StoreError
from papertrader.master.rules import Threads
from papertrader.ops.inspection import rebuild
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Status, Topic
from tests import backends
from tests.backends import audit
from tests.master_kit import PASSWORD, Gate, MasterClient, MasterKit, at_once
from tests.orders_as_rows import OrdersAsRows

REPLAYED = int(FrameFlag.REPLAYED)


class Trader:
    """A client that remembers everything it sent and was told, over any number of crashes."""

    def __init__(self, kit: CrashKit) -> None:
        self.kit = kit
        self.client = kit.client()
        self.sent: dict[int, Any] = {}
        self.told: dict[int, bytes] = {}
        self.statuses: dict[int, int] = {}
        self.events: dict[int, bytes] = {}
        self.asked: dict[int, int] = {}
        self.client.send(m.Register(username="ann", password=PASSWORD), session=0)
        kit.settle()
        self.client.send(
            m.Login(username="ann", password=PASSWORD, remember=True, scope=2), session=0
        )
        kit.settle()
        reply = self.client.inbox()[-1]
        self.client.session, self.client.token = reply.header.session, reply.message.token

    def send(self, message: Any) -> None:
        """Send a new command."""
        seq = len(self.sent) + 1
        self.sent[seq] = message
        self.asked[self.client.send(message, seq=seq)] = seq

    def look(self) -> None:
        """Take what came; what was told before must be told again in the same octets."""
        for each in self.client.inbox():
            body = each.octets[limits.HEADER_SIZE :]
            if each.is_reply:
                seq = self.asked.get(each.header.correlation)
                if seq is not None:
                    assert self.told.setdefault(seq, body) == body
                    assert self.statuses.setdefault(seq, each.status) == each.status
            else:
                assert self.events.setdefault(each.header.seq, body) == body

    def go_on(self) -> None:
        """After a crash: RESUME, hear all events again, send all commands again."""
        self.client.send(m.Resume(token=self.client.token, flags=2), session=0)
        self.kit.settle()
        reply = self.client.inbox()[-1]
        assert reply.status == 0
        assert reply.message.last_command_seq >= max(self.told, default=0)
        self.client.session, self.client.token = reply.header.session, reply.message.token
        self.client.send(m.Subscribe(topics=Topic.ACCOUNT, from_event_seq=1))
        for seq, message in self.sent.items():
            self.asked[self.client.send(message, seq=seq)] = seq
        self.kit.settle()
        self.look()
        assert list(self.events) == list(range(1, len(self.events) + 1))

    def check(self) -> None:
        """Every order that was acknowledged is there, and no other."""
        rows = self.client.ask_all(m.OrderList(states=0xFFFF))
        orders = [row.client_order_id for part in rows for row in part.message.orders]
        accepted = [
            message.client_order_id
            for seq, message in self.sent.items()
            if isinstance(message, m.OrderNew | m.OrderReplace) and self.statuses[seq] == 0
        ]
        assert orders == accepted


class CrashKit(MasterKit):
    """A master whose store and views are written when the test lets them, and that may die."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir, threads=self.gated())

    def gated(self) -> Threads:
        """Return threads of a new process."""
        self.truth, self.lagging = Gate(), Gate()
        return Threads(truth=self.truth, views=self.lagging, hashing=at_once)

    def settle(self) -> None:
        """Let everything that waits be done."""
        for _ in range(200):
            self.turn()
            if not self.truth and not self.lagging:
                return
            for gate in (self.truth, self.lagging):
                if gate:
                    gate.work()
        raise AssertionError("the stores never come to rest")

    def die(self, how: str) -> None:
        """End the process: before its write, after it, or with the views lost; start again."""
        if how == "written" and self.truth:
            self.truth.do_untold()
        self.kill()
        if how == "no views":
            backends.remove_views(self.state_dir)
        self.threads = self.gated()
        self.boot()


LIMIT = {"order_type": OrderType.LIMIT}
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("market"), st.integers(1, 150)),
        st.tuples(st.just("limit"), st.integers(1, 150)),
        st.tuples(st.just("cancel"), st.integers(1, 6)),
        st.tuples(st.just("replace"), st.integers(1, 6)),
        st.tuples(st.just("cancel all"), st.just(0)),
        st.tuples(st.just("cash"), st.integers(-60, 60).filter(bool)),
        st.tuples(st.just("reset"), st.integers(0, 100)),
        st.tuples(st.just("quote"), st.integers(27, 30)),
        st.tuples(st.just("commit"), st.just(0)),
        st.tuples(st.just("views"), st.just(0)),
        st.tuples(st.just("crash"), st.sampled_from(["not written", "written", "no views"])),
    ),
    min_size=4,
    max_size=20,
)


def step(kit: CrashKit, trader: Trader, name: str, value: Any) -> None:
    """Carry one step out."""
    number = len(trader.sent) + 1
    if name == "market":
        trader.send(m.OrderNew(client_order_id=number, symbol="MSFT", quantity=value * SCALE))
    elif name == "limit":
        price = (26 + value % 5) * SCALE
        order = m.OrderNew(
            client_order_id=number,
            symbol="MSFT",
            quantity=value * SCALE,
            limit_price=price,
            **LIMIT,
        )
        trader.send(order)
    elif name == "cancel":
        trader.send(m.OrderCancel(client_order_id=value))
    elif name == "replace":
        trader.send(m.OrderReplace(order=value, client_order_id=number, quantity=value * SCALE))
    elif name == "cancel all":
        trader.send(m.OrderCancelAll())
    elif name == "cash":
        trader.send(m.PortfolioCash(amount=value * 1_000 * SCALE))
    elif name == "reset":
        trader.send(m.PortfolioReset(cash=value * 1_000 * SCALE))
    elif name == "quote":
        kit.quote("MSFT", f"{value}.00", f"{value}.02", ask_size=100 * SCALE)
    elif name == "commit" and kit.truth:
        kit.truth.work()
    elif name == "views" and kit.lagging:
        kit.lagging.work()
    elif name == "crash":
        kit.die(value)
        trader.go_on()
    kit.turn()
    trader.look()


@pytest.mark.clause("16.2", "16.3")
@pytest.mark.one_store
@settings(max_examples=11, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_a_crash_loses_nothing_and_doubles_nothing(steps: list[tuple[str, Any]]) -> None:
    """P-01, P-02, I-11, I-12: crashes at any point, with lagging or lost views; all sent again."""
    with tempfile.TemporaryDirectory() as name:
        kit = CrashKit(Path(name))
        kit.settle()
        trader = Trader(kit)
        for each in steps:
            step(kit, trader, *each)
        step(kit, trader, "crash", "not written")
        kit.settle()
        kit.kill()
        before = audit(Path(name))
        assert before.violations == []
        kit.threads = Threads(truth=at_once, views=at_once, hashing=at_once)
        kit.boot()
        trader.client.resume()
        trader.look()
        trader.check()
        report = kit.check()
        assert report.checkpoints
        assert report.orders == before.orders


def hash_of(kit: MasterKit) -> bytes:
    """The hash of the desk's memory."""
    return kit.main.transactions.desk.state_hash()


def busy(kit: MasterKit) -> MasterClient:
    """A trader who has done something of everything."""
    ann = kit.client()
    ann.register()
    ann.login()
    for number in range(1, 6):
        ann.order("MSFT", "20")
        ann.order("MSFT", "3", **LIMIT, limit_price=(20 + number) * SCALE)
        kit.quote("MSFT", "28.50", "28.51", ask_size=15 * SCALE)
    ann.order("MSFT", "30", side=2)
    kit.quote("MSFT", "28.60", "28.61", bid_size=25 * SCALE)
    states = {order.state for order in kit.main.transactions.desk.state.orders.values()}
    assert len(states) == 3
    return ann


@pytest.mark.clause("16.3")
@pytest.mark.parametrize("views", ["complete", "behind", "lost"])
def test_memory_is_the_same_after_a_start(tmp_path: Path, views: str) -> None:
    """From complete views, from views that lag, or from the journal alone: one state hash."""
    kit = MasterKit(tmp_path)
    gate = Gate()
    if views == "behind":
        kit.kill()
        kit.threads = Threads(truth=at_once, views=gate, hashing=at_once)
        kit.boot()
        busy(kit)
        gate.work()
        kit.turn()
        assert kit.main.views.watermark < kit.main.journal.durable_seq
    else:
        busy(kit)
    before = hash_of(kit)
    kit.kill()
    if views == "lost":
        backends.remove_views(tmp_path)
    kit.threads = Threads(truth=at_once, views=at_once, hashing=at_once)
    kit.boot(start=False)
    assert hash_of(kit) == before
    kit.start()
    kit.check()


def test_orders_that_had_ended_are_told_as_before(tmp_path: Path) -> None:
    """A start keeps their rows, and every question about them has the answer it had."""
    kit = MasterKit(tmp_path)
    ann = busy(kit)
    ann.order("AAPL", "1", tag="mine")
    ann.seq += 1
    assert ann.ask(m.OrderCancelAll(), seq=ann.seq).message.still_open == 0
    ann.order("MSFT", "1", **LIMIT, limit_price=SCALE)
    kit.quote("MSFT", "28.60", "28.61")
    lists = [
        m.OrderList(states=0xFFFF),
        m.OrderList(states=0xFFFF, symbol="AAPL"),
        m.OrderList(states=1 << OrderState.FILLED, symbol="MSFT", limit=2, after=1),
    ]
    single = [m.OrderGet(order=1), m.OrderGet(client_order_id=1), m.OrderGet(tag="mine")]

    def answers() -> list[Any]:
        parts = [part.message for each in lists for part in ann.ask_all(each)]
        rows = [(part.orders, part.order_terms, part.order_tags) for part in parts]
        return [*rows, *(ann.ask(each).message for each in single)]

    before = answers()
    assert all(rows[0] for rows in before[: len(lists)])
    again = ann.order("MSFT", "1", client_order_id=1)
    assert again.status == Status.DUPLICATE_ORDER
    kit.kill()
    kit.boot()
    ann.resume()
    orders = kit.main.transactions.desk.state.orders
    assert 0 < len(list(orders.here())) < len(orders)
    assert answers() == before
    once_more = ann.order("MSFT", "1", client_order_id=1)
    assert once_more.octets[limits.HEADER_SIZE :] == again.octets[limits.HEADER_SIZE :]
    kit.check()


def test_replies_after_the_views_are_not_lost(tmp_path: Path) -> None:
    """R4 holds for a command that the views had not seen when the master died."""
    gate = Gate()
    kit = MasterKit(tmp_path, threads=Threads(truth=at_once, views=gate, hashing=at_once))
    ann = kit.client()
    ann.register()
    ann.login()
    first = ann.order("AAPL", "1")
    kit.kill()
    kit.threads = Threads(truth=at_once, views=at_once, hashing=at_once)
    kit.boot()
    ann.resume()
    message = m.OrderNew(client_order_id=1, symbol="AAPL", quantity=SCALE)
    again = ann.ask(message, seq=1)
    assert again.header.flags & REPLAYED
    assert again.octets[32:] == first.octets[32:]
    kit.check()


@pytest.mark.sqlite
def test_views_of_another_journal_are_refused(tmp_path: Path) -> None:
    """The start says so, and what to do; rebuild makes them again."""
    kits = [MasterKit(tmp_path / name) for name in "ab" if not (tmp_path / name).mkdir()]
    for number, kit in enumerate(kits):
        kit._entropy = 50 * number
        busy(kit)
        kit.stop()
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"a/views.db{suffix}").unlink(missing_ok=True)
    kits[0].boot()
    kits[0].stop()
    kits[1].boot()
    kits[1].client().register("bob")
    kits[1].stop()
    shutil.copy(tmp_path / "b/views.db", tmp_path / "a/views.db")
    assert audit(tmp_path / "a").violations
    with pytest.raises(StoreError, match="papertrader rebuild"):
        kits[0].boot()
    kits[0].main.store.close()
    kits[0].main.view_store.close()
    assert rebuild(tmp_path / "a", lambda line: None).violations == []
    kits[0].boot()
    kits[0].check()


def test_views_of_another_version_are_made_again(tmp_path: Path) -> None:
    """A newer program finds older views: it drops them and reads the journal."""
    kit = MasterKit(tmp_path)
    busy(kit)
    before = hash_of(kit)
    kit.main.view_store._set_meta("version", "0")
    kit.kill()
    kit.boot(start=False)
    assert hash_of(kit) == before
    kit.start()
    kit.check()


def test_an_epoch_never_comes_twice(tmp_path: Path) -> None:
    """Each start has its own epoch, and quote numbers above those of all starts before."""
    kit = MasterKit(tmp_path)
    ann = kit.client()
    ann.register()
    ann.login()
    ask = m.QuoteGet(symbols=(m.SymbolRow(symbol="AAPL"),))
    seen = []
    for _ in range(3):
        kit.turn(1.0)
        (quote,) = ann.ask(ask).message.quotes
        seen.append((kit.main.store.epoch, quote.quote_seq, quote.source_time))
        kit.crash()
        ann.resume()
    assert sorted(set(seen)) == seen
    kit.check()


# --- market time ---------------------------------------------------------------------------------


def market_times(kit: MasterKit, ann: MasterClient) -> int:
    """The latest market time that the client can see."""
    asked = ann.send(m.PortfolioGet())
    kit.turn()
    replies = ann.replies(asked)
    return replies[0].message.market_time if replies else 0


@pytest.mark.parametrize("seconds", [0.0, 0.3, 3.0, 7.7, 31.0])
def test_after_a_crash_the_market_goes_on_behind_what_was_seen(
    tmp_path: Path, seconds: float
) -> None:
    """Nobody who has seen a price sees a market before it; nor does much time get lost."""
    kit = MasterKit(tmp_path)
    ann = kit.client()
    ann.register()
    ann.login()
    kit.turn(seconds)
    seen = market_times(kit, ann)
    kit.crash()
    now = kit.main.assets.market.now()
    assert seen <= now <= seen + 10 * 60_000 * 1_000_000 + 60 * 10**9
    kit.check()


def test_after_a_stop_the_market_goes_on_where_it_was(tmp_path: Path) -> None:
    """A clean stop loses no time."""
    kit = MasterKit(tmp_path)
    kit.turn(7.0)
    reached = kit.main.assets._market_at
    kit.stop()
    kit.boot()
    assert kit.main.assets.market.now() == reached
    kit.check()


def test_no_price_is_shown_beyond_what_is_reserved_on_disk(tmp_path: Path) -> None:
    """While the disk hangs the market may not run ahead: after a crash it would be played again."""
    kit = CrashKit(tmp_path)
    kit.settle()
    ann = kit.client()
    ann.send(m.Register(username="ann", password=PASSWORD), session=0)
    kit.settle()
    ann.send(m.Login(username="ann", password=PASSWORD, remember=True, scope=2), session=0)
    kit.settle()
    ann.session = ann.inbox()[-1].header.session
    kit.turn(60.0)
    frame = kit.main.workers.newest("AAPL")
    assert frame is not None
    seen = codec.decode(frame)[1].source_time
    kit.die("not written")
    assert seen <= kit.main.assets.market.now()
    kit.settle()
    assert ann.inbox() == []
    kit.kill()
    assert audit(tmp_path).violations == []


def test_a_store_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    """One sentence says so."""
    kit = MasterKit(tmp_path)
    kit.main.store.set_meta("schema", "99")
    with pytest.raises(StoreError, match="newer PaperTrader"):
        kit.crash()
    kit.main.store.close()


def test_expiries_are_restored_in_their_order() -> None:
    """Whatever the numbers of the orders, the earliest expiry is due first after a start."""
    orders = [
        Order(
            order_id=number,
            client_order_id=number,
            account=1,
            portfolio=1,
            symbol="MSFT",
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.DAY,
            flags=0,
            quantity=SCALE,
            limit_price=SCALE,
            reserved_cash=SCALE,
            expire_at=expire_at,
            sequence=number,
        )
        for number, expire_at in enumerate((900, 300, 600, 0), 1)
    ]
    state = restore_state(
        StateImage(
            accounts=[(1, 9, 1)],
            portfolios=[PortfolioState(1, 1, "USD", cash=10 * SCALE, deposited=10 * SCALE)],
            positions=[],
            orders=[(order,) for order in orders],
            form=OrdersAsRows(),
            balances=[],
            applied=[],
        )
    )
    assert state.next_expiry() == 300
    assert state.portfolios[1].reserved_cash == 4 * SCALE
    due = state.due(10_000)
    assert due is not None
    assert due.order_id == 2
