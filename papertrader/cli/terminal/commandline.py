"""The command line of the terminal program: what a shell would run, and what that says."""

from __future__ import annotations

import asyncio
import shlex
import sys
from typing import Final

from papertrader.cli.invocation import Invocation

COMMAND_S: Final = 60
"""A command that has not ended by then is ended."""
_NEVER: Final = frozenset({"tui", "up", "watch"})
"""Commands that do not end by themselves."""


async def said_by(invocation: Invocation, text: str) -> tuple[list[str], bool]:
    """Run a command as the shell would; return the lines that it says, and whether it went well."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        return [f"error: {error}"], False
    if words[0] in _NEVER:
        return [f"error: {words[0]} is for a shell"], False
    place = shlex.split(invocation.command_line())[1:]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "papertrader.cli.main", *place, *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(process.communicate(), COMMAND_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return [f"error: {words[0]} had not ended after {COMMAND_S} seconds"], False
    return said.decode(errors="replace").splitlines(), process.returncode == 0
