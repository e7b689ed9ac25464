"""Options that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from scripts.verbs.tab import archives, models, ports, tasks

ModelName = Annotated[str, typer.Argument(help="name of the model", autocompletion=models)]
Names = Annotated[
    list[str] | None,
    typer.Argument(help="names of archives; default: all in the model store", autocompletion=archives),
]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Store = Annotated[
    Path,
    typer.Option("--model-store", envvar="BERT_MODEL_STORE", help="folder with the archives", file_okay=False),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--inference-port",
        envvar="BERT_INFERENCE_PORT",
        help="inference port of the server; needed if several run",
        autocompletion=ports,
    ),
]
Name = Annotated[str, typer.Option("--name", help="name of the model, in the archive and in its URL")]
Version = Annotated[str, typer.Option("--version", help="version of the model")]
Task = Annotated[str | None, typer.Option("--task", help="task of requests to /predictions/NAME", autocompletion=tasks)]
Runtime = Annotated[
    Literal["auto", "native", "packed", "onnx", "torchscript", "eager", "static"] | None,
    typer.Option("--runtime", help="inference engine [default: auto, the fastest on the device]"),
]
Dtype = Annotated[
    Literal["float32", "float16", "bfloat16", "int8", "auto"] | None,
    typer.Option(
        "--dtype",
        help="precision: float32; bfloat16; float16 on a GPU; int8 on a CPU; auto: 16 bits on a GPU, float32 on a CPU "
        "[default: float32]",
    ),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="YAML with keys of model-config.yaml", exists=True, dir_okay=False)
]
Revision = Annotated[str | None, typer.Option("--revision", help="branch, tag or commit on the Hugging Face hub")]
Offline = Annotated[bool, typer.Option("--offline", help="use local files only; no network access")]
Host = Annotated[str, typer.Option("--host", help="bind address of the inference API")]
MetricsHost = Annotated[
    str,
    typer.Option(
        "--metrics-host",
        help="bind address of the metrics API (/metrics), which has no authentication, not even with --auth",
    ),
]
AgentHost = Annotated[
    str,
    typer.Option(
        "--agent-host",
        help="bind address of the agent (inference port + 5), which tells a gateway on another machine how busy the "
        "server is, whether it is to end, and its versions; it asks nobody for a key",
    ),
]
InferencePort = Annotated[
    int,
    typer.Option("--inference-port", envvar="BERT_INFERENCE_PORT", min=1, max=65535, help="port of the inference API"),
]
ManagementPort = Annotated[
    int | None,
    typer.Option(
        "--management-port", min=1, max=65535, help="port of the management API [default: inference port + 1]"
    ),
]
MetricsPort = Annotated[
    int | None,
    typer.Option("--metrics-port", min=1, max=65535, help="port of the metrics API [default: inference port + 2]"),
]
GrpcPort = Annotated[
    int | None,
    typer.Option(
        "--grpc-port",
        min=1,
        max=65534,
        help="port of gRPC inference; gRPC management has the next one "
        "[default: 7070; with another inference port, that + 3]",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="workers per model [default: for a single model one per CPU core, at most 8, or two per GPU]",
    ),
]
Device = Annotated[
    Literal["cpu", "gpu"] | None,
    typer.Option("--device", help="device of the workers [default: a GPU if there is one]"),
]
Auth = Annotated[
    bool,
    typer.Option("--auth", help="as --keys, with keys that the first such start makes; `status` says in which file"),
]
Keys = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        envvar="BERT_KEYS",
        exists=True,
        dir_okay=False,
        help="file of API keys, lines NAME:KEY; every request needs one of them; changes apply without a restart",
    ),
]
CorsOrigin = Annotated[
    str | None,
    typer.Option(
        "--cors-origin",
        help="origin whose pages may use the server from a browser, such as https://app.example.com, or * for all "
        "[default: none]",
    ),
]
RequestLog = Annotated[
    bool,
    typer.Option("--request-log", help="write a line of JSON for each request into logs/requests.log; never a text"),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="allow a --host other than loopback without --keys or --auth")
]
Foreground = Annotated[
    bool, typer.Option("--foreground", help="stay in the foreground until interrupted, then stop the server")
]
ForegroundDrain = Annotated[
    float,
    typer.Option(
        "--drain",
        min=0,
        help="with --foreground: maximum seconds to wait for accepted requests after SIGTERM, SIGINT or SIGHUP; the "
        "default leaves `docker stop` its 10 seconds",
    ),
]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="seconds to wait until the workers are ready")]
