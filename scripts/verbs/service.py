"""The verb `service`: a systemd unit."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from scripts.deploy import systemd
from scripts.paths import MODEL_STORE
from scripts.server.preflight import Options, archives, check_address, check_keys
from scripts.verbs.options import (
    AgentHost,
    Auth,
    CorsOrigin,
    Device,
    GrpcPort,
    Host,
    InferencePort,
    Insecure,
    Keys,
    ManagementPort,
    MetricsHost,
    MetricsPort,
    Names,
    RequestLog,
    Store,
    Timeout,
    Workers,
)


def service(
    names: Names = None,
    host: Host = "127.0.0.1",
    inference_port: InferencePort = 8080,
    management_port: ManagementPort = None,
    metrics_port: MetricsPort = None,
    grpc_port: GrpcPort = None,
    workers: Workers = None,
    device: Device = None,
    auth: Auth = False,
    keys: Keys = None,
    insecure: Insecure = False,
    metrics_host: MetricsHost = "127.0.0.1",
    agent_host: AgentHost = "127.0.0.1",
    cors_origin: CorsOrigin = None,
    request_log: RequestLog = False,
    timeout: Timeout = 300,
    drain: Annotated[float, typer.Option("--drain", min=0, help="maximum seconds to wait for accepted requests")] = 25,
    user: Annotated[str, typer.Option("--user", help="user that runs it [default: you]")] = "",
    store: Store = MODEL_STORE,
) -> None:
    """Print a hardened systemd unit that runs `start` with the same options; `gateway --unit` prints one for a gateway.

    Example: scripts/bert service bert > bert.service
    """
    asked = Options(store, names or [], host, inference_port, auth=auth, insecure=insecure, keys=keys)
    check_address(asked)
    check_keys(asked)
    if names:
        archives(asked)
    given = {
        "--host": host,
        "--inference-port": inference_port,
        "--management-port": management_port,
        "--metrics-port": metrics_port,
        "--grpc-port": grpc_port,
        "--workers": workers,
        "--device": device,
        "--keys": keys,
        "--metrics-host": metrics_host,
        "--agent-host": agent_host,
        "--cors-origin": cors_origin,
        "--auth": auth,
        "--insecure": insecure,
        "--request-log": request_log,
        "--timeout": f"{timeout:g}",
        "--model-store": store,
    }
    options = [*(names or []), *systemd.words(given)]
    sys.stdout.write(
        systemd.unit(options, inference_port, user or getpass.getuser(), drain, timeout, gpu=device != "cpu")
    )
