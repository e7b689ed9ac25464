"""What each check has to give, computed in this process by sentence-transformers and transformers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from scripts.paths import ROOT
from tests.clients.libraries import Library
from tests.clients.refusals import REFUSALS

INPUTS = ROOT / "tests" / "clients" / "inputs.json"
SHORT = 64


@dataclass
class References:
    """Values by the name of their check.

    Attributes:
        folders: checkpoints by the name of their archive.
        inputs: what every script gets.
        known: values that have been computed.
    """

    folders: Mapping[str, Path]
    inputs: dict[str, Any] = field(default_factory=lambda: json.loads(INPUTS.read_text()))
    known: dict[str, Any] = field(default_factory=dict)

    def __call__(self, library: Library, check: str) -> Any:
        """`check` may end in a remark in brackets, which says by which call the same value was got."""
        name = check.partition(" (")[0]
        if name in REFUSALS:
            return REFUSALS[name].get(library.name, "an entry in tests/clients/refusals.py")
        if name not in VALUES:
            raise KeyError(f"there are {', '.join([*VALUES, *REFUSALS])}")
        if name not in self.known:
            self.known[name] = VALUES[name](self)
        return self.known[name]

    @cached_property
    def encoder(self) -> Any:
        """Of `bert`."""
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(self.folders["bert"]), device="cpu")

    def encode(self, key: str, **options: Any) -> Any:
        """Vectors of one of the inputs."""
        return self.encoder.encode(self.inputs[key], **options).tolist()

    def pipeline(self, task: Any, archive: str, key: str, **options: Any) -> Any:
        """What a pipeline of transformers answers."""
        from transformers import pipeline

        return pipeline(task, str(self.folders[archive]), device="cpu")(self.inputs[key], **options)


def pooled(of: References) -> list[list[float]]:
    """Of `texts`, without MiniLM's last module, which makes their length 1."""
    from sentence_transformers import SentenceTransformer

    vectors = SentenceTransformer(modules=list(of.encoder)[:2], device="cpu").encode(of.inputs["texts"])
    return vectors.tolist()


def similarities(of: References) -> list[float]:
    """Cosines of `sentence` with each of `texts`; MiniLM's vectors have length 1."""
    return (of.encoder.encode(of.inputs["texts"]) @ of.encoder.encode(of.inputs["sentence"])).tolist()


def scores(of: References) -> list[float]:
    """Of `query` with each of `documents`."""
    from sentence_transformers import CrossEncoder

    pairs = [(of.inputs["query"], document) for document in of.inputs["documents"]]
    return CrossEncoder(str(of.folders["reranker"]), device="cpu").predict(pairs).tolist()


def ranking(of: References) -> list[int]:
    """Indices of `documents`, best first."""
    found = of.known.setdefault("scores", scores(of))
    return sorted(range(len(found)), key=lambda index: -found[index])


def labels(of: References) -> dict[str, float]:
    """Of `sentence`."""
    return {
        item["label"]: item["score"] for item in of.pipeline("text-classification", "classes", "sentence", top_k=None)
    }


def choices(of: References) -> dict[str, float]:
    """Each of `labels` by itself, as what `sentence` is about."""
    found = of.pipeline(
        "zero-shot-classification", "nli", "sentence", candidate_labels=of.inputs["labels"], multi_label=True
    )
    return dict(zip(found["labels"], found["scores"], strict=True))


def entities(of: References) -> list[dict[str, Any]]:
    """In `sentence`."""
    found = of.pipeline("ner", "entities", "sentence", aggregation_strategy="simple")
    return [
        {
            "entity_group": item["entity_group"],
            "start": item["start"],
            "end": item["end"],
            "score": float(item["score"]),
        }
        for item in found
    ]


def words(of: References) -> list[list[Any]]:
    """Likeliest five for the mask of `masked`."""
    return [[item["token_str"], item["score"]] for item in of.pipeline("fill-mask", "words", "masked", top_k=5)]


def answer(of: References) -> dict[str, Any]:
    """What transformers 5.2 answered, the last with such a pipeline; the file states its origin."""
    stored = json.loads((ROOT / "tests" / "data" / "answers.json").read_text())
    plain = next(group for group in stored["groups"] if (group["family"], group["options"]) == ("DistilBert", {}))
    found = plain["answers"][stored["questions"].index({key: of.inputs[key] for key in ("question", "context")})]
    return found[0] if isinstance(found, list) else found


VALUES: dict[str, Callable[[References], Any]] = {
    "embeddings": lambda of: of.encode("texts"),
    "pooled embeddings": pooled,
    "query embedding": lambda of: of.encode("query"),
    "document embeddings": lambda of: of.encode("documents"),
    "short embeddings": lambda of: of.encode("texts", truncate_dim=SHORT, normalize_embeddings=True),
    "similarities": similarities,
    "scores": scores,
    "ranking": ranking,
    "best documents": lambda of: [of.inputs["documents"][index] for index in ranking(of)],
    "labels": labels,
    "choices": choices,
    "entities": entities,
    "words": words,
    "answer": answer,
    "models": lambda of: ["bert"],
}
"""Forms: vectors as lists in the order of the texts, scores in the order of `documents`, labels as `{label: score}`."""
