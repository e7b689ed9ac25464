"""Whether OpenTelemetry's environment variables ask for traces, and what stands in the way. It imports nothing of it.

Names and defaults: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
EXPORTERS = "OTEL_TRACES_EXPORTER"
DISABLED = "OTEL_SDK_DISABLED"
PROTOCOL = "http/protobuf"
PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether traces are asked for; the endpoint is the switch, so that a server without it sends nothing anywhere."""
    off = environ.get(DISABLED, "").strip().lower() == "true" or environ.get(EXPORTERS, "otlp") == "none"
    return not off and any(environ.get(name) for name in ENDPOINTS)


def obstacle(environ: Mapping[str, str]) -> str:
    """Why traces that are asked for cannot be sent, and what to do; empty where they can, or are not asked for."""
    if not wanted(environ):
        return ""
    name = next(name for name in ENDPOINTS if environ.get(name))
    for each in PROTOCOLS:
        if environ.get(each, PROTOCOL) != PROTOCOL:
            return (
                f"{name} is set, and requests are not traced: {each} is {environ[each]}, not {PROTOCOL}; "
                "leave it out, and name the collector's port for HTTP, usually 4318"
            )
    if missing(PACKAGES):
        return f"{name} is set, and requests are not traced: OpenTelemetry is not installed; scripts/setup otel"
    return ""


def missing(packages: tuple[str, ...]) -> bool:
    """Whether one of them is not installed."""
    try:
        return not all(map(find_spec, packages))
    except ModuleNotFoundError:  # of a package in which another one would be
        return True
