"""A worker as a whole: ready, stopping, figures, and no reply ever reaching the wrong client."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock

from papertrader.net.clock import Clock
from papertrader.net.services import STOP_S, PortUnavailableError
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from papertrader.worker.main import Worker
from tests.link_kit import WALL_NS
from tests.worker_kit import CONFIGURATION, ClientPeer, House


def test_it_is_ready_when_it_listens_and_the_link_is_active() -> None:
    """First it dials, then it listens, and ready comes last."""
    it = House()
    assert len(it.reactor.tcpClients) == 1
    assert len(it.reactor.tcpServers) == 1
    assert not it.worker.ready.called
    it.connect_master()
    assert it.worker.ready.called


class TakenReactor(MemoryReactorClock):
    """A reactor on whose machine every port is in use."""

    def listenTCP(self, *_: object, **__: object) -> object:
        """Refuse."""
        raise CannotListenError("127.0.0.1", 2049, OSError(98, "Address already in use"))


def test_a_port_in_use_is_told() -> None:
    """`ready` fails with one clear sentence, and stopping still works."""
    reactor = TakenReactor()
    clock = Clock(reactor, lambda: WALL_NS)
    worker = Worker(CONFIGURATION, reactor, clock, random.Random(1))
    errors: list[BaseException] = []
    worker.start().addErrback(lambda failure: errors.append(failure.value))
    assert isinstance(errors[0], PortUnavailableError)
    assert "127.0.0.1:2049" in str(errors[0])
    stopped: list[None] = []
    worker.stop().addCallback(stopped.append)
    reactor.advance(STOP_S)
    assert stopped == [None]
    assert clock.waiting == 0


@pytest.mark.clause("8.5")
def test_stopping_says_goodbye_to_all_and_leaves_no_timer() -> None:
    """Clients hear SHUTDOWN with when to come again; the master hears it too; nothing waits."""
    it = House()
    it.connect_master()
    clients = [it.connect_client(port=4000 + n) for n in range(3)]
    it.log_in(clients[0])
    done: list[None] = []
    it.worker.stop().addCallback(done.append)
    it.settle()
    for client in clients:
        assert client.goodbye is not None
        assert client.goodbye.code == Status.SHUTDOWN
        assert client.goodbye.retry_after_ms > 0
        assert client.goodbye.workers == ()
    assert it.master.goodbye is not None
    assert it.master.goodbye.code == Status.SHUTDOWN
    closes = it.told(m.ClientClose)
    assert [each.code for each in closes] == [Status.SHUTDOWN] * 3
    assert done == [None]
    assert it.clock.waiting == 0
    assert it.reactor.getDelayedCalls() == []


@pytest.mark.parametrize("stuck", ["client", "master"])
def test_stopping_does_not_wait_for_ever(stuck: str) -> None:
    """A peer that does not read delays the stop by 3 seconds at most."""
    it = House()
    it.connect_master()
    client = it.connect_client()
    (client.wire if stuck == "client" else it.master_wire).near.stalled = True
    done: list[None] = []
    it.worker.stop().addCallback(done.append)
    it.settle()
    assert done == []
    it.advance(STOP_S)
    assert done == [None]
    assert it.clock.waiting == 0


def test_clients_are_told_of_other_workers_when_they_are_known() -> None:
    """The master says which; its newest word counts."""
    it = House()
    it.connect_master()
    client = it.connect_client()
    for names in (("a",), ("b", "c")):
        rows = tuple(m.WorkerRow(port=3049, host=name) for name in names)
        it.master.send(codec.encode(m.WorkersChanged(workers=rows)))
        it.settle()
    it.worker.stop()
    it.settle()
    assert client.goodbye is not None
    assert client.goodbye.workers == rows


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["ask", "answer", "cut", "join", "leave", "come", "wait"]),
              st.integers(0, 10_000)),
    max_size=50,
)  # fmt: skip


class Shuffle:
    """Clients that remember what they asked, and a master that answers in any order."""

    def __init__(self) -> None:
        self.house = House()
        self.house.connect_master()
        self.linked = True
        self.clients: list[ClientPeer] = []
        self.asked: dict[tuple[int, int], int] = {}
        self.answered: dict[tuple[int, int], int] = {}
        self.ups: list[m.RelayUp] = []
        self.number = 0

    def look(self) -> None:
        """Check each new reply against what that client asked."""
        if self.linked:
            self.ups += self.house.relayed()
        for client in self.clients:
            for header, message in client.take():
                key = client.near.number, header.correlation
                if isinstance(message, m.WorkerListReply):
                    if message.as_of != self.asked[key]:
                        raise AssertionError("a reply reached the wrong request")
                elif isinstance(message, m.SessionEvent):
                    continue
                self.answered[key] = self.answered.get(key, 0) + 1

    def act(self, action: str, choice: int) -> None:
        """Do one step."""
        house = self.house
        if action == "ask" and self.clients:
            client = self.clients[choice % len(self.clients)]
            self.number += 1
            self.asked[client.near.number, self.number] = self.number
            house.ask(client, m.WorkerList(region=self.number), correlation=self.number)
        elif action == "answer" and self.ups and self.linked:
            up = self.ups.pop(choice % len(self.ups))
            region = int.from_bytes(up.inner[32:36], "big")
            house.answer(up, m.WorkerListReply(as_of=region))
        elif action == "cut" and self.linked:
            house.cut_master()
            self.linked = False
            self.ups.clear()
        elif action == "join" and not self.linked:
            house.advance(6)
            house.connect_master()
            self.linked = True
        elif action == "leave" and self.clients:
            self.clients.pop(choice % len(self.clients)).wire.cut()
            house.settle()
        elif action == "come" and len(self.clients) < 5:
            self.clients.append(house.connect_client(port=1 + choice))
        elif action == "wait":
            house.advance(choice % 4)
        self.look()


@settings(max_examples=40, deadline=None)
@given(ACTIONS)
def test_every_reply_reaches_its_asker_whatever_happens(steps: list[tuple[str, int]]) -> None:
    """Losses of the link, leaving clients, replies in any order: one answer each, the right one."""
    it = Shuffle()
    it.act("come", 0)
    for action, choice in steps:
        it.act(action, choice)
    it.act("join", 0)
    for _ in range(len(it.ups)):
        it.act("answer", 0)
    assert all(count == 1 for count in it.answered.values())
    living = {client.near.number for client in it.clients}
    assert {key for key in it.asked if key[0] in living} == {
        key for key in it.answered if key[0] in living
    }
    assert it.house.worker.upstream._kept_octets == 0
    assert it.house.worker.upstream.waiting == 0
