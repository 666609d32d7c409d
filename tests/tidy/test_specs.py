"""The texts under ``specs`` name what exists, forget no sentence, and decisions are whole."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = (ROOT / "specs" / "modules.rst").read_text(encoding="utf-8")
TEXTS = sorted(
    [
        *(ROOT / "specs").glob("*.rst"),
        *(ROOT / "specs" / "decisions").glob("*.rst"),
        ROOT / "CONTRIBUTING.rst",
    ]
)
SENTENCES = [f"S{number}" for number in range(1, 21)]
WISHES = [f"W{number}" for number in range(1, 13)]
DECISION_PARTS = ["Question", "Choice", "Why", "What would change it"]
DECISION_LINES_MAX = 90
"""A page, or a little more: lists grow."""

LITERAL = re.compile(r"``([^`]+)``")
NAMED = re.compile(
    r"(?:papertrader|tests|specs|twisted)/[\w./-]+?\.(?:py|rst|json|toml|csv)(?:::\w+)?\Z"
)


def named(text: str) -> Iterator[str]:
    """Give the files and tests that a text names as literals."""
    for literal in LITERAL.findall(text):
        match = NAMED.match(" ".join(literal.split()))
        if match is not None:
            yield match[0]


@cache
def functions(path: Path) -> frozenset[str]:
    """Return the names of a file's top-level functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, kinds))


def missing(text: str) -> list[str]:
    """Return what a text names and what does not exist."""
    found = []
    for name in named(text):
        file, _, function = name.partition("::")
        path = ROOT / file
        if not path.is_file() or (function and function not in functions(path)):
            found.append(name)
    return found


def rows(text: str) -> dict[str, str]:
    """Return the rows of the list tables by their number."""
    parts = re.split(r"^   \* - ([SW]\d+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_what_a_text_names_exists(path: Path) -> None:
    """Every file and every test that a text names is there."""
    assert missing(path.read_text(encoding="utf-8")) == []


def test_what_does_not_exist_is_found() -> None:
    """The check itself finds a file and a test that are not there, and leaves the others alone."""
    here = "tests/tidy/test_specs.py"
    text = f"``papertrader/nowhere.py`` ``{here}::test_nothing`` ``{here}`` ``desk.py`` ``a/b.py``"
    assert missing(text) == ["papertrader/nowhere.py", f"{here}::test_nothing"]


def test_every_sentence_and_every_wish_has_one_row() -> None:
    """S1 to S20 and W1 to W12 stand in the tables, each once and in order."""
    numbers = re.findall(r"^   \* - ([SW]\d+)$", MODULES, re.M)
    assert numbers == SENTENCES + WISHES


@pytest.mark.parametrize("number", SENTENCES + WISHES)
def test_a_row_names_a_file_and_a_test_or_says_not_yet(number: str) -> None:
    """Each row says where in the package it is met and which test shows it, or what is missing."""
    row = rows(MODULES)[number].partition("\n\n")[0]
    _, where, shown = re.split(r"^     - ", row, flags=re.M)[1:4]
    assert any(name.startswith(("papertrader/", "twisted/")) for name in named(where))
    tests = [name for name in named(shown) if name.startswith("tests/") and "::" in name]
    assert tests or "Not yet:" in shown


def test_the_masters_modules_bear_their_names() -> None:
    """The eight modules of the specification are there, and each says so in its first line."""
    said = {
        "master/main.py": "Main",
        "master/database.py": "Database Management",
        "master/accounts.py": "Account Management",
        "eventlog/__init__.py": "The Event Logging System",
        "master/authorization.py": "Authorization",
        "master/workers.py": "Worker Management",
        "master/assets.py": "Assets Data Retrieval",
        "master/transactions.py": "Assets Transaction Management",
    }
    for name, title in said.items():
        tree = ast.parse((ROOT / "papertrader" / name).read_text(encoding="utf-8"))
        assert (ast.get_docstring(tree) or "").startswith(f"{title}:"), name


def test_the_start_is_in_the_order_of_the_specification() -> None:
    """The service initializes the states, starts the modules, and only then opens the port."""
    source = (ROOT / "papertrader/ops/master_workings.py").read_text(encoding="utf-8")
    calls = [
        (node.lineno, ast.unparse(node.func))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
    ]
    steps = ("process.start", "main.initialize", "main.start", "self._listening.startService")
    lines = [[line for line, name in calls if name == step] for step in steps]
    assert [len(found) for found in lines] == [1, 1, 1, 1]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    "path",
    [each for each in TEXTS if re.match(r"(?!0001)\d{4}-", each.name)],
    ids=lambda path: path.name,
)
def test_a_decision_is_a_page_with_four_parts(path: Path) -> None:
    """Question, choice, why, what would change it; a page at most."""
    text = path.read_text(encoding="utf-8")
    titles = re.findall(r"^(.+)\n=+\n\n", text, re.M)
    assert titles[1:] == DECISION_PARTS
    assert titles[0].startswith(path.name[:4] + ". ")
    assert text.count("\n") <= DECISION_LINES_MAX
