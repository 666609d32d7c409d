"""How figures are written for people."""

from __future__ import annotations

from decimal import Decimal

from papertrader.cli.output import counted, percent


def test_what_rounds_to_nothing_has_no_sign() -> None:
    """Neither a small loss nor a zero of its own."""
    assert percent(Decimal("-0.00001")) == percent(-0.0) == "0.00 %"
    assert percent(Decimal("-12.3456")) == "-1,234.56 %"
    assert percent(None) == "-"


def test_one_and_many() -> None:
    """One entry, no entries, a thousand transactions."""
    assert counted(1, "entry", "entries") == "1 entry"
    assert counted(0, "entry", "entries") == "0 entries"
    assert counted(1_000, "transaction") == "1,000 transactions"
