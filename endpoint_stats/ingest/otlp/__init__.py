"""OpenTelemetry's protocol (OTLP): bytes of a request become hits and points of metrics. No Django (docs/otlp.md)."""
