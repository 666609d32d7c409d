"""``papertrader tui``: the terminal program."""

from __future__ import annotations

import sys

import click

from papertrader.cli.invocation import Invocation, pass_invocation
from papertrader.cli.parameters import SYMBOL
from papertrader.cli.place import find_place, load_login
from papertrader.cli.problems import Problem
from papertrader.extras import install_command
from papertrader.wire.kinds import Scope


@click.command()
@click.argument("symbols", metavar="[SYMBOL]...", nargs=-1, type=SYMBOL)
@click.option("--read-only", is_flag=True, help="Only look: no order can be sent.")
@pass_invocation
def tui(invocation: Invocation, symbols: tuple[str, ...], read_only: bool) -> None:
    """Trade in the terminal: watch list, chart, ticket, orders, a command line.

    SYMBOLs are watched besides your own. It runs over ssh, from 80 columns and 24 lines on, and
    needs the extra "tui".
    """
    place = find_place(invocation)
    login = load_login(place)
    try:
        from papertrader.cli.terminal.app import TerminalProgram  # noqa: PLC0415 (an extra)
    except ImportError:
        raise Problem.usage(
            "the terminal program needs Textual, which is not installed", install_command("tui")
        ) from None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Problem.usage(
            "the terminal program needs a terminal to draw on and to read keys from",
            "over ssh: ssh -t HOST; for a script, one command each: "
            f"{invocation.command_line()} --help",
        )
    scope = Scope.READ if read_only else Scope.TRADE
    TerminalProgram(invocation, place, login, scope, symbols).run()
