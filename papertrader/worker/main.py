"""The worker: builds its parts, connects to the master, then faces the clients."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import HostnameEndpoint, TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.eventlog.shipping import Shipment
from papertrader.eventlog.trail import Note
from papertrader.net.clock import Clock
from papertrader.net.factory import AcceptCaps, AcceptorFactory, address_block
from papertrader.net.protocol import Gathering, OutputBounds
from papertrader.net.services import ListeningService, NextEndpoint, address
from papertrader.net.webport import WebConfiguration
from papertrader.wire import limits
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Status
from papertrader.wire.messages import (
    ClientClose,
    LimitHits,
    LimitRow,
    LinkRow,
    WorkerAuth,
    WorkerLog,
    WorkerRow,
    WorkerStats,
)
from papertrader.worker.cache import CACHE_OCTETS, ReplyCache
from papertrader.worker.clients import ClientProtocol, Clients, Surroundings, outer_link
from papertrader.worker.draining import Draining
from papertrader.worker.linkstate import LinkHooks, LinkState
from papertrader.worker.market import Market
from papertrader.worker.stamping import client_data, packed_address
from papertrader.worker.statistics import WorkerStatistics
from papertrader.worker.topics import Topics
from papertrader.worker.upkeep import KeyStore, Upkeep
from papertrader.worker.upstream import SEVERAL_ANSWER_S, Upstream
from papertrader.worker.web import WebFace
from papertrader.worker.witness import Witness

BOOT_BITS: Final = 63
CONNECT_S: Final = 30.0


@attrs.frozen(kw_only=True)
class WorkerConfiguration:
    """What the operator decides about one worker."""

    worker_id: int
    """Given by the operator at enrollment; must belong to the certificate."""
    name: str
    master_host: str
    master_port: int
    listen_host: str
    listen_port: int
    """For clients; 0 lets the system choose (see `Worker.port`)."""
    masters: tuple[tuple[str, int], ...] = ()
    """(host, port) of all masters that may have the store; none: ``master_host`` alone."""
    region: int = 0
    public_host: str = ""
    """Name in the worker's public certificate, published to clients; at most 64 octets."""
    caps: AcceptCaps = attrs.Factory(AcceptCaps)
    bounds: OutputBounds = attrs.Factory(OutputBounds)
    cache_octets: int = CACHE_OCTETS
    request_rate: int = limits.COMMAND_RATE
    """Requests a second of one client, and how many at once."""
    request_burst: int = limits.COMMAND_BURST
    web: WebConfiguration | None = None
    """The port for browsers; None: none is opened."""


class Worker:
    """One worker. ``start`` it, wait for `ready`, and `stop` it.

    ``reactor`` makes connections and listens; ``random_source`` must be unpredictable in
    production (`random.SystemRandom`). Without the TLS factories both links are plain, for tests.
    ``keys`` are kept up (`Upkeep`), and ``witness`` fed, if they are given.
    """

    log = Logger()
    more_hits: Callable[[], dict[str, int]] = dict
    """How often limits were hit of what stands beside the worker, such as a gateway."""

    def __init__(
        self,
        configuration: WorkerConfiguration,
        reactor: IReactorTCP,
        clock: Clock,
        random_source: random.Random,
        *,
        public_tls: IOpenSSLServerConnectionCreator | None = None,
        inner_tls: IOpenSSLClientConnectionCreator | None = None,
        endpoint: IStreamServerEndpoint | None = None,
        web_tls: IOpenSSLServerConnectionCreator | None = None,
        web_endpoint: IStreamServerEndpoint | None = None,
        trail: Note | None = None,
        shipment: Shipment | None = None,
        keys: KeyStore | None = None,
        witness: Witness | None = None,
    ) -> None:
        """``endpoint``, ``web_endpoint``: what listens, instead of the configured addresses;
        ``trail``: what writes down what becomes of commands; ``shipment``: our log on its way."""
        self._shipment = shipment
        self.configuration = configuration
        self.clock = clock
        self.boot = random_source.getrandbits(BOOT_BITS) or 1
        self.statistics = WorkerStatistics()
        self._told_hits: dict[str, int] = {}
        self.clients = Clients()
        self.upstream = Upstream(clock, self.clients, self.statistics, random_source, self.boot)
        self.cache = ReplyCache(clock, configuration.cache_octets)
        self.topics = Topics(clock, self.upstream.tell_interest)
        self.ready: Deferred[Worker] = Deferred()
        """Fires when the link is active and the port is open; fails with
        `PortUnavailableError` if the port cannot be had."""
        self._reactor = reactor
        self._inner_tls = inner_tls
        self._around = Surroundings(
            clock=clock,
            clients=self.clients,
            relay=self.upstream,
            market=Market(clock, self.cache, self.topics, self.upstream),
            statistics=self.statistics,
            gathering=Gathering(clock),
            bounds=configuration.bounds,
            command_rate=configuration.request_rate,
            command_burst=configuration.request_burst,
            worker_id=configuration.worker_id,
            trail=trail,
        )
        self.acceptor = AcceptorFactory(
            self.client, clock, caps=configuration.caps, tls=public_tls,
            reactor=IReactorTime(reactor),
        )  # fmt: skip
        self._listening = self._listening_service(endpoint)
        self.web = self._web_face(web_tls, web_endpoint)
        self._draining = Draining(clock, self.clients)
        self.upstream.hooks = self._hooks()
        self.upkeep: Upkeep | None = None
        if keys is not None:
            self.upkeep = Upkeep(clock, keys, witness, self.upstream.call, self.upstream.tell)

    def _web_face(
        self, tls: IOpenSSLServerConnectionCreator | None, endpoint: IStreamServerEndpoint | None
    ) -> WebFace | None:
        settings = self.configuration.web
        if settings is None:
            return None
        return WebFace(
            settings, self.client, self.trouble, self.clock, self._reactor, tls, endpoint
        )

    def _hooks(self) -> LinkHooks:
        return LinkHooks(
            credentials=self._credentials,
            activated=self._activated,
            publish=self.topics.publish,
            close_client=self._close_client,
            others_changed=self._others_changed,
            invalidated=self._invalidated,
            drain=self._draining.ordered,
            stats=self._stats,
            log=self._log_lines,
            noticed=self._noticed,
            shut_out=self._draining.shut_out,
            lost=self._link_lost,
        )

    # --- life -----------------------------------------------------------------------------------

    def start(self) -> Deferred[Worker]:
        """Connect to the master, then listen; returns `ready`."""
        settings = self.configuration
        masters = settings.masters or ((settings.master_host, settings.master_port),)
        several = len(masters) > 1
        # The reactor resolves names; IP addresses go straight through.
        resolver = IReactorPluggableNameResolver(self._reactor)
        endpoints = [
            HostnameEndpoint(resolver, host, port, SEVERAL_ANSWER_S if several else CONNECT_S)
            for host, port in masters
        ]
        self.upstream.start(
            NextEndpoint(endpoints, [address(*each) for each in masters]),
            self._inner_tls,
            IReactorTime(self._reactor),
            several,
        )
        self._listening.startService()
        self._listening.listening.addCallbacks(self._listens, self._cannot_listen, ("clients",))
        if self.web is not None:
            self.web.start()
            self.web.listening.listening.addCallbacks(
                self._listens, self._cannot_listen, ("browsers",)
            )
        return self.ready

    def stop(self) -> Deferred[None]:
        """Say GOODBYE to the clients and to the master, and end; takes 3 seconds at most."""
        self._draining.stop()
        self._link_lost()
        for client in list(self.acceptor):
            client.say_goodbye(Status.SHUTDOWN, "the worker stops")
        ends = [self._listening.stopService(), self.upstream.stop()]
        if self.web is not None:
            ends.append(self.web.stop())
        ended = gatherResults(ends)
        self.topics.stop()
        done: Deferred[None] = Deferred()
        ended.addCallbacks(lambda _: done.callback(None), done.errback)
        return done

    @property
    def port(self) -> int:
        """The port that clients use: the real one once it is open."""
        listening = self._listening.port
        if listening is None:
            return self.configuration.listen_port
        port: int = getattr(listening.getHost(), "port", self.configuration.listen_port)
        return port

    def _listening_service(self, endpoint: IStreamServerEndpoint | None) -> ListeningService:
        host, port = self.configuration.listen_host, self.configuration.listen_port
        kind = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
        return ListeningService(
            endpoint or kind(self._reactor, port, interface=host),
            self.acceptor,
            self.clock,
            where=address(host, port),
            setting="worker.listen",
        )

    def _listens(self, port: IListeningPort, whom: str) -> None:
        self.log.info(
            "{name} listens for {whom} on port {port}",
            name=self.configuration.name,
            whom=whom,
            port=getattr(port.getHost(), "port", 0),
        )
        self._check_ready()

    def _cannot_listen(self, failure: Failure) -> None:
        if not self.ready.called:
            self.ready.errback(failure)

    def _check_ready(self) -> None:
        open_port = self._listening.port is not None and (
            self.web is None or self.web.listening.port is not None
        )
        if open_port and self.upstream.state is LinkState.ACTIVE and not self.ready.called:
            self.ready.callback(self)

    def client(self, peer: IAddress) -> ClientProtocol:
        """Return the worker's end of a new client connection, whatever it comes over."""
        number = self.clients.next_number()
        link = outer_link(number, self.boot, self.configuration.request_rate)
        return ClientProtocol(link, client_data(peer), self._around)

    # --- what the link needs --------------------------------------------------------------------

    def trouble(self) -> str:
        """Return why the worker cannot serve just now, "" if it can."""
        if self.upstream.state is not LinkState.ACTIVE:
            return "the master cannot be asked now"
        return "" if self.clients.admitting else "this worker takes no more clients"

    def _credentials(self, next_worker_seq: int, clients: int) -> WorkerAuth:
        settings = self.configuration
        return WorkerAuth(
            worker_id=settings.worker_id,
            boot=self.boot,
            next_worker_seq=next_worker_seq,
            epoch=self.upstream.epoch,
            listen_address=packed_address(settings.listen_host) or bytes(16),
            listen_port=self.port,
            max_clients=settings.caps.total,
            clients=clients,
            region=settings.region,
            clock=self.clock.wall_ns(),
            host=settings.public_host,
        )

    def _activated(self, other_master: bool) -> None:
        if other_master:
            self.cache.clear()
        self._draining.end()
        self.topics.renew()
        if self.upkeep is not None:
            self.upkeep.begin()
        self._check_ready()

    def _noticed(self, message: Message) -> bool:
        return self.upkeep is not None and self.upkeep.take(message)

    def _link_lost(self) -> None:
        if self.upkeep is not None:
            self.upkeep.stop()

    def _invalidated(self, epoch: int) -> None:
        self.cache.clear()
        if epoch:
            self.topics.void()

    def _close_client(self, order: ClientClose) -> None:
        client = self.clients.get(order.connection)
        if client is None:
            return
        if order.ban_s:
            peer = client.transport.getPeer() if client.transport is not None else None
            self.acceptor.admission.ban(address_block(peer), order.ban_s)
        client.say_goodbye(order.code, order.text or "closed by the master")

    def _others_changed(self, workers: tuple[WorkerRow, ...]) -> None:
        self.clients.others = workers

    # --- figures --------------------------------------------------------------------------------

    def _log_lines(self) -> WorkerLog | None:
        if self._shipment is None:
            return None
        lines = self._shipment.give(limits.WORKER_LOG_OCTETS)
        if not lines:
            return None
        return WorkerLog(rows=len(lines), dropped=self._shipment.dropped, lines="\n".join(lines))

    def _stats(self) -> list[WorkerStats | LimitHits]:
        """Return what is told to the master from time to time; the limits only if some was hit."""
        hits = self._limit_hits()
        told, self._told_hits = self._told_hits, hits
        found: list[WorkerStats | LimitHits] = [self._worker_stats()]
        if hits != told:
            rows = tuple(LimitRow(key=key, hits=count) for key, count in hits.items() if count)
            found.append(LimitHits(hits=rows))
        return found

    def _limit_hits(self) -> dict[str, int]:
        """Return how often each limit of this worker was hit since its start."""
        accepted, statistics = self.acceptor.counters, self.statistics
        return {
            "connections": accepted.over_total,
            "files": accepted.over_files,
            "connections_address": accepted.over_address,
            "connects_address": accepted.over_rate,
            "connects": accepted.over_total_rate,
            "command_rate": statistics.rate_limited,
            "inflight": statistics.over_inflight,
            "link_window": statistics.unavailable,
            "output": statistics.slow_consumers,
            "link_wait": statistics.outcome_unknown,
            **self.more_hits(),
        }

    def _worker_stats(self) -> WorkerStats:
        statistics = self.statistics
        return WorkerStats(
            clock=self.clock.wall_ns(),
            clients=len(self.clients),
            sessions=self.clients.sessions,
            frames_up=statistics.frames_up,
            frames_down=statistics.frames_down,
            bytes_up=statistics.octets_up,
            bytes_down=statistics.octets_down,
            cache_hits=self.cache.counters.hits,
            cache_misses=self.cache.counters.misses,
            rejected=statistics.refused + statistics.faults + self.acceptor.counters.refused,
            queue_up=self.upstream.unacknowledged,
            queue_down=min(self.clients.queued, 0xFFFF_FFFF),
            link=(
                LinkRow(
                    losses=statistics.link_losses,
                    refusals=statistics.link_refusals,
                    unknown_frames=statistics.unknown_frames,
                    strays=statistics.strays,
                ),
            ),
        )
