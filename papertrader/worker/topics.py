"""Public events for many clients: the newest of each topic, who wants it, sent encoded once.

A topic is a symbol's quotes, a symbol's bars of one length, or the market. Its events come from the
master as ready frames. For each subscriber only octets 16 to 23 (session, correlation) differ: what
goes to all that want the same is cut once, and a delivery is one join of the pieces with the
subscriber's own octets. A client gets all events of one update in one write. `SPREAD_PER_TURN` are
served in a turn of the reactor, so that a large fan-out does not hold up what has just arrived.

A subscriber that reads too slowly, asked for an interval, or has not had the update before yet,
gets the newest event of each topic when its time has come: what lay between is conflated. A closed
bar is never left out: it is sent at once.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, pairwise
from typing import Final, Protocol

import attrs

from papertrader.core.instants import SECOND
from papertrader.net.clock import Clock, Timer
from papertrader.wire import codec, limits
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode, Status
from papertrader.wire.messages import QuoteRow

TOPICS_MAX: Final = 16_384
"""Topics that one worker follows. A subscription that needs more is answered SERVER_BUSY."""
ASKED_MAX: Final = 4_096
"""Symbols followed only because somebody asked for their quote; the longest unasked one goes."""
ASKED_S: Final = 60
"""How long a symbol is followed after it was asked for."""
SPREAD_PER_TURN: Final = 512
"""Subscriptions served in one turn of the reactor: some milliseconds."""

_ADDRESS: Final = struct.Struct(">II")
_ROW: Final = slice(limits.HEADER_SIZE, limits.HEADER_SIZE + QuoteRow.SIZE)
SYMBOL_SIZE: Final = 16
BAR_TOPIC_SIZE: Final = SYMBOL_SIZE + 4
MARKET_TOPIC: Final = b""
"""A topic is the first octets of its events' root block: 16 for quotes, 20 for bars, none for the
market."""
BAR_SIZE: Final = 72
MARKET_SIZE: Final = 40
"""Root blocks as the first revision of the protocol has them: a master of then sends no more."""
_SHAPES: Final = {
    int(Opcode.EV_QUOTE): (SYMBOL_SIZE, QuoteRow.SIZE),
    int(Opcode.EV_BAR): (BAR_TOPIC_SIZE, BAR_SIZE),
    int(Opcode.EV_MARKET): (0, MARKET_SIZE),
}
"""By opcode: size of the topic, and of the root block at least."""
_EV_BAR: Final = int(Opcode.EV_BAR)
_FINAL: Final = limits.HEADER_SIZE + BAR_TOPIC_SIZE
"""Where EV_BAR says that the bar is closed."""


class Subscriber(Protocol):
    """What a client connection is to the topics."""

    is_congested: bool

    def send(self, octets: bytes, frames: int = 1) -> None:
        """Send whole frames with everything else of this turn."""

    def send_at_once(self, octets: bytes, frames: int, now: int) -> None:
        """Send whole frames; ``now`` is the clock's wall time."""


@attrs.define(slots=True, eq=False)
class Subscription:
    """One SUBSCRIBE of a public topic. ``symbols`` are its topics (see `MARKET_TOPIC`)."""

    subscriber: Subscriber
    address: bytes
    interval: int
    symbols: set[bytes]
    next_at: int = 0
    held: dict[bytes, bytes] = attrs.Factory(dict)
    """The newest event of each topic that waits for its time."""
    ready: list[bytes] = attrs.Factory(list)
    """Events that are sent as soon as there is a turn, all of them."""
    timer: Timer | None = None


@attrs.define(slots=True, eq=False)
class _Topic:
    newest: bytes = b""
    subscriptions: dict[Subscription, None] = attrs.Factory(dict)


@attrs.define(slots=True, kw_only=True)
class TopicCounters:
    """What went through the topics."""

    conflated: int = 0
    unwanted: int = 0


class TopicsFullError(Exception):
    """TOPICS_MAX topics are followed already."""


class Topics:
    """All topics of a worker. ``tell`` reports interest to the master: (topic, True or False)."""

    def __init__(
        self, clock: Clock, tell: Callable[[bytes, bool], None], topics_max: int = TOPICS_MAX
    ) -> None:
        self.counters = TopicCounters()
        self.version = 0
        """Another one whenever what `newest` returns may have changed."""
        self._clock = clock
        self._tell = tell
        self._topics_max = topics_max
        self._topics: dict[bytes, _Topic] = {}
        self._subscriptions: dict[Subscriber, dict[int, Subscription]] = {}
        self._asked: OrderedDict[bytes, int] = OrderedDict()
        self._asked_timer: Timer | None = None
        self._due: dict[Subscription, None] = {}
        """Subscriptions with something ready; each once, so no more than there are."""
        self._spread_timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._topics)

    # --- subscriptions --------------------------------------------------------------------------

    def subscribe(
        self,
        subscriber: Subscriber,
        session: int,
        correlation: int,
        symbols: Iterable[bytes],
        interval_ms: int = 0,
    ) -> None:
        """Begin a subscription; raises `TopicsFullError` and changes nothing then."""
        wanted = set(symbols)
        if len(self._topics) + sum(each not in self._topics for each in wanted) > self._topics_max:
            raise TopicsFullError(f"{self._topics_max} topics are followed by this worker")
        subscription = Subscription(
            subscriber, _ADDRESS.pack(session, correlation), interval_ms * 1_000_000, wanted
        )
        self._subscriptions.setdefault(subscriber, {})[correlation] = subscription
        for symbol in wanted:
            self._topic(symbol).subscriptions[subscription] = None

    def snapshot(self, subscriber: Subscriber, correlation: int) -> None:
        """Send the newest known event of each topic of a subscription."""
        subscription = self._subscriptions[subscriber][correlation]
        for symbol in sorted(subscription.symbols):
            newest = self._topics[symbol].newest
            if newest:
                subscription.held[symbol] = newest
        self._send_held(subscription)

    def unsubscribe(
        self, subscriber: Subscriber, correlation: int, symbols: Iterable[bytes] = ()
    ) -> int | None:
        """End a subscription, or only ``symbols`` of it, whatever their interval.

        Returns how many topics are left, None if there is no such subscription.
        """
        subscription = self._subscriptions.get(subscriber, {}).get(correlation)
        if subscription is None:
            return None
        chosen = set(symbols)
        leaving = {s for s in subscription.symbols if not chosen or s[:SYMBOL_SIZE] in chosen}
        if subscription in self._due:
            # What was ready comes before the answer, nothing of these topics after it.
            self._send_ready(subscription)
        self._leave(subscription, leaving)
        if not subscription.symbols:
            self._end(subscriber, correlation, subscription)
        return len(subscription.symbols)

    def drop(self, subscriber: Subscriber, linger: bool = False) -> None:
        """End all subscriptions of a client.

        With ``linger`` its quotes are followed a while longer: the client will come again.
        """
        for correlation, subscription in list(self._subscriptions.get(subscriber, {}).items()):
            if linger:
                self.asked(s for s in subscription.symbols if len(s) == SYMBOL_SIZE)
            self._leave(subscription, set(subscription.symbols))
            self._end(subscriber, correlation, subscription)

    def counts(self, subscriber: Subscriber) -> tuple[int, int]:
        """Return a client's number of subscriptions and of symbols in them."""
        mine = self._subscriptions.get(subscriber, {}).values()
        return len(mine), sum(len(each.symbols) for each in mine)

    def has(self, subscriber: Subscriber, correlation: int) -> bool:
        """Tell whether this is a subscription of that client."""
        return correlation in self._subscriptions.get(subscriber, {})

    # --- newest quotes --------------------------------------------------------------------------

    def newest(self, symbols: Iterable[bytes]) -> list[bytes] | None:
        """Return the quote row of each symbol, in order; None if one is not known here."""
        rows = []
        for symbol in symbols:
            topic = self._topics.get(symbol)
            if topic is None or not topic.newest:
                return None
            rows.append(topic.newest[_ROW])
        return rows

    def asked(self, symbols: Iterable[bytes]) -> None:
        """Follow symbols for ASKED_S from now. What does not fit the bounds is not followed."""
        until = self._clock.monotonic_ns() + ASKED_S * SECOND
        for symbol in symbols:
            if symbol not in self._topics and len(self._topics) >= self._topics_max:
                continue
            self._topic(symbol)
            self._asked[symbol] = until
            self._asked.move_to_end(symbol)
            if len(self._asked) > ASKED_MAX:
                self._forget_asked(next(iter(self._asked)))
        if self._asked and self._asked_timer is None:
            self._asked_timer = self._clock.call_later(ASKED_S, self._expire_asked)

    def renew(self) -> None:
        """Tell a master that does not know it what is followed here; it sends the newest quotes."""
        self.version += 1
        for symbol, topic in self._topics.items():
            topic.newest = b""
            self._tell(symbol, True)

    def void(self) -> None:
        """What is known or held back is of a time that was turned back: ask for the newest."""
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions.values():
                subscription.held.clear()
                subscription.ready.clear()
        self.renew()

    def stop(self) -> None:
        """End everything without telling anyone."""
        for subscriptions in list(self._subscriptions.values()):
            for subscription in subscriptions.values():
                if subscription.timer is not None:
                    subscription.timer.cancel()
        self.version += 1
        self._subscriptions.clear()
        self._topics.clear()
        self._asked.clear()
        self._due.clear()
        for timer in (self._asked_timer, self._spread_timer):
            if timer is not None:
                timer.cancel()
        self._asked_timer = self._spread_timer = None

    # --- fan-out --------------------------------------------------------------------------------

    def publish(self, inner: bytes) -> None:
        """Take event frames of the master and deliver them.

        Raises `RemoteFault` if ``inner`` is not a row of whole frames of public events.
        """
        self.version += 1
        now = self._clock.monotonic_ns()
        # Whoever has not had the update before yet is behind; it gets the newest of both.
        behind = self._due
        due: dict[Subscription, None] = {}
        held: dict[Subscription, None] = {}
        for symbol, closed, event in _events(inner):
            topic = self._topics.get(symbol)
            if topic is None:
                self.counters.unwanted += 1
                continue
            topic.newest = event
            for subscription in topic.subscriptions:
                if closed:
                    subscription.held.pop(symbol, None)
                    subscription.ready.append(event)
                    due[subscription] = None
                elif (
                    subscription.interval
                    or subscription.subscriber.is_congested
                    or subscription in behind
                ):
                    if symbol in subscription.held:
                        self.counters.conflated += 1
                    subscription.held[symbol] = event
                    held[subscription] = None
                else:
                    subscription.ready.append(event)
                    due[subscription] = None
        for subscription in held:
            if subscription.interval or subscription not in behind:
                self._release(subscription, now)
        behind.update(due)
        if self._spread_timer is None:
            self._spread()

    def drained(self, subscriber: Subscriber) -> None:
        """A slow client reads again: send it the newest of what was held back."""
        now = self._clock.monotonic_ns()
        for subscription in list(self._subscriptions.get(subscriber, {}).values()):
            self._release(subscription, now)

    def _spread(self) -> None:
        """Serve the subscriptions whose turn it is, and see to it that the others get theirs."""
        self._spread_timer = None
        due = self._due
        if len(due) > SPREAD_PER_TURN:
            batch = list(islice(due, SPREAD_PER_TURN))
            for subscription in batch:
                del due[subscription]
            self._spread_timer = self._clock.call_later(0, self._spread)
        else:
            batch, self._due = list(due), {}
        cut: dict[tuple[bytes, ...], list[bytes]] = {}
        now, wall = self._clock.monotonic_ns(), self._clock.wall_ns()
        for subscription in batch:
            ready = subscription.ready
            if subscription.held:
                self._join_held(subscription)
            if ready:
                self._deliver(subscription, cut, now, wall)

    def _join_held(self, subscription: Subscription) -> None:
        """Let what came while a subscription waited for its turn go with what it waited with."""
        if not (subscription.interval or subscription.subscriber.is_congested):
            subscription.ready += subscription.held.values()
            subscription.held.clear()

    def _release(self, subscription: Subscription, now: int) -> None:
        """Send what is held if its time has come, or see to it that it will be sent."""
        if not subscription.held or subscription.subscriber.is_congested:
            # A congested client is served by `drained`.
            return
        if now >= subscription.next_at:
            self._send_held(subscription)
        elif subscription.timer is None:
            wait = (subscription.next_at - now) / SECOND
            subscription.timer = self._clock.call_later(wait, self._interval_over, subscription)

    def _deliver(
        self,
        subscription: Subscription,
        cut: dict[tuple[bytes, ...], list[bytes]],
        now: int,
        wall: int,
    ) -> None:
        """Send what is ready; ``cut`` has the pieces of what was sent to others in this turn."""
        ready, subscription.ready = tuple(subscription.ready), []
        if subscription.interval:
            subscription.next_at = now + subscription.interval
        pieces = cut.get(ready)
        if pieces is None:
            pieces = cut[ready] = _pieces(ready)
        frames = len(ready)
        subscription.subscriber.send_at_once(subscription.address.join(pieces), frames, wall)

    def _send_held(self, subscription: Subscription) -> None:
        """Send what is held, after what is ready; its turn is now."""
        subscription.ready += subscription.held.values()
        subscription.held.clear()
        self._send_ready(subscription)

    def _send_ready(self, subscription: Subscription) -> None:
        self._due.pop(subscription, None)
        if subscription.ready:
            self._deliver(subscription, {}, self._clock.monotonic_ns(), self._clock.wall_ns())

    def _interval_over(self, subscription: Subscription) -> None:
        subscription.timer = None
        self._release(subscription, max(self._clock.monotonic_ns(), subscription.next_at))

    # --- interest -------------------------------------------------------------------------------

    def _topic(self, symbol: bytes) -> _Topic:
        topic = self._topics.get(symbol)
        if topic is None:
            topic = self._topics[symbol] = _Topic()
            self._tell(symbol, True)
        return topic

    def _leave(self, subscription: Subscription, symbols: set[bytes]) -> None:
        for symbol in symbols & subscription.symbols:
            subscription.symbols.discard(symbol)
            subscription.held.pop(symbol, None)
            self._topics[symbol].subscriptions.pop(subscription, None)
            self._drop_unwanted(symbol)

    def _end(self, subscriber: Subscriber, correlation: int, subscription: Subscription) -> None:
        if subscription.timer is not None:
            subscription.timer.cancel()
        self._due.pop(subscription, None)
        mine = self._subscriptions[subscriber]
        del mine[correlation]
        if not mine:
            del self._subscriptions[subscriber]

    def _drop_unwanted(self, symbol: bytes) -> None:
        if symbol not in self._asked and not self._topics[symbol].subscriptions:
            self.version += 1
            del self._topics[symbol]
            self._tell(symbol, False)

    def _forget_asked(self, symbol: bytes) -> None:
        del self._asked[symbol]
        self._drop_unwanted(symbol)

    def _expire_asked(self) -> None:
        self._asked_timer = None
        now = self._clock.monotonic_ns()
        while self._asked:
            symbol, until = next(iter(self._asked.items()))
            if until > now:
                wait = (until - now) / SECOND
                self._asked_timer = self._clock.call_later(wait, self._expire_asked)
                return
            self._forget_asked(symbol)


def _pieces(events: Sequence[bytes]) -> list[bytes]:
    """Return events without session and correlation, cut where a subscriber's own belong."""
    pieces = [events[0][:16]]
    for before, event in pairwise(events):
        pieces.append(before[24:] + event[:16])
    pieces.append(events[-1][24:])
    return pieces


def _events(inner: bytes) -> Iterable[tuple[bytes, bool, bytes]]:
    """Give each frame with its topic, and whether it is a closed bar."""
    offset, size = 0, len(inner)
    while offset < size:
        if size - offset < limits.HEADER_SIZE:
            raise RemoteFault(Status.BAD_LENGTH, "a published frame is cut short")
        header = codec.parse_header(inner, offset)
        codec.check_header(header, limits.FRAME_MAX)
        shape = _SHAPES.get(header.opcode)
        if shape is None or header.flags & codec.CHECKSUM:
            raise RemoteFault(Status.PROTOCOL_STATE, "only plain public events are published")
        topic_size, least = shape
        root = offset + limits.HEADER_SIZE
        end = root + header.length
        if end > size or header.block_len < least:
            raise RemoteFault(Status.BAD_LENGTH, "a published frame is cut short")
        closed = header.opcode == _EV_BAR and inner[offset + _FINAL] != 0
        yield inner[root : root + topic_size], closed, inner[offset:end]
        offset = end
