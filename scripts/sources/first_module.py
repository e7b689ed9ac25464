"""Settings of sentence-transformers' first module, the model: where they are, and which of them are not served."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.console import Failure
from scripts.files.json_files import SHOWN, load_if_there, value

KINDS = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
FILES = tuple(f"sentence_{kind}_config.json" for kind in KINDS)
"""Names it has had; the first that is there counts, as in `Transformer.load_config` of sentence-transformers 6.2."""
OTHER_LENGTHS = ("query_length", "document_length", "query_expansion")
"""Keys that give queries or documents a length of their own."""
ARGUMENTS = (
    *("processing_kwargs", "processor_kwargs", "tokenizer_args", "model_kwargs", "model_args"),
    *("config_kwargs", "config_args"),
)
"""Keys of the first module's settings whose content sentence-transformers gives to transformers, in both namings."""
HARMLESS = {"trust_remote_code", "dtype", "torch_dtype", "attn_implementation", "local_files_only"}
"""Arguments that change no answer: precision is the archive's own."""


def check_arguments(file: Path, settings: Mapping[str, Any]) -> None:
    """Refuse arguments that would change the model or its tokenizer."""
    for key in ARGUMENTS:
        found = value(settings, key, dict, {}, file)
        if found.keys() - HARMLESS:
            raise Failure(
                f"{key} of {file} is {json.dumps(found)[:SHOWN]}; this is not served",
                fix=f"remove {key} if it makes no difference",
            )


def check_outputs(file: Path, settings: Mapping[str, Any], served: tuple[str, str, str]) -> None:
    """Refuse a first module that gives something else to those after it; older versions say nothing of this."""
    text = value(value(settings, "modality_config", dict, {}, file), "text", dict, {}, file)
    said = (settings.get("transformer_task"), text.get("method_output_name"), settings.get("module_output_name"))
    for key, found, expected in zip(
        ("transformer_task", "method_output_name", "module_output_name"), said, served, strict=True
    ):
        if found not in (None, expected):
            raise Failure(f"{key} of {file} is {json.dumps(found)[:SHOWN]}; with these modules it has to be {expected}")


def settings(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The file that counts, and what it says; nothing where there is none."""
    file = next((folder / name for name in FILES if (folder / name).exists()), folder / FILES[0])
    return file, load_if_there(file)


def check(file: Path, settings: Mapping[str, Any], served: tuple[str, str, str]) -> None:
    """Refuse what would change the answers.

    Args:
        file: of the settings.
        settings: its content.
        served: see `check_outputs`.
    """
    check_arguments(file, settings)
    check_outputs(file, settings, served)


def check_lengths(file: Path, settings: Mapping[str, Any]) -> None:
    """Refuse lengths of sides where a model has none."""
    for key in OTHER_LENGTHS:
        if settings.get(key) not in (None, False):
            found = json.dumps(settings[key])[:SHOWN]
            raise Failure(f"{key} of {file} is {found}; this is not served", fix=f"remove {key}")
