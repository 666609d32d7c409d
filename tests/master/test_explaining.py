"""What the log keeps of what was refused or failed, and what it keeps to itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from papertrader.core.instants import SECOND
from papertrader.master import explaining
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode, Scope, Status
from tests.master.test_access import factor, login
from tests.master.test_profile import change, with_key
from tests.master_kit import MasterClient, MasterKit
from tests.session_kit import beside


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The texts that were logged meanwhile."""
    texts: list[str] = []

    def observe(event: LogEvent) -> None:
        texts.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield texts
    globalLogPublisher.removeObserver(observe)


@pytest.fixture
def kit(tmp_path: Path) -> MasterKit:
    """A master that is not looked at in the end: errors of ours are made in it."""
    return MasterKit(tmp_path)


def test_an_error_of_ours_is_told_by_a_reference(
    kit: MasterKit, ann: MasterClient, logged_errors: Any, logged: list[str]
) -> None:
    """Neither the exception nor its text leaves the master; the log has both, and the reference."""

    def fails(*_: object) -> bytes:
        raise ZeroDivisionError("SELECT secret FROM house")

    async def fails_later(*_: object) -> bytes:
        raise ZeroDivisionError("SELECT secret FROM house")

    for route in (fails, fails_later):
        kit.main._routes[Opcode.PORTFOLIO_GET] = route
        answer = ann.ask(m.PortfolioGet())
        assert answer.status == Status.INTERNAL
        assert b"secret" not in answer.octets
        assert b"ZeroDivision" not in answer.octets
        reference = answer.message.text.rpartition(" ")[2].rstrip(".")
        assert any(f"({reference})" in text for text in logged)
    assert len(logged_errors.flush(ZeroDivisionError)) == 2
    assert kit.main.internal_errors == 2


def test_what_a_session_may_not_do_is_logged_within_bounds(
    kit: MasterKit, ann: MasterClient, logged: list[str]
) -> None:
    """Once in DENIAL_LOG_NS, with how many there were: a flood pushes nothing out of the log."""
    for _ in range(50):
        assert ann.ask(m.StatsGet()).status == Status.SCOPE_DENIED
    lines = [text for text in logged if "has not the scope" in text]
    assert len(lines) == 1
    assert lines[0].startswith("STATS_GET was refused: session ")
    kit.turn(2 * explaining.DENIAL_LOG_NS / SECOND)
    ann.ask(m.StatsGet())
    assert "(51 such" in [text for text in logged if "has not the scope" in text][-1]
    assert dict(kit.main._figures())["scope_denied"] == 51


def test_the_audit_log_says_what_proved_who_somebody_is(kit: MasterKit, ann: MasterClient) -> None:
    """Password, code, API key, the token of a session; and which of them was wrong."""
    made = change(ann, m.ApiKeyCreate(scope=Scope.READ, label="bot")).message
    assert with_key(kit.client(connection=3), made).status == 0
    assert beside(kit, ann, 4).last.status == 0
    _, codes = factor(kit, ann)
    assert login(kit, None, password="a wrong one").status == Status.AUTH_FAILED
    assert login(kit, "000000").status == Status.AUTH_FAILED
    assert login(kit, codes[0]).status == 0
    rows = kit.main.store.db.execute_sql(
        "SELECT kind, detail FROM audit WHERE kind IN ('login', 'session beside', 'login refused')"
        " ORDER BY seq"
    )
    told = [(kind, detail.rpartition(", by ")[2]) for kind, detail in rows]
    assert told == [
        ("login", "password"),
        ("login", f"API key {made.key}"),
        ("session beside", "a session's token"),
        ("login refused", "password"),
        ("login refused", "code"),
        ("login", "password and code"),
    ]
