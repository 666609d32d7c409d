"""The directory: workers hear of each other, and of being drained (clause 15.12)."""

from __future__ import annotations

import pytest

from papertrader.core.limithits import DRAINED
from papertrader.master import directory as directory_module
from papertrader.master.directory import WorkerDirectory
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import DrainMode, WorkerFlag
from tests.master_kit import MasterKit
from tests.yard_kit import Yard


class FakeLink:
    """A link that keeps what it is sent."""

    def __init__(self, worker_id: int, region: int = 0, load: int = 0) -> None:
        self.worker_id = worker_id
        self.auth: m.WorkerAuth | None = m.WorkerAuth(
            worker_id=worker_id, listen_port=worker_id, max_clients=10, region=region,
            host=f"w{worker_id}",
        )  # fmt: skip
        self.stats: m.WorkerStats | None = None
        self.clients = dict.fromkeys(range(load), m.ClientOpen())
        self.rtt_us = 0
        self.sent: list[object] = []

    def send(self, octets: bytes, frames: int = 1) -> None:
        self.sent.append(codec.decode(octets)[1])

    def told(self) -> list[list[str]]:
        """The lists of others since the last look."""
        sent, self.sent = self.sent, []
        return [
            [row.host for row in each.workers]
            for each in sent
            if isinstance(each, m.WorkersChanged)
        ]


def test_each_hears_of_the_others_when_one_comes_or_goes() -> None:
    """Itself is never named; no news is not sent."""
    directory, links = WorkerDirectory(), [FakeLink(1)]
    directory.joined(links[0], links)
    assert links[0].told() == []
    links.append(FakeLink(2))
    directory.joined(links[1], links)
    assert [link.told() for link in links] == [[["w2"]], [["w1"]]]
    directory.tell(links)
    links[0].clients[99] = m.ClientOpen()
    directory.tell(links)
    assert [link.told() for link in links] == [[], []]
    directory.tell(links[:1])
    assert links[0].told() == [[]]


def test_a_worker_that_comes_again_is_told_again() -> None:
    """Its new link knows nothing."""
    directory, links = WorkerDirectory(), [FakeLink(1), FakeLink(2)]
    directory.joined(links[1], links)
    links[1] = FakeLink(2)
    directory.joined(links[1], links)
    assert links[1].told() == [["w1"]]


def test_near_and_idle_ones_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Own region, then load; no more than the bound."""
    monkeypatch.setattr(directory_module, "TOLD_MAX", 3)
    directory = WorkerDirectory()
    links = [FakeLink(1, 7), FakeLink(2, 0, 1), FakeLink(3, 7, 9), FakeLink(4, 7, 2), FakeLink(5)]
    directory.tell(links)
    assert links[0].told() == [["w4", "w3", "w5"]]


def test_a_drained_worker_is_named_to_nobody() -> None:
    """The others hear first, then it; the order stands when it comes again, until OFF."""
    directory, links = WorkerDirectory(), [FakeLink(1), FakeLink(2), FakeLink(3)]
    directory.tell(links)
    for link in links:
        link.sent.clear()
    order = m.WorkerDrain(mode=DrainMode.MOVE, deadline_ms=5)
    directory.drain(2, order, links)
    assert directory.drained() == [2]
    assert [row.flags for row in directory.rows(links)] == [
        WorkerFlag.ACCEPTING, WorkerFlag.DRAINING, WorkerFlag.ACCEPTING,
    ]  # fmt: skip
    assert links[0].told() == [["w3"]]
    assert links[1].sent == [order]
    links[1] = FakeLink(2)
    directory.joined(links[1], links)
    assert links[1].sent[-1] == order
    directory.drain(2, m.WorkerDrain(mode=DrainMode.OFF), links)
    assert [sorted(names) for names in links[0].told()] == [["w2", "w3"]]
    assert directory.rows(links)[1].flags == WorkerFlag.ACCEPTING
    assert directory.drained() == []


def test_over_real_links(kit: MasterKit) -> None:
    """Workers hear of each other by their links; only a registered one can be drained."""
    yard = Yard(kit)
    first = yard.join(
        1,
    )
    second = yard.join(2)
    workers = kit.main.workers
    first.settle()
    assert [len(each.workers) for each in first.take(m.WorkersChanged)] == [1]
    assert not workers.drain(77, DrainMode.MOVE, 0)
    number = second.link.worker_id
    assert workers.drain(number, DrainMode.MOVE, 1_000)
    first.settle()
    second.settle()
    assert [each.mode for each in second.take(m.WorkerDrain)] == [DrainMode.MOVE]
    assert [len(each.workers) for each in first.take(m.WorkersChanged)] == [0]
    assert (number, DRAINED, 1) in kit.main.operators.rows()


def test_what_workers_say_of_themselves_is_told_once(kit: MasterKit) -> None:
    """A worker's figures are by name: a limit that it names twice is one row, by its last word; one
    that says nothing of its link, as older ones do, has no row of it."""
    worker = Yard(kit).join(1)
    number = worker.link.worker_id

    def found() -> dict[str, list[int]]:
        told: dict[str, list[int]] = {}
        for of, key, value in kit.main.operators.rows():
            if of == number:
                told.setdefault(key, []).append(value)
        return told

    worker.send(m.WorkerStats())
    assert "link_losses" not in found()
    row = m.LinkRow(losses=3, refusals=2, unknown_frames=4, strays=5)
    worker.send(m.WorkerStats(sessions=9, link=(row,)))
    long = "a" * 21
    keys = (("inflight", 1), ("inflight", 7), (long + "b", 2), (long + "c", 3))
    worker.send(m.LimitHits(hits=tuple(m.LimitRow(key=key, hits=hits) for key, hits in keys)))
    told = found()
    assert max(len(values) for values in told.values()) == 1
    assert told["hit.inflight"] == [7]
    assert told["sessions"] == [9]
    names = ("link_losses", "link_refusals", "unknown_frames", "strays")
    assert [told[name] for name in names] == [[3], [2], [4], [5]]
