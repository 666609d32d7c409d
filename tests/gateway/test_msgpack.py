"""MessagePack: what we write is what the package that alpaca-py reads with understands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgpack as reference
import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.gateway import msgpack

PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text(max_size=300)
)  # fmt: skip
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=40), inner),
    max_leaves=40,
)  # fmt: skip


@given(VALUES)
def test_what_is_written_is_read(value: Any) -> None:
    """By them, and by us."""
    octets = msgpack.pack(value)
    assert reference.unpackb(octets) == value
    try:
        assert msgpack.unpack(reference.packb(value)) == value
    except ValueError as error:
        assert "too deep" in str(error)


@pytest.mark.parametrize("size", [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536])
def test_sizes_where_the_form_changes(size: int) -> None:
    """Texts, lists and tables of every form of head."""
    for value in ("x" * size, [None] * size, {str(n): n for n in range(size)}):
        assert reference.unpackb(msgpack.pack(value)) == value
    assert msgpack.unpack(reference.packb("x" * size)) == "x" * size


@given(st.datetimes(datetime(1900, 1, 1), datetime(2600, 1, 1)))  # noqa: DTZ001
def test_instants(moment: datetime) -> None:
    """The timestamp extension, exact to the microsecond."""
    aware = moment.replace(tzinfo=UTC)
    read = reference.unpackb(msgpack.pack(aware))
    assert read.to_datetime() == aware


@given(st.binary(max_size=200))
def test_any_octets(octets: bytes) -> None:
    """They are read, or refused with a `ValueError`: nothing else."""
    try:
        msgpack.unpack(octets)
    except ValueError:
        return


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"\xc1", b"\xd9", b"\xa5abc", b"\x81\x01\x02", b"\x01\x02", b"\xdd\xff\xff\xff\xff",
        b"\x91" * 20 + b"\x01", reference.packb(list(range(msgpack.ITEMS_MAX))), b"\xa1\xff",
    ],
)  # fmt: skip
def test_what_is_refused(octets: bytes) -> None:
    """Cut off, unknown, keys that are no text, left-over octets, too deep, too many."""
    with pytest.raises(ValueError):
        msgpack.unpack(octets)


def test_what_cannot_be_written() -> None:
    """Other types are a mistake of ours."""
    for value in (2**64, -(2**63) - 1, b"octets", object()):
        with pytest.raises(TypeError):
            msgpack.pack(value)
