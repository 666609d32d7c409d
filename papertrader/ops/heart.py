"""What passes between a driver and its workings: open files, and one octet a second."""

from __future__ import annotations

import os
from typing import Any, Final

import attrs

from papertrader.net.clock import Clock, Timer
from papertrader.ops.watching import LOOK_S

LISTEN_FD: Final = 3
HEART_FD: Final = 4
LOCK_FD: Final = 5
STACKS_FD: Final = 6
WEB_FD: Final = 7
GATEWAY_FD: Final = 8
"""What the workings find open: the socket, the pipe of heartbeats, the lock, the file for stacks,
and the sockets of a worker that faces browsers or has a gateway. Standard error is the driver's."""
GO_FD: Final = 9
"""Where a spare waits for its turn: a line that says of what the life before died."""
SPARE: Final = "--spare"
"""Tells workings that they are one."""
READY: Final = b"R"
HEARTBEAT: Final = b"."
LOADING: Final = b"L"
"""From here on states are loaded, and the next heartbeat may take its time."""


@attrs.frozen(kw_only=True)
class Inherited:
    """The descriptors that the workings take over."""

    listen: int
    heart: int
    web: int
    """Is open only where the settings say so."""
    gateway: int
    """Is open only where the settings say so."""


class Heart:
    """Tells the driver that the reactor turns, and notices when there is no driver any more."""

    def __init__(self, reactor: Any, clock: Clock, descriptor: int) -> None:
        self._reactor = reactor
        self._clock = clock
        self._descriptor = descriptor
        self._timer: Timer | None = None
        os.set_blocking(descriptor, False)

    def start(self) -> None:
        """Begin to beat; the driver watches from now on."""
        self._beat()

    def stop(self) -> None:
        """Say that nothing is to be heard for a while: states are loaded; then `start` again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.loading()

    def loading(self) -> None:
        """Say that states are loaded, and how long has to be waited counts from now."""
        self._write(LOADING)

    def ready(self) -> None:
        """Say that clients or workers are served."""
        self._write(READY)

    def _beat(self) -> None:
        self._timer = self._clock.call_later(LOOK_S, self._beat)
        self._write(HEARTBEAT)

    def _write(self, octets: bytes) -> None:
        try:
            os.write(self._descriptor, octets)
        except BlockingIOError:
            # The driver stands still: it has enough to read.
            return
        except OSError:
            self._reactor.stop()
