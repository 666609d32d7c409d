"""Draining a worker: what the master orders becomes of its clients."""

from __future__ import annotations

from typing import Final

from papertrader.core.instants import MILLISECOND
from papertrader.net.clock import Clock, Timer
from papertrader.wire.kinds import DrainMode, Status
from papertrader.wire.messages import WorkerDrain
from papertrader.worker.clients import Clients

CHECK_S: Final = 0.1
MOVED_PER_CHECK: Final = 100
"""Clients sent away in one check, so that they do not all arrive elsewhere at once."""
_TEXT: Final = "this worker is taken out of service"


class Draining:
    """Carries out WORKER_DRAIN. The same order again begins anew; OFF ends it."""

    def __init__(self, clock: Clock, clients: Clients) -> None:
        self._clock = clock
        self._clients = clients
        self._timer: Timer | None = None
        self._deadline = 0

    def ordered(self, order: WorkerDrain) -> None:
        """Take an order of the master."""
        self.stop()
        self._clients.admitting = order.mode == DrainMode.OFF
        if order.mode == DrainMode.MOVE:
            self._deadline = self._clock.monotonic_ns() + order.deadline_ms * MILLISECOND
            self._move()
        elif order.mode == DrainMode.BOOT:
            for client in self._clients:
                client.say_goodbye(Status.BOOTED, _TEXT)

    def shut_out(self) -> None:
        """The master lets this worker in no more: no client is served here."""
        self.stop()
        self._clients.admitting = False
        for client in self._clients:
            client.say_goodbye(Status.BOOTED, _TEXT)

    def end(self) -> None:
        """The master has let the worker in: what it orders comes after this."""
        self.stop()
        self._clients.admitting = True

    def stop(self) -> None:
        """Leave the clients that are still here alone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _move(self) -> None:
        """Send clients away that wait for no answer; after the deadline the others as well."""
        self._timer = None
        late = self._clock.monotonic_ns() >= self._deadline
        moved = 0
        for client in self._clients:
            if moved < MOVED_PER_CHECK and (late or not client.open):
                client.say_goodbye(Status.SHUTDOWN, _TEXT)
                moved += 1
        if len(self._clients):
            self._timer = self._clock.call_later(CHECK_S, self._move)
