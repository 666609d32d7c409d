"""``papertrader watchlist`` with its subcommands."""

from __future__ import annotations

from typing import Final

import click

from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import table, write_json
from papertrader.cli.parameters import SYMBOL, WATCHLIST_NAME
from papertrader.cli.visit import logged_in

_TITLE = click.argument("title", type=WATCHLIST_NAME, metavar="NAME")


NO_LISTS: Final = "no watchlists; make one with: {program} watchlist set NAME SYMBOL..."


@click.group(cls=Group)
def watchlist() -> None:
    """Keep lists of symbols at the server: papertrader watch --list NAME shows one live."""


@watchlist.command("set")
@_TITLE
@click.argument("symbols", type=SYMBOL, nargs=-1, required=True, metavar="SYMBOL...")
@json_option
@pass_invocation
def set_list(invocation: Invocation, title: str, symbols: tuple[str, ...]) -> None:
    """Make the watchlist NAME, or replace what is in it."""
    with logged_in(invocation) as client:
        made = client.watchlist_set(title, symbols)
    if invocation.as_json:
        write_json(watchlist=made)
        return
    click.echo(f"{made.name}: {' '.join(made.symbols)}")


def _nothing(invocation: Invocation) -> str:
    return NO_LISTS.format(program=invocation.command_line())


@watchlist.command()
@click.argument("title", type=WATCHLIST_NAME, metavar="[NAME]", required=False)
@json_option
@pass_invocation
def show(invocation: Invocation, title: str | None) -> None:
    """Show what is in the watchlist NAME, or in all."""
    with logged_in(invocation) as client:
        found = client.watchlists() if title is None else (client.watchlist(title),)
    if invocation.as_json:
        write_json(watchlists=list(found))
        return
    for each in found:
        click.echo(f"{each.name}: {' '.join(each.symbols)}")
    if not found:
        click.echo(_nothing(invocation))


@watchlist.command("list")
@json_option
@pass_invocation
def list_watchlists(invocation: Invocation) -> None:
    """List the names of your watchlists."""
    with logged_in(invocation) as client:
        found = client.watchlists()
    if invocation.as_json:
        write_json(watchlists=[each.name for each in found])
        return
    rows = [(each.name, str(len(each.symbols))) for each in found]
    click.echo(table(("name", ">symbols"), rows) if rows else _nothing(invocation))


@watchlist.command()
@_TITLE
@json_option
@pass_invocation
def delete(invocation: Invocation, title: str) -> None:
    """Delete the watchlist NAME."""
    with logged_in(invocation) as client:
        left = client.watchlist_delete(title)
    if invocation.as_json:
        write_json(deleted=title, left=left)
        return
    click.echo(f"{title} is deleted; watchlists left: {left}")
