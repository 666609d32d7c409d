"""The master's counters for Prometheus, and whether it serves: one more port, off unless set.

``/metrics`` has what STATS_GET tells an operator (``papertrader stats``), the workers' figures with
a label for each worker; ``/health`` answers 200 while workers can be served. Nothing personal is in
either, and there is no login: keep the port where only your monitoring reaches it. Whoever reaches
it and says nothing keeps nobody out: a new connection takes the place of the oldest that is silent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from twisted.web.resource import Resource
from twisted.web.server import Request

from papertrader.net.factory import AcceptCaps
from papertrader.net.web import Health, Refusal

PREFIX: Final = "papertrader_"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9_]")

CROWD: Final = 24
"""Connections at once; one more takes the place of another."""
CAPS: Final = AcceptCaps(total=128, per_address=128, rate=200, burst=100)
"""As one address asks for all, it may have what all may. What made room counts until it is lost, in
the reactor's next turn: there is room for a burst beside the crowd."""

Row = tuple[int, str, int]
"""(worker, or 0 for the master; name; value)"""


def metric_name(key: str) -> str:
    """Return the name of a figure for Prometheus: lower case, digits, underscores."""
    return PREFIX + _NOT_IN_NAMES.sub("_", key.lower())


class Collector:
    """What a registry of ``prometheus_client`` asks for the figures of now."""

    def __init__(self, rows: Callable[[], Iterable[Row]]) -> None:
        self._rows = rows

    def collect(self) -> Iterator[Any]:
        """Give each figure once, as a gauge: names do not say which of them only grow."""
        from prometheus_client.core import (  # noqa: PLC0415 (an extra)
            GaugeMetricFamily,
        )

        families: dict[str, Any] = {}
        told: set[tuple[str, int]] = set()
        for worker, key, value in self._rows():
            name = metric_name(key) if not worker else metric_name(f"worker_{key}")
            if (name, worker) in told:
                # Two samples of the same labels make Prometheus refuse all of them.
                continue
            told.add((name, worker))
            family = families.get(name)
            if family is None:
                labels = ["worker"] if worker else []
                family = families[name] = GaugeMetricFamily(
                    name, f"{key} of `stats`", labels=labels
                )
            family.add_metric([str(worker)] if worker else [], value)
        yield from families.values()


class Metrics(Resource):
    """``/metrics``. Raises `ImportError` at the start if ``prometheus_client`` is not installed."""

    isLeaf = True

    def __init__(self, rows: Callable[[], Iterable[Row]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        from prometheus_client import (  # noqa: PLC0415 (an extra)
            CollectorRegistry,
            generate_latest,
        )

        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Collector(rows))
        self._latest = generate_latest

    def render_GET(self, request: Request) -> bytes:
        """Return all figures."""
        request.setHeader("Content-Type", CONTENT_TYPE)
        told: bytes = self._latest(self._registry)
        return told


class MetricsRoot(Resource):
    """The two, and nothing else."""

    def __init__(self, rows: Callable[[], Iterable[Row]], trouble: Callable[[], str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.putChild(b"metrics", Metrics(rows))
        self.putChild(b"health", Health(trouble))

    def getChild(self, path: bytes, request: Request) -> Resource:
        """Return that there is nothing."""
        return Refusal(404, "there are /metrics and /health")
