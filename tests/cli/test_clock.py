"""``papertrader clock``: market time shown and set."""

from __future__ import annotations

import json

import pytest

from papertrader.core.instants import DAY, SECOND
from papertrader.core.marketclock import ClockField
from papertrader.wire.kinds import Opcode, Scope
from tests.terminal_kit import PASSWORD, Terminal, terminal

__all__ = ["terminal"]


def test_the_clock_for_people(terminal: Terminal) -> None:
    """Alone and as `show`: the same lines."""
    result = terminal.logged_in().run("clock")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "market time  2023-11-14 22:13:20 UTC, 60 times as fast as life, closed hours left out",
        "market       replay",
        "data         - to - UTC",
        "epoch        1",
    ]
    assert terminal.run("clock", "show").stdout == result.stdout


@pytest.mark.parametrize(
    ("words", "fields", "value"),
    [
        (("pause",), ClockField.PAUSED, ("paused", True)),
        (("resume",), ClockField.PAUSED, ("paused", False)),
        (("speed", "3,600"), ClockField.SPEED, ("speed_milli", 3_600_000)),
        (("speed", "0.25"), ClockField.SPEED, ("speed_milli", 250)),
        (("step", "90s"), ClockField.STEP, ("step", 90 * SECOND)),
        (("step", "1w"), ClockField.STEP, ("step", 7 * DAY)),
        (("jump", "2010-01-04"), ClockField.NOW, ("now", 14_613 * DAY)),
        (("jump", "2010-01-04T15:30"), ClockField.NOW, ("now", 14_613 * DAY + 55_800 * SECOND)),
        (
            ("jump", "2010-01-04T15:30+01:00", "--pause"),
            ClockField.NOW | ClockField.PAUSED,
            ("now", 14_613 * DAY + 52_200 * SECOND),
        ),
    ],
)
def test_what_is_typed_is_what_is_set(
    terminal: Terminal, words: tuple[str, ...], fields: int, value: tuple[str, int]
) -> None:
    """Times are UTC unless they say otherwise."""
    result = terminal.logged_in().run("clock", *words)
    assert result.exit_code == 0, result.stderr
    (wish,) = terminal.market.bodies(Opcode.CLOCK_SET)
    assert wish.fields == fields
    assert getattr(wish, value[0]) == value[1]
    assert result.stdout.startswith("market time  ")


def test_turned_back_it_says_so(terminal: Terminal) -> None:
    """The epoch, and as JSON."""
    terminal.logged_in()
    assert "epoch        2 (turned back)" in terminal.run("clock", "jump", "2010-01-04").stdout
    content = json.loads(terminal.run("clock", "jump", "2010-01-04", "--json").stdout)
    assert (content["clock"]["epoch"], content["clock"]["mode"]) == (2, "REPLAY")


@pytest.mark.parametrize(
    "words",
    [
        ("jump", "yesterday"),
        ("jump", "2010-13-01"),
        ("step", "5"),
        ("step", "5 minutes"),
        ("step", "0s"),
        ("step", "58w"),
        ("speed", "0"),
        ("speed", "fast"),
        ("sideways",),
    ],
)
def test_what_makes_no_sense_is_not_sent(terminal: Terminal, words: tuple[str, ...]) -> None:
    """Exit code 2, one sentence."""
    result = terminal.logged_in().run("clock", *words)
    assert result.exit_code == 2
    assert terminal.market.bodies(Opcode.CLOCK_SET) == []


def test_a_speed_that_is_too_high_is_repeated_as_it_was_typed(terminal: Terminal) -> None:
    """Beside what may be, and not in the words of a programming language."""
    result = terminal.logged_in().run("clock", "speed", "20,000")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "error: the speed must lie between 0.001 and 10,000, with three decimals at most, not 20000"
    )


def test_an_operator_is_asked_for_only_where_it_takes_one(terminal: Terminal) -> None:
    """First as the owner; refused, once more with scope ADMIN, which a login may have."""
    terminal.run("login", "--admin", "ada", typed=PASSWORD + "\n")
    terminal.market.clock_is_refused = True
    result = terminal.run("clock", "pause")
    assert result.exit_code == 0, result.stderr
    scopes = [each.scope for each in terminal.market.bodies(Opcode.LOGIN)[-2:]]
    assert scopes == [Scope.TRADE, Scope.ADMIN]
