"""Options that several verbs take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from scripts.paths import MODEL_STORE

Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Store = Annotated[Path, typer.Option("--model-store", envvar="BERT_MODEL_STORE", help="folder of archives")]
Port = Annotated[
    int | None, typer.Option("--inference-port", envvar="BERT_INFERENCE_PORT", help="which server, if several run")
]
Name = Annotated[str, typer.Option("--name", help="what clients call the model")]
Version = Annotated[str, typer.Option("--version", help="version of the model")]
Task = Annotated[str | None, typer.Option("--task", help="task that /predictions/NAME answers")]
Runtime = Annotated[
    Literal["auto", "native", "packed", "onnx", "torchscript", "eager"] | None,
    typer.Option("--runtime", help="engine [default: auto, the fastest on each worker's device]"),
]
Dtype = Annotated[
    Literal["float32", "float16", "bfloat16", "int8", "auto"] | None,
    typer.Option(
        "--dtype",
        help="float32; bfloat16; float16 on a GPU; int8 on a CPU; auto: 16 bits on a GPU, float32 on a CPU "
        "[default: float32]",
    ),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="YAML with keys of model-config.yaml", exists=True, dir_okay=False)
]
Revision = Annotated[str | None, typer.Option("--revision", help="branch, tag or commit on the hub")]
Offline = Annotated[bool, typer.Option("--offline", help="use only what is on this machine")]
Host = Annotated[str, typer.Option("--host", help="address of the inference API")]
MetricsHost = Annotated[
    str,
    typer.Option(
        "--metrics-host", help="address of Prometheus' /metrics; it asks nobody for a key, not even with --auth"
    ),
]
InferencePort = Annotated[int, typer.Option("--inference-port", envvar="BERT_INFERENCE_PORT", min=1, max=65535)]
ManagementPort = Annotated[int | None, typer.Option("--management-port", help="[default: inference port + 1]")]
MetricsPort = Annotated[int | None, typer.Option("--metrics-port", help="[default: inference port + 2]")]
GrpcPort = Annotated[
    int | None, typer.Option("--grpc-port", help="and the next one [default: 7070; on another inference port, + 3]")
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="per model [default: one per core for a single model on a CPU]")
]
Device = Annotated[Literal["cpu", "gpu"] | None, typer.Option("--device", help="[default: a GPU if there is one]")]
Auth = Annotated[
    bool, typer.Option("--auth", help="ask every request for the token that TorchServe makes at each start")
]
Keys = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        envvar="BERT_KEYS",
        exists=True,
        dir_okay=False,
        help="file of lines NAME:KEY; every request needs one of them, and changes count at once",
    ),
]
Insecure = Annotated[bool, typer.Option("--insecure", help="allow another --host without --keys or --auth")]
Foreground = Annotated[bool, typer.Option("--foreground", help="stay until interrupted, then stop the server")]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="seconds to wait for the workers")]


def archives(incomplete: str) -> list[str]:
    """Names of archives for the Tab key."""
    store = Path(os.environ.get("BERT_MODEL_STORE", MODEL_STORE))
    return sorted(file.stem for file in store.glob("*.mar") if file.stem.startswith(incomplete))
