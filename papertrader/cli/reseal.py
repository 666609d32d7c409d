"""The operator's command ``reseal``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from papertrader.cli.invocation import state_dir_option
from papertrader.cli.operator import EXIT_UNREADABLE
from papertrader.cli.output import write_json
from papertrader.core.instants import from_datetime
from papertrader.master.engines import StoreError
from papertrader.master.secondfactor import KEY_FILE
from papertrader.ops.lostkey import REPLACED
from papertrader.ops.options import default_state_dir, store_place
from papertrader.ops.reseal import seal_anew
from papertrader.ops.running import StartError


@click.command("reseal")
@state_dir_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def reseal_command(state_dir: Path | None, as_json: bool) -> None:
    """Make another key of the second factors, and seal all of them with it (master stopped).

    For when a copy of keys/ may be in wrong hands, or from time to time. Nobody notices: every
    authenticator and recovery code is good as before.
    """
    place = store_place((state_dir or default_state_dir()).absolute())
    try:
        count = seal_anew(place, from_datetime(datetime.now(UTC)))
    except (StartError, StoreError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_UNREADABLE)
    if as_json:
        write_json(sealed=count)
        return
    click.echo(f"Second factors sealed with a new key: {count}. Keep a copy of keys/.")
    click.echo(f"Backups of before need {KEY_FILE}{REPLACED}; delete it when they are gone.")
