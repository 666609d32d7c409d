"""``papertrader import``: history of prices for the live market, from files or a provider."""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import table, write_json
from papertrader.cli.parameters import DATE, SYMBOL
from papertrader.cli.problems import Problem
from papertrader.core.instants import from_datetime, midnight_of, to_datetime
from papertrader.master.barstore import BarStore
from papertrader.master.engines import StoreError
from papertrader.master.providers.catalog import PROVIDERS
from papertrader.master.providers.provider import Provider
from papertrader.master.providers.recorded import DataFileError
from papertrader.ops.history import Imported, Kept, import_files, kept_history, open_history
from papertrader.ops.options import default_state_dir
from papertrader.ops.settings_file import SETTINGS_FILE, SettingsError, load_settings
from papertrader.progress import Progress, quiet_option

EXIT_FAILED: Final = 1
INTERVALS: Final = {"1m": 60, "1d": 86_400}
YEARS_DEFAULT: Final = 2
"""So many years of days are imported when nothing else is said; of minutes a week."""
RUN_MAX_S: Final = 86_400.0
"""An import from a provider ends after a day; run again it goes on."""


@click.command("import")
@click.argument("what", nargs=-1, metavar="[FILE]|[SYMBOL]...")
@click.option("--provider", "name", type=click.Choice(tuple(PROVIDERS)), help="Whom to ask.")
@click.option(
    "--interval", type=click.Choice(tuple(INTERVALS)), default="1d", show_default=True,
    help="With --provider: length of the bars that are asked for.",
)  # fmt: skip
@click.option("--from", "first", type=DATE, help="First day (UTC).")
@click.option("--to", "last", type=DATE, help="Last day (UTC).")
@json_option
@quiet_option
@pass_invocation
def import_command(
    invocation: Invocation,
    what: tuple[str, ...],
    name: str | None,
    interval: str,
    first: date | None,
    last: date | None,
    quiet: bool,
) -> None:
    """Import history for the live market: from FILE (or a directory), or of SYMBOLs.

    Without either it shows what is kept, and the gaps in it. With --provider the SYMBOLs are asked
    for, with a fifth of the provider's limits; it may run beside a server, and be run again.
    """
    state = (invocation.state_dir or default_state_dir()).absolute()
    try:
        store = open_history(state)
    except StoreError as error:
        _fail(str(error))
    try:
        if name is not None:
            seconds = INTERVALS[interval]
            _from_provider(invocation, state, store, name, what, seconds, first, last, quiet)
        elif what:
            _from_files(invocation, store, what, quiet)
        else:
            _show(invocation, kept_history(store))
    finally:
        store.close()


def _from_files(
    invocation: Invocation, store: BarStore, what: tuple[str, ...], quiet: bool
) -> None:
    if len(what) > 1 or not Path(what[0]).exists():
        raise Problem.usage(
            f"{what[0]} is no file or directory" if len(what) == 1 else "give one FILE",
            "symbols go with --provider NAME",
        )
    bar = _bar(invocation, "symbols", quiet)
    try:
        with bar:
            found = import_files(store, Path(what[0]), bar.tell)
    except DataFileError as error:
        _fail(str(error))
    _told(invocation, found)


def _from_provider(
    invocation: Invocation,
    state: Path,
    store: BarStore,
    name: str,
    what: tuple[str, ...],
    interval_s: int,
    first: date | None,
    last: date | None,
    quiet: bool,
) -> None:
    from papertrader.ops.history import Backfill  # noqa: PLC0415
    from papertrader.ops.provider_visit import visit_provider  # noqa: PLC0415 (treq)

    if not what:
        raise Problem.usage("name the symbols", f"papertrader import --provider {name} BTC/USD")
    symbols = [SYMBOL.convert(each, None, None) for each in what]
    now = from_datetime(datetime.now(UTC))
    end = now if last is None else midnight_of(last + timedelta(days=1))
    usual = timedelta(days=365 * YEARS_DEFAULT if interval_s == INTERVALS["1d"] else 7)
    start = midnight_of(first or (to_datetime(now) - usual).date())
    if not start < end:
        raise Problem.usage("--from must lie before --to")
    bar = _bar(invocation, "parts", quiet)
    found: list[Imported] = []

    async def run(made: Provider, has_key: bool) -> bool:
        backfill = Backfill(made, store, bar.tell)
        try:
            await backfill.run(symbols, interval_s, start, end)
        finally:
            # What came before a failure is kept, and told.
            found.append(backfill.imported)
        return True

    try:
        settings = load_settings(
            state / SETTINGS_FILE if (state / SETTINGS_FILE).exists() else Path(os.devnull),
            os.environ,
            {},
        )
    except SettingsError as error:
        _fail("; ".join(error.problems))
    with bar:
        failure = visit_provider(settings, state, os.environ, name, run, RUN_MAX_S)
    for each in found:
        _told(invocation, each)
    if failure:
        _fail(failure)


def _bar(invocation: Invocation, unit: str, quiet: bool) -> Progress:
    again = "what came is kept; the same command again goes on from there"
    return Progress("import", unit, as_json=invocation.as_json, quiet=quiet, again=again)


def _told(invocation: Invocation, found: Imported) -> None:
    if invocation.as_json:
        rows = [
            {"symbol": symbol, "interval_s": interval_s, "bars": bars}
            for (symbol, interval_s), bars in sorted(found.bars.items())
        ]
        write_json(imported=rows, calls=found.calls)
        return
    names = {seconds: name for name, seconds in INTERVALS.items()}
    for (symbol, interval_s), bars in sorted(found.bars.items()):
        click.echo(f"{symbol}: {bars:,} bars of {names[interval_s]}")
    if found.calls:
        click.echo(f"{found.calls} call{'s' if found.calls > 1 else ''}")


def _show(invocation: Invocation, rows: list[Kept]) -> None:
    if invocation.as_json:
        write_json(history=rows)
        return
    names = {seconds: name for name, seconds in INTERVALS.items()}
    cells = [
        (
            each.symbol, names[each.interval_s], f"{to_datetime(each.first):%Y-%m-%d %H:%M}",
            f"{to_datetime(each.last):%Y-%m-%d %H:%M}", f"{each.count:,}", f"{each.imported:,}",
            f"{each.gaps:,}", f"{each.missing:,}",
        )
        for each in rows
    ]  # fmt: skip
    heads = (
        "symbol", "bars", "first (UTC)", "last (UTC)", ">kept", ">imported", ">gaps",
        ">missing",
    )  # fmt: skip
    click.echo(table(heads, cells) if cells else "no history is kept yet")


def _fail(why: str) -> None:
    click.echo(f"error: {why}", err=True)
    sys.exit(EXIT_FAILED)
