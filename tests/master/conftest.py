"""Masters in memory for these tests: each is stopped and audited when its test is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.master_kit import FakeLink, MasterClient, MasterKit


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MasterKit]:
    """A master whose books must be right when the test is over."""
    made = MasterKit(tmp_path)
    yield made
    made.check()


@pytest.fixture
def ann(kit: MasterKit) -> MasterClient:
    """A trader with an account and a session."""
    return trader(kit, "ann", 1)


def trader(
    kit: MasterKit, name: str, connection: int, link: FakeLink | None = None
) -> MasterClient:
    """Register a user and log in."""
    client = kit.client(link, connection)
    assert client.register(name).status == 0
    assert client.login(name).status == 0
    return client
