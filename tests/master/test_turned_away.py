"""Who is not let in by TLS is told to the operator, however often somebody tries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionLost
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from papertrader.master.workers import TURNED_AWAY_NS, TURNED_AWAY_TOLD
from papertrader.net.tls import PeerRefused, refusal
from tests.master_kit import MasterKit


@pytest.fixture
def told() -> Iterator[list[str]]:
    """The warnings of this test."""
    seen: list[str] = []

    def observe(event: LogEvent) -> None:
        if event["log_level"].name == "warn":
            seen.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (PeerRefused("worker 7 is not registered"), "worker 7 is not registered"),
        (SSL.Error([("SSL routines", "", "certificate has expired")]), "certificate has expired"),
        (SSL.Error([("a", "", "one"), ("a", "", "two")]), "one; two"),
        (SSL.Error(), ""),
        (SSL.ZeroReturnError(), ""),
        (SSL.SysCallError(-1, "Unexpected EOF"), ""),
        (ConnectionLost(), ""),
    ],
)
def test_what_was_wrong_with_a_handshake(error: Exception, why: str) -> None:
    """Ours or OpenSSL's reason; a connection that just ends, as a scan's does, has none."""
    assert refusal(Failure(error)) == why


def test_the_log_is_bounded(kit: MasterKit, told: list[str]) -> None:
    """Each address and reason once a minute, and no more than so many; all are counted."""
    workers = kit.main.workers
    for _ in range(3):
        workers.turned_away("192.0.2.1", "certificate has expired")
    assert told == ["a connection from 192.0.2.1 was turned away: certificate has expired"]
    for number in range(100):
        workers.turned_away(f"198.51.100.{number}", "no certificate")
    assert len(told) == TURNED_AWAY_TOLD
    assert ("links_turned_away", 103) in list(kit.main.worker_parts.figures())
    kit.turn(TURNED_AWAY_NS / 1e9 + 1)
    workers.turned_away("192.0.2.1", "certificate has expired")
    assert len(told) == TURNED_AWAY_TOLD + 1


def test_a_handshake_that_fails_is_told(kit: MasterKit, told: list[str]) -> None:
    """Once for its connection; one that just ended is not."""
    for error in (PeerRefused("worker 7 is not registered"), ConnectionLost()):
        link = kit.main.workers.new_link()
        link.connectionLost(Failure(error))
    assert told == ["a connection from nowhere was turned away: worker 7 is not registered"]
