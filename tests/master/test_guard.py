"""The guard against commands that crash the master: marked while decided, refused after two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from papertrader.core.money import SCALE
from papertrader.eventlog.inflight import InFlight, Mark, add_suspect, read_mark, read_poison
from papertrader.master.guard import Guard
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode, Status
from tests.master_kit import PASSWORD, MasterClient, MasterKit


def order(number: int = 1) -> m.OrderNew:
    """Return a market order."""
    return m.OrderNew(client_order_id=number, symbol="IBM", side=1, quantity=SCALE)


class Died(BaseException):
    """The process is gone: nothing after it runs."""


class Guarded:
    """A master with a guard whose memory is a file, as the driver would read it."""

    def __init__(self, tmp_path: Path) -> None:
        self.mark_file = tmp_path / "master.inflight"
        self.suspects = tmp_path / "suspects"
        (tmp_path / "state").mkdir()
        self.kit = MasterKit(tmp_path / "state")
        self._connection = 0
        self.watch()

    def trader(self, name: str = "ann") -> MasterClient:
        """Return a client with a session of that account, which is opened if it is new."""
        self._connection += 1
        client = self.kit.client(connection=self._connection)
        client.register(name)
        assert client.login(name).status == 0
        return client

    def watch(self) -> None:
        """Give the master its guard, as a start does."""
        self.kit.main.guard = Guard(InFlight(self.mark_file), read_poison(self.suspects))

    def crash_in(self, client: MasterClient, message: Any, seq: int) -> Mark:
        """Let the process die where the desk decides; return what the driver finds."""
        found: list[Mark | None] = []

        def die(*_: object) -> None:
            found.append(read_mark(self.mark_file))
            raise Died

        routes = self.kit.main._routes
        real, routes[Opcode.ORDER_NEW] = routes[Opcode.ORDER_NEW], die
        with pytest.raises(Died):
            client.ask(message, seq=seq)
        routes[Opcode.ORDER_NEW] = real
        (mark,) = found
        assert mark is not None
        add_suspect(self.suspects, mark, "in a test")
        return mark


def test_a_command_is_marked_while_it_is_decided(tmp_path: Path) -> None:
    """Opcode, account and correlation are those of the command; afterwards nothing is marked."""
    guarded = Guarded(tmp_path)
    ann = guarded.trader()
    mark = guarded.crash_in(ann, order(), 1)
    assert (mark.opcode, mark.account) == (Opcode.ORDER_NEW, 1)
    assert (mark.worker, mark.connection, mark.request) == (1, 1, ann.correlation)
    assert ann.ask(order(), seq=1).status == 0
    assert read_mark(guarded.mark_file) is None


@pytest.mark.clause("12.14")
def test_after_two_crashes_it_is_refused_and_never_done(tmp_path: Path) -> None:
    """From whichever session it comes again; others, and other accounts, are served."""
    guarded = Guarded(tmp_path)
    ann = guarded.trader()
    seq = 1
    one, two = (guarded.crash_in(ann, order(), seq) for _ in range(2))
    assert one.hash == two.hash
    guarded.watch()
    answer = ann.ask(order(), seq=seq)
    assert answer.status == Status.COMMAND_POISON
    assert "not carried out" in answer.message.text
    again = guarded.trader()
    assert again.ask(order(), seq=1).status == Status.COMMAND_POISON
    assert guarded.kit.main.guard is not None and guarded.kit.main.guard.refused == 2
    # Its number is free: the next command takes it.
    assert ann.ask(order(2), seq=seq).status == 0
    bob = guarded.trader("bob")
    assert bob.ask(order(), seq=1).status == 0
    guarded.kit.check()


def test_one_crash_is_no_proof(tmp_path: Path) -> None:
    """After one crash the command is tried again, and done."""
    guarded = Guarded(tmp_path)
    ann = guarded.trader()
    seq = 1
    guarded.crash_in(ann, order(), seq)
    guarded.watch()
    assert ann.ask(order(), seq=seq).status == 0


@pytest.mark.clause("12.14")
def test_what_was_done_is_answered_whatever_is_said_of_it(tmp_path: Path) -> None:
    """A number whose reply is kept gets that reply: refused never means done after all."""
    guarded = Guarded(tmp_path)
    ann = guarded.trader()
    seq = 1
    first = ann.ask(order(), seq=seq)
    mark = guarded.crash_in(ann, order(), seq)
    add_suspect(guarded.suspects, mark, "a second time")
    guarded.watch()
    assert ann.ask(order(), seq=seq).message == first.message


def test_an_opener_is_guarded_by_what_it_says(tmp_path: Path) -> None:
    """A login that crashes the master is refused; one with another password is not."""
    guarded = Guarded(tmp_path)
    guarded.trader()
    newcomer = guarded.kit.client(connection=9)
    opens = guarded.kit.main._open
    real = opens[Opcode.LOGIN]
    marks: list[Mark | None] = []

    def die(*_: object) -> None:
        marks.append(read_mark(guarded.mark_file))
        raise Died

    opens[Opcode.LOGIN] = die
    for _ in range(2):
        with pytest.raises(Died):
            newcomer.login()
    opens[Opcode.LOGIN] = real
    for mark in marks:
        assert mark is not None and mark.account == 0
        add_suspect(guarded.suspects, mark, "x")
    guarded.watch()
    assert newcomer.login().status == Status.COMMAND_POISON
    other = newcomer.ask(m.Login(username="ann", password=PASSWORD, scope=1), session=0)
    assert other.status == 0
