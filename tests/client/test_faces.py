"""The three faces of the client library are one: the same names, arguments and defaults."""

from __future__ import annotations

import inspect

import pytest

from papertrader.client.aio import AsyncClient
from papertrader.client.blocking import Client
from papertrader.client.protocol import TwistedClient

FACES = (Client, AsyncClient, TwistedClient)
OWN = {"events", "listen"}
"""What is pushed: an iterator of two of them, a listener of Twisted's."""


def methods(face: type) -> dict[str, inspect.Signature]:
    """Return the public methods with their arguments."""
    found = inspect.getmembers(face, inspect.isfunction)
    return {name: inspect.signature(each) for name, each in found if not name.startswith("_")}


def arguments(signature: inspect.Signature) -> list[tuple[str, object, str]]:
    """Return name, default and kind of each argument."""
    return [(each.name, each.default, each.kind.name) for each in signature.parameters.values()]


def test_the_names_are_the_same() -> None:
    """Each command of one face is there in the others."""
    blocking, asynchronous, twisted = (set(methods(face)) for face in FACES)
    assert blocking == asynchronous
    assert blocking - OWN == twisted - OWN
    assert {"events"} <= blocking
    assert {"listen"} <= twisted
    assert len(blocking) >= 80


@pytest.mark.parametrize("name", sorted(set(methods(Client)) - OWN))
def test_the_arguments_are_the_same(name: str) -> None:
    """Names, defaults, and what may stand without its name."""
    told = [arguments(methods(face)[name]) for face in FACES]
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_each_method_says_what_it_does(face: type) -> None:
    """For help(), and for the pages that are made of it."""
    silent = [
        name
        for name, each in inspect.getmembers(face, inspect.isfunction)
        if not name.startswith("_") and not (each.__doc__ or "").strip()
    ]
    assert silent == []
