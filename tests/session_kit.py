"""What tests of sessions at a master share: siblings, notices, lost connections, tokens."""

from __future__ import annotations

from typing import Any

from papertrader.core.money import SCALE
from papertrader.wire import messages as m
from papertrader.wire.kinds import Mechanism, Scope
from tests.master_kit import Answer, MasterClient, MasterKit

ORDER = m.OrderNew(client_order_id=1, symbol="AAPL", quantity=SCALE)


def beside(kit: MasterKit, parent: MasterClient, connection: int, **fields: Any) -> MasterClient:
    """Open a session beside another with its token, as a program does that finds it stored."""
    client = kit.client(connection=connection)
    fields.setdefault("scope", Scope.TRADE)
    client.last = client.ask(
        m.Login(
            username="ann",
            mechanism=Mechanism.SESSION_TOKEN,
            password=parent.token.hex(),
            **fields,
        ),
        session=0,
    )
    if client.last.status == 0:
        client.session, client.token = client.last.header.session, client.last.message.token
    return client


def notices(client: MasterClient) -> list[int]:
    """The codes of the notices about the client's session."""
    return [each.message.code for each in client.events() if hasattr(each.message, "code")]


def close(kit: MasterKit, client: MasterClient, clean: bool = False) -> None:
    """Lose the client's connection."""
    kit.main.client_closed(client.link, client.connection, clean)
    kit.turn()


def resume(client: MasterClient, token: bytes, **options: Any) -> Answer:
    """Show a token, whichever."""
    client.token = token
    return client.resume(**options)
