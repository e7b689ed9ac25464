"""The verb `service`: a systemd unit."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from scripts.deploy import systemd
from scripts.paths import MODEL_STORE
from scripts.server.preflight import Options, check_address
from scripts.verbs.options import (
    AgentHost,
    Device,
    Host,
    InferencePort,
    Insecure,
    Keys,
    MetricsHost,
    Names,
    Store,
    Timeout,
    Workers,
)


def service(
    names: Names = None,
    host: Host = "127.0.0.1",
    inference_port: InferencePort = 8080,
    workers: Workers = None,
    device: Device = None,
    keys: Keys = None,
    insecure: Insecure = False,
    metrics_host: MetricsHost = "127.0.0.1",
    agent_host: AgentHost = "127.0.0.1",
    timeout: Timeout = 300,
    drain: Annotated[float, typer.Option("--drain", min=0, help="maximum seconds to wait for accepted requests")] = 25,
    user: Annotated[str, typer.Option("--user", help="user that runs it [default: you]")] = "",
    store: Store = MODEL_STORE,
) -> None:
    """Print a hardened systemd unit that runs `start` with the same options.

    Example: scripts/bert service bert > bert.service
    """
    check_address(Options(store, names or [], host, inference_port, insecure=insecure, keys=keys))
    given = {
        "--host": host,
        "--inference-port": inference_port,
        "--workers": workers,
        "--device": device,
        "--keys": systemd.path(keys) if keys else None,
        "--metrics-host": metrics_host,
        "--agent-host": agent_host,
        "--timeout": f"{timeout:g}",
        "--model-store": systemd.path(store),
    }
    words = [text for flag, value in given.items() if value is not None for text in (flag, str(value))]
    options = [*(names or []), *words, *(["--insecure"] if insecure else [])]
    sys.stdout.write(
        systemd.unit(options, inference_port, user or getpass.getuser(), drain, timeout, gpu=device != "cpu")
    )
