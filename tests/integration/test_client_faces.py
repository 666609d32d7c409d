"""The faces of the client library and the command line against a real server, over real TLS."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from papertrader.client import errors
from papertrader.client.aio import AsyncClient
from papertrader.client.blocking import Client
from papertrader.client.updates import TransactionUpdate
from tests.server_kit import EVENTS_S, PASSWORD, PROGRAM, Server, running

pytestmark = pytest.mark.slow

TWISTED_PROGRAM = """
import sys
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred
from papertrader.net.clock import install_monotonic
install_monotonic(reactor)
from papertrader.client.protocol import TwistedClient
from papertrader.client.errors import ConnectionLost
async def body():
    worker, ca, other, password = sys.argv[1:]
    client = TwistedClient(reactor, worker, ca)
    await client.login("twisted", password)
    done = Deferred()
    client.listen(lambda event: print(type(event).__name__) or (
        done.callback(None) if type(event).__name__ == "TransactionUpdate" else None))
    await client.subscribe_account()
    await client.buy("IBM", 1)
    await done
    await client.close()
    stranger = TwistedClient(reactor, worker, other, patient=False)
    try:
        await stranger.login("twisted", password)
    except ConnectionLost as error:
        print(error)
    await stranger.close()
task.react(lambda _: Deferred.fromCoroutine(body()))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A whole PaperTrader with a few users."""
    with running(tmp_path_factory.mktemp("faces") / "state") as server:
        with Client(server.workers, server.ca) as client:
            for name in ("blocking", "asyncio", "twisted"):
                client.register(name, PASSWORD)
        yield server


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authority of another installation."""
    import uuid
    from datetime import UTC, datetime

    from papertrader.ops.certificates import authority_file
    from papertrader.ops.installation import prepare, prepare_settings

    state = tmp_path_factory.mktemp("other") / "state"
    prepare_settings(state, lambda _line: None)
    prepare(state, 1, now=datetime.now(UTC), new_uuid=uuid.uuid4)
    return authority_file(state)


def test_blocking(server: Server) -> None:
    """An order fills, and the money adds up."""
    with Client(server.workers, server.ca) as client:
        client.login("blocking", PASSWORD)
        client.subscribe_account()
        client.buy("IBM", 10)
        changes = (e for e in client.events(EVENTS_S) if isinstance(e, TransactionUpdate))
        transaction = next(changes).transaction
        assert transaction.amount == -transaction.quantity * transaction.price
        assert client.portfolio().cash == transaction.cash_after
        assert transaction.cash_after == Decimal(100_000) + transaction.amount


def test_asyncio(server: Server) -> None:
    """Requests side by side, then the fill as an event."""

    async def body() -> None:
        async with AsyncClient(server.workers, server.ca) as client:
            await client.login("asyncio", PASSWORD)
            await client.subscribe_account()
            orders = await asyncio.gather(*[client.buy("IBM", 1) for _ in range(5)])
            assert len({order.order_id for order in orders}) == 5
            filled = 0
            async with asyncio.timeout(EVENTS_S):
                async for event in client.events():
                    filled += isinstance(event, TransactionUpdate)
                    if filled == 5:
                        break

    asyncio.run(body())


def test_twisted(server: Server, other_ca: Path) -> None:
    """Deferreds over TLS; a server of another authority is not trusted."""
    done = subprocess.run(
        [
            sys.executable, "-c", TWISTED_PROGRAM, server.workers[0], str(server.ca),
            str(other_ca), PASSWORD,
        ],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "TransactionUpdate" in done.stdout
    assert "not to be trusted" in done.stdout


def test_another_authority_is_not_trusted(server: Server, other_ca: Path) -> None:
    """Blocking and asyncio faces refuse a certificate that their CA file does not cover."""
    with pytest.raises(errors.ConnectionLost, match="not to be trusted"):
        Client(server.workers, other_ca).login("blocking", PASSWORD)

    async def body() -> None:
        async with AsyncClient(server.workers, other_ca) as client:
            await client.login("blocking", PASSWORD)

    with pytest.raises(errors.ConnectionLost, match="not to be trusted"):
        asyncio.run(body())


def test_the_name_in_the_certificate_is_checked(server: Server) -> None:
    """The right authority, but under a name that the certificate does not carry."""
    # 127.1 is 127.0.0.1 to the resolver, and no such name is in the certificate.
    port = server.workers[0].rpartition(":")[2]
    with pytest.raises(errors.ConnectionLost, match="not to be trusted"):
        Client(f"127.1:{port}", server.ca).login("blocking", PASSWORD)


def typed(command: list[str], answers: list[str]) -> str:
    """Run a command at a terminal of its own, type each answer at a prompt; return the screen."""
    pid, screen = pty.fork()
    if pid == 0:
        with contextlib.suppress(OSError):
            os.execv(command[0], command)
        os._exit(127)
    shown = b""
    deadline = time.monotonic() + EVENTS_S
    while time.monotonic() < deadline:
        ready, _, _ = select.select([screen], [], [], 0.5)
        if not ready:
            continue
        try:
            data = os.read(screen, 4096)
        except OSError:
            break
        shown += data
        # Not before the prompt is complete: what is typed earlier is thrown away by getpass.
        if answers and shown.endswith(b": "):
            os.write(screen, answers.pop(0).encode() + b"\n")
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(screen)
    os.waitpid(pid, 0)
    return shown.decode()


def test_a_person_at_a_terminal(server: Server) -> None:
    """register, login, buy, portfolio as typed; no password ever shows on the screen."""
    base = [str(PROGRAM), "--state-dir", str(server.state)]
    screen = typed([*base, "register", "ann"], [PASSWORD, PASSWORD])
    assert "Account ann is open" in screen
    assert PASSWORD not in screen
    screen = typed([*base, "login", "ann"], [PASSWORD])
    assert "Logged in as ann" in screen
    assert PASSWORD not in screen
    bought = server.cli("buy", "AAPL", "10", "--wait", "60")
    assert bought.returncode == 0, bought.stderr
    assert "Filled: 10 AAPL at " in bought.stdout
    assert "AAPL" in server.cli("portfolio").stdout
    assert server.cli("buy", "AAPL", "0").returncode == 1
    assert server.cli("logout").returncode == 0
    assert server.cli("portfolio").returncode == 4
