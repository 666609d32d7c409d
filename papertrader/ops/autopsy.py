"""What the driver finds when its workings are dead: it is set aside at once, and written later."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO, Final

import attrs

from papertrader.core.instants import format_instant
from papertrader.eventlog.crashes import dump_death, dump_ring, set_aside
from papertrader.eventlog.inflight import SUSPECTS_FILE, add_suspect, read_mark
from papertrader.ops.restarts import Death

STACKS_BYTES_MAX: Final = 256 * 1024
"""So much is kept of what faulthandler wrote."""


@attrs.frozen(kw_only=True)
class Findings:
    """What is to be written: ``story`` in words, ``ring`` the memory that was set aside.

    ``file`` is the name of the crash file; it is empty for a life that nobody saw end: then there
    is a file only if something would be lost otherwise.
    """

    file: str
    story: str
    ring: Path


class Autopsy:
    """Examines the dead of one server. ``directory`` is the event log's."""

    _FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self._ring = directory / f"{name}.ring"
        self._stacks = directory / f"{name}.stacks"
        self._spare_stacks = directory / f"{name}.spare-stacks"
        self._mark = directory / f"{name}.inflight"
        self._number = 0

    def new_stacks(self) -> IO[bytes]:
        """Open an empty file for the stacks of the next life."""
        return os.fdopen(os.open(self._stacks, self._FLAGS, 0o600), "wb")

    def new_spare_stacks(self) -> IO[bytes]:
        """Open an empty file for the stacks of a spare; it is another's that is in use."""
        return os.fdopen(os.open(self._spare_stacks, self._FLAGS, 0o600), "wb")

    def take_spare_stacks(self) -> None:
        """From now on the stacks are those of the spare. Raises `OSError`."""
        os.replace(self._spare_stacks, self._stacks)

    def left_behind(self) -> list[Findings]:
        """Set aside what earlier lives left whose driver died, too. Raises `OSError`.

        Nobody knows of what: no command is suspected for it.
        """
        self._mark.unlink(missing_ok=True)
        found = sorted(self._directory.glob(f"{self._name}.dead*"))
        aside = set_aside(self._ring)
        if aside is not None:
            found.append(aside)
        return [Findings(file="", story="", ring=ring) for ring in dict.fromkeys(found)]

    def examine(
        self,
        death: Death,
        *,
        pid: int,
        at_ns: int,
        lived_s: float,
        crashes: int,
        figures: list[str],
    ) -> Findings:
        """Set aside what a life left behind; quick, for the next one waits. Raises `OSError`."""
        at = format_instant(at_ns)
        suspect = "none"
        mark = read_mark(self._mark)
        if mark is not None:
            suspect = str(mark)
            if death.is_crash:
                told = f"under way when the workings died of {death} at {at}"
                count = add_suspect(self._directory / SUSPECTS_FILE, mark, told)
                suspect += f"; under way at {count} crashes"
        self._mark.unlink(missing_ok=True)
        self._number += 1
        name = f"{self._name}-{at[:19].replace(':', '')}-{pid}"
        story = (
            f"The workings of {self._name} (process {pid}) died: {death}\n"
            f"at {at}, after {lived_s:.1f} seconds; crashes within ten minutes: {crashes}\n"
            f"--- command under way: {suspect}\n"
            "--- last figures\n"
            + "".join(f"{line}\n" for line in figures)
            + "--- stacks\n"
            + self._stacks_text()
        )
        return Findings(file=f"crash-{name}.log", story=story, ring=self._aside())

    def _aside(self) -> Path:
        """Move the ring out of the way of the next life, past an older one that still waits."""
        aside = self._ring.with_suffix(f".dead-{self._number}")
        with contextlib.suppress(FileNotFoundError):
            os.replace(self._ring, aside)
        return aside

    def _stacks_text(self) -> str:
        try:
            with self._stacks.open("rb") as file:
                octets = file.read(STACKS_BYTES_MAX)
        except OSError as error:
            return f"cannot be read: {error.strerror}\n"
        text = octets.decode("utf-8", "replace").rstrip()
        return f"{text}\n" if text else "none: it had no time to write them, or no reason\n"

    def write(self, findings: Findings) -> None:
        """Write the crash file. Blocks for up to a second: call it in a thread."""
        if findings.file:
            name = findings.file.removeprefix("crash-").removesuffix(".log")
            dump_death(findings.ring, self._directory, name, findings.story)
        else:
            dump_ring(findings.ring, self._directory)
        findings.ring.unlink(missing_ok=True)
