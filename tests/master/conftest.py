"""Masters in memory for these tests: each is stopped and audited when its test is over.

The tests of the modules named in `BOTH` run on both engines of the store; those marked ``sqlite``
look into its files and run on them alone, those marked ``postgresql`` on a server alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from papertrader.master.commands import Command
from papertrader.master.sessions import Session
from papertrader.wire import codec
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Scope
from tests import backends
from tests.master_kit import FakeLink, MasterClient, MasterKit
from tests.postgres_kit import NoPostgres, server

BOTH: Final = frozenset(
    {
        "test_alerts",
        "test_backup",
        "test_contests",
        "test_durability",
        "test_history",
        "test_lostkey",
        "test_migrations",
        "test_operators",
        "test_path",
        "test_query_plans",
        "test_receipts",
        "test_recovery",
        "test_refusals",
        "test_reseal",
        "test_session_ends",
        "test_sessions",
        "test_store",
        "test_viewsapart",
        "test_watchlists",
    }
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a module's tests once for each engine."""
    module = metafunc.module.__name__.rpartition(".")[2]
    if metafunc.definition.get_closest_marker("sqlite"):
        engines = [backends.SQLITE]
    elif metafunc.definition.get_closest_marker("postgresql"):
        engines = [backends.POSTGRES]
    elif module in BOTH and not metafunc.definition.get_closest_marker("one_store"):
        engines = [backends.SQLITE, backends.POSTGRES]
    else:
        engines = [backends.CHOSEN]
    metafunc.parametrize("backend", engines, indirect=True)


@pytest.fixture(autouse=True)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine that the masters of this test have."""
    name: str = request.param
    if name == backends.POSTGRES:
        try:
            server()
        except NoPostgres as missing:
            pytest.skip(f"no PostgreSQL: {missing}")
    back = backends.use(name)
    yield name
    back()


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


def asked(message: Message) -> tuple[Command, Session]:
    """Return a request as those who answer it get it, without a master: session 1, its second."""
    octets = codec.encode(message, session=1, correlation=2)
    fields = codec.parse_header(octets)
    command = Command(FakeLink(), 1, 1, 0, 0, bytes(16), False, fields, octets, b"")
    session = Session(1, 1, b"", Scope.TRADE, remember=False, expires_at=0)
    return command, session
