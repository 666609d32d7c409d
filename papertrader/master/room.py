"""Whether an error of a file is one of room: SQLite says "disk I/O error" of a full disk, too."""

from __future__ import annotations

import errno
import resource
import shutil
from pathlib import Path
from typing import Final

from papertrader.master.newfiles import database_files

SQLITE_FULL: Final = 13
UNCLEAR: Final = (10, 14)
"""SQLite's codes for a failed call of the system and for a file that cannot be opened: what it says
when there is no room for the files that it makes beside a database."""
LITTLE: Final = 256 * 1024
"""Octets; with less, an error that is unclear is one of room."""
KIB: Final = 1024
PAGE: Final = 64 * KIB
"""Octets; what SQLite writes at once is no larger."""


def room_wanted(error: BaseException, path: Path) -> str:
    """Return that there is no room on the disk of ``path``, and what to do; "" if it is not that.

    ``error``: that of the driver or of the system.
    """
    code, number = getattr(error, "sqlite_errorcode", 0) & 0xFF, getattr(error, "errno", 0)
    if number == errno.EFBIG or (code in UNCLEAR and _has_grown_enough(path)):
        return f"no file may grow beyond {_largest() // KIB:,} KiB here (ulimit -f); raise that"
    full = code == SQLITE_FULL or number in (errno.ENOSPC, errno.EDQUOT)
    if not full and code not in UNCLEAR:
        return ""
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return "its disk is full; make room there" if full else ""
    if free >= LITTLE and code == SQLITE_FULL:
        return "make room on the disk, or let this user have more of it"
    if free >= LITTLE and not full:
        return ""
    return f"its disk is full ({free // KIB:,} KiB are free); make room there"


def _largest() -> int:
    """Return how large the system lets a file of this process become; -1 for any size."""
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0]


def _has_grown_enough(path: Path) -> bool:
    """Tell whether a file, or one that SQLite has beside it, is as large as it may be."""
    most = _largest()
    if most == resource.RLIM_INFINITY:
        return False
    files = [each for each in database_files(path) if each.exists()]
    return any(each.stat().st_size + PAGE > most for each in files)
