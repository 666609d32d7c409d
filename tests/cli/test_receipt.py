"""``papertrader receipt`` and ``replay-check``."""

from __future__ import annotations

import json
from pathlib import Path

import attrs

from papertrader.core.fills import LimitingRule
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import OrderEventKind
from papertrader.core.terms import FillModelKind
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.master_kit import MasterKit
from tests.terminal_kit import Terminal, terminal

__all__ = ["terminal"]

FILL = m.OrderReceiptRow(
    event_seq=10,
    kind=OrderEventKind.FILL,
    fill=1,
    at=1_700_000_000 * 10**9,
    fill_quantity=2 * SCALE,
    fill_price=101 * SCALE,
    remaining=SCALE,
    quote_seq=5,
    bid=99 * SCALE,
    ask=101 * SCALE,
    last=100 * SCALE,
    ask_size=2 * SCALE,
    observed_at=1_700_000_000 * 10**9,
    source_time=1_700_000_000 * 10**9,
    age=1_500_000_000,
    spread_cost=2 * SCALE,
    limiting=LimitingRule.SIZE,
    model=FillModelKind.QUOTE,
)


def test_a_receipt_in_words(terminal: Terminal) -> None:
    """The quote, its age, what it cost, and what stopped the rest."""
    terminal.logged_in().run("buy", "AAPL", "3", "--limit", "101", "--wait", "0")
    end = m.OrderReceiptRow(
        event_seq=11,
        kind=OrderEventKind.CANCELLED,
        reason=int(Status.NOT_FILLABLE),
        at=FILL.at,
        fill_price=NULL,
        remaining=SCALE,
        quote_seq=6,
        limiting=LimitingRule.VOLUME,
        model=FillModelKind.VOLUME_SHARE,
        reference=101 * SCALE,
        volume=500 * SCALE,
        taken=50 * SCALE,
    )
    terminal.market.receipts[1] = [FILL, end]
    shown = terminal.run("receipt", "1")
    assert shown.exit_code == 0
    assert "fill 1: 2 at 101.00" in shown.stdout
    assert "quote 5: bid 99.00, ask 101.00 x 2, last 100.00" in shown.stdout
    assert "1.500 s old when it came" in shown.stdout
    assert "spread cost 2.00, slippage 0.00" in shown.stdout
    assert "1 not filled: the size that the quote displayed was used up" in shown.stdout
    assert "canceled (not fillable)" in shown.stdout
    assert "fill model volume share, from 101.00; volume of the interval 500" in shown.stdout
    content = json.loads(terminal.run("--json", "receipt", "1").stdout)
    assert [each["fill"] for each in content["receipts"]] == [1, 0]
    assert content["receipts"][0]["quote"]["ask"] == "101.00"


def test_a_stop_that_begins_is_not_told_that_nothing_was_left(terminal: Terminal) -> None:
    """All of it is left: the quote began it, and stopped nothing."""
    terminal.logged_in().run("buy", "AAPL", "3", "--stop", "100", "--wait", "0")
    began = attrs.evolve(
        FILL, kind=OrderEventKind.TRIGGERED, fill=0, fill_quantity=0, fill_price=NULL,
        spread_cost=0, remaining=3 * SCALE, limiting=LimitingRule.NONE,
    )  # fmt: skip
    terminal.market.receipts[1] = [began]
    shown = terminal.run("receipt", "1").stdout
    assert "triggered" in shown and "quote 5: bid 99.00" in shown
    assert "not filled" not in shown


def test_receipts_that_are_not_there(terminal: Terminal) -> None:
    """An order without any, and one that does not exist."""
    terminal.logged_in().run("buy", "AAPL", "1", "--limit", "1", "--wait", "0")
    assert "No quote has decided" in terminal.run("receipt", "1").stdout
    missing = terminal.run("receipt", "77")
    assert missing.exit_code == 1
    assert "There is no such order" in missing.stderr


def test_a_journal_is_decided_again(terminal: Terminal, tmp_path: Path) -> None:
    """The same, with how much that was; exit code 2 if there is no journal."""
    (tmp_path / "books").mkdir()
    kit = MasterKit(tmp_path / "books")
    ann = kit.client()
    ann.register()
    ann.login()
    ann.order("MSFT", "3")
    kit.quote("MSFT", "28.50", "28.60")
    kit.check()
    where = ("replay-check", "--state-dir", str(tmp_path / "books"))
    same = terminal.run(*where, state=False)
    assert same.exit_code == 0
    assert same.stdout.endswith("the same\n")
    content = json.loads(terminal.run(*where, "--json", state=False).stdout)
    assert content["same"]
    assert content["receipts"] == 1
    assert terminal.run("replay-check", "--state-dir", str(tmp_path), state=False).exit_code == 2
