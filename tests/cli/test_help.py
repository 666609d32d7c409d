"""What ``--help`` says: no command and no option without a sentence of its own."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from papertrader.cli.main import main as papertrader
from papertrader.fuzz.commands import main as fuzz


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Walk through a command and all below it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, f"{path} {name}")


ALL = [*commands(papertrader, "papertrader"), *commands(fuzz, "papertrader.fuzz")]


@pytest.mark.parametrize(("path", "command"), ALL, ids=[path for path, _ in ALL])
def test_every_command_and_option_says_what_it_is_for(path: str, command: click.Command) -> None:
    """Whoever reads the help needs no other page to know what an option does."""
    assert (command.help or "").strip(), path
    said = {
        "/".join(each.opts): (each.help or "").strip()
        for each in command.params
        if isinstance(each, click.Option)
    }
    assert [name for name, text in said.items() if not text.endswith(".")] == []
