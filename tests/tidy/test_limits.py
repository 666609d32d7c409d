"""Every limit has a test that hits it, and the test exists."""

from __future__ import annotations

import ast
from pathlib import Path

from papertrader.wire import limits
from tests.tidy import limit_tests
from tests.tidy.test_spec_tables import BOUNDS

ROOT = Path(__file__).parents[2]


def is_test(name: str) -> bool:
    """Tell whether ``path::function`` names a test."""
    path, _, function = name.partition("::")
    if not (ROOT / path).is_file():
        return False
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(n, kinds) and n.name == function for n in ast.walk(tree))


def test_every_limit_of_the_protocol_has_its_test() -> None:
    """Each row of the table of limits that says a status beyond it, or cuts."""
    met = {rule.name for rule in limits.RULES if rule.status is not None or "cut b" in rule.meaning}
    assert met == limit_tests.WIRE.keys()


def test_every_other_bound_has_its_test() -> None:
    """Each row of the table of bounds in ``specs/deployment.rst``."""
    assert {f"{module}.{name}" for module, name, _ in BOUNDS} == limit_tests.BOUNDS.keys()


def test_the_tests_exist() -> None:
    """A test that is named and is not there hits nothing."""
    named = {test for _, test in (*limit_tests.WIRE.values(), *limit_tests.BOUNDS.values())}
    assert sorted(test for test in named if not is_test(test)) == []
