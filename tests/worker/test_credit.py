"""Credit and CANCEL at the worker: what it grants, to whom, and what it passes on."""

from __future__ import annotations

import pytest

from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import MORE
from papertrader.wire.kinds import Status
from papertrader.worker.clients import CREDIT_STEP
from tests.worker_kit import ClientPeer, House, quote, subscribe

WINDOW = limits.RELAY_CREDIT_OCTETS


def scene() -> tuple[House, ClientPeer]:
    """A worker with an active link and a client with session 77 that has asked for bars."""
    it = House()
    it.connect_master()
    client = it.connect_client()
    it.log_in(client)
    it.ask(client, m.BarsGet(symbol="A", interval_s=60), correlation=5, session=77)
    return it, client


def part(number: int, more: bool = True) -> bytes:
    """One part of the reply to request 5: 1,000 bars, about 48 KB."""
    rows = tuple(m.BarRow(time=n) for n in range(1_000))
    return codec.encode(
        m.BarsPart(part=number, parts=99, bars=rows), session=77, correlation=5,
        flags=MORE if more else 0,
    )  # fmt: skip


@pytest.mark.clause("15.11")
def test_credit_is_given_as_the_client_takes() -> None:
    """Rarely: one grant for each step; it never goes back and is always what was taken + window."""
    it, _ = scene()
    sent = len(codec.encode(m.LoginReply()))
    grants = []
    for number in range(1, 21):
        it.down(1, part(number))
        sent += len(part(number))
        grants += [(each.connection, each.total) for each in it.told(m.RelayCredit)]
        if grants:
            assert grants[-1][1] <= sent + WINDOW
    assert 6 <= len(grants) <= sent // CREDIT_STEP
    assert {connection for connection, _ in grants} == {1}
    assert grants == sorted(grants)
    assert grants[-1][1] > sent + WINDOW - CREDIT_STEP


def test_a_stalled_client_gets_no_credit_and_stops_nobody() -> None:
    """Another client is served as before; when the stalled one reads, the credit comes."""
    it, slow = scene()
    quick = it.connect_client(port=4001)
    it.log_in(quick, 78)
    slow.wire.near.stalled = True
    for number in range(1, WINDOW // len(part(1)) + 1):
        it.down(1, part(number))
    told = it.told(m.RelayCredit)
    assert sum(each.total > WINDOW + CREDIT_STEP for each in told) == 0
    assert slow.goodbye is None
    it.ask(quick, m.AccountGet(), correlation=6, session=78)
    it.answer(it.relayed()[0], m.AccountReply(account=5))
    assert len(quick.take()) == 1
    slow.wire.near.unstall()
    it.settle()
    assert it.told(m.RelayCredit)[-1].total > WINDOW + CREDIT_STEP
    assert len(slow.take()) == WINDOW // len(part(1))


def test_quotes_that_wait_count_against_the_credit() -> None:
    """What the worker itself has for a client fills the same room."""
    it, client = scene()
    it.ask(client, subscribe("A"), correlation=6, session=77)
    client.wire.near.stalled = True
    it.publish(*[quote("A", seq=n) for n in range(1_500)])
    it.down(1, part(1))
    assert it.told(m.RelayCredit) == []


@pytest.mark.clause("15.11")
def test_the_count_begins_anew_with_the_link() -> None:
    """CLIENT_OPEN is said again: both sides start from nothing."""
    it, client = scene()
    for number in range(1, 11):
        it.down(1, part(number))
    assert it.told(m.RelayCredit)
    it.cut_master()
    it.advance(6)
    it.connect_master()
    client.take()
    it.log_in(client, 79)
    it.ask(client, m.BarsGet(symbol="A", interval_s=60), correlation=5, session=79)
    it.master.take()
    for number in range(1, 4):
        it.down(1, part(number))
    grants = [each.total for each in it.told(m.RelayCredit)]
    assert grants
    assert max(grants) <= WINDOW + 4 * len(part(1))


@pytest.mark.clause("9.10")
def test_cancel_goes_to_the_master_when_its_target_is_open() -> None:
    """Octet for octet, in order with what came before in the same octets; others are dropped."""
    it, client = scene()
    (first,) = it.relayed()
    asked = codec.encode(m.BarsGet(symbol="B", interval_s=60), session=77, correlation=6)
    cancels = [codec.encode(m.Cancel(target=target), session=77) for target in (6, 5, 9)]
    client.send(asked + b"".join(cancels))
    it.settle()
    ups = it.relayed()
    assert [up.inner for up in ups] == [asked, *cancels[:2]]
    assert [up.worker_seq for up in ups] == [first.worker_seq + n for n in (1, 2, 3)]
    it.answer(first, codec.Failure(text="ended"), status=Status.CANCELLED)
    ((header, _),) = client.take()
    assert (header.correlation, header.status) == (5, Status.CANCELLED)
    client.send(cancels[1])
    it.settle()
    assert it.relayed() == []
    assert client.goodbye is None


def test_cancel_without_a_link_is_dropped() -> None:
    """The request is answered anyway."""
    it, client = scene()
    it.cut_master()
    client.send(codec.encode(m.Cancel(target=5), session=77))
    it.settle()
    assert client.goodbye is None
    it.advance(6)
    it.connect_master()
    assert it.relayed() == []


def test_a_part_of_a_cancelled_transfer_is_not_kept() -> None:
    """A reply that was ended is never given again from the cache."""
    it, client = scene()
    (up,) = it.relayed()
    it.down(1, part(1), down=1, cache_s=60)
    it.answer(up, codec.Failure(text="ended"), status=Status.CANCELLED, down=1, cache_s=60)
    client.take()
    it.ask(client, m.BarsGet(symbol="A", interval_s=60), correlation=8, session=77)
    assert len(it.relayed()) == 1


@pytest.mark.parametrize("count", [limits.CONTROL_BURST - 1, 2 * limits.CONTROL_BURST])
def test_too_many_cancels_end_the_connection(count: int) -> None:
    """They are control frames, of which there is a bound."""
    it, client = scene()
    client.send(codec.encode(m.Cancel(target=5), session=77) * count)
    it.settle()
    closed = client.goodbye is not None and client.goodbye.code == Status.PROTOCOL_STATE
    assert closed == (count > limits.CONTROL_BURST)
