"""Prometheus metrics. Labels are bounded: routes and operations by their names, never by what a client sends."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = Counter(
            "soundstage_requests",
            "Requests by route and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "soundstage_request_seconds",
            "Time to answer, by route.",
            ("route",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.connections = Gauge("soundstage_websockets", "Open WebSockets.", registry=self.registry)
        self.passes = Counter(
            "soundstage_reconcile_passes", "Passes of the reconciler by result.", ("result",), registry=self.registry
        )

    @property
    def answered(self) -> int:
        """Requests that were answered since the start."""
        samples = (sample for metric in self.requests.collect() for sample in metric.samples)
        return round(sum(sample.value for sample in samples if sample.name.endswith("_total")))

    def text(self) -> bytes:
        """All metrics in the text exposition format."""
        return generate_latest(self.registry)
