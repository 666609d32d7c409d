"""``papertrader clock``: where market time stands; pausing, stepping and turning it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import click

from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import amount, moment, name, pairs, write_json
from papertrader.cli.parameters import AMOUNT, MOMENT, Kind
from papertrader.cli.visit import logged_in
from papertrader.client import errors
from papertrader.client import results as r
from papertrader.wire.kinds import Scope, Status

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LENGTH = re.compile(r"(\d{1,6})([smhdw])\Z", re.ASCII)


class LengthType(Kind):
    """A length of market time: a whole number and s, m, h, d or w."""

    name = "length"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the length."""
        match = _LENGTH.match(str(value))
        if match is None:
            self.fail(f"{value!r} is no length of time; write it as 30s, 5m, 2h, 1d or 1w", param)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


@click.group(cls=Group, invoke_without_command=True)
@json_option
@click.pass_context
def clock(ctx: click.Context) -> None:
    """Show market time, or set it: pause, resume, speed, step, jump.

    Only an operator may set it, or whoever has the only account of an installation.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(show)


@clock.command()
@json_option
@pass_invocation
def show(invocation: Invocation) -> None:
    """Show where market time stands and how fast it runs."""
    with logged_in(invocation) as client:
        found = client.clock()
    _tell(invocation, found)


@clock.command()
@json_option
@pass_invocation
def pause(invocation: Invocation) -> None:
    """Let market time stand still."""
    _tell(invocation, _set(invocation, paused=True))


@clock.command()
@json_option
@pass_invocation
def resume(invocation: Invocation) -> None:
    """Let market time go on."""
    _tell(invocation, _set(invocation, paused=False))


@clock.command()
@click.argument("factor", type=AMOUNT)
@json_option
@pass_invocation
def speed(invocation: Invocation, factor: Any) -> None:
    """Let FACTOR seconds of market time pass in one second (0.001 to 10000)."""
    _tell(invocation, _set(invocation, speed=factor))


@clock.command()
@click.argument("length", type=LengthType())
@json_option
@pass_invocation
def step(invocation: Invocation, length: timedelta) -> None:
    """Go forward by LENGTH of market time (30s, 5m, 2h, 1d, 1w) and stand still there."""
    _tell(invocation, _set(invocation, step=length))


@clock.command()
@click.argument("when", metavar="DATE", type=MOMENT)
@click.option("--pause", "stand", is_flag=True, help="Stand still there.")
@json_option
@pass_invocation
def jump(invocation: Invocation, when: datetime, stand: bool) -> None:
    """Go to DATE, forward or back: 2010-01-31, or 2010-01-31T15:30 (UTC).

    Turned back, all open orders end, of everybody; cash and positions stay.
    """
    _tell(invocation, _set(invocation, now=when, paused=True if stand else None))


def _set(invocation: Invocation, **wish: Any) -> r.MarketClock:
    """Set the clock as its owner; where that is refused, as an operator."""
    try:
        with logged_in(invocation) as client:
            return client.set_clock(**wish)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except errors.RefusedError as error:
        if error.status != Status.SCOPE_DENIED:
            raise
        refused = error
    try:
        with logged_in(invocation, scope=Scope.ADMIN) as client:
            return client.set_clock(**wish)
    except errors.PaperTraderError:
        # Why it takes an operator says more than that this login is none.
        raise refused from None


def _tell(invocation: Invocation, found: r.MarketClock) -> None:
    if invocation.as_json:
        write_json(clock=found)
        return
    running = "stands still" if found.paused else f"{amount(found.speed)} times as fast as life"
    if found.skips_closed and not found.paused:
        running += ", closed hours left out"
    rows = [
        ("market time", f"{moment(found.now)} UTC, {running}"),
        ("market", name(found.mode)),
        ("data", f"{moment(found.begins_at)} to {moment(found.ends_at)} UTC"),
        ("epoch", f"{found.epoch}" + (" (turned back)" if found.epoch > 1 else "")),
    ]
    click.echo(pairs(rows))
