"""Our own requests on a link: request number to Deferred, bounded in number and in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from papertrader.net.clock import Clock, Timer
from papertrader.wire import codec
from papertrader.wire.codec import Header
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Status

CALLS_MAX: Final = 64
"""Requests of ours that may be open on one link; one more fails with `TooManyCallsError`."""
CALL_TIMEOUT_S: Final = 5
_CORRELATION_MAX: Final = 0xFFFF_FFFF


class CallError(Exception):
    """A request of ours was not answered as hoped."""


class CallRefusedError(CallError):
    """The peer answered with a status other than OK."""

    def __init__(self, status: int, text: str) -> None:
        try:
            name = Status(status).name
        except ValueError:
            name = f"{status:#06x}"
        super().__init__(f"{name}: {text}" if text else name)
        self.status = status
        self.text = text


class CallTimeoutError(CallError):
    """The peer did not answer in time."""


class CallLostError(CallError):
    """The link was lost before the answer came: whether the request was executed is unknown."""


class TooManyCallsError(CallError):
    """CALLS_MAX requests are open already."""


@attrs.define(slots=True)
class _Call:
    answer: Deferred[Message]
    timer: Timer


class Caller:
    """Asks the peer and waits. ``send`` writes one frame to the link."""

    def __init__(
        self, send: Callable[[bytes], None], clock: Clock, calls_max: int = CALLS_MAX
    ) -> None:
        self._send = send
        self._clock = clock
        self._calls_max = calls_max
        self._calls: dict[int, _Call] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._calls)

    def call(self, message: Message, timeout_s: float = CALL_TIMEOUT_S) -> Deferred[Message]:
        """Send a request; the Deferred fires with the reply of status OK.

        It fails with `CallRefusedError`, `CallTimeoutError`, `CallLostError`, `RemoteFault` (the
        reply could not be read) or `TooManyCallsError` (at once; nothing was sent).
        """
        answer: Deferred[Message] = Deferred(lambda _: self._forget(number))
        if len(self._calls) >= self._calls_max:
            answer.errback(TooManyCallsError(f"{self._calls_max} requests are open already"))
            return answer
        number = self._free_number()
        timer = self._clock.call_later(timeout_s, self._time_out, number, timeout_s)
        self._calls[number] = _Call(answer, timer)
        answer.addBoth(self._ended, timer)
        self._send(codec.encode(message, correlation=number))
        return answer

    def reply_received(self, header: Header, octets: bytes) -> bool:
        """Take a reply; return False if no request of ours has its number."""
        call = self._calls.pop(header.correlation, None)
        if call is None:
            return False
        try:
            message = codec.decode_body(header, octets)
        except RemoteFault as fault:
            call.answer.errback(fault)
            return True
        if header.status:
            text = getattr(message, "text", None) or ""
            call.answer.errback(CallRefusedError(header.status, text))
        else:
            call.answer.callback(message)
        return True

    def fail_all(self, why: str) -> None:
        """Fail every open request: the link is lost."""
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.answer.errback(CallLostError(why))

    def _free_number(self) -> int:
        while self._next in self._calls:
            self._next = self._next % _CORRELATION_MAX + 1
        number = self._next
        self._next = self._next % _CORRELATION_MAX + 1
        return number

    def _forget(self, number: int) -> None:
        self._calls.pop(number, None)

    def _time_out(self, number: int, timeout_s: float) -> None:
        call = self._calls.pop(number)
        call.answer.errback(CallTimeoutError(f"no answer within {timeout_s} seconds"))

    @staticmethod
    def _ended(result: Message | Failure, timer: Timer) -> Message | Failure:
        timer.cancel()
        return result
