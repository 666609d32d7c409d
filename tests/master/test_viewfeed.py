"""The views' rows, cut out of the journal's records, are those that the desk's events give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from papertrader.core.desk import Desk
from papertrader.core.events import OrderChanged, TransactionPosted
from papertrader.core.money import SCALE
from papertrader.core.orders import OrderType, Side, TimeInForce
from papertrader.master import packing, records
from papertrader.master.database import journal_batches
from papertrader.master.engines import VIEWS_PRAGMAS, SqliteEngine, connect
from papertrader.master.orderrecords import terms_row
from papertrader.master.receipts import receipt_row
from papertrader.master.viewstore import ViewStore
from papertrader.master.viewtables import TABLES
from papertrader.wire import messages as m
from tests.master_kit import MasterKit

Batch = tuple[int, bytes, bytes]
"""Last input, hash, records."""


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> list[Batch]:
    """Give the journal of some trading: lots that are kept, terms, a stop, a season, a name."""
    state = tmp_path_factory.mktemp("feed")
    kit = MasterKit(state)
    client = kit.client()
    client.register()
    client.login()
    number = 0

    def order(side: Side, quantity: int, **fields: Any) -> None:
        nonlocal number
        number += 1
        wish = m.OrderNew(
            symbol="IBM", side=side, order_type=OrderType.MARKET, quantity=quantity * SCALE,
            client_order_id=number,
        )  # fmt: skip
        for name, value in fields.items():
            setattr(wish, name, value)
        client.send(wish, seq=number)
        kit.quote("IBM", "188.00", "188.05", bid_size=10**15, ask_size=10**15)

    for side in (Side.BUY,) * 6 + (Side.SELL,) * 3:
        order(side, 9 - number)
    order(
        Side.SELL, 2, order_type=OrderType.STOP, stop_price=190 * SCALE,
        time_in_force=TimeInForce.GTC,
    )  # fmt: skip
    number += 1
    client.send(m.PortfolioUpdate(portfolio=1, name="lunch-money"), seq=number)
    number += 1
    client.send(m.PortfolioReset(portfolio=1, cash=5_000 * SCALE), seq=number)
    for tag in (None, "swing", "été"):
        order(Side.BUY, 1, tag=tag)
    kit.stop()
    truth = connect(Path(state) / "truth.db", {}, read_only=True)
    found = [(row[2], row[5], row[6]) for row in journal_batches(truth)]
    truth.close()
    return found


def written(path: Path, batches: list[Batch]) -> ViewStore:
    """Return open views that hold some batches."""
    store = ViewStore(SqliteEngine(path, VIEWS_PRAGMAS))
    store.open()
    for last_seq, head, frames in batches:
        store.write(frames, last_seq, head)
    return store


def rows_of(store: ViewStore) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table."""
    return {
        model._meta.table_name: sorted(
            store.db.execute_sql(f'SELECT * FROM "{model._meta.table_name}"').fetchall(), key=repr
        )
        for model in TABLES
    }


def test_rows_are_those_of_the_events(tmp_path: Path, batches: list[Batch]) -> None:
    """Events, orders, receipts, transactions and lots are, octet for octet, what the desk's own
    events are packed to."""
    store = written(tmp_path / "views.db", batches)
    rows = rows_of(store)
    events, orders, receipts, transactions = [], {}, [], []
    desk = Desk()
    for _, _, frames in batches:
        for message in records.read_frames(frames):
            fact = records.fact_of(message, desk.state)
            if fact is None or isinstance(fact, records.StoredReply):
                continue
            desk.apply(fact)
            if isinstance(fact, OrderChanged):
                order = fact.order
                events.append((fact.account, fact.event_seq, records.push_frame(fact)))
                orders[order.order_id] = (
                    order.order_id, order.portfolio, order.reserved_quantity, order.sequence,
                    str(order.notional_filled), packing.order_block(order), terms_row(order),
                    order.tag,
                )  # fmt: skip
                if fact.receipt is not None:
                    receipts.append(
                        (
                            order.order_id,
                            fact.event_seq,
                            fact.account,
                            receipt_row(fact, fact.receipt),
                        )
                    )
            elif isinstance(fact, TransactionPosted):
                t = fact.transaction
                events.append((fact.account, fact.event_seq, records.push_frame(fact)))
                transactions.append(
                    (
                        fact.account, t.transaction_id, t.portfolio, int(t.kind), t.executed_at,
                        records.transaction_row(t).pack(), records.transaction_detail(t),
                        packing.entries_block(fact.entries), t.note,
                    )
                )  # fmt: skip
    held = [
        (number, symbol, packing.holding_block(position), packing.lots_block(position.lots))
        for number, portfolio in desk.state.portfolios.items()
        for symbol, position in portfolio.positions.items()
    ]
    for name, expected in (
        ("view_event", events),
        ("view_order", list(orders.values())),
        ("view_receipt", receipts),
        ("view_transaction", transactions),
        ("view_position", held),
    ):
        assert expected
        assert rows[name] == sorted(expected, key=repr), name
    assert any(len(position[3]) > 2 * m.LotRow.SIZE for position in held)
    assert any(order[6] for order in orders.values())
    store.close()


def test_what_is_remembered_is_what_is_read(tmp_path: Path, batches: list[Batch]) -> None:
    """Lots that are not at hand are read: a store opened anew for each batch writes the same."""
    whole = written(tmp_path / "whole.db", batches)
    expected = rows_of(whole)
    whole.close()
    for batch in batches:
        written(tmp_path / "parts.db", [batch]).close()
    parts = written(tmp_path / "parts.db", [])
    assert rows_of(parts) == expected
    parts.close()


def test_a_lot_that_was_not_there_is_refused(tmp_path: Path, batches: list[Batch]) -> None:
    """A trade that keeps lots of a position that the views do not have ends the writing."""
    store = ViewStore(SqliteEngine(tmp_path / "views.db", VIEWS_PRAGMAS))
    store.open()
    last_seq, head, _ = batches[-1]
    trade = next(
        octets for _, _, frames in batches for octets in _records(frames)
        if isinstance(record := records.read_frame(octets, 0), m.StoreTransaction)
        and record.lots_kept
    )  # fmt: skip
    with pytest.raises(ValueError, match="lots are kept of 0"):
        store.write(trade, last_seq, head)
    assert store.watermark == 0
    store.close()


def _records(frames: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(frames):
        size = 32 + int.from_bytes(frames[at + 4 : at + 8], "big")
        found.append(frames[at : at + size])
        at += size
    return found
