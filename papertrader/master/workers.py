"""Worker Management: which workers may come in, which are there, and the link to each.

A worker is known by its key: mutual TLS shows it, the registry says whose it is. Nothing of a peer
without a registered key is parsed. Everything that comes over a link is believed only as far as
that worker may know it: it may say who its clients are and when their frames arrived, within the
bound of its measured clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import attrs
import peewee
from twisted.logger import Logger

from papertrader.core.instants import SECOND
from papertrader.master.commands import Command
from papertrader.master.credentialing import Credentialing
from papertrader.master.database import Change
from papertrader.master.directory import WorkerDirectory
from papertrader.master.duplicates import Duplicates
from papertrader.master.registry import RegisteredWorker, Registry
from papertrader.master.workerlink import MARKET_TOPIC, Topic, WorkerLink
from papertrader.net.clock import Clock
from papertrader.net.credentials import PeerIdentity
from papertrader.net.protocol import Closed
from papertrader.net.tls import is_enrollment, peer_identity
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import (
    DrainMode,
    Status,
    TopicKind,
    WorkerState,
)

BOOT_ABORT_S: Final = 0.5
"""How long a worker that is shut out has to close its link itself."""

TURNED_AWAY_NS: Final = 60 * SECOND
TURNED_AWAY_TOLD: Final = 16
"""The log tells of so many connections that TLS let not in, each address and reason once, in so
long; the others are counted."""


class Listener(Protocol):
    """Who is told what comes over the links."""

    def command(self, command: Command) -> None:
        """A client's command arrived."""

    def link_lost(self, link: WorkerLink) -> None:
        """A worker's link is gone."""

    def superseded(self, epoch: int) -> None:
        """A worker says that a later epoch has begun."""

    def client_closed(self, link: WorkerLink, connection: int, clean: bool) -> None:
        """A client's connection is gone."""

    def alarm(self, worker_id: int, what: str) -> None:
        """Something happened that an operator should look at."""


class Workers:
    """The module: the registry, the links that are up, and who wants which quotes."""

    log = Logger()

    def __init__(self, clock: Clock, boot: int, update_interval_ms: int) -> None:
        self._clock = clock
        self.boot = boot
        self.update_interval_ms = update_interval_ms
        self.registry = Registry()
        self.credentialing: Credentialing
        """Set by Main, as the listener is."""
        self.duplicates = Duplicates(clock, self._alarm)
        self.seen_at: dict[int, int] = {}
        self.epoch = 0
        """The master's; 0 until the store has begun one."""
        self._links: dict[int, WorkerLink] = {}
        self.directory = WorkerDirectory()
        self._numbers = 0
        self._last_seqs: dict[tuple[int, int], int] = {}
        # Links in the order of their coming, not of their addresses in memory: what is sent in
        # which order follows from what came, in every run.
        self._topics: dict[Topic, dict[WorkerLink, None]] = {}
        self.turned_away_count = 0
        self._turned_away: set[tuple[str, str]] = set()
        self._turned_away_since = -TURNED_AWAY_NS
        self.listener: Listener
        self.clock_is_stale: Callable[[], None] = lambda: None
        """Told when a worker is right about the time and this process is not."""
        self.newest: Callable[[Topic], bytes | None] = lambda topic: None
        self.is_listed: Callable[[Topic], bool] = lambda topic: False
        """Whether the market has, or will have, a topic: no others are kept."""
        self.forget: Callable[[Topic], None] = lambda topic: None
        """Told of each topic that no worker follows any more."""
        self.take_log: Callable[[str, str], None] = lambda name, lines: None

    def _alarm(self, worker_id: int, what: str) -> None:
        self.listener.alarm(worker_id, what)

    def skewed(self, ahead_ns: int, bound_ns: int) -> None:
        """A worker's clock is ahead of ours by so much. Is it ours that is wrong?

        Ours is the system's as it was when the process began. Where the system's was stepped since,
        and the worker goes by it, only a new process lets the two meet again. Who already has a
        link needs no such thing: stamps are judged by the difference at its beginning.
        """
        stepped = self._clock.stepped_ns()
        if abs(stepped) > bound_ns and abs(ahead_ns - stepped) <= bound_ns:
            self.log.error(
                "the system's clock was stepped by {seconds} s since this process began",
                seconds=round(stepped / SECOND),
            )
            self.clock_is_stale()

    def load(self, db: peewee.Database) -> None:
        """Read the registry from the store."""
        self.registry.load(db)

    def admitted(self, spki: bytes, uuid: str, host: str = "") -> bool:
        """Tell whether a key and its name are a worker's that may come in from there (for TLS)."""
        identity = PeerIdentity(uuid=uuid, spki=spki)
        return self.registry.admitted(identity, host, self._clock.wall_ns()) is not None

    def find(self, link: WorkerLink, worker_id: int) -> tuple[RegisteredWorker | None, Status]:
        """Return whose link it is if it has just this number, and whether it may come in."""
        identity = self.identify(link)
        if identity is None:
            return None, Status.WORKER_UNKNOWN
        now = self._clock.wall_ns()
        worker = self.registry.by_key(identity.spki, identity.uuid, now)
        if worker is None or worker.worker_id != worker_id:
            return None, Status.WORKER_UNKNOWN
        if worker.state is WorkerState.BOOTED:
            return worker, Status.WORKER_BOOTED
        if worker.state is not WorkerState.ACTIVE:
            return None, Status.WORKER_UNKNOWN
        return worker, Status.OK

    def turned_away(self, host: str, why: str) -> None:
        """Somebody at ``host`` did not get through TLS."""
        self.turned_away_count += 1
        now = self._clock.monotonic_ns()
        if now - self._turned_away_since >= TURNED_AWAY_NS:
            self._turned_away_since = now
            self._turned_away.clear()
        if (host, why) in self._turned_away or len(self._turned_away) >= TURNED_AWAY_TOLD:
            return
        self._turned_away.add((host, why))
        self.log.warn(
            "a connection from {host} was turned away: {why}", host=host or "nowhere", why=why
        )

    def is_enrollment(self, link: WorkerLink) -> bool:
        """Tell whether the peer of a link came to enroll."""
        transport: Any = link.transport
        return is_enrollment(transport)

    def identify(self, link: WorkerLink) -> PeerIdentity | None:
        """Return who the peer of a link has proved to be."""
        transport: Any = link.transport
        return peer_identity(transport)

    def new_link(self) -> WorkerLink:
        """Return the protocol for a connection that came in."""
        self._numbers += 1
        return WorkerLink(self, self._clock, self.boot, self._numbers)

    def last_seq(self, worker_id: int, boot: int) -> int:
        """Return the highest RELAY_UP taken from a worker since its boot."""
        return self._last_seqs.get((worker_id, boot), 0)

    def link_of(self, worker_id: int) -> WorkerLink | None:
        """Return the link of a worker that is up."""
        return self._links.get(worker_id)

    def arbitrate(self, link: WorkerLink, decided: Callable[[bool], None]) -> None:
        """Call ``decided`` with whether a link may be its worker's only one."""
        older = self._links.get(link.worker_id)
        if older is None or older is link:
            decided(True)
        else:
            self.duplicates.decide(older, link, decided)

    def joined(self, link: WorkerLink) -> None:
        """A worker is in. An older link of it is dead by what `arbitrate` found: it is cut."""
        older = self._links.get(link.worker_id)
        self._links[link.worker_id] = link
        self.seen_at[link.worker_id] = self._clock.wall_ns()
        if older is not None:
            self.log.warn(
                "worker {worker} came again: its older link is closed", worker=link.worker_id
            )
            older.say_goodbye(Status.WORKER_DUPLICATE, "this worker has a newer link")
            older.abort()
        self.log.info("worker {worker} is in", worker=link.worker_id)
        self.directory.joined(link, self.links())
        self.credentialing.joined(link)

    def change_state(self, worker: RegisteredWorker, state: WorkerState) -> Change:
        """Let a worker in, or not any more, from now on; its link is another matter."""
        if state is WorkerState.ACTIVE:
            self.drain(worker.worker_id, DrainMode.OFF, 0)
        changed = attrs.evolve(worker, state=state)
        if state is WorkerState.REVOKED:
            changed = attrs.evolve(changed, previous=b"", previous_until=0)
        return self.registry.keep(changed)

    def shut_out(self, worker_id: int, drain_ms: int) -> None:
        """Cut the link of a worker; its clients may move to others for ``drain_ms`` before."""
        link = self._links.get(worker_id)
        if link is None:
            return
        if drain_ms:
            self.drain(worker_id, DrainMode.MOVE, drain_ms)
            self._clock.call_later(drain_ms / 1_000, self._cut, link)
        else:
            self._cut(link)

    def _cut(self, link: WorkerLink) -> None:
        if link.ended:
            return
        worker = self.registry.get(link.worker_id)
        if worker is not None and worker.state is WorkerState.ACTIVE:
            # It was let in again meanwhile.
            return
        self.log.warn("worker {worker} is shut out", worker=link.worker_id)
        link.send(codec.encode(m.WorkerDrain(mode=DrainMode.BOOT)))
        link.say_goodbye(Status.WORKER_BOOTED, "this worker is shut out")
        self._clock.call_later(BOOT_ABORT_S, link.abort)

    def trust_hash(self) -> bytes:
        """Return the SHA-256 of what workers are to trust; empty when no authority is here."""
        return self.credentialing.trust_hash()

    def tell_trust(self) -> None:
        """Tell every worker that is up what to trust."""
        frame = self.credentialing.trust_frame()
        if frame is not None:
            self.send_all(frame)

    def send_all(self, frame: bytes) -> None:
        """Send a frame to every worker that is up."""
        for link in self.links():
            link.send(frame)

    def flush(self) -> None:
        """Send what waits for the end of this turn now."""
        for link in self._links.values():
            link.flush()

    def order_renewal(self, worker_id: int) -> int:
        """Have a worker, or (0) all that are up, make new keys; return how many were told."""
        told = [link for link in self.links() if worker_id in (0, link.worker_id)]
        for link in told:
            link.renewal_ordered = True
            link.send(codec.encode(m.RenewOrder()))
        return len(told)

    def lost(self, link: WorkerLink, why: Closed) -> None:
        """A worker's link is gone."""
        self._last_seqs = {
            key: value for key, value in self._last_seqs.items() if key[0] != link.worker_id
        }
        self._last_seqs[link.worker_id, link.boot] = link.last_seq
        if self._links.get(link.worker_id) is link:
            del self._links[link.worker_id]
            self.directory.tell(self.links())
        for topic in list(self._topics):
            self._uninterested(topic, link)
        self.log.info("worker {worker} is gone: {why}", worker=link.worker_id, why=str(why))
        self.listener.link_lost(link)

    def interest(self, link: WorkerLink, message: m.TopicInterest) -> None:
        """Note whether a worker follows a topic; the newest of it is sent at once."""
        topic: Topic = message.symbol
        if message.kind == TopicKind.BAR:
            topic = (message.symbol, message.interval_s)
        if (topic == MARKET_TOPIC) != (message.kind == TopicKind.MARKET):
            raise RemoteFault(Status.INVALID_FIELD, "the symbol and the kind of topic do not fit")
        if not self.is_listed(topic):
            return
        if not message.add:
            self._uninterested(topic, link)
            return
        newest = self.newest(topic)
        self._topics.setdefault(topic, {})[link] = None
        if newest is not None:
            link.publish([newest], message.kind)

    def _uninterested(self, topic: Topic, link: WorkerLink) -> None:
        listening = self._topics.get(topic)
        if listening is None:
            return
        listening.pop(link, None)
        if not listening:
            del self._topics[topic]
            self.forget(topic)

    def publish(
        self, frames: Iterable[tuple[Topic, bytes]], kind: TopicKind = TopicKind.QUOTE
    ) -> None:
        """Send new events of one kind, each (topic, frame), to the workers that follow them."""
        per_link: dict[WorkerLink, list[bytes]] = {}
        for topic, frame in frames:
            for link in self._topics.get(topic, ()):
                per_link.setdefault(link, []).append(frame)
        for link, batch in per_link.items():
            link.publish(batch, kind)

    def invalidate(self, epoch: int = 0) -> None:
        """Have every worker forget what it knows of the market: another epoch has begun.

        Without an epoch: its cached replies alone.
        """
        for link in self.links():
            link.send(codec.encode(m.CacheInvalidate(epoch=epoch)))

    def followed(self) -> set[str]:
        """Return the symbols of which some worker follows the quotes or the bars."""
        named = {topic[0] if isinstance(topic, tuple) else topic for topic in self._topics}
        return named - {MARKET_TOPIC}

    def links(self) -> list[WorkerLink]:
        """Return the links that are up."""
        return list(self._links.values())

    def listing(self, region: int) -> list[m.WorkerRow]:
        """Return the workers that clients may use."""
        return self.directory.rows(self.links(), region)

    def drain(self, worker_id: int, mode: DrainMode, deadline_ms: int) -> bool:
        """Begin or (OFF) end to drain a worker; False if it is not registered."""
        if self.registry.get(worker_id) is None:
            return False
        order = m.WorkerDrain(mode=mode, deadline_ms=deadline_ms)
        self.directory.drain(worker_id, order, self.links())
        self.log.info("worker {worker}: {mode}", worker=worker_id, mode=mode.name)
        return True
