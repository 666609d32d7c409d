"""How far a long job is: a bar at a terminal, lines of JSON for programs, nothing on a pipe.

Everything goes to standard error, so that results stay alone on standard output. A job that is over
in a moment shows nothing. Whoever interrupts a job is told in which state it was left and how to go
on; that nothing is left half done is the job's own affair.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import click

SCHEMA: Final = 1
DRAWN_S: Final = 0.1
"""A bar is drawn anew at most this often."""
LINES_S: Final = 1.0
"""A line of JSON comes at most this often, the first after so long."""
QUIET_AT_FIRST_S: Final = 0.3
"""What takes no longer shows no bar."""
BAR_WIDTH: Final = 20
WIDTH_MAX: Final = 120

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def quiet_option(function: FunctionT) -> FunctionT:
    """Give a command ``--quiet``: no progress, whoever watches."""
    return click.option("--quiet", "-q", is_flag=True, help="Show no progress.")(function)


def span(seconds: float) -> str:
    """Write a length of time: ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3_600} h {whole % 3_600 // 60} min"


class Progress:
    """A job in progress; a context manager around it.

    ``unit`` is what is counted. ``again`` says, after an interruption, how things stand and how to
    go on. ``now`` gives seconds of a clock that does not go back, ``watched`` whether somebody
    looks at standard error.
    """

    def __init__(
        self,
        job: str,
        unit: str,
        *,
        as_json: bool = False,
        quiet: bool = False,
        again: str = "",
        now: Callable[[], float] = time.monotonic,
        watched: bool | None = None,
    ) -> None:
        self._job = job
        self._unit = unit
        self._again = again
        self._now = now
        seen = sys.stderr.isatty() if watched is None else watched
        self._as_json = as_json and not quiet
        self._drawn = seen and not as_json and not quiet
        self._began = self._told = now()
        self._first: int | None = None
        self._at = (0, 0, "")
        self._width = 0

    def tell(self, done: int, total: int, what: str = "") -> None:
        """Say how far it is; ``total`` 0 is not known, ``done`` below 0 leaves the counts."""
        if done < 0:
            done, total = self._at[:2]
        self._at = (done, total, what)
        if self._first is None:
            self._first = done
        elapsed = self._now() - self._began
        since = self._now() - self._told
        if self._as_json and since >= LINES_S:
            self._told = self._now()
            click.echo(json.dumps({"schema": SCHEMA, "progress": self.facts()}), err=True)
        elif (
            self._drawn
            and elapsed >= QUIET_AT_FIRST_S
            and (not self._width or since >= DRAWN_S or done >= total > 0)
        ):
            self._told = self._now()
            self._draw(self.line())

    def facts(self) -> dict[str, Any]:
        """Return what a line of JSON holds; None for what is not known."""
        done, total, what = self._at
        rate = self._rate()
        return {
            "job": self._job,
            "unit": self._unit,
            "done": done,
            "total": total or None,
            "per_second": None if rate is None else round(rate, 1),
            "left_s": None if rate is None or not total else round((total - done) / rate, 1),
            "what": what,
        }

    def line(self) -> str:
        """Return the bar as it is now."""
        done, total, what = self._at
        rate = self._rate()
        parts = [self._job]
        if total:
            full = min(BAR_WIDTH, BAR_WIDTH * done // total)
            parts.append(f"[{'#' * full}{'-' * (BAR_WIDTH - full)}] {100 * done // total:3d} %")
            parts.append(f"{done:,} of {total:,} {self._unit}")
        elif done:
            parts.append(f"{done:,} {self._unit}")
        if rate is not None and self._unit != "s":
            parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
        if rate is not None and total > done:
            parts.append(f"{span((total - done) / rate)} left")
        if what:
            parts.append(what)
        return "  ".join(parts)

    def _rate(self) -> float | None:
        elapsed = self._now() - self._began
        done = self._at[0] - (self._first or 0)
        return done / elapsed if done > 0 and elapsed > 0 else None

    def _draw(self, text: str) -> None:
        room = min(WIDTH_MAX, shutil.get_terminal_size().columns - 1)
        text = text[:room]
        click.echo(f"\r{text.ljust(self._width)}", nl=False, err=True)
        self._width = len(text)

    def _end(self) -> None:
        if self._width:
            click.echo(err=True)
        self._width = 0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the line; say how to go on if somebody interrupted it."""
        self._end()
        if kind is not None and issubclass(kind, KeyboardInterrupt | click.Abort) and self._again:
            done, total, _ = self._at
            far = f"stopped at {done:,} of {total:,} {self._unit}; " if total else ""
            click.echo(f"{far}{self._again}", err=True)
