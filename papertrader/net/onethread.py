"""A thread that does one thing after the other, and brings the results to the reactor's thread.

What Twisted's pool does for one thread, without what a pool needs to share work out: for the
commit of a single order that is a tenth of the master's time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

_Job: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], Deferred[Any]]
_END: Final = None
JOBS_MAX: Final = 100_000
"""What one thread may be asked to do and has not begun; one more fails with `TooManyJobsError`."""


class TooManyJobsError(RuntimeError):
    """Something asks a thread for more and more, and never waits for an answer."""


class OneThread:
    """The thread. What it is asked to do before `start` waits; after `stop` it never happens."""

    def __init__(self, reactor: IReactorFromThreads, name: str) -> None:
        self.started = False
        self._reactor = reactor
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()  # at most JOBS_MAX
        self._thread: threading.Thread | None = None

    def run(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Have a function called in the thread; fires with what it returns, or fails likewise."""
        if self._jobs.qsize() >= JOBS_MAX:
            return fail(TooManyJobsError(f"{JOBS_MAX} things wait for the thread {self._name}"))
        done: Deferred[Any] = Deferred()
        self._jobs.put((function, arguments, done))
        return done

    def start(self) -> None:
        """Begin. Call it once."""
        self.started = True
        self._thread = threading.Thread(target=self._work, name=self._name)
        self._thread.start()

    def stop(self) -> None:
        """End the thread once it has done what it was asked to, and wait for that."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(_END)
            thread.join()

    def _work(self) -> None:
        back = self._reactor.callFromThread
        while (job := self._jobs.get()) is not _END:
            function, arguments, done = job
            result: Any
            try:
                result = function(*arguments)
            except BaseException:
                # Whatever it is, whoever asked must hear of it; the thread goes on.
                result = Failure()
            back(_fire, done, result)
            # A thread that waits holds on to nothing of what it did last.
            del job, function, arguments, done, result


def _fire(done: Deferred[Any], result: Any) -> None:
    if isinstance(result, Failure):
        done.errback(result)
    else:
        done.callback(result)
