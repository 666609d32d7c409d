"""The client's session without sockets and clock: requests, resume, safe resend, events.

A face (`blocking`, `aio`, `protocol`) owns the transport and the time. It dials what
`endpoint_to_dial` names, reports `connected`, `receive` and `lost`, writes what `data_to_send`
gives, closes when `wants_close`, and calls `handle_time` not later than `next_deadline`. Users'
requests come in by `submit`; what they are answered is fetched with `take_answers`, what the
server pushed with `take_event`. ``now`` is nanoseconds of one clock that never goes back.

Exactly once: a command keeps its sequence number as long as a copy of it may have been executed,
and commands are repeated in the order of their numbers before any new one is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from papertrader.client import errors
from papertrader.client import updates as u
from papertrader.client.attachment import Attachment
from papertrader.client.calls import Answered, Call
from papertrader.client.commands import Command, symbol_rows_of, whole_number
from papertrader.client.endpoints import Endpoint, WorkerChoice, usable
from papertrader.client.losses import SHUT_OUT, SHUT_OUT_TRIES
from papertrader.client.opcodes import LOGS_IN, SESSIONLESS
from papertrader.client.phases import PHASES, Login, Phase, Profile
from papertrader.client.replies import Replies, ignore
from papertrader.client.requests import RequestBook, reference
from papertrader.client.stream import Subscriptions, symbol_rows
from papertrader.core.buckets import TokenBucket
from papertrader.core.instants import MILLISECOND
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import EVENT, RESPONSE, Header
from papertrader.wire.connection import Connection, Link, State
from papertrader.wire.errors import LocalFault, RemoteFault
from papertrader.wire.kinds import Role, Status

FAULTS_MAX: Final = 3
"""Connections in a row that end with a protocol fault before everything open is given up."""


class ClientSession:
    """One user's session over changing connections (see the module)."""

    def __init__(
        self, profile: Profile, endpoints: Sequence[Endpoint], randbits: Callable[[int], int]
    ) -> None:
        self._profile = profile
        self._randbits = randbits
        self.workers = WorkerChoice(endpoints, randbits)
        self.phase = Phase.IDLE
        self._attachment = Attachment(randbits)
        self._requests = RequestBook()
        self._connection: Connection | None = None
        self._out: list[bytes] = []
        # Half of what a worker takes of control frames: PING and HEARTBEAT come on top.
        self._cancels = TokenBucket(limits.CONTROL_RATE // 2, limits.CONTROL_BURST // 2, 0)
        self._subscriptions = Subscriptions(self._requests)
        self._events = self._subscriptions.events
        self._replies = Replies(
            profile, randbits, self.workers, self._requests, self._subscriptions, self._attachment,
            self._leave,
        )  # fmt: skip
        self._reached = False
        self._failed_dials = 0
        self._shut_out = 0
        self._faults = 0
        self._last_reason = self.reference = ""

    @property
    def login(self) -> Login:
        """Where the login is."""
        return self._attachment.state

    # --- what the user asks ---------------------------------------------------------------------

    def submit(
        self, command: Command[Any], now: int, timeout: int | None = None, subscription: int = 0
    ) -> int:
        """Take a request; its answer carries the number returned.

        ``timeout`` in nanoseconds, None for the profile's. Raises `ValueError` for values that no
        frame can hold, `NotLoggedIn` if the command needs a session and there is none,
        `TooManyCalls`, and `ConnectionLost` after `close`.
        """
        if self.phase is Phase.CLOSED:
            raise errors.ConnectionLost("this client is closed; make a new one")
        try:
            codec.encode(command.message, correlation=1)
        except LocalFault as fault:
            raise ValueError(str(fault)) from None
        logging_in = any(
            call.then is None and call.command.opcode in LOGS_IN
            for call in self._requests.under_way()
        )
        if command.needs_session and self.login is Login.NONE and not logging_in:
            raise errors.NotLoggedIn(Status.NOT_LOGGED_IN, "there is no session; log in first")
        if command.opcode in LOGS_IN and (self.login is not Login.NONE or logging_in):
            raise ValueError("this client has a session already; log out first")
        deadline = now + (self._profile.timeout if timeout is None else timeout)
        call = self._requests.new(command, deadline, None, subscription)
        self._advance(now)
        return call.number

    def subscribe(self, request: m.Subscribe, now: int) -> int:
        """Take a SUBSCRIBE; the answer's value is the subscription's number."""
        number = self._requests.next_number()
        self._subscriptions.add(number, request)
        command = Command(message=request, read=lambda _parts: number)
        try:
            return self.submit(command, now, subscription=number)
        except Exception:
            self._subscriptions.remove(number)
            raise

    def unsubscribe(self, number: int, symbols: str | Iterable[str], now: int) -> int:
        """End a subscription, or leave ``symbols`` out of it; the answer's value is None."""
        gone = frozenset(row.symbol for row in symbol_rows_of(symbols, limits.SYMBOLS_MAX))
        subscription = self._subscriptions.get(whole_number(number, "subscription"))
        if subscription is None:
            raise ValueError(f"there is no subscription {number}")
        request = m.Unsubscribe(subscription=subscription.correlation, symbols=symbol_rows(gone))
        call_number = self.submit(Command(message=request, read=lambda _parts: None), now)
        self._subscriptions.leave_out(number, gone)
        return call_number

    def abandon(self, number: int) -> None:
        """Forget a request whose caller no longer waits; what was sent of it may still happen."""
        call = self._requests.abandon(number)
        if call is not None:
            self._subscriptions.remove(call.subscription)

    def close(self) -> None:
        """End for good: GOODBYE, and everything that is under way fails."""
        if self.phase is Phase.CLOSED:
            return
        self.phase = Phase.CLOSED
        in_flight = self._requests.in_flight()
        waiting = self._requests.take_waiting(lambda _call: True)
        self._requests.open.clear()
        for call in in_flight + waiting:
            error = call.overdue(call in in_flight, "the client was closed")
            self._requests.finish(call, None, error)
        self._subscriptions.clear()
        self._leave()
        self._attachment.token = b""

    def take_answers(self) -> list[Answered]:
        """Return and forget the requests that ended."""
        return self._requests.take_answers()

    def take_event(self) -> u.Event | None:
        """Return and forget the oldest thing that the server pushed, None if there is none."""
        return self._events.take()

    @property
    def has_events(self) -> bool:
        """Whether `take_event` has something."""
        return len(self._events) > 0

    # --- what the transport says ------------------------------------------------------------------

    def endpoint_to_dial(self, now: int) -> Endpoint | None:
        """Return the worker to connect to now; then `connected` or `lost` must follow."""
        if self.phase is not Phase.IDLE or now < self.workers.not_before or not self._is_wanted():
            return None
        self.phase = PHASES[self.phase, "dial"]
        return self.workers.current

    def connected(self, now: int) -> None:
        """The transport stands (TLS and ALPN checked); HELLO goes out."""
        if self.phase is Phase.CLOSED:
            return
        self.phase = PHASES[self.phase, "connected"]
        self._requests.new_connection()
        self._connection = Connection(
            Link(
                role=Role.CLIENT,
                initiator=True,
                frame_max=limits.FRAME_MAX,
                instance=self._randbits(64),
                keepalive_s=self._profile.keepalive_s,
                software=self._profile.software,
                grease=self._randbits(8) | 1,
            ),
            now,
        )

    def receive(self, data: bytes, now: int) -> None:
        """Take octets from the transport."""
        connection = self._connection
        if connection is None or self.phase is Phase.CLOSED:
            return
        frames = connection.receive(data, now)
        if self.phase is Phase.GREETING and connection.peer is not None:
            self._greeted()
        for header, octets in frames:
            if not self._take_frame(header, octets, now):
                break
        self._subscriptions.notice_next(connection.next_event_seq)
        self._advance(now)

    def lost(self, why: str, now: int, ended: bool = False) -> None:
        """The connection is gone, or could not be made; ``why`` is for people.

        ``ended``: the peer ended it, without a word of why.
        """
        if self.phase in {Phase.IDLE, Phase.CLOSED}:
            return
        connection, was_open = self._connection, self.phase is Phase.OPEN
        worker = str(self.workers.current)
        spoke = connection is not None and bool(connection.goodbye or connection.fault)
        shut_out = ended and not was_open and not spoke
        self._connection = None
        self._out.clear()
        self.phase = PHASES[self.phase, "lost"]
        retry_after = 0
        if connection is not None and connection.goodbye is not None:
            goodbye = connection.goodbye
            why = goodbye.text or errors.status_name(goodbye.code)
            retry_after = goodbye.retry_after_ms * MILLISECOND
            self.workers.learn(usable(goodbye.workers))
            self._faults += Status.BAD_MAGIC <= goodbye.code <= Status.DUPLICATE_CORRELATION
        elif connection is not None and connection.fault is not None:
            why = connection.fault.text
            self._faults += connection.fault.status != Status.KEEPALIVE_TIMEOUT
        elif shut_out:
            why = SHUT_OUT
        self._last_reason = f"{worker}: {why}"
        self._attachment.lost()
        self._requests.requeue(lambda _call: True)
        self._requests.open.clear()
        self._subscriptions.unbind()
        self.workers.failed(now, retry_after)
        if was_open:
            self._events.append(u.ConnectionUpdate(connected=False, worker=worker, reason=why))
        self._give_up(connection, shut_out)

    def data_to_send(self, now: int) -> bytes:
        """Return and forget what is to be written."""
        connection = self._connection
        if connection is None:
            return b""
        self._cancel_unwanted(now)
        octets = b"".join(self._out) + connection.data_to_send()
        self._out.clear()
        if octets:
            connection.sent(now)
        return octets

    def _cancel_unwanted(self, now: int) -> None:
        """End transfers that nobody waits for; too many at once are let come instead."""
        for correlation in self._requests.take_unwanted():
            if self.phase is Phase.OPEN and self._cancels.take(now):
                cancel = m.Cancel(target=correlation)
                self._out.append(codec.encode(cancel, session=self._attachment.handle))

    @property
    def wants_close(self) -> bool:
        """Whether the transport is to be closed once everything is written."""
        connection = self._connection
        return connection is not None and connection.state is State.CLOSED

    def next_deadline(self) -> int | None:
        """Return when `handle_time` or `endpoint_to_dial` wants to be called at the latest."""
        is_open = self.phase is Phase.OPEN
        due = [self._requests.next_deadline(sending=is_open)]
        if self._connection is not None:
            due.append(self._connection.next_deadline())
        if self.phase is Phase.IDLE and self._is_wanted():
            due.append(self.workers.not_before)
        if is_open:
            due.append(self._attachment.due())
        return min((moment for moment in due if moment is not None), default=None)

    def handle_time(self, now: int) -> None:
        """Do what fell due: heartbeats, retries, deadlines."""
        if self.phase is Phase.CLOSED:
            return
        if self._connection is not None:
            self._connection.handle_time(now)
        for call, was_open in self._requests.take_overdue(now):
            why = call.overdue(was_open, "" if was_open else self._last_reason)
            self._replies.finish(call, None, why)
        self._advance(now)

    # --- sending ----------------------------------------------------------------------------------

    def _advance(self, now: int) -> None:
        connection = self._connection
        if self.phase is not Phase.OPEN or connection is None or self.wants_close:
            return
        resume_at = self._attachment.due()
        if resume_at is not None and now >= resume_at:
            resume = self._attachment.resume(self._subscriptions.stream.last)
            self._requests.new(resume, None, ignore)
        peer = connection.peer
        allowed = peer.max_inflight if isinstance(peer, m.HelloReply) else 0
        allowed = min(allowed or limits.INFLIGHT_MAX, limits.INFLIGHT_MAX)
        room = allowed - len(self._requests.open)
        for call in self._requests.take_ready(now, self.login is Login.ATTACHED, room):
            self._send(call)

    def _send(self, call: Call) -> None:
        command = call.command
        message = command.message
        correlation = self._requests.take_correlation(call)
        if isinstance(message, m.Subscribe):
            self._subscriptions.bind(call.subscription, correlation)
        if command.changes_state and not call.seq:
            call.seq = self._attachment.next_seq()
        self.reference = reference(self._connection, correlation)
        session = 0 if command.opcode in SESSIONLESS else self._attachment.handle
        self._out.append(
            codec.encode(message, session=session, correlation=correlation, seq=call.seq)
        )

    # --- receiving --------------------------------------------------------------------------------

    def _greeted(self) -> None:
        self.phase = PHASES[self.phase, "hello"]
        self._reached = True
        self._attachment.greeted()
        self._events.append(u.ConnectionUpdate(connected=True, worker=str(self.workers.current)))

    def _take_frame(self, header: Header, octets: bytes, now: int) -> bool:
        """Take one frame; tell whether the connection is still sound."""
        try:
            if header.flags & RESPONSE:
                if self._replies.take_reply(header, octets, now):
                    self._faults = 0
            elif header.flags & EVENT:
                self._replies.take_event(header, octets)
            else:
                raise RemoteFault(Status.PROTOCOL_STATE, "a worker does not ask its clients")
        except RemoteFault as fault:
            # What this version does not know is passed over; what breaks the protocol ends it.
            if fault.fatal and self._connection is not None:
                self._connection.fail(fault)
                return False
        return True

    # --- when it ends -----------------------------------------------------------------------------

    def _leave(self) -> None:
        """Say GOODBYE on the present connection; another one is made if there is anything to do."""
        if self._connection is not None:
            self._connection.say_goodbye(Status.OK)

    def _give_up(self, connection: Connection | None, shut_out: bool) -> None:
        """After a lost connection: fail what waits, if there is no sense in another try."""
        fault = connection.fault if connection is not None else None
        self._failed_dials += not self._reached
        error: Exception | None = None
        if fault is not None and fault.status == Status.VERSION_UNSUPPORTED:
            error = errors.ProtocolFault(self._last_reason)
        elif self._faults >= FAULTS_MAX:
            self._faults = 0
            error = errors.ProtocolFault(self._last_reason)
        elif (
            not self._reached
            and not self._profile.patient
            and self._failed_dials >= len(self.workers.known)
        ):
            self._shut_out = self._shut_out + 1 if shut_out else 0
            if not 0 < self._shut_out <= SHUT_OUT_TRIES:
                self._failed_dials = self._shut_out = 0
                error = errors.ConnectionLost(f"cannot connect to {self._last_reason}")
        if error is not None:
            for call in self._requests.take_waiting(lambda _call: True):
                self._replies.fail(call, error)

    def _is_wanted(self) -> bool:
        return bool(
            self._requests.waiting
            or self._subscriptions
            or self._profile.patient
            or self.login is not Login.NONE
        )
