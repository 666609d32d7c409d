"""``papertrader plan``: the interval that a provider's limits hold for a user base; the proof."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import attrs
import click

from papertrader.cli.exclusions import one_of
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import table, write_json
from papertrader.cli.problems import Problem
from papertrader.cli.visit import logged_in
from papertrader.core.callbudget import COUNT_MAX, ProviderLimits
from papertrader.core.callplan import (
    INTERVAL_MS_MAX,
    ORDERS_AGE_MS,
    CallPlan,
    Demand,
    SymbolClass,
    plan_calls,
)
from papertrader.core.knownlimits import KnownLimits
from papertrader.ops.callday import DayReport, simulate_day
from papertrader.ops.options import default_state_dir
from papertrader.ops.planning import (
    DAY_S,
    SESSION_S,
    advice,
    duration,
    expected,
    known_limits,
    per_minute,
    shared_out,
)
from papertrader.ops.settings_file import SETTINGS_FILE, SettingsError, load_settings
from papertrader.wire.kinds import Scope

SIMULATED_USERS: Final = 3_000
_CLASSES: Final = {
    SymbolClass.ORDERS: "open orders",
    SymbolClass.POSITIONS: "held",
    SymbolClass.WATCHED: "watched",
    SymbolClass.REST: "the rest",
}
_LIMITS: Final = MappingProxyType(
    {
        "calls_per_minute": "Calls in a minute, or what they may cost; 0: no such limit.",
        "calls_per_hour": "The same in an hour.",
        "calls_per_day": "The same in a day.",
        "symbols_per_call": "Symbols in one call at most.",
        "call_cost": "What a call costs, its symbols apart.",
        "symbol_cost": "What each symbol of a call costs besides.",
        "spacing_ms": "Milliseconds from one call to the next, at least.",
    }
)
_WANTED: Final = ("wanted_orders", "wanted_positions", "wanted_watched", "wanted_rest")


def _limit_options(function: Any) -> Any:
    """Add an option for each number of `ProviderLimits`."""
    for name, meaning in reversed(tuple(_LIMITS.items())):
        function = click.option(
            f"--{name.replace('_', '-')}", name, type=click.IntRange(0, COUNT_MAX), metavar="N",
            help=meaning,
        )(function)  # fmt: skip
    return function


@click.command()
@click.argument("providers", nargs=-1, metavar="[PROVIDER]...")
@click.option("--symbols", type=click.IntRange(1, 20_000), multiple=True, metavar="N",
              help="How many symbols there are; several times for several plans (default: 50, 500,"
              " 5,000).")  # fmt: skip
@click.option("--users", type=click.IntRange(0, 100_000), metavar="N",
              help="How many users there are; without it every class has its share.")  # fmt: skip
@click.option("--live", is_flag=True, help="The user base of the running master (operators only).")
@click.option("--interval", type=click.IntRange(100, INTERVAL_MS_MAX), metavar="MS",
              help="The update interval you want; without it the shortest that holds.")  # fmt: skip
@click.option("--age", type=click.IntRange(1, 86_400), default=ORDERS_AGE_MS // 1_000, metavar="S",
              show_default=True, help="Oldest quote, in seconds, for an open order.")  # fmt: skip
@click.option("--hours", type=click.FloatRange(0.1, 24), metavar="H",
              help="Hours the market is open in a day (stocks 6.5, crypto 24).")  # fmt: skip
@click.option("--simulate", is_flag=True, help="Live through a day of the users, call by call.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True,
              help="Source of chance of --simulate.")  # fmt: skip
@_limit_options
@json_option
@pass_invocation
def plan(
    invocation: Invocation,
    /,
    providers: tuple[str, ...],
    symbols: tuple[int, ...],
    users: int | None,
    live: bool,
    interval: int | None,
    age: int,
    hours: float | None,
    simulate: bool,
    seed: int,
    **limits: int | None,
) -> None:
    """Plan how often prices can be asked for within a PROVIDER's limits.

    Says which interval holds, how old quotes get, how many calls are made, and what to change.
    Without a provider all known ones are compared; options state other limits than theirs.
    """
    one_of("live", "symbols")
    one_of("live", "users")
    chosen = _chosen(invocation, providers, limits)
    found = []
    for each in chosen:
        open_s = round(hours * 3_600) if hours else (DAY_S if each.always else SESSION_S)
        for demand in _demands(invocation, symbols, users, live, open_s):
            made = plan_calls(each.limits, demand, open_s=open_s, interval_ms=interval or 0,
                              age_ms=age * 1_000)  # fmt: skip
            found.append((each, made))
    single = len(found) == 1
    days: list[DayReport | None] = [None] * len(found)
    if simulate:
        days = [_lived(made, users, interval or 0, seed) for _, made in found]
    if invocation.as_json:
        write_json(plans=[_as_json(each, made, interval or 0, day)
                          for (each, made), day in zip(found, days, strict=True)])  # fmt: skip
        return
    if single:
        _show(*found[0], interval or 0)
    else:
        click.echo(_compared(found))
    for (each, made), day in zip(found, days, strict=True):
        if day is not None:
            click.echo()
            _show_day(each, made, day)


def _chosen(
    invocation: Invocation, names: tuple[str, ...], limits: Mapping[str, int | None]
) -> list[KnownLimits]:
    """Return the providers to plan for, with the limits that the options state."""
    known = known_limits(_of_settings(invocation))
    stated: dict[str, Any] = {name: value for name, value in limits.items() if value is not None}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Problem.usage(
            f"there is no provider {unknown[0]}", f"known are: {', '.join(sorted(known))}"
        )
    try:
        if not names and stated:
            own = ProviderLimits(**stated)
            return [KnownLimits(name="own", title="limits as stated", always=False, limits=own)]
        return [
            attrs.evolve(each, limits=attrs.evolve(each.limits, **stated))
            for each in (known[name] for name in names or sorted(known))
        ]
    except ValueError as error:
        raise Problem.usage(str(error)) from None


def _of_settings(invocation: Invocation) -> Mapping[str, ProviderLimits]:
    """Return the limits that this installation's settings state; none where there are none."""
    path = (invocation.state_dir or default_state_dir()) / SETTINGS_FILE
    if not path.is_file():
        return {}
    try:
        settings = load_settings(Path(path), {}, {})
    except SettingsError as error:
        raise Problem.usage("; ".join(error.problems)) from None
    return {each.name: each.limits for each in settings.providers}


def _demands(
    invocation: Invocation, symbols: tuple[int, ...], users: int | None, live: bool, open_s: int
) -> list[Demand]:
    if live:
        return [_live(invocation)]
    counts = symbols or (50, 500, 5_000)
    if users is None:
        return [shared_out(count) for count in counts]
    return [expected(count, users, open_s) for count in counts]


def _live(invocation: Invocation) -> Demand:
    """Ask the running master what its users wait for."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        figures = {each.name: each.value for each in client.stats() if not each.worker}
    missing = [name for name in _WANTED if name not in figures]
    if missing:
        raise Problem.usage(
            "the master does not tell what its users wait for", "update it, or use --symbols"
        )
    orders, positions, watched, rest = (figures[name] for name in _WANTED)
    return Demand(orders=orders, positions=positions, watched=watched, rest=rest)


def _lived(made: CallPlan, users: int | None, interval_ms: int, seed: int) -> DayReport:
    return simulate_day(
        made.limits,
        symbols=max(1, sum(made.demand.counts().values())),
        users=SIMULATED_USERS if users is None else users,
        open_s=max(60, made.open_s),
        seed=seed,
        interval_ms=interval_ms,
    )


# --- showing -----------------------------------------------------------------------------------


def _compared(found: list[tuple[KnownLimits, CallPlan]]) -> str:
    """Return the table of several plans, an age for each class."""
    rows = [
        (
            each.name,
            f"{sum(made.demand.counts().values()):,}",
            duration(made.interval_ms),
            *(duration(of.age_max_ms) if of.symbols else "-" for of in made.classes),
            f"{made.credits_per_day:,}",
            made.binding,
            "yes" if made.holds else "no",
        )
        for each, made in found
    ]
    headings = ("provider", ">symbols", ">interval", ">age: orders", ">held", ">watched",
                ">the rest", ">credits a day", "decides", "holds")  # fmt: skip
    return table(headings, rows)


def _show(each: KnownLimits, made: CallPlan, interval_ms: int) -> None:
    hours = f"{made.open_s / 3_600:.1f}".removesuffix(".0")
    click.echo(f"{each.title}: {_limits_text(made.limits)}")
    click.echo(f"market open {hours} hours a day\n")
    rows = [
        (
            _CLASSES[of.symbol_class],
            f"{of.symbols:,}",
            duration(of.interval_ms),
            duration(of.age_mean_ms),
            duration(of.age_max_ms),
            f"{of.credits_per_day:,}",
        )
        for of in made.classes
        if of.symbols
    ]
    headings = ("class", ">symbols", ">asked each", ">mean age", ">oldest", ">credits a day")
    click.echo(table(headings, rows))
    click.echo(
        f"\nin all {made.calls_per_day:,} calls and {made.credits_per_day:,} credits a day;"
        f" planned with {per_minute(made)} credits a minute of open market"
    )
    what = "nothing but the shortest interval" if made.binding == "floor" else made.binding
    click.echo(f"what decides: {what}")
    target = duration(made.target_ms)
    wanted = f"an interval of {target}" if interval_ms else f"quotes at most {target} old"
    click.echo(f"{wanted} for open orders: {'holds' if made.holds else 'does NOT hold'}")
    for sentence in advice(made, interval_ms):
        click.echo(f"  - {sentence}")


def _limits_text(limits: ProviderLimits) -> str:
    counts = [
        f"{count:,} credits {name}"
        for name, count in (
            ("a minute", limits.calls_per_minute),
            ("an hour", limits.calls_per_hour),
            ("a day", limits.calls_per_day),
        )
        if count
    ]
    cost = f"a call costs {limits.call_cost}" if limits.call_cost else "a call costs nothing"
    if limits.symbol_cost:
        cost += f" and each symbol {limits.symbol_cost}"
    return f"{', '.join(counts) or 'no limit'}; {limits.symbols_per_call} symbols a call, {cost}"


def _show_day(each: KnownLimits, made: CallPlan, day: DayReport) -> None:
    click.echo(
        f"simulated day at {each.name}: {day.symbols:,} symbols, {day.users:,} users,"
        f" {day.orders:,} orders"
    )
    peak = f", at most {day.minute_peak} in a minute" if made.limits.calls_per_minute else ""
    click.echo(
        f"{day.calls:,} calls, {day.credits:,} credits{peak}; breaches of a limit: {day.breaches}"
    )
    answers = sum(of.answers for of in day.classes.values())
    click.echo(f"{answers:,} quotes; later than promised: {day.late}")
    rows = [
        (
            _CLASSES[of],
            f"{seen.answers:,}",
            duration(seen.age_max_ms),
            duration(seen.promised_ms),
            f"{seen.worst_permille / 10:.0f} %",
        )
        for of, seen in day.classes.items()
        if seen.answers
    ]
    headings = ("class", ">quotes", ">oldest", ">longest promise", ">worst of its promise")
    click.echo(table(headings, rows))
    click.echo(
        f"a market order waited {duration(day.wait_mean_ms)} for its quote on average,"
        f" {duration(day.wait_max_ms)} at most"
    )


def _as_json(
    each: KnownLimits, made: CallPlan, interval_ms: int, day: DayReport | None
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "provider": each.name,
        "limits": attrs.asdict(made.limits),
        "symbols": sum(made.demand.counts().values()),
        "open_s": made.open_s,
        "interval_ms": made.interval_ms,
        "target_ms": made.target_ms,
        "holds": made.holds,
        "binding": made.binding,
        "rate_nanocredits_per_s": made.rate,
        "calls_per_day": made.calls_per_day,
        "credits_per_day": made.credits_per_day,
        "classes": [
            {**attrs.asdict(of), "symbol_class": of.symbol_class.name} for of in made.classes
        ],
        "advice": list(advice(made, interval_ms)),
    }
    if day is not None:
        content["day"] = {
            "users": day.users,
            "orders": day.orders,
            "calls": day.calls,
            "credits": day.credits,
            "breaches": day.breaches,
            "late": day.late,
            "minute_peak": day.minute_peak,
            "wait_mean_ms": day.wait_mean_ms,
            "wait_max_ms": day.wait_max_ms,
            "classes": {of.name: attrs.asdict(seen) for of, seen in day.classes.items()},
        }
    return content
