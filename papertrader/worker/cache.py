"""Public replies that the master allowed to be given again, bounded in octets.

A reply is found by its whole request except session and correlation, so that only a request that
the master accepted octet for octet is ever answered from here.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import attrs

from papertrader.core.instants import SECOND
from papertrader.net.clock import Clock
from papertrader.wire.kinds import FrameFlag, Opcode

CACHE_OCTETS: Final = 64 * 1024 * 1024
"""All entries together; beyond it the longest unused ones go."""
ENTRY_OCTETS: Final = 8 * 1024 * 1024
"""One reply, all its parts; a larger one is not kept."""
KEY_OCTETS: Final = 4 * 1024
"""A longer request is not kept."""
CACHEABLE: Final = frozenset(
    {
        Opcode.ASSET_GET,
        Opcode.ASSET_LIST,
        Opcode.QUOTE_GET,
        Opcode.BARS_GET,
        Opcode.MARKET_STATUS,
        Opcode.CLOCK_GET,
    }
)
"""Opcodes whose replies hold nothing private."""
_ENTRY_OVERHEAD: Final = 512
_ADDRESS: Final = struct.Struct(">II")
_FLAGS: Final = struct.Struct(">H")


def request_key(octets: bytes) -> bytes:
    """Return what identifies a request: its octets without session and correlation."""
    return octets[:16] + octets[24:]


@attrs.define(slots=True)
class _Entry:
    parts: list[tuple[bytes, bytes]]
    size: int
    expires: int


@attrs.define(slots=True, kw_only=True)
class CacheCounters:
    """How much the cache is worth."""

    hits: int = 0
    misses: int = 0
    expired: int = 0
    evicted: int = 0


class ReplyCache:
    """Replies by request, least recently used out first."""

    def __init__(self, clock: Clock, octets_max: int = CACHE_OCTETS) -> None:
        self.counters = CacheCounters()
        self.octets = 0
        self._clock = clock
        self._octets_max = octets_max
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def answer(self, key: bytes, session: int, correlation: int) -> tuple[bytes, int] | None:
        """Return the reply's frames, readdressed and flagged CACHED, and how many they are."""
        entry = self._entries.get(key)
        if entry is not None and self._clock.monotonic_ns() >= entry.expires:
            self._remove(key)
            self.counters.expired += 1
            entry = None
        if entry is None:
            self.counters.misses += 1
            return None
        self.counters.hits += 1
        self._entries.move_to_end(key)
        address = _ADDRESS.pack(session, correlation)
        octets = b"".join([head + address + tail for head, tail in entry.parts])
        return octets, len(entry.parts)

    def store(self, key: bytes, parts: Sequence[bytes], seconds: int) -> None:
        """Keep a reply (its frames in order) for ``seconds``; 0 keeps nothing.

        Frames with a checksum are not kept: readdressing would break it.
        """
        size = len(key) + sum(map(len, parts)) + _ENTRY_OVERHEAD
        if seconds <= 0 or size > min(ENTRY_OCTETS, self._octets_max) or len(key) > KEY_OCTETS:
            return
        if any(_flags(part) & FrameFlag.CHECKSUM for part in parts):
            return
        if key in self._entries:
            self._remove(key)
        expires = self._clock.monotonic_ns() + seconds * SECOND
        self._entries[key] = _Entry([_split(part) for part in parts], size, expires)
        self.octets += size
        while self.octets > self._octets_max:
            self._remove(next(iter(self._entries)))
            self.counters.evicted += 1

    def clear(self) -> None:
        """Forget everything: another master answers now."""
        self._entries.clear()
        self.octets = 0

    def _remove(self, key: bytes) -> None:
        self.octets -= self._entries.pop(key).size


def _flags(octets: bytes) -> int:
    flags: int = _FLAGS.unpack_from(octets, 10)[0]
    return flags


def _split(octets: bytes) -> tuple[bytes, bytes]:
    """Return what stands before and after session and correlation, with CACHED set."""
    flags = (_flags(octets) | FrameFlag.CACHED) & ~FrameFlag.REPLAYED
    return octets[:10] + _FLAGS.pack(flags) + octets[12:16], octets[24:]
