"""Secrets do not come out by any way but `reveal`."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from papertrader.core.secrets import Secret

CANARY = b"canary-7f3a9"


def test_every_text_form_is_the_same_word() -> None:
    """repr, str, format with any specification and f-strings show no octet of the secret."""
    secret = Secret(CANARY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>80}", f"{secret!r}", f"{[secret]}"]
    assert shown == ["<secret>"] * 5 + ["[<secret>]"]


def test_reveal_gives_the_octets_back() -> None:
    """The octets given are the octets got, even if the buffer they came from changes."""
    buffer = bytearray(CANARY)
    secret = Secret(bytes(buffer))
    buffer[:] = bytes(len(buffer))
    assert secret.reveal() == CANARY


def test_equality_is_that_of_the_octets() -> None:
    """Two secrets are equal when their octets are; a secret equals nothing else."""
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret(b"other")
    assert Secret(CANARY) != CANARY


@pytest.mark.parametrize(
    "way",
    [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, hash, bytes, vars, Secret.__getstate__],
)
def test_ways_out_are_closed(way: object) -> None:
    """It cannot be pickled, copied, hashed, encoded or taken apart."""
    with pytest.raises(TypeError) as caught:
        way(Secret(CANARY))  # type: ignore[operator]
    assert CANARY.decode() not in str(caught.value)


def test_a_secret_never_changes() -> None:
    """Neither setting nor deleting its octets is possible."""
    secret = Secret(CANARY)
    with pytest.raises(AttributeError):
        secret._octets = b""
    with pytest.raises(AttributeError):
        del secret._octets
    assert secret.reveal() == CANARY
