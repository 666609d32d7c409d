"""The operator's command ``prepare-store``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from papertrader.cli.invocation import state_dir_option
from papertrader.cli.operator import EXIT_UNREADABLE
from papertrader.cli.output import write_json
from papertrader.master.engines import StoreError
from papertrader.ops.options import default_state_dir, store_url
from papertrader.ops.preparing import prepare_store


@click.command("prepare-store")
@click.option(
    "--owner",
    metavar="URL",
    required=True,
    help="The store as store.url names it, but by the role that is to own the tables.",
)
@click.option("--views", is_flag=True, help="Throw the views away too: the next start makes them.")
@state_dir_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def prepare_command(owner: str, views: bool, state_dir: Path | None, as_json: bool) -> None:
    """Make the tables of a store on PostgreSQL for a stopped master that may not change them.

    The role of store.url may then read and write rows, and only add them to the journal and the
    audit log: whoever takes the master over cannot change what they hold. Run it before the first
    start, and before the first start of a newer version.
    """
    state = (state_dir or default_state_dir()).absolute()
    try:
        role = prepare_store(state, store_url(state), owner, anew=views)
    except StoreError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_UNREADABLE)
    if as_json:
        write_json(role=role)
        return
    click.echo(f"The store is ready for {role}, who cannot change its tables.")
