"""The operator's commands ``backup`` and ``restore``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from papertrader.cli.invocation import state_dir_option
from papertrader.cli.operator import EXIT_UNREADABLE, EXIT_VIOLATED
from papertrader.cli.output import counted, write_json
from papertrader.master.engines import StoreError
from papertrader.ops.backup import Backup, make_backup, restore_backup
from papertrader.ops.options import default_state_dir, store_place
from papertrader.ops.running import StartError
from papertrader.progress import Progress, quiet_option

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_FILE = click.Path(path_type=Path, dir_okay=False)


def _tell(backup: Backup) -> None:
    report = backup.report
    click.echo(
        f"{counted(report.batches, 'batch', 'batches')}, {counted(backup.last_seq, 'input')},"
        f" {counted(report.orders, 'order')}, {counted(report.transactions, 'transaction')};"
        f" head {backup.head.hex()}"
    )


def _as_json(backup: Backup) -> None:
    write_json(
        backup={
            "path": str(backup.path),
            "head": backup.head.hex(),
            "inputs": backup.last_seq,
            "batches": backup.report.batches,
            "orders": backup.report.orders,
            "transactions": backup.report.transactions,
            "violations": backup.report.violations,
        }
    )


@click.command("backup")
@click.argument("target", type=_FILE)
@state_dir_option
@_JSON
@quiet_option
def backup_command(target: Path, state_dir: Path | None, as_json: bool, quiet: bool) -> None:
    """Copy the journal, the accounts and their secrets into the new file TARGET, and audit it.

    Works while the master runs, which is not kept waiting, and whatever the store is: the file can
    be restored into SQLite and into PostgreSQL. It holds password hashes: keep it as you keep keys.
    Settings and certificates (papertrader.toml, tls/) are not in it. Exit code 1: its books are
    wrong.
    """
    state = (state_dir or default_state_dir()).absolute()
    again = f"{target}, if it is there, is whole but not audited; remove it, and run it again"
    bar = Progress("backup", "batches", as_json=as_json, quiet=quiet, again=again)
    try:
        with bar:
            made = make_backup(store_place(state), target.absolute(), bar.tell)
    except StoreError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_UNREADABLE)
    if as_json:
        _as_json(made)
        sys.exit(EXIT_VIOLATED if made.report.violations_in_all else 0)
    _tell(made)
    for sentence in made.report.violations:
        click.echo(f"violated: {sentence}")
    click.echo("clean" if not made.report.violations_in_all else "the books are wrong")
    sys.exit(EXIT_VIOLATED if made.report.violations_in_all else 0)


@click.command("restore")
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="Replace the store that is there.")
@click.option("--accept-loss", is_flag=True, help="Though it knows of more than the backup.")
@state_dir_option
@_JSON
@quiet_option
def restore_command(
    file: Path,
    force: bool,
    accept_loss: bool,
    state_dir: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Put the backup FILE back as the store (the master must be stopped).

    The views are made again at the next start. The file that it replaces is kept as
    truth.db.replaced.
    """
    state = (state_dir or default_state_dir()).absolute()
    again = "the store is as it was, or the backup's, never half of both; run it again"
    bar = Progress("restore", "batches", as_json=as_json, quiet=quiet, again=again)
    try:
        with bar:
            found = restore_backup(
                store_place(state),
                file.absolute(),
                force=force,
                accept_loss=accept_loss,
                progress=bar.tell,
            )
    except (StoreError, StartError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_UNREADABLE)
    if as_json:
        _as_json(found)
        return
    _tell(found)
    if found.key_aside is not None:
        click.echo(
            f"the key of the audit log is of another time than the backup; it is kept as"
            f" {found.key_aside}, and the next start begins a new chain of keys"
        )
    click.echo("restored; the next start makes the views again")
