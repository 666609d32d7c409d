"""Options that must not be given together: they are refused, where else the last would win."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from click.core import ParameterSource


class EitherOption(click.Option):
    """An option with two sides, such as --gtc/--day: both at once are refused, none wins."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Let the parser gather what is given, instead of keeping the last of it."""
        for names, side in ((self.opts, True), (self.secondary_opts, False)):
            parser.add_option(
                obj=self, opts=names, dest=self.name, action="append_const", const=side
            )

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Return the side that is given; raises `click.UsageError` for both."""
        sides = set(opts.get(str(self.name)) or ())
        if len(sides) > 1:
            raise excluding(self.opts[0], self.secondary_opts[0], ctx)
        given = {name: value for name, value in opts.items() if name != self.name}
        for side in sides:
            given[str(self.name)] = side
        return super().handle_parse_result(ctx, given, args)


def excluding(one: str, other: str, ctx: click.Context | None = None) -> click.UsageError:
    """Return the error of two options that were given together and must not be."""
    return click.UsageError(f"{one} and {other} exclude one another", ctx)


def one_of(*names: str) -> None:
    """Refuse the command that runs if more than one of these parameters of it was given."""
    ctx = click.get_current_context()
    given = [
        each
        for each in ctx.command.params
        if each.name in names
        and ctx.get_parameter_source(str(each.name)) is ParameterSource.COMMANDLINE
    ]
    if len(given) > 1:
        one, other = (
            each.opts[0] if isinstance(each, click.Option) else each.make_metavar(ctx).strip("[]")
            for each in given[:2]
        )
        raise excluding(one, other, ctx)
