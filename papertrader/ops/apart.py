"""The process in which an audit has one of its halves done, and what it says to the one that asked.

It says something of itself, is told what to do, and says what it has found. Where there is one
processor only, or little to read, both halves are done within one process.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final

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


Half = Callable[[StorePlace, Callable[[object], None], Callable[[], Any]], None]
"""Does a half of an audit: is given the place, how to say something, and how to hear."""


class Apart:
    """Another process. Raises `StoreError` with its sentence when it cannot go on."""

    def __init__(self, half: Half, place: StorePlace) -> None:
        # A process that is forked has everything imported, a second before one that begins anew;
        # where other threads run, a lock that one of them holds would never be let go.
        forks = sys.platform == "linux" and threading.active_count() == 1
        get = multiprocessing.get_context
        context = get("fork") if forks else get("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (half, place, theirs, self._pipe)
        # Whatever ends this process early, nobody waits for the other one.
        self._process = context.Process(target=_main, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def say(self, what: object) -> None:
        """Tell it something."""
        with contextlib.suppress(BrokenPipeError):  # It has said why.
            self._pipe.send(what)

    def hear(self) -> Any:
        """Wait for what it says."""
        try:
            said = self._pipe.recv()
        except (EOFError, pickle.UnpicklingError):
            said = "a process that takes part in the audit has ended"
        if isinstance(said, str):
            self.close()
            raise StoreError(said)
        return said

    def close(self) -> None:
        """End it, if it has not ended."""
        self._pipe.close()
        self._process.kill()
        self._process.join()


def worth_it(inputs: int) -> bool:
    """Tell whether an audit of so many inputs is sooner done by two processes."""
    return (os.cpu_count() or 1) > 1 and inputs > WORTH_IT


def _main(half: Half, place: StorePlace, pipe: Connection, theirs: Connection) -> None:
    """Do a half of an audit. An error is said as its sentence."""
    # Else who asked could not be seen to end.
    theirs.close()
    gc.disable()
    # Whoever is interrupted ends this process as well, and says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nobody listens any more: then there is nothing to do.
    with contextlib.suppress(BrokenPipeError, EOFError):
        try:
            half(place, pipe.send, pipe.recv)
        except (StoreError, peewee.PeeweeException) as error:
            pipe.send(str(error))
