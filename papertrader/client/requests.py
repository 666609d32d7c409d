"""The requests of one session: which wait, which are open on the connection, and how each ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from papertrader.client import errors
from papertrader.client.calls import CALLS_MAX, Answered, Call, Outcome
from papertrader.client.commands import Command
from papertrader.client.retries import RetryBudget
from papertrader.wire import messages as m
from papertrader.wire.connection import Connection
from papertrader.wire.kinds import Opcode

CORRELATION_MAX: Final = 2**32 - 1

_TRANSFERS: Final = frozenset(
    {
        Opcode.ASSET_LIST,
        Opcode.BARS_GET,
        Opcode.EQUITY_GET,
        Opcode.LOG_DUMP,
        Opcode.ORDER_LIST,
        Opcode.PORTFOLIO_GET,
        Opcode.RECEIPT_GET,
        Opcode.REFUSALS_GET,
        Opcode.TRANSACTIONS_GET,
    }
)
"""Requests whose reply may be long: worth a CANCEL when nobody waits for it any more."""

_MADE_ANEW: Final = frozenset({Opcode.RESUME, Opcode.WORKER_LIST})
"""Requests of the session itself that are made anew on each connection, never repeated."""


class RequestBook:
    """Calls by where they are.

    ``open`` maps the correlations in use on this connection to calls; None stands for a request
    whose answer nobody waits for any more, but which the server still counts.
    """

    def __init__(self) -> None:
        self.waiting: list[Call] = []
        self.retries = RetryBudget()
        self.open: dict[int, Call | None] = {}
        self._answers: deque[Answered] = deque()  # at most CALLS_MAX
        self._numbers = 0
        self._correlation = 0
        self._unwanted: list[int] = []

    def next_number(self) -> int:
        """Return the number the next call will have."""
        return self._numbers + 1

    def new(
        self,
        command: Command[Any],
        deadline: int | None,
        then: Outcome | None = None,
        subscription: int = 0,
    ) -> Call:
        """Take a request; ``then`` gets the outcome of the session's own ones.

        Raises `TooManyCalls` for a user's request when CALLS_MAX are here.
        """
        if then is None and len(self.waiting) + len(self.open) >= CALLS_MAX:
            raise errors.TooManyCalls(
                f"{CALLS_MAX} requests are under way in this client; wait for some to end"
            )
        self.retries.earn()
        self._numbers += 1
        call = Call(self._numbers, command, deadline, then, subscription)
        self.waiting.append(call)
        return call

    def finish(self, call: Call, value: Any, error: Exception | None) -> None:
        """Tell the outcome of a call that was taken out of the book."""
        if call.then is not None:
            call.then(value, error)
        else:
            self._answers.append(Answered(call.number, value, error))

    def take_answers(self) -> list[Answered]:
        """Return and forget the users' requests that ended."""
        answers = list(self._answers)
        self._answers.clear()
        return answers

    def new_connection(self) -> None:
        """Begin the correlations anew; 1 is HELLO's."""
        self.open.clear()
        self._unwanted.clear()
        self._correlation = 1

    def take_correlation(self, call: Call) -> int:
        """Put a call among the open ones; return its correlation."""
        self._correlation = self._correlation % CORRELATION_MAX + 1
        while self._correlation in self.open:
            self._correlation = self._correlation % CORRELATION_MAX + 1
        self.open[self._correlation] = call
        return self._correlation

    def in_flight(self) -> list[Call]:
        """Return the open calls that someone waits for."""
        return [call for call in self.open.values() if call is not None]

    def under_way(self) -> list[Call]:
        """Return every call that has not ended."""
        return self.in_flight() + self.waiting

    def take_ready(self, now: int, attached: bool, room: int) -> list[Call]:
        """Take out the calls to send now, in order, at most ``room``.

        Commands never overtake one another: while one waits for its next try, so do all after it.
        """
        ready: list[Call] = []
        held = False
        for call in sorted(self.waiting, key=lambda call: call.send_order):
            if call.not_before <= now:
                # Due, and waiting for something else from now on.
                call.not_before = 0
            if not attached and call.command.needs_session:
                continue
            if call.command.changes_state and (held or call.not_before):
                held = True
            elif not call.not_before and len(ready) < room:
                ready.append(call)
        taken = {call.number for call in ready}
        self.waiting = [call for call in self.waiting if call.number not in taken]
        return ready

    def requeue(self, which: Callable[[Call], bool]) -> None:
        """Take open calls back for another try; what was sent of them is in doubt."""
        for correlation, call in list(self.open.items()):
            if call is None or not which(call):
                continue
            self.open[correlation] = None
            if call.command.opcode == Opcode.UNSUBSCRIBE:
                # The subscription went with the connection or the login it was made on.
                self.finish(call, None, None)
            elif call.then is None or call.command.opcode not in _MADE_ANEW:
                call.again(in_doubt=True)
                self.waiting.append(call)

    def take_waiting(self, which: Callable[[Call], bool]) -> list[Call]:
        """Take out and return the waiting calls that ``which`` picks."""
        taken = [call for call in self.waiting if which(call)]
        self.waiting = [call for call in self.waiting if not which(call)]
        return taken

    def take_overdue(self, now: int) -> list[tuple[Call, bool]]:
        """Take out the calls whose deadline has passed, and tell whether each was open.

        An open one's correlation stays taken: its answer may still come, to be thrown away.
        """
        late: list[tuple[Call, bool]] = []
        for correlation, call in self.open.items():
            if call is not None and call.deadline is not None and call.deadline <= now:
                self._leave(correlation, call)
                late.append((call, True))
        waiting = self.take_waiting(lambda c: c.deadline is not None and c.deadline <= now)
        return late + [(call, False) for call in waiting]

    def abandon(self, number: int) -> Call | None:
        """Forget a call whose caller no longer waits; returns it."""
        for correlation, call in self.open.items():
            if call is not None and call.number == number:
                self._leave(correlation, call)
                return call
        found = self.take_waiting(lambda call: call.number == number)
        return found[0] if found else None

    def _leave(self, correlation: int, call: Call) -> None:
        self.open[correlation] = None
        if call.command.opcode in _TRANSFERS and len(self._unwanted) < CALLS_MAX:
            self._unwanted.append(correlation)

    def take_unwanted(self) -> list[int]:
        """Return and forget the correlations of transfers that nobody waits for any more."""
        unwanted, self._unwanted = self._unwanted, []
        return [correlation for correlation in unwanted if correlation in self.open]

    def next_deadline(self, sending: bool) -> int | None:
        """Return when the first call is overdue or, if ``sending``, due for another try."""
        due = [call.deadline for call in self.under_way() if call.deadline is not None]
        if sending:
            due += [call.not_before for call in self.waiting if call.not_before]
        return min(due, default=None)


def reference(connection: Connection | None, correlation: int) -> str:
    """Return what the servers' logs find a request by: ``connection:request``."""
    peer = connection.peer if connection is not None else None
    return f"{peer.connection_id}:{correlation}" if isinstance(peer, m.HelloReply) else ""
