"""Static embeddings of sentence-transformers and Model2Vec: a row of a table for each token, and no layers."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from scripts.console import Failure
from scripts.files.json_files import load_if_there, load_object, value
from scripts.sources import pickles, remedies

MODEL_TYPE, MODEL2VEC = "static-embedding", "model2vec"
"""Of the configuration that `translated` writes, and of Model2Vec's own."""
LONGEST = 1_000_000
"""Tokens of the longest text: there is no end to them, and archives want a number."""
OWN, TABLE, MAPPING, WEIGHTS = "embedding.weight", "embeddings", "mapping", "weights"
"""Tensors: sentence-transformers' one, and Model2Vec's, of which the first is always there."""
FILES = ("model.safetensors", "pytorch_model.bin")


def marked(folder: Path) -> bool:
    """Whether a folder without `modules.json` is one of Model2Vec's."""
    return value(load_if_there(folder / "config.json"), "model_type", str, "") == MODEL2VEC


def translated(folder: Path) -> Path:
    """A folder of links that says what a checkpoint's says: a configuration, and a tokenizer without special tokens.

    It is there until the process ends.

    Raises:
        Failure: a file is missing or does not hold what it should.
    """
    if not (folder / "tokenizer.json").exists():
        raise remedies.lacks(folder, "tokenizer.json", remedies.TOKENIZERS)
    words, normalize = load_object(folder / "tokenizer.json"), load_if_there(folder / "config.json").get("normalize")
    size, width = rows(folder).shape
    made = Path(tempfile.mkdtemp(prefix="bert-static-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    here = made / folder.resolve().name
    here.mkdir()
    (here / weights(folder).name).symlink_to(weights(folder).resolve())
    cut = words.get("truncation") or {}
    config = {
        "model_type": MODEL_TYPE,
        "architectures": ["StaticModel"],
        "hidden_size": width,
        "vocab_size": size,
        "max_position_embeddings": cut.get("max_length", LONGEST),
        "normalize": bool(normalize),
    }
    (here / "config.json").write_text(json.dumps(config))
    (here / "tokenizer.json").write_text(json.dumps({**words, "post_processor": None}))
    (here / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    return here


def weights(folder: Path) -> Path:
    """The file of the table."""
    found = next((folder / name for name in FILES if (folder / name).exists()), None)
    if found is None:
        raise remedies.lacks(folder, " or ".join(FILES), remedies.PLACES + remedies.FORMATS)
    return found


def rows(folder: Path) -> Tensor:
    """`(vocabulary, dimensions)` float32, a row for each id of the tokenizer.

    Model2Vec may keep fewer rows than tokens, with a `mapping` from ids to rows, and a weight for each id.
    Source: `_fold_model2vec_weights` of sentence-transformers 6.2's `StaticEmbedding`.

    Raises:
        Failure: the file does not load, or holds something else.
    """
    file = weights(folder)
    try:
        found: Mapping[str, Any] = load_file(file) if file.suffix == ".safetensors" else pickles.load(file)
    except SafetensorError as error:
        raise Failure(f"{file} does not load: {error}") from None
    table = found.get(OWN, found.get(TABLE))
    if table is None or table.dim() != 2:
        raise Failure(
            f"{file} holds {', '.join(sorted(found)) or 'nothing'}, and no table of {OWN} or {TABLE}",
            fix="save the model again with SentenceTransformer.save or StaticModel.save_pretrained",
        )
    table = table.float()
    if OWN not in found:
        table = table[found[MAPPING].long()] if MAPPING in found else table
        table = table * found[WEIGHTS].float()[:, None] if WEIGHTS in found else table
    return table.contiguous()  # type: ignore[no-any-return]
