"""The description of an encoder: the packer writes it beside the weights, and every runtime is built from it.

Parts that an encoder may lack are tensors that its file lacks: `norm` of the embeddings, which the layers normalise;
the bias of a normalisation, which is then by the root mean square (https://arxiv.org/abs/1910.07467); `position`,
`type` and `attention_bias`, tables of absolute positions, of token types and of what attention adds for a distance;
`projection`, from the width of the embeddings to that of the layers; `final_norm` behind them; `pooler`;
and what attention has for relative positions: `layers.N.relative_keys` for queries of contents and
`layers.N.relative_queries` for keys, `(heads, size, positions)`, both scaled for the size of a head, and
`relative_rows`, `(2 * farthest + 1,)`, the position for each place of a key minus the query's; beyond the farthest it
is that of the farthest.
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
        key_heads: of keys and of values, each of them for `heads / key_heads` of queries; 0 for as many.
        activation: a key of `handler.activations.ACTIVATIONS`, in the feed-forward network.
        eps: of normalisations.
        first_position: row of a sequence's first token in the table of positions.
        norm_first: whether the halves of a layer normalise what they read; BERT's normalise what they add up to.
        norm_projected: whether embeddings are normalised behind the projection; BERT's before.
        gated: whether the feed-forward network multiplies the activated half of its first product by the other half.
        windows: tokens to either side that each layer's attention looks at, 0 for all; empty where all look at all.
        rotary: for each layer, the number of the `rotary.N`, `(size / 2,)` frequencies, by which its queries and keys
            are turned; empty where none are.
    """

    layers: list[int]
    hidden: int
    heads: int
    activation: str
    eps: float
    key_heads: int = 0
    first_position: int = 0
    norm_first: bool = False
    norm_projected: bool = False
    gated: bool = False
    windows: list[int] = []
    rotary: list[int] = []

    @property
    def stored(self) -> int:
        """How many layers have weights of their own."""
        return max(self.layers) + 1

    def window(self, place: int) -> int:
        """Of the layer in that place of the pass."""
        return self.windows[place] if self.windows else 0

    def metadata(self) -> dict[str, str]:
        """As `read` takes it."""
        return {KEY: msgspec.json.encode(self).decode()}


def read(metadata: Mapping[str, str]) -> Description:
    """The description in a file's metadata.

    Raises:
        ValidationError: it is not one; another version of the packer wrote it.
    """
    return msgspec.json.decode(metadata[KEY], type=Description)
