"""``papertrader bench``: what this machine gives, beside what its disk and SQLite alone give."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import table, write_json
from papertrader.cli.problems import EXIT_CONNECT, Problem
from papertrader.ops import measuring
from papertrader.ops.files import make_private_directory
from papertrader.ops.measuring import RATE_MAX, Measured, MeasuringError
from papertrader.ops.options import default_state_dir

CLIENTS_MAX = 30
"""A worker takes 32 connections of one address."""


@click.command()
@click.option(
    "--clients", type=click.IntRange(1, CLIENTS_MAX), default=16, show_default=True,
    help="Clients that trade at once.",
)  # fmt: skip
@click.option(
    "--rate", type=click.IntRange(1, RATE_MAX), default=20, show_default=True,
    help="Orders a second that each client offers.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(1, 600), default=10.0, show_default=True,
    help="How long they trade.",
)  # fmt: skip
@json_option
@pass_invocation
def bench(invocation: Invocation, clients: int, rate: int, seconds: float) -> None:
    """Measure this machine: its disk, SQLite alone, and PaperTrader with real processes.

    A PaperTrader of its own runs for it beside the state directory, on free ports; yours is left
    alone. Peers, floors and plots: ``make bench`` in the source tree.
    """
    directory = (invocation.state_dir or default_state_dir()).parent
    found: list[Measured] = []
    try:
        if not directory.is_dir():
            make_private_directory(directory)
        click.echo("measuring the disk, then PaperTrader ...", err=True)
        found += measuring.disk(directory)
        found += measuring.wire()
        with measuring.server(Path(directory)) as (address, ca):
            found += asyncio.run(measuring.product(address, ca, clients, rate, seconds))
    except MeasuringError as error:
        hint = "free disk and ports, then try again"
        raise Problem("NOT_MEASURED", str(error), hint, EXIT_CONNECT) from None
    if invocation.as_json:
        write_json(figures=[
            {"name": each.name, "value": each.value, "unit": each.unit, "note": each.note}
            for each in found
        ])  # fmt: skip
        return
    rows = [(each.name, f"{each.value:,.1f}", each.unit, each.note) for each in found]
    click.echo(table(("what", "figure", "unit", "with"), rows))
