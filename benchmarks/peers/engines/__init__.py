"""Engines in process, one class each; a peer's runs in the environment that `requirements.txt` describes."""

from __future__ import annotations

from importlib import import_module

from benchmarks.peers.engines.base import Engine

ENGINES = {
    "transformers": "transformers_reference.Transformers",
    "ours": "ours.Ours",
    "OpenVINO": "openvino_cpu.OpenVino",
    "CTranslate2": "ctranslate2_cpu.CTranslate2",
    "ONNX Runtime": "onnxruntime_cpu.OnnxRuntime",
}
"""Module and class, imported where it runs: nobody has the packages of all."""


def find(name: str) -> type[Engine]:
    """The class of an engine."""
    module, _, kind = ENGINES[name].partition(".")
    found: type[Engine] = getattr(import_module(f"{__name__}.{module}"), kind)
    return found
