"""The options that both ``twistd`` commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import platformdirs
from twisted.python import usage

from papertrader.ops.running import EXIT_FAILED, tell
from papertrader.ops.settings import Settings
from papertrader.ops.settings_file import (
    SETTINGS_FILE,
    STATE_VARIABLE,
    SettingsError,
    load_settings,
)

if TYPE_CHECKING:
    from papertrader.master.engines import StorePlace


def default_state_dir() -> Path:
    """Return the user's state directory by the platform's convention, or what the environment
    says."""
    named = os.environ.get(STATE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_state_dir("papertrader", False))


def store_place(state: Path) -> StorePlace:
    """Return where the store of an installation is, as its settings say; for commands beside it.

    Raises `StoreError`, for settings that cannot be read too.
    """
    from papertrader.master.engines import place_at  # noqa: PLC0415 (a driver has none)

    return place_at(state, store_url(state))


def store_url(state: Path) -> str:
    """Return the setting ``store.url`` of an installation. Raises `StoreError` as `store_place`."""
    from papertrader.master.engines import StoreError  # noqa: PLC0415 (as above)

    path = state / SETTINGS_FILE
    if not path.exists() and "PAPERTRADER_STORE_URL" not in os.environ:
        return ""
    try:
        return load_settings(path if path.exists() else None, os.environ, {}).store.url
    except SettingsError as error:
        raise StoreError("\n".join(error.problems)) from None


class ServerOptions(usage.Options):
    """State directory and settings; all errors in them are told at once, before anything starts."""

    kind = ""
    """``"master"`` or ``"worker"``."""

    optParameters = [
        ["state-dir", "s", None, "Directory of this installation (default: the user's state)."],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.overrides: dict[str, str] = {}
        self.settings: Settings
        self.state: Path

    def opt_set(self, pair: str) -> None:
        """Set one deployment variable for this run, as in --set market.speed=10 (repeatable)."""
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise usage.UsageError(f"--set takes name=value, not {pair!r}")
        self.overrides[name.strip()] = value.strip()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Take the command line; says in one line what is wrong with it, and ends the program."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            self.end(f"{error}; see twistd papertrader-{self.kind} --help")

    def parseArgs(self, *arguments: str) -> None:
        """There are options alone."""
        if arguments:
            raise usage.UsageError(f"{arguments[0]!r} is no option")

    def postOptions(self) -> None:
        """Read the settings; says every error found on stderr, and ends the program."""
        given = self["state-dir"]
        if given == "":
            self.end("--state-dir is empty; name the directory of this installation")
        self.state = (Path(given) if given else default_state_dir()).absolute()
        file = self.state / SETTINGS_FILE
        try:
            file.stat()
        except FileNotFoundError:
            self.end(f"there is no {file}; make it: papertrader init --state-dir {self.state}")
        except OSError as error:
            self.end(f"cannot read {file}: {error.strerror}; check --state-dir, and whose it is")
        try:
            self.settings = load_settings(file, os.environ, self.overrides)
        except SettingsError as error:
            self.end(*error.problems)

    def end(self, *problems: str) -> NoReturn:
        """Say what is wrong, and how, without the usage that twistd would put before it."""
        for problem in problems:
            tell(self.kind, f"error: {problem}")
        sys.exit(EXIT_FAILED)

    def given(self) -> list[str]:
        """Return the options as they were given, for the workings."""
        sets = [
            part for name, value in self.overrides.items() for part in ("--set", f"{name}={value}")
        ]
        return ["--state-dir", str(self.state), *sets]

    @property
    def place(self) -> StorePlace:
        """Where the truth and the views are. Raises `StoreError`."""
        from papertrader.master.engines import place_at  # noqa: PLC0415 (a driver has none)

        return place_at(self.state, self.settings.store.url)

    def midnight(self, day: date) -> datetime:
        """Return the beginning of a day in UTC."""
        return datetime.combine(day, time(), tzinfo=UTC)
