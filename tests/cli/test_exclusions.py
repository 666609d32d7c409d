"""Options that exclude one another are refused together: the last one never wins in silence."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from papertrader.cli.exclusions import EitherOption
from papertrader.cli.main import main
from papertrader.wire.kinds import Opcode
from tests.terminal_kit import Terminal, terminal

__all__ = ["terminal"]


def commands(ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    """Go through a command and all below it, each with the words that call it."""
    command = ctx.command
    yield ctx.command_path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert found is not None
            yield from commands(click.Context(found, parent=ctx, info_name=name))


EITHER = [
    (path.split()[1:], option)
    for path, command in commands(click.Context(main, info_name="papertrader"))
    for option in command.params
    if option.secondary_opts
]


def test_the_sides_are_found() -> None:
    """The walk sees what there is."""
    assert ("buy", "--gtc") in {(words[-1], option.opts[0]) for words, option in EITHER}
    assert len(EITHER) > 12


@pytest.mark.parametrize(
    ("words", "option"), EITHER, ids=[" ".join((*w, o.opts[0])) for w, o in EITHER]
)
def test_both_sides_of_an_option(
    terminal: Terminal, words: list[str], option: click.Parameter
) -> None:
    """Refused in either order; the same side twice is that side."""
    assert isinstance(option, EitherOption)
    one, other = option.opts[0], option.secondary_opts[0]
    for both in ((one, other), (other, one)):
        result = terminal.run(*words, *both)
        assert result.exit_code == 2
        assert f"error: {one} and {other} exclude one another" in result.stderr
    assert "exclude" not in terminal.run(*words, one, one, "--nothing").stderr


@pytest.mark.parametrize(
    ("line", "one", "other"),
    [
        ("buy AAPL 1 --ioc --day", "--day", "--ioc"),
        ("buy AAPL 1 --gtc --fok", "--gtc", "--fok"),
        ("sell AAPL 1 --day --tif gtc", "--tif", "--day"),
        ("bars AAPL --span week --interval 1d", "--interval", "--span"),
        ("bars AAPL --limit 20 --span week", "--limit", "--span"),
        ("account sessions ann --revoke 1 --revoke-all", "--revoke", "--revoke-all"),
        ("refusals 4 --client-order-id 5", "NUMBER", "--client-order-id"),
        ("plan --live --users 9", "--users", "--live"),
        ("plan --live --symbols 9", "--symbols", "--live"),
        ("log show --remote --process worker-1", "--process", "--remote"),
        ("admin ann --host --revoke", "--host", "--revoke"),
    ],
)
def test_two_options(terminal: Terminal, line: str, one: str, other: str) -> None:
    """Both are named, and nothing is sent."""
    result = terminal.run(*line.split())
    assert result.exit_code == 2
    assert f"error: {one} and {other} exclude one another" in result.stderr
    assert terminal.market.bodies(Opcode.ORDER_NEW) == []


def test_an_order_for_the_day(terminal: Terminal) -> None:
    """What is the default may be said."""
    terminal.logged_in()
    for words, expected in (((), "day"), (("--day",), "day"), (("--gtc",), "gtc")):
        result = terminal.run("buy", "AAPL", "1", "--wait", "0", *words)
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines()[0].endswith(f", {expected}")
