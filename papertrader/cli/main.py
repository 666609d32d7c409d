"""``papertrader``: the command line's entry. Commands are imported only when they are called."""

from __future__ import annotations

import io
import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

import click

from papertrader.cli.grouping import Group
from papertrader.cli.invocation import (
    STATE_DIRECTORY,
    STATE_VARIABLE,
    Invocation,
    as_its_owner,
)
from papertrader.cli.problems import EXIT_CODES, EXIT_INTERRUPTED, Problem, report
from papertrader.cli.streams import open_streams
from papertrader.ops.collector import collector_held

COMMANDS: Final = {
    "up": "papertrader.cli.up:up",
    "init": "papertrader.cli.init:init",
    "register": "papertrader.cli.account:register",
    "login": "papertrader.cli.account:login",
    "logout": "papertrader.cli.account:logout",
    "account": "papertrader.cli.accounts:account",
    "password": "papertrader.cli.owner:password",
    "sessions": "papertrader.cli.owner:sessions",
    "key": "papertrader.cli.owner:key",
    "totp": "papertrader.cli.access:totp",
    "reset": "papertrader.cli.access:reset",
    "invite": "papertrader.cli.accounts:invite",
    "assets": "papertrader.cli.assets:assets",
    "quote": "papertrader.cli.market:quote",
    "bars": "papertrader.cli.market:bars",
    "chart": "papertrader.cli.chart:chart",
    "market": "papertrader.cli.market:market",
    "clock": "papertrader.cli.clock:clock",
    "tui": "papertrader.cli.tui:tui",
    "watch": "papertrader.cli.watch:watch",
    "watchlist": "papertrader.cli.watchlists:watchlist",
    "alert": "papertrader.cli.alerts:alert",
    "buy": "papertrader.cli.trading:buy",
    "sell": "papertrader.cli.trading:sell",
    "orders": "papertrader.cli.holdings:orders",
    "cancel": "papertrader.cli.trading:cancel",
    "close": "papertrader.cli.trading:close",
    "replace": "papertrader.cli.trading:replace",
    "receipt": "papertrader.cli.receipt:receipt",
    "refusals": "papertrader.cli.refusals:refusals",
    "portfolio": "papertrader.cli.portfolios:portfolio",
    "portfolios": "papertrader.cli.portfolios:portfolios",
    "history": "papertrader.cli.holdings:history",
    "contest": "papertrader.cli.contests:contest",
    "performance": "papertrader.cli.performance:performance",
    "report": "papertrader.cli.report:report",
    "export": "papertrader.cli.export:export",
    "provider": "papertrader.cli.provider:provider",
    "workers": "papertrader.cli.market:workers",
    "worker": "papertrader.cli.worker:worker",
    "ca": "papertrader.cli.authority:ca",
    "log": "papertrader.cli.logs:log",
    "stats": "papertrader.cli.operating:stats",
    "drain": "papertrader.cli.operating:drain",
    "plan": "papertrader.cli.plan:plan",
    "bench": "papertrader.cli.bench:bench",
    "import": "papertrader.cli.history:import_command",
    "admin": "papertrader.cli.appoint:admin_command",
    "auth": "papertrader.cli.calibrate:auth",
    "doctor": "papertrader.cli.doctor:doctor",
    "audit": "papertrader.cli.operator:audit_command",
    "replay-check": "papertrader.cli.operator:replay_command",
    "backup": "papertrader.cli.backups:backup_command",
    "rebuild": "papertrader.cli.operator:rebuild_command",
    "restore": "papertrader.cli.backups:restore_command",
    "lost-key": "papertrader.cli.lostkey:lost_key_command",
    "reseal": "papertrader.cli.reseal:reseal_command",
    "prepare-store": "papertrader.cli.preparestore:prepare_command",
    "completion": "papertrader.cli.tools:completion",
    "version": "papertrader.cli.tools:version",
}
"""Name of each command, in the order of the help, and where it is: ``module:attribute``."""

MEANT: Final = {
    "positions": "portfolio",
    "balance": "portfolio",
    "cash": "portfolio",
    "holdings": "portfolio",
    "trades": "history",
    "transactions": "history",
    "fills": "history",
    "price": "quote",
    "prices": "quote",
    "symbols": "assets",
    "search": "assets",
    "signup": "register",
    "signin": "login",
    "start": "up",
    "run": "up",
    "serve": "up",
    "setup": "init",
    "users": "account",
    "status": "doctor",
    "check": "doctor",
    "plot": "chart",
    "leaderboard": "contest",
    "migrate": "rebuild",
    "help": "--help",
}
"""What other programs call it, and how it is called here."""

_OWN_STATE_DIR: Final = (
    "up",
    "init",
    "admin",
    "audit",
    "replay-check",
    "rebuild",
    "backup",
    "restore",
    "lost-key",
    "reseal",
    "prepare-store",
)
"""Commands with an option of their own for the state directory."""


def _print_anything() -> None:
    """Let a terminal that lacks a character show another one in its place: it is no mistake."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


class LazyGroup(Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of that name."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        with collector_held():
            return cast("click.Command", getattr(import_module(module), attribute))

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the global options; a wrong one is told as every other mistake is."""
        as_json = "--json" in args
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            given = extra.get("obj")
            invocation = given if isinstance(given, Invocation) else Invocation()
            invocation.as_json = invocation.as_json or as_json
            raise click.exceptions.Exit(report(error, invocation)) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; raises `Problem` for one that there is not, with what may be meant."""
        wanted = args[0]
        if wanted in COMMANDS or wanted.startswith("-"):
            return super().resolve_command(ctx, args)
        meant = MEANT.get(wanted.lower())
        near = [meant] if meant else get_close_matches(wanted.lower(), COMMANDS, 2, 0.6)
        hint = " or ".join(f"{{program}} {each}" for each in near)
        raise Problem.usage(
            f"there is no command {wanted!r}",
            f"did you mean: {hint}? All of them: {{program}} --help"
            if near
            else "see: {program} --help",
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each exit code means."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXIT_CODES])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; every way to fail becomes a message and an exit code."""
        open_streams()
        _print_anything()
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except (click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as raised:
            error: Exception = raised
            if isinstance(raised, click.Abort):
                if sys.stdin.isatty():
                    click.echo("interrupted", err=True)
                    ctx.exit(EXIT_INTERRUPTED)
                # The question is still on the line.
                click.echo(err=True)
                error = Problem.unanswered()
            invocation = ctx.obj if isinstance(ctx.obj, Invocation) else Invocation()
            # A command that there is not is found out before the global options are taken over.
            invocation.as_json = invocation.as_json or bool(ctx.params.get("as_json"))
            if invocation.debug:
                raise
            ctx.exit(report(error, invocation, ctx.invoked_subcommand or ""))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--state-dir",
    callback=as_its_owner,
    type=STATE_DIRECTORY,
    envvar=STATE_VARIABLE,
    help=f"Where the local PaperTrader keeps its files (or {STATE_VARIABLE}).",
)
@click.option("--connect", metavar="HOST:PORT", help="A worker elsewhere; needs --ca.")
@click.option(
    "--ca",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Certificate authority of the worker named by --connect.",
)
@click.option("--user", metavar="NAME", help="User for this call alone; needs --password-file.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is the password.",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is an API key, to log in with for this call alone.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (schema 1).")
@click.option("--debug", is_flag=True, help="Show a traceback on errors.")
@click.pass_context
def main(
    ctx: click.Context,
    state_dir: Path | None,
    connect: str | None,
    ca: Path | None,
    user: str | None,
    password_file: Path | None,
    key_file: Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Trade with fake money against real, recorded or simulated prices.

    Begin with: papertrader up; then, in another terminal, papertrader register NAME.
    """
    invocation = ctx.ensure_object(Invocation)
    invocation.state_dir = state_dir
    invocation.connect = connect
    invocation.ca = ca
    invocation.user = user
    invocation.password_file = password_file
    invocation.key_file = key_file
    invocation.as_json = invocation.as_json or as_json
    invocation.debug = debug
    if (connect is None) != (ca is None):
        raise Problem.usage(
            "--connect and --ca go together", "papertrader --connect HOST:PORT --ca FILE ..."
        )
    if user is not None and password_file is None and key_file is None:
        raise Problem.usage(
            "--user needs --password-file or --key-file",
            "a password never stands on the command line",
        )
    if state_dir is not None:
        ctx.default_map = {name: {"state_dir": state_dir} for name in _OWN_STATE_DIR}


if __name__ == "__main__":
    sys.exit(main())
