"""``papertrader stats`` and ``drain``, for operators (``papertrader login --admin``)."""

from __future__ import annotations

import click

from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import counted, table, write_json
from papertrader.cli.visit import logged_in
from papertrader.cli.worker import find
from papertrader.wire.kinds import Scope


@click.command()
@json_option
@pass_invocation
def stats(invocation: Invocation) -> None:
    """Show the counters of the master and its workers (operators only)."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        found = client.stats()
    if invocation.as_json:
        write_json(stats=found)
        return
    rows = [
        (f"worker {each.worker}" if each.worker else "master", each.name, f"{each.value:,}")
        for each in found
    ]
    click.echo(table(("of", "counter", ">value"), rows))


@click.command()
@click.argument("wanted", metavar="WORKER")
@click.option(
    "--mode",
    type=click.Choice(["move", "admit-none", "boot", "off"]),
    default="move",
    show_default=True,
    help="move: send its clients to other workers; admit-none: refuse new ones; boot: close all"
    " at once; off: back into service.",
)
@click.option(
    "--deadline",
    type=click.IntRange(0, 3_600),
    default=30,
    show_default=True,
    help="Seconds for which open requests may still be answered.",
)
@json_option
@pass_invocation
def drain(invocation: Invocation, wanted: str, mode: str, deadline: int) -> None:
    """Take WORKER (its name or number) out of service, or back in (operators only).

    `worker ls` shows which there are, and which are out.
    """
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        worker = find(client, wanted).worker
        clients = client.drain_worker(worker, mode, deadline_s=deadline)
    if invocation.as_json:
        write_json(drained={"worker": worker, "mode": mode, "clients": clients})
        return
    what = "is back in service" if mode == "off" else f"is drained ({mode})"
    has = counted(clients, "client")
    click.echo(f"worker {worker} {what}; it has {has} at this moment")
