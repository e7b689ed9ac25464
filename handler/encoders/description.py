"""The description of an encoder: the packer writes it beside the weights, and every runtime is built from it.

Parts that an encoder may lack are tensors that its file lacks: `position`, `type` and `attention_bias`, tables of
absolute positions, of token types and of what attention adds for a distance; `projection`, from the width of the
embeddings to that of the layers; and `pooler`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

KEY = "encoder"
"""Of the metadata of the file of weights."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What the shapes of the weights do not say.

    Attributes:
        layers: which weights each layer has, in the order they are computed; ALBERT's are one layer's, many times.
        hidden: width of the states between layers.
        heads: of attention.
        activation: a key of `handler.activations.ACTIVATIONS`, in the feed-forward network.
        eps: of normalisations.
        first_position: row of a sequence's first token in the table of positions.
    """

    layers: list[int]
    hidden: int
    heads: int
    activation: str
    eps: float
    first_position: int = 0

    @property
    def stored(self) -> int:
        """How many layers have weights of their own."""
        return max(self.layers) + 1

    def metadata(self) -> dict[str, str]:
        """As `read` takes it."""
        return {KEY: msgspec.json.encode(self).decode()}


def read(metadata: Mapping[str, str]) -> Description:
    """The description in a file's metadata.

    Raises:
        ValidationError: it is not one; another version of the packer wrote it.
    """
    return msgspec.json.decode(metadata[KEY], type=Description)
