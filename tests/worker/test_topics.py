"""Topics: exact octets, one write per client and update, conflation, intervals, interest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactorClock

from papertrader.net.clock import Clock
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode
from papertrader.worker import topics as topics_module
from papertrader.worker.topics import ASKED_S, Topics, TopicsFullError
from tests.link_kit import WALL_NS
from tests.worker_kit import bar, quote


class Reader:
    """A client connection as the topics see it."""

    def __init__(self) -> None:
        self.is_congested = False
        self.writes: list[bytes] = []
        self.frames = 0

    def send(self, octets: bytes, frames: int = 1) -> None:
        """Nothing is sent but what the topics deliver."""
        raise AssertionError("the topics deliver at once")

    def send_at_once(self, octets: bytes, frames: int, now: int) -> None:
        """Keep what was sent."""
        self.writes.append(octets)
        self.frames += frames

    def bars(self) -> list[tuple[int, bool]]:
        """Return (time, final) of all bars that were sent since the last call."""
        stream, self.writes = b"".join(self.writes), []
        size = 32 + m.BarEvent.SIZE
        events = [codec.decode(stream[n : n + size])[1] for n in range(0, len(stream), size)]
        return [(each.time, each.final) for each in events if isinstance(each, m.BarEvent)]

    def seqs(self) -> list[tuple[str, int]]:
        """Return (symbol, quote_seq) of all that was sent since the last call."""
        stream, self.writes = b"".join(self.writes), []
        size = 32 + m.QuoteEvent.SIZE
        events = [codec.decode(stream[n : n + size])[1] for n in range(0, len(stream), size)]
        return [(each.symbol, each.quote_seq) for each in events if isinstance(each, m.QuoteEvent)]


class Board:
    """Topics, their clock, and what they told the master."""

    def __init__(self, topics_max: int = 100) -> None:
        self.reactor = MemoryReactorClock()
        self.clock = Clock(self.reactor, lambda: WALL_NS)
        self.told: list[tuple[str, bool]] = []
        self.topics = Topics(
            self.clock, lambda symbol, add: self.told.append((text(symbol), add)), topics_max
        )

    def publish(self, *quotes: bytes) -> None:
        """Let the master publish."""
        self.topics.publish(b"".join(quotes))


def text(symbol: bytes) -> str:
    """Unpack a symbol."""
    return symbol.rstrip(b"\0").decode()


def packed(*symbols: str) -> list[bytes]:
    """Pack symbols."""
    return [symbol.encode().ljust(16, b"\0") for symbol in symbols]


@pytest.mark.clause("14.5", "15.7")
@given(
    st.lists(
        st.tuples(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1)), min_size=1, max_size=5
    ),
    st.lists(st.sampled_from("ABCD"), min_size=1, max_size=8),
)
def test_a_delivery_is_the_masters_frame_with_another_address(
    clients: list[tuple[int, int]], symbols: list[str]
) -> None:
    """Each subscriber gets the octets that encoding for it alone would give, in one write."""
    it = Board()
    readers = []
    for session, correlation in clients:
        reader = Reader()
        readers.append(reader)
        it.topics.subscribe(reader, session, correlation, packed("A", "B", "C"))
    frames = [quote(symbol, last=n, seq=n) for n, symbol in enumerate(symbols, 1)]
    it.publish(*frames)
    wanted = [octets for octets, symbol in zip(frames, symbols, strict=True) if symbol != "D"]
    for reader, (session, correlation) in zip(readers, clients, strict=True):
        expected = b"".join(codec.readdress(octets, session, correlation) for octets in wanted)
        assert reader.writes == ([expected] if wanted else [])
        assert reader.frames == len(wanted)


def test_only_subscribed_symbols_are_delivered() -> None:
    """A quote of a symbol that nobody here wants is counted and dropped."""
    it, reader = Board(), Reader()
    it.topics.subscribe(reader, 1, 2, packed("A"))
    it.publish(quote("B"))
    assert reader.writes == []
    assert it.topics.counters.unwanted == 1


@pytest.mark.clause("12.13")
def test_a_slow_reader_gets_the_newest_of_each_symbol_later() -> None:
    """While it is congested nothing is sent; then one write with the newest, the rest conflated."""
    it, reader = Board(), Reader()
    it.topics.subscribe(reader, 1, 2, packed("A", "B"))
    reader.is_congested = True
    for seq in range(1, 6):
        it.publish(quote("A", seq=seq))
    it.publish(quote("B", seq=9))
    assert reader.writes == []
    reader.is_congested = False
    it.topics.drained(reader)
    assert len(reader.writes) == 1
    assert reader.seqs() == [("A", 5), ("B", 9)]
    assert it.topics.counters.conflated == 4
    it.publish(quote("A", seq=6))
    assert reader.seqs() == [("A", 6)]


@pytest.mark.clause("14.1")
def test_an_interval_lets_one_quote_per_symbol_through() -> None:
    """The first at once, then the newest at the end of each interval; no timer without need."""
    it, reader = Board(), Reader()
    it.topics.subscribe(reader, 1, 2, packed("A", "B"), interval_ms=1000)
    it.publish(quote("A", seq=1), quote("A", seq=2))
    assert reader.seqs() == [("A", 2)]
    for seq in range(3, 6):
        it.reactor.advance(0.1)
        it.publish(quote("A", seq=seq))
    assert reader.seqs() == []
    assert it.clock.waiting == 1
    it.reactor.advance(0.7)
    assert reader.seqs() == [("A", 5)]
    assert it.clock.waiting == 0
    it.reactor.advance(5)
    assert reader.seqs() == []
    it.publish(quote("B", seq=1))
    assert reader.seqs() == [("B", 1)]


def test_a_slow_reader_with_an_interval_loses_nothing() -> None:
    """What is held when the reader recovers within the interval goes out at its end."""
    it, reader = Board(), Reader()
    it.topics.subscribe(reader, 1, 2, packed("A"), interval_ms=1000)
    it.publish(quote("A", seq=1))
    reader.is_congested = True
    it.publish(quote("A", seq=2))
    reader.is_congested = False
    it.topics.drained(reader)
    it.reactor.advance(1)
    assert reader.seqs() == [("A", 1), ("A", 2)]


def test_a_snapshot_gives_the_newest_of_what_is_known() -> None:
    """Symbols without a quote are left out."""
    it, first, second = Board(), Reader(), Reader()
    it.topics.subscribe(first, 1, 2, packed("A", "B"))
    it.publish(quote("A", seq=4))
    it.topics.subscribe(second, 9, 8, packed("A", "B"))
    it.topics.snapshot(second, 8)
    assert second.writes == [codec.readdress(quote("A", seq=4), 9, 8)]


@pytest.mark.clause("15.7")
def test_interest_is_told_for_the_first_and_the_last() -> None:
    """Not for those between, and per symbol."""
    it, first, second = Board(), Reader(), Reader()
    it.topics.subscribe(first, 1, 1, packed("A"))
    it.topics.subscribe(second, 2, 1, packed("A", "B"))
    assert sorted(it.told) == [("A", True), ("B", True)]
    it.told.clear()
    assert it.topics.unsubscribe(second, 1, packed("B")) == 1
    assert it.told == [("B", False)]
    it.topics.drop(second)
    assert it.told == [("B", False)]
    assert it.topics.unsubscribe(first, 1) == 0
    assert it.told == [("B", False), ("A", False)]
    assert len(it.topics) == 0
    assert it.topics.unsubscribe(first, 1) is None


MINUTE_BARS = [b"A".ljust(16, b"\0") + (60).to_bytes(4, "big")]


@pytest.mark.clause("14.8")
def test_a_closed_bar_is_never_conflated_away() -> None:
    """A slow reader gets every closed bar at once, and of those in formation the newest later."""
    it, reader = Board(), Reader()
    it.topics.subscribe(reader, 1, 2, MINUTE_BARS)
    reader.is_congested = True
    for time in range(1, 4):
        it.publish(bar("A", 60, time), bar("A", 60, time))
        it.publish(bar("A", 60, time, final=True))
    it.publish(bar("A", 60, 4), bar("A", 60, 4))
    assert reader.bars() == [(1, True), (2, True), (3, True)]
    reader.is_congested = False
    it.topics.drained(reader)
    assert reader.bars() == [(4, False)]


def test_an_interval_holds_back_bars_in_formation_only() -> None:
    """The newest of each interval; a closed one at once, and nothing older after it."""
    it, reader = Board(), Reader()
    it.topics.subscribe(reader, 1, 2, MINUTE_BARS, interval_ms=1000)
    it.publish(bar("A", 60, 1))
    it.publish(bar("A", 60, 1))
    it.publish(bar("A", 60, 1, final=True))
    assert reader.bars() == [(1, False), (1, True)]
    it.reactor.advance(2)
    assert reader.bars() == []


def test_nothing_is_sent_after_the_end_of_a_subscription() -> None:
    """Neither what is held nor what comes later."""
    it, reader = Board(), Reader()
    it.topics.subscribe(reader, 1, 1, packed("A"), interval_ms=1000)
    it.publish(quote("A", seq=1))
    it.publish(quote("A", seq=2))
    it.topics.drop(reader)
    it.publish(quote("A", seq=3))
    it.reactor.advance(5)
    assert reader.seqs() == [("A", 1)]
    assert it.clock.waiting == 0


def test_a_symbol_that_was_asked_for_is_followed_for_a_while() -> None:
    """Each question prolongs it; then the master is told and the quote forgotten."""
    it = Board()
    it.topics.asked(packed("A"))
    it.publish(quote("A", seq=1))
    it.reactor.advance(ASKED_S - 1)
    it.topics.asked(packed("A"))
    it.reactor.advance(ASKED_S - 1)
    assert it.topics.newest(packed("A")) is not None
    it.reactor.advance(1)
    assert it.told == [("A", True), ("A", False)]
    assert it.topics.newest(packed("A")) is None
    assert it.clock.waiting == 0


def test_a_subscriber_outlives_the_question_and_the_other_way_round() -> None:
    """Interest ends when both have ended."""
    it, reader = Board(), Reader()
    it.topics.asked(packed("A"))
    it.topics.subscribe(reader, 1, 1, packed("A"))
    it.reactor.advance(ASKED_S)
    assert it.told == [("A", True)]
    it.topics.drop(reader, linger=True)
    assert it.told == [("A", True)]
    it.reactor.advance(ASKED_S)
    assert it.told == [("A", True), ("A", False)]


def test_the_symbols_followed_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscription beyond the bound is refused whole; a question only is not followed."""
    it, reader = Board(topics_max=3), Reader()
    it.topics.subscribe(reader, 1, 1, packed("A", "B"))
    with pytest.raises(TopicsFullError):
        it.topics.subscribe(reader, 1, 2, packed("C", "D"))
    assert it.topics.counts(reader) == (1, 2)
    it.topics.asked(packed("C", "D", "A"))
    assert len(it.topics) == 3
    monkeypatch.setattr(topics_module, "ASKED_MAX", 1)
    other = Board()
    other.topics.asked(packed("X", "Y"))
    assert other.told == [("X", True), ("Y", True), ("X", False)]


def test_another_master_is_told_everything_and_knows_the_quotes_anew() -> None:
    """Old quotes are not given out as the new master's."""
    it, reader = Board(), Reader()
    it.topics.subscribe(reader, 1, 1, packed("A"))
    it.publish(quote("A", seq=1))
    it.told.clear()
    it.topics.renew()
    assert it.told == [("A", True)]
    assert it.topics.newest(packed("A")) is None


@pytest.mark.parametrize(
    "inner",
    [
        quote("A")[:40],
        quote("A") + b"PT",
        b"XX" + quote("A")[2:],
        codec.encode(m.Heartbeat()),
        codec.frame(2, Opcode.EV_QUOTE, bytes(20), flags=2),
        codec.frame(2, Opcode.EV_TX, bytes(200), flags=2),
    ],
)
def test_what_is_not_a_row_of_quotes_is_a_fault(inner: bytes) -> None:
    """The master's octets are judged before they go to clients."""
    with pytest.raises(RemoteFault):
        Board().topics.publish(inner)


def test_stopping_leaves_no_timer() -> None:
    """Intervals and questions end without a word to the master."""
    it, reader = Board(), Reader()
    it.topics.subscribe(reader, 1, 1, packed("A"), interval_ms=1000)
    it.publish(quote("A"))
    it.publish(quote("A"))
    it.topics.asked(packed("B"))
    it.told.clear()
    it.topics.stop()
    assert it.told == []
    assert it.clock.waiting == 0


@pytest.mark.clause("15.13")
def test_what_was_known_is_void_and_asked_for_again() -> None:
    """CACHE_INVALIDATE: nothing of before is given or kept for a slow reader; all is asked anew."""
    board, slow = Board(), Reader()
    board.topics.subscribe(slow, 7, 5, packed("A", "B"))
    slow.is_congested = True
    board.publish(quote("A", seq=1), quote("B", seq=1))
    board.told.clear()
    board.topics.void()
    assert sorted(board.told) == [("A", True), ("B", True)]
    assert board.topics.newest(packed("A")) is None
    slow.is_congested = False
    board.topics.drained(slow)
    assert slow.seqs() == []
    board.publish(quote("A", seq=2))
    assert slow.seqs() == [("A", 2)]


def crowd(it: Board, count: int, *symbols: str) -> list[Reader]:
    """Readers that follow the same symbols."""
    readers = [Reader() for _ in range(count)]
    for number, reader in enumerate(readers, 1):
        it.topics.subscribe(reader, number, 7, packed(*symbols))
    return readers


def test_a_large_fan_out_is_spread_over_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many are served in a turn, each once; the next update finds nobody waiting."""
    monkeypatch.setattr(topics_module, "SPREAD_PER_TURN", 3)
    it = Board()
    readers = crowd(it, 7, "A", "B")
    it.publish(quote("A", seq=1), quote("B", seq=1))
    assert [len(reader.writes) for reader in readers] == [1, 1, 1, 0, 0, 0, 0]
    assert it.clock.waiting == 1
    it.reactor.advance(0)
    assert [len(reader.writes) for reader in readers] == [1] * 7
    assert all(reader.seqs() == [("A", 1), ("B", 1)] for reader in readers)
    assert it.clock.waiting == 0
    it.publish(quote("A", seq=2))
    it.reactor.advance(0)
    it.reactor.advance(0)
    assert all(reader.seqs() == [("A", 2)] for reader in readers)
    assert it.topics.counters.conflated == 0


def test_who_waits_for_a_turn_gets_the_newest_and_every_closed_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Updates that come faster than they can be spread are conflated, in one write, in bounds."""
    monkeypatch.setattr(topics_module, "SPREAD_PER_TURN", 1)
    it = Board()
    readers = crowd(it, 3, "A")
    last = readers[-1]
    topic = packed("A")[0] + (60).to_bytes(4, "big")
    it.topics.subscribe(last, 3, 8, [topic])
    for seq in range(1, 6):
        it.publish(quote("A", seq=seq), bar("A", 60, seq, final=True))
    assert last.writes == []
    for _ in range(12):
        it.reactor.advance(0)
    assert sum(map(len, last.writes)) == (5 * (32 + m.BarEvent.SIZE) + 2 * (32 + m.QuoteEvent.SIZE))
    quotes, bars = Reader(), Reader()
    quotes.writes, bars.writes = last.writes[:1], last.writes[1:]
    assert quotes.seqs() == [("A", 1), ("A", 5)]
    assert bars.bars() == [(seq, True) for seq in range(1, 6)]
    assert it.topics.counters.conflated > 0
    assert it.clock.waiting == 0


def test_what_waits_for_a_turn_comes_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended in part, a subscription gets what was ready first; ended or gone, nothing more."""
    monkeypatch.setattr(topics_module, "SPREAD_PER_TURN", 1)
    it = Board()
    _, part, gone, _ = crowd(it, 4, "A", "B")
    it.publish(quote("A", seq=1), quote("B", seq=1))
    assert it.topics.unsubscribe(part, 7, packed("A")) == 1
    assert part.seqs() == [("A", 1), ("B", 1)]
    it.topics.drop(gone)
    for _ in range(4):
        it.reactor.advance(0)
    assert part.writes == gone.writes == []
    it.publish(quote("A", seq=2), quote("B", seq=2))
    it.topics.stop()
    assert it.clock.waiting == 0


def test_a_slow_reader_that_waits_for_a_turn_is_served_when_it_reads_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What came while it was behind and then congested is held, and the newest comes at once."""
    monkeypatch.setattr(topics_module, "SPREAD_PER_TURN", 1)
    it = Board()
    _, slow = crowd(it, 2, "A")
    it.publish(quote("A", seq=1))
    it.publish(quote("A", seq=2))
    slow.is_congested = True
    it.reactor.advance(0)
    it.reactor.advance(0)
    it.publish(quote("A", seq=3))
    slow.writes.clear()
    slow.is_congested = False
    it.topics.drained(slow)
    assert slow.seqs() == [("A", 3)]


def test_a_turned_clock_voids_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a time that was turned back goes out after it was."""
    monkeypatch.setattr(topics_module, "SPREAD_PER_TURN", 1)
    it = Board()
    first, second = crowd(it, 2, "A")
    it.publish(quote("A", seq=9))
    it.topics.void()
    it.reactor.advance(0)
    assert (len(first.writes), len(second.writes)) == (1, 0)
