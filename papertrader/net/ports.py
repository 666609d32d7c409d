"""What to say where a port cannot be listened on: each cause has its own remedy."""

from __future__ import annotations

import errno


def cannot_listen(where: str, setting: str, error: object) -> str:
    """Return one sentence: where, why not, and what to do about it.

    ``error`` is an `OSError` where the system said why; what has no number is told as it is.
    ``setting`` names what says where to listen.
    """
    number = getattr(error, "errno", None)
    why = getattr(error, "strerror", None) or error
    remedy = f"set {setting} to another"
    if number == errno.EADDRINUSE:
        remedy = f"stop the program that uses this port, or {remedy}"
    elif number == errno.EACCES:
        remedy = f"set {setting} to a port from 1024 on, or let the service have lower ones"
    elif number == errno.EADDRNOTAVAIL:
        remedy = f"set {setting} to an address that this machine has"
    return f"cannot listen on {where}: {why}; {remedy}"
