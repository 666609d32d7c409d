"""The process in which an audit has one of its halves done, and what it says to the one that asked.

It runs `main` with what makes that half of a place; it says something of itself, is told what to
do, and says what it has found. Where there is one processor only, or little to read, both halves
are done within one process.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import IO, Any, Final

import attrs
import peewee

from papertrader.master.engines import StoreError, StorePlace

VIOLATIONS_MAX: Final = 100
"""Violations listed; the rest are counted."""
WORTH_IT: Final = 20_000
"""Inputs up to which to start other processes takes longer than it helps."""


@attrs.define
class Violations:
    """Sentences that say what is wrong; none if nothing is."""

    violations: list[str] = attrs.Factory(list)
    violations_in_all: int = 0

    def violated(self, sentence: str) -> None:
        """Note a violation."""
        self.violations_in_all += 1
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(sentence)

    def take(self, others: Violations) -> None:
        """Note those of others too."""
        for sentence in others.violations:
            self.violated(sentence)
        self.violations_in_all += others.violations_in_all - len(others.violations)


Tell = Callable[[int, int], None]
"""(batches done, batches in all)."""


class Apart:
    """Another process. Raises `StoreError` with its sentence when it cannot go on."""

    def __init__(self, module: str, place: StorePlace) -> None:
        run = f"from papertrader.ops.apart import main; from {module} import half; main(half)"
        self._process = subprocess.Popen(
            [sys.executable, "-c", run],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.say(place)

    def say(self, what: object) -> None:
        """Tell it something."""
        stdin: Any = self._process.stdin
        try:
            pickle.dump(what, stdin)
            stdin.flush()
        except BrokenPipeError:
            return  # It has said why.

    def hear(self) -> Any:
        """Wait for what it says."""
        stdout: Any = self._process.stdout
        try:
            said = pickle.load(stdout)
        except (EOFError, pickle.UnpicklingError):
            said = "a process that takes part in the audit has ended"
        if isinstance(said, str):
            self.close()
            raise StoreError(said)
        return said

    def close(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()


def worth_it(inputs: int) -> bool:
    """Tell whether an audit of so many inputs is sooner done by two processes."""
    return (os.cpu_count() or 1) > 1 and inputs > WORTH_IT


def main(half: Callable[[StorePlace, Callable[[object], None], Callable[[], Any]], None]) -> None:
    """Do a half of an audit: ``half`` is given the place, how to say and how to hear.

    An error is said as its sentence.
    """
    gc.disable()
    # Whoever is interrupted ends this process as well, and says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source: IO[bytes] = sys.stdin.buffer
    target: IO[bytes] = sys.stdout.buffer

    def say(what: object) -> None:
        pickle.dump(what, target)
        target.flush()

    # Nobody listens any more: then there is nothing to do.
    with contextlib.suppress(BrokenPipeError, EOFError):
        try:
            half(pickle.load(source), say, lambda: pickle.load(source))
        except (StoreError, peewee.PeeweeException) as error:
            say(str(error))
