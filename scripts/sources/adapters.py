"""Adapters that peft trained: which model they belong to, and the commands that put both together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from safetensors import SafetensorError, safe_open

from scripts.files.json_files import load_if_there, value

CLASSES = {
    "SEQ_CLS": "SequenceClassification",
    "TOKEN_CLS": "TokenClassification",
    "QUESTION_ANS": "QuestionAnswering",
}
"""peft's task types, and ends of the classes that load them; every other one is an encoder's."""
HEADS = ("classifier.weight", "classifier.out_proj.weight", "score.weight")
"""Ends of the names of a tensor with a row for each label."""
MERGE = """\
.venv/bin/python -m pip install peft && \
cp -r {folder} {folder}-merged && rm {folder}-merged/adapter_* && .venv/bin/python -c 'import sys; \
from peft import AutoPeftModelFor{task} as Model; from transformers import AutoTokenizer; \
model = Model.from_pretrained(sys.argv[1], num_labels=int(sys.argv[4])); \
model.merge_and_unload().save_pretrained(sys.argv[2]); \
AutoTokenizer.from_pretrained(sys.argv[3]).save_pretrained(sys.argv[2])' \
{folder} {folder}-merged {tokenizer} {labels}, then scripts/bert pack {folder}-merged"""
"""With peft itself; keeps what else the folder has, such as the modules of sentence-transformers."""


def by_peft(folder: Path) -> str:
    """The commands for adapters that `pack --adapter` does not merge."""
    known = {"folder": str(folder), **facts(folder)}
    return MERGE.format_map({key: quote(each) for key, each in known.items()})


def facts(folder: Path) -> Mapping[str, str]:
    """What `MERGE` and advice name; nothing for a folder without an adapter."""
    config = load_if_there(folder / "adapter_config.json")
    if not config:
        return {}
    base = value(config, "base_model_name_or_path", str) or "BASE-MODEL"
    return {
        "peft": value(config, "peft_type", str, "peft", "adapter_config.json"),
        "base": base,
        "task": CLASSES.get(value(config, "task_type", str, "", "adapter_config.json"), "FeatureExtraction"),
        "tokenizer": str(folder) if (folder / "tokenizer_config.json").exists() else base,
        "labels": str(labels(folder / "adapter_model.safetensors")),
    }


def labels(file: Path) -> int:
    """How many its head has; transformers' usual two where nothing says."""
    try:
        with safe_open(file, framework="pt") as weights:
            named = [name for name in weights.keys() if name.endswith(HEADS)]  # noqa: SIM118 - it is no mapping
            return int(weights.get_slice(named[0]).get_shape()[0]) if named else 2
    except (FileNotFoundError, SafetensorError):
        return 2
