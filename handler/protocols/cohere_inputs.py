"""What Cohere's `embed` is asked to embed: `texts`, or `inputs` whose content is text.

Schema: cohere-ai/cohere-developer-experience, cohere-openapi.yaml, `EmbedInput`, at
e814c8a1822f3b144b3708fdff14c3df0281e961
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from handler.errors import Invalid


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an input."""

    type: Literal["text", "image_url"]
    text: Annotated[str | None, Meta(examples=["Hello"])] = None


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One input; texts of several parts are joined by line breaks."""

    content: list[Part]


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of which a body has one."""

    texts: Annotated[list[str] | None, Meta(description="the texts", examples=[["Hello", "Bye"]])] = None
    inputs: Annotated[list[Input] | None, Meta(description="instead of texts: each with text content")] = None
    images: Annotated[list[Any] | None, Meta(description="must be null; the model reads text")] = None

    def all_texts(self) -> list[str]:
        """One for each vector.

        Raises:
            Invalid: two of the keys, or content that is no text.
        """
        given = [f'"{key}"' for key in ("texts", "inputs", "images") if getattr(self, key) is not None]
        if len(given) > 1:
            raise Invalid(f'{" and ".join(given)} are given; send "texts" or "inputs"')
        if self.images is not None:
            raise Invalid('this model reads text, not "images"; send "texts"')
        listed = self.inputs or []
        return self.texts or [joined(item, f"{index + 1} of {len(listed)}") for index, item in enumerate(listed)]


def joined(item: Input, place: str) -> str:
    """The text of an input."""
    texts = [part.text for part in item.content if part.type == "text" and part.text is not None]
    if not texts or len(texts) < len(item.content):
        raise Invalid(
            f"input {place} has {len(item.content)} parts, {len(texts)} of them with text; send parts with text only"
        )
    return "\n".join(texts)
