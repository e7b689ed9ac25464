"""What relative positions add to attention's scores in torch (DeBERTa, https://arxiv.org/abs/2006.03654, section 3.1).

A score of the query at place q and the key at k gets the product of the query with the key of the relative position of
k - q, and that of the key with this position's query. Each is a product of all tokens with all positions, from which
scores are gathered, so that memory grows with the length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

SCORES_AT_ONCE = 1 << 22
"""Of a block of queries, unless one query alone has more."""

Added = Callable[[int, int], Tensor]
"""From the first query and the one behind the last to `(sequences, heads, queries, keys)`."""


class Relative:
    """Relative positions of a layer.

    Args:
        weights: of the layer, and `relative_rows`; see `handler.encoders.description`.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.keys, self.queries = weights.get("relative_keys"), weights.get("relative_queries")
        self.rows = weights["relative_rows"].long()
        self.known = self.rows.tolist()  # on the host, which would have to wait for a device
        self.farthest = len(self.known) // 2

    def added(self, query: Tensor, key: Tensor) -> Added:
        """To the scores of sequences of one length, `(sequences, heads, tokens, size)` each."""
        count, heads, length, _ = query.shape
        reach = min(length - 1, self.farthest)
        first, last = self.known[self.farthest - reach], self.known[self.farthest + reach]
        by_query = None if self.keys is None else query @ self.keys[..., first : last + 1]
        by_key = None if self.queries is None else key @ self.queries[..., first : last + 1]
        places = torch.arange(length, device=query.device)

        def of(start: int, stop: int) -> Tensor:
            apart = (places - places[start:stop, None]).clamp(-self.farthest, self.farthest)
            rows = (self.rows[apart + self.farthest] - first).expand(count, heads, -1, -1)
            parts = [] if by_query is None else [by_query[:, :, start:stop].gather(-1, rows)]
            if by_key is not None:
                parts.append(by_key.gather(-1, rows.transpose(-1, -2)).transpose(-1, -2))
            return sum(parts[1:], parts[0])

        return of


def of(weights: Mapping[str, Tensor]) -> Relative | None:
    """Those of a layer; None where it has none."""
    return Relative(weights) if "relative_rows" in weights else None


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, relative: Relative | None) -> Tensor:
    """Attention of dense blocks, `(sequences, heads, tokens, size)`.

    Args:
        query: of contents.
        key: of contents.
        value: of contents.
        mask: as torch takes it; of an encoder with relative positions, booleans that each query has the same of.
        relative: of the layer.
    """
    if relative is None:
        return scaled_dot_product_attention(query, key, value, attn_mask=mask)
    count, heads, length, _ = query.shape
    added, step = relative.added(query, key), max(1, SCORES_AT_ONCE // (count * heads * length))
    parts = []
    for start in range(0, length, step):
        scores = added(start, min(length, start + step))
        scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
        parts.append(scaled_dot_product_attention(query[:, :, start : start + step], key, value, attn_mask=scores))
    return torch.cat(parts, 2)
