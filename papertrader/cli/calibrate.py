"""``papertrader auth calibrate``: what checking a password may cost on this machine."""

from __future__ import annotations

import json
import time
from typing import Final

import attrs
import click
from argon2.low_level import Type, hash_secret_raw

from papertrader.cli.grouping import Group
from papertrader.master.passwords import QUEUE_MAX

FLOOR: Final = (19_456, 2)
"""KiB and passes below which nothing is recommended (the floor of OWASP's guidance)."""
CANDIDATES: Final = (
    (19_456, 2),
    (32_768, 2),
    (46_080, 1),
    (65_536, 2),
    (65_536, 3),
    (131_072, 2),
    (131_072, 3),
    (262_144, 3),
    (524_288, 3),
    (1_048_576, 3),
)
ROUNDS: Final = 3


@attrs.frozen
class Cost:
    """What one choice costs: milliseconds of a processor, and MiB while one password is checked."""

    memory_kib: int
    passes: int
    milliseconds: float


def measure(memory_kib: int, passes: int) -> Cost:
    """Hash some passwords; return the least time, which is what the work itself takes."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        hash_secret_raw(b"a password", b"sixteen octets..", passes, memory_kib, 1, 32, Type.ID)
        taken.append((time.thread_time() - begun) * 1000)
    return Cost(memory_kib, passes, min(taken))


def choose(costs: list[Cost], milliseconds: int) -> Cost:
    """Return the dearest choice within the time; the first one, the floor, if none is."""
    within = [cost for cost in costs if cost.milliseconds <= milliseconds]
    return max(within, key=lambda cost: cost.memory_kib * cost.passes, default=costs[0])


@click.group(cls=Group)
def auth() -> None:
    """What checking passwords costs."""


@auth.command()
@click.option(
    "--milliseconds",
    type=click.IntRange(10, 2_000),
    default=250,
    show_default=True,
    help="Longest time for one password.",
)
@click.option(
    "--memory",
    "memory_mib",
    type=click.IntRange(19, 65_536),
    default=1_024,
    show_default=True,
    help="MiB that all passwords checked at once may take.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Passwords checked at once: one less than the machine's processors.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def calibrate(milliseconds: int, memory_mib: int, threads: int, as_json: bool) -> None:
    """Measure this machine and say which settings make stolen hashes as dear as it can afford.

    Hashes made with other settings are made anew at the next login of their owner.
    """
    affordable = [c for c in CANDIDATES if c[0] * threads <= memory_mib * 1024] or [FLOOR]
    costs: list[Cost] = []
    for memory_kib, passes in affordable:
        costs.append(measure(memory_kib, passes))
        if costs[-1].milliseconds > 2 * milliseconds:
            break
    best = choose(costs, milliseconds)
    per_second = threads * 1000 / best.milliseconds
    if as_json:
        found = attrs.asdict(best) | {"logins_per_second": round(per_second, 1)}
        click.echo(
            json.dumps({"schema": 1, "best": found, "all": [attrs.asdict(c) for c in costs]})
        )
        return
    for cost in costs:
        mark = "  <- this" if cost is best else ""
        click.echo(
            f"{cost.memory_kib // 1024:>5} MiB, {cost.passes} passes:"
            f" {cost.milliseconds:7.1f} ms{mark}"
        )
    click.echo(
        f"\n[auth]\nargon2_memory_kib = {best.memory_kib}\nargon2_time = {best.passes}\n\n"
        f"Some {per_second:.0f} logins a second; a full queue of {QUEUE_MAX} takes"
        f" {QUEUE_MAX / per_second:.1f} s, of which nobody waits for more than 2 s."
    )
