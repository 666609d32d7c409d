"""Telling systemd how a service is, as sd_notify(3) describes it: one datagram for each word."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

SAY_S: Final = 1.0
"""How long a word waits for room in the queue of whoever listens; then it is lost. A READY=1 that
were thrown away at once would never be said again, and systemd would take the start for hung."""
_MICROSECOND: Final = 1_000_000


class Notifier:
    """Speaks to the socket that ``NOTIFY_SOCKET`` names; without one it does nothing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        # An at sign stands for the zero octet of Linux's abstract names.
        self._address = f"\0{name[1:]}" if name.startswith("@") else name
        self.watchdog_s = self._watchdog(environ)
        """How long systemd waits for a word before it takes the service for hung; 0: it does not
        watch."""

    @staticmethod
    def _watchdog(environ: Mapping[str, str]) -> float:
        given, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        if not given.isdecimal() or (pid and pid != str(os.getpid())):
            return 0.0
        return int(given) / _MICROSECOND

    def say(self, words: str) -> None:
        """Send ``READY=1``, ``WATCHDOG=1``, ``STATUS=...``; that nobody listens is no failure.

        Blocks for `SAY_S` at most, while the listener's queue is full.
        """
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.settimeout(SAY_S)
            end.sendto(words.encode(), self._address)
