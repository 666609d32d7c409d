"""Receipts: kept for every fill and for what stopped the rest, and shown for ever."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from papertrader.core.fills import LimitingRule
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import OrderEventKind, OrderType, TimeInForce
from papertrader.core.quotes import QuoteFlag
from papertrader.core.terms import FillModelKind, PortfolioTerms
from papertrader.master import records
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Status
from tests.backends import replay_check
from tests.master.test_amendments import command
from tests.master_kit import MasterClient, MasterKit


def receipts(client: MasterClient, order: int, **fields: Any) -> list[m.OrderReceiptRow]:
    """All rows of one RECEIPT_GET."""
    parts = client.ask_all(m.ReceiptGet(order=order, **fields))
    assert parts[0].status == 0
    return [row for part in parts for row in part.message.receipts]


@pytest.mark.clause("13.20", "13.21")
def test_receipts_of_an_order(kit: MasterKit, ann: MasterClient) -> None:
    """Two fills, one of them a part; both tell the quote and what stopped the rest."""
    kit.quote("MSFT", "28.50", "28.60")
    number = ann.order("MSFT", "30").message.order
    kit.quote("MSFT", "28.50", "28.60", ask_size=10 * SCALE)
    kit.quote("MSFT", "28.60", "28.70", ask_size=500 * SCALE)
    first, second = receipts(ann, number)
    assert (first.kind, first.fill, first.fill_quantity) == (OrderEventKind.FILL, 1, 10 * SCALE)
    assert first.limiting == LimitingRule.SIZE
    assert first.remaining == 20 * SCALE
    assert first.spread_cost == parse_amount("0.5")
    assert first.model == FillModelKind.QUOTE
    assert (second.fill, second.fill_price, second.remaining) == (2, parse_amount("28.7"), 0)
    assert second.limiting == LimitingRule.NONE
    assert receipts(ann, number, after=first.event_seq) == [second]
    kit.crash()
    ann.resume()
    assert receipts(ann, number) == [first, second]


@pytest.mark.clause("13.21")
def test_receipts_of_all_orders_of_a_portfolio(kit: MasterKit, ann: MasterClient) -> None:
    """Order by order, by pages that cut none; of one portfolio only."""
    ann.seq += 1
    other = ann.ask(m.PortfolioCreate(name="other", cash=10**4 * SCALE), seq=ann.seq).message
    kit.quote("MSFT", "28.50", "28.60")
    numbers = [ann.order("MSFT", "30").message.order for _ in range(3)]
    ann.order("MSFT", "1", portfolio=other.portfolio)
    for size in (10, 500, 500):
        kit.quote("MSFT", "28.50", "28.60", ask_size=size * SCALE)
    each = [receipts(ann, number) for number in numbers]
    assert [len(rows) for rows in each] == [2, 2, 2]
    assert receipts(ann, 0) == each[0] + each[1] + each[2]
    for limit, expected in ((1, each[0]), (2, each[0]), (3, each[0] + each[1])):
        (part,) = ann.ask_all(m.ReceiptGet(limit=limit))
        assert list(part.message.receipts) == expected
        assert part.message.next_after == numbers[0 if limit < 3 else 1]
    (rest,) = ann.ask_all(m.ReceiptGet(limit=5, after=numbers[0]))
    assert (list(rest.message.receipts), rest.message.next_after) == (each[1] + each[2], 0)
    assert receipts(ann, 0, after=2**64 - 1) == []
    assert len(receipts(ann, 0, portfolio=other.portfolio)) == 2
    bob = kit.client(ann.link, 2)
    bob.register("bob")
    bob.login("bob")
    assert receipts(bob, 0) == []
    stranger = bob.ask(m.ReceiptGet(portfolio=other.portfolio))
    assert stranger.status == Status.NO_SUCH_PORTFOLIO


def test_receipts_of_others_are_not_shown(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.21: the same refusal as for an order that there is not."""
    number = ann.order("MSFT", "1").message.order
    bob = kit.client(ann.link, 2)
    bob.register("bob")
    bob.login("bob")
    assert bob.ask(m.ReceiptGet(order=number)).status == Status.NO_SUCH_ORDER
    assert ann.ask(m.ReceiptGet(order=999)).status == Status.NO_SUCH_ORDER
    assert ann.ask(m.ReceiptGet(client_order_id=1)).status == 0


def test_an_expiry_tells_why(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.20: the newest quote, and the rule by which it left the order waiting."""
    kit.quote("MSFT", "28.50", "28.60")
    answer = ann.order(
        "MSFT",
        "1",
        order_type=OrderType.LIMIT,
        limit_price=parse_amount("20"),
        time_in_force=TimeInForce.DAY,
    )
    quote = kit.quote("MSFT", "28.40", "28.60")
    kit.main.transactions.advance(answer.message.expire_at)
    kit.turn()
    waiting, ended = receipts(ann, answer.message.order)
    assert (waiting.kind, ended.kind) == (OrderEventKind.WORKING, OrderEventKind.EXPIRED)
    assert ended.limiting == LimitingRule.LIMIT
    assert (ended.quote_seq, ended.fill, ended.fill_price) == (quote.quote_seq, 0, NULL)


def test_every_end_has_a_receipt(kit: MasterKit, ann: MasterClient) -> None:
    """Cancelled before any quote, replaced, cancelled by the owner, and the partner of a pair."""
    limit = {"order_type": OrderType.LIMIT, "limit_price": parse_amount("20")}
    first = ann.order("MSFT", "1", **limit).message.order
    command(ann, m.OrderReplace(order=first, client_order_id=90, quantity=2 * SCALE))
    (replaced,) = receipts(ann, first)
    assert replaced.kind == OrderEventKind.REPLACED
    assert replaced.limiting == LimitingRule.WAITING
    quote = kit.quote("MSFT", "28.40", "28.60")
    second = ann.ask(m.OrderGet(client_order_id=90)).message.order
    command(ann, m.OrderCancel(order=second))
    waiting, cancelled = receipts(ann, second)
    assert (waiting.kind, cancelled.kind) == (OrderEventKind.WORKING, OrderEventKind.CANCELLED)
    assert (cancelled.limiting, cancelled.quote_seq) == (LimitingRule.LIMIT, quote.quote_seq)


@pytest.mark.parametrize("model", list(FillModelKind))
def test_every_model_is_decided_again(
    kit: MasterKit, ann: MasterClient, model: FillModelKind
) -> None:
    """Fills of every model come out of the journal's inputs as they were, with their receipts.

    So does one at the close, where the models that need an interval have that of the last quote,
    and by bars one that rests does so then, too.
    """
    ann.seq += 1
    terms = PortfolioTerms(fill_model=model, slippage=5)
    chosen = ann.ask(records.terms_block(m.PortfolioTermsSet, terms, portfolio=0), seq=ann.seq)
    assert chosen.status == 0
    minute = 60 * 10**9
    for number in range(40):
        if number % 10 == 0:
            fields = {"order_type": OrderType.LIMIT, "limit_price": parse_amount("28.60")}
            ann.order("MSFT", "30", **(fields if number % 20 else {}))
        kit.quote(
            "MSFT",
            f"28.{50 + number % 7}",
            f"28.{55 + number % 7}",
            day_volume=number * 700 * SCALE,
            source_time=kit.main.assets.market.now() // minute * minute + number * minute // 3,
            ask_size=20 * SCALE,
        )
    last = ann.order("MSFT", "3", time_in_force=TimeInForce.CLS).message
    for number, minutes in enumerate((-2.5, -0.9, -0.1), 40):
        kit.quote(
            "MSFT",
            "28.50",
            "28.55",
            day_volume=number * 700 * SCALE,
            source_time=last.expire_at + int(minutes * minute),
            flags=int(QuoteFlag.REPLAYED),
        )
        if number == 40:
            rests = ann.order("MSFT", "2", time_in_force=TimeInForce.DAY).message
    by_bar = model == FillModelKind.BAR
    assert not by_bar or not receipts(ann, rests.order), "its bar goes on"
    kit.main.transactions.advance(last.expire_at)
    kit.turn()
    resting = receipts(ann, rests.order)[-1]
    assert resting.kind == OrderEventKind.FILL
    assert not by_bar or resting.bar_volume == 1_400 * SCALE
    (closing,) = receipts(ann, last.order)
    assert (closing.kind, closing.limiting) == (OrderEventKind.FILL, LimitingRule.NONE)
    by_interval = model in (FillModelKind.VOLUME_SHARE, FillModelKind.BAR)
    assert closing.volume == (700 * SCALE if by_interval else 0)
    assert closing.bar_volume == (1_400 * SCALE if by_interval else 0)
    orders = ann.ask(m.OrderList(states=0xFFFF)).message.orders
    filled = [row for order in orders for row in receipts(ann, order.order) if row.fill]
    assert filled
    assert {row.model for row in filled} == {model}
    kit.check()
    report = replay_check(kit.state_dir)
    assert report.receipts >= len(filled)
    kit.boot()


@pytest.mark.sqlite
def test_a_changed_input_is_found(kit: MasterKit, ann: MasterClient) -> None:
    """A quote that was one cent dearer: the outcome that it caused is another one now."""
    kit.quote("MSFT", "28.50", "28.60")
    ann.order("MSFT", "3")
    kit.quote("MSFT", "28.50", "28.60")
    kit.check()
    assert replay_check(kit.state_dir).findings == []
    _forge_quote(kit.state_dir)
    (found,) = replay_check(kit.state_dir).findings
    assert "StoreOrder, is another one now" in found
    _forge_quote(kit.state_dir, back=True)
    kit.boot()


def _forge_quote(state: Path, back: bool = False) -> None:
    """Make the ask of every quote in the journal a cent dearer, or cheaper again."""
    db = sqlite3.connect(state / "truth.db")
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    for batch, frames in db.execute("SELECT batch, frames FROM journal").fetchall():
        kept = list(records.read_frames(frames))
        for record in kept:
            if isinstance(record, m.StoreQuote):
                record.ask += -1_000_000 if back else 1_000_000
        changed = b"".join(codec.encode(record, flags=FrameFlag.CHECKSUM) for record in kept)
        db.execute("UPDATE journal SET frames = ? WHERE batch = ?", (changed, batch))
    for _, sql in triggers:
        db.execute(sql)
    db.commit()
    db.close()
