"""The link to the master: it reconnects for ever, and says what becomes of what was under way.

=================  ==========================================
state              what happens to a client's request
=================  ==========================================
CONNECTING         it waits
AUTHENTICATING     it waits
ACTIVE             it is relayed at once
LOST               it waits
=================  ==========================================

When the link becomes active again, waiting requests without a session are relayed (with their old
``worker_seq`` and flag RESENT if they were written before); those with one are answered
SESSION_DETACHED, since the master detached every session of the lost link. What has waited
LINK_WAIT_S is answered MASTER_UNAVAILABLE if it was never written, else OUTCOME_UNKNOWN.
"""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from papertrader.core.instants import SECOND
from papertrader.eventlog.trail import TRAILED
from papertrader.net.caller import CallError, CallLostError, CallRefusedError
from papertrader.net.clock import Clock, Timer
from papertrader.net.records import RecordFactory
from papertrader.wire import codec, limits
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Status, TopicKind
from papertrader.wire.messages import (
    ClientClose,
    TopicInterest,
    WorkerAuthReply,
    WorkerDrain,
    WorkerRow,
)
from papertrader.worker.clients import Clients, OpenRequest
from papertrader.worker.link import SHUT_OUT, MasterLink
from papertrader.worker.linkstate import TRANSITIONS, LinkHooks, LinkState, LinkTransitionError
from papertrader.worker.stamping import ENVELOPE_SIZE
from papertrader.worker.statistics import WorkerStatistics
from papertrader.worker.topics import BAR_TOPIC_SIZE, MARKET_TOPIC, SYMBOL_SIZE

BACKOFF_MIN_S: Final = 0.1
SEVERAL_BACKOFF_MAX_S: Final = 0.4
"""The longest wait where there are several masters: the next one may have taken over by now."""
SEVERAL_KEEPALIVE_S: Final = 1
SEVERAL_ANSWER_S: Final = 1.0
"""How long one of several masters may take from connecting to accepting the worker."""
BACKOFF_MAX_S: Final = 5.0
IN_VAIN_S: Final = 60
"""How often the log says why no link comes about, as long as the reason stays the same."""
_OF_TLS: Final = re.compile(r"\('[^']*', '[^']*', '([^']+)'\)")
"""What OpenSSL says, in the list of what it found wrong."""
LINK_WAIT_S: Final = 10
"""How long a request waits for the link to come back before it is answered without the master."""
LOG_EVERY_S: Final = 1
STEP_MAX: Final = 15 * SECOND
"""A worker whose clock is refused, and was stepped by more, begins anew. Half of what the master
bears: the other half may be the master's own."""
_UNAVAILABLE: Final = "the master cannot be reached; nothing was done, try again"
_UNKNOWN: Final = "the master cannot be reached; ask again with the same seq for the outcome"
_DETACHED: Final = "the link to the master was lost; send RESUME, then repeat the request"


# Python 3.11 looks the members of an enumeration up slowly, and each request asks.
_ACTIVE: Final = LinkState.ACTIVE
_OK: Final = Status.OK


class Upstream:
    """Relays the clients' requests and delivers what the master sends (see the module)."""

    log = Logger()

    def __init__(
        self,
        clock: Clock,
        clients: Clients,
        statistics: WorkerStatistics,
        random_source: random.Random,
        boot: int,
    ) -> None:
        self.state = LinkState.CONNECTING
        self.boot = boot
        self.epoch = 0
        """The highest epoch that a master has said to be in."""
        self.master: WorkerAuthReply | None = None
        self.clock = clock
        self.clients = clients
        self.statistics = statistics
        self.hooks: LinkHooks | None = None
        self.clock_is_stale: Callable[[], None] = lambda: None
        """Told when the master refuses our clock and the system's has been stepped."""
        self._random = random_source
        self._service: ClientService | None = None
        self._several = False
        self._answer_timer: Timer | None = None
        self._link: MasterLink | None = None
        self._failures = 0
        self._next_seq = 1
        self._window = limits.RELAY_WINDOW_FRAMES
        self._unacked: deque[tuple[int, int]] = deque(maxlen=limits.RELAY_WINDOW_FRAMES)
        self._unacked_octets = 0
        self._kept_octets = 0
        self._waiting: dict[int, OpenRequest] = {}
        self._waiting_new = 0
        self._waiting_octets = 0
        self._lost_at = 0
        self._left: MasterLink | None = None
        self._vain, self._vain_at = "", 0
        self._wait_timer: Timer | None = None
        self._stats_timer: Timer | None = None
        self._log_timer: Timer | None = None

    # --- life -----------------------------------------------------------------------------------

    def start(
        self,
        endpoint: IStreamClientEndpoint,
        tls: IOpenSSLClientConnectionCreator | None,
        reactor: IReactorTime,
        several: bool = False,
    ) -> None:
        """Begin to connect, and never stop trying until `stop`.

        ``several``: the endpoint goes to another master each time, and one of them must be found
        soon.
        """
        self._several = several
        if self.hooks is None:
            raise RuntimeError("the link's hooks must be set before it starts")
        self._lost_at = self.clock.monotonic_ns()
        factory: IProtocolFactory = _LinkFactory(self)
        if tls is not None:
            factory = RecordFactory(tls, True, factory, reactor)
        self._service = ClientService(
            endpoint, factory, retryPolicy=lambda _: self._backoff(), clock=reactor
        )
        self._service.startService()

    def stop(self) -> Deferred[None]:
        """Say GOODBYE to the master and stop for good."""
        self._stop_answer_timer()
        for timer in (self._wait_timer, self._stats_timer, self._log_timer):
            if timer is not None:
                timer.cancel()
        self._wait_timer = self._stats_timer = self._log_timer = None
        service, self._service = self._service, None
        if self._link is not None:
            self._link.say_goodbye(Status.SHUTDOWN, "the worker stops")
        stopped: Deferred[None] = Deferred()
        if service is None:
            stopped.callback(None)
        else:
            service.stopService().chainDeferred(stopped)
        return stopped

    def _backoff(self) -> float:
        """Return the seconds to wait before the next attempt, and note the failure of this one."""
        self._happened("failed")
        longest = SEVERAL_BACKOFF_MAX_S if self._several else BACKOFF_MAX_S
        ceiling = min(longest, BACKOFF_MIN_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return round(max(BACKOFF_MIN_S, ceiling * (0.5 + self._random.random() / 2)), 3)

    def _happened(self, event: str) -> None:
        try:
            self.state = TRANSITIONS[self.state, event]
        except KeyError:
            raise LinkTransitionError(f"{event} in state {self.state.value}") from None

    # --- the link's own protocol ----------------------------------------------------------------

    def link_made(self) -> MasterLink:
        """Return the protocol of a connection attempt that reached the master's port."""
        self._happened("retried")
        if not self._several:
            return MasterLink(self, self.clock, self.boot)
        link = MasterLink(self, self.clock, self.boot, SEVERAL_KEEPALIVE_S)
        self._left = None
        self._stop_answer_timer()
        self._answer_timer = self.clock.call_later(SEVERAL_ANSWER_S, self._no_answer, link)
        return link

    def _no_answer(self, link: MasterLink) -> None:
        """A master that is reached but does not answer: it hangs, or waits for its turn."""
        self._answer_timer = None
        if link.transport is not None and not link.ended:
            self._left = link
            link.abort()

    def _stop_answer_timer(self) -> None:
        timer, self._answer_timer = self._answer_timer, None
        if timer is not None:
            timer.cancel()

    def link_opened(self, link: MasterLink) -> None:
        """HELLO went both ways: say who we are."""
        self._happened("opened")
        self._link = link
        if self.hooks is None:
            raise RuntimeError("the link's hooks are not set")
        message = self.hooks.credentials(self._next_seq, len(self.clients))
        link.caller.call(message).addCallbacks(
            self._accepted, self._refused, callbackArgs=(link,), errbackArgs=(link,)
        ).addErrback(lambda failure: self.log.failure("the link could not begin", failure))

    def _refused(self, failure: object, link: MasterLink) -> None:
        error = getattr(failure, "value", failure)
        if isinstance(error, CallRefusedError):
            self.statistics.link_refusals += 1
            self.log.error("the master refused this worker: {error}", error=str(error))
            if error.status in SHUT_OUT:
                self.shut_out()
            elif error.status == Status.CLOCK_SKEW:
                self._look_at_the_clock()
        elif not isinstance(error, (CallError, RemoteFault)):
            self.log.error("the link could not begin: {error}", error=repr(error))
        link.say_goodbye(Status.OK, "not accepted")

    def _look_at_the_clock(self) -> None:
        """Find out whether it is our own clock that is wrong: the system's may have been stepped
        since this process read it. Without a master its clients wait in vain anyway."""
        stepped = self.clock.stepped_ns()
        if abs(stepped) > STEP_MAX:
            self.log.error(
                "the system's clock was stepped by {seconds} s since this process began",
                seconds=round(stepped / SECOND),
            )
            self.clock_is_stale()

    def _accepted(self, reply: Message, link: MasterLink) -> None:
        if not isinstance(reply, WorkerAuthReply) or link is not self._link or link.ended:
            return
        if reply.epoch < self.epoch:
            self.log.warn(
                "a master of epoch {old} answers, but {new} has begun: it is left",
                old=reply.epoch,
                new=self.epoch,
            )
            link.say_goodbye(Status.MASTER_SUPERSEDED, "a later epoch has begun")
            return
        self._stop_answer_timer()
        self.epoch = reply.epoch
        self._happened("accepted")
        other = self.master is None or self.master.master_boot != reply.master_boot
        self.master = reply
        self._failures = 0
        self._window = min(limits.RELAY_WINDOW_FRAMES, reply.relay_window or 1)
        self.log.info("the link to the master is active")
        link.begin_pings()
        self._resume(other)
        if reply.stats_every_s:
            self._stats_timer = self.clock.call_later(reply.stats_every_s, self._send_stats)
        self._log_timer = self.clock.call_later(LOG_EVERY_S, self._send_log)

    def link_closed(self, link: MasterLink, why: str) -> None:
        """The link is of no more use: keep what is under way until it is back."""
        if link is not self._link:
            if link is not self._left and self._service is not None:
                self._tell_in_vain(why)
            return
        self._link = None
        for timer in (self._stats_timer, self._log_timer):
            if timer is not None:
                timer.cancel()
        self._stats_timer = self._log_timer = None
        was_active = self.state is LinkState.ACTIVE
        if self.hooks is not None:
            self.hooks.lost()
        self._happened("failed")
        if not was_active or self._service is None:
            return
        self.statistics.link_losses += 1
        self.log.warn("the link to the master was lost: {why}", why=why or "no reason given")
        self._lost_at = self.clock.monotonic_ns()
        self._unacked.clear()
        self._unacked_octets = 0
        under_way = [request for client in self.clients for request in client.open.values()]
        under_way.sort(key=lambda request: request.received_at)
        self._waiting = {request.received_at: request for request in under_way}
        self._arm_wait()

    def _tell_in_vain(self, why: str) -> None:
        """Say that a master was reached and no link came about: each reason once a minute."""
        now = self.clock.monotonic_ns()
        if why == self._vain and now - self._vain_at < IN_VAIN_S * SECOND:
            return
        self._vain, self._vain_at = why, now
        of_tls = "; ".join(_OF_TLS.findall(why))
        if of_tls:
            why = f"{of_tls}; papertrader doctor on both machines tells which certificate or clock"
        self.log.warn("no link with the master came about: {why}", why=why or "no reason given")

    def published(self, inner: bytes) -> None:
        """Public events came for many clients."""
        if self.hooks is not None:
            self.hooks.publish(inner)

    def ordered_closed(self, order: ClientClose) -> None:
        """The master orders a client closed."""
        if self.hooks is not None:
            self.hooks.close_client(order)

    def invalidated(self, epoch: int) -> None:
        """What is known of the market does not count any more: its clock was turned back."""
        if self.hooks is not None:
            self.hooks.invalidated(epoch)

    def others_changed(self, workers: tuple[WorkerRow, ...]) -> None:
        """Other workers take clients than before."""
        if self.hooks is not None:
            self.hooks.others_changed(workers)

    def ordered_drained(self, order: WorkerDrain) -> None:
        """The master orders what becomes of the clients."""
        if self.hooks is not None:
            self.hooks.drain(order)

    def noticed(self, message: Message) -> bool:
        """Something else came from the master; False if it means nothing here."""
        return self.hooks is not None and self.hooks.noticed(message)

    def shut_out(self) -> None:
        """The master does not let this worker in any more."""
        if self.hooks is not None:
            self.hooks.shut_out()

    def call(self, message: Message) -> Deferred[Message]:
        """Ask the master for something of our own; fails with what `Caller.call` does."""
        if self.state is not LinkState.ACTIVE or self._link is None:
            return fail(CallLostError("there is no link to the master"))
        return self._link.caller.call(message)

    # --- relaying -------------------------------------------------------------------------------

    def relay(self, request: OpenRequest) -> Status:
        """Send a request on, or keep it until the link is back; OK, or why it was not taken."""
        size = len(request.octets) + ENVELOPE_SIZE
        if not request.session and self._kept_octets + size > limits.RELAY_WINDOW_OCTETS:
            return Status.SERVER_BUSY
        if self.state is not _ACTIVE:
            return self._hold(request, size)
        if not self._has_room(size):
            return Status.MASTER_UNAVAILABLE
        self._keep(request, size)
        self._write(request, size)
        return _OK

    def pass_on(self, notice: OpenRequest) -> None:
        """Send on what has no answer, if the link is active and has room; else it is dropped."""
        size = len(notice.octets) + ENVELOPE_SIZE
        if self.state is LinkState.ACTIVE and self._has_room(size):
            self._write(notice, size)

    def _has_room(self, size: int) -> bool:
        within = self._unacked_octets + size <= limits.RELAY_WINDOW_OCTETS
        return within and len(self._unacked) < self._window

    def answered(self, request: OpenRequest) -> None:
        """A request relayed before is open no more."""
        if not request.session:
            self._kept_octets -= len(request.octets) + ENVELOPE_SIZE
        if self._waiting and self._waiting.pop(request.received_at, None) is not None:
            self._count_waiting(request, -1)

    def tell(self, message: Message) -> None:
        """Send the master a notice if the link is active; else it is told all anew later."""
        if self.state is LinkState.ACTIVE and self._link is not None:
            self._link.send(codec.encode(message))

    def tell_interest(self, topic: bytes, add: bool) -> None:
        """Tell the master that the first client follows a topic, or the last no more."""
        name = topic[:SYMBOL_SIZE].rstrip(b"\0").decode("ascii")
        interval_s, kind = 0, TopicKind.QUOTE
        if len(topic) == BAR_TOPIC_SIZE:
            interval_s, kind = int.from_bytes(topic[SYMBOL_SIZE:], "big"), TopicKind.BAR
        elif topic == MARKET_TOPIC:
            kind = TopicKind.MARKET
        self.tell(TopicInterest(kind=kind, add=add, interval_s=interval_s, symbol=name))

    def acknowledged(self, worker_seq: int) -> None:
        """The master has taken every frame up to ``worker_seq``."""
        unacked = self._unacked
        while unacked and unacked[0][0] <= worker_seq:
            self._unacked_octets -= unacked.popleft()[1]

    def _keep(self, request: OpenRequest, size: int) -> None:
        if not request.session:
            self._kept_octets += size

    def _write(self, request: OpenRequest, size: int) -> None:
        if self._link is None:
            raise RuntimeError("an active link has a connection")
        resent = request.worker_seq != 0
        if not resent:
            request.worker_seq = self._next_seq
            self._next_seq += 1
        if request.opcode in TRAILED:
            # Before it leaves: the master's entries are to come after this one.
            self._note(request, f"relayed{' again' if resent else ''} as {request.worker_seq}")
        octets = request.client.envelope.wrap(
            request.received_at, request.worker_seq, request.octets, resent
        )
        self._unacked.append((request.worker_seq, size))
        self._unacked_octets += size
        if request.session:
            request.octets = b""
        statistics = self.statistics
        statistics.frames_up += 1
        statistics.octets_up += len(octets)
        self._link.send(octets)

    def _note(self, request: OpenRequest, what: str) -> None:
        seq = codec.Header._make(codec.HEADER.unpack_from(request.octets)).seq
        request.client.note(request, f"of session {request.session}, seq {seq}: {what}")

    # --- while the link is lost -----------------------------------------------------------------

    def _hold(self, request: OpenRequest, size: int) -> Status:
        if (
            self._waiting_new >= self._window
            or self._waiting_octets + size > limits.RELAY_WINDOW_OCTETS
        ):
            return Status.MASTER_UNAVAILABLE
        self._keep(request, size)
        if request.opcode in TRAILED:
            self._note(request, "waits for the link to the master")
        self._waiting[request.received_at] = request
        self._count_waiting(request, 1)
        self._arm_wait()
        return Status.OK

    def _count_waiting(self, request: OpenRequest, sign: int) -> None:
        if not request.worker_seq:
            self._waiting_new += sign
            self._waiting_octets += sign * (len(request.octets) + ENVELOPE_SIZE)

    def _arm_wait(self) -> None:
        if self._wait_timer is None and self._waiting:
            due = self._deadline(next(iter(self._waiting.values())))
            wait = max(0, due - self.clock.monotonic_ns()) / SECOND
            self._wait_timer = self.clock.call_later(wait, self._give_up)

    def _deadline(self, request: OpenRequest) -> int:
        """Monotonic instant: LINK_WAIT_S after arrival, and not before so long without link."""
        arrived = request.received_at - self.clock.wall_ns() + self.clock.monotonic_ns()
        return max(arrived, self._lost_at) + LINK_WAIT_S * SECOND

    def _give_up(self) -> None:
        self._wait_timer = None
        now = self.clock.monotonic_ns()
        for request in list(self._waiting.values()):
            if self._deadline(request) > now:
                break
            self._answer_unknown(request)
        self._arm_wait()

    def _resume(self, other_master: bool) -> None:
        """Bring a master up to date that has just accepted us, in this order: clients, interest,
        requests, and the clients about their sessions."""
        if self._wait_timer is not None:
            self._wait_timer.cancel()
            self._wait_timer = None
        waiting, self._waiting = self._waiting, {}
        self._waiting_new = self._waiting_octets = 0
        for client in self.clients:
            self.tell(client.announcement())
        if self.hooks is not None:
            self.hooks.activated(other_master)
        for request in waiting.values():
            self._resume_request(request)
        for client in self.clients:
            client.detach()

    def _resume_request(self, request: OpenRequest) -> None:
        client = request.client
        if client.open.get(request.correlation) is not request:
            return
        if request.session:
            client.give_up(request, Status.SESSION_DETACHED, _DETACHED)
        elif len(self._unacked) < self._window:
            self.statistics.resent += request.worker_seq != 0
            self._write(request, len(request.octets) + ENVELOPE_SIZE)
        else:
            self._answer_unknown(request)

    def _answer_unknown(self, request: OpenRequest) -> None:
        if request.worker_seq:
            self.statistics.outcome_unknown += 1
            request.client.give_up(request, Status.OUTCOME_UNKNOWN, _UNKNOWN)
        else:
            self.statistics.unavailable += 1
            request.client.give_up(request, Status.MASTER_UNAVAILABLE, _UNAVAILABLE)

    # --- figures --------------------------------------------------------------------------------

    @property
    def silent_ns(self) -> int:
        """Nanoseconds without an active link; 0 while it is active."""
        if self.state is LinkState.ACTIVE:
            return 0
        return self.clock.monotonic_ns() - self._lost_at

    @property
    def offset_ns(self) -> int:
        """Master's clock minus the worker's, by the quickest of the last PINGs."""
        return self._link.offset_ns if self._link is not None else 0

    @property
    def unacknowledged(self) -> int:
        """RELAY_UP frames that the master has not acknowledged."""
        return len(self._unacked)

    @property
    def waiting(self) -> int:
        """Requests that wait for the link."""
        return len(self._waiting)

    def _send_stats(self) -> None:
        if self.hooks is not None and self.master is not None:
            for message in self.hooks.stats():
                self.tell(message)
            self._stats_timer = self.clock.call_later(self.master.stats_every_s, self._send_stats)

    def _send_log(self) -> None:
        self._log_timer = self.clock.call_later(LOG_EVERY_S, self._send_log)
        link = self._link
        # A link that is full has better things to carry.
        if self.hooks is not None and link is not None and not link.is_congested:
            message = self.hooks.log()
            if message is not None:
                self.tell(message)


class _LinkFactory(Factory):
    noisy = False

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def buildProtocol(self, addr: object) -> MasterLink:
        return self._upstream.link_made()
