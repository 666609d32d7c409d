"""What the server says: which request it ends, whether that is tried again, what it means for the
login.

`ClientSession` owns the connection and hands on what comes over it; here is decided what becomes of
a request, by its answer alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from papertrader.client import errors
from papertrader.client import updates as u
from papertrader.client.attachment import Attachment, check_resumed
from papertrader.client.calls import (
    ASKED_LESS,
    NOT_EXECUTED,
    ONCE_ONLY,
    SESSION_OVER,
    Call,
    is_done_already,
    refusal_of,
    retry_pause,
)
from papertrader.client.commands import Command
from papertrader.client.endpoints import WorkerChoice, usable
from papertrader.client.opcodes import LOGS_IN
from papertrader.client.phases import Login, Profile
from papertrader.client.requests import RequestBook
from papertrader.client.stream import Subscriptions
from papertrader.wire import codec, kinds
from papertrader.wire import messages as m
from papertrader.wire.codec import MORE, Header
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode, Status


def ignore(_value: Any, _error: Exception | None) -> None:
    """Take the outcome of a request whose reply does its work by itself."""


class Replies:
    """What becomes of requests. ``leave`` ends the present connection in good order."""

    def __init__(
        self,
        profile: Profile,
        randbits: Callable[[int], int],
        workers: WorkerChoice,
        requests: RequestBook,
        subscriptions: Subscriptions,
        attachment: Attachment,
        leave: Callable[[], None],
    ) -> None:
        self._profile = profile
        self._randbits = randbits
        self._workers = workers
        self._requests = requests
        self._subscriptions = subscriptions
        self._attachment = attachment
        self._leave = leave

    def take_reply(self, header: Header, octets: bytes, now: int) -> bool:
        """Take a reply; tell whether somebody waited for it. Raises `RemoteFault` for nonsense."""
        requests = self._requests
        if header.correlation not in requests.open:
            raise RemoteFault(Status.PROTOCOL_STATE, "a reply to nothing")
        call = requests.open[header.correlation]
        more = bool(header.flags & MORE) and not header.status
        if not more:
            del requests.open[header.correlation]
        self._workers.worked()
        if call is None:
            return False
        try:
            if header.opcode != call.command.opcode:
                raise RemoteFault(Status.PROTOCOL_STATE, "a reply to another request")
            message = codec.decode_body(header, octets)
            check_resumed(message)
            refused = isinstance(message, codec.Failure) or header.status not in {
                Status.OK,
                Status.RESUME_GAP,
            }
            complete = refused or call.take(message, more)
        except RemoteFault as fault:
            requests.open[header.correlation] = None
            why = f"the server's answer cannot be read ({fault})"
            unsure = call.command.changes_state
            self.finish(call, None, call.unknown(why) if unsure else errors.ProtocolFault(why))
            raise
        if refused:
            self._refused(call, header.status, message, now)
        elif complete:
            self._answered(call, header, message, now)
        return True

    def _answered(self, call: Call, header: Header, message: Message, now: int) -> None:
        if isinstance(message, m.LoginReply | m.ResumeReply):
            self._granted(header, message, now)
        elif isinstance(message, m.SubscribeReply):
            self._subscriptions.granted(call.subscription, header.status, message)
        elif isinstance(message, m.LogoutReply | m.AccountCloseReply):
            self._end_session()
            self._fail_bound(errors.NotLoggedIn(Status.NOT_LOGGED_IN, "this session was ended"))
        elif isinstance(message, m.WorkerListReply):
            self._workers.learn(usable(message.workers))
        try:
            value = call.command.read(call.parts)
        except (ValueError, ArithmeticError) as error:
            fault = errors.ProtocolFault(f"the server's answer makes no sense: {error}")
            self.finish(call, None, fault)
        else:
            self.finish(call, value, None)

    def _refused(self, call: Call, status: int, message: Message, now: int) -> None:
        error = refusal_of(status, message)
        bound = call.command.needs_session
        if call.command.opcode == Opcode.RESUME and call.then is not None:
            self._resume_refused(status, message, error, now)
        elif bound and status == Status.SESSION_DETACHED:
            call.again(in_doubt=True)
            self._requests.waiting.append(call)
            self._detach()
        elif bound and status == Status.NOT_LOGGED_IN and self._may_revive(call):
            call.revived = True
            call.again(in_doubt=False)
            self._requests.waiting.append(call)
            self._detach()
        elif status == Status.SESSION_IN_USE and call.command.opcode == Opcode.LOGIN:
            self._leave_session(call, error)
        elif status in NOT_EXECUTED or status == Status.OUTCOME_UNKNOWN:
            self._try_later(call, status, message, error, now)
        elif status == Status.SEQ_TOO_OLD and call.doubtful:
            self._look_for(call)
        elif status in SESSION_OVER and bound:
            self._requests.waiting.append(call)
            self._session_over(error)
        elif is_done_already(call, error):
            self.finish(call, error.order, None)
        elif call.doubtful and status == Status.USERNAME_TAKEN:
            why = "the name is taken now, perhaps by this request"
            self.finish(call, None, call.unknown(why))
        else:
            self.finish(call, None, error)

    def _may_revive(self, call: Call) -> bool:
        """Whether the session may be resumed for a request that found none; once for each."""
        return bool(self._attachment.token) and not call.revived

    def _leave_session(self, call: Call, error: errors.RefusedError) -> None:
        """This connection has a session that we were never told of, by a login whose answer was
        lost: on another connection the login begins anew."""
        if call.revived:
            self.finish(call, None, error)
            return
        call.revived = True
        call.again(in_doubt=False)
        self._requests.waiting.append(call)
        self._leave()

    def _try_later(
        self, call: Call, status: int, message: Message, error: errors.RefusedError, now: int
    ) -> None:
        call.again(in_doubt=status == Status.OUTCOME_UNKNOWN)
        call.refusal = error
        call.not_before = now + retry_pause(call.tries, message, self._randbits(16))
        if status in ASKED_LESS:
            call.not_before = max(call.not_before, self._requests.retries.due(now))
        call.tries += 1
        if call.deadline is not None and call.not_before >= call.deadline:
            self.finish(call, None, call.overdue(False, error.text))
        else:
            self._requests.waiting.append(call)

    def _look_for(self, call: Call) -> None:
        """A repeated command fell out of the reply store: ask for its order instead."""
        original = call.command.message

        def send_anew() -> None:
            # It was not executed, and with its old number it never can be.
            call.doubtful = False
            call.again(in_doubt=False)
            self._requests.waiting.append(call)

        def found(value: Any, error: Exception | None) -> None:
            if error is None:
                self.finish(call, value, None)
            elif isinstance(error, errors.NoSuchOrder):
                send_anew()
            else:
                self.finish(call, None, call.unknown(str(error)))

        if isinstance(original, m.OrderNew | m.OrderReplace):
            request = m.OrderGet(
                client_order_id=original.client_order_id, portfolio=original.portfolio
            )
            probe = Command(message=request, read=call.command.read)
            self._requests.new(probe, call.deadline, found)
        elif isinstance(original, ONCE_ONLY):
            self.finish(call, None, call.unknown("its answer is not kept any more"))
        else:
            # Done twice it does no harm: ORDER_DONE and the like tell the rest.
            send_anew()

    def take_event(self, header: Header, octets: bytes) -> None:
        """Take what the server pushes. Raises `RemoteFault` for nonsense."""
        message = codec.decode_body(header, octets)
        if isinstance(message, m.SessionEvent):
            if message.code == Status.SESSION_DETACHED:
                self._detach()
            elif message.code in SESSION_OVER and self._attachment.state is not Login.NONE:
                self._session_over(errors.refusal(message.code))
            return
        try:
            self._subscriptions.take(header, message)
        except (ValueError, ArithmeticError) as error:
            raise RemoteFault(Status.PROTOCOL_STATE, f"an event makes no sense: {error}") from None

    # --- the login --------------------------------------------------------------------------------

    def _granted(self, header: Header, message: m.LoginReply | m.ResumeReply, now: int) -> None:
        self._attachment.granted(header, message)
        self._subscriptions.renew()
        if self._profile.learn_workers:
            command = Command(message=m.WorkerList(), read=lambda _parts: None)
            self._requests.new(command, now + self._profile.timeout, ignore)

    def _resume_refused(
        self, status: int, message: Message, error: errors.RefusedError, now: int
    ) -> None:
        if kinds.may_retry(status) or status == Status.SESSION_IN_USE:
            self._attachment.put_off(message, now)
        else:
            self._session_over(error)

    def _detach(self) -> None:
        """The worker has lost our session though the connection stands: RESUME, then repeat."""
        if self._attachment.detach():
            self._requests.requeue(lambda call: call.command.needs_session)
            self._subscriptions.unbind()

    def _end_session(self) -> None:
        self._attachment.end()
        self._subscriptions.clear()

    def _session_over(self, error: errors.RefusedError) -> None:
        """The session is gone for good; what is in doubt stays unknown."""
        self._requests.requeue(lambda call: call.command.needs_session)
        self._end_session()
        self._subscriptions.events.append(u.SessionUpdate(code=error.code, reason=error.text))
        text = error.text.removesuffix(".")
        if "log in again" not in text:
            text += "; log in again"
        self._fail_bound(errors.refusal(error.status, text))

    def _fail_bound(self, error: Exception) -> None:
        """Fail every waiting request that needs the session that is no more."""
        for call in self._requests.take_waiting(lambda call: call.command.needs_session):
            if call.doubtful and call.command.opcode == Opcode.LOGOUT:
                # That is what it was to bring about.
                self.finish(call, 1, None)
            else:
                self.fail(call, error)

    def fail(self, call: Call, error: Exception) -> None:
        """End a call that is not tried any more; what may have been executed is unknown."""
        self.finish(call, None, call.unknown(str(error)) if call.doubtful else error)

    def finish(self, call: Call, value: Any, error: Exception | None) -> None:
        """Tell the outcome of a call that was taken out of the book, and what hangs on it."""
        if error is not None:
            self._subscriptions.remove_unestablished(call.subscription)
        self._requests.finish(call, value, error)
        if error is not None and call.then is None and call.command.opcode in LOGS_IN:
            self._fail_bound(errors.NotLoggedIn(Status.NOT_LOGGED_IN, f"the login failed: {error}"))
