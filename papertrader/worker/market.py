"""What the worker answers itself: quotes it has, public subscriptions, cached replies.

Only the bodies of requests answered here are read. What cannot be answered here goes on to the
master as it came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from papertrader.core.instants import SECOND
from papertrader.core.quotes import BAR_INTERVALS_S
from papertrader.net.clock import Clock
from papertrader.wire import codec, limits
from papertrader.wire.codec import Header
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode, Status, Tag, Topic
from papertrader.wire.messages import (
    Subscribe,
    SubscribeReply,
    Unsubscribe,
    UnsubscribeReply,
)
from papertrader.worker.cache import ReplyCache, request_key
from papertrader.worker.questions import Question, Questions, packed_symbols, stale
from papertrader.worker.topics import MARKET_TOPIC, Subscriber, Topics, TopicsFullError

STALE_S: Final = 5
"""Quotes given out so long after the link to the master was lost are flagged STALE."""
_ROOT: Final = limits.HEADER_SIZE
_ADDRESS: Final = slice(16, 24)
"""Where session and correlation stand in a frame."""


class MasterView(Protocol):
    """What the market needs to know of the link to the master."""

    @property
    def silent_ns(self) -> int:
        """Nanoseconds without an active link; 0 while it is active."""

    @property
    def offset_ns(self) -> int:
        """Master's clock minus the worker's."""


class Market:
    """Serves public market data of one worker to its clients."""

    def __init__(self, clock: Clock, cache: ReplyCache, topics: Topics, master: MasterView) -> None:
        self.cache = cache
        self.topics = topics
        self._clock = clock
        self._master = master
        self.questions = Questions()
        self.public: dict[int, Callable[[Subscriber, Header, bytes], bool]] = {
            Opcode.ASSET_GET: self.cached,
            Opcode.ASSET_LIST: self.cached,
            Opcode.BARS_GET: self.cached,
            Opcode.MARKET_STATUS: self.cached,
            Opcode.CLOCK_GET: self.cached,
            Opcode.QUOTE_GET: self.latest,
            Opcode.SUBSCRIBE: self.subscribe,
            Opcode.UNSUBSCRIBE: self.unsubscribe,
        }
        """What answers each public request; False: it could not."""

    @property
    def is_stale(self) -> bool:
        """Whether quotes known here may have been overtaken: the link is lost for STALE_S."""
        return self._master.silent_ns >= STALE_S * SECOND

    def symbols_of(self, header: Header, octets: bytes) -> tuple[bytes, ...]:
        """Return the symbols of a QUOTE_GET that was read before."""
        return tuple(self.questions.read(header, octets).symbols)

    def cached(self, client: Subscriber, header: Header, octets: bytes) -> bool:
        """Answer a request from the cache; tell whether that was possible."""
        found = self.cache.answer(request_key(octets), header.session, header.correlation)
        if found is None:
            return False
        client.send(*found)
        return True

    def quotes(self, client: Subscriber, header: Header, octets: bytes) -> bool:
        """Answer QUOTE_GET from the newest quotes if all are here; raises `RemoteFault`."""
        question = self.questions.read(header, octets)
        tail = self.tail(question)
        if tail is None:
            return False
        client.send(question.answer_head + octets[_ADDRESS] + tail)
        return True

    def tail(self, question: Question) -> bytes | None:
        """Return what the answer to a question is now, from behind its address on; None if the
        quotes are not all here, or too old. After it, `Question.answer_head` holds."""
        topics = self.topics
        if question.version != topics.version:
            rows = topics.newest(question.symbols)
            if rows is None:
                return None
            question.keep(rows, topics.version)
        now = self._clock.wall_ns() + self._master.offset_ns
        if question.max_age and now - question.oldest > question.max_age:
            return None
        if self.is_stale:
            return question.tail(now, stale(question.rows))
        topics.asked(question.symbols)
        return question.tail(now, question.rows)

    def latest(self, client: Subscriber, header: Header, octets: bytes) -> bool:
        """Answer QUOTE_GET from quotes known here, or from a reply kept while the link lives."""
        if self.quotes(client, header, octets):
            return True
        return not self.is_stale and self.cached(client, header, octets)

    def subscribe(self, client: Subscriber, header: Header, octets: bytes) -> bool:
        """Serve SUBSCRIBE of a public topic; False for ACCOUNT; raises `RemoteFault`."""
        if _first_u32(header, octets) == Topic.ACCOUNT:
            return False
        request = codec.decode_body(header, octets)
        if not isinstance(request, Subscribe):
            raise RemoteFault(Status.INVALID_FIELD, "SUBSCRIBE is expected")
        topics = _topics_of(request, octets)
        self._check_counts(client, header.correlation, len(topics))
        session, correlation = header.session, header.correlation
        try:
            self.topics.subscribe(client, session, correlation, topics, request.min_interval_ms)
        except TopicsFullError as full:
            raise RemoteFault(Status.SERVER_BUSY, str(full)) from None
        client.send(codec.encode(SubscribeReply(), session=session, correlation=correlation))
        if request.snapshot:
            self.topics.snapshot(client, correlation)
        return True

    def unsubscribe(self, client: Subscriber, header: Header, octets: bytes) -> bool:
        """Serve UNSUBSCRIBE of a public topic; False if the subscription is not one of those."""
        if not self.topics.has(client, _first_u32(header, octets)):
            return False
        request = codec.decode_body(header, octets)
        if not isinstance(request, Unsubscribe):
            raise RemoteFault(Status.INVALID_FIELD, "UNSUBSCRIBE is expected")
        symbols = packed_symbols(request.symbols)
        left = self.topics.unsubscribe(client, request.subscription, symbols)
        client.send(
            codec.encode(
                UnsubscribeReply(symbols_left=left or 0),
                session=header.session,
                correlation=header.correlation,
            )
        )
        return True

    def _check_counts(self, client: Subscriber, correlation: int, symbols: int) -> None:
        if self.topics.has(client, correlation):
            raise RemoteFault(
                Status.INVALID_FIELD, f"request {correlation} already names a subscription"
            )
        subscriptions, followed = self.topics.counts(client)
        if subscriptions >= limits.SUBSCRIPTIONS_MAX:
            raise RemoteFault(
                Status.TOO_MANY_SYMBOLS,
                f"{limits.SUBSCRIPTIONS_MAX} subscriptions are open; end one first",
            )
        if followed + symbols > limits.SYMBOLS_MAX:
            raise RemoteFault(
                Status.TOO_MANY_SYMBOLS,
                f"{followed} symbols are subscribed to, at most {limits.SYMBOLS_MAX} may be",
            )


def _topics_of(request: Subscribe, octets: bytes) -> set[bytes]:
    """Return the topics that a SUBSCRIBE asks for; raises `RemoteFault`."""
    symbols = set(packed_symbols(request.symbols))
    if request.topics == Topic.MARKET:
        if symbols:
            where = codec.place_of(Tag.SYMBOLS, octets)
            raise RemoteFault(Status.INVALID_FIELD, "the market has no symbols", where)
        return {MARKET_TOPIC}
    if request.topics not in (Topic.QUOTES, Topic.BARS):
        raise RemoteFault(
            Status.INVALID_FIELD, "subscribe to one of QUOTES, BARS, MARKET, ACCOUNT", 0
        )
    if not symbols:
        raise RemoteFault(Status.MISSING_SECTION, "name the symbols that are wanted", Tag.SYMBOLS)
    if request.topics == Topic.QUOTES:
        return symbols
    if request.bar_interval_s not in BAR_INTERVALS_S:
        choices = ", ".join(map(str, BAR_INTERVALS_S))
        raise RemoteFault(
            Status.INTERVAL_UNSUPPORTED, f"bars come in intervals of {choices} seconds"
        )
    interval = request.bar_interval_s.to_bytes(4, "big")
    return {symbol + interval for symbol in symbols}


def _first_u32(header: Header, octets: bytes) -> int:
    """Return the first field of a root block that is not read otherwise."""
    return int.from_bytes(octets[_ROOT : _ROOT + 4], "big") if header.block_len >= 4 else 0
