"""Account event streams: replay and live join without a gap or a double."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from papertrader.core.events import OrderChanged
from papertrader.core.money import SCALE
from papertrader.master import records
from papertrader.master.database import journal_batches
from papertrader.master.engines import place_at
from papertrader.master.rules import Threads
from papertrader.master.viewfeed import PRUNE_EVERY
from papertrader.master.viewstore import ViewStore
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Status, Topic
from tests.backends import audit
from tests.master_kit import Gate, MasterClient, MasterKit, at_once

REPLAYED = int(FrameFlag.REPLAYED)


def seqs(client: MasterClient) -> list[int]:
    """The numbers of the events since the last look."""
    return [each.header.seq for each in client.events()]


def make_events(client: MasterClient, count: int) -> None:
    """Cause events, two at a time: an order is accepted and cancelled."""
    for _ in range(count // 2):
        client.seq += 2
        order = m.OrderNew(
            client_order_id=client.seq,
            symbol="AAPL",
            order_type=2,
            limit_price=SCALE,
            quantity=SCALE,
        )
        client.send(order, seq=client.seq - 1)
        client.send(m.OrderCancel(client_order_id=client.seq), seq=client.seq)
    client.kit.turn()


@pytest.mark.clause("14.2")
def test_only_who_asked_is_told(kit: MasterKit, ann: MasterClient) -> None:
    """No SUBSCRIBE, no events; another account's are never sent."""
    bob = kit.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    bob.follow()
    make_events(ann, 4)
    assert seqs(ann) == []
    assert seqs(bob) == []
    make_events(bob, 2)
    assert seqs(bob) == [2, 3]


@pytest.mark.clause("14.3")
def test_zero_means_from_now_on(kit: MasterKit, ann: MasterClient) -> None:
    """from_event_seq 0: the reply names the next event, which is the first that comes."""
    make_events(ann, 4)
    reply = ann.follow()
    assert (reply.status, reply.message.next_event_seq, reply.message.oldest_event_seq) == (0, 6, 1)
    make_events(ann, 2)
    assert seqs(ann) == [6, 7]


@pytest.mark.clause("4.5")
def test_events_name_the_subscription(kit: MasterKit, ann: MasterClient) -> None:
    """Session and correlation of every event are those of the newest SUBSCRIBE."""
    first = ann.follow().header.correlation
    make_events(ann, 2)
    second = ann.follow().header.correlation
    make_events(ann, 2)
    told = [(each.header.seq, each.header.correlation) for each in ann.events()]
    assert told == [(2, first), (3, first), (4, second), (5, second)]


@pytest.mark.clause("14.3")
def test_a_long_replay_comes_in_batches(kit: MasterKit, ann: MasterClient) -> None:
    """More than REPLAY_BATCH events are all replayed, in order and flagged; live ones follow."""
    make_events(ann, 3 * limits.REPLAY_BATCH)
    kit.crash()
    ann.resume()
    ann.follow(after=1)
    make_events(ann, 2)
    events = ann.events()
    last = 1 + 3 * limits.REPLAY_BATCH
    assert [each.header.seq for each in events] == list(range(2, last + 3))
    replayed = [bool(each.header.flags & REPLAYED) for each in events]
    assert replayed == [True] * (last - 1) + [False] * 2


def test_the_future_cannot_be_asked_for(kit: MasterKit, ann: MasterClient) -> None:
    """A number beyond the next event is taken for the next."""
    ann.follow(after=50)
    make_events(ann, 2)
    assert seqs(ann) == [2, 3]


@pytest.mark.clause("14.1")
@pytest.mark.parametrize(
    "topics",
    [0, Topic.QUOTES, Topic.BARS, Topic.ACCOUNT | Topic.QUOTES, Topic.ACCOUNT | Topic.MARKET],
)
def test_account_stands_alone(kit: MasterKit, ann: MasterClient, topics: int) -> None:
    """Any other set of topics is INVALID_FIELD at the master."""
    assert ann.ask(m.Subscribe(topics=topics)).status == Status.INVALID_FIELD


@pytest.mark.clause("12.9", "14.3")
def test_what_is_pruned_is_a_gap(kit: MasterKit, ann: MasterClient) -> None:
    """RESUME_GAP from RESUME and SUBSCRIBE: the session is live, and goes on with new events."""
    make_events(ann, 8)
    kit.main.streams.load(1, 10, 5)
    assert ann.resume(last_event_seq=4).status == 0
    resumed = ann.resume(last_event_seq=3)
    assert (resumed.status, resumed.message.oldest_event_seq) == (Status.RESUME_GAP, 5)
    assert ann.session == resumed.header.session
    assert ann.resume(last_event_seq=0).status == 0
    answer = ann.follow(after=3)
    assert (answer.status, answer.message.oldest_event_seq) == (Status.RESUME_GAP, 5)
    assert seqs(ann) == []
    make_events(ann, 2)
    assert seqs(ann) == [10, 11]
    assert ann.follow(after=4).status == 0
    assert seqs(ann) == list(range(5, 12))


@pytest.mark.clause("12.9", "14.3")
def test_a_number_that_has_not_come_is_a_gap(kit: MasterKit, ann: MasterClient) -> None:
    """Of a server that was restored from an older copy: its events begin below what the client
    expects, who would drop them all as seen."""
    make_events(ann, 4)
    upcoming = ann.follow().message.next_event_seq
    assert ann.resume(last_event_seq=upcoming - 1).status == 0
    resumed = ann.resume(last_event_seq=upcoming)
    assert (resumed.status, resumed.message.next_event_seq) == (Status.RESUME_GAP, upcoming)
    assert ann.follow(after=upcoming - 1).status == 0
    answer = ann.follow(after=upcoming)
    assert (answer.status, answer.message.next_event_seq) == (Status.RESUME_GAP, upcoming)
    assert "older copy" in answer.message.text
    make_events(ann, 2)
    assert seqs(ann) == [upcoming, upcoming + 1]


@pytest.mark.clause("14.3")
def test_events_are_pruned_at_their_limit(kit: MasterKit, ann: MasterClient) -> None:
    """The views keep EVENTS_KEPT events of an account; each pruning takes what is older."""
    make_events(ann, 6)
    event = next(
        fact
        for *_, frames in journal_batches(kit.main.store.db)
        for fact in map(records.fact_of, records.read_frames(frames))
        if isinstance(fact, OrderChanged)
    )
    with tempfile.TemporaryDirectory() as name:
        store = ViewStore(place_at(Path(name)).views)
        store.open()
        far = limits.EVENTS_KEPT + PRUNE_EVERY
        for number in (1, PRUNE_EVERY, PRUNE_EVERY + 1, far):
            later = attrs.evolve(event, event_seq=number)
            record = records.event_record(1, later, records.push_frame(later))
            store.write(record, number, bytes(32))
        assert store.oldest_event(1) == PRUNE_EVERY + 1
        assert [seq for seq, _ in store.events(1, 0, 10)] == [PRUNE_EVERY + 1, far]
        assert [seq for seq, _ in store.events(1, far, 10)] == [far]
        store.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("events"), st.integers(1, 3)),
        st.tuples(st.just("follow"), st.integers(0, 12)),
        st.tuples(st.just("views"), st.integers(1, 3)),
        st.tuples(st.just("resume"), st.just(0)),
    ),
    max_size=14,
)


class Follower:
    """A client that checks what it is sent: each subscription from its start, without a gap."""

    def __init__(self, client: MasterClient) -> None:
        self.client = client
        self.expected: dict[int, int] = {}
        self.seen = 0

    def follow(self, after: int) -> None:
        """Subscribe."""
        correlation = self.client.send(
            m.Subscribe(topics=Topic.ACCOUNT, from_event_seq=after and after + 1)
        )
        self.client.kit.turn()
        self.look(correlation, after)

    def look(self, correlation: int = 0, after: int = 0) -> None:
        """Check what has come."""
        for each in self.client.inbox():
            head = each.header
            if each.is_reply:
                if head.correlation == correlation and hasattr(each.message, "next_event_seq"):
                    upcoming = each.message.next_event_seq
                    self.expected = {correlation: min(after + 1, upcoming) if after else upcoming}
                continue
            assert self.expected == {head.correlation: head.seq}
            self.expected[head.correlation] += 1
            self.seen += 1


def run(state: Path, steps: list[tuple[str, int]]) -> None:
    """Carry the steps out on a master whose views lag as told."""
    gate = Gate()
    kit = MasterKit(state, threads=Threads(truth=at_once, views=gate, hashing=at_once))
    ann = kit.client()
    ann.register()
    ann.login()
    follower = Follower(ann)
    for name, number in steps:
        if name == "events":
            make_events(ann, 2 * number)
        elif name == "follow":
            follower.follow(number)
        elif name == "views":
            for _ in range(min(number, len(gate))):
                gate.work()
        else:
            ann.resume()
            follower.expected = {}
        kit.turn()
        follower.look()
    while gate:
        gate.work()
        kit.turn()
    follower.look()
    if follower.expected:
        _, upcoming = kit.main.streams.bounds(1)
        assert list(follower.expected.values()) == [upcoming]
    kit.kill()
    assert audit(state).violations == []


@pytest.mark.clause("14.2")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_no_gap_and_no_double_however_it_interleaves(steps: list[tuple[str, Any]]) -> None:
    """I-13: replays, live events, lagging views and new subscriptions in any order."""
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), steps)


@pytest.mark.clause("14.4")
def test_a_new_subscription_during_a_replay(tmp_path: Path) -> None:
    """One from an earlier event, while a batch of the older replay is on its way."""
    run(
        tmp_path,
        [("events", 3), ("views", 3), ("follow", 5), ("events", 1), ("follow", 1), ("views", 1)],
    )
