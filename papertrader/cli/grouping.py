"""Groups of commands whose help shows the first sentence of each whole."""

from __future__ import annotations

from typing import Final

import click

SENTENCE_MAX: Final = 400
"""Characters of a command's first sentence, which is wrapped and not cut."""


class Group(click.Group):
    """A group of commands."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with what it is for."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, command.get_short_help_str(SENTENCE_MAX))
            for name, command in found
            if command is not None and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
