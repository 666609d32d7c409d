"""Every clause of ``specs/protocol.rst`` has a test.

A test names its clauses by ``@pytest.mark.clause("6.4", ...)`` or by the words "clause 6.4" in its
docstring or its file's; a dialogue of ``specs/vectors/dialogues.json`` by its member ``clause``.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from papertrader.wire.spec import SPECS
from tests.conformance.prose import CLAUSES, PROSE, table_behind, text_of

ROOT = Path(__file__).parents[2]
DIALOGUES = json.loads((SPECS / "vectors" / "dialogues.json").read_text(encoding="utf-8"))
TOLD = re.compile(r"\bclauses? ((?:\d+\.\d+(?:, | and |$|\b))+)", re.I)


@cache
def parsed(path: Path) -> ast.Module:
    """Return a file's tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def functions_of(path: Path) -> dict[str, ast.FunctionDef]:
    """Return the test functions of a file by name."""
    found = [node for node in parsed(path).body if isinstance(node, ast.FunctionDef)]
    return {node.name: node for node in found if node.name.startswith("test_")}


def said_in(docstring: str | None) -> Iterator[str]:
    """Give the clauses that a docstring names."""
    for match in TOLD.finditer(docstring or ""):
        yield from re.findall(r"\d+\.\d+", match[1])


def named_by(node: ast.FunctionDef) -> Iterator[str]:
    """Give the clauses that a test names by its marker or in its docstring."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.clause":
            yield from (str(ast.literal_eval(each)) for each in decorator.args)
    yield from said_in(ast.get_docstring(node))


def marked() -> dict[str, list[str]]:
    """Return clause -> the dialogues, tests and whole files that name it."""
    found: dict[str, list[str]] = {}
    for dialogue in DIALOGUES["dialogues"]:
        found.setdefault(dialogue["clause"], []).append(f"dialogue:{dialogue['id']}")
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        functions = functions_of(path)
        for clause in said_in(ast.get_docstring(parsed(path))) if functions else ():
            found.setdefault(clause, []).append(str(path.relative_to(ROOT)))
        for name, node in functions.items():
            for clause in named_by(node):
                found.setdefault(clause, []).append(f"{path.relative_to(ROOT)}::{name}")
    return found


def test_every_clause_has_a_test() -> None:
    """A clause without a test is named here; so is a number that the text has not."""
    shown = marked().keys()
    assert sorted(set(CLAUSES) - shown) == [], "mark a test with pytest.mark.clause"
    assert sorted(shown - set(CLAUSES)) == [], "the text has no such clauses"


def test_markers_and_docstrings_are_read() -> None:
    """What the check itself goes by."""
    tree = ast.parse('@pytest.mark.clause("1.1", "1.2")\ndef test_it():\n    "clauses 2.1 and 2.2"')
    assert isinstance(tree.body[0], ast.FunctionDef)
    assert list(named_by(tree.body[0])) == ["1.1", "1.2", "2.1", "2.2"]


def test_dialogues_are_whole() -> None:
    """Each has an id of its own, a clause of the text, a comment, an outcome and steps."""
    dialogues = DIALOGUES["dialogues"]
    assert len({each["id"] for each in dialogues}) == len(dialogues) >= 50
    for each in dialogues:
        assert each["clause"] in CLAUSES, each["id"]
        assert set(each["after"]) <= DIALOGUES["openings"].keys()
        assert each["comment"]
        assert each["outcome"]
        kinds = [step["do"] for step in each["steps"]]
        assert set(kinds) <= {"connect", "cut", "send", "expect", "expect-closed"}
        assert {"expect", "expect-closed"} & set(kinds), each["id"]


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_clause_says_something(clause: str) -> None:
    """Its number stands once, at the beginning of a text of its own."""
    assert PROSE.count(f"\n**{clause}** ") == 1
    assert len(text_of(clause)) > 40


def test_tables_are_read_whole() -> None:
    """The reader of tables, which other tests rely on, gives every row and column."""
    rows = table_behind("15.10")
    assert all(len(row) == 3 and all(row) for row in rows)
    assert rows[0][0] == "CONNECTING"
    assert rows[-1][0] == "LOST"
