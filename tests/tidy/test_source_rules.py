"""House rules that no other tool checks: sizes, docstrings, clocks, floats, bounds, plugins."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[2]

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
GENERATED = "papertrader/wire/messages.py"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen
class Source:
    """One file of the package."""

    name: str
    text: str
    tree: ast.Module

    def within(self, *names: str) -> bool:
        """Tell whether this is one of the files or lies in one of the directories."""
        return any(self.name == each or self.name.startswith(each + "/") for each in names)


def source(name: str, text: str) -> Source:
    """Parse a file's text."""
    return Source(name, text, ast.parse(text))


@cache
def package() -> tuple[Source, ...]:
    """Parse every file of the package once."""
    return tuple(
        source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "papertrader").rglob("*.py"))
    )


Rule = Callable[[Source], Iterator[tuple[int, str]]]


def long_files(file: Source) -> Iterator[tuple[int, str]]:
    """A file has at most 600 lines; one that is generated may be longer."""
    lines = file.text.count("\n")
    if lines > FILE_LINES_MAX and not file.within(GENERATED):
        yield lines, f"{lines} lines; split the file"


def long_functions(file: Source) -> Iterator[tuple[int, str]]:
    """A function has at most 70 lines, its docstring included."""
    for node in ast.walk(file.tree):
        if isinstance(node, Function) and not file.within(GENERATED):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield node.lineno, f"{node.name} has {lines} lines"


def missing_docstrings(file: Source) -> Iterator[tuple[int, str]]:
    """Every module, public class, public function and public method says what it is for.

    Methods whose name is in camel case implement an interface of Twisted's, which documents them.
    """
    if not ast.get_docstring(file.tree):
        yield 1, "the module has no docstring"
    for node, name in public_definitions(file.tree):
        if not ast.get_docstring(node):
            yield node.lineno, f"{name} has no docstring"


def public_definitions(
    parent: ast.Module | ast.ClassDef, prefix: str = ""
) -> Iterator[tuple[ast.ClassDef | Function, str]]:
    """List the public classes, functions and methods that a module shows to others."""
    for node in parent.body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        if isinstance(node, Function) and (
            is_property_setter(node) or node.name != node.name.lower()
        ):
            continue
        yield node, prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from public_definitions(node, f"{prefix}{node.name}.")


def is_property_setter(node: Function) -> bool:
    """Tell a setter, an overload or the like, whose docstring stands elsewhere."""
    names = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
    return bool(names & {"setter", "deleter", "overload"})


def inline_callbacks(file: Source) -> Iterator[tuple[int, str]]:
    """There is one dialect of asynchrony: coroutines."""
    for node in ast.walk(file.tree):
        if "inlineCallbacks" in {getattr(node, key, None) for key in ("id", "attr", "name")}:
            yield getattr(node, "lineno", 1), "inlineCallbacks; write async def"


def global_reactors(file: Source) -> Iterator[tuple[int, str]]:
    """The reactor is given, but in the programs that put everything together."""
    if file.within("papertrader/ops", "papertrader/cli"):
        return
    for node in ast.walk(file.tree):
        names: set[str] = set()
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        if "twisted.internet.reactor" in names:
            yield node.lineno, "imports the global reactor; take it as an argument"


def timers_and_wall_clocks(file: Source) -> Iterator[tuple[int, str]]:
    """Only net/clock.py sets timers and reads the time; all others are given a clock."""
    if file.within("papertrader/net/clock.py"):
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.rpartition(".")[2] == "callLater":
                yield node.lineno, "callLater; use papertrader.net.clock"
            elif name in {"time.time", "time.time_ns"}:
                yield node.lineno, f"{name}(); take a clock as an argument"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            for alias in node.names:
                if alias.name in {"time", "time_ns"}:
                    yield node.lineno, f"from time import {alias.name}; take a clock as an argument"


def floats_in_core(file: Source) -> Iterator[tuple[int, str]]:
    """Money, prices and quantities are integers: no floating point in core.

    ``performance`` makes ratios of them, which nothing is booked by.
    """
    if not file.within("papertrader/core") or file.within("papertrader/core/performance.py"):
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield node.lineno, f"the float {node.value}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "float":
            yield node.lineno, "float()"


def assertions(file: Source) -> Iterator[tuple[int, str]]:
    """`python -O` takes assertions away; what protects must be an if with a raise."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Assert):
            yield node.lineno, "assert; write if ...: raise"


QUEUES = {"deque": "maxlen", "DeferredQueue": "size"} | dict.fromkeys(
    ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"), "maxsize"
)
"""Kinds of queue and the argument that limits each; a SimpleQueue has none."""

LIMIT_COMMENT = re.compile(r"#.*\bat most ([A-Z][A-Z0-9_]+)")


def unbounded_queues(file: Source) -> Iterator[tuple[int, str]]:
    """Every queue has a limit.

    A deque with maxlen drops in silence. Where the code beside it does something else at the limit,
    a comment on the same line names it: ``deque()  # at most EVENTS_MAX``.
    """
    lines = file.text.splitlines()
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        if name not in QUEUES or QUEUES[name] in {keyword.arg for keyword in node.keywords}:
            continue
        if len(node.args) >= (2 if name == "deque" else 1):
            continue
        limit = LIMIT_COMMENT.search(lines[node.lineno - 1])
        code = re.sub(r"#.*", "", file.text)
        if limit is None or re.search(rf"\b{limit[1]}\b", code) is None:
            yield node.lineno, f"{name} without {QUEUES[name]} or a comment that names its limit"


RULES: list[Rule] = [
    long_files,
    long_functions,
    missing_docstrings,
    inline_callbacks,
    global_reactors,
    timers_and_wall_clocks,
    floats_in_core,
    assertions,
    unbounded_queues,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    """Every file of the package keeps the rule."""
    found = [f"{file.name}:{line}: {what}" for file in package() for line, what in rule(file)]
    assert not found, f"{rule.__doc__}\n" + "\n".join(found)


ANYWHERE = "papertrader/master/example.py"
LONG_FUNCTION = "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX
BARE_CLASS = '"""Doc."""\nclass A:\n    """Doc."""\n    def method(self): pass\n'


@pytest.mark.parametrize(
    ("rule", "name", "text", "count"),
    [
        (long_files, ANYWHERE, "x = 1\n" * 601, 1),
        (long_files, ANYWHERE, "x = 1\n" * 600, 0),
        (long_files, GENERATED, "x = 1\n" * 601, 0),
        (long_functions, ANYWHERE, LONG_FUNCTION, 1),
        (long_functions, ANYWHERE, LONG_FUNCTION.replace("def", "async def", 1), 1),
        (long_functions, ANYWHERE, LONG_FUNCTION.replace("    x = 1\n", "", 1), 0),
        (missing_docstrings, ANYWHERE, "x = 1", 1),
        (missing_docstrings, ANYWHERE, '"""Doc."""\ndef f(): pass\nasync def g(): pass', 2),
        (missing_docstrings, ANYWHERE, '"""Doc."""\ndef _f(): pass\nclass _A: pass', 0),
        (missing_docstrings, ANYWHERE, BARE_CLASS, 1),
        (missing_docstrings, ANYWHERE, BARE_CLASS.replace("method", "dataReceived"), 0),
        (inline_callbacks, ANYWHERE, "@defer.inlineCallbacks\ndef f(): yield", 1),
        (inline_callbacks, ANYWHERE, "from twisted.internet.defer import inlineCallbacks", 1),
        (global_reactors, ANYWHERE, "def f():\n    from twisted.internet import reactor", 1),
        (global_reactors, ANYWHERE, "import twisted.internet.reactor", 1),
        (global_reactors, "papertrader/ops/a.py", "from twisted.internet import reactor", 0),
        (timers_and_wall_clocks, ANYWHERE, "self.reactor.callLater(1, f)", 1),
        (timers_and_wall_clocks, ANYWHERE, "import time\ntime.time()\ntime.time_ns()", 2),
        (timers_and_wall_clocks, ANYWHERE, "from time import time as now, monotonic", 1),
        (timers_and_wall_clocks, "papertrader/net/clock.py", "r.callLater(1)\ntime.time()", 0),
        (floats_in_core, "papertrader/core/a.py", "x = 0.5\ny = float('1')\nz = 1e8", 3),
        (floats_in_core, "papertrader/core/a.py", "x = 5\nprice: int = 1 // 2", 0),
        (floats_in_core, ANYWHERE, "x = 0.5", 0),
        (assertions, ANYWHERE, "assert x", 1),
        (unbounded_queues, ANYWHERE, "deque()\ncollections.deque([1])\nDeferredQueue()", 3),
        (unbounded_queues, ANYWHERE, "x = deque()  # at most X_MAX\nX_MAX = 3", 0),
        (unbounded_queues, ANYWHERE, "x = deque()  # at most X_MAX", 1),
        (unbounded_queues, ANYWHERE, "x = deque()  # bounded", 1),
        (unbounded_queues, ANYWHERE, "deque(maxlen=3)\ndeque([], 3)\nDeferredQueue(size=3)", 0),
    ],
)
def test_the_rule_finds_what_it_should(rule: Rule, name: str, text: str, count: int) -> None:
    """Each rule finds what breaks it and nothing else."""
    assert len(list(rule(source(name, text)))) == count


def test_twisted_directory_has_the_plugin_alone() -> None:
    """A package file in our ``twisted/`` would hide or replace Twisted's own."""
    files = [path for path in (ROOT / "twisted").rglob("*") if path.is_file()]
    names = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert names - {"twisted/plugins/dropin.cache"} == {"twisted/plugins/papertrader_plugins.py"}


def test_plugin_file_imports_nothing_of_ours() -> None:
    """An error while it is imported would make both commands vanish."""
    tree = ast.parse((ROOT / "twisted/plugins/papertrader_plugins.py").read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in found] == [
        "from twisted.application.service import ServiceMaker"
    ]


def test_no_key_is_committed() -> None:
    """No private key lies among the sources."""
    marker = b"-----BEGIN " + b"PRIVATE KEY"
    encrypted = b"-----BEGIN " + b"EC PRIVATE KEY"
    for directory in ("papertrader", "tests", "specs", "twisted", "benchmarks"):
        for path in (ROOT / directory).rglob("*"):
            if path.is_file() and path.suffix not in {".pyc", ".gz"}:
                data = path.read_bytes()
                assert marker not in data, path
                assert encrypted not in data, path
