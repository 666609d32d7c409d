"""Finding who logged."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from papertrader.core.logrecord import Source
from papertrader.eventlog import callers as callers_module
from papertrader.eventlog.callers import Callers, short_file, was_kept_back

DEEP = """
def deep(depth):
    deep(depth - 1) if depth else found.append(callers.find(None))
"""


@pytest.mark.parametrize(
    ("path", "module", "short"),
    [
        ("/a/b/papertrader/net/clock.py", "papertrader.net.clock", "papertrader/net/clock.py"),
        ("/a/papertrader/net/__init__.py", "papertrader.net", "papertrader/net/__init__.py"),
        ("/a/b/run.py", "__main__", "run.py"),
        ("<string>", "__main__", "<string>"),
        ("clock.py", "papertrader.net.clock", "clock.py"),
    ],
)
def test_a_file_is_named_from_its_package_on(path: str, module: str, short: str) -> None:
    """The name says which module it is, and nothing of where it is installed."""
    assert short_file(path, module) == short


def test_the_caller_is_this_test() -> None:
    """The nearest frame outside the log is named; without a namespace, its module stands there."""
    found = Callers().find(None)
    assert found.function == "test_the_caller_is_this_test"
    assert found.module == __name__
    assert found.file.endswith("test_callers.py")
    assert Callers().here().line == found.line + 4
    assert Callers().find("some.space").module == "some.space"


def test_a_thread_whose_frames_are_all_the_log_has_no_place() -> None:
    """With no frame outside the log, the entry is still made, without a place."""
    found: list[Source] = []
    space: dict[str, Any] = {
        "__name__": "papertrader.eventlog.x",
        "found": found,
        "callers": Callers(),
    }
    exec(DEEP, space)
    thread = threading.Thread(target=space["deep"], args=(40,))
    thread.start()
    thread.join()
    assert found == [Source("?", "-", "-", 0)]
    assert was_kept_back(found[0])


def test_places_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code made at run time does not fill the memory."""
    monkeypatch.setattr(callers_module, "SOURCES_MAX", 5)
    callers = Callers()
    for number in range(30):
        assert callers.find(f"space{number}").module == f"space{number}"
    assert len(callers._sources) <= 5
