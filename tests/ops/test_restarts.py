"""When workings are started again, and when no more."""

from __future__ import annotations

import signal

import pytest

from papertrader.ops import driver
from papertrader.ops.restarts import (
    BACKOFF_MAX_S,
    CRASHES_MAX,
    CRASHES_WINDOW_S,
    Death,
    Restarts,
)

SEGV = Death(signal=signal.SIGSEGV)


def test_the_waits_grow_to_a_minute_and_the_tenth_crash_ends_it() -> None:
    """At once, then 1 s, doubled to 60 s; ten within ten minutes are given up."""
    restarts = Restarts()
    now, waits = 0.0, []
    for _ in range(CRASHES_MAX):
        wait = restarts.after(SEGV, now)
        waits.append(wait)
        now += (wait or 0.0) + 1.0
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, BACKOFF_MAX_S, BACKOFF_MAX_S, None]
    assert now < CRASHES_WINDOW_S


def test_rare_crashes_are_each_the_first() -> None:
    """Whoever crashes once in ten minutes is started again at once, for ever."""
    restarts = Restarts()
    for number in range(3 * CRASHES_MAX):
        assert restarts.after(SEGV, number * CRASHES_WINDOW_S) == 0.0


@pytest.mark.parametrize(
    ("death", "crash"),
    [
        (Death(signal=signal.SIGSEGV), True),
        (Death(signal=signal.SIGABRT), True),
        (Death(code=3), True),
        (Death(code=70), True),
        (Death(code=0), False),
        (Death(signal=signal.SIGKILL), False),
        (Death(signal=signal.SIGTERM), False),
        (Death(signal=signal.SIGKILL, out_of_memory=True), True),
        (Death(signal=signal.SIGTERM, out_of_memory=True), False),
        (Death(signal=signal.SIGKILL, was_silent=True), True),
        (Death(signal=signal.SIGSEGV, was_ordered=True), False),
    ],
    ids=str,
)
def test_what_comes_from_outside_is_no_crash(death: Death, crash: bool) -> None:
    """Who is killed is started again at once however often; who dies of itself is counted."""
    assert death.is_crash is crash
    restarts = Restarts()
    waits = [restarts.after(death, 0.0) for _ in range(CRASHES_MAX)]
    assert (waits[-1] is None) is crash
    assert restarts.crashes(0.0) == (CRASHES_MAX if crash else 0)


def test_a_death_is_told_in_words() -> None:
    """The signal's name, also of one without a name, and what is known besides."""
    assert str(Death(code=3)) == "exit code 3"
    assert str(SEGV) == "signal SIGSEGV"
    assert str(Death(signal=200)) == "signal 200"
    assert "hung" in str(Death(signal=signal.SIGABRT, was_silent=True))
    assert "out of memory" in str(Death(signal=signal.SIGKILL, out_of_memory=True))


def test_a_start_that_fails_names_the_file() -> None:
    """As of a state directory that was moved away under the driver."""
    with pytest.raises(FileNotFoundError) as missing:
        open("/nowhere/log/master.stacks")  # noqa: SIM115
    assert driver._why(missing.value) == "/nowhere/log/master.stacks: No such file or directory"
    assert driver._why(OSError(11, "Resource temporarily unavailable")) == (
        "Resource temporarily unavailable"
    )
