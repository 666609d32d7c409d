"""The options of the worker link: who the harness is when it comes to a master as a worker."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final

import attrs
import click

from papertrader.fuzz.inner import INNER_ALPN, InnerLink
from papertrader.fuzz.observe import LeakWatch
from papertrader.fuzz.relay import Relay
from papertrader.fuzz.target import Address, TlsTarget
from papertrader.fuzz.world import World

MASTER_NAME: Final = "master.papertrader.internal"
"""The name in a master's certificate, unless --inner-name says another."""
LINK_RATE: Final = 20.0
_FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)


@attrs.frozen(kw_only=True)
class Inner:
    """Where the master is, and as whom to come; ``master`` is empty if it is left alone."""

    master: str
    name: str
    ca: Path | None
    certificate: Path | None
    key: Path | None
    worker_id: int
    first_round: int

    def relay(self, world: World, seed: int, tls_ca: Path | None) -> Relay | None:
        """Return the rounds of a lying worker, None without a master."""
        if not self.master:
            return None
        if self.certificate is None or self.key is None:
            raise click.UsageError("--inner needs --certificate and --key of a worker")
        address = attrs.evolve(
            Address.parse(self.master, self.ca or tls_ca),
            alpn=INNER_ALPN, name=self.name, certificate=self.certificate, key=self.key,
        )  # fmt: skip
        make = partial(
            InnerLink, wall=time.time_ns, instance=random.Random(seed).getrandbits(63) or 1
        )
        target = TlsTarget(
            address, time.monotonic, time.sleep, LeakWatch(), connect_rate=LINK_RATE, make=make
        )
        return Relay(target, world, self.worker_id, seed, self.first_round)


def inner_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command is given them as ``inner``."""

    @wraps(function)
    def command(
        inner_master: str,
        inner_name: str,
        inner_ca: Path | None,
        certificate: Path | None,
        key: Path | None,
        worker_id: int,
        first_round: int,
        **others: Any,
    ) -> Any:
        inner = Inner(
            master=inner_master, name=inner_name, ca=inner_ca, certificate=certificate, key=key,
            worker_id=worker_id, first_round=first_round,
        )  # fmt: skip
        return function(inner=inner, **others)

    options = (
        click.option("--inner", "inner_master", default="", metavar="HOST:PORT",
                     help="A master: come to it as a worker that lies, too."),
        click.option("--inner-name", default=MASTER_NAME, show_default=True,
                     help="Name in its certificate."),
        click.option("--inner-ca", type=_FILE, help="Authority of it (default: --tls-ca)."),
        click.option("--certificate", type=_FILE, help="Certificate of a registered worker (PEM)."),
        click.option("--key", type=_FILE, help="Its private key (PEM)."),
        click.option("--worker-id", type=click.IntRange(0), default=2, show_default=True,
                     help="Its number in the master's registry."),
        click.option("--round", "first_round", type=click.IntRange(0), default=0,
                     help="Number of the first round, as a finding names it."),
    )  # fmt: skip
    made: Callable[..., Any] = command
    for option in reversed(options):
        made = option(made)
    return made
