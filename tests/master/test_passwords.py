"""The vault: one address cannot shut others out of it, and nobody waits in it for long."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as FakeReactor

from papertrader.core.limithits import LimitHits
from papertrader.master.commands import Refused
from papertrader.master.commonpasswords import common_passwords
from papertrader.master.passwords import (
    QUEUE_MAX,
    WAIT_MAX_S,
    PasswordVault,
    check_password,
)
from papertrader.net.clock import Clock
from papertrader.wire.kinds import Status
from tests.master_kit import Gate


class Bench:
    """A vault, its thread, and the outcomes of what was asked."""

    def __init__(self, threads: int = 1) -> None:
        self.reactor = FakeReactor()
        self.gate = Gate()
        self.hits = LimitHits()
        self.vault = PasswordVault(self.gate, 8, 1, Clock(self.reactor), threads, self.hits)
        self.done: list[tuple[str, Any]] = []

    def ask(self, name: str, source: bytes) -> None:
        """Ask for a hash."""
        asked = Deferred.fromCoroutine(self.vault.hash("a password", source))
        asked.addBoth(lambda result: self.done.append((name, result)))

    def names(self, good: bool = True) -> list[str]:
        """Who has got a hash so far, or was refused."""
        return [name for name, result in self.done if isinstance(result, str) == good]


def test_addresses_have_their_turns() -> None:
    """Ten hashes of one address delay another's by one."""
    bench = Bench()
    for number in range(10):
        bench.ask(f"flood{number}", b"flood")
    bench.ask("other", b"other")
    for _ in range(3):
        bench.gate.work()
    assert bench.names() == ["flood0", "flood1", "other"]


def test_who_fills_the_queue_gives_way() -> None:
    """A full queue of one address still has room for others; each refusal is counted."""
    bench = Bench()
    for number in range(QUEUE_MAX):
        bench.ask(f"flood{number}", b"flood")
    bench.ask("more", b"flood")
    assert bench.names(good=False) == ["more"]
    for name in ("one", "two"):
        bench.ask(name, name.encode())
    assert bench.names(good=False) == ["more", f"flood{QUEUE_MAX - 1}", f"flood{QUEUE_MAX - 2}"]
    assert bench.vault.queued == QUEUE_MAX
    assert bench.hits["hash_queue"] == bench.vault.refused == 3
    while len(bench.gate):
        bench.gate.work()
    assert {"one", "two"} <= set(bench.names())
    assert bench.vault.queued == 0


def test_nobody_waits_for_longer() -> None:
    """After two seconds SERVER_BUSY, with a wait; what has begun is finished."""
    bench = Bench()
    for name in ("begun", "waiting"):
        bench.ask(name, name.encode())
    bench.reactor.advance(WAIT_MAX_S - 0.01)
    assert bench.done == []
    bench.reactor.advance(0.02)
    ((name, failure),) = bench.done
    assert name == "waiting"
    refused = failure.value
    assert isinstance(refused, Refused)
    assert refused.status == Status.SERVER_BUSY
    assert refused.retry_after_ms
    bench.gate.work()
    assert bench.names() == ["begun"]
    assert bench.reactor.getDelayedCalls() == []


def test_threads_work_beside_each_other() -> None:
    """As many as there are, and no more."""
    bench = Bench(threads=3)
    for number in range(5):
        bench.ask(f"n{number}", b"x")
    assert len(bench.gate) == 3
    bench.gate.work()
    assert len(bench.gate) == 3


def test_hashes_are_made_anew_when_parameters_rise() -> None:
    """A hash of the old parameters is found out; one of the present ones is not."""
    bench = Bench()
    bench.ask("old", b"x")
    bench.gate.work()
    ((_, old),) = bench.done
    risen = PasswordVault(bench.gate, 16, 1, Clock(bench.reactor))
    assert risen.needs_rehash(old)
    assert not bench.vault.needs_rehash(old)


def test_ten_thousand_passwords_are_refused() -> None:
    """The list is there as a whole; each is refused in any case."""
    words = common_passwords()
    assert 9_900 <= len(words) <= 10_000
    assert min(len(word.encode()) for word in words) >= 8
    for word in sorted(words)[::500]:
        assert "first that anybody" in check_password(word.upper(), "ann", "")


@pytest.mark.parametrize("password", ["somebody", "Somebody1", "xsomebody!", "some.one99"])
def test_no_password_is_made_of_the_name(password: str) -> None:
    """The user name, or what stands before the @, with up to three letters more, is refused."""
    assert "user name" in check_password(password, "Somebody", "some.one@example.org")
    assert check_password(password + "-and-more", "Somebody", "some.one@example.org") == ""
