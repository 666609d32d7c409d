"""``papertrader completion`` and ``version``."""

from __future__ import annotations

import platform
from typing import Final

import click
from click.shell_completion import get_completion_class

import papertrader
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import write_json

_SPLIT_ALL: Final = '(string split "," $completion)'
_SPLIT_ONCE: Final = '(string split --max 1 "," $completion)'


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  eval "$(papertrader completion bash)"      in ~/.bashrc
    zsh:   eval "$(papertrader completion zsh)"       in ~/.zshrc, after compinit
    fish:  papertrader completion fish > ~/.config/fish/completions/papertrader.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"there is no completion for {shell}")
    root = ctx.find_root().command
    script = found(root, {}, "papertrader", "_PAPERTRADER_COMPLETE").source()
    # A description may have commas; click's script for fish shows what stands before the first.
    click.echo(script.replace(_SPLIT_ALL, _SPLIT_ONCE))


@click.command()
@json_option
@pass_invocation
def version(invocation: Invocation) -> None:
    """Print the version of this program and of Python."""
    if invocation.as_json:
        write_json(version=papertrader.__version__, python=platform.python_version())
    else:
        click.echo(f"papertrader {papertrader.__version__} (Python {platform.python_version()})")
