"""``papertrader provider``: who can be asked for live prices, what would be asked, and a try."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import table, write_json
from papertrader.core.instants import format_instant
from papertrader.core.money import NULL, format_amount
from papertrader.core.quotes import BAR_INTERVALS_S
from papertrader.master.providers.catalog import PROVIDERS, facts_of
from papertrader.master.providers.provider import Answer, Provider
from papertrader.ops.options import default_state_dir
from papertrader.ops.provider_keys import KeyMissing, key_file, key_variable, read_key
from papertrader.ops.settings import Settings
from papertrader.ops.settings_file import SETTINGS_FILE, SettingsError, load_settings

EXIT_FAILED: Final = 1
_SHORT: Final = ("1m", "5m", "15m", "1h", "1d", "1w", "1mo")
_LENGTHS: Final = dict(zip(BAR_INTERVALS_S, _SHORT, strict=True))
_NAME = click.argument("name", type=click.Choice(tuple(PROVIDERS)))
_SYMBOLS = click.argument("symbols", nargs=-1)


@click.group(cls=Group)
def provider() -> None:
    """Live prices: list the providers, show what would be asked, try it once."""


def _settings(state: Path) -> Settings:
    """Read the installation's settings; without one the defaults count, and the environment."""
    path = state / SETTINGS_FILE
    try:
        if path.exists():
            return load_settings(path, os.environ, {})
        return load_settings(Path(os.devnull), os.environ, {})
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"error: {problem}", err=True)
        sys.exit(EXIT_FAILED)


def _state(invocation: Invocation) -> Path:
    return (invocation.state_dir or default_state_dir()).absolute()


@provider.command("list")
@json_option
@pass_invocation
def list_providers(invocation: Invocation) -> None:
    """List the providers: what they have, what they allow, whether their key is there."""
    state = _state(invocation)
    settings = _settings(state)
    rows = []
    for name in PROVIDERS:
        facts, limits = facts_of(name), settings.provider(name).limits
        try:
            key = "there" if read_key(state, name, os.environ) else "none needed"
        except KeyMissing:
            key = "missing"
        allowed = [f"{limits.calls_per_minute}/min"] if limits.calls_per_minute else []
        allowed += [f"{limits.calls_per_day}/day"] if limits.calls_per_day else []
        chosen = settings.market.providers
        rows.append(
            (
                name,
                ", ".join(sorted(kind.name.lower() for kind in facts.kinds)),
                "bid, ask" if facts.has_bid_ask else "last",
                ", ".join(allowed),
                str(limits.batch_max()),
                key,
                str(chosen.index(name) + 1) if name in chosen else "-",
            )
        )
    if invocation.as_json:
        names = ("name", "kinds", "prices", "calls", "symbols_per_call", "key", "place")
        write_json(providers=[dict(zip(names, row, strict=True)) for row in rows])
        return
    head = ("provider", "has", "prices", "calls", ">symbols a call", "key", ">asked as no.")
    click.echo(table(head, rows))


@provider.command("show")
@_NAME
@_SYMBOLS
@pass_invocation
def show(invocation: Invocation, name: str, symbols: tuple[str, ...]) -> None:
    """Print the request that NAME would be sent for SYMBOLS; nothing is sent, the key is masked."""
    state = _state(invocation)
    _run(state, name, lambda made, has_key: _print_request(state, made, has_key, symbols))


def _print_request(state: Path, made: Provider, has_key: bool, symbols: tuple[str, ...]) -> None:
    facts = made.facts
    wanted = symbols or tuple(asset.symbol for asset in facts.starters)
    click.echo(made.quote_request(wanted[: made.limits.batch_max()]).shown(made.origin))
    click.echo()
    if not facts.key_lines:
        click.echo("key: none needed")
    elif has_key:
        click.echo("key: there (masked above)")
    else:
        click.echo(
            f"key: missing; put it into {key_file(state, made.name)} (mode 0600), or into"
            f" {key_variable(made.name)}"
        )
    bars = ", ".join(_LENGTHS[each] for each in facts.intervals_s) or "none"
    click.echo(f"bars: {bars}; list of what it has: {'yes' if facts.has_assets else 'no'}")
    click.echo(f"terms: {facts.terms} {facts.terms_url}")


@provider.command("test")
@_NAME
@_SYMBOLS
@pass_invocation
def try_once(invocation: Invocation, name: str, symbols: tuple[str, ...]) -> None:
    """Ask NAME once for SYMBOLS and print what it says; exit code 1 if that is nothing."""
    _run(_state(invocation), name, lambda made, has_key: _ask(made, symbols))


async def _ask(made: Provider, symbols: tuple[str, ...]) -> bool:
    wanted = symbols or tuple(asset.symbol for asset in made.facts.starters)
    if not made.prepared:
        await made.prepare()
    answer = await made.quotes(wanted[: made.limits.batch_max()])
    _print_answer(answer)
    return bool(answer.observations)


def _print_answer(answer: Answer) -> None:
    rows = [
        (
            seen.symbol,
            *("-" if p == NULL else format_amount(p) for p in (seen.bid, seen.ask, seen.last)),
            format_instant(seen.source_time),
        )
        for seen in answer.observations
    ]
    if rows:
        click.echo(table(("symbol", ">bid", ">ask", ">last", "time at the source"), rows))
    for problem in answer.problems:
        click.echo(f"{problem.symbol}: {problem.text}", err=True)


def _run(state: Path, name: str, use: Callable[[Provider, bool], Any]) -> None:
    """Make the provider with a reactor of its own, use it, and end; exits with 1 on a failure."""
    # Twisted and treq take a second to load: not for a list.
    from papertrader.ops.provider_visit import visit_provider  # noqa: PLC0415

    failure = visit_provider(_settings(state), state, os.environ, name, use)
    if failure:
        click.echo(f"error: {failure}", err=True)
        sys.exit(EXIT_FAILED)
