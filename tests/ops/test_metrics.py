"""What a monitoring system reads: figures by name, and whether the master serves."""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock

from papertrader.net.clock import Clock
from papertrader.net.factory import AcceptorFactory
from papertrader.net.web import WebSite
from papertrader.ops.metrics import CAPS, CROWD, MetricsRoot, Row, metric_name
from tests.link_kit import Wire, join
from tests.server_kit import EVENTS_S, running
from tests.web_kit import NAME, RawBrowser, WebHouse

ROWS = [(0, "orders", 7), (0, "stall ms >100", 2), (1, "rtt_us", 150), (2, "rtt_us", 90)]


def get(path: str, trouble: str = "", rows: Sequence[Row] = ROWS) -> bytes:
    """Ask a site in memory."""
    reactor = MemoryReactorClock()
    site = WebSite(MetricsRoot(lambda: rows, lambda: trouble), Clock(reactor), reactor)
    raw = RawBrowser()
    address = IPv4Address("TCP", "127.0.0.1", 4000)
    wire = join(site.build(address), raw, reactor, near_is_server=True, peer=address)
    raw.say(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    wire.flush()
    return raw.octets


def test_figures_have_names_and_workers_a_label() -> None:
    """Each name once, with a type; a figure of two workers is two samples of one name."""
    text = get("/metrics").decode()
    assert "200 OK" in text
    assert "# TYPE papertrader_orders gauge" in text
    assert re.search(r"^papertrader_orders 7\.0\r?$", text, re.M)
    assert 'papertrader_worker_rtt_us{worker="1"} 150.0' in text
    assert 'papertrader_worker_rtt_us{worker="2"} 90.0' in text
    assert text.count("# TYPE papertrader_worker_rtt_us") == 1
    assert metric_name("stall ms >100") == "papertrader_stall_ms__100"


def test_no_two_samples_have_the_same_labels() -> None:
    """Prometheus would refuse the whole answer: the first counts, also where names fall together
    only for it."""
    text = get(
        "/metrics", rows=[*ROWS, (1, "rtt_us", 9), (1, "rtt-us", 8), (2, "hit.a", 1)]
    ).decode()
    samples = [line.split()[0] for line in text.splitlines() if line.startswith("papertrader_")]
    assert len(samples) == len(set(samples)) == 5
    assert 'papertrader_worker_rtt_us{worker="1"} 150.0' in text


def test_health_says_why_not() -> None:
    """200 and "ok", or 503 and the reason."""
    assert get("/health").endswith(b"ok\n")
    refused = get("/health", "stopping")
    assert b" 503 " in refused.splitlines()[0]
    assert refused.endswith(b"stopping\n")
    assert b" 404 " in get("/").splitlines()[0]


def test_the_silent_keep_nobody_out() -> None:
    """However many connections say nothing, who asks is answered; who has asked stays."""
    reactor = MemoryReactorClock()
    clock = Clock(reactor)
    site = WebSite(MetricsRoot(lambda: ROWS, lambda: ""), clock, reactor, crowd=CROWD)
    port = AcceptorFactory(site.build, clock, caps=CAPS)
    address = IPv4Address("TCP", "127.0.0.1", 4000)

    def connect() -> tuple[RawBrowser, Wire]:
        raw, near = RawBrowser(), port.buildProtocol(address)
        assert near is not None
        return raw, join(near, raw, reactor, near_is_server=True, peer=address)

    prometheus, scrapes = connect()
    for _ in range(2):
        prometheus.say(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        scrapes.flush()
        silent = [connect() for _ in range(CAPS.burst - 3)]
        for _, wire in silent:
            wire.flush()
        probe, wire = connect()
        probe.say(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        wire.flush()
        assert probe.octets.endswith(b"ok\n")
        assert sum(not each.lost for each, _ in silent) < CROWD
        reactor.advance(1)
    assert prometheus.octets.count(b"ok\n") == 2
    assert not prometheus.lost
    assert site.made_room == 2 * (CAPS.burst - 2) - (CROWD - 1) - 1
    assert not port.counters.refused


def test_of_those_that_asked_the_oldest_goes() -> None:
    """A crowd of connections that all asked something makes room as well."""
    reactor = MemoryReactorClock()
    site = WebSite(MetricsRoot(lambda: ROWS, lambda: ""), Clock(reactor), reactor, crowd=2)
    address = IPv4Address("TCP", "127.0.0.1", 4000)
    raws = [RawBrowser() for _ in range(3)]
    for raw in raws:
        wire = join(site.build(address), raw, reactor, near_is_server=True, peer=address)
        raw.say(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        wire.flush()
    assert [each.octets[-3:] for each in raws] == [b"ok\n"] * 3
    assert site.made_room == 1


def test_a_workers_health_follows_its_link() -> None:
    """503 until the master is there, then 200, and 503 again when it is lost."""
    house = WebHouse()
    assert b" 503 " in house.get("/health").octets.splitlines()[0]
    house.connect_master()
    assert b" 200 " in house.get("/health", host=NAME).octets.splitlines()[0]
    house.cut_master()
    assert b" 503 " in house.get("/health").octets.splitlines()[0]


@pytest.mark.slow
def test_a_master_that_is_watched(tmp_path: Path) -> None:
    """A real master tells the figures of itself and its worker where the settings say."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    settings = state / "papertrader.toml"
    settings.write_text('metrics.listen = "127.0.0.1:0"\n')
    with running(state) as server:
        address = f"http://127.0.0.1:{server.said('master.json')['metrics']}"
        with urllib.request.urlopen(f"{address}/health", timeout=EVENTS_S) as answer:
            assert answer.read() == b"ok\n"
        text, deadline = "", time.monotonic() + EVENTS_S
        # A worker tells its figures from time to time.
        while 'papertrader_worker_connections{worker="1"}' not in text:
            assert time.monotonic() < deadline, text
            with urllib.request.urlopen(f"{address}/metrics", timeout=EVENTS_S) as answer:
                text = answer.read().decode()
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{address}/log", timeout=EVENTS_S)
