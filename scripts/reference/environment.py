"""Environment variables that the project reads, one line each."""

from __future__ import annotations

ENVIRONMENT: dict[str, str] = {
    "BERT_INFERENCE_PORT": "default of `--inference-port`",
    "BERT_MODEL_STORE": "default of `--model-store`",
    "BERT_KEYS": "default of `--keys`; `start` also passes the file to the workers in it",
    "BERT_RUNS": "folder with settings, state and logs of each running server; default: `.run` of the project",
    "PYTHON": "Python that `scripts/setup` creates `.venv` with; default: the first supported one on the path",
    "BERT_TORCH": "build of PyTorch that `scripts/setup` installs, `cpu` or `cuda`; default: `cpu` without an NVIDIA "
    "GPU, unless pip is configured for an index of your own",
    "TMPDIR": "temporary folder, in which a server unpacks its archives; it goes to `/tmp`, `/var/tmp` or "
    "`XDG_RUNTIME_DIR` where this one is too long for a socket's path, or mounted noexec",
    "XDG_RUNTIME_DIR": "the last folder that is tried for a server's temporary files",
    "CUDA_VISIBLE_DEVICES": "GPUs that the server may use, as indices, UUIDs or MIG names; empty or `-1`: none",
    "ONEDNN_MAX_CPU_ISA": "newest instruction set that torch and the kernels of the runtime `native` may use: "
    "`AVX512_CORE`, `AVX2_VNNI` or `AVX2`",
    "NOTIFY_SOCKET": "where `start --foreground` tells systemd that it is ready or stopping; systemd sets it",
    "OMP_WAIT_POLICY": "how idle compute threads wait; `start` and `finetune` set `PASSIVE` if it is not set",
    "TOKENIZERS_PARALLELISM": "threads of the tokenizer; workers on a CPU set `false` if it is not set",
}
"""For users."""
INTERNAL: dict[str, str] = {
    "BERT_LOCKS": "set by `start` for its workers: folder of the lock files that divide the cores among busy workers",
    "BERT_VISIBLE_DEVICES": "set by `start` for its workers: the original `CUDA_VISIBLE_DEVICES`, "
    "if TorchServe cannot parse it",
}
"""Between `start` and its workers."""
