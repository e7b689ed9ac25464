"""What is asked of one archive, and transformers' own numbers for it: each check gives what differs, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import orjson
import torch
from numpy.typing import NDArray

from handler.pipeline import Pipeline
from handler.types import Reply, Row

WORDS = ["hello", "how", "are", "you", "a", "cat", "sat", "on", "mat"]
LONG = 10_000
LONGEST_OF_PAIR = 400
"""transformers' tokenizers make every pair of what they cut off one text with what they cut off the other."""
TOLERANCE = 1e-5
"""Of numbers whose standard deviation is 1 or less; of larger ones in proportion."""

States = NDArray[np.float32]


def words(count: int) -> str:
    """A text of that many tokens, none of them special."""
    return " ".join(Random(count).choices(WORDS, k=count))


class Reference:
    """transformers' model and tokenizer of a folder; every text runs alone."""

    def __init__(self, folder: Path, kind: str = "AutoModel") -> None:
        import transformers

        self.model = getattr(transformers, kind).from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def encoded(self, text: Any, limit: int, side: str) -> Any:
        """Cut by transformers."""
        self.tokenizer.truncation_side = side
        parts = text if isinstance(text, tuple) else (text,)
        return self.tokenizer(*parts, truncation="longest_first", max_length=limit, return_tensors="pt", verbose=False)

    @torch.inference_mode()
    def __call__(self, text: Any, limit: int, side: str) -> Any:
        """What the model gives."""
        accepted = {
            name: array
            for name, array in self.encoded(text, limit, side).items()
            if name != "token_type_ids" or self.takes_types
        }
        return self.model(**accepted)

    @cached_property
    def takes_types(self) -> bool:
        """Whether the model has types of tokens."""
        from inspect import signature

        return "token_type_ids" in signature(self.model.forward).parameters


def far(ours: States, theirs: States) -> str:
    """How far they are apart, or nothing."""
    if ours.shape != theirs.shape:
        return f"{ours.shape} against {theirs.shape}"
    apart = float(np.abs(ours - theirs).max(initial=0))
    return "" if apart <= TOLERANCE * max(1.0, float(theirs.std())) else f"{apart:.1e} apart"


def ask(pipeline: Pipeline, task: str, bodies: Sequence[dict[str, Any]]) -> list[Reply]:
    """One batch."""
    return pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", task) for body in bodies])


def states(reply: Reply) -> States:
    """An answer's numbers."""
    return np.array(orjson.loads(reply.body)[0], dtype=np.float32)


def lengths(limit: int) -> list[int]:
    """Words of texts; two special tokens are added."""
    return sorted({1, 2, 3, 7, limit - 3, limit - 2, limit - 1, 2 * limit, LONG})


def texts(pipeline: Pipeline, folder: Path) -> Iterator[str]:
    """Hidden states of texts of each length under each policy, alone and all in one batch."""
    limit, reference = pipeline.config.max_length, Reference(folder)
    counts = lengths(limit)
    for policy in ("right", "left"):
        bodies = [{"inputs": words(count), "truncation": policy} for count in counts]
        batch = ask(pipeline, "hidden-states", bodies)
        for count, body, beside in zip(counts, bodies, batch, strict=True):
            (alone,) = ask(pipeline, "hidden-states", [body])
            for name, reply in (("alone", alone), ("in a batch", beside)):
                if reply.status != 200 or reply.headers["x-truncated"] != str(int(count + 2 > limit)):
                    yield f"{count} words, {policy}, {name}: {described(reply)}"
                    continue
                want = reference(words(count), limit, policy).last_hidden_state[0].numpy()
                differs = far(states(reply), want)
                if differs:
                    yield f"{count} words, {policy}, {name}: {differs}"
    yield from refusals(pipeline, counts)
    yield from windows(pipeline, counts)
    yield from vectors(pipeline, counts)


def described(reply: Reply) -> str:
    """Status, header and the beginning of the body."""
    return f"{reply.status}, x-truncated {reply.headers.get('x-truncated')}: {bytes(reply.body[:200]).decode()}"


def refusals(pipeline: Pipeline, counts: Sequence[int]) -> Iterator[str]:
    """`truncation: error` refuses what is too long, with both lengths, and nothing else."""
    limit = pipeline.config.max_length
    bodies = [{"inputs": words(count), "truncation": "error"} for count in counts]
    for count, reply in zip(counts, ask(pipeline, "hidden-states", bodies), strict=True):
        said = bytes(reply.body[:300]).decode()
        numbers = f"{count + 2} tokens" in said and f"the model's {limit}" in said
        if (reply.status == 200) != (count + 2 <= limit) or (
            reply.status != 200 and not (numbers and reply.status == 413)
        ):
            yield f"{count} words, error: {described(reply)}"


def windows(pipeline: Pipeline, counts: Sequence[int]) -> Iterator[str]:
    """Windows leave nothing out, and change nothing of what is not too long."""
    limit = pipeline.config.max_length
    for count in counts:
        whole, right = ask(
            pipeline,
            "embedding",
            [{"inputs": words(count), "truncation": policy} for policy in ("windows", "right")],
        )
        if whole.status != 200 or whole.headers["x-truncated"] != "0":
            yield f"{count} words, windows: {described(whole)}"
        elif count + 2 <= limit and far(states(whole), states(right)):
            yield f"{count} words, windows: {far(states(whole), states(right))}"


def vectors(pipeline: Pipeline, counts: Sequence[int]) -> Iterator[str]:
    """A text's vector beside all others, in one request and in one batch, is its vector alone."""
    alone = [states(ask(pipeline, "embedding", [{"inputs": words(count)}])[0]) for count in counts]
    (together,) = ask(pipeline, "embedding", [{"inputs": [words(count) for count in reversed(counts)]}])
    batch = ask(pipeline, "embedding", [{"inputs": words(count)} for count in counts for _ in range(2)])
    request = np.array(orjson.loads(together.body), dtype=np.float32)[::-1]
    for number, (count, own) in enumerate(zip(counts, alone, strict=True)):
        for name, other in (("request", request[number]), ("batch", states(batch[2 * number + 1]))):
            if far(other, own):
                yield f"{count} words, a vector in a {name}: {far(other, own)}"


def pairs(pipeline: Pipeline, folder: Path) -> Iterator[str]:
    """Scores of pairs of every two lengths."""
    limit, reference = pipeline.config.max_length, Reference(folder, "AutoModelForSequenceClassification")
    counts = [1, 7, limit // 2 - 1, limit - 4, limit]
    found = list(product([*counts, LONGEST_OF_PAIR], repeat=2))
    for policy in ("right", "left"):
        inputs = [(words(one), words(other + 1)) for one, other in found]
        body = {"inputs": inputs, "truncation": policy, "function_to_apply": "none"}
        (reply,) = ask(pipeline, "text-classification", [body])
        if reply.status != 200:
            yield f"pairs, {policy}: {described(reply)}"
            continue
        for (one, other), pair, labels in zip(found, inputs, orjson.loads(reply.body), strict=True):
            scores = {label["label"]: label["score"] for label in labels}
            ours = np.array([scores[name] for name in reference.model.config.id2label.values()], dtype=np.float32)
            differs = far(ours, reference(pair, limit, policy).logits[0].numpy())
            if differs:
                yield f"{one} words and {other + 1}, {policy}: {differs}"
    for policy, (one, other) in product(("error", "windows"), product([*counts, LONG], repeat=2)):
        body = {"inputs": [[words(one), words(other)]], "truncation": policy}
        (reply,) = ask(pipeline, "text-classification", [body])
        special = len(reference.encoded(("a", "a"), limit, "right")["input_ids"][0]) - 2
        allowed = {200} if one + other + special <= limit else {"error": {413}, "windows": {200, 413}}[policy]
        if reply.status not in allowed or (one < limit // 2 and policy == "windows" and reply.status != 200):
            yield f"{one} words and {other}, {policy}: {described(reply)}"
