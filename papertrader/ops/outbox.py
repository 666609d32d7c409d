"""What a forwarder sends next: entries of all processes' files, as framed syslog messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from papertrader.core.logrecord import Level
from papertrader.eventlog.syslog import entry_message, framed, host_name, is_cut, loss_message
from papertrader.eventlog.tail import READ_OCTETS, Found, Place, Tail
from papertrader.ops.forwarded import log_names


@attrs.define(kw_only=True)
class Counts:
    """What an outbox gave out, and what it could not."""

    entries: int = 0
    lost: int = 0
    """Entries that were removed before, at least."""
    cut: int = 0
    """Entries whose text was longer than a message may be, or had been cut before."""
    unreadable: int = 0
    """Lines, or parts of long ones, that were no entries."""


class Outbox:
    """Reads the files of all processes of a log directory, a little of each in turn.

    ``say`` is told sentences for the operator.
    """

    def __init__(
        self,
        log: Path,
        *,
        host: str,
        least: Level,
        places: dict[str, Place],
        wall_ns: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        self.counts = Counts()
        self.more = False
        """Whether the last look found something: then there may be more."""
        self._log = log
        self._host = host_name(host)
        self._least = least
        self._wall_ns = wall_ns
        self._say = say
        self._tails: dict[str, Tail] = {}
        self._told: dict[str, str] = {}
        """The newest loss of each process: going back must not count it twice."""
        self._next = 0
        self._unread = ""
        self.go_back(places)

    @property
    def places(self) -> dict[str, Place]:
        """How far each process's files were given out."""
        return {name: tail.place for name, tail in self._tails.items()}

    def go_back(self, places: dict[str, Place]) -> None:
        """Give out again what follows these places; a process without one begins at its oldest."""
        for name in {*self._tails, *places}:
            self._tail(name).go_back(places.get(name, Place()))

    def gather(self, octets_max: int) -> list[bytes]:
        """Return the next frames, together of ``octets_max`` at most; none if there is nothing.

        Reads about as much at most, whatever is in it.
        """
        try:
            names = log_names(self._log)
        except OSError as error:
            self._cannot(str(error))
            return []
        frames: list[bytes] = []
        left = octets_max
        for _ in range(max(1, octets_max // READ_OCTETS)):
            self.more = False
            for turn in range(len(names)):
                # Each begins once, so that a busy process delays no other.
                name = names[(self._next + turn) % len(names)]
                left -= self._take(name, left, frames)
            self._next += 1
            if not self.more:
                break
        return frames

    def _take(self, name: str, octets_max: int, frames: list[bytes]) -> int:
        """Add frames of one process; return their octets."""
        tail = self._tail(name)
        unreadable = tail.unreadable
        first = before = tail.place
        try:
            entries = tail.read()
        except OSError as error:
            self._cannot(str(error))
            return 0
        taken = 0
        for found in entries:
            new = list(self._frames(name, found))
            size = sum(map(len, new))
            if taken + size > octets_max:
                tail.go_back(before)
                break
            self._count(name, found, new)
            frames += new
            taken += size
            before = found.place
        self.counts.unreadable += tail.unreadable - unreadable
        self.more = self.more or tail.place != first
        return taken

    def _frames(self, name: str, found: Found) -> Iterator[bytes]:
        if found.files:
            yield framed(
                loss_message(
                    process=name, host=self._host, identity=f"before {found.identity}",
                    wall_ns=self._wall_ns(), files=found.files, entries=found.missing,
                )
            )  # fmt: skip
        if found.record.level >= self._least:
            yield framed(
                entry_message(found.record, process=name, host=self._host, identity=found.identity)
            )

    def _count(self, name: str, found: Found, frames: list[bytes]) -> None:
        self.counts.entries += found.record.level >= self._least
        self.counts.cut += bool(frames) and is_cut(frames[-1])
        if found.files and self._told.get(name) != found.identity:
            self._told[name] = found.identity
            self.counts.lost += found.missing
            self._say(
                f"log files of {name} were removed before they were sent: {found.files} files, at"
                f" least {found.missing} entries; the receiver is told. Keep it reachable, or its"
                " way wider"
            )

    def _tail(self, name: str) -> Tail:
        tail = self._tails.get(name)
        if tail is None:
            tail = self._tails[name] = Tail(self._log, name, Place())
        return tail

    def _cannot(self, why: str) -> None:
        if why != self._unread:
            self._unread = why
            self._say(f"the log cannot be read ({why}); it is tried again")
