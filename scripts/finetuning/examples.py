"""One labelled line, for each task."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text, or a pair of texts, with its label.

    Attributes:
        line: where it begins in its file, from 1.
        text: the text.
        pair: the second text of a pair.
        label: its class.
    """

    line: int
    text: str
    pair: str | None
    label: str

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two examples the same text."""
        return (self.text.strip(), (self.pair or "").strip())

    @property
    def labels(self) -> tuple[str, ...]:
        """Its label."""
        return (self.label,)


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """A piece of a text: characters `start` to `end`, the latter excluded."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """A text with its entities, in their order, none overlapping another; `line` as in `Labelled`."""

    line: int
    text: str
    entities: tuple[Entity, ...]

    pair = None

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two examples the same text."""
        return (self.text.strip(),)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of its entities, each once, in alphabetical order."""
        return tuple(sorted({entity.label for entity in self.entities}))


Example = Labelled | Tagged
