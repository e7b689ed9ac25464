"""Folders of cross-encoders in every layout, against sentence-transformers: `python -m tests.hostile.cross_encoders`.

Each family, layout, number of labels and activation: `rerank`, vLLM's `score` and `text-classification` are those of
`CrossEncoder.rank` and `predict`, or refused with a reason. It prints a table, and ends with 1 when one differs.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import orjson

from handler.errors import BertError
from handler.pipeline import Pipeline
from handler.types import Row
from scripts.console import Failure
from scripts.sources import pull
from tests import heads
from tests.hostile import laid_out

EQUAL, REFUSED, DIFFERENT = VERDICTS = ("equal", "refused", "DIFFERENT")
FAMILIES = ("Bert", "Roberta", "XLMRoberta", "DistilBert", "Electra", "MPNet", "DebertaV2", "ModernBert")
ACTIVATIONS = ("Identity", "Sigmoid", "Tanh", "ReLU", "GELU", "Softplus", "SiLU", "Softmax", "LeakyReLU", "PReLU")
"""The last one has a weight, and none of these files holds it."""
LAYOUTS = ("plain", "sbert_ce_default_activation_function", "sentence_transformers", "modules.json")
LABELS = {1: ["relevance"], 3: ["no", "maybe", "yes"]}
QUERY = "where does ada live?"
TEXTS = ["ada lives in london.", "it rains", "?", "paris is unbelievably far " * 30]
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Case:
    """A folder.

    Attributes:
        labels: how many scores it gives.
        activation: class of `torch.nn`; empty for a folder that names none.
    """

    family: str
    layout: str
    labels: int
    activation: str = ""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.family}, {self.layout}, {self.labels} labels, {self.activation or 'no activation'}"


def cases() -> list[Case]:
    """All of them; a plain folder has no place to name an activation in."""
    plain = [Case(family, "plain", labels) for family, labels in product(FAMILIES, LABELS)]
    return plain + [Case(*each) for each in product(FAMILIES, LAYOUTS[1:], LABELS, ACTIVATIONS)]


def make(case: Case, folder: Path, tokenizer: Any) -> Path:
    """The folder; sentence-transformers itself writes that of version 6."""
    import torch
    from sentence_transformers import CrossEncoder

    options = heads.labels(LABELS[case.labels])
    heads.save(folder, case.family, "ForSequenceClassification", tokenizer, **options)
    if case.layout == "modules.json":
        activation = getattr(torch.nn, case.activation)()
        CrossEncoder(str(folder), activation_fn=activation, device="cpu").save_pretrained(str(folder / "saved"))
        return folder / "saved"
    if case.layout != "plain":
        path = f"torch.nn.modules.{'linear' if case.activation == 'Identity' else 'activation'}.{case.activation}"
        file = folder / "config.json"
        said = {"activation_fn": path, "version": "4.1.0"} if case.layout == "sentence_transformers" else path
        file.write_text(json.dumps(json.loads(file.read_text()) | {case.layout: said}))
    return folder


def ask(pipeline: Pipeline, path: str, **body: Any) -> Any:
    """The answer, or why there is none."""
    (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", path)])
    answer = orjson.loads(reply.body)
    if reply.status >= 500:
        raise AssertionError(f"{path}: {reply.status} {answer}")
    return answer if reply.status == 200 else None


def compared(pipeline: Pipeline, folder: Path) -> Iterator[tuple[str, Any, Any]]:
    """What was asked, our numbers in the order of `TEXTS`, and theirs."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import pipeline as transformers_pipeline

    theirs = CrossEncoder(str(folder), device="cpu")
    pairs = [(QUERY, text) for text in TEXTS]
    scores, logits = theirs.predict(pairs), theirs.predict(pairs, activation_fn=torch.nn.Identity())
    ranked = ask(pipeline, "rerank", query=QUERY, texts=TEXTS)
    if theirs.num_labels == 1:
        want = [[item["corpus_id"], item["score"]] for item in theirs.rank(QUERY, TEXTS)]
        yield "rerank", [[item["index"], item["score"]] for item in ranked or []], want
        raw = ask(pipeline, "rerank", query=QUERY, texts=TEXTS, raw_scores=True)
        yield "raw_scores", sorted(item["score"] for item in raw), sorted(logits.tolist())
        score = ask(pipeline, "v1/score", text_1=QUERY, text_2=TEXTS)
        yield "score", [item["score"] for item in score["data"]], scores.tolist()
    else:
        yield "rerank", ranked, None
        yield "score", ask(pipeline, "v1/score", text_1=QUERY, text_2=TEXTS), None
    labels = [theirs.config.id2label[number] for number in range(theirs.num_labels)]
    classified = ask(pipeline, "text-classification", inputs=pairs, function_to_apply="none")
    by_label = [{item["label"]: item["score"] for item in row} for row in classified]
    yield "logits", [[row[label] for label in labels] for row in by_label], logits.reshape(len(TEXTS), -1).tolist()
    classified = ask(pipeline, "text-classification", inputs=pairs)
    if theirs.num_labels > 1 and not isinstance(theirs.activation_fn, torch.nn.Identity):
        rows = [[{"label": label, "score": score} for label, score in zip(labels, row, strict=True)] for row in scores]
        yield "text-classification", by_name(classified), by_name(rows)
        return
    reference = transformers_pipeline("text-classification", str(folder), top_k=None, truncation=True, device="cpu")
    asked = [{"text": one, "text_pair": other} for one, other in pairs]
    yield "text-classification", by_name(classified), by_name(reference(asked))


def by_name(rows: Sequence[Sequence[dict[str, Any]]]) -> list[list[list[Any]]]:
    """Labels and scores of each text, in the order of labels."""
    return [sorted([item["label"], item["score"]] for item in row) for row in rows]


def near(ours: Any, theirs: Any) -> bool:
    """Structure and words alike, numbers within `TOLERANCE`."""
    if isinstance(theirs, list):
        same = isinstance(ours, list) and len(ours) == len(theirs)
        return same and all(map(near, ours, theirs))
    return abs(ours - theirs) <= TOLERANCE if hasattr(theirs, "__float__") else bool(ours == theirs)


def verdict(case: Case, here: Path, tokenizer: Any) -> tuple[str, str]:
    """How a folder is served, and the reason or the difference."""
    folder = make(case, here / "checkpoint", tokenizer)
    try:
        pipeline = laid_out.load(folder, here / "archive")
    except Failure as failure:
        return REFUSED, f"{failure.what} {failure.fix}".replace(str(folder), "FOLDER")
    try:
        for name, ours, theirs in compared(pipeline, folder):
            if not near(ours, theirs):
                return DIFFERENT, f"{name}: {ours}, CrossEncoder {theirs}"
    except (AssertionError, BertError, LookupError, TypeError) as error:
        return DIFFERENT, f"{type(error).__name__}: {error}"
    return EQUAL, ""


def run(chosen: Sequence[Case], folder: Path) -> list[tuple[Case, str, str]]:
    """Verdicts; what is not equal is printed at once."""
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer = AutoTokenizer.from_pretrained(pull.pull("all-MiniLM-L6-v2"))
    found = []
    for number, case in enumerate(chosen):
        here = folder / str(number)
        here.mkdir()
        said, reason = verdict(case, here, tokenizer)
        found.append((case, said, reason))
        if said != EQUAL:
            print(f"{said}: {case.name}: {reason}", flush=True)
    return found


def table(found: Sequence[tuple[Case, str, str]]) -> str:
    """Markdown, by family."""
    counts = Counter((case.family, said) for case, said, _ in found)
    lines = [f"| family | {' | '.join(VERDICTS)} |", "|---|" + "---|" * len(VERDICTS)]
    families = dict.fromkeys(case.family for case, _, _ in found)
    return "\n".join(
        [*lines, *(f"| {name} | {' | '.join(str(counts[name, said]) for said in VERDICTS)} |" for name in families)]
    )


def main(words: Sequence[str] | None = None) -> int:
    """Run what is chosen."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="of the names of folders; default: all")
    given = parser.parse_args(words)
    chosen = [case for case in cases() if all(word in case.name for word in given.words)]
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        found = run(chosen, Path(temporary))
    print(f"\n{table(found)}\n")
    return any(said == DIFFERENT for _, said, _ in found)


if __name__ == "__main__":
    sys.exit(main())
