"""Refused orders: each has a receipt, that is kept, shown, bounded and made again."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import OrderType
from papertrader.core.refusals import FigureUnit
from papertrader.core.terms import AccountKind, PortfolioTerms
from papertrader.master import records
from papertrader.master.holdings import parts
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Direction, FrameFlag, Status, Tag
from tests.backends import replay_check
from tests.master.conftest import asked
from tests.master.test_amendments import command
from tests.master_kit import MasterClient, MasterKit


def refusals(client: MasterClient, **fields: Any) -> list[tuple[m.RefusalRow, str]]:
    """All rows of one REFUSALS_GET, each with its sentence."""
    found = []
    for part in client.ask_all(m.RefusalsGet(**fields)):
        assert part.status == 0
        for at, row in enumerate(part.message.refusals):
            pieces = [each.piece for each in part.message.notes if each.row == at]
            found.append((row, b"".join(pieces).rstrip(b"\0").decode()))
    return found


@pytest.mark.clause("13.39")
def test_a_refusal_has_its_figures_and_its_quote(kit: MasterKit, ann: MasterClient) -> None:
    """What was needed and there, by which quote, to the last unit; after a crash the same."""
    kit.quote("MSFT", "28.50", "28.60")
    answer = ann.order("MSFT", "100000", client_order_id=77)
    assert answer.status == Status.INSUFFICIENT_CASH
    ((row, text),) = refusals(ann)
    assert (row.client_order_id, row.reason, row.symbol) == (77, answer.status, "MSFT")
    assert row.unit == FigureUnit.MONEY
    assert row.asked == row.price * 100_000
    assert row.there == 100_000 * SCALE
    assert (row.bid, row.ask) == (parse_amount("28.5"), parse_amount("28.6"))
    assert text == answer.message.text
    assert ann.order("MSFT", "1", client_order_id=77).status == 0, "the number stays free"
    assert refusals(ann, client_order_id=77) == [(row, text)]
    assert refusals(ann, client_order_id=78) == refusals(ann, portfolio=9) == []
    kit.crash()
    ann.resume()
    assert refusals(ann) == [(row, text)]
    bob = kit.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    assert refusals(bob) == []
    kit.check()
    assert replay_check(kit.state_dir).refusals == 1
    kit.boot()


@pytest.mark.clause("13.39")
def test_the_same_command_again_leaves_no_second_receipt(kit: MasterKit, ann: MasterClient) -> None:
    """By its ``seq`` it is the same command; by another one it is refused anew."""
    for _ in range(2):
        assert ann.order("NONE", "1", client_order_id=5).status == Status.NO_SUCH_SYMBOL
        ann.seq -= 1
    assert len(refusals(ann)) == 1
    ann.seq += 1
    assert ann.order("NONE", "1", client_order_id=5).status == Status.NO_SUCH_SYMBOL
    (first, _), (second, _) = refusals(ann)
    assert (first.unit, first.quote_seq, first.bid) == (FigureUnit.NONE, 0, NULL)
    assert first.refusal < second.refusal
    assert [row for row, _ in refusals(ann, after=first.refusal)] == [second]
    (page,) = ann.ask_all(m.RefusalsGet(limit=1))
    assert page.message.next_after == first.refusal
    newest: Any = {"direction": (m.DirectionRow(direction=Direction.NEWEST_FIRST),)}
    assert [row for row, _ in refusals(ann, **newest)] == [second, first]
    assert [row for row, _ in refusals(ann, after=second.refusal, **newest)] == [first]
    (page,) = ann.ask_all(m.RefusalsGet(limit=1, **newest))
    assert page.message.next_after == second.refusal


def test_a_replace_and_a_close_that_are_refused(kit: MasterKit, ann: MasterClient) -> None:
    """A replace shows what it would have been; a close has a receipt of each position."""
    kit.quote("MSFT", "28.50", "28.60")
    kit.quote("AAPL", "28.50", "28.60")
    for symbol in ("MSFT", "AAPL"):
        ann.order(symbol, "3")
    kit.quote("MSFT", "28.50", "28.60")
    kit.quote("AAPL", "28.50", "28.60")
    limit = parse_amount("20")
    open_order = ann.order("MSFT", "2", order_type=OrderType.LIMIT, limit_price=limit).message
    wish = m.OrderReplace(order=open_order.order, client_order_id=50, quantity=10**6 * SCALE)
    assert command(ann, wish).status == Status.INSUFFICIENT_CASH
    assert command(ann, m.OrderReplace(order=99, client_order_id=51)).status
    assert command(ann, m.PortfolioFreeze(frozen=True)).status == 0
    assert command(ann, m.PositionClose(client_order_id=60)).status == Status.PORTFOLIO_FROZEN
    (replaced, _), (unknown, _), (one, _), (two, _) = refusals(ann)
    assert (replaced.replaces, replaced.symbol) == (open_order.order, "MSFT")
    assert (replaced.limit_price, replaced.price) == (limit, limit)
    assert replaced.asked == 10**6 * limit
    assert (unknown.symbol, unknown.side, unknown.reason) == ("", 0, Status.NO_SUCH_ORDER)
    assert [each.symbol for each in (one, two)] == ["AAPL", "MSFT"]
    assert one.refusal == two.refusal
    assert len(refusals(ann, after=unknown.refusal, limit=1)) == 2, "one input is never cut"
    newest: Any = {"direction": (m.DirectionRow(direction=Direction.NEWEST_FIRST),), "limit": 1}
    assert [row for row, _ in refusals(ann, **newest)] == [one, two], "nor from the newest on"


def test_a_dated_rule_says_from_when_it_holds(kit: MasterKit, ann: MasterClient) -> None:
    """Margin: the part that is asked for, and since when."""
    terms = PortfolioTerms(account_kind=AccountKind.MARGIN)
    wish = records.terms_block(m.PortfolioTermsSet, terms, portfolio=0)
    assert command(ann, wish).status == 0
    kit.quote("MSFT", "28.50", "28.60")
    assert ann.order("MSFT", "100000").status == Status.INSUFFICIENT_MARGIN
    ((row, _),) = refusals(ann)
    assert (row.points, row.there) == (5_000, 100_000 * SCALE)
    assert row.asked == row.price * 100_000 // 2
    assert row.rule_since == 126_421_200 * 10**9, "the third of January 1974, in New York"


def test_only_so_many_are_kept(
    monkeypatch: pytest.MonkeyPatch, kit: MasterKit, ann: MasterClient
) -> None:
    """Of one more than REFUSALS_KEPT the oldest is gone, and the answer says so."""
    monkeypatch.setattr(limits, "REFUSALS_KEPT", 4)
    for number in range(1, 7):
        assert ann.order("NONE", "1", client_order_id=number).status
        found = refusals(ann)
        assert [row.client_order_id for row, _ in found] == list(range(1, number + 1))[-4:]
    (part,) = ann.ask_all(m.RefusalsGet())
    assert part.message.kept_from == found[0][0].refusal
    kit.check()
    kit.boot()


@pytest.mark.sqlite
def test_a_changed_figure_is_found(kit: MasterKit, ann: MasterClient) -> None:
    """One unit more of what was there: the receipt is another one when it is made again."""
    kit.quote("MSFT", "28.50", "28.60")
    ann.order("MSFT", "100000")
    kit.check()
    _forge(kit.state_dir, 1)
    (found,) = replay_check(kit.state_dir).findings
    assert "the receipt of the refused order" in found
    _forge(kit.state_dir, -1)
    kit.boot()


def _forge(state: Path, units: int) -> None:
    db = sqlite3.connect(state / "truth.db")
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    for batch, frames in db.execute("SELECT batch, frames FROM journal").fetchall():
        kept = list(records.read_frames(frames))
        for record in kept:
            if isinstance(record, m.StoreRefusal):
                record.there += units
        changed = b"".join(codec.encode(record, flags=FrameFlag.CHECKSUM) for record in kept)
        db.execute("UPDATE journal SET frames = ? WHERE batch = ?", (changed, batch))
    for _, sql in triggers:
        db.execute(sql)
    db.commit()
    db.close()


def test_notes_stand_in_the_part_of_their_rows() -> None:
    """Texts of 1,024 octets beside 200 rows: several parts, none too long, no text elsewhere."""
    rows = [m.RefusalRow(refusal=number).pack() for number in range(200)]
    notes = [str(number) * 300 if number % 2 else "" for number in range(200)]
    head = m.RefusalsPart()
    request = asked(m.RefusalsGet())
    frames = parts(*request, Tag.REFUSALS, m.RefusalRow.SIZE, rows, head, notes=notes)
    assert len(frames) > 2
    found = []
    for frame in frames:
        assert len(frame) <= limits.PART_BODY_MAX + limits.HEADER_SIZE
        _, part = codec.decode(frame)
        assert isinstance(part, m.RefusalsPart)
        for at, row in enumerate(part.refusals):
            pieces = [each.piece for each in part.notes if each.row == at]
            found.append((row.refusal, b"".join(pieces).rstrip(b"\0").decode()))
    assert found == list(enumerate(notes))
