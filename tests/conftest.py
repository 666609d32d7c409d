"""For all tests: an error that was logged, or lost in a Deferred, fails the test that caused it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import attrs
import pytest
from hypothesis import settings
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure

# A busy machine must not fail a test: how long one takes is measured in benchmarks/ alone.
settings.register_profile("papertrader", deadline=None)
settings.load_profile("papertrader")


@attrs.define
class LoggedErrors:
    """The failures logged during one test that no one has asked for yet."""

    failures: list[Failure] = attrs.Factory(list)

    def observe(self, event: LogEvent) -> None:
        """Keep an event's failure; called by Twisted's publisher."""
        failure = event.get("log_failure")
        if failure is not None:
            self.failures.append(failure)

    def flush(self, *kinds: type[BaseException]) -> list[Failure]:
        """Take out and return the failures of these kinds, or all of them without any.

        Errors of Deferreds that nothing refers to any more are among them.
        """
        gc.collect()
        wanted: list[Failure] = []
        others: list[Failure] = []
        for each in self.failures:
            (wanted if not kinds or each.check(*kinds) else others).append(each)
        self.failures = others
        return wanted


@pytest.fixture(autouse=True)
def logged_errors() -> Iterator[LoggedErrors]:
    """Fail the test if a failure was logged, or a Deferred's error went unhandled.

    Twisted logs the error of a failed Deferred when it is collected, hence the collection.
    """
    # What exists before the test is neither its fault nor worth looking through after it: frozen,
    # it makes each collection as small as what the test itself created.
    gc.freeze()
    errors = LoggedErrors()
    globalLogPublisher.addObserver(errors.observe)
    try:
        yield errors
        left = errors.flush()
    finally:
        globalLogPublisher.removeObserver(errors.observe)
    if left:
        texts = "\n".join(each.getTraceback(detail="brief") for each in left)
        pytest.fail(f"{len(left)} error(s) logged and not flushed:\n{texts}", pytrace=False)


@pytest.fixture
def flush_logged_errors(logged_errors: LoggedErrors) -> Callable[..., list[Failure]]:
    """For tests that cause errors: ``flush_logged_errors(KeyError)`` returns and forgets them."""
    return logged_errors.flush


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of the suite had no PostgreSQL to run on: nobody should take that for green."""
    skipped = [
        each
        for each in terminalreporter.stats.get("skipped", [])
        if "no PostgreSQL" in str(each.longrepr)
    ]
    ran = [
        each
        for each in terminalreporter.stats.get("passed", [])
        if "postgresql" in each.nodeid and each.when == "call"
    ]
    if skipped or ran:
        terminalreporter.write_line(
            f"PostgreSQL: {len(ran)} tests passed on it, {len(skipped)} skipped for want of one",
            yellow=bool(skipped),
        )
