"""What the kernels compute in fewer bits, by formulas over torch: linears in 8 bits, linears and attention in 16."""

import numpy as np
import torch


def by_hand(states, small, scale, bias):
    """A linear in 8 bits: 255 levels between a row's least and largest value, whole weights with a scale per column."""
    low, high = np.minimum(states.min(1, keepdims=True), 0), np.maximum(states.max(1, keepdims=True), 0)
    step = (high - low) / 255
    zero = np.rint(-low / step)
    levels = np.clip(np.rint(states / step) + zero, 0, 255)
    return ((levels - zero) @ small) * step * scale + bias


def rounded(values):
    return values.bfloat16().float()


def power(x):
    """e^x by the kernels' polynomial of 2^r, which is within 8e-5 of it."""
    x = (x * np.log2(np.e)).clamp(min=-126)
    r = x - x.round()
    return (((5.51716685e-2 * r + 2.42611125e-1) * r + 6.93260968e-1) * r + 9.99928057e-1) * 2 ** x.round()


def linears_in_bfloat16(theirs):
    """`packed` in float32, whose linears read bfloat16."""
    for layer in theirs.layers:
        for name in ("qkv", "out", "up", "down"):
            plain = getattr(layer, name)
            plain.weight = rounded(plain.weight)
            setattr(layer, name, lambda states, residual=None, plain=plain: plain(rounded(states), residual))
    return theirs


def attention_by(theirs, one_sequence):
    """The same with another attention."""

    def attention(lengths, offsets, bias):
        def attend(qkv, relative):
            return torch.cat([one_sequence(*part.unbind(1)) for part in qkv.split(lengths)])

        return attend

    theirs.attention = attention
    return theirs


def in_bfloat16(queries, keys, values):
    scores = torch.einsum("qhs,khs->hqk", rounded(queries), rounded(keys * keys.shape[-1] ** -0.5))
    weights = power(scores - scores.amax(-1, keepdim=True))
    mixed = torch.einsum("hqk,khs->qhs", rounded(weights), rounded(values))
    return mixed / weights.sum(-1).T[:, :, None]


def in_integers(queries, keys, values):
    """Each head's queries, keys and values, and its weights, as whole multiples of a unit; products are exact. Nothing
    is rounded where there are more than 512 keys."""
    length, _, size = keys.shape
    scale = size**-0.5
    if length > 512:
        scores = torch.einsum("qhs,khs->hqk", queries, keys * scale)
        return torch.einsum("hqk,khs->qhs", scores.softmax(-1), values)

    def whole(read, most):
        """As many levels as that up to the greatest magnitude."""
        unit = read.abs().amax((0, 2), keepdim=True) / most
        return (read / unit).round().double(), unit[0, :, 0].double()

    levels = min(((2**31 - 1) // size) ** 0.5 - 1, 2**15 - 1)  # the sum of so many products fits 32 bits
    (queries, query), (keys, key), (values, value) = whole(queries, levels), whole(keys, levels), whole(values, 4095)
    scores = torch.einsum("qhs,khs->hqk", queries, keys) * (query * key)[:, None, None] * scale
    weights = power((scores - scores.amax(-1, keepdim=True)).float()).double()
    total = weights.sum(-1, keepdim=True)
    levels = (((2**31 - 1) // 4095 - length) / total).clamp(max=2**15 - 1)
    mixed = torch.einsum("hqk,khs->qhs", (weights * levels).round() / (levels * total), values)
    return (mixed * value[:, None]).float()
