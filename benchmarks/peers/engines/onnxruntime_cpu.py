"""ONNX Runtime with its own optimizer for transformers: fused float32, and 8 bits quantized as activations come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from benchmarks.peers.engines.base import Batch, Engine, States, cut, rectangles

FILE = "model.onnx"
OUTPUT = "last_hidden_state"
FLOAT = 1
"""ONNX's number for float32."""
AXES = {0: "texts", 1: "tokens"}


class OnnxRuntime(Engine):
    """Its fused graph of a BERT."""

    precisions = ("float32", "int8")

    @classmethod
    def convert(cls, checkpoint: Path, folder: Path, precision: str, sample: Sequence[Batch]) -> None:
        """See `Engine.convert`.

        Raises:
            RuntimeError: the optimizer knew no attention in the graph.
        """
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.transformers.optimizer import optimize_model
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(checkpoint)
        plain, fused = folder / "exported.onnx", folder / FILE
        export(checkpoint, plain, sample[0])
        optimizer = optimize_model(str(plain), "bert", config.num_attention_heads, config.hidden_size, opt_level=0)
        found = optimizer.get_fused_operator_statistics()
        if found["Attention"] != config.num_hidden_layers:
            raise RuntimeError(f"attention was fused in {found['Attention']} of {config.num_hidden_layers} layers")
        optimizer.save_model_to_file(str(fused))
        if precision == "int8":
            quantize_dynamic(
                fused,
                fused,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=not multiplies_bytes(),
                extra_options={"DefaultTensorType": FLOAT},  # which it cannot tell behind its own fused operators
            )
        plain.unlink()

    def __init__(self, checkpoint: Path, folder: Path, precision: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(folder / FILE), options, providers=["CPUExecutionProvider"])

    def feed(self, batch: Batch) -> dict[str, Any]:
        """See `Engine.feed`."""
        return dict(rectangles(batch))

    def run(self, fed: dict[str, Any]) -> States:
        """See `Engine.run`."""
        hidden: States = self.session.run(None, fed)[0]
        return hidden

    def states(self, result: States, batch: Batch) -> Iterator[States]:
        """See `Engine.states`."""
        return cut(result, batch)


def multiplies_bytes() -> bool:
    """Whether sums of products of bytes have 32 bits; without VNNI they saturate at 16, unless weights have only 7."""
    return "_vnni" in Path("/proc/cpuinfo").read_text()


def export(checkpoint: Path, file: Path, batch: Batch) -> None:
    """The graph as torch writes it, of an attention and a mask whose patterns the optimizer knows."""
    import torch
    from transformers import AutoModel

    module = AutoModel.from_pretrained(checkpoint, add_pooling_layer=False, attn_implementation="eager").eval()

    class States(torch.nn.Module):
        """Takes by place what the model takes by name."""

        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
            """`(texts, tokens)` each to `(texts, tokens, hidden)`."""
            hidden: torch.Tensor = self.module(input_ids=ids, attention_mask=mask, token_type_ids=types)[0]
            return hidden

    inputs = {name: torch.from_numpy(array) for name, array in rectangles(batch).items()}
    torch.onnx.export(
        States(),
        tuple(inputs.values()),
        str(file),
        input_names=list(inputs),
        output_names=[OUTPUT],
        dynamic_axes=dict.fromkeys((*inputs, OUTPUT), AXES),
        opset_version=17,
        dynamo=False,
    )
