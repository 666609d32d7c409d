"""The operator's commands that read the books: ``audit``, ``replay-check`` and ``rebuild``."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs
import click

from papertrader.cli.invocation import state_dir_option
from papertrader.cli.output import counted
from papertrader.core.instants import from_datetime
from papertrader.master.engines import StoreError
from papertrader.ops.inspection import Report, audit, rebuild
from papertrader.ops.options import default_state_dir, store_place
from papertrader.ops.replaycheck import ReplayReport, replay_check
from papertrader.ops.running import StartError
from papertrader.progress import Progress, quiet_option

EXIT_VIOLATED: Final = 1
EXIT_UNREADABLE: Final = 2
_UNTOUCHED: Final = "nothing was changed; run it again to begin anew"


def _show(report: Report, as_json: bool, witnessed: bool = False) -> int:
    if as_json:
        clean = not report.violations_in_all
        content = {
            "schema": 1,
            "clean": clean,
            "batches": report.batches,
            "inputs": report.inputs,
            "transactions": report.transactions,
            "orders": report.orders,
            "checkpoints": report.checkpoints,
            "views_at": report.views_at,
            "witnessed_keys": report.witnessed_keys,
            "witnessed_heads": report.witnessed_heads,
            "violations": report.violations,
            "violations_in_all": report.violations_in_all,
        }
        click.echo(json.dumps(content))
    else:
        click.echo(
            f"{counted(report.batches, 'batch', 'batches')}, {counted(report.inputs, 'input')},"
            f" {counted(report.orders, 'order')}, {counted(report.transactions, 'transaction')},"
            f" {counted(report.checkpoints, 'checkpoint')} of memory, views at {report.views_at:,}"
            + (
                f", witnessed: {counted(report.witnessed_keys, 'key')},"
                f" {counted(report.witnessed_heads, 'head')}"
                if witnessed
                else ""
            )
        )
        for sentence in report.violations:
            click.echo(f"violated: {sentence}")
        many = report.violations_in_all
        click.echo(
            f"{counted(many, 'violation')}; keep a copy of the directory before anything else"
            if many
            else "clean"
        )
    return EXIT_VIOLATED if report.violations_in_all else 0


@click.command("audit")
@state_dir_option
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file that a worker kept (witness/NAME.jsonl of its state directory); repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@quiet_option
def audit_command(
    state_dir: Path | None, witnesses: tuple[Path, ...], as_json: bool, quiet: bool
) -> None:
    """Recompute the books from the journal and compare everything with it.

    With --witness also what the files alone cannot show: entries that were cut off at the end, an
    old copy that was put back, a chain that was made anew.

    Works while the master runs. Exit code 0: clean; 1: violated, and it lists where; 2: cannot
    read.
    """
    state = (state_dir or default_state_dir()).absolute()
    bar = Progress("audit", "batches", as_json=as_json, quiet=quiet, again=_UNTOUCHED)
    try:
        with bar:
            now = from_datetime(datetime.now(UTC))
            report = audit(store_place(state), bar.tell, witnesses, now)
    except StoreError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_UNREADABLE)
    sys.exit(_show(report, as_json, bool(witnesses)))


@click.command("replay-check")
@state_dir_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--other-engines",
    is_flag=True,
    help="Decide also what engines with other rules decided, and tell where they differ.",
)
@quiet_option
def replay_command(state_dir: Path | None, as_json: bool, other_engines: bool, quiet: bool) -> None:
    """Decide every input of the journal again and compare all outcomes with what was told.

    Works while the master runs, and with another Python than the one that wrote the journal. What
    a version with other rules decided is taken as it was told, and counted. Exit code 0: the same;
    1: it differs, and it says where; 2: cannot read.
    """
    state = (state_dir or default_state_dir()).absolute()
    bar = Progress("replay", "batches", as_json=as_json, quiet=quiet, again=_UNTOUCHED)
    try:
        with bar:
            report = replay_check(store_place(state), bar.tell, other_engines)
    except StoreError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_UNREADABLE)
    if as_json:
        fields = attrs.asdict(report) | {"state_hash": report.state_hash.hex()}
        click.echo(json.dumps({"schema": 1, "same": not report.findings, **fields}))
    else:
        _tell_replay(report)
    sys.exit(EXIT_VIOLATED if report.findings else 0)


def _tell_replay(report: ReplayReport) -> None:
    decided = report.inputs - report.taken
    click.echo(
        f"{decided:,} of {report.inputs:,} inputs decided again ({report.commands:,} commands,"
        f" {report.quotes:,} quotes): {report.outcomes:,} outcomes, {report.receipts:,} receipts"
        f" worked out from their quotes, {report.refusals:,} of refused orders,"
        f" {report.checkpoints:,} checkpoints"
    )
    for why, count in report.why.items():
        click.echo(f"{count:,} inputs taken as they were told: {why}")
    click.echo(f"state hash {report.state_hash.hex()}")
    for line in report.findings:
        click.echo(f"differs: {line}")
    click.echo("the same" if not report.findings else "not the same; keep a copy of the directory")


@click.command("rebuild")
@state_dir_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@quiet_option
def rebuild_command(state_dir: Path | None, as_json: bool, quiet: bool) -> None:
    """Throw the views away and make them again from the journal (the master must be stopped)."""
    state = (state_dir or default_state_dir()).absolute()
    again = "the journal is untouched; the next start makes the rest, or run it again"
    bar = Progress("rebuild", "inputs", as_json=as_json, quiet=quiet, again=again)

    def say(line: str) -> None:
        if not as_json and not quiet:
            click.echo(line, err=True)

    try:
        with bar:
            report = rebuild(store_place(state), say, bar.tell)
    except (StartError, StoreError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_UNREADABLE)
    sys.exit(_show(report, as_json))
