"""The table of abuse has every row, and each row names a defense and a test that are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "specs" / "abuse.rst").read_text(encoding="utf-8")
ROWS = [f"T-{number:02d}" for number in (*range(1, 24), *range(30, 40))]
LITERAL = re.compile(r"``([^`]+)``")
TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)\Z")
LIMIT = re.compile(r"[A-Z]+(?:_[A-Z]+)+\Z")


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of each row by its number."""
    parts = re.split(r"^   \* - (T-\d+)\n", text, flags=re.M)
    found = {}
    for number, body in zip(parts[1::2], parts[2::2], strict=True):
        table = body.partition("\n\n")[0]
        found[number] = re.split(r"^     - ", table, flags=re.M)[1:]
    return found


@cache
def functions(path: str) -> frozenset[str]:
    """Return the tests of a file; none if there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def named_tests(cell: str) -> list[tuple[str, str]]:
    """Return the tests that a cell names."""
    matches = (TEST.match(literal) for literal in LITERAL.findall(cell))
    return [(match[1], match[2]) for match in matches if match is not None]


def complaints(number: str, cells: list[str]) -> list[str]:
    """Return what is wrong with a row."""
    if len(cells) != 3 or not all(cell.strip() for cell in cells):
        return [f"{number}: not three cells"]
    named = named_tests(cells[2])
    found = [f"{number}: no test"] if not named else []
    found += [f"{number}: no {path}::{name}" for path, name in named if name not in functions(path)]
    return found


def test_every_row_is_there_once_and_in_order() -> None:
    """T-01 to T-23 from outside, T-30 to T-39 of workers."""
    assert re.findall(r"^   \* - (T-\d+)$", TABLE, re.M) == ROWS


@pytest.mark.parametrize("number", ROWS)
def test_a_row_has_an_attack_a_defense_and_a_test(number: str) -> None:
    """What it names is there: tests by their functions, limits by their constants."""
    from papertrader.wire import limits

    cells = rows(TABLE)[number]
    assert complaints(number, cells) == []
    named = [literal for literal in LITERAL.findall(cells[1]) if LIMIT.match(literal)]
    assert [name for name in named if not hasattr(limits, name)] == []


def test_a_row_without_a_test_is_found() -> None:
    """The check itself complains of rows without a test or with one that is not there."""
    here = "tests/tidy/test_abuse.py"
    good = f"``{here}::test_a_row_without_a_test_is_found``"
    assert complaints("T-99", ["attack", "defense", good]) == []
    assert complaints("T-99", ["attack", "defense", "``python -m x``"]) == ["T-99: no test"]
    gone = f"``{here}::test_nothing``"
    assert complaints("T-99", ["a", "d", gone]) == [f"T-99: no {here}::test_nothing"]
    assert complaints("T-99", ["attack", "", good]) == ["T-99: not three cells"]
