"""How far the log was forwarded: a small file that a forwarder writes and others may look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import attrs

from papertrader.eventlog.reading import processes
from papertrader.eventlog.shipping import SHIPPED
from papertrader.eventlog.tail import Place, Tail
from papertrader.ops.files import PRIVATE_FILE, replace_file

FILE: Final = "forwarded.json"
PROCESSES_MAX: Final = 256
"""Processes whose logs are forwarded: this machine's, and the workers that ship theirs. Of more,
the first by name."""
_FORMAT: Final = 1


class ForwardedError(Exception):
    """The file cannot be read; the text says why."""


@attrs.frozen(kw_only=True)
class Forwarded:
    """How far each process's files were forwarded, and to where.

    ``entries`` were sent in all, those that were sent again among them; ``lost`` is how many, at
    least, were removed before.
    """

    receiver: str
    places: dict[str, Place] = attrs.field(factory=dict)
    entries: int = 0
    lost: int = 0

    def write(self, log: Path) -> None:
        """Write it into a log directory, whole or not at all. Raises `OSError`."""
        content = {"format": _FORMAT, **attrs.asdict(self)}
        replace_file(log / FILE, json.dumps(content).encode("ascii") + b"\n", PRIVATE_FILE)


def read_forwarded(log: Path) -> Forwarded | None:
    """Return what was written last, None if nothing was. Raises `ForwardedError`."""
    path = log / FILE
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ForwardedError(f"{path} cannot be read: {error}") from None
    try:
        if content.pop("format") != _FORMAT:
            raise ForwardedError(f"{path} was written by another version")
        places = {
            str(name): Place(*(int(each[key]) for key in ("segment", "offset", "seq")))
            for name, each in content.pop("places").items()
        }
        return Forwarded(places=places, **content)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ForwardedError(f"{path} is no record of how far the log was forwarded") from None


def log_names(log: Path) -> list[str]:
    """Return the processes whose files are to be forwarded, sorted, PROCESSES_MAX at most.

    What a worker of this machine shipped to its master is in that worker's own files. Raises
    `OSError`.
    """
    known = processes(log)
    twice = {f"{SHIPPED}{name}" for name in known}
    return [name for name in known if name not in twice][:PROCESSES_MAX]


def octets_behind(log: Path, forwarded: Forwarded) -> int:
    """Return how many octets of the files were not forwarded yet. Raises `OSError`."""
    return sum(
        Tail(log, name, forwarded.places.get(name, Place())).octets_left()
        for name in log_names(log)
    )
