"""Prometheus metrics. Labels are bounded: routes and operations by their names, never by what a client sends."""

from __future__ import annotations

from bisect import bisect_left
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


class _Answers:
    """Of one route, method and status: how many, and how many of them took how long."""

    __slots__ = ("number", "seconds", "times")

    def __init__(self) -> None:
        self.number, self.seconds, self.times = 0, 0.0, [0] * (len(_BUCKETS) + 1)


class _Requests(Collector):
    """Counts in dictionaries: the client's own counters look labels up under locks, which this thread need not."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str, int], _Answers] = {}

    def count(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """One request."""
        counted = self.counts.get((route, method, status))
        if counted is None:
            counted = self.counts[route, method, status] = _Answers()
        counted.number += 1
        if seconds is not None:
            counted.seconds += seconds
            counted.times[bisect_left(_BUCKETS, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """As the exposition format wants them."""
        labels = ("route", "method", "status")
        requests = CounterMetricFamily("soundstage_requests", "Requests by route and status.", labels=labels)
        by_route: dict[str, list[_Answers]] = {}
        for (route, method, status), counted in list(self.counts.items()):
            requests.add_metric((route, method, str(status)), counted.number)
            if any(counted.times):
                by_route.setdefault(route, []).append(counted)
        yield requests
        seconds = HistogramMetricFamily("soundstage_request_seconds", "Time to answer, by route.", labels=("route",))
        ends = [*(repr(end) for end in _BUCKETS), "+Inf"]
        for route, answers in by_route.items():
            times = [sum(column) for column in zip(*(each.times for each in answers), strict=True)]
            took = sum(each.seconds for each in answers)
            seconds.add_metric((route,), list(zip(ends, accumulate(times), strict=True)), took)
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
        return sum(each.number for each in self._requests.counts.values())

    def answered_one(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """Counts a request, and how long it took unless it was a stream."""
        self._requests.count(route, method, status, seconds)

    def text(self) -> bytes:
        """All metrics in the text exposition format."""
        return generate_latest(self.registry)
