"""A model served by a real TorchServe: whether the GPU is used, answers, rates, and what a disturbance costs.

| file | what |
|---|---|
| `pieces.py` | the order of things; each piece is guarded, so that the others go on when one fails |
| `archives.py`, `texts.py` | what is served, and what is asked |
| `server.py`, `plain.py` | TorchServe as `scripts/bert` starts it, and as its own documentation does |
| `wires.py`, `prediction.py` | the inference API by three routes and by gRPC, against transformers |
| `rates.py`, `senders.py`, `sender.py` | tokens per second, sent by processes of their own |
| `clients.py`, `jobs.py`, `mixed.py` | many clients at once, some of whose requests are bad |
| `changes.py` | workers come, go and are killed under load |
| `memory.py`, `holder.py` | a GPU without memory to spare |
| `smi.py` | what nvidia-smi says |
"""

from __future__ import annotations

from benchmarks.gpu.context import Context


def run(context: Context) -> None:
    """Start, ask, disturb, stop."""
    from benchmarks.gpu.served.pieces import run  # here: the processes that send load import this file, and not torch

    run(context)
