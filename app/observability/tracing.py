"""OpenTelemetry spans, where a collector is configured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.errors import Unavailable
from app.observability.health import VERSION

if TYPE_CHECKING:
    from opentelemetry import trace


class TracingMissing(Unavailable):
    """Spans are configured, but the extra is not installed: `pip install 'soundstage[tracing]'`."""

    code = "TRACING_NOT_INSTALLED"


@dataclass(frozen=True, slots=True)
class Tracing:
    """A tracer, and how to end it: what was not yet sent is sent then."""

    tracer: trace.Tracer | None = None
    close: Callable[[], None] = lambda: None


def tracing(endpoint: str) -> Tracing:
    """A tracer that sends to the collector; none without an endpoint. Raises `TracingMissing`."""
    if not endpoint:
        return Tracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracingMissing() from error
    provider = TracerProvider(resource=Resource.create({"service.name": "soundstage", "service.version": VERSION}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider.get_tracer("soundstage"), provider.shutdown)
