"""The structures of `model.h`, `linear.h` and `helpers.h`, field by field in their order."""

from __future__ import annotations

from ctypes import POINTER, Structure, c_float, c_int, c_int32, c_long, c_void_p

LINEARS = ("qkv", "out", "up", "down")
RELATIVE = ("relative_keys", "relative_queries")
DTYPES = {"float32": 0, "int8": 1, "uint16": 2}
"""What matrices are stored in, by NumPy's names, and the numbers of `enum dtype`; bfloat16 is stored as `uint16`."""

REGION = 16
"""Integers of `struct region`."""


class Linear(Structure):
    """`struct linear`."""

    _fields_ = (
        ("inputs", c_long),
        ("outputs", c_long),
        ("dtype", c_long),
        ("weight", c_void_p),
        ("bias", c_void_p),
        ("scale", c_void_p),
        ("sums", c_void_p),
        ("smooth", c_void_p),
    )


class Norm(Structure):
    """`struct norm`."""

    _fields_ = (("weight", c_void_p), ("bias", c_void_p))


class Layer(Structure):
    """`struct layer`."""

    _fields_ = (
        *((name, Linear) for name in LINEARS),
        *(("norm1", Norm), ("norm2", Norm)),
        *(("turns", c_void_p), ("window", c_long)),
        *(("relative_keys", c_void_p), ("relative_queries", c_void_p)),
    )


class Model(Structure):
    """`struct model`."""

    _fields_ = (
        *((name, c_long) for name in ("layers", "embedding", "hidden", "intermediate", "heads", "key_heads")),
        *((name, c_long) for name in ("farthest", "norm_first", "gated", "norm_projected")),
        ("eps", c_float),
        ("activation", c_int),
        *((name, c_void_p) for name in ("word_embeddings", "position_embeddings", "token_type_embeddings")),
        ("attention_bias", c_void_p),
        *(("relative_rows", c_void_p), ("relative_panels", c_long)),
        *(("norm", Norm), ("final_norm", Norm), ("projection", Linear)),
        ("layer", POINTER(Layer)),
        ("pooler", Linear),
    )


class Batch(Structure):
    """`struct batch`."""

    _fields_ = (
        *((name, c_long) for name in ("tokens", "sequences", "longest")),
        *((name, c_void_p) for name in ("input_ids", "position_ids", "token_type_ids", "offsets", "pooled")),
        *(
            (name, c_void_p)
            for name in ("states", "sums", "attended", "wide", "gated", "quantized", "scales", "zero_points")
        ),
        *((name, c_void_p) for name in ("halves", "scratch", "regions", "threads")),
        *((name, c_long) for name in ("over", "helpers", "joined")),
    )


class Helpers(Structure):
    """`struct helpers`."""

    _fields_ = (
        *((name, c_int32) for name in ("calls", "inside", "ended")),
        *((name, c_void_p) for name in ("model", "batch")),
    )
