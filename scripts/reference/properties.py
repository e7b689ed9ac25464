"""Keys of `config/config.properties` and what they mean."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.paths import CONFIG

MEANINGS: dict[str, str] = {
    "inference_address": "bind address of the inference API; `start --host`, `--inference-port`",
    "management_address": "bind address of the management API, always loopback; `start --management-port`",
    "metrics_address": "bind address of the metrics API; `start --metrics-host`, `--metrics-port`",
    "grpc_inference_address": "bind address of gRPC inference; `start --host`",
    "grpc_management_address": "bind address of gRPC management, always loopback",
    "grpc_inference_port": "port of gRPC inference; `start --grpc-port`",
    "grpc_management_port": "port of gRPC management, which `start` leaves closed",
    "disable_token_authorization": "`false` requires TorchServe's own token; `start` turns that off and has `--keys`",
    "token_expiration_min": "lifetime of TorchServe's token in minutes",
    "enable_model_api": "whether clients may register and unregister models over the management API",
    "allowed_urls": "regular expression of the URLs that models may be loaded from",
    "install_py_dep_per_model": "whether TorchServe installs the requirements of an archive at load time",
    "metrics_mode": "`prometheus`: metrics are served at `/metrics`, not written to a log",
    "metrics_config": "file that declares the metrics; see [metrics](metrics.md)",
    "disable_system_metrics": "`true` turns off TorchServe's own CPU, memory and disk metrics",
    "max_request_size": "maximum request size in bytes; more is refused with 413",
    "max_response_size": "maximum response size in bytes; must stay above `handler.max_response_bytes`",
    "vmargs": "options of the Java virtual machine; `start` adds its own before them",
}


def entries() -> Iterator[tuple[str, str, str]]:
    """Key, value and the comment of the paragraph that the key stands in."""
    for paragraph in (CONFIG / "config.properties").read_text().split("\n\n"):
        comment: list[str] = []
        for line in paragraph.splitlines():
            if line.startswith("#"):
                comment.append(line.lstrip("# "))
            else:
                key, _, value = line.partition("=")
                yield key, value, " ".join(comment)
                comment = []
