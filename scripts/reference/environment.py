"""Environment variables that the project reads, one line each."""

from __future__ import annotations

ENVIRONMENT: dict[str, str] = {
    "BERT_INFERENCE_PORT": "default of `--inference-port`",
    "BERT_MODEL_STORE": "default of `--model-store`",
    "BERT_KEYS": "default of `--keys`; `start` also passes the file to the workers in it",
    "BERT_RUNS": "folder with settings, state and logs of each running server; default: `.run` of the project",
    "BERT_CACHE": "folder in which `open_archive`, `embed`, `evaluate` and `compare` unpack archives; default: "
    "`bert-archives` in `XDG_CACHE_HOME` or `~/.cache`",
    "XDG_CACHE_HOME": "the user's caches",
    "BERT_API_KEY": "default of `embed --key`",
    "PYTHON": "Python that `scripts/setup` creates `.venv` with; default: the first supported one on the path",
    "BERT_TORCH": "build of PyTorch that `scripts/setup` installs, `cpu` or `cuda`; default: `cpu` without an NVIDIA "
    "GPU, unless pip is configured for an index of your own",
    "TMPDIR": "temporary folder, in which a server unpacks its archives; it goes to `/tmp`, `/var/tmp` or "
    "`XDG_RUNTIME_DIR` where this one is too long for a socket's path, or mounted noexec",
    "XDG_RUNTIME_DIR": "the last folder that is tried for a server's temporary files",
    "CUDA_VISIBLE_DEVICES": "GPUs that the server may use, as indices, UUIDs or MIG names; empty or `-1`: none",
    "ONEDNN_MAX_CPU_ISA": "newest instruction set that torch and the kernels of the runtime `native` may use: "
    "`AVX512_CORE_BF16`, `AVX512_CORE`, `AVX2_VNNI` or `AVX2`",
    "NOTIFY_SOCKET": "where `start --foreground` tells systemd that it is ready or stopping; systemd sets it",
    "OMP_WAIT_POLICY": "how idle compute threads wait; `start`, `finetune` and `embed` set `PASSIVE` if it is not set",
    "ORT_DISABLE_TELEMETRY": "`1` unless it is set: ONNX Runtime sends nothing of processes and models to its maker",
    "TOKENIZERS_PARALLELISM": "threads of the tokenizer; workers on a CPU set `false` if it is not set",
}
"""For users."""
TRACING: dict[str, str] = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "collector to which traces are sent, such as `http://localhost:4318`; nothing is "
    "sent without it",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "the same with its whole path, `http://localhost:4318/v1/traces`",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "`http/protobuf`, or nothing",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "the same",
    "OTEL_EXPORTER_OTLP_HEADERS": "headers for the collector, such as its key",
    "OTEL_SERVICE_NAME": "name of the service; default: `bert-on-torchserve`",
    "OTEL_RESOURCE_ATTRIBUTES": "further attributes of all spans, such as `deployment.environment.name=test`",
    "OTEL_TRACES_SAMPLER": "which requests are traced; default: `parentbased_always_on`",
    "OTEL_TRACES_SAMPLER_ARG": "of that sampler, such as the share for `parentbased_traceidratio`",
    "OTEL_TRACES_EXPORTER": "`none`: no traces",
    "OTEL_SDK_DISABLED": "`true`: no traces",
    "OTEL_BSP_MAX_QUEUE_SIZE": "most spans that wait to be sent; default: 16384",
    "OTEL_BSP_SCHEDULE_DELAY": "milliseconds after which they are sent; default: 1000",
}
"""OpenTelemetry's; its SDK reads further ones of them."""
INTERNAL: dict[str, str] = {
    "BERT_REQUEST_LOG": "set by `start --request-log` for its workers: the file they write a line for each request to",
    "BERT_DOOR": "set by the gateway for HAProxy: the descriptor of the socket that clients connect to",
    "BERT_LOCKS": "set by `start` for its workers: folder of the lock files that divide the cores among busy workers",
    "BERT_VISIBLE_DEVICES": "set by `start` for its workers: the original `CUDA_VISIBLE_DEVICES`, "
    "if TorchServe cannot parse it",
}
"""Between `start` and its workers."""
