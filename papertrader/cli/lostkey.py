"""The operator's command ``lost-key``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from papertrader.cli.invocation import state_dir_option
from papertrader.cli.operator import EXIT_UNREADABLE
from papertrader.cli.output import table, write_json
from papertrader.core.instants import from_datetime
from papertrader.master.engines import StoreError
from papertrader.master.secondfactor import KEY_FILE
from papertrader.ops.lostkey import Affected, affected, begin_anew
from papertrader.ops.options import default_state_dir, store_place
from papertrader.ops.running import StartError


@click.command("lost-key")
@click.option("--yes", is_flag=True, help="Do not ask: the key is lost for ever.")
@state_dir_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def lost_key_command(yes: bool, state_dir: Path | None, as_json: bool) -> None:
    """Go on though the key of the second factors is lost for ever (the master must be stopped).

    A new key is made. No second factor is taken off: codes of an authenticator open nothing any
    more, recovery codes do, and whoever is in by one sets the factor up anew (totp). Who has no
    recovery code left asks an operator, who makes sure who asks (account totp-off).
    """
    place = store_place((state_dir or default_state_dir()).absolute())
    try:
        lost = affected(place)
        if not as_json:
            _list(lost)
        if lost and not yes:
            _ask(lost)
        lost = begin_anew(place, from_datetime(datetime.now(UTC)))
    except (StartError, StoreError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_UNREADABLE)
    if as_json:
        write_json(
            lost=[{"username": each.username, "recovery_codes": each.recovery_codes}
                  for each in lost]
        )  # fmt: skip
        return
    click.echo(f"{KEY_FILE} is as good as new; keep a copy of keys/. Tell the owners:")
    click.echo("  log in with a recovery code, then: papertrader totp off, papertrader totp setup")
    if any(each.recovery_codes < _CODES_FOR_THAT for each in lost):
        click.echo("Who has not two of them left: papertrader account totp-off NAME")


_CODES_FOR_THAT = 2
"""One logs in, one takes the lost factor off."""


def _list(lost: list[Affected]) -> None:
    if not lost:
        return
    rows = [(each.username, str(each.recovery_codes)) for each in lost]
    click.echo(table(("account", ">recovery codes left"), rows))


def _ask(lost: list[Affected]) -> None:
    """Let who types it say how many accounts it is about; anything else ends the command."""
    click.echo("Nobody's authenticator will open these accounts any more. If the key may still be")
    click.echo(f"in a backup of keys/, stop here and put {KEY_FILE} back.")
    said = click.prompt(
        "How many accounts are listed above? That many, to go on", default="", show_default=False
    )
    if said.strip() != str(len(lost)):
        click.echo("nothing was changed")
        raise click.exceptions.Exit(1)
