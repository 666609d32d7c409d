"""Each item of OWASP ASVS 5.0.0 has its row in ``specs/asvs.md``, or is said not to apply."""

from __future__ import annotations

import re
from pathlib import Path

from tests.tidy.test_limits import is_test

TABLE = (Path(__file__).parents[2] / "specs" / "asvs.md").read_text(encoding="utf-8")

LEVELS = {
    "1.1": "22", "1.2": "1111122223", "1.3": "112222222223", "1.4": "222", "1.5": "123",
    "2.1": "122", "2.2": "112", "2.3": "12223", "2.4": "23",
    "3.1": "3", "3.2": "113", "3.3": "12223", "3.4": "11222233", "3.5": "11122333", "3.6": "3",
    "3.7": "22333",
    "4.1": "12233", "4.2": "23333", "4.3": "22", "4.4": "1222",
    "5.1": "2", "5.2": "112333", "5.3": "113", "5.4": "222",
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333",
    "6.6": "2223", "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
    "9.1": "111", "9.2": "1222",
    "10.1": "22", "10.2": "223", "10.3": "22223", "10.4": "1111122222233333", "10.5": "22222",
    "10.6": "22", "10.7": "222",
    "11.1": "2233", "11.2": "22233", "11.3": "11233", "11.4": "1222", "11.5": "23", "11.6": "23",
    "11.7": "33",
    "12.1": "12233", "12.2": "11", "12.3": "22223",
    "13.1": "2333", "13.2": "222223", "13.3": "2233", "13.4": "1222233",
    "14.1": "22", "14.2": "12223333", "14.3": "122",
    "15.1": "12233", "15.2": "12233", "15.3": "1222222", "15.4": "3333",
    "16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223",
    "17.1": "23", "17.2": "22223333", "17.3": "22",
}  # fmt: skip
"""The level of each item of a section, in order, as the release has them."""


def rows() -> list[list[str]]:
    """Return the cells of the table's rows."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in TABLE.splitlines()
        if line.startswith("| ") and line[2].isdigit()
    ]


def items() -> dict[str, str]:
    """Return every item with its level."""
    return {
        f"{section}.{number}": level
        for section, levels in LEVELS.items()
        for number, level in enumerate(levels, 1)
    }


def left_out() -> set[str]:
    """Return the items, sections and chapters that are said not to apply."""
    part = TABLE.partition("## What does not apply")[2]
    return {
        each.strip()
        for line in re.findall(r"^- ([0-9., ]+): ", part, re.M)
        for each in line.split(",")
    }


def covers(named: str, item: str) -> bool:
    """Tell whether what is named is the item, or its section, or its chapter."""
    return item == named or item.startswith(f"{named}.")


def test_the_release_has_so_many() -> None:
    """345 items: 70 of level 1, 183 of level 2, 92 of level 3."""
    levels = list(items().values())
    assert [levels.count(level) for level in "123"] == [70, 183, 92]


def test_each_item_has_its_test_or_says_not_yet() -> None:
    """No item stands there twice, and each has the level that it has."""
    found = [row[0] for row in rows()]
    assert len(set(found)) == len(found)
    known = items()
    assert [row[:2] for row in rows() if known.get(row[0]) != row[1]] == []
    wrong = [row[0] for row in rows() if not row[3].startswith("not yet") and not is_test(row[3])]
    assert wrong == []


def test_none_of_levels_1_and_2_is_missing() -> None:
    """Each is in the table, or is named as what cannot apply, and not both."""
    named, away = {row[0] for row in rows()}, left_out()
    wanted = [item for item, level in items().items() if level < "3"]
    twice = {item for item in named if any(covers(each, item) for each in away)}
    missing = [
        item for item in wanted
        if item not in named and not any(covers(each, item) for each in away)
    ]  # fmt: skip
    assert (missing, twice) == ([], set())
    nothing = {each for each in away if not any(covers(each, item) for item in items())}
    assert nothing == set()
