"""``papertrader log forward``: the servers' log, sent to another machine as it comes."""

from __future__ import annotations

from pathlib import Path

import click

from papertrader.cli.invocation import Invocation, pass_invocation
from papertrader.cli.place import default_state_dir
from papertrader.cli.problems import Problem
from papertrader.core.logrecord import Level
from papertrader.net.credentials import CredentialsError
from papertrader.ops.running import StartError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--to", required=True, metavar="tls://HOST:PORT", help="A syslog receiver with TLS.")
@click.option("--ca", type=_FILE, help="Authority of the receiver's certificate (PEM).")
@click.option("--cert", type=_FILE, help="Certificate to show, if the receiver wants one (PEM).")
@click.option("--key", type=_FILE, help="Its key, mode 0600 (PEM).")
@click.option(
    "--level",
    type=click.Choice([level.name.lower() for level in Level]),
    default="info",
    show_default=True,
    help="The least level sent.",
)
@pass_invocation
def forward(
    invocation: Invocation, to: str, ca: Path | None, cert: Path | None, key: Path | None,
    level: str,
) -> None:  # fmt: skip
    """Send the log to a syslog receiver as it comes, until SIGTERM or Ctrl-C (RFC 5424, RFC 5425).

    A service of its own beside the servers, which do not know of it: it reads their files. Where it
    is stands in log/forwarded.json; after a crash it goes on there, and some entries come twice,
    with the same id. tcp:// is for a receiver on this machine.
    """
    # The reactor, TLS and all: no other command of `log` needs them.
    from papertrader.ops.forwardservice import Receiver, forward_log  # noqa: PLC0415

    state = (invocation.state_dir or default_state_dir()).absolute()
    if (cert is None) != (key is None):
        raise Problem.usage("--cert and --key go together")
    try:
        receiver = Receiver.parse(to)
    except ValueError as error:
        raise Problem.usage(str(error)) from None
    if receiver.secure == (ca is None):
        needed = "tls:// needs --ca FILE" if receiver.secure else "--ca is for tls:// alone"
        raise Problem.usage(needed, "--ca names the authority of the receiver's certificate")
    if cert is not None and not receiver.secure:
        raise Problem.usage("--cert and --key are for tls:// alone")
    if not (state / "log").is_dir():
        raise Problem.usage(
            f"no server has logged in {state / 'log'} yet",
            "name the installation with --state-dir",
        )
    own = (cert, key) if cert is not None and key is not None else None
    try:
        forward_log(state, receiver, ca=ca, own=own, least=Level[level.upper()])
    except (CredentialsError, StartError, ValueError) as error:
        raise Problem.usage(str(error)) from None
