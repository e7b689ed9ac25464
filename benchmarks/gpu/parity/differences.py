"""Which numbers of a task's answer are compared with which of the reference's, and how; see `tally`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.gpu.parity.tally import Tally, scored


def embedding(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """A row per text."""
    tally.vectors(reference, found)


def hidden_states(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """Rows per text."""
    for known, other in zip(reference, found, strict=True):
        tally.vectors(known, other)


def similarity(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """Cosines."""
    tally.numbers(reference, found)


def rerank(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """Scores by text; before their sigmoid they have no scale of their own, and are a vector."""
    tally.whole(scored(reference, "index"), scored(found, "index"), bool(body.get("raw_scores")))


def text_classification(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """Scores by text and label; before a function they have no scale of their own, and are one vector."""
    known, other = (
        {(number, label): score for number, text in enumerate(answer) for label, score in scored(text, "label").items()}
        for answer in (reference, found)
    )
    tally.whole(known, other, body.get("function_to_apply") == "none")


def token_classification(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """Scores by place; of another label there, the least difference of probabilities that explains it."""
    key = "entity" if body["aggregation_strategy"] == "none" else "entity_group"
    for texts in zip(reference, found, strict=True):
        known, other = ({(item["start"], item["end"]): item for item in text} for text in texts)
        tally.entries += len(known.keys() | other.keys())
        tally.unmatched += len(known.keys() ^ other.keys())
        for place in known.keys() & other.keys():
            here, there = known[place]["score"], other[place]["score"]
            tally.note(abs(here - there))
            if known[place][key] != other[place][key]:  # each is the other side's second at best
                tally.ties += 1
                tally.note(max(0.0, here + there - 1.0))


def question_answering(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """Scores by answer."""
    several = isinstance(body.get("inputs"), list)
    for known, other in zip(*((reference, found) if several else ([reference], [found])), strict=True):
        one, two = ({item["answer"].lower(): item["score"] for item in answers} for answers in (known, other))
        tally.ranked(one, two)


def fill_mask(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """Scores by token."""
    for known, other in zip(masks(reference), masks(found), strict=True):
        tally.ranked(scored(known, "token"), scored(other, "token"))


def masks(answer: Sequence[Any]) -> list[Any]:
    """The words of each mask; a text with several has a list of lists."""
    return [words for text in answer for words in (text if isinstance(text[0], list) else [text])]


def sparse_embedding(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """A vector over the vocabulary; of the heaviest words only, their weights."""
    for texts in zip(reference, found, strict=True):
        known, other = (scored(text, "index", "value") for text in texts)
        if "top_k" in body:
            tally.ranked(known, other)
        else:
            every = sorted(known.keys() | other.keys())
            tally.vectors([known.get(index, 0.0) for index in every], [other.get(index, 0.0) for index in every])


def word_vectors(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """Vectors, cosines, and neighbours by their ids."""
    for known, other in zip(reference, found, strict=True):
        tally.vectors(known["vector"], other["vector"])
        tally.numbers(known["cosines"], other["cosines"])
        tally.ranked(scored(known["neighbours"], "id"), scored(other["neighbours"], "id"))


def explanations(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """Attributions and the two scores as vectors; weights of attention are probabilities."""
    for texts in zip(reference, found, strict=True):
        for known, other in zip(*texts, strict=True):
            tally.vectors(known["attributions"], other["attributions"])
            tally.vectors([known["score"], known["baseline"]], [other["score"], other["baseline"]])
            tally.numbers(known.get("attention", []), other.get("attention", []))


def chunk_embedding(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """Vectors of each text's chunks."""
    for known, other in zip(reference, found, strict=True):
        tally.vectors([chunk["embedding"] for chunk in known], [chunk["embedding"] for chunk in other])


def hybrid_embedding(tally: Tally, body: Mapping[str, Any], reference: Any, found: Any) -> None:
    """Each kind as its own task's."""
    for known, other in zip(reference, found, strict=True):
        tally.vectors(known["dense"], other["dense"])
        tally.vectors(known["multi_vector"], other["multi_vector"])
        sparse_embedding(tally, body, [known["sparse"]], [other["sparse"]])


MEASURES: dict[str, Callable[[Tally, Mapping[str, Any], Any, Any], None]] = {
    "embedding": embedding,
    "hidden-states": hidden_states,
    "chunk-embedding": chunk_embedding,
    "multi-vector": hidden_states,
    "similarity": similarity,
    "rerank": rerank,
    "text-classification": text_classification,
    "zero-shot-classification": text_classification,
    "token-classification": token_classification,
    "question-answering": question_answering,
    "fill-mask": fill_mask,
    "sparse-embedding": sparse_embedding,
    "hybrid-embedding": hybrid_embedding,
    "word-vectors": word_vectors,
    "explanations": explanations,
}
"""By task."""
