"""What stands before a text, chosen as sentence-transformers' `encode`, `encode_query` and `encode_document` do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from handler.config import HandlerConfig
from handler.errors import Invalid, unknown
from handler.types import Text

Side = Literal["query", "document"]
SIDES: dict[str, tuple[str, ...]] = {"query": ("query",), "document": ("document", "passage", "corpus")}
"""Names of the prompts for each side of a search, the first of which that the archive has is taken."""


def named(config: HandlerConfig, name: str | None) -> str:
    """The prompt of that name, or the archive's default; empty for none.

    Raises:
        Invalid: the archive has no prompt of that name.
    """
    name = config.default_prompt if name is None else name
    if name is None:
        return ""
    if name not in config.prompts:
        raise Invalid(unknown("prompt", name, config.prompts))
    return config.prompts[name]


def for_input_type(config: HandlerConfig, side: Side) -> str:
    """The prompt for queries or documents; empty for none, whatever the default is."""
    return next((config.prompts[name] for name in SIDES[side] if config.prompts.get(name)), "")


def prepend(prompt: str, texts: Iterable[Text]) -> list[Text]:
    """Each text after the prompt; a blank one stays blank, and ids are as their sender wants them."""
    if not prompt:
        return list(texts)
    return [prompt + text if isinstance(text, str) and text.strip() else text for text in texts]
