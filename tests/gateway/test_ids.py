"""Our numbers as UUIDs and back, API keys in two halves, client order ids as numbers."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.gateway import ids
from papertrader.gateway.ids import Kind

SYMBOLS = st.from_regex(r"[A-Z0-9^][A-Z0-9.^=/-]{0,15}", fullmatch=True)


@given(st.sampled_from(Kind), st.integers(0, 2**116 - 1))
def test_numbers_go_there_and_back(kind: Kind, number: int) -> None:
    """Every number has a UUID of version 8, which names it and nothing of another kind."""
    text = ids.uuid_of(kind, number)
    assert UUID(text).version == 8
    assert ids.number_of(kind, text) == ids.number_of(kind, text.upper()) == number
    assert all(ids.number_of(other, text) is None for other in Kind if other != kind)


@given(SYMBOLS)
def test_symbols_go_there_and_back(symbol: str) -> None:
    """An asset's UUID is its symbol."""
    assert ids.symbol_of(ids.asset_uuid(symbol)) == symbol


@pytest.mark.parametrize("text", ["", "AAPL", "00000000-0000-4000-8000-000000000001", "0" * 32])
def test_what_is_none_of_ours(text: str) -> None:
    """Other UUIDs, and other texts, name nothing."""
    assert ids.symbol_of(text) is None
    assert all(ids.number_of(kind, text) is None for kind in Kind)


def test_a_number_that_is_too_large() -> None:
    """A UUID holds 116 bits of a number."""
    with pytest.raises(ValueError, match="does not fit"):
        ids.uuid_of(Kind.ORDER, 2**116)


def test_keys_have_two_halves() -> None:
    """The ID is the key's number, the secret the rest; a portfolio may be named with the ID."""
    key = "00000000000000a7" + "e" * 64
    assert ids.halves_of(key) == ("00000000000000a7", "e" * 64)
    assert ids.credential_of(*ids.halves_of(key)) == ids.Credential(key)
    assert ids.credential_of("00000000000000a7.12", "e" * 64) == ids.Credential(key, 12)
    assert key not in repr(ids.Credential(key))


@pytest.mark.parametrize(
    ("key_id", "secret"),
    [
        ("", ""), ("a7", "e" * 64), ("0" * 16, "e" * 63), ("0" * 16, "g" * 64),
        ("0" * 15 + "é", "e" * 64), ("0" * 16 + ".x", "e" * 64), ("0" * 16 + ".", "e" * 64),
        ("0" * 16 + "." + "9" * 19, "e" * 64),
    ],
)  # fmt: skip
def test_what_is_no_key(key_id: str, secret: str) -> None:
    """Nobody is asked about what cannot be a key."""
    assert ids.credential_of(key_id, secret) is None


@given(st.integers(1, 2**63 - 1))
def test_numbers_are_client_order_ids_as_they_are(number: int) -> None:
    """What our own clients have numbered is found by that number."""
    assert ids.client_number(str(number)) == number


@given(st.text(min_size=1, max_size=128))
def test_any_text_has_a_number(text: str) -> None:
    """It fits, and is the same each time."""
    number = ids.client_number(text)
    assert 1 <= number < 2**63
    assert ids.client_number(text) == number


def test_texts_that_look_like_numbers() -> None:
    """What a number would not be written as is a text like any other."""
    texts = ["007", "0", str(2**63), "٣", "1.0", "-1"]
    assert len({ids.client_number(text) for text in texts}) == len(texts)
    assert ids.client_number("007") != 7
