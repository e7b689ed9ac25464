"""Paths of KServe's protocols, and the bodies that they take and answer with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from handler.errors import Invalid, unknown
from handler.protocols.kserve_inputs import Instances
from handler.protocols.operations import Archive, Operation, Operations
from handler.protocols.tensors import Tensor
from handler.tasks.embedding import Embedding
from handler.tasks.explanations import Explanations
from handler.tasks.tokenize import Tokenize

BINARY = "binary_data_output"
OCTETS = "application/octet-stream"
INSTANCES: dict[str, Any] = {"instances": ["Hello"]}
TENSORS: dict[str, Any] = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["Hello"]}]}
"""Examples."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of an output."""

    binary_data: bool | None = None


class RequestedOutput(msgspec.Struct, frozen=True, kw_only=True):
    """An output the client asks for."""

    name: str = ""
    parameters: Wanted = Wanted()


class Infer(msgspec.Struct, frozen=True, kw_only=True):
    """Body of version 2."""

    inputs: list[Tensor]
    id: str = ""
    model_name: Annotated[str, Meta(description="not read; the archive is chosen by the path")] = ""
    model_version: Annotated[str | None, Meta(description="not read")] = None
    parameters: Annotated[
        dict[str, Any], Meta(description="the task and its keys", examples=[{"task": "embedding"}])
    ] = {}
    outputs: list[RequestedOutput] = []

    def wanted(self, names: Collection[str]) -> dict[str, bool]:
        """The outputs the client asks for, all if it names none, and whether each is wanted as bytes."""
        if (binary := self.parameters.get(BINARY)) not in (True, False, None):
            raise Invalid(f"{BINARY} is a {type(binary).__name__}; send true or false")
        asked = {output.name: output.parameters.binary_data for output in self.outputs}
        for name in asked:
            if name not in names:
                raise Invalid(unknown("output", name, names))
        return {name: bool(binary if own is None else own) for name, own in (asked or dict.fromkeys(names)).items()}


class KServePredict(Instances, frozen=True, kw_only=True):
    """Body of version 1; other keys are the task's."""

    parameters: Annotated[
        dict[str, Any] | None, Meta(description="the task and its keys", examples=[{"task": "embedding"}])
    ] = None


class KServePredictions(msgspec.Struct):
    """Answer of `:predict`."""

    predictions: Any


class KServeExplanations(msgspec.Struct):
    """Answer of `:explain`."""

    explanations: Any


class OutputTensor(msgspec.Struct):
    """An output: its values, or how many bytes of them follow the JSON."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | UnsetType = UNSET
    parameters: dict[str, int] | UnsetType = UNSET


class InferReply(msgspec.Struct):
    """Answer of version 2."""

    model_name: str
    model_version: str
    id: str
    outputs: list[OutputTensor]


def operations(archive: Archive) -> Operations:
    """TorchServe's own addresses, and Vertex AI's below the archive's."""
    one, two = f"/v1/models/{archive.name}", f"/v2/models/{archive.name}"
    able = (
        Embedding.name if Embedding.name in archive.tasks else Tokenize.name
    )  # of a text, whatever its own task reads
    task = {"parameters": {"task": able}}
    predict = Operation("Predictions, version 1.", (KServePredict,), (KServePredictions,), example=INSTANCES | task)
    infer = Operation("Predictions, version 2.", (Infer,), (InferReply,), (OCTETS,), example=TENSORS | task)
    found = {f"{one}:predict": predict, f"{two}/infer": infer, "vertex": replace(predict, summary="Vertex AI's.")}
    if Explanations.name in archive.tasks:
        explained = Operation("Explanations, version 1.", (KServePredict,), (KServeExplanations,), example=INSTANCES)
        tensors = replace(infer, summary="Explanations, version 2.", example=TENSORS)
        found |= {f"{one}:explain": explained, f"{two}/explain": tensors}
    return found
