"""The inference API by each way in, against transformers in float32 on the CPU."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.gpu.context import Context
from benchmarks.gpu.served.archives import MAIN, VERSION, Archives
from benchmarks.gpu.served.prediction import predict
from benchmarks.gpu.served.server import url
from scripts.server import local
from scripts.server.state import Server

Vectors = np.ndarray[Any, np.dtype[np.float64]]
SECONDS = 120


def wires(context: Context, server: Server, archives: Archives, texts: list[str]) -> None:
    """One result per way in: how far its vectors are from the reference, and from those of the first way."""
    want, first = reference(archives.checkpoint, texts, archives.longest), None
    for name, ask in ways(server, texts).items():
        try:
            got = ask()
        except ImportError as error:
            context.skip("wire", str(error), way=name)
            continue
        except Exception as error:
            context.add("wire", way=name, failed=f"{type(error).__name__}: {error}")
            continue
        first = got if first is None else first
        off, apart = difference(got, want), difference(got, first)
        found = {"texts": len(texts), "difference": off, "difference_to_first": apart, "bound": archives.bound}
        context.add("wire", way=name, **found, agrees=max(off, apart) <= archives.bound)


def ways(server: Server, texts: list[str]) -> dict[str, Callable[[], Vectors]]:
    """Name -> a request, and vectors from its answer."""
    native, openai = {"inputs": texts}, {"input": texts, "model": MAIN}
    route = f"{url(server)}/{VERSION}/v1/embeddings"
    return {
        "native": lambda: as_vectors(post(url(server), native)),
        "openai": lambda: as_vectors(openai_vectors(post(route, openai))),
        "openai, base64": lambda: as_vectors(openai_vectors(post(route, openai | {"encoding_format": "base64"}))),
        "grpc": lambda: as_vectors(orjson.loads(predict(server.grpc_port, MAIN, orjson.dumps(native)))),
    }


def post(address: str, body: Any) -> Any:
    """The decoded answer.

    Raises:
        RuntimeError: it is no good one.
    """
    answer = local.request("POST", address, json=body, timeout=SECONDS)
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code} {answer.text[:500]}")
    return answer.json()


def openai_vectors(answer: Any) -> list[Any]:
    """Lists of numbers, or float32 in base64."""
    found = [item["embedding"] for item in answer["data"]]
    return [np.frombuffer(base64.b64decode(item), "<f4") if isinstance(item, str) else item for item in found]


def as_vectors(rows: Any) -> Vectors:
    """One row per text."""
    return np.asarray(rows, dtype=np.float64)


def reference(checkpoint: Path, texts: list[str], longest: int) -> Vectors:
    """Means of token states, each text on its own and without padding."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    model = AutoModel.from_pretrained(checkpoint, dtype=torch.float32).eval()
    with torch.inference_mode():
        ids = (torch.tensor([tokenizer.encode(text).ids]) for text in texts)
        means = [model(one).last_hidden_state[0].mean(0).numpy() for one in ids]
    return as_vectors(means)


def difference(got: Vectors, want: Vectors) -> float:
    """The largest over vectors of the difference's length as a share of the wanted vector's; infinite for NaN."""
    if got.shape != want.shape:
        raise ValueError(f"vectors of shape {got.shape} where {want.shape} was wanted")
    with np.errstate(invalid="ignore"):
        shares = np.linalg.norm(got - want, axis=-1) / np.linalg.norm(want, axis=-1)
    return float(np.nan_to_num(shares, nan=np.inf).max(initial=0.0))
