"""What an owner does to an account, against a real server over real TLS, with every face."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from papertrader.client import errors
from papertrader.client.aio import AsyncClient
from papertrader.client.blocking import Client
from papertrader.wire.kinds import Privacy, Scope
from tests.server_kit import PASSWORD, Server, running

pytestmark = pytest.mark.slow

NEXT = "an entirely different one"


def owner(server: Server) -> str:
    """Change an account in every way; return a key's credential."""
    with Client(server.workers, server.ca) as client, Client(server.workers, server.ca) as phone:
        client.register("ann", PASSWORD)
        client.login("ann", PASSWORD, remember=True)
        phone.login("ann", PASSWORD, device="a phone")
        assert [each.device for each in client.sessions()] == ["", "a phone"]
        assert client.password_change(PASSWORD, NEXT) == 1
        with pytest.raises(errors.SessionEnded):
            phone.account()
        settings = client.account_update(
            privacy=Privacy.PORTFOLIO_PUBLIC | Privacy.HISTORY_PUBLIC, email="ann@example.org"
        )
        assert settings.has_email
        return client.api_key_create("bot", scope=Scope.TRADE).credential


async def program(server: Server, credential: str) -> None:
    """Log in with a key, and find what it may not do."""
    async with AsyncClient(server.workers, server.ca) as bot:
        await bot.login(api_key=credential)
        assert (await bot.portfolio()).cash > 0
        with pytest.raises(errors.RefusedError) as refused:
            await bot.api_keys()
        assert refused.value.code == "SCOPE_DENIED"


def stranger(server: Server, credential: str) -> None:
    """Another user sees what is shown; the owner ends the key."""
    with Client(server.workers, server.ca) as bob, Client(server.workers, server.ca) as ann:
        bob.register("bob", PASSWORD)
        bob.login("bob", PASSWORD)
        assert bob.portfolio(username="ann").account != bob.account().account
        assert [each.amount for each in bob.transactions(username="ann")] == [100_000]
        with pytest.raises(errors.AuthenticationFailed):
            ann.login("ann", PASSWORD)
        ann.login("ann", NEXT)
        with pytest.raises(errors.RefusedError) as refused:
            ann.portfolio(username="bob")
        assert refused.value.code == "NO_SUCH_ACCOUNT"
        (key,) = ann.api_keys()
        assert key.last_used_at is not None
        ann.api_key_revoke(key.key)
    with Client(server.workers, server.ca) as bot, pytest.raises(errors.AuthenticationFailed):
        bot.login(api_key=credential)


def test_an_account_is_managed_over_the_network(tmp_path: Path) -> None:
    """Sessions, password, privacy, a key, and another user who looks."""
    with running(tmp_path / "state") as server:
        credential = owner(server)
        asyncio.run(program(server, credential))
        stranger(server, credential)
