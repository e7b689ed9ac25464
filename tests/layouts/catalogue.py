"""All layouts, the quick ones first."""

from __future__ import annotations

from collections.abc import Sequence

from tests.layouts import configurations, files, models, rerankers, sentences, tokenizers
from tests.layouts.layout import Layout

ROOMS = (files, tokenizers, configurations, sentences, rerankers, models)


def find(*words: str) -> Sequence[Layout]:
    """Those whose title has one of the words; all without any."""
    made = [layout for room in ROOMS for layout in room.layouts()]
    return [layout for layout in made if not words or any(word.lower() in layout.title.lower() for word in words)]
