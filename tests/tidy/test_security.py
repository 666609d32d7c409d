"""All cryptography is in ``specs/security.rst``, and no code runs what it was given."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import attrs
import pytest

from papertrader.net.web import STRICT_TRANSPORT
from papertrader.ops.web_variables import STRICT_TRANSPORT_CHOICES
from papertrader.wire import messages
from tests.tidy.test_source_rules import Source, source

ROOT = Path(__file__).parents[2]
INVENTORY = (ROOT / "specs" / "security.rst").read_text(encoding="utf-8")

CRYPTOGRAPHY = {"OpenSSL", "argon2", "cryptography", "hashlib", "hmac", "secrets"}
CALLS = {"eval", "exec", "compile", "os.system", "os.popen", "hashlib.md5", "hashlib.sha1"} | {
    f"random.{name}" for name in ("random", "randint", "randrange", "choice", "getrandbits")
}
"""Run text as code, or are no good for what must not be guessed."""
IMPORTS = {"pickle", "marshal", "shelve", "dill", "yaml", "xml", "tarfile", "zipfile"}
NAMES = {"ECB", "MD5", "PKCS1v15", "SHA1"}
ALLOWED = {
    ("papertrader/ops/apart.py", "pickle"): "between a process and its own child, over pipes",
    ("papertrader/fuzz/report.py", "xml"): "writes a report, reads nothing",
    ("papertrader/master/secondfactor.py", "SHA1"): "HMAC-SHA-1 of RFC 6238, as all apps have it",
}
SQL = {"execute_sql", "executemany", "executescript"}
SQL_PARTS = {
    "_COLUMNS", "_KEY", "IDLE_IN_TRANSACTION_MS", "LOCK_MS", "beyond", "key", "key.column_name",
    "marks", "model._meta.table_name", "name", "names", "order", "table", "verb", "verb.lower()",
    "'on' if self._durable else 'off'",
}  # fmt: skip
"""What may stand in braces within a statement: names of our own declarations, question marks,
numbers of ours, and which way a page goes. Values are parameters."""
SQL_SUMS = {"_READ + order"}
"""Statements put together of two of ours."""


WORDS = re.compile(
    r"\b("
    + "|".join(
        {each.rpartition(".")[2] for each in CALLS}
        | CRYPTOGRAPHY | IMPORTS | NAMES | SQL
        | {"random", "Random", "shell", "treq", "requests", "httpx", "aiohttp", "urllib", "http"}
    )
    + r")\b|twisted\.web\.client"
)  # fmt: skip
"""What the rules here are about: files that have none of it need not be read closer."""


@cache
def package() -> tuple[Source, ...]:
    """Parse the files of the package that may concern these rules, once."""
    found = []
    for path in sorted((ROOT / "papertrader").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if WORDS.search(text):
            found.append(source(path.relative_to(ROOT).as_posix(), text))
    return tuple(found)


def imported(file: Source) -> Iterator[tuple[int, str, str]]:
    """Give line, module and name of every import."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                yield node.lineno, each.name, ""
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                yield node.lineno, node.module or "", each.name


def dotted(node: ast.expr) -> str:
    """Return a name, or the last two parts of a dotted one; much cheaper than unparsing it."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value).rpartition('.')[2]}.{node.attr}"
    return ""


@cache
def calls() -> tuple[tuple[str, str, ast.Call], ...]:
    """Return every call of the package: its file, what is called, and the call."""
    return tuple(
        (file.name, dotted(node.func), node)
        for file in package()
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call)
    )


def dangers(file: Source) -> Iterator[str]:
    """Say what in a file runs, or unpacks into objects, what it was given; or is weak."""
    for line, module, name in imported(file):
        for each in (module.partition(".")[0], name):
            if each in IMPORTS | NAMES and (file.name, each) not in ALLOWED:
                yield f"{file.name}:{line}: {each}"
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func)
        shell = any(each.arg == "shell" for each in node.keywords)
        if called in CALLS or shell:
            yield f"{file.name}:{node.lineno}: {called}{' with a shell' if shell else ''}"
        if called.rpartition(".")[2] in SQL and node.args:
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.FormattedValue):
                    text = ast.unparse(part.value)
                    if text not in SQL_PARTS:
                        yield f"{file.name}:{node.lineno}: {text} within a statement"
                elif isinstance(part, ast.BinOp) and ast.unparse(part) not in SQL_SUMS:
                    yield f"{file.name}:{node.lineno}: a statement put together"


def test_nothing_runs_what_it_was_given() -> None:
    """Neither text as code, nor a shell, nor pickles, nor values within SQL; no weak hashes."""
    assert [each for file in package() for each in dangers(file)] == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("eval(x)\nos.system(x)\nsubprocess.run(x, shell=True)", 3),
        ("import pickle\nfrom xml.etree import ElementTree", 2),
        ("hashlib.md5(x)\nrandom.random()\nfrom cryptography.x import SHA1", 3),
        ("db.execute_sql(f'SELECT {user}')\ndb.execute_sql('SELECT ' + user)", 2),
        ("db.execute_sql(f'SELECT 1 FROM {table}')\nrandom.Random(7)\nre.compile(x)", 0),
    ],
)
def test_dangers_are_found(text: str, count: int) -> None:
    """The check itself finds each of them."""
    assert len(list(dangers(source("papertrader/master/example.py", text)))) == count


def test_every_use_of_cryptography_is_known() -> None:
    """The table has each module that imports any, once, and no other."""
    users = {
        file.name
        for file in package()
        for _, module, _ in imported(file)
        if module.partition(".")[0] in CRYPTOGRAPHY
    }
    part = INVENTORY.partition("2. Algorithms")[2].partition("3. Data")[0]
    listed = re.findall(r"^``(papertrader/\S+\.py)``", part, re.M)
    assert sorted(listed) == sorted(users)


def test_what_must_not_be_guessed_comes_from_the_system() -> None:
    """The master draws by `secrets`; seeded draws are for markets in memory, invented days and
    fuzzing."""
    seeded = {name for name, called, _ in calls() if called in ("random.Random", "Random")}
    assert {name for name in seeded if not name.startswith("papertrader/fuzz/")} == {
        "papertrader/ops/callday.py",
        "papertrader/testing.py",
    }
    master = "papertrader/ops/master_workings.py"
    (made,) = (node for name, called, node in calls() if (name, called) == (master, "Main"))
    assert "secrets.token_bytes" in [ast.unparse(each) for each in made.args]


def test_the_outer_world_is_only_read() -> None:
    """One module makes HTTP requests, and only GET: no order can ever reach a real broker."""
    clients = {"treq", "requests", "httpx", "aiohttp", "urllib.request", "http.client"}
    callers = {
        file.name
        for file in package()
        for _, module, name in imported(file)
        if module.partition(".")[0] in clients
        or module in clients | {"twisted.web.client"}
        or f"{module}.{name}" in clients
    }
    door = "papertrader/master/providers/http.py"
    assert callers == {door}
    asked = {
        node.func.attr
        for name, _, node in calls()
        if name == door
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Call)
        and dotted(node.func.value.func) == "HTTPClient"
    }
    assert asked == {"get"}


def test_what_browsers_can_be_told_is_what_the_setting_takes() -> None:
    """The setting's words stand in a module of their own, since a driver does not load the web."""
    assert set(STRICT_TRANSPORT_CHOICES) == STRICT_TRANSPORT.keys()


HINTS = ("hint", "question", "answer", "reminder", "maiden")
MAIL = re.compile(r"\b(import|from) (smtplib|smtpd|imaplib|poplib|twisted\.mail)\b")


def fields() -> dict[str, set[str]]:
    """Return the names of the fields and sections of every message."""
    return {
        name: {each.name for each in attrs.fields(kind)}
        for name, kind in vars(messages).items()
        if isinstance(kind, type) and attrs.has(kind) and kind.__module__ == messages.__name__
    }


def test_a_forgotten_password_has_neither_hints_nor_questions() -> None:
    """No message has room for one; whoever sets a password shows the old one, or a token."""
    found = fields()
    assert len(found) > 100
    assert [(name, each) for name, names in found.items() for each in names
            if any(hint in each for hint in HINTS)] == []  # fmt: skip
    setting = {name: names for name, names in found.items() if "new_password" in names}
    assert len(setting) == 2
    assert all(names & {"password", "reset_token"} for names in setting.values())


def test_nobody_is_proved_by_mail() -> None:
    """Nothing in the package sends or reads any; nor does a login name an address."""
    found = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "papertrader").rglob("*.py")
        if MAIL.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
    assert MAIL.search("import smtplib") and MAIL.search("from twisted.mail import smtp")
    assert "email" in fields()["Register"]
    assert not any("email" in names for name, names in fields().items()
                   if name.startswith(("Login", "Totp", "PasswordReset", "Resume")))  # fmt: skip
