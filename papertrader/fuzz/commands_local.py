"""The commands that need no target: ``parser``."""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from papertrader.fuzz import parser
from papertrader.progress import Progress, quiet_option

FINDINGS: Final = 1
"""Exit code, as for every command of the harness."""
FRAMES_MAX: Final = 10**12


def _count(context: click.Context, option: click.Parameter, text: str) -> int:
    """Read a whole number that may be written as 1e6."""
    mantissa, _, exponent = text.lower().partition("e")
    if not (mantissa.isdecimal() and (exponent or "0").isdecimal() and len(text) <= 16):
        raise click.BadParameter(f"{text!r} is not a number such as 500000 or 1e6")
    number: int = int(mantissa) * 10 ** min(int(exponent or 0), 16)
    if not 1 <= number <= FRAMES_MAX:
        raise click.BadParameter(f"{text} is not from 1 to 1e12")
    return number


@click.command("parser")
@click.option("--frames", callback=_count, default="1e6", show_default=True, help="How many.")
@click.option("--seed", type=int, default=1, show_default=True, help="Source of chance.")
@click.option(
    "--jobs", type=click.IntRange(0, 64), default=1, show_default=True,
    help="Processes; 0: one for each processor.",
)  # fmt: skip
@click.option(
    "--compared", type=click.IntRange(0), default=parser.COMPARED_DEFAULT, show_default=True,
    help="Of so many frames one is read by the construct reference as well; 0: none.",
)  # fmt: skip
@quiet_option
def parser_command(frames: int, seed: int, jobs: int, compared: int, quiet: bool) -> None:
    """Read changed frames with this implementation's own codec; no target is needed."""
    jobs = jobs or os.cpu_count() or 1
    bar = Progress("parser", "frames", quiet=quiet, again="nothing is kept; run it again")

    def progress(done: parser.Counts, seconds: float) -> None:
        bar.tell(done.frames, frames, f"findings {len(done.breaches)}")

    with bar:
        done, seconds = parser.run(frames, seed, jobs, compared, progress)
    for breach in done.breaches:
        click.echo(f"FINDING {breach.oracle}: {breach.text}")
    click.echo(
        f"{done.frames} frames, {done.taken} taken, {done.refused} refused,"
        f" {done.compared} compared with the reference, {len(done.breaches)} findings,"
        f" {seconds:.0f} s, {done.frames / seconds:.0f} frames/s in {jobs} processes"
    )
    sys.exit(FINDINGS if done.breaches else 0)
