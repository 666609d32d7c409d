"""``papertrader log show``, ``follow``, ``dump`` and ``forward``: what the servers have logged.

They read the state directory, whether the servers run or not; ``--remote`` asks a master over the
wire instead.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from papertrader.cli.exclusions import one_of
from papertrader.cli.forward import forward
from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import write_json
from papertrader.cli.place import default_state_dir
from papertrader.cli.problems import Problem
from papertrader.cli.visit import logged_in
from papertrader.core.instants import SECOND, from_datetime
from papertrader.core.logrecord import Level, LogRecord, printable, render_json, render_text
from papertrader.eventlog.reading import ENTRIES_MAX, Follower, processes, ring_of, select_entries
from papertrader.eventlog.selecting import CorrelationPattern, Selection
from papertrader.eventlog.shipping import SHIPPED
from papertrader.wire.kinds import Scope

FOLLOW_S: Final = 0.5
"""How often `log follow` looks for more."""
LIMIT_MAX: Final = 1_000_000
_ELSEWHERE: Final = (
    "name the installation with --state-dir, or ask its master with: log show --remote"
)
_AGO: Final = re.compile(r"(\d{1,9})\s*([smhd])\Z", re.ASCII)
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LEVELS: Final = tuple(level.name.lower() for level in Level)


class InstantType(click.ParamType[Any]):
    """An instant in UTC, as ``2026-11-28T22:45``, or so long ago, as ``10m``."""

    name = "WHEN"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return nanoseconds since 1970."""
        if isinstance(value, int):
            return value
        ago = _AGO.match(value)
        if ago:
            invocation = ctx.find_object(Invocation) if ctx is not None else None
            now = ((invocation and invocation.now_ns) or time.time_ns)()
            return int(now) - int(ago[1]) * _UNITS[ago[2]] * SECOND
        try:
            when = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-28T22:45, or 10m, 2h, 1d ago", param)
        return from_datetime(when if when.tzinfo else when.replace(tzinfo=UTC))


class CorrelationType(click.ParamType[Any]):
    """Which command: ``worker:connection:request``."""

    name = "W:C:R"

    def convert(self, value: Any, param: Any, ctx: Any) -> CorrelationPattern:
        """Return what to look for."""
        if isinstance(value, CorrelationPattern):
            return value
        try:
            return CorrelationPattern.parse(value)
        except ValueError as error:
            self.fail(str(error), param)


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--process", "names", multiple=True, help="Only of these: master, worker-1."),
        click.option("--module", default="", help="Only of modules or files that begin so."),
        click.option(
            "--correlation",
            type=CorrelationType(),
            help="Only of one command: worker:connection:request as the log shows it; * is any.",
        ),
        click.option(
            "--level",
            type=click.Choice(_LEVELS),
            default="info",
            show_default=True,
            help="The least level shown.",
        ),
    ):
        command = option(command)
    return command


@click.group(cls=Group)
def log() -> None:
    """What the servers logged: show, follow, dump, forward."""


log.add_command(forward)


@log.command()
@_filters
@click.option("--since", type=InstantType(), default=0, help="Not before: a time in UTC, or 10m.")
@click.option("--until", type=InstantType(), help="Before that.")
@click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), default=50, show_default=True,
    help="Entries at most, the newest.",
)  # fmt: skip
@click.option("--remote", is_flag=True, help="Ask the master over the wire (operators only).")
@json_option
@pass_invocation
def show(
    invocation: Invocation, names: tuple[str, ...], module: str,
    correlation: CorrelationPattern | None, level: str, since: int, until: int | None, limit: int,
    remote: bool,
) -> None:  # fmt: skip
    """Show the newest entries, of all servers, in the order of their time."""
    one_of("remote", "names")
    if until is not None and until <= since:
        raise Problem.usage("--until is not after --since", "10m means 10 minutes before now")
    selection = Selection(
        since_ns=since, until_ns=2**63 - 1 if until is None else until,
        least=Level[level.upper()], module=module, correlation=correlation,
    )  # fmt: skip
    if remote:
        with logged_in(invocation, scope=Scope.ADMIN) as client:
            asked = client.log_entries(level, limit=min(limit, ENTRIES_MAX))
        found = [("master", each) for each in asked if selection.takes(each)]
    else:
        directory = _directory(invocation)
        found = []
        for name in _chosen(directory, names):
            records = select_entries(directory, name, selection, limit)
            found += [(name, record) for record in records]
        found.sort(key=lambda pair: (pair[1].wall_ns, pair[1].seq))
    if invocation.as_json:
        write_json(entries=[_fields(name, record) for name, record in found[-limit:]])
    else:
        _write(found[-limit:], False)
        if not found:
            click.echo("no entries are like that", err=True)


@log.command()
@_filters
@json_option
@pass_invocation
def follow(
    invocation: Invocation, names: tuple[str, ...], module: str,
    correlation: CorrelationPattern | None, level: str,
) -> None:  # fmt: skip
    """Show entries as they come, until Ctrl-C; they take a second to the files."""
    directory = _directory(invocation)
    selection = Selection(least=Level[level.upper()], module=module, correlation=correlation)
    followers = {name: Follower(directory, name) for name in _chosen(directory, names)}
    while True:
        if not names:
            # A server that is started later is followed, too, from its first entry.
            for name in set(_chosen(directory, names)) - set(followers):
                followers[name] = Follower(directory, name, from_the_start=True)
        found = [
            (name, record)
            for name, follower in followers.items()
            for record in follower.new(selection)
        ]
        found.sort(key=lambda pair: (pair[1].wall_ns, pair[1].seq))
        _write(found, invocation.as_json)
        invocation.sleep(FOLLOW_S)


@log.command()
@click.option("--process", "names", multiple=True, help="Only of these: master, worker-1.")
@json_option
@pass_invocation
def dump(invocation: Invocation, names: tuple[str, ...]) -> None:
    """Write out what the servers' memory holds at this moment, running, hung or dead."""
    directory = _directory(invocation)
    found = False
    for name in _chosen(directory, names):
        reader = ring_of(directory, name)
        if reader is None:
            continue
        found = True
        if not invocation.as_json:
            who = reader.identity
            click.echo(
                f"--- {name}: process {who.pid}, boot {who.boot_id.hex()},"
                f" {len(reader)} entries, {reader.count_unflushed()} not in the files,"
                f" {reader.dropped} dropped, {reader.cut} cut, {reader.disk_errors} disk errors"
            )
        _write(((name, record) for record in reader), invocation.as_json)
    if not found:
        raise Problem.usage(
            f"{directory} has no memory of a server", "name the installation with --state-dir"
        )


def _directory(invocation: Invocation) -> Path:
    return (invocation.state_dir or default_state_dir()).absolute() / "log"


def _chosen(directory: Path, names: tuple[str, ...]) -> list[str]:
    try:
        known = processes(directory)
    except FileNotFoundError:
        known = []
    except OSError as error:
        raise Problem.usage(f"{directory} cannot be read: {error.strerror}", _ELSEWHERE) from None
    if not known:
        raise Problem.usage(f"no server has logged in {directory} yet", _ELSEWHERE)
    for name in names:
        if name not in known:
            raise Problem.usage(
                f"no server named {name} has logged here", f"there are: {', '.join(known)}"
            )
    # A worker of this machine has its own files here: what it sent its master is not shown twice.
    twice = {f"{SHIPPED}{name}" for name in known}
    return list(names) or [name for name in known if name not in twice]


def _fields(name: str, record: LogRecord) -> dict[str, Any]:
    return {"process": name, **json.loads(render_json(record))}


def _write(found: Iterable[tuple[str, LogRecord]], as_json: bool) -> None:
    """Write entries, a line of JSON or some lines of text for each."""
    for name, record in found:
        if as_json:
            click.echo(json.dumps(_fields(name, record)))
        else:
            click.echo(f"{printable(name):<8} {render_text(record)}")
