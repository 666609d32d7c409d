"""One call of the command line: its global options, and the surroundings that tests replace."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
import click

if TYPE_CHECKING:
    from papertrader.client.transport import Dial

STATE_VARIABLE: Final = "PAPERTRADER_STATE_DIR"

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def _program() -> str:
    """Return how the user can call this program: by its name, if that is on the search path."""
    called = Path(sys.argv[0])
    if called.name != "papertrader" or shutil.which("papertrader") is not None:
        return "papertrader"
    return sys.argv[0]


@attrs.define(kw_only=True)
class Invocation:
    """The global options as given. ``dial``, ``now_ns`` and ``sleep`` replace the network and the
    clock; ``randbits`` gives random bits."""

    state_dir: Path | None = None
    connect: str | None = None
    ca: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    key_file: Path | None = None
    as_json: bool = False
    debug: bool = False
    of_others: bool = False
    """Whether the command is about what belongs to another user: so are its hints then."""
    portfolio: int | None = None
    """The portfolio that was named: what to type next is about it, too."""
    dial: Dial | None = None
    now_ns: Callable[[], int] | None = None
    sleep: Callable[[float], None] = time.sleep
    randbits: Callable[[int], int] = secrets.randbits
    program: str = attrs.Factory(_program)

    def command_line(self) -> str:
        """Return how to call this program again for the same place, for hints."""
        parts = [self.program]
        if self.state_dir is not None:
            parts += ["--state-dir", str(self.state_dir)]
        if self.connect is not None:
            parts += ["--connect", self.connect, "--ca", str(self.ca)]
        return shlex.join(parts)

    def of_portfolio(self) -> str:
        """Return the option that names the same portfolio again, with a space before; or ""."""
        return f" --portfolio {self.portfolio}" if self.portfolio else ""


def as_its_owner(
    ctx: click.Context, _parameter: click.Parameter, state: Path | None
) -> Path | None:
    """Let what root makes in another's installation be its owner's when the command ends."""
    if state is not None and os.geteuid() == 0:
        from papertrader.ops.ownership import given_back  # noqa: PLC0415 (only root needs it)

        ctx.call_on_close(given_back(state))
    return state


class _StateDirectory(click.Path):
    """A directory by name: an empty one, as of a variable that is not set, is not the working
    directory."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if value == "":
            self.fail("it is empty; name a directory", param, ctx)
        return super().convert(value, param, ctx)


STATE_DIRECTORY: Final = _StateDirectory()

state_dir_option = click.option(
    "--state-dir",
    callback=as_its_owner,
    type=STATE_DIRECTORY,
    help="The installation (default: the user's).",
)
"""For commands that work beside a master's files: it may stand behind them as well."""


def _set_json(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Invocation).as_json = True


def json_option(function: FunctionT) -> FunctionT:
    """Let ``--json`` stand after the command as well as before it."""
    option = click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_set_json,
        help="Print one JSON object (schema 1).",
    )
    return option(function)


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)
