"""Embeddings of several kinds: those of each kind as the task of that kind draws them."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Group, RenderableType

from scripts.drawing.drawn import Draw, Drawn
from scripts.drawing.tasks import embedding, multi_vector, sparse_embedding

KINDS: dict[str, Draw] = {
    "dense": embedding.draw,
    "sparse": sparse_embedding.draw,
    "multi_vector": multi_vector.draw,
}


def draw(drawn: Drawn) -> RenderableType:
    """The kinds that were asked for."""
    answers = {kind: [each[kind] for each in drawn.answer if kind in each] for kind in KINDS}
    return Group(*(KINDS[kind](replace(drawn, answer=answer)) for kind, answer in answers.items() if answer))
