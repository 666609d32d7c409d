"""What each face pulls in: the blocking and asyncio faces and the commands need no Twisted."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODULES = [
    "papertrader.client",
    "papertrader.client.blocking",
    "papertrader.client.aio",
    "papertrader.cli.main",
    "papertrader.cli.account",
    "papertrader.cli.market",
    "papertrader.cli.trading",
    "papertrader.cli.holdings",
    "papertrader.cli.watch",
]
CHECK = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
heavy = {"twisted", "construct", "peewee", "OpenSSL", "asyncio"} & set(sys.modules)
print(" ".join(sorted(heavy)))
"""


def loaded_by(*modules: str) -> set[str]:
    """Return the heavy packages that importing these modules in a new process brings."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK, *modules], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_no_twisted_without_the_twisted_face() -> None:
    """Nothing but asyncio for the asyncio face; the others not even that."""
    assert loaded_by(*(name for name in MODULES if not name.endswith(".aio"))) == set()
    assert loaded_by("papertrader.client.aio") == {"asyncio"}


def test_faces_are_imported_when_asked_for() -> None:
    """``from papertrader.client import Client`` works, and an unknown name does not."""
    import papertrader.client as package

    assert package.Client.__module__ == "papertrader.client.blocking"
    assert package.AsyncClient.__module__ == "papertrader.client.aio"
    with pytest.raises(AttributeError):
        _ = package.Nothing
