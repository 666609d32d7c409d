"""Every clause of ``specs/protocol.rst`` has a test, and no test is named that does not exist."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from papertrader.wire.spec import SPECS
from tests.conformance.clauses import SHOWN
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
    """Return clause -> tests that name it themselves, or files whose tests are all of it."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        functions = functions_of(path)
        for clause in said_in(ast.get_docstring(parsed(path))) if functions else ():
            found.setdefault(clause, []).append(str(path.relative_to(ROOT)))
        for name, node in functions.items():
            for clause in named_by(node):
                found.setdefault(clause, []).append(f"{path.relative_to(ROOT)}::{name}")
    return found


def exists(shown: str) -> bool:
    """Tell whether a test or dialogue is there."""
    file, _, name = shown.partition("::")
    if not name:
        kind, _, dialogue = shown.partition(":")
        return kind == "dialogue" and dialogue in {each["id"] for each in DIALOGUES["dialogues"]}
    path = ROOT / file
    return path.is_file() and name in functions_of(path)


def test_every_clause_has_a_test() -> None:
    """A clause without a test is named here; so is a number that the text has not."""
    shown = SHOWN.keys() | marked().keys()
    assert sorted(set(CLAUSES) - shown) == [], "mark a test with pytest.mark.clause, or tell SHOWN"
    assert sorted(shown - set(CLAUSES)) == [], "the text has no such clauses"


def test_every_test_that_is_named_exists() -> None:
    """No id of the table points to nothing, and none stands twice in a row."""
    missing = [each for ids in SHOWN.values() for each in ids.split() if not exists(each)]
    assert missing == []
    for clause, ids in SHOWN.items():
        assert len(set(ids.split())) == len(ids.split()) > 0, clause


def test_what_does_not_exist_is_found() -> None:
    """The check itself finds a file, a test and a dialogue that are not there."""
    here = "tests/conformance/test_clauses.py"
    assert exists(f"{here}::test_every_clause_has_a_test")
    assert not exists(f"{here}::test_nothing")
    assert not exists("tests/nowhere.py::test_nothing")
    assert not exists("dialogue:nothing")
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
