"""One request on its way: what was sent of it, what is in doubt, and which error ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from papertrader.client import errors
from papertrader.client.commands import Command
from papertrader.client.conversion import order_of
from papertrader.core.instants import MILLISECOND, SECOND
from papertrader.core.orders import OrderState
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.codec import Failure, describe
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode, Status
from papertrader.wire.messages import OrderReply

CALLS_MAX: Final = 1_024
"""Requests one client keeps, waiting and open; one more raises `TooManyCalls`."""
RETRY_MIN: Final = 100 * MILLISECOND
RETRY_MAX: Final = 2 * SECOND

NOT_EXECUTED: Final = frozenset(
    {
        Status.RATE_LIMITED,
        Status.TOO_MANY_INFLIGHT,
        Status.SERVER_BUSY,
        Status.MASTER_UNAVAILABLE,
        Status.READ_ONLY,
        Status.SHUTDOWN,
        Status.CLOCK_SKEW,
        Status.EXPIRED,
    }
)
"""Statuses that say: not executed, ask again later."""

ASKED_LESS: Final = frozenset({Status.SERVER_BUSY, Status.EXPIRED})
"""Those of a server with too much to do: their repeats have a budget (`RetryBudget`)."""

SESSION_OVER: Final = frozenset(
    {Status.SESSION_EXPIRED, Status.SESSION_REVOKED, Status.SESSION_TAKEN_OVER}
)
"""Statuses after which a session cannot be resumed."""

ONCE_ONLY: Final = (
    m.PasswordChange,
    m.ApiKeyCreate,
    m.TotpEnable,
    m.TotpDisable,
    m.RecoveryRenew,
    m.InviteCreate,
    m.ResetCreate,
    m.OrderCancelAll,
    m.PositionClose,
    m.PortfolioCreate,
    m.PortfolioReset,
    m.PortfolioCash,
    m.PortfolioFork,
    m.PortfolioCorrect,
    m.ContestCreate,
    m.ContestJoin,
    m.AlertCreate,
    m.ClockSet,
)
"""Commands that would fail or do harm if they were done twice: their owner has to look."""

Outcome = Callable[[Any, Exception | None], None]


@attrs.frozen
class Answered:
    """The end of a request: its value, or the error to raise."""

    call: int
    value: Any = attrs.field(repr=False)
    error: Exception | None = None


@attrs.define(eq=False)
class Call:
    """A request from `submit` to its answer.

    ``doubtful`` is set when a copy of it may have been executed without our knowing: then it may
    only be repeated with the same ``seq``. ``then`` takes the outcome of requests that the session
    makes for itself.
    """

    number: int
    command: Command[Any]
    deadline: int | None
    then: Outcome | None = None
    subscription: int = 0
    seq: int = 0
    doubtful: bool = False
    repeated: bool = False
    not_before: int = 0
    tries: int = 0
    revived: bool = False
    refusal: errors.RefusedError | None = None
    parts: list[Message] = attrs.field(factory=list, repr=False)
    rows: int = 0

    @property
    def send_order(self) -> tuple[bool, int, int]:
        """Repeated commands first, by their sequence number; the rest as they were submitted."""
        return (self.seq == 0, self.seq, self.number)

    def take(self, message: Message, more: bool) -> bool:
        """Take one part of the reply; tell whether it is complete.

        Raises a fatal `RemoteFault` when parts are missing, out of order or too many.
        """
        part = getattr(message, "part", 0)
        self.parts.append(message)
        if not part:
            if more or len(self.parts) > 1:
                raise RemoteFault(Status.PROTOCOL_STATE, "this reply comes in one part")
            return True
        self.rows += getattr(message, "rows", 0)
        if part != len(self.parts) or self.rows > limits.ROWS_MAX:
            raise RemoteFault(Status.PROTOCOL_STATE, "parts of a transfer are missing or too many")
        if more:
            return False
        total = getattr(message, "total_rows", self.rows)
        if getattr(message, "parts", part) != part or total != self.rows:
            raise RemoteFault(Status.PROTOCOL_STATE, "a transfer ended before its last part")
        return True

    def again(self, in_doubt: bool) -> None:
        """Make ready to be sent once more; ``in_doubt``: a copy may have been executed."""
        self.parts.clear()
        self.rows = 0
        self.repeated = True
        if in_doubt and (self.command.changes_state or self.command.opcode in _DOUBTFUL_TOO):
            self.doubtful = True
        if not self.doubtful:
            # Certainly not executed: a number above those executed meanwhile must be taken.
            self.seq = 0

    def unknown(self, why: str) -> errors.OutcomeUnknown:
        """Return the error for a command that may or may not have been executed."""
        key = self.command.client_order_id
        named = f" (client order id {key})" if key else ""
        return errors.OutcomeUnknown(
            f"whether {describe(self.command.opcode)}{named} was executed is not known: {why}; "
            "look before you send it again",
            key,
        )

    def overdue(self, in_flight: bool, why: str) -> Exception:
        """Return the error for a request whose deadline has passed."""
        command = self.command
        if self.doubtful or (
            in_flight and (command.changes_state or command.opcode == Opcode.REGISTER)
        ):
            return self.unknown(why or "no answer came in time")
        if self.refusal is not None:
            return self.refusal
        return errors.ConnectionLost(why or f"no answer to {describe(command.opcode)} in time")


_DOUBTFUL_TOO: Final = frozenset({Opcode.REGISTER, Opcode.LOGOUT})


def refusal_of(status: int, message: Message) -> errors.RefusedError:
    """Turn a reply whose status is not OK into the error to raise."""
    order = order_of(message) if isinstance(message, OrderReply) else None
    field = message.field if isinstance(message, Failure) else None
    return errors.refusal(status, getattr(message, "text", None) or "", order, field)


def is_done_already(call: Call, error: errors.RefusedError) -> bool:
    """Tell whether a repeated cancel was refused because the first one had been executed."""
    return (
        call.repeated
        and call.command.opcode == Opcode.ORDER_CANCEL
        and error.status == Status.ORDER_DONE
        and error.order is not None
        and error.order.state == OrderState.CANCELLED
    )


def retry_pause(tries: int, failure: Message, random_16: int) -> int:
    """Return how long to wait before the next try: the server's wish, or a growing pause.

    ``random_16`` (16 random bits) spreads it; nanoseconds.
    """
    wished = failure.retry_after_ms if isinstance(failure, Failure) else None
    pause = min(RETRY_MAX, RETRY_MIN << min(tries, 8))
    pause = pause // 2 + pause * random_16 // (1 << 17)
    return max(pause, (wished or 0) * MILLISECOND)
