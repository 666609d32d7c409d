"""``papertrader chart``: candles of a symbol, drawn in the terminal."""

from __future__ import annotations

import shutil

import click

from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import gaps, moment, money, write_json
from papertrader.cli.parameters import SYMBOL
from papertrader.cli.plots import HEIGHT_MIN, WIDTH_MIN, Line, candle_lines
from papertrader.cli.visit import logged_in
from papertrader.client.commands import INTERVALS
from papertrader.wire.kinds import Scope

COLOURS = {"up": "blue", "down": "yellow", "axis": "bright_black"}
"""Told apart by those who do not tell red from green."""


def styled(lines: list[Line]) -> str:
    """Return lines with colours; click leaves them out where nobody would see them."""
    return "\n".join(
        "".join(click.style(text, fg=COLOURS.get(style)) for text, style in line) for line in lines
    )


@click.command()
@click.argument("symbol", type=SYMBOL)
@click.option(
    "--interval", type=click.Choice(list(INTERVALS)), default="1d", show_default=True,
    help="Length of a candle.",
)  # fmt: skip
@click.option("--width", type=click.IntRange(WIDTH_MIN, 500), help="Columns (the terminal's).")
@click.option(
    "--height", type=click.IntRange(HEIGHT_MIN, 200), default=18, show_default=True, help="Lines."
)
@json_option
@pass_invocation
def chart(
    invocation: Invocation, symbol: str, interval: str, width: int | None, height: int
) -> None:
    """Draw the candles of SYMBOL: rising ones shaded, falling ones filled."""
    columns = width or max(WIDTH_MIN, min(160, shutil.get_terminal_size().columns))
    with logged_in(invocation, scope=Scope.READ) as client:
        series = client.bars(symbol, interval, limit=columns, adjust="split")
    if invocation.as_json:
        write_json(symbol=symbol, interval=interval, bars=series.bars, missing=series.missing)
        return
    if not series.bars:
        click.echo(f"There are no bars of {symbol} with interval {interval} yet.")
        return
    click.echo(styled(candle_lines(series.bars, columns, height)))
    shown = series.bars[-(columns - 11) :]
    first, last = shown[0], shown[-1]
    click.echo(
        f"{symbol} {interval}: {moment(first.time, seconds=False)} to"
        f" {moment(last.time, seconds=False)} UTC, last {money(last.close)}"
    )
    if series.missing:
        click.echo(gaps(series.missing), err=True)
