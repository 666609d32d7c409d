"""The deployment variables of the store, and of several masters."""

from __future__ import annotations

import re
from typing import Final

from papertrader.master.storeurl import checked_url
from papertrader.ops.variable import (
    Variable,
    boolean,
    place,
    show_boolean,
    shown,
    size_between,
    text_literal,
)

MASTERS_MAX: Final = 8
ROOM_MIN: Final = 64 * 1024
ROOM_MAX: Final = 1024**4

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})\Z", re.ASCII)


def _url(raw: object) -> str:
    if raw == "":
        return ""
    try:
        return checked_url(raw if isinstance(raw, str) else "")
    except ValueError as error:
        # What was given is not repeated: it may hold a password.
        raise ValueError(f"the URL is wrong; allowed is {error}") from None


_room = size_between(ROOM_MIN, ROOM_MAX, 'from "64 KiB" to "1024 GiB"')


def _masters(raw: object) -> tuple[tuple[str, int], ...]:
    words = raw.split() if isinstance(raw, str) else [""]
    found: list[tuple[str, int]] = []
    for word in words:
        match = _ADDRESS.match(word)
        if match is None or not 0 < int(match[3]) < 65_536 or len(words) > MASTERS_MAX:
            raise ValueError(
                f"{shown(raw)} is wrong; allowed is a list of at most {MASTERS_MAX} addresses with"
                ' spaces between them, such as "10.0.0.1:2048 10.0.0.2:2048"'
            )
        found.append((match[1] or match[2], int(match[3])))
    return tuple(found)


def _show_masters(masters: tuple[tuple[str, int], ...]) -> str:
    return text_literal(" ".join(place(host, port) for host, port in masters))


STORE_URL: Final[Variable[str]] = Variable(
    name="store.url",
    default='""',
    read=_url,
    show=text_literal,
    comment="""\
Where the journal, the accounts and all history are kept. Empty: SQLite files beside this one,
and nothing to install. Or a PostgreSQL, as "postgresql://papertrader@127.0.0.1/papertrader",
which a second master can share (master.standby); its password stands in ~/.pgpass, never here.""",
)
STORE_LOW_WATER: Final[Variable[int]] = Variable(
    name="store.low_water",
    default='"64 MiB"',
    read=_room,
    show=str,
    comment="""\
With less free space than this beside the files, nothing is changed any more: orders are
answered READ_ONLY, questions go on, and so does trading once there is room again.""",
)
MASTER_STANDBY: Final[Variable[bool]] = Variable(
    name="master.standby",
    default="false",
    read=boolean,
    show=show_boolean,
    comment="""\
true lets this master wait until the one that has the same store.url ends or falls silent, and
then take its place; it needs a PostgreSQL.""",
)
WORKER_MASTERS: Final[Variable[tuple[tuple[str, int], ...]]] = Variable(
    name="worker.masters",
    default='""',
    read=_masters,
    show=_show_masters,
    comment="""\
The addresses of all masters that may have the store, as "10.0.0.1:2048 10.0.0.2:2048": the
workers go to the one that answers. Empty: master.listen alone.""",
)
