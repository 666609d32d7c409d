"""The layers of the house, read from the same contract as import-linter's, checked by ast."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "papertrader"
MODULES = sorted(PACKAGE.rglob("*.py"))

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
LAYERS = [
    [name.strip() for name in layer.split("|")]
    for contract in CONTRACTS
    if contract["type"] == "layers"
    for layer in contract["layers"]
]
FORBIDDEN = [
    (source, frozenset(contract["forbidden_modules"]))
    for contract in CONTRACTS
    if contract["type"] == "forbidden"
    for source in contract["source_modules"]
]


def module_name(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """List what a module imports anywhere in it: line and dotted name, relative ones as ``"."``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "."
            else:
                # `from a import b` may import the module a.b; both names are looked at.
                for alias in node.names:
                    yield node.lineno, f"{node.module}.{alias.name}"


def within(name: str, package: str) -> bool:
    """Tell whether a dotted name is a package or lies in it."""
    return name == package or name.startswith(package + ".")


def layer_of(name: str) -> tuple[int, str] | None:
    """Return the height of a module's layer (0 is the top) and its package there."""
    for height, layer in enumerate(LAYERS):
        for package in layer:
            if within(name, package):
                return height, package
    return None


def violations(name: str, source: str) -> list[str]:
    """List the imports of one module that break a contract."""
    found = []
    place = layer_of(name)
    for line, imported in imports(ast.parse(source)):
        target = layer_of(imported)
        if imported == ".":
            found.append(f"{name}:{line}: relative import")
        elif place and target and place[1] != target[1] and target[0] <= place[0]:
            found.append(f"{name}:{line}: {place[1]} must not import {imported}")
        for package, forbidden in FORBIDDEN:
            if within(name, package) and any(within(imported, each) for each in forbidden):
                found.append(f"{name}:{line}: {package} must not import {imported}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_go_downwards(path: Path) -> None:
    """No module imports from a layer above, a neighbor, or what its layer must do without."""
    assert violations(module_name(path), path.read_text(encoding="utf-8")) == []


def test_every_package_has_a_layer() -> None:
    """Each package of the house stands in the contract, but for the data, which has no code."""
    packages = {
        f"papertrader.{path.name}" for path in PACKAGE.iterdir() if (path / "__init__.py").exists()
    }
    contained = {package for layer in LAYERS for package in layer}
    assert packages - contained == {"papertrader.data"}


@pytest.mark.parametrize(
    ("name", "source", "count"),
    [
        ("papertrader.core.desk", "from papertrader.wire import codec", 1),
        ("papertrader.core.desk", "def f():\n    import papertrader.wire.codec", 1),
        ("papertrader.core.desk", "import time", 1),
        ("papertrader.core.desk", "from twisted.internet import defer", 1),
        ("papertrader.core.desk", "import timeit, attrs\nfrom papertrader.core import money", 0),
        ("papertrader.master.main", "from papertrader.worker import main", 1),
        ("papertrader.master.main", "from papertrader import worker", 1),
        ("papertrader.master.main", "from papertrader.ops.settings import Settings", 1),
        ("papertrader.master.main", "from papertrader.master import journal", 0),
        ("papertrader.master.main", "from papertrader.net.tls import peer_identity", 0),
        ("papertrader.net.tls", "import papertrader.eventlog", 1),
        ("papertrader.wire.codec", "import socket", 1),
        ("papertrader.wire.codec", "from . import kinds", 1),
        ("papertrader.ops.settings", "import papertrader.cli.main", 1),
    ],
)
def test_the_check_finds_what_it_should(name: str, source: str, count: int) -> None:
    """The check itself finds forbidden imports and leaves allowed ones alone."""
    assert len(violations(name, source)) == count
