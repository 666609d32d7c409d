"""``papertrader ca``: the private authority that master and workers know each other by."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import moment, name, pairs, write_json
from papertrader.cli.problems import Problem
from papertrader.cli.visit import logged_in, password_from
from papertrader.cli.worker import _state
from papertrader.wire.kinds import AuthorityPhase, Scope

if TYPE_CHECKING:
    from papertrader.client.blocking import Client
    from papertrader.client.workerresults import AuthorityState

WAIT_S: Final = 60.0
POLL_S: Final = 0.2


@click.group(cls=Group)
def ca() -> None:
    """The private authority: make it, look at it, change it while all runs (operators)."""


def _pass_phrase(file: Path | None) -> str:
    if file is not None:
        return password_from(file, "pass phrase")
    if sys.stdin.isatty():
        return str(
            click.prompt("Pass phrase of the root", hide_input=True, confirmation_prompt=True,
                         err=True)
        )  # fmt: skip
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Problem.usage("there is no pass phrase", "use --pass-phrase-file FILE")
    return line


_ROOT = click.option(
    "--root-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the root's key goes, under a pass phrase; may be taken off this machine.",
)
_PHRASE = click.option(
    "--pass-phrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is the pass phrase.",
)


@ca.command()
@_ROOT
@_PHRASE
@pass_invocation
def init(invocation: Invocation, root_key: Path | None, pass_phrase_file: Path | None) -> None:
    """Make a root and an issuing authority under it, before the first `papertrader up`.

    Without this, `up` makes one authority for this machine by itself.
    """
    from papertrader.ops import authorities  # noqa: PLC0415
    from papertrader.ops.certificates import authority_file, tls_directory  # noqa: PLC0415
    from papertrader.ops.files import make_private_directory  # noqa: PLC0415
    from papertrader.ops.signing import CertificateError  # noqa: PLC0415

    state = _state(invocation)
    directory = tls_directory(state)
    file = root_key or state / "root.key"
    try:
        if authority_file(state).exists():
            raise CertificateError(
                f"there is an authority in {directory} already; to change it: papertrader ca rotate"
            )
        make_private_directory(directory)
        made = authorities.make_root(
            directory, file, _pass_phrase(pass_phrase_file), now=datetime.now(UTC)
        )
        authorities.use_first(directory, made)
    except (CertificateError, OSError) as error:
        raise Problem.usage(str(error)) from None
    click.echo(f"the authority is made; its root's key is {file}, under the pass phrase.")
    click.echo("Keep a copy of both off this machine; next: papertrader up")


def _show(invocation: Invocation, state: AuthorityState) -> None:
    if invocation.as_json:
        write_json(authority=state)
        return
    told = {
        AuthorityPhase.SINGLE: "one authority is trusted, and issues",
        AuthorityPhase.BOTH: "both are trusted, the old one issues",
        AuthorityPhase.REISSUED: "both are trusted, the new one issues",
    }
    phase = state.phase
    said = told[AuthorityPhase(phase)] if phase in told else "not known to this version"
    click.echo(
        pairs(
            (
                ("phase", f"{name(phase)}: {said}"),
                ("issuing (SHA-256)", state.issuing),
                ("other (SHA-256)", state.other or "-"),
                ("issuing until", moment(state.issuing_until)),
                ("master's until", moment(state.master_until)),
                ("workers that may come in", str(state.workers)),
                ("up, and trusting as told", str(state.trusting)),
                ("with a certificate of it", str(state.renewed)),
            )
        )
    )


@ca.command()
@json_option
@pass_invocation
def status(invocation: Invocation) -> None:
    """Show which authority issues, which are trusted, and who depends on which."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        found = client.authority_control()
    _show(invocation, found)


@ca.command()
@click.option(
    "--step",
    type=click.Choice(["trust", "reissue", "drop", "back"]),
    help="Only this step; without it all are made, each when the one before is through.",
)
@click.option("--force", is_flag=True, help="Drop the old one although workers need it.")
@_ROOT
@_PHRASE
@json_option
@pass_invocation
def rotate(
    invocation: Invocation,
    step: str | None,
    force: bool,
    root_key: Path | None,
    pass_phrase_file: Path | None,
) -> None:
    """Change to another authority while all runs; no client and no worker is dropped.

    Beside the master, in its state directory. With --root-key the new one is a root with an issuing
    authority under it; without, one for this machine as `up` makes it.
    """
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        before = client.authority_control()
        if step in (None, "trust") and before.phase == AuthorityPhase.SINGLE:
            _prepare(invocation, root_key, pass_phrase_file)
        if step is not None:
            found = client.authority_control(step, force=force)
        else:
            found = _rotate(client, before, force)
    _show(invocation, found)


def _prepare(invocation: Invocation, root_key: Path | None, phrase_file: Path | None) -> None:
    from papertrader.ops import authorities  # noqa: PLC0415
    from papertrader.ops.certificates import authority_file, tls_directory  # noqa: PLC0415
    from papertrader.ops.options import store_place  # noqa: PLC0415
    from papertrader.ops.signing import CertificateError  # noqa: PLC0415

    state = _state(invocation)
    directory = tls_directory(state)
    if not authority_file(state).exists() or not store_place(state).truth.exists():
        raise Problem.usage(f"{state} is not the master's", "run this beside the master")
    try:
        now = datetime.now(UTC)
        if root_key is not None:
            phrase = _pass_phrase(phrase_file)
            made = authorities.make_root(directory, root_key, phrase, now=now)
        else:
            made = authorities.make_plain(directory, now=now)
        authorities.prepare_next(directory, made)
    except (CertificateError, OSError) as error:
        raise Problem.usage(str(error)) from None


def _rotate(client: Client, found: AuthorityState, force: bool) -> AuthorityState:
    """Take the steps that are left, each when the workers that are up have followed."""
    steps = {
        AuthorityPhase.SINGLE: ("trust", "reissue", "drop"),
        AuthorityPhase.BOTH: ("reissue", "drop"),
        AuthorityPhase.REISSUED: ("drop",),
    }[AuthorityPhase(found.phase)]
    for step in steps:
        deadline = time.monotonic() + WAIT_S
        while step != "trust" and not force and time.monotonic() < deadline:
            found = client.authority_control()
            if found.trusting >= found.workers and (
                step != "drop" or found.renewed >= found.workers
            ):
                break
            time.sleep(POLL_S)
        found = client.authority_control(step, force=force)
        click.echo(f"{step}: done", err=True)
    return found


@ca.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@pass_invocation
def sign(invocation: Invocation, file: Path) -> None:
    """Sign FILE, the requests of a worker's `worker csr`; print what to carry back to it."""
    from papertrader.ops.handcarried import read_requests, signed_text  # noqa: PLC0415

    try:
        worker_name, csr, public_csr = read_requests(file.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise Problem.usage(str(error)) from None
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        done = client.worker_sign(worker_name, csr, public_csr)
    click.echo(
        signed_text(done.worker, done.certificate, done.public_certificate, done.trust), nl=False
    )
