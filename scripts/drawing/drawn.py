"""`Drawn`: an answer with the request it belongs to, which is all that a drawing sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from scripts.drawing.parts.texts import listed, name

Ask = Callable[[str, dict[str, Any]], Any]
"""Another task of the same model, with a body, to its answer; None where the server refuses."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A request and its answer.

    Attributes:
        body: keys of the request.
        answer: of the task, as JSON has it; see `handler.tasks.response_schemas`.
        ask: for what the answer does not hold, such as the words of token ids.
    """

    body: dict[str, Any]
    answer: Any
    ask: Ask

    @property
    def inputs(self) -> list[Any]:
        """`inputs`, or `text`, as a list; a flat list of token ids is one input."""
        given = listed(self.body.get("inputs", self.body.get("text")))
        return [given] if given and all(isinstance(each, int) for each in given) else given

    @property
    def names(self) -> list[str]:
        """What the inputs are called, each on one line."""
        return [name(each) for each in self.inputs]


Draw = Callable[[Drawn], RenderableType]
