"""What is read of a plain record by the short way is what the declared codec reads."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.core.desk import Desk
from papertrader.core.encoding import encoded_order
from papertrader.core.events import OrderChanged, TransactionPosted
from papertrader.core.marketclock import ClockField
from papertrader.core.money import SCALE
from papertrader.core.orders import Order, OrderTerms, OrderType, Side, TimeInForce
from papertrader.master import quickrecords, records
from papertrader.master.database import journal_batches
from papertrader.master.engines import connect
from papertrader.master.viewrows import ViewRows
from papertrader.ops import journalrows
from papertrader.ops.digests import Digests
from papertrader.ops.journalrows import UNREADABLE, JournalRows
from papertrader.ops.orderdigests import OrderDigests
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from tests.master_kit import MasterKit

CHANGES = 400
"""Changes of one kind of record; each keeps its checksum right, so that only its fields tell."""


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Give the journal's batches of some trading: fills, kept lots, a cancelled order."""
    state = tmp_path_factory.mktemp("quick")
    kit = MasterKit(state)
    client = kit.client()
    client.register()
    client.login()
    for number, side in enumerate((Side.BUY,) * 5 + (Side.SELL,) * 3, 1):
        order = m.OrderNew(
            symbol="IBM", side=side, order_type=OrderType.MARKET, quantity=(10 - number) * SCALE,
            client_order_id=number,
        )  # fmt: skip
        client.send(order, seq=number)
        kit.quote("IBM", "188.00", "188.05", bid_size=10**15, ask_size=10**15)
    # From here on the market's time is not the master's: transactions have details.
    wish = m.ClockSet(fields=ClockField.SPEED, speed_milli=60_000)
    assert client.ask(wish, seq=9).status == 0
    client.seq = 9
    assert client.order("AAPL", "1").status == 0
    kit.turn(1.0)
    kit.stop()
    truth = connect(Path(state) / "truth.db", {}, read_only=True)
    found = [row[-1] for row in journal_batches(truth)]
    truth.close()
    return found


def cut(frames: list[bytes]) -> Iterator[tuple[int, bytes]]:
    """Give (opcode, octets) of each record."""
    for blob in frames:
        at = 0
        while at < len(blob):
            header = codec.parse_header(blob, at)
            end = at + limits.HEADER_SIZE + header.length
            yield header.opcode, blob[at:end]
            at = end


def slow(octets: bytes, desk: Desk) -> tuple[int, object]:
    """Read a record by the declared codec."""
    message = records.read_frame(octets, 0)
    return records.seq_of(message), records.fact_of(message, desk.state)


def test_both_ways_read_the_same(frames: list[bytes]) -> None:
    """Record by record of a real journal; nearly all of the four kinds are read the short way."""
    desk, short, detailed = Desk(), Counter[int](), 0
    for opcode, octets in cut(frames):
        expected = slow(octets, desk)
        quick = quickrecords.read(octets, 0, len(octets), opcode, desk.state)
        if quick is not None:
            short[opcode] += 1
            assert quick == expected
            detailed += isinstance(quick[1], TransactionPosted) and quick[1].transaction.has_detail
        fact = expected[1]
        if fact is not None and not isinstance(fact, records.StoredReply):
            desk.apply(fact)  # type: ignore[arg-type]
    assert short[m.StoreTransaction.OPCODE] == 9
    assert short[m.StoreOrder.OPCODE] == 18
    assert short[m.StoreCommand.OPCODE] == short[m.StoreReply.OPCODE] == 10
    assert detailed


def test_orders_are_encoded_as_the_desk_does(frames: list[bytes]) -> None:
    """From a record's octets, and from the row that the views keep of it."""
    met = Counter[int]()
    for opcode, octets in cut(frames):
        if opcode == m.StoreOrder.OPCODE:
            fact = slow(octets, Desk())[1]
            assert isinstance(fact, OrderChanged)
            expected = encoded_order(fact.order)
            assert quickrecords.encoded_order(octets, 0) == expected
            assert ViewRows.encoded(ViewRows.row(fact.order)) == expected
            met[fact.order.state] += 1
    assert len(met) > 1


@given(st.data())
def test_any_row_is_encoded_as_its_order(data: st.DataObject) -> None:
    """Whatever numbers stand in it; with terms or a tag it is left to the desk."""
    limits_of = {"q": (-(2**63), 2**63 - 1), "Q": (0, 2**64 - 1), "B": (0, 255)}
    numbers = {
        name: data.draw(st.integers(*limits_of[kind]), name)
        for name, kind in (
            ("client_order_id", "Q"), ("flags", "B"), ("limit_price", "q"), ("fees", "q"),
            ("reserved_quantity", "q"), ("sequence", "Q"), ("updated_at", "Q"), ("replaces", "Q"),
        )
    }  # fmt: skip
    filled = data.draw(st.integers(0, 2**62), "filled")
    order = Order(
        order_id=7, account=1, portfolio=1, symbol=data.draw(st.sampled_from(["A", "A" * 16])),
        side=Side.SELL, order_type=OrderType.LIMIT, time_in_force=TimeInForce.IOC,
        quantity=2**62, filled=filled,
        notional_filled=filled * data.draw(st.integers(0, 2**62), "price"), **numbers,
    )  # fmt: skip
    assert ViewRows.encoded(ViewRows.row(order)) == encoded_order(order)
    for other in (attrs.evolve(order, tag="x"), attrs.evolve(order, terms=OrderTerms(shares=True))):
        assert ViewRows.encoded(ViewRows.row(other)) is None


def rows_of(frames: list[bytes], short: bool, monkeypatch: pytest.MonkeyPatch) -> Digests:
    """Return what the journal makes of the views' rows, by the short way or by the codec."""
    wrong: list[str] = []
    rows = JournalRows(Digests(), wrong.append, frozenset())
    with monkeypatch.context() as patch:
        if not short:
            patch.setattr(journalrows, "_READERS", {})
        for blob in frames:
            rows._take(blob, 1, 1, 2**62, counted=True)
    assert wrong == []
    rows.digests.close()
    return rows.digests


def test_the_rows_are_the_same_by_both_ways(
    frames: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an audit compares with the views, cut out of the octets or read by the codec."""
    found = rows_of(frames, True, monkeypatch)
    assert found == rows_of(frames, False, monkeypatch)
    assert found.transactions and found.receipts and found.events and found.replies
    for octets in frames:
        for at in range(0, len(octets), 61):
            wrong: list[str] = []
            changed = octets[:at] + bytes((octets[at] ^ 4,)) + octets[at + 1 :]
            JournalRows(Digests(), wrong.append, frozenset())._take(
                changed, 1, 1, 2**62, counted=True
            )
            assert wrong, f"octet {at} was changed, and nobody noticed"


def test_a_changed_octet_is_never_read_otherwise(frames: list[bytes]) -> None:
    """Whatever is changed, the short way reads what the declared codec does, or leaves it to it."""
    rng, desk, taken = random.Random(7), Desk(), Counter[bool]()
    for opcode, octets in cut(frames):
        for _ in range(CHANGES // 16):
            body = bytearray(octets[:-4])
            # The outer length stays: the caller has gone by it already.
            at = rng.choice([*range(4), *range(8, len(body))])
            body[at] ^= 1 << rng.randrange(8)
            changed = bytes(body) + codec.CRC.pack(crc32(body))
            quick = quickrecords.read(changed, 0, len(changed), opcode, desk.state)
            taken[quick is not None] += 1
            # Between others it is the same: nothing of theirs is taken for its own.
            among, begun = octets + changed + octets, len(octets)
            ended = begun + len(changed)
            assert quickrecords.read(among, begun, ended, opcode, desk.state) == quick
            if quick is not None:
                assert quick == slow(changed, desk), (at, opcode)
        fact = slow(octets, desk)[1]
        if fact is not None and not isinstance(fact, records.StoredReply):
            desk.apply(fact)  # type: ignore[arg-type]
    # Both happen: a change that can be read stays one, what cannot is refused.
    assert min(taken[True], taken[False]) > 100


def test_a_record_that_is_cut_short_is_left_to_the_codec(frames: list[bytes]) -> None:
    """What follows it in the batch is not taken for its end."""
    desk = Desk()
    for opcode, octets in cut(frames):
        for size in range(limits.HEADER_SIZE, len(octets), 17):
            read = quickrecords.read(octets + octets, 0, size, opcode, desk.state, checked=True)
            assert read is None
            # Of a transaction the lots, its last part, are no row: there the checksum tells.
            reader = journalrows._READERS.get(opcode)
            if reader is not None and opcode != m.StoreTransaction.OPCODE:
                assert not reader(octets + octets, 0, size, Digests(), OrderDigests(), True)
        if opcode == m.StorePortfolio.OPCODE:
            desk.apply(slow(octets, desk)[1])  # type: ignore[arg-type]


def test_a_wrong_checksum_is_left_to_the_codec(frames: list[bytes]) -> None:
    """An octet changed without its checksum is not read at all."""
    desk = Desk()
    for opcode, octets in cut(frames):
        changed = octets[:-1] + bytes((octets[-1] ^ 1,))
        assert quickrecords.read(changed, 0, len(changed), opcode, desk.state) is None
        with pytest.raises(UNREADABLE):
            slow(changed, desk)
