"""What stands before a text, chosen as sentence-transformers' `encode`, `encode_query` and `encode_document` do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from handler.config import HandlerConfig
from handler.config import prompts as prompts_of
from handler.errors import Invalid, unknown
from handler.model import LoadedModel
from handler.types import Encoding, Side, Text


def named(config: HandlerConfig, name: str | None) -> str:
    """The prompt of that name, or the archive's default; empty for none.

    Raises:
        Invalid: the archive has no prompt of that name.
    """
    name, known = config.default_prompt if name is None else name, prompts_of(config)
    if name is None:
        return ""
    if name not in known:
        raise Invalid(unknown("prompt", name, known))
    return known[name]


def for_input_type(config: HandlerConfig, side: Side) -> str:
    """The prompt of that name; empty for none, whatever the default is.

    `encode_document` of sentence-transformers 6.2 goes on to prompts named `passage` and `corpus` only where there is
    none named `document`, and that is never so: every model has an empty one.
    """
    return prompts_of(config)[side]


def prepend(prompt: str, texts: Iterable[Text]) -> list[Text]:
    """Each text after the prompt; a blank one stays blank, and ids are as their sender wants them."""
    if not prompt:
        return list(texts)
    return [prompt + text if isinstance(text, str) and text.strip() else text for text in texts]


def unpooled(model: LoadedModel, prompt: str, windows: list[Encoding]) -> list[Encoding]:
    """The windows of a text behind that prompt, whose tokens pooling leaves out if the archive says so.

    One token is pooled whatever is cut off, where sentence-transformers 6.2 would answer with zeros.
    """
    if model.config.include_prompt or not prompt:
        return windows
    first, *others = windows
    return [replace(first, unpooled=min(model.tokenizer.prompt_length(prompt), len(first) - 1)), *others]
