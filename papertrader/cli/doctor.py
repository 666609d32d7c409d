"""``papertrader doctor``: what is wrong with an installation, and what to do about it."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import click

from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import write_json
from papertrader.ops.doctor import Surroundings, Verdict, examine, kernel_clock
from papertrader.ops.options import default_state_dir

EXIT_BAD = 1


@click.command()
@json_option
@pass_invocation
def doctor(invocation: Invocation) -> None:
    """Look at permissions, certificates, clock, disk, log, schema, keys, versions, ports, budget.

    Reads only; works while all runs. Exit code 0: nothing is bad (there may be warnings); 1:
    something is, and it says what to do.
    """
    state = (invocation.state_dir or default_state_dir()).absolute()
    around = Surroundings(
        now=datetime.now(UTC), environment=dict(os.environ), clock_offset=kernel_clock
    )
    found = examine(state, around)
    bad = any(each.verdict is Verdict.BAD for each in found)
    if invocation.as_json:
        write_json(healthy=not bad, findings=found)
    else:
        for each in found:
            click.echo(f"{each.verdict.value:<8} {each.check:<12} {each.what}")
            if each.advice:
                click.echo(f"{'':<8} {'':<12} -> {each.advice}")
    if bad:
        sys.exit(EXIT_BAD)
