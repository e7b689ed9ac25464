"""Hidden states: how near the tokens of a text are to one another."""

from __future__ import annotations

import numpy as np
from rich.console import RenderableType

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.heat import Heat
from scripts.drawing.parts.texts import sections
from scripts.drawing.parts.vectors import cosines


def draw(drawn: Drawn) -> RenderableType:
    """The answer has vectors alone; the model is asked for their tokens by `tokenize`."""
    found = [np.asarray(states, np.float32) for states in drawn.answer]
    titles = (f"{name} ({len(of)} tokens x {of.shape[1]})" for name, of in zip(drawn.names, found, strict=True))
    return sections(
        titles, (Heat(tokens(drawn, n), cosines(of, of), "cosine of the tokens") for n, of in enumerate(found))
    )


def tokens(drawn: Drawn, number: int) -> list[str]:
    """Of one text; a text in windows has more states than tokens, whose names are empty."""
    given, count = drawn.inputs[number], len(drawn.answer[number])
    answer = drawn.ask("tokenize", {"inputs": given}) if isinstance(given, str) else None
    names = [each["text"] for each in answer[0]] if answer else []
    return [*names, *[""] * count][:count]
