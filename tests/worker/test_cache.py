"""The reply cache: exact keys, expiry, bounds, readdressing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactorClock

from papertrader.net.clock import Clock
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.codec import CACHED, CHECKSUM, MORE, REPLAYED, RESPONSE
from papertrader.wire.kinds import Opcode
from papertrader.worker.cache import CACHE_OCTETS, ENTRY_OCTETS, ReplyCache, request_key
from tests.link_kit import WALL_NS


def cache(octets_max: int = CACHE_OCTETS) -> tuple[ReplyCache, MemoryReactorClock]:
    """Return an empty cache and what moves its clock."""
    reactor = MemoryReactorClock()
    return ReplyCache(Clock(reactor, lambda: WALL_NS), octets_max), reactor


def reply(size: int = 10, correlation: int = 3, flags: int = 0) -> bytes:
    """A reply's frame."""
    return codec.frame(
        2, Opcode.BARS_GET, bytes(size), flags=RESPONSE | flags, session=7, correlation=correlation
    )


@pytest.mark.clause("9.9")
def test_a_hit_is_readdressed_and_flagged() -> None:
    """All parts come back in order for another session and request, CACHED, not REPLAYED."""
    it, _ = cache()
    it.store(b"key", [reply(10, flags=MORE | REPLAYED), reply(20)], 5)
    found = it.answer(b"key", session=99, correlation=0xFFFF_FFFF)
    assert found is not None
    octets, frames = found
    assert frames == 2
    expected = [
        codec.frame(
            2, Opcode.BARS_GET, bytes(size), flags=RESPONSE | CACHED | more, session=99,
            correlation=0xFFFF_FFFF,
        )
        for size, more in ((10, MORE), (20, 0))
    ]  # fmt: skip
    assert octets == b"".join(expected)
    assert (it.counters.hits, it.counters.misses) == (1, 0)


def test_an_entry_ends_with_its_time() -> None:
    """At `seconds` it is gone, and its octets are free."""
    it, reactor = cache()
    it.store(b"key", [reply()], 5)
    reactor.advance(4.999)
    assert it.answer(b"key", 1, 1) is not None
    reactor.advance(0.001)
    assert it.answer(b"key", 1, 1) is None
    assert (it.octets, len(it), it.counters.expired) == (0, 0, 1)


@pytest.mark.clause("6.6")
def test_what_may_not_be_kept_is_not_kept() -> None:
    """No time, a checksum, too large, a huge request."""
    it, _ = cache()
    it.store(b"a", [reply()], 0)
    it.store(b"b", [reply(flags=CHECKSUM)], 5)
    it.store(b"c", [reply(60_000)] * (ENTRY_OCTETS // 60_000 + 1), 5)
    it.store(b"d" * 5000, [reply()], 5)
    assert len(it) == 0
    assert it.octets == 0


def test_the_longest_unused_goes_first() -> None:
    """A look refreshes; the bound is in octets."""
    it, _ = cache(octets_max=3 * 2000)
    for name in (b"a", b"b", b"c"):
        it.store(name, [reply(1400)], 5)
    it.answer(b"a", 1, 1)
    it.store(b"d", [reply(1400)], 5)
    assert it.answer(b"b", 1, 1) is None
    assert it.answer(b"a", 1, 1) is not None
    assert it.counters.evicted == 1


@given(st.lists(st.tuples(st.binary(max_size=1), st.integers(0, 3000), st.integers(0, 3))))
def test_the_bound_holds_and_the_account_is_exact(steps: list[tuple[bytes, int, int]]) -> None:
    """Whatever is stored, replaced and expired: octets stay within the bound, and end at 0."""
    it, reactor = cache(octets_max=8000)
    for key, size, seconds in steps:
        it.store(key, [reply(size)], seconds)
        it.answer(key, 1, 1)
        reactor.advance(0.7)
        assert 0 <= it.octets <= 8000
    it.clear()
    assert it.octets == len(it) == 0


def test_the_key_is_the_whole_request_but_its_address() -> None:
    """Session and correlation do not matter; every other octet does."""
    one = codec.encode(m.AssetGet(symbol="AAPL"), session=1, correlation=2)
    same = codec.encode(m.AssetGet(symbol="AAPL"), session=8, correlation=9)
    assert request_key(one) == request_key(same)
    for position in range(len(one)):
        if 16 <= position < 24:
            continue
        other = one[:position] + bytes([one[position] ^ 1]) + one[position + 1 :]
        assert request_key(other) != request_key(one)
