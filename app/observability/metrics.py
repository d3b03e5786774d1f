"""Prometheus metrics. Labels are bounded: routes and operations by their names, never by what a client sends."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


#: Upper ends of the histogram of answers, in seconds.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Requests(Collector):
    """Counts in dictionaries: the client's own counters look labels up under locks, which this thread need not."""

    def __init__(self) -> None:
        self.counts: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self.times: dict[str, list[int]] = {}
        self.sums: dict[str, float] = {}

    def count(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """One request."""
        self.counts[route, method, status] += 1
        if seconds is not None:
            times = self.times.get(route)
            if times is None:
                times = self.times[route] = [0] * (len(_BUCKETS) + 1)
                self.sums[route] = 0.0
            times[bisect_left(_BUCKETS, seconds)] += 1
            self.sums[route] += seconds

    def collect(self) -> Iterator[Metric]:
        """As the exposition format wants them."""
        labels = ("route", "method", "status")
        requests = CounterMetricFamily("soundstage_requests", "Requests by route and status.", labels=labels)
        for (route, method, status), number in list(self.counts.items()):
            requests.add_metric((route, method, str(status)), number)
        yield requests
        seconds = HistogramMetricFamily("soundstage_request_seconds", "Time to answer, by route.", labels=("route",))
        for route, times in list(self.times.items()):
            ends = [*(repr(end) for end in _BUCKETS), "+Inf"]
            seconds.add_metric((route,), list(zip(ends, accumulate(times), strict=True)), self.sums[route])
        yield seconds


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = _Requests()
        self.registry.register(self._requests)
        self.unplanned = Counter(
            "soundstage_operations_unplanned",
            "Operations that had to be interpreted, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self.connections = Gauge("soundstage_websockets", "Open WebSockets.", registry=self.registry)
        self.passes = Counter(
            "soundstage_reconcile_passes", "Passes of the reconciler by result.", ("result",), registry=self.registry
        )

    @property
    def answered(self) -> int:
        """Requests that were answered since the start."""
        return sum(self._requests.counts.values())

    def answered_one(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """Counts a request, and how long it took unless it was a stream."""
        self._requests.count(route, method, status, seconds)

    def text(self) -> bytes:
        """All metrics in the text exposition format."""
        return generate_latest(self.registry)
