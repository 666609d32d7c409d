"""Workers and the authority in the client library: all faces say the same, to operators alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from papertrader.client import errors
from papertrader.client.aio import AsyncClient
from papertrader.client.blocking import Client
from papertrader.client.workerresults import AuthorityState, BootedWorker
from papertrader.core.instants import to_datetime
from papertrader.wire.kinds import AuthorityPhase, BootMode, Opcode, Scope, WorkerState
from tests.client.test_aio import Bench as AsyncBench
from tests.client.test_trading import Bench, BlockingMarket, logged_in, market
from tests.client_accounts import START

__all__ = ["market"]

CALLS: dict[str, tuple[Any, ...]] = {
    "worker_add": ("far",),
    "worker_sign": ("far", "csr", "public"),
    "worker_registry": (),
    "worker_boot": (3,),
    "worker_rotate": (3,),
    "authority_control": (),
}


@pytest.fixture
def operator(market: BlockingMarket) -> Iterator[Client]:
    """A client with a session of scope ADMIN."""
    client = logged_in(market)
    client.logout()
    client.login("ada", "correct horse", scope=Scope.ADMIN)
    yield client


def test_nobody_else_may(market: BlockingMarket) -> None:
    """SCOPE_DENIED of the server."""
    client = logged_in(market)
    for name, arguments in CALLS.items():
        with pytest.raises(errors.RefusedError, match="ADMIN"):
            getattr(client, name)(*arguments)


@pytest.mark.clause("11.24")
def test_the_registry(operator: Client, market: BlockingMarket) -> None:
    """Every field has its meaning; what is not known is empty or None."""
    first, second = operator.worker_registry()
    assert (first.worker, first.name, first.state) == (3, "worker-3", WorkerState.ACTIVE)
    assert (first.address, first.clients, first.rtt_us) == ("192.0.2.7", 12, 1_234)
    assert (first.spki, first.authority) == ("4b" * 32, "41" * 32)
    assert first.networks == ("192.0.2.0/24",)
    assert first.seen_at == to_datetime(START)
    assert (second.state, second.address, second.seen_at) == (WorkerState.PENDING, "", None)
    assert (second.spki, second.expires_at, second.connected) == ("", None, False)


def test_adding_and_signing(operator: Client, market: BlockingMarket) -> None:
    """Networks and hosts go as words; the token is in no repr."""
    made = operator.worker_add("far", networks=["192.0.2.0/24"], hosts=["a.example", "b.example"])
    assert made.token == b"T" * 32
    assert "TTTT" not in repr(made)
    assert made.uuid == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    (sent,) = market.bodies(Opcode.WORKER_ADD)
    assert (sent.networks, sent.hosts, sent.again) == ("192.0.2.0/24", "a.example b.example", False)
    signed = operator.worker_sign("far", "csr", "public")
    assert (signed.certificate, signed.public_certificate, signed.trust) == ("C", "P", "T")
    with pytest.raises(TypeError, match="hosts must be several texts"):
        operator.worker_add("far", hosts="a.example")


def test_booting_and_rotating(operator: Client, market: BlockingMarket) -> None:
    """Modes have names; a drain is in seconds, bounded."""
    assert operator.worker_boot(3, drain_s=2) == BootedWorker(clients=12, state=WorkerState.BOOTED)
    assert operator.worker_boot(3, "revoke").state == WorkerState.REVOKED
    first, second = market.bodies(Opcode.WORKER_BOOT)
    assert (first.mode, first.drain_ms, second.mode) == (BootMode.BOOT, 2_000, BootMode.REVOKE)
    assert (operator.worker_rotate(), operator.worker_rotate(3)) == (2, 1)
    for wrong in ({"mode": "shoot"}, {"drain_s": 3_601}, {"drain_s": -1}):
        with pytest.raises(ValueError):
            operator.worker_boot(3, **wrong)  # type: ignore[arg-type]


@pytest.mark.clause("11.25")
def test_the_authority(operator: Client, market: BlockingMarket) -> None:
    """Steps have names; one that is trusted alone leaves ``other`` empty."""
    found = operator.authority_control()
    assert isinstance(found, AuthorityState)
    assert (found.phase, found.issuing, found.other) == (AuthorityPhase.SINGLE, "41" * 32, "")
    operator.authority_control("drop", force=True)
    assert market.bodies(Opcode.AUTHORITY_CONTROL)[1].force
    with pytest.raises(ValueError, match="step must be"):
        operator.authority_control("jump")


def test_the_other_faces() -> None:
    """As coroutines and as Deferreds: the same results."""
    bench = AsyncBench()
    found: dict[str, Any] = {}

    async def body(client: AsyncClient) -> None:
        await client.login("ada", "correct horse", scope=Scope.ADMIN)
        for name, arguments in CALLS.items():
            found[name] = await getattr(client, name)(*arguments)

    bench.run(body)
    twisted = Bench()
    twisted.result(twisted.client.login("ada", "correct horse", scope=Scope.ADMIN))
    for name, arguments in CALLS.items():
        assert twisted.result(getattr(twisted.client, name)(*arguments)) == found[name]
