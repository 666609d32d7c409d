"""Each row of ``specs/asvs.md`` names tests that exist, or says "not yet"."""

from __future__ import annotations

from pathlib import Path

from tests.tidy.test_limits import is_test

TABLE = Path(__file__).parents[2] / "specs" / "asvs.md"


def test_each_item_has_its_test_or_says_not_yet() -> None:
    """And no item stands there twice."""
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in TABLE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and line[2].isdigit()
    ]
    assert len(rows) > 50
    items = [row[0] for row in rows]
    assert len(set(items)) == len(items)
    wrong = [row[0] for row in rows if not row[3].startswith("not yet") and not is_test(row[3])]
    assert wrong == []
