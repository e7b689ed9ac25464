"""OpenVINO: float32, its own bfloat16 on CPUs that multiply in it, and NNCF's 8 bits after training."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from benchmarks.peers.engines.base import Batch, Engine, States, cut, rectangles

HINTS = {"float32": {"INFERENCE_PRECISION_HINT": "f32"}, "bfloat16": {"INFERENCE_PRECISION_HINT": "bf16"}, "int8": {}}
"""With 8-bit linears the rest is left to OpenVINO's default, which is bfloat16 where the CPU has it."""
if "ONEDNN_MAX_CPU_ISA" in os.environ:  # the default is by the CPU, and has no softmax in bfloat16 for an older one
    HINTS["int8"] = HINTS["float32"]
ONE_THREAD = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
FILE = "model.xml"


class OpenVino(Engine):
    """A graph from OpenVINO's own reader of torch modules, whose attention it runs as one operation."""

    precisions = ("float32", "bfloat16", "int8")

    @classmethod
    def lacks(cls, precision: str) -> str:
        """See `Engine.lacks`."""
        able = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return "" if precision != "bfloat16" or "BF16" in able else "OpenVINO does not name BF16 for this CPU"

    @classmethod
    def convert(cls, checkpoint: Path, folder: Path, precision: str, sample: Sequence[Batch]) -> None:
        """See `Engine.convert`."""
        from transformers import AutoModel

        module = AutoModel.from_pretrained(checkpoint).eval()
        taken = signature(module.forward).parameters
        example = {name: torch_tensor(array) for name, array in rectangles(sample[0]).items() if name in taken}
        model = ov.convert_model(module, example_input=example)
        model = ov.Model([model.outputs[0]], model.get_parameters())  # without the pooler
        if precision == "int8":
            import nncf

            data = nncf.Dataset([rectangles(batch) for batch in sample])
            model = nncf.quantize(model, data, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(sample))
        ov.save_model(model, folder / FILE, compress_to_fp16=False)

    def __init__(self, checkpoint: Path, folder: Path, precision: str) -> None:
        compiled = ov.Core().compile_model(folder / FILE, "CPU", ONE_THREAD | HINTS[precision])
        self.request = compiled.create_infer_request()
        self.inputs = {port.get_any_name() for port in compiled.inputs}

    def feed(self, batch: Batch) -> dict[str, Any]:
        """See `Engine.feed`."""
        return {name: array for name, array in rectangles(batch).items() if name in self.inputs}

    def run(self, fed: dict[str, Any]) -> States:
        """See `Engine.run`."""
        hidden: States = self.request.infer(fed, share_inputs=True, share_outputs=True)[0]
        return hidden

    def states(self, result: States, batch: Batch) -> Iterator[States]:
        """See `Engine.states`."""
        return cut(result, batch)


def torch_tensor(array: np.ndarray[Any, Any]) -> Any:
    """As transformers takes it."""
    import torch

    return torch.from_numpy(array)
