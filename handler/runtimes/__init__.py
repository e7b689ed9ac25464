"""One class per engine. They are imported by name, so that a worker loads only the libraries of its own engine."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from handler.errors import ConfigError, unknown
from handler.runtimes.base import Placement, Runtime

RUNTIMES = {
    "packed": "handler.runtimes.packed:Packed",
    "onnx": "handler.runtimes.onnx:Onnx",
    "torchscript": "handler.runtimes.torchscript:TorchScript",
    "eager": "handler.runtimes.eager:Eager",
}
FASTEST = {"cpu": "onnx", "cuda": "packed"}
"""What `auto` means on each kind of device. An archive packed with `auto` has what both of them need."""


def find(name: str) -> type[Runtime]:
    """The runtime's class.

    Raises:
        ConfigError: there is no runtime of that name.
    """
    if name not in RUNTIMES:
        raise ConfigError(unknown("runtime", name, ["auto", *RUNTIMES]))
    module, attribute = RUNTIMES[name].split(":")
    return cast(type[Runtime], getattr(import_module(module), attribute))


def pick(name: str, placement: Placement) -> type[Runtime]:
    """The runtime of that name, or for `auto` the fastest one, if it can compute there.

    Raises:
        ConfigError: there is no such runtime, or it has no such device or dtype.
    """
    runtime = find(FASTEST[placement.kind] if name == "auto" else name)
    dtypes = runtime.placements.get(placement.kind)
    if dtypes is None:
        kinds = " or ".join(runtime.placements)
        raise ConfigError(f"handler.runtime {runtime.name} runs on {kinds}, and this worker was given {placement.kind}")
    if placement.dtype not in dtypes:
        gpu = " and there is no GPU" if placement.kind == "cpu" else ""
        raise ConfigError(
            f"handler.dtype is {placement.dtype}{gpu}; runtime {runtime.name} on {placement.kind} "
            f"computes in {', '.join(dtypes)}"
        )
    return runtime
