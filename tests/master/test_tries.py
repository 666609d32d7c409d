"""Failed logins, counted: the ceiling of an hour, and the addresses that count apart."""

from __future__ import annotations

from papertrader.core.instants import SECOND
from papertrader.master.tries import (
    HOUR,
    KNOWN_ADDRESSES,
    KNOWN_DAYS,
    TRIES_KEYS_MAX,
    TRIES_PER_HOUR,
    KnownAddresses,
    NameTries,
    Tries,
    bucket_key,
    is_loopback,
    network_of,
)


def test_an_hour_has_so_many() -> None:
    """Good logins in between end the row of failures, not the hour's count."""
    kept: dict[bytes, Tries | None] = {}
    names = NameTries(kept.__setitem__)
    now = HOUR
    for _ in range(TRIES_PER_HOUR):
        assert names.wait_ms(b"k", now) == 0
        names.failed(b"k", now)
        names.clear(b"k")
        now += SECOND
    assert names.wait_ms(b"k", now) == (2 * HOUR - now) // 1_000_000
    assert names.wait_ms(b"k", 2 * HOUR) == 0
    found = kept[b"k"]
    assert found is not None
    assert (found.failures, found.hour) == (0, TRIES_PER_HOUR)


def test_the_names_are_bounded_on_disk_as_in_memory() -> None:
    """The longest unseen is forgotten in both."""
    kept: dict[bytes, Tries | None] = {}
    names = NameTries(kept.__setitem__)
    for number in range(TRIES_KEYS_MAX + 5):
        names.failed(b"%d" % number, 1)
    assert len(names) == TRIES_KEYS_MAX
    assert [key for key, tries in kept.items() if tries is None] == [b"%d" % n for n in range(5)]


def test_so_many_addresses_are_known() -> None:
    """The longest unused goes; after thirty days without a good login all do."""
    known = KnownAddresses()
    for number in range(KNOWN_ADDRESSES + 1):
        gone = known.saw(1, bytes([number]), number)
    assert gone == [b"\0"]
    assert not known.knows(1, b"\0", 1)
    assert known.knows(1, b"\1", KNOWN_DAYS * 24 * HOUR)
    assert not known.knows(1, b"\1", KNOWN_DAYS * 24 * HOUR + 1)
    assert not known.knows(2, b"\1", 1)


def test_what_counts_as_one_address() -> None:
    """An IPv4 address, or 64 bits of IPv6; names are counted without case and never kept."""
    one = bytes(10) + b"\xff\xff\x01\x02\x03\x04"
    assert network_of(one) == one
    six = bytes.fromhex("20010db8000000010123456789abcdef")
    assert network_of(six) == six[:8]
    assert is_loopback(bytes(15) + b"\1")
    assert is_loopback(bytes(10) + b"\xff\xff\x7f\0\0\1")
    assert not is_loopback(one)
    assert bucket_key("Ann") == bucket_key("ann") != bucket_key("ann", b"x")
    assert b"ann" not in bucket_key("ann")
