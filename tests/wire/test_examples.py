"""The worked examples: no octet is left out, each is said once, and unknown parts are named so."""

from __future__ import annotations

import pytest

from papertrader.core.money import NULL
from papertrader.wire import codec, examples, vectors
from papertrader.wire import messages as m
from papertrader.wire.errors import RemoteFault
from papertrader.wire.schema import MESSAGES
from tests.conformance.newer import BLOCK_MORE, later


def told(octets: bytes) -> tuple[str, str]:
    """Return the octets of an explanation in a row, and what is said, line by line."""
    lines = examples.annotated(octets)
    at = 0
    for line in lines:
        assert int(line[:5]) == at, line
        at += len(line[7:39].strip()) // 2
    return "".join(line[7:39].strip() for line in lines), "\n".join(line[41:] for line in lines)


@pytest.mark.parametrize("vector", vectors.accepted(), ids=lambda vector: vector.name)
def test_every_octet_is_explained_once(vector: vectors.Vector) -> None:
    """Offsets follow one another, and the hexadecimal columns together are the frame."""
    assert told(vector.octets)[0] == vector.octets.hex()
    assert told(later(vector.octets))[0] == later(vector.octets).hex()


def test_values_are_said_as_people_read_them() -> None:
    """Members by name, amounts exactly, text quoted, what is not there as none."""
    order = m.OrderNew(
        symbol="IBM", quantity=150_000_000, limit_price=NULL, client_order_id=7, tag="a tag"
    )
    _, text = told(codec.encode(order, session=3, correlation=4, seq=5))
    for said in (
        'symbol = "IBM"', "side = 1 BUY", "quantity = 150000000 (1.50000000)",
        "limit_price = none", 'tag = "a tag"', "session 3, correlation 4", "seq 5",
    ):  # fmt: skip
        assert said in text.splitlines(), said


def test_what_is_not_known_is_said_to_be_so() -> None:
    """The end of a longer root block and sections of a later revision are shown, not explained."""
    octets = later(codec.encode(m.AccountGet()))
    _, text = told(octets)
    assert "not known to this revision" in text
    assert "skipped" in text
    assert BLOCK_MORE.hex() in "".join(examples.annotated(octets))


def test_a_refused_frame_is_not_explained() -> None:
    """What no receiver accepts has no meaning."""
    with pytest.raises(RemoteFault):
        examples.annotated(codec.encode(m.AccountGet())[:-1])


def test_every_message_has_an_example() -> None:
    """All messages, and a failure."""
    titles = [title.partition(":")[0] for title, _ in examples.worked()]
    assert titles == [*(message.name for message in MESSAGES), "Failure"]
