"""Modules of sentence-transformers that are not served, and what there is to do about them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from shlex import quote

from scripts.console import Failure
from scripts.files.json_files import load_if_there, value
from scripts.sources.remedies import PYTHON, Remedy

ELSEWHERE = "serve it with sentence-transformers itself"
ROUTE = (
    f"{PYTHON} -m pip install sentence-transformers && {PYTHON} -c 'import sys; from sentence_transformers import "
    '{st} as Model; modules = Model(sys.argv[1], device="cpu"); '
    "Model(modules=[each for module in modules for each in (module.sub_modules[sys.argv[2]] "
    'if hasattr(module, "sub_modules") else [module])]).save_pretrained(sys.argv[3])\' '
    "{folder} document {folder}-document, then scripts/bert pack {folder}-document; the same with query, if that "
    "route has an encoder"
)
MODULES = (
    Remedy(("Router", "Asym"), "queries and documents go different ways through it", ROUTE),
    Remedy(
        ("SparseStaticEmbedding", "WordEmbeddings", "BoW"),
        "it looks words up in a table, and has no encoder",
        ELSEWHERE,
    ),
    Remedy(
        ("MultiVectorMask", "pylate.*"),
        "its vectors of tokens would differ from sentence-transformers'",
        "served: Transformer, any Dense, MultiVectorMask and Normalize",
    ),
    Remedy(
        ("*",),
        "its vectors would differ from sentence-transformers'",
        "served: Transformer, Pooling and any Dense, LayerNorm and Normalize after; SpladePooling; StaticEmbedding; "
        "Transformer alone",
    ),
)
"""Modules of sentence-transformers that are not served."""


def failure(root: Path, names: Sequence[str], why: str = "") -> Failure:
    """Of a folder of sentence-transformers whose modules are not served, and why, if not just since others are."""
    remedy = next(each for each in MODULES for mark in each.marks if any(fnmatch(name, mark) for name in names))
    known = {
        "folder": quote(str(root)),
        "st": value(
            load_if_there(root / "config_sentence_transformers.json"), "model_type", str, "SentenceTransformer"
        ),
    }
    return Failure(
        f"{root} has the modules {', '.join(names)}, which are not served: {why or remedy.what}",
        fix=remedy.fix.format_map(known),
    )
