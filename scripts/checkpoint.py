"""What a checkpoint folder holds: the model, its task, and how sentence-transformers would use it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.console import Failure

POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
}
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
MODULES = ("Transformer", "Pooling", "Normalize")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint folder, understood.

    Attributes:
        folder: where it is.
        architecture: name of the class it was saved from.
        max_length: longest sequence, in tokens.
        task: what it is for; empty for a head this version does not serve.
        pooling: of a sentence-transformers folder, else `mean`.
        normalize: whether its embeddings have length 1.
    """

    folder: Path
    architecture: str
    max_length: int
    task: str
    pooling: str = "mean"
    normalize: bool = False

    @property
    def config(self) -> dict[str, Any]:
        """The decoded `config.json`."""
        config: dict[str, Any] = load_json(self.folder / "config.json")
        return config

    @property
    def weights(self) -> list[Path]:
        """Files of weights; of sharded ones also the index."""
        weights = next(self.folder / name for name in WEIGHTS if (self.folder / name).exists())
        if weights.suffix != ".json":
            return [weights]
        return [weights, *(self.folder / shard for shard in sorted(set(load_json(weights)["weight_map"].values())))]


def read(folder: Path) -> Checkpoint:
    """Understand a folder.

    Raises:
        Failure: a file is missing or does not decode, or its pooling cannot be reproduced.
    """
    try:
        return understand(folder)
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError) as error:
        raise Failure(f"{folder}: a file does not hold what it should ({type(error).__name__}: {error})") from None


def understand(folder: Path) -> Checkpoint:
    """`read`, for files that are what they should be."""
    config = load_json(folder / "config.json")
    if not any((folder / name).exists() for name in WEIGHTS):
        raise Failure(f"{folder} has no weights", fix=f"one of these is needed: {', '.join(WEIGHTS)}")
    if not (folder / "tokenizer.json").exists() and not (folder / "vocab.txt").exists():
        raise Failure(f"{folder} has no tokenizer", fix="tokenizer.json or vocab.txt is needed")
    architecture = (config.get("architectures") or ["BertModel"])[0]
    positions = config.get("max_position_embeddings", 512) - position_offset(config)
    if not (folder / "modules.json").exists():
        return Checkpoint(folder, architecture, positions, "hidden-states" if architecture.endswith("Model") else "")
    return read_sentence_transformer(folder, architecture, positions)


def read_sentence_transformer(folder: Path, architecture: str, positions: int) -> Checkpoint:
    """A folder with `modules.json`: transformer, pooling, and perhaps scaling to length 1."""
    modules = [str(module["type"]).rsplit(".", 1)[-1] for module in load_json(folder / "modules.json")]
    beyond = [module for module in modules if module not in MODULES]
    if beyond:
        raise Failure(
            f"{folder} has the module {beyond[0]}, which is not served; its vectors would differ from "
            "sentence-transformers'",
            fix=f"a folder with the modules {', '.join(MODULES)} is served",
        )
    path = next(module["path"] for module in load_json(folder / "modules.json") if module["type"].endswith("Pooling"))
    settings = load_if_there(folder / "sentence_bert_config.json")
    tokenizer = load_if_there(folder / "tokenizer_config.json")
    check_reproducible(folder, settings)
    longest = settings.get("max_seq_length") or tokenizer.get("model_max_length") or positions
    pooling = read_pooling(load_json(folder / path / "config.json"))
    return Checkpoint(folder, architecture, min(longest, positions), "embedding", pooling, "Normalize" in modules)


def check_reproducible(folder: Path, settings: dict[str, Any]) -> None:
    """Refuse what sentence-transformers would do to texts before the tokenizer sees them."""
    normalizer = load_if_there(folder / "tokenizer.json").get("normalizer") or {}
    if settings.get("do_lower_case") and not normalizer.get("lowercase"):
        raise Failure(
            f"{folder} wants texts in lower case (do_lower_case) and its tokenizer keeps case; this is not served",
            fix="set do_lower_case to false in sentence_bert_config.json, and send texts in lower case",
        )
    prompt = load_if_there(folder / "config_sentence_transformers.json").get("default_prompt_name")
    if prompt:
        raise Failure(
            f"{folder} puts its prompt {prompt!r} before each text by default; this is not served",
            fix="set default_prompt_name to null in config_sentence_transformers.json, and send texts with the prompt",
        )


def load_if_there(file: Path) -> dict[str, Any]:
    """A JSON file that a folder need not have."""
    content: dict[str, Any] = load_json(file) if file.exists() else {}
    return content


def read_pooling(config: dict[str, Any]) -> str:
    """The one pooling mode that is on."""
    modes = [name for name, on in config.items() if name.startswith("pooling_mode_") and on is True]
    named = config.get("pooling_mode")  # the newer form of the file
    if isinstance(named, str) and named in POOLINGS.values():
        return named
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise Failure(f"pooling {modes or named} cannot be reproduced", fix=f"one of {', '.join(POOLINGS)} is served")
    return POOLINGS[modes[0]]


def position_offset(config: dict[str, Any]) -> int:
    """RoBERTa counts positions from the padding id + 1, so that its last ones are never reached."""
    families = ("roberta", "xlm-roberta", "camembert", "mpnet")
    return int(config.get("pad_token_id", 1)) + 1 if config.get("model_type") in families else 0


def load_json(file: Path) -> Any:
    """Read a JSON file.

    Raises:
        Failure: it is missing or does not decode.
    """
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        raise Failure(f"{file.parent} has no {file.name}", fix="name a folder saved with save_pretrained") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{file} is not JSON: {error}") from None
