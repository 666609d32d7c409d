"""Credit: no client is sent more than it may be, transfers take turns, and CANCEL ends them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.master import flow as flow_module
from papertrader.master.flow import ClientFlows, Mark
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import MORE, RESPONSE
from papertrader.wire.kinds import Opcode, Status
from tests.master_kit import PASSWORD, MasterKit
from tests.yard_kit import Yard

WINDOW = limits.RELAY_CREDIT_OCTETS
PART = 64 * 1024


class Outlet:
    """A link that notes what is sent down, and can be told that it is full."""

    def __init__(self) -> None:
        self.is_congested = False
        self.sent: list[tuple[int, bytes, Mark]] = []
        self.closed: list[tuple[int, int]] = []
        self.full_after = 0
        self.flows = ClientFlows(self)

    def write_down(self, connection: int, octets: bytes, mark: Mark) -> None:
        self.sent.append((connection, octets, mark))
        if self.full_after and len(self.sent) >= self.full_after:
            self.is_congested = True

    def close_client(self, connection: int, code: int, text: str = "") -> None:
        self.closed.append((connection, code))

    def relay(self, connection: int, octets: bytes) -> None:
        """As the link does it."""
        if self.flows.may_send(connection, len(octets)):
            self.write_down(connection, octets, Mark())
        else:
            self.flows.hold(connection, octets, Mark())

    def order(self) -> list[tuple[int, int]]:
        """(correlation, part) of what was sent since the last look."""
        sent, self.sent = self.sent, []
        return [(codec.parse_header(octets).correlation, int(octets[35])) for _, octets, _ in sent]


def transfer(correlation: int, count: int, size: int = PART) -> list[bytes]:
    """The parts of a reply, each of ``size`` octets."""
    frames = []
    for number in range(1, count + 1):
        block = number.to_bytes(4, "big") + bytes(size - limits.HEADER_SIZE - 4)
        flags = RESPONSE | (MORE if number < count else 0)
        frames.append(
            codec.frame(
                2, Opcode.BARS_GET, block[:60_000], block[60_000:], flags=flags, session=7,
                correlation=correlation,
            )
        )  # fmt: skip
    return frames


def test_what_has_credit_goes_at_once() -> None:
    """An ordinary client never waits."""
    it = Outlet()
    it.flows.opened(1)
    for number in range(10):
        it.relay(1, bytes(100 + number))
    assert [len(octets) for _, octets, _ in it.sent] == list(range(100, 110))
    assert it.flows.held == 0


def test_a_client_that_is_not_announced_is_its_workers_business() -> None:
    """It has gone: the worker drops what comes."""
    it = Outlet()
    it.relay(9, bytes(2 * WINDOW))
    assert it.flows.transfer(9, 1, transfer(1, 9), Mark())
    assert len(it.sent) == 10


def test_parts_of_several_transfers_take_turns() -> None:
    """A short one is not behind a long one; replies and events go before both."""
    it = Outlet()
    it.flows.opened(1)
    assert it.flows.transfer(1, 5, transfer(5, 6), Mark())
    assert it.order() == [(5, 1), (5, 2), (5, 3), (5, 4)]
    assert it.flows.transfer(1, 6, transfer(6, 2), Mark())
    it.relay(1, codec.encode(m.OrderReply(), session=7, correlation=9))
    assert it.order() == []
    it.flows.credited(1, 3 * WINDOW)
    assert [number for number, _ in it.order()] == [9, 5, 6, 5, 6]


def test_a_stalled_client_stops_nobody_else() -> None:
    """What it does not take waits for it alone, and comes whole in the end."""
    it = Outlet()
    for connection in (1, 2):
        it.flows.opened(connection)
    for correlation in range(1, 9):
        assert it.flows.transfer(1, correlation, transfer(correlation, 20), Mark())
    stuck = len(it.sent)
    assert stuck * PART <= WINDOW
    it.relay(2, bytes(1_000))
    assert it.sent[-1][0] == 2
    credit = WINDOW
    while len(it.sent) < 161:
        credit += WINDOW // 2
        it.flows.credited(1, credit)
    assert it.closed == []
    seen = Counter(number for number, _ in it.order())
    assert all(seen[correlation] == 20 for correlation in range(1, 9))


def test_too_many_transfers_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that would be too much; what was begun goes on."""
    monkeypatch.setattr(flow_module, "TRANSFER_OCTETS_MAX", 10 * PART)
    it = Outlet()
    it.flows.opened(1)
    assert it.flows.transfer(1, 1, transfer(1, 30), Mark())
    assert not it.flows.transfer(1, 2, transfer(2, 2), Mark())
    it.flows.credited(1, 100 * PART)
    assert it.order() == [(1, number) for number in range(1, 31)]
    assert it.flows.transfer(1, 2, transfer(2, 2), Mark())


def test_too_many_events_close_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events are never dropped: at the bound the client is closed, once, and nothing more kept."""
    monkeypatch.setattr(flow_module, "WAITING_OCTETS_MAX", 1_000)
    it = Outlet()
    it.flows.opened(1)
    it.relay(1, bytes(WINDOW))
    for _ in range(10):
        it.relay(1, bytes(300))
    assert it.closed == [(1, Status.SLOW_CONSUMER)]
    it.flows.credited(1, 10 * WINDOW)
    assert len(it.sent) == 1


@pytest.mark.clause("9.10")
def test_cancel_ends_a_transfer_with_one_reply() -> None:
    """CANCELLED follows, without MORE, and no further part; other transfers go on."""
    it = Outlet()
    it.flows.opened(1)
    it.flows.transfer(1, 5, transfer(5, 10), Mark(accepted_at=3))
    it.flows.transfer(1, 6, transfer(6, 2), Mark())
    it.sent.clear()
    it.flows.cancel(1, 5)
    it.flows.cancel(1, 5)
    it.flows.cancel(1, 77)
    it.flows.cancel(2, 5)
    it.flows.credited(1, 20 * WINDOW)
    heads = [codec.parse_header(octets) for _, octets, _ in it.sent]
    assert [(head.correlation, head.status) for head in heads] == [
        (5, Status.CANCELLED), (6, 0), (6, 0),
    ]  # fmt: skip
    assert (heads[0].opcode, heads[0].session, heads[0].flags) == (Opcode.BARS_GET, 7, RESPONSE)
    assert it.flows.cancelled == 1


@pytest.mark.clause("9.10")
def test_cancel_after_the_last_part_does_nothing() -> None:
    """The two crossed: the whole reply is on its way."""
    it = Outlet()
    it.flows.opened(1)
    it.flows.transfer(1, 5, transfer(5, 2), Mark())
    it.flows.cancel(1, 5)
    assert it.order() == [(5, 1), (5, 2)]


def test_transfers_wait_while_the_link_is_full() -> None:
    """Replies pass; when the link takes octets again, the clients are served in turn."""
    it = Outlet()
    it.full_after = 2
    for connection in (1, 2, 3):
        it.flows.opened(connection)
        it.flows.transfer(connection, connection, transfer(connection, 3), Mark())
    assert it.order() == [(1, 1), (1, 2)]
    it.relay(2, codec.encode(m.OrderReply(), correlation=9))
    assert it.order() == [(9, 0)]
    order = []
    for _ in range(4):
        it.is_congested = False
        it.flows.resume()
        order += it.order()
    assert sorted(order) == [(1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3)]


def test_room_is_told_when_nothing_waits_or_nobody_is_there() -> None:
    """Whoever sends many events can wait for it."""
    it = Outlet()
    it.flows.opened(1)
    assert it.flows.room(1).called
    assert it.flows.room(2).called
    it.relay(1, bytes(WINDOW))
    it.relay(1, bytes(10))
    first = it.flows.room(1)
    assert not first.called
    it.flows.credited(1, WINDOW + 5)
    assert not first.called
    it.flows.credited(1, WINDOW + 10)
    assert first.called
    it.relay(1, bytes(10))
    second = it.flows.room(1)
    it.flows.closed_all()
    assert second.called


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.integers(32, 5_000)),
        st.tuples(st.just("transfer"), st.integers(1, 6)),
        st.tuples(st.just("credit"), st.integers(0, 200_000)),
        st.tuples(st.just("cancel"), st.integers(1, 10)),
    ),
    max_size=40,
)


@pytest.mark.clause("15.11")
@given(STEPS)
def test_never_beyond_the_credit_and_nothing_lost(steps: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order: octets sent <= credit, and all comes in the end."""
    it = Outlet()
    it.flows.opened(1)
    credit, number, parts = WINDOW, 0, 0
    for what, size in steps:
        if what == "event":
            it.relay(1, bytes(size))
            parts += 1
        elif what == "transfer":
            number += 1
            it.flows.transfer(1, number, transfer(number, size, 60_000), Mark())
            parts += size
        elif what == "credit":
            credit += size
            it.flows.credited(1, credit)
        else:
            it.flows.cancel(1, size)
        assert sum(len(octets) for _, octets, _ in it.sent) <= credit
    it.flows.credited(1, 2**60)
    if not it.flows.cancelled:
        assert len(it.sent) == parts
    assert it.flows.room(1).called


# --- over the link -------------------------------------------------------------------------------


@pytest.mark.clause("15.11")
def test_the_link_keeps_to_the_credit_and_to_cancel(kit: MasterKit) -> None:
    """RELAY_CREDIT lets bars go on; CANCEL ends them; GOODBYE and other clients need no credit."""
    worker = Yard(kit).connect(1)
    worker.authenticate()
    worker.send(m.ClientOpen(connection=1, family=4, tls=3))
    worker.ask(m.Register(username="ann", password=PASSWORD))
    session = worker.ask(m.Login(username="ann", password=PASSWORD, scope=2)).session
    bars = m.BarsGet(symbol="AAPL", interval_s=60, limit=5_000)
    for correlation in (90, 91, 92):
        worker.relay(codec.encode(bars, session=session, correlation=correlation))
    downs = worker.take(m.RelayDown)
    octets = sum(len(down.inner) for down in downs)
    assert WINDOW - 2 * PART < octets < WINDOW
    worker.relay(codec.encode(m.Cancel(target=91), session=session))
    (last,) = worker.take(m.RelayDown)
    head = codec.parse_header(last.inner)
    assert (head.correlation, head.status) == (91, Status.CANCELLED)
    worker.send(m.ClientOpen(connection=2, family=4, tls=3))
    assert worker.ask(m.Login(username="ann", password=PASSWORD), connection=2).status == 0
    worker.send(m.RelayCredit(connection=1, total=4 * WINDOW))
    heads = [codec.parse_header(down.inner) for down in worker.take(m.RelayDown)]
    assert 91 not in {head.correlation for head in heads}
    assert 92 in {head.correlation for head in heads if not head.flags & MORE}
    worker.send(m.RelayCredit(connection=77, total=1))
    assert worker.goodbye == -1
