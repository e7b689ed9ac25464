"""Writes `bge_m3.json`: what FlagEmbedding answers for the small folder of `tests/late_interaction.py`.

In an environment with FlagEmbedding 1.4.2: `PYTHONPATH=. python -m tests.data.write_bge_m3 CHECKPOINT`. The
checkpoint is all-MiniLM-L6-v2, whose tokenizer the folder has.
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from FlagEmbedding import BGEM3FlagModel
from transformers import AutoTokenizer

from tests import heads, late_interaction

TEXTS = ["Where does Ada live?", "Ada, isn't it: Ada lives in London!", "naïve café 🙂"]
DIGITS = 7


def rounded(array: Any) -> Any:
    """Numbers of a file that is read by people, too."""
    return np.round(array.astype(np.float64), DIGITS).tolist()


def main() -> None:
    """Into the folder of this file."""
    with tempfile.TemporaryDirectory() as here:
        tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
        base = heads.save(Path(here) / "base", "Bert", "Model", tokenizer)
        folder = late_interaction.bge_m3(base, Path(here) / "model")
        model = BGEM3FlagModel(str(folder), use_fp16=False, devices="cpu")
        found = model.encode(TEXTS, return_dense=True, return_sparse=True, return_colbert_vecs=True)
    content = {
        "origin": f"FlagEmbedding {version('FlagEmbedding')}, BGEM3FlagModel.encode; tests/data/write_bge_m3.py",
        "texts": TEXTS,
        "dense": rounded(found["dense_vecs"]),
        "sparse": [
            {int(id): round(float(weight), DIGITS) for id, weight in text.items()} for text in found["lexical_weights"]
        ],
        "multi_vector": [rounded(vectors) for vectors in found["colbert_vecs"]],
    }
    Path(__file__).with_name("bge_m3.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
