"""The operator's command ``admin``: whose account is an operator's or a host's."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from papertrader.cli.exclusions import one_of
from papertrader.cli.invocation import state_dir_option
from papertrader.cli.operator import EXIT_UNREADABLE
from papertrader.core.instants import from_datetime
from papertrader.master.engines import StoreError
from papertrader.master.operators import Appointment
from papertrader.ops.appointment import appoint_operator
from papertrader.ops.firstoperator import first_operator_code
from papertrader.ops.options import default_state_dir, store_place
from papertrader.ops.running import StartError


@click.command("admin")
@click.argument("username", metavar="[NAME]", required=False)
@click.option(
    "--invite", is_flag=True, help="Print a code with which an operator's account can be opened."
)
@click.option("--host", is_flag=True, help="A host's, who may open contests, and no more.")
@click.option("--revoke", is_flag=True, help="Make it an ordinary account again.")
@state_dir_option
def admin_command(
    username: str | None, invite: bool, host: bool, revoke: bool, state_dir: Path | None
) -> None:
    """Make the account NAME an operator's (the master must be stopped).

    Its owner may then use `papertrader login --admin`, and with it `stats` and `drain`; a host's
    `papertrader login --host`, and with it `contest create`.
    """
    state = (state_dir or default_state_dir()).absolute()
    if invite == (username is not None) or (invite and (host or revoke)):
        raise click.UsageError("give either NAME or --invite")
    one_of("host", "revoke")
    if username is None:
        _invite(state)
        return
    role = Appointment.HOST if host else Appointment.ADMIN
    role = Appointment.NONE if revoke else role
    try:
        changed = appoint_operator(
            store_place(state), username, role, from_datetime(datetime.now(UTC))
        )
    except (StartError, StoreError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_UNREADABLE)
    what = {
        Appointment.NONE: "an ordinary account",
        Appointment.HOST: "a host's account",
        Appointment.ADMIN: "an operator's account",
    }[role]
    click.echo(f"{username} is {what} now" if changed else f"{username} was {what} already")


def _invite(state: Path) -> None:
    try:
        code = first_operator_code(
            store_place(state), from_datetime(datetime.now(UTC)), anyway=True
        )
    except (StartError, StoreError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_UNREADABLE)
    click.echo(code)
    click.echo(
        "Good once, for a day. When the server runs: papertrader register NAME --invite", err=True
    )
