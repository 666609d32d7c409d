"""What the documentation tells people to type exists: commands and options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from papertrader.cli.main import main
from papertrader.fuzz.commands import main as fuzz

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.rst")) + sorted(
    path for path in (ROOT / "specs").glob("*.rst")
)
PAGES.append(ROOT / "README.rst")

_CALL = re.compile(r"^ {2,}(?:\$ )?(?:sudo -u \S+ )?((?:[\w./]*/)?papertrader (?=[a-z-]).*)$")
_HARNESS = re.compile(r"^ {2,}(?:\$ )?python -m papertrader\.fuzz (.*)$")
_INLINE = re.compile(r"``(papertrader (?=[a-z-])[^`]+)``")

# Only whether a command or an option is there is looked at: never a value.


def calls(text: str) -> Iterator[str]:
    """Yield each call of the command line in a page: in blocks, and within sentences."""
    for line in text.splitlines():
        if (found := _CALL.match(line)) is not None:
            yield found[1]
    yield from _INLINE.findall(text.replace("\n", " "))


def harness_calls(text: str) -> Iterator[str]:
    """Yield each call of the harness of other implementations in a page's blocks."""
    for line in text.replace("\\\n", " ").splitlines():
        if (found := _HARNESS.match(line)) is not None:
            yield f"fuzz {found[1]}"


def problem(call: str, program: click.Command = main) -> str | None:
    """Return which command or option of a call is not there; None if nothing is wrong."""
    words = shlex.split(call, comments=True)[1:]
    command = program
    context = click.Context(main, info_name="papertrader")
    options: dict[str, click.Option] = {}
    while True:
        options = {
            name: each
            for each in command.get_params(context)
            if isinstance(each, click.Option)
            for name in (*each.opts, *each.secondary_opts)
        }
        rest: list[str] = []
        while words:
            word = words.pop(0)
            if word in {"&", "&&", ";", "|", ">"}:
                return None
            if word.startswith("-") and len(word) > 1 and not word[1].isdigit():
                name, equals, _ = word.partition("=")
                if name not in options:
                    return f"{command.name} has no option {name}"
                if not options[name].is_flag and not options[name].count and not equals:
                    if not words:
                        return None  # a sentence names the option and leaves its value open
                    words.pop(0)
            else:
                rest.append(word)
                if isinstance(command, click.Group):
                    break
        if not rest or not isinstance(command, click.Group):
            return None
        following = command.get_command(context, rest[0])
        if following is None and command.name == "assets":
            return None  # it takes any other word for a prefix
        if following is None:
            return f"{command.name} has no command {rest[0]}"
        command = following
        context = click.Context(command, parent=context, info_name=rest[0])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_calls_in_pages_exist(page: Path) -> None:
    """Each command and each option that a page names is in the command line."""
    wrong = [
        f"{call}: {found}" for call in calls(page.read_text("utf-8")) if (found := problem(call))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_calls_of_the_harness_are_whole(page: Path) -> None:
    """They name what is there, and whatever must be given."""
    wrong = []
    for call in harness_calls(page.read_text("utf-8")):
        found = problem(call, fuzz)
        command = fuzz.get_command(click.Context(fuzz), shlex.split(call)[1])
        for each in command.params if command is not None else ():
            if each.required and isinstance(each, click.Option) and each.opts[0] not in call:
                found = f"{each.opts[0]} is left out"
        if found:
            wrong.append(f"{call}: {found}")
    assert not wrong, "\n".join(wrong)


def test_calls_are_found_and_wrong_ones_are_told() -> None:
    """The check itself: what it finds, and that it fails."""
    found = [call for page in PAGES for call in calls(page.read_text("utf-8"))]
    assert len(found) > 60
    harness = [call for page in PAGES for call in harness_calls(page.read_text("utf-8"))]
    assert len(harness) > 4
    assert problem("papertrader buy AAPL 10 --limit 210 --gtc") is None
    assert problem("papertrader --state-dir X contest standings 1") is None
    assert problem("papertrader buy AAPL 10 --limt 210") == "buy has no option --limt"
    assert problem("papertrader purchase AAPL 10") == "main has no command purchase"
    assert problem("papertrader contest burn 1") == "contest has no command burn"
