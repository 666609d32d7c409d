"""The fixture of ``tests/conftest.py`` fails the tests that it should, and no others."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

INNER = '''
import pytest
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger


class Knot:
    """Refers to itself, so that only the collector frees it."""


async def broken():
    raise ValueError("in a coroutine")


def log_an_error():
    try:
        raise KeyError("logged")
    except KeyError:
        Logger().failure("it went wrong")


def test_clean():
    Logger().info("nothing special")


def test_logged():
    log_an_error()


def test_lost():
    fail(ValueError("lost"))


def test_lost_in_a_cycle():
    knot = Knot()
    knot.itself = knot
    knot.deferred = fail(ValueError("lost in a cycle"))


def test_lost_coroutine():
    Deferred.fromCoroutine(broken())


def test_handled():
    fail(ValueError("handled")).addErrback(lambda failure: None)


def test_flushed(flush_logged_errors):
    log_an_error()
    fail(ValueError("lost"))
    assert len(flush_logged_errors(KeyError)) == 1
    assert len(flush_logged_errors()) == 1


def test_another_kind_flushed(flush_logged_errors):
    log_an_error()
    assert flush_logged_errors(ValueError) == []


@pytest.fixture
def late():
    yield
    log_an_error()


def test_logged_in_tear_down(late):
    pass


def test_clean_after_all():
    pass
'''


@pytest.mark.slow
def test_errors_that_are_logged_or_lost_fail_their_test(tmp_path: Path) -> None:
    """Ten small tests, run by a pytest of their own: each ends as its name says."""
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_inner.py").write_text(INNER)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rpE", "-p", "no:cacheprovider", "--rootdir=.", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    endings = set(re.findall(r"^(PASSED|ERROR|FAILED) test_inner\.py::(\w+)", done.stdout, re.M))
    erring = {name for ending, name in endings if ending == "ERROR"}
    assert erring == {
        "test_logged",
        "test_lost",
        "test_lost_in_a_cycle",
        "test_lost_coroutine",
        "test_another_kind_flushed",
        "test_logged_in_tear_down",
    }
    passing = {name for ending, name in endings if ending == "PASSED"} - erring
    assert passing == {"test_clean", "test_handled", "test_flushed", "test_clean_after_all"}
    assert done.returncode == 1
    assert "1 error(s) logged and not flushed" in done.stdout
    assert "in a coroutine" in done.stdout
