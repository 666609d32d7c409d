"""``papertrader assets``: what can be traded; and the operator's list of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.newfile import write_new
from papertrader.cli.output import amount, day, moment, money, name, table, write_json
from papertrader.cli.parameters import SYMBOL
from papertrader.cli.problems import Problem
from papertrader.cli.visit import logged_in
from papertrader.core.quotes import Asset
from papertrader.ops.options import default_state_dir
from papertrader.ops.settings_file import SETTINGS_FILE, SettingsError, load_settings
from papertrader.wire.kinds import Scope

EXIT_FAILED: Final = 1


class _ListedByDefault(Group):
    """A group that takes words which are no command of it for those of ``list``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``list`` before what is not a command."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListedByDefault)
def assets() -> None:
    """List what can be traded (papertrader assets PREFIX), or make the operator's list of it."""


@assets.command("list")
@click.argument("prefix", metavar="[PREFIX]", required=False, default="")
@click.option(
    "--limit", type=click.IntRange(1, 65_535), default=500, show_default=True,
    help="Assets at most.",
)  # fmt: skip
@json_option
@pass_invocation
def list_assets(invocation: Invocation, prefix: str, limit: int) -> None:
    """List what can be traded, or that whose symbol or name begins with PREFIX."""
    with logged_in(invocation) as client:
        found = client.assets(prefix.upper(), limit=limit)
    if invocation.as_json:
        write_json(assets=found.items, as_of=found.as_of, cache_until=found.cache_until)
        return
    rows = [
        (
            each.symbol, name(each.kind), name(each.status), each.currency, money(each.tick),
            amount(each.lot), name(each.flags).replace("_", " "), day(each.first_bar),
            day(each.last_bar),
        )
        for each in found
    ]  # fmt: skip
    headings = ("symbol", "kind", "status", "currency", ">tick", ">lot", "flags", "first bar",
                "last bar")  # fmt: skip
    nothing = f"No symbol or name begins with {prefix}." if prefix else "There are no assets yet."
    click.echo(table(headings, rows) if rows else nothing)
    if found.as_of is not None:
        until = f", cached until {moment(found.cache_until)}" if found.cache_until else ""
        click.echo(f"as of {moment(found.as_of)}{until} (UTC)", err=True)


@assets.command("halt")
@click.argument("symbol", type=SYMBOL)
@click.option("--reason", default="", help="Why; it stands in the audit log.")
@json_option
@pass_invocation
def halt_asset(invocation: Invocation, symbol: str, reason: str) -> None:
    """Halt trade in SYMBOL (operators only): no new orders, open ones wait, nothing fills."""
    _halt(invocation, symbol, True, reason)


@assets.command("resume")
@click.argument("symbol", type=SYMBOL)
@click.option("--reason", default="", help="Why; it stands in the audit log.")
@json_option
@pass_invocation
def resume_asset(invocation: Invocation, symbol: str, reason: str) -> None:
    """Let trade in SYMBOL go on (operators only)."""
    _halt(invocation, symbol, False, reason)


def _halt(invocation: Invocation, symbol: str, halted: bool, reason: str) -> None:
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        status = client.halt(symbol, halted=halted, reason=reason)
    if invocation.as_json:
        write_json(halt={"symbol": symbol, "status": status})
        return
    click.echo(f"{symbol} is {status.replace('_', ' ')} now")


@assets.command("import")
@click.argument("provider")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the list there; it must not exist. Without: to standard output.",
)
@click.option("--prefix", default="", help="Only symbols or names that begin with this.")
@click.option("--currency", default="", metavar="CCC", help="Only what is priced in this.")
@pass_invocation
def import_assets(
    invocation: Invocation, provider: str, out: Path | None, prefix: str, currency: str
) -> None:
    """Ask PROVIDER what it has and write it as a list of assets (one call).

    Take out what you do not want, and name the file in market.assets of papertrader.toml.
    """
    # Twisted and treq take a second to load: not for a list.
    from papertrader.master.assetlist import write_assets  # noqa: PLC0415
    from papertrader.master.providers.provider import Provider  # noqa: PLC0415
    from papertrader.ops.provider_visit import visit_provider  # noqa: PLC0415

    state = (invocation.state_dir or default_state_dir()).absolute()
    path = state / SETTINGS_FILE
    try:
        settings = load_settings(path if path.exists() else Path(os.devnull), os.environ, {})
    except SettingsError as error:
        raise Problem.usage("; ".join(error.problems)) from None
    names = [each.name for each in settings.providers]
    if provider not in names:
        raise Problem.usage(f"there is no provider {provider}", f"there are: {', '.join(names)}")
    found: list[Asset] = []

    async def ask(made: Provider, has_key: bool) -> bool:
        found.extend(await made.assets())
        return bool(found)

    failure = visit_provider(settings, state, os.environ, provider, ask)
    if failure:
        click.echo(f"error: {failure}", err=True)
        sys.exit(EXIT_FAILED)
    start = prefix.upper()
    kept = [
        each
        for each in sorted(found, key=lambda each: each.symbol)
        if (each.symbol.startswith(start) or each.name.upper().startswith(start))
        and currency.upper() in ("", each.currency)
    ]
    text = write_assets(kept)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_new(out, text.encode())
    click.echo(f"{len(kept):,} of {len(found):,} assets of {provider}", err=True)
    if out is not None:
        click.echo(f'next: assets = "{out.absolute()}" in [market] of {path}', err=True)


@assets.command("check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@pass_invocation
def check_assets(invocation: Invocation, file: Path) -> None:
    """Read a list of assets and say whether a live market could use it."""
    from papertrader.master.assetlist import assets_of, read_asset_file  # noqa: PLC0415
    from papertrader.master.providers.base import load_calendars  # noqa: PLC0415

    try:
        listed = assets_of(read_asset_file(file), {}, load_calendars())
    except ValueError as error:
        raise Problem.usage(str(error)) from None
    if invocation.as_json:
        write_json(assets=[each.symbol for each in listed])
        return
    click.echo(f"{len(listed):,} assets, nothing wrong")
