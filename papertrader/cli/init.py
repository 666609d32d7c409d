"""``papertrader init``: an installation for keeps, after five questions or with ``--yes``."""

from __future__ import annotations

import os
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs
import click

from papertrader.cli.invocation import state_dir_option
from papertrader.cli.output import counted
from papertrader.master.engines import StoreError, place_at
from papertrader.master.registration import Registration
from papertrader.net.credentials import CredentialsError
from papertrader.ops.certificates import CertificateError, certificate_files
from papertrader.ops.files import make_private_directory, try_place
from papertrader.ops.installation import lacks_nothing, prepare, unusable
from papertrader.ops.market_variables import MarketSource
from papertrader.ops.options import default_state_dir
from papertrader.ops.running import LockedError, StartError
from papertrader.ops.settings import Settings
from papertrader.ops.settings_file import (
    SETTINGS_FILE,
    SettingsError,
    default_settings_text,
    load_settings,
    write_settings_file,
)
from papertrader.ops.variables import WORKERS_MAX

_EVERYBODY: Final = "0.0.0.0"
_THIS_MACHINE: Final = "127.0.0.1"


@attrs.frozen(kw_only=True)
class Answers:
    """What the operator decided."""

    market: str
    everybody: bool
    workers: int
    registration: str
    starting_cash: str
    store: str = ""

    def settings(self) -> dict[str, str]:
        """Return the settings that these answers change, by name, as text."""
        host = _EVERYBODY if self.everybody else _THIS_MACHINE
        return {
            "workers": str(self.workers),
            "worker.listen": f"{host}:2049",
            "market.source": self.market,
            "accounts.registration": self.registration,
            "accounts.starting_cash": self.starting_cash,
            **({"store.url": self.store} if self.store else {}),
        }


_PLAIN: Final = Answers(
    market=MarketSource.REPLAY.value,
    everybody=False,
    workers=1,
    registration=Registration.OPEN.value,
    starting_cash="100000.00",
)


def _ask() -> Answers:
    """Ask the five questions."""
    return Answers(
        market=click.prompt(
            "Which market? (recorded prices, a simulated market, or live prices)",
            type=click.Choice([each.value for each in MarketSource]), default=_PLAIN.market,
        ),
        everybody=click.confirm("Shall other machines be able to connect?", default=False),
        workers=click.prompt(
            "How many workers?", type=click.IntRange(1, WORKERS_MAX), default=_PLAIN.workers
        ),
        registration=click.prompt(
            "Who may open an account?",
            type=click.Choice([each.value for each in Registration]), default=_PLAIN.registration,
        ),
        starting_cash=click.prompt(
            "How much money does each account begin with?", default=_PLAIN.starting_cash
        ),
    )  # fmt: skip


def _make(state: Path, answers: Answers) -> None:
    """Write settings, authority, certificates and registry; nothing that is there is changed."""
    settings_file = state / SETTINGS_FILE
    if settings_file.exists():
        raise StartError(
            f"{settings_file} is there already and is left as it is; edit it, or name another place"
            " with --state-dir"
        )
    make_private_directory(state)
    write_settings_file(settings_file, default_settings_text(answers.settings()))
    try:
        _prepare(state, load_settings(settings_file, {}, {}))
    except (SettingsError, StoreError):
        settings_file.unlink()
        raise


def _complete(state: Path) -> str:
    """Make what an installation lacks by its settings; return what there is to say of it."""
    settings = load_settings(state / SETTINGS_FILE, os.environ, {})
    place = place_at(state, settings.store.url)
    if lacks_nothing(state, settings.workers, place, now=datetime.now(UTC)):
        return f"Nothing is missing in {state}."
    try:
        _prepare(state, settings)
    except LockedError as error:
        raise StartError(
            f"something is missing or due in {state}, and its master runs (pid {error.owner}):"
            " nothing was changed; stop the master, then do this again (a worker that runs renews"
            " its certificate itself)"
        ) from None
    return f"What was missing in {state} is there now: {counted(settings.workers, 'worker')}."


def _prepare(state: Path, settings: Settings) -> None:
    prepare(
        state,
        settings.workers,
        now=datetime.now(UTC),
        new_uuid=uuid.uuid4,
        place=place_at(state, settings.store.url),
        standby=settings.master.standby,
    )


def _next_steps(state: Path, answers: Answers) -> list[str]:
    where = f" --state-dir {state}"
    steps = [
        f"Look through {state / SETTINGS_FILE}: every setting is there, with its default.",
        f"Start it: papertrader up{where} (or the two services: docs/howto/run-for-others.rst).",
        f"Be its operator: papertrader{where} register NAME --invite, with the code that the start"
        " prints (or papertrader admin --invite, while it is stopped).",
    ]
    if answers.everybody:
        steps.append(
            f"Put a certificate for your names in place of"
            f" {certificate_files(state, 'worker-1-public')[0]} and its key, so that browsers know"
            " you."
        )
    if answers.market == MarketSource.LIVE.value:
        steps.append("Give the keys of your providers: specs/providers.rst.")
    steps.append(f"Look after it: papertrader audit{where}")
    return steps


@click.command("init")
@state_dir_option
@click.option("--yes", is_flag=True, help="Ask nothing; take the defaults, and the options given.")
@click.option(
    "--market",
    type=click.Choice([each.value for each in MarketSource]),
    help="Recorded prices, a simulated market, or live prices.",
)
@click.option("--everybody", is_flag=True, default=None, help="Listen to other machines.")
@click.option("--workers", type=click.IntRange(1, WORKERS_MAX), help="How many workers to run.")
@click.option(
    "--registration",
    type=click.Choice([each.value for each in Registration]),
    help="Who may open an account: everybody, who has a code, or nobody.",
)
@click.option("--starting-cash", help="Money of each new account, such as 100000.00.")
@click.option("--store", metavar="URL", help="The PostgreSQL to keep it in; files otherwise.")
@click.option(
    "--missing",
    is_flag=True,
    help="If there is an installation, make what it lacks by its settings: more workers, a store.",
)
def init(state_dir: Path | None, yes: bool, missing: bool, **given: Any) -> None:
    """Make an installation for keeps: settings, certificates, registry. Nothing is overwritten."""
    state = (state_dir or default_state_dir()).absolute()
    try:
        if missing and (state / SETTINGS_FILE).exists():
            click.echo(_complete(state))
            return
        if (state / SETTINGS_FILE).exists():
            _make(state, _PLAIN)
        # Before anybody answers five questions for nothing.
        try_place(state)
        chosen = {name: value for name, value in given.items() if value is not None}
        answers = attrs.evolve(_PLAIN if yes else _ask(), **chosen)
        _make(state, answers)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"error: {problem}", err=True)
        sys.exit(1)
    except (StartError, StoreError, CertificateError, CredentialsError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"error: {unusable(state, error)}", err=True)
        sys.exit(1)
    click.echo(f"An installation is ready in {state}. Next:")
    for number, step in enumerate(_next_steps(state, answers), 1):
        click.echo(f"  {number}. {step}")
