"""OpenTelemetry spans, where a collector is configured."""

from __future__ import annotations

from opentelemetry import trace

from app.core.errors import Unavailable
from app.observability.health import VERSION


class TracingMissing(Unavailable):
    """Spans are configured, but the extra is not installed: `pip install 'soundstage[tracing]'`."""

    code = "TRACING_NOT_INSTALLED"


def tracer(endpoint: str) -> trace.Tracer | None:
    """A tracer that sends to the collector; None without one. Raises `TracingMissing`."""
    if not endpoint:
        return None
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
    return provider.get_tracer("soundstage")
