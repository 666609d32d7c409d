"""What the worker answers itself: quotes it has, public subscriptions, cached replies.

Only the bodies of requests answered here are read. What cannot be answered here goes on to the
master as it came.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from papertrader.core.instants import MILLISECOND, SECOND
from papertrader.core.quotes import BAR_INTERVALS_S, QuoteFlag
from papertrader.net.clock import Clock
from papertrader.wire import codec, limits
from papertrader.wire.codec import CACHED, RESPONSE, Header
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Category, Opcode, Status, Tag, Topic
from papertrader.wire.messages import (
    QuoteGet,
    QuoteReply,
    QuoteRow,
    Subscribe,
    SubscribeReply,
    SymbolRow,
    Unsubscribe,
    UnsubscribeReply,
)
from papertrader.worker.cache import ReplyCache, request_key
from papertrader.worker.topics import MARKET_TOPIC, Subscriber, Topics, TopicsFullError

STALE_S: Final = 5
"""Quotes given out so long after the link to the master was lost are flagged STALE."""
QUESTIONS_MAX: Final = 1_024
"""QUOTE_GETs whose reading is remembered: most ask again what was asked before. At the bound all
are forgotten."""
QUESTION_OCTETS: Final = 512
"""A longer one is read each time."""
_OBSERVED_AT: Final = slice(112, 120)
_FLAGS: Final = slice(128, 130)
_ROOT: Final = limits.HEADER_SIZE

if QuoteRow.SIZE != 136:
    raise RuntimeError("the places of observed_at and flags in QuoteRow have moved")


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
        self._questions: dict[bytes, tuple[list[bytes], int]] = {}

    @property
    def is_stale(self) -> bool:
        """Whether quotes known here may have been overtaken: the link is lost for STALE_S."""
        return self._master.silent_ns >= STALE_S * SECOND

    def symbols_of(self, header: Header, octets: bytes) -> tuple[bytes, ...]:
        """Return the symbols of a QUOTE_GET that was read before."""
        request = codec.decode_body(header, octets)
        return tuple(packed_symbols(request.symbols)) if isinstance(request, QuoteGet) else ()

    def cached(self, client: Subscriber, header: Header, octets: bytes) -> bool:
        """Answer a request from the cache; tell whether that was possible."""
        found = self.cache.answer(request_key(octets), header.session, header.correlation)
        if found is None:
            return False
        client.send(*found)
        return True

    def quotes(self, client: Subscriber, header: Header, octets: bytes) -> bool:
        """Answer QUOTE_GET from the newest quotes if all are here; raises `RemoteFault`."""
        symbols, max_age_ms = self._question(header, octets)
        rows = self.topics.newest(symbols)
        now = self._clock.wall_ns() + self._master.offset_ns
        if rows is None or not _young(rows, now, max_age_ms):
            return False
        if self.is_stale:
            rows = [_stale(row) for row in rows]
        else:
            self.topics.asked(symbols)
        block = QuoteReply(as_of=now, rows=len(rows)).pack()
        group = codec.group(Tag.QUOTES, QuoteRow.SIZE, rows)
        client.send(
            codec.frame(
                Category.DATA, Opcode.QUOTE_GET, block, group, flags=RESPONSE | CACHED,
                session=header.session, correlation=header.correlation,
            )
        )  # fmt: skip
        return True

    def _question(self, header: Header, octets: bytes) -> tuple[list[bytes], int]:
        """Return the packed symbols and the greatest age in ms that a QUOTE_GET asks for."""
        # All but session, correlation and seq, which say nothing about what is asked.
        key = octets[:16] + octets[_ROOT:]
        known = self._questions.get(key)
        if known is not None:
            return known
        request = codec.decode_body(header, octets)
        if not isinstance(request, QuoteGet):
            raise RemoteFault(Status.INVALID_FIELD, "QUOTE_GET is expected")
        question = packed_symbols(request.symbols), request.max_age_ms
        # A checksum covers what the key leaves out, so it is looked at each time.
        if len(octets) <= QUESTION_OCTETS and not header.flags & codec.CHECKSUM:
            if len(self._questions) >= QUESTIONS_MAX:
                self._questions.clear()
            self._questions[key] = question
        return question

    def subscribe(self, client: Subscriber, header: Header, octets: bytes) -> bool:
        """Serve SUBSCRIBE of a public topic; False for ACCOUNT; raises `RemoteFault`."""
        if _first_u32(header, octets) == Topic.ACCOUNT:
            return False
        request = codec.decode_body(header, octets)
        if not isinstance(request, Subscribe):
            raise RemoteFault(Status.INVALID_FIELD, "SUBSCRIBE is expected")
        topics = _topics_of(request)
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


def _topics_of(request: Subscribe) -> set[bytes]:
    """Return the topics that a SUBSCRIBE asks for; raises `RemoteFault`."""
    symbols = set(packed_symbols(request.symbols))
    if request.topics == Topic.MARKET:
        if symbols:
            raise RemoteFault(Status.INVALID_FIELD, "the market has no symbols", Tag.SYMBOLS)
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


def packed_symbols(rows: Iterable[SymbolRow]) -> list[bytes]:
    """Return symbols as they stand in a quote: 16 octets; raises `RemoteFault` for an empty one."""
    symbols = [row.symbol.encode("ascii").ljust(16, b"\0") for row in rows]
    if any(not symbol[0] for symbol in symbols):
        raise RemoteFault(Status.INVALID_FIELD, "a symbol is empty")
    return symbols


def _first_u32(header: Header, octets: bytes) -> int:
    """Return the first field of a root block that is not read otherwise."""
    return int.from_bytes(octets[_ROOT : _ROOT + 4], "big") if header.block_len >= 4 else 0


def _young(rows: Iterable[bytes], now: int, max_age_ms: int) -> bool:
    if not max_age_ms:
        return True
    oldest = min(int.from_bytes(row[_OBSERVED_AT], "big") for row in rows)
    return now - oldest <= max_age_ms * MILLISECOND


def _stale(row: bytes) -> bytes:
    flags = int.from_bytes(row[_FLAGS], "big") | QuoteFlag.STALE
    return row[: _FLAGS.start] + flags.to_bytes(2, "big") + row[_FLAGS.stop :]
