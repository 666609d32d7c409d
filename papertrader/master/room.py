"""Whether an error of a file is one of room: SQLite says "disk I/O error" of a full disk, too."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Final

SQLITE_FULL: Final = 13
UNCLEAR: Final = (10, 14)
"""SQLite's codes for a failed call of the system and for a file that cannot be opened: what it says
when there is no room for the files that it makes beside a database."""
LITTLE: Final = 256 * 1024
"""Octets; with less, an error that is unclear is one of room."""
KIB: Final = 1024


def room_wanted(error: BaseException, path: Path) -> str:
    """Return that there is no room on the disk of ``path``, and what to do; "" if it is not that.

    ``error``: that of the driver or of the system.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    full = code == SQLITE_FULL or getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT)
    if not full and code not in UNCLEAR:
        return ""
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return "its disk is full; make room there" if full else ""
    if not full and free >= LITTLE:
        return ""
    return f"its disk is full ({free // KIB:,} KiB are free); make room there"
