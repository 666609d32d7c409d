"""Hostile strings through every text that a client may say, and numbers at every edge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from papertrader.core.money import AMOUNT_MAX, NULL, SCALE
from papertrader.core.orders import OrderType, TimeInForce
from papertrader.wire import messages as m
from papertrader.wire.errors import LocalFault
from papertrader.wire.kinds import Status, Topic
from tests.master_kit import MasterClient, MasterKit

NAUGHTY = (
    "'; DROP TABLE account; --", '" OR ""="', "../../etc/passwd", "%s%s%n", "${jndi:ldap://x}",
    "\x1b[2J\x1b[31m", "a\u202eb\u2066c", "\u0000", "\ufeff", "\uff21dmin", "\u0430dmin", "a" * 25,
    "\r\nSet-Cookie: x", "{time} {log_level}", "NaN", "1e999", "\U0001f4a9" * 6, " ", "-1",
    "null", "<script>alert(1)</script>", "\ud7ff\ue000", "__proto__", "=1+1|cmd",
)  # fmt: skip
EDGES = (
    0, 1, -1, 2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53 + 1, 2**62, AMOUNT_MAX - 1, AMOUNT_MAX,
    NULL, NULL + 1,
)  # fmt: skip
"""Every edge of a signed number of 64 bits that some store, language or scale has."""


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MasterKit]:
    """One master for the whole file, whose books must be right at its end."""
    made = MasterKit(tmp_path_factory.mktemp("strings"))
    yield made
    made.check()


@pytest.fixture(scope="module")
def ann(kit: MasterKit) -> MasterClient:
    """A client with a session that may trade."""
    client = kit.client()
    client.register("ann")
    client.login("ann")
    return client


@pytest.mark.parametrize("text", NAUGHTY)
def test_no_string_does_anything(kit: MasterKit, ann: MasterClient, text: str) -> None:
    """Each is taken as what it is or refused with a sentence; nothing breaks, nothing is run."""
    stranger = kit.client(connection=2)
    for who, message, changes in (
        (stranger, m.Register(username=text, password="correct horse"), False),
        (stranger, m.Register(username=text[:3] + "x", password=text, email=text), False),
        (stranger, m.Login(username=text, password=text), False),
        (stranger, m.Login(username="ann", password=text), False),
        (ann, m.AccountGet(username=text), False),
        (ann, m.AssetGet(symbol=text), False),
        (ann, m.AssetList(prefix=text), False),
        (ann, m.PortfolioCreate(name=text), True),
        (ann, m.OrderNew(client_order_id=1, symbol="AAPL", quantity=0, tag=text), True),
    ):
        try:
            ann.seq += changes
            answer = who.ask(message, seq=ann.seq if changes else 0)
        except LocalFault:
            continue  # It does not fit the field: nobody can say it.
        assert answer.header.status != Status.INTERNAL
    assert kit.main.internal_errors == 0
    assert ann.ask(m.AccountGet()).message.username == "ann"


@pytest.mark.parametrize("name", ["quantity", "limit_price", "stop_price"])
@pytest.mark.parametrize("value", EDGES)
def test_no_number_overflows(kit: MasterKit, ann: MasterClient, name: str, value: int) -> None:
    """An order is decided whatever its numbers are, and the books stay right."""
    fields = {"quantity": SCALE, "limit_price": 10 * SCALE, "stop_price": NULL, name: value}
    ann.seq += 1
    order = m.OrderNew(
        client_order_id=1_000 + ann.seq, symbol="AAPL", order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC, **fields,
    )  # fmt: skip
    status = ann.ask(order, seq=ann.seq).header.status
    assert status == Status.OK or 0x0400 <= status < 0x0500
    assert kit.main.internal_errors == 0
    assert kit.main.transactions.desk.check_invariants() == []


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_no_identifier_overflows(kit: MasterKit, ann: MasterClient, number: int) -> None:
    """Numbers of things that are not there are refused; none reaches a store too small."""
    for message in (
        m.OrderGet(order=number), m.OrderGet(client_order_id=number),
        m.PortfolioGet(portfolio=number), m.TransactionsGet(after=number, portfolio=number),
        m.OrderList(after=number), m.SessionRevoke(session_id=number),
        m.BarsGet(symbol="AAPL", interval_s=86_400, from_time=number, to_time=number),
        m.Subscribe(topics=Topic.ACCOUNT, from_event_seq=number),
    ):  # fmt: skip
        assert ann.ask(message).header.status != Status.INTERNAL
    assert kit.main.internal_errors == 0
