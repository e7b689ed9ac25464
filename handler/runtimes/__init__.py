"""One class per engine. They are imported by name, so that a worker loads only the libraries of its own engine."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from handler.errors import ConfigError, unknown
from handler.runtimes.base import Runtime

RUNTIMES = {
    "packed": "handler.runtimes.packed:Packed",
    "eager": "handler.runtimes.eager:Eager",
}


def find(name: str) -> type[Runtime]:
    """The runtime's class.

    Raises:
        ConfigError: there is no runtime of that name.
    """
    if name not in RUNTIMES:
        raise ConfigError(unknown("runtime", name, RUNTIMES))
    module, attribute = RUNTIMES[name].split(":")
    return cast(type[Runtime], getattr(import_module(module), attribute))
