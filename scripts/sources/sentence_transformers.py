"""What sentence-transformers wrote into a folder: which modules it runs, and how."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from handler.activations import OF_MODULES
from handler.config import Pooling
from scripts.console import Failure
from scripts.files.entries import leads_out
from scripts.files.json_files import checked, load_if_there, load_json, load_object, required, value
from scripts.sources import first_module, late_interaction, task_adapters, unserved
from scripts.sources.late_interaction import LateInteraction

POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Keys of the older form of the file, in the order in which they are concatenated, and the names of the newer one,
which are ours."""
MODEL = "config_sentence_transformers.json"
"""File of the whole."""
ADAPTED, TRANSFORMER = "custom_st.Transformer", "sentence_transformers.models.Transformer"
"""Jina v3's first module, which takes a task for each text, and what it is without one."""
Reader = Callable[[Path, Mapping[str, Any], Mapping[str, Path]], dict[str, Any]]
"""Of a folder, what has been read of it, and the folders of its modules."""


def transformer(root: Path) -> Path:
    """The folder of the model itself, which older versions put into one of its own."""
    if not (root / "modules.json").exists():
        return root
    reader(root)
    return listed(root)[0][1]


def listed(root: Path) -> list[tuple[str, Path]]:
    """Classes and folders of `modules.json`.

    Raises:
        Failure: it lists nothing, or something else.
    """
    file = root / "modules.json"
    modules = [checked(each, dict, f"a module of {file}") for each in checked(load_json(file), list, str(file))]
    if not modules:
        raise Failure(f"{file} lists no modules", fix="save the model again with SentenceTransformer.save")
    names = [each.get("name", number) for number, each in enumerate(modules)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:  # of which sentence-transformers keeps the last one alone
        raise Failure(f"{file} has two modules of the name {twice!r}", fix="give each a name of its own, 0, 1, ...")
    found = [(required(each, "type", str, file), within(root, required(each, "path", str, file))) for each in modules]
    kind, folder = found[0]
    if kind == ADAPTED and task_adapters.names(load_if_there(folder / "config.json")):
        found[0] = (TRANSFORMER, folder)
    return found


def within(root: Path, path: str) -> Path:
    """A module's folder.

    Raises:
        Failure: it leads out of `root`: by its name, which sentence-transformers refuses too, or by a link.
    """
    if leads_out(path):
        raise Failure(
            f"{root / 'modules.json'} has a module in {path!r}, which is no path below {root}",
            fix="move the module's folder into it, and name it in modules.json by its path there, such as 1_Pooling",
        )
    real = os.path.realpath(root / path)  # unlike `resolve`, it takes links that lead to themselves
    if not Path(real).is_relative_to(os.path.realpath(root)):
        raise Failure(
            f"{root / path}, a module's folder, is a link to {real}, outside of {root}",
            fix="put a copy of the folder in its place",
        )
    return root / path


def read(root: Path) -> dict[str, Any]:
    """Fields of a `Checkpoint` for a folder with `modules.json`.

    Args:
        root: folder of `modules.json`.

    Raises:
        Failure: a module is not served.
    """
    names, folders = [name_of(kind) for kind, _ in listed(root)], [folder for _, folder in listed(root)]
    further, (file, settings) = reader(root), first_module.settings(folders[0])
    first_module.check(file, settings, OUTPUTS[further])
    prompts = load_if_there(root / MODEL)
    check_kind(root, prompts, KINDS[further])
    if further is not multi_vector:
        first_module.check_lengths(file, settings)
    found = {
        "lower_case": value(settings, "do_lower_case", bool, False, file),
        "prompts": {
            name: value(texts, name, str, "", f"prompts of {MODEL}")
            for texts in [value(prompts, "prompts", dict, {}, MODEL)]
            for name in texts
        },
        "dimensions": value(prompts, "truncate_dim", int, None, MODEL),
        "default_prompt": value(prompts, "default_prompt_name", str, None, MODEL),
    }
    found |= further(root, found, dict(zip(names, folders, strict=True)))
    layers = tuple(folder for name, folder in zip(names, folders, strict=True) if name.endswith(("Dense", "LayerNorm")))
    if further is multi_vector:
        sides: LateInteraction = found["late_interaction"]  # type: ignore[assignment]
        return found | {"late_interaction": replace(sides, dense=layers)}
    return found | {"dense": layers, "normalize": names[-1] == "Normalize"}


def check_kind(root: Path, config: Mapping[str, Any], kind: str) -> None:
    """Refuse a folder that says it is of another kind: sentence-transformers then makes other modules than it lists.

    Source: `_get_model_type` and `_load_converted_modules` of sentence-transformers 6.2.
    """
    said = value(config, "model_type", str, "", MODEL)
    if said and said not in (kind, ALSO.get(kind)):
        raise Failure(
            f"{root} has the modules of a {kind}, and {MODEL} says {said!r}", fix=f'set model_type to "{kind}"'
        )


def reader(root: Path) -> Reader:
    """What reads its modules further.

    Raises:
        Failure: they are not served.
    """
    names = [name_of(kind) for kind, _ in listed(root)]
    for pattern, further in MODULE_PATTERNS.items():
        if re.fullmatch(pattern, " ".join(names)):
            return further
    raise unserved.failure(root, names)


def name_of(kind: str) -> str:
    """A class of sentence-transformers by its last name; one of somebody else, which may be any code, in full."""
    return kind.rsplit(".", 1)[-1] if kind.startswith("sentence_transformers.") else kind


def embedding(root: Path, found: Mapping[str, Any], modules: Mapping[str, Path]) -> dict[str, Any]:
    """Pooling."""
    file = modules["Pooling"] / "config.json"
    config = load_object(file)
    return {
        "task": "embedding",
        "pooling": read_pooling(file, config),
        "include_prompt": value(config, "include_prompt", bool, True, str(file)),
    }


def sparse(root: Path, found: Mapping[str, Any], modules: Mapping[str, Path]) -> dict[str, Any]:
    """How words are pooled, by the maximum alone."""
    config, file = load_object(modules["SpladePooling"] / "config.json"), f"{modules['SpladePooling'].name}/config.json"
    chosen = (
        value(config, "pooling_strategy", str, "max", file),
        value(config, "activation_function", str, "relu", file),
    )
    if chosen not in LOGARITHMS:
        served = " and ".join(activation for _, activation in LOGARITHMS)
        raise Failure(f"{root} pools words by {' and '.join(chosen)}", fix=f"max is served, with {served}")
    most = value(load_if_there(root / MODEL), "max_active_dims", int, None, MODEL)
    if most is not None:
        raise Failure(f"{root} keeps {most} words of a text (max_active_dims); this is not served", fix=UNLIMITED)
    return {"task": "sparse-embedding", "logarithms": LOGARITHMS[chosen]}


def cross_encoder(root: Path, found: Mapping[str, Any], modules: Mapping[str, Path]) -> dict[str, Any]:
    """With a single score it ranks; with several it classifies pairs, and what they mean is said by its `config.json`.

    Raises:
        Failure: it puts a prompt before pairs.
    """
    if found["default_prompt"]:
        raise Failure(
            f"{root} puts its prompt {found['default_prompt']!r} before each pair; this is not served",
            fix="set default_prompt_name to null in config_sentence_transformers.json, and send queries with it",
        )
    return classifier(load_object(modules["Transformer"] / "config.json"))


def multi_vector(root: Path, found: Mapping[str, Any], modules: Mapping[str, Path]) -> dict[str, Any]:
    """A vector per token."""
    _, settings = first_module.settings(modules["Transformer"])
    read, prompts = late_interaction.folder(load_if_there(root / MODEL), MODEL, settings, modules, found["prompts"])
    return {"task": "multi-vector", "late_interaction": read, "prompts": prompts}


MODULE_PATTERNS: dict[str, Reader] = {
    r"Transformer Pooling( Dense| Dropout| LayerNorm)*( Normalize)?": embedding,
    r"(MLM)?Transformer SpladePooling": sparse,
    r"Transformer": cross_encoder,
    r"Transformer( Dense)* MultiVectorMask( Normalize)?": multi_vector,
    r"Transformer( Dense)* Normalize MultiVectorMask": multi_vector,
    r"Transformer( pylate\.models\.Dense\.Dense)+": multi_vector,
}
"""Modules that are served, and what reads them further."""
LOGARITHMS = {("max", "relu"): 1, ("max", "log1p_relu"): 2}
"""How often `SpladePooling` of sentence-transformers 6.2 takes a logarithm."""
UNLIMITED = f"set max_active_dims of {MODEL} to null, and keep the largest ones of each answer"
KINDS: dict[Reader, str] = {
    embedding: "SentenceTransformer",
    sparse: "SparseEncoder",
    cross_encoder: "CrossEncoder",
    multi_vector: "MultiVectorEncoder",
}
ALSO = {"SparseEncoder": "SentenceTransformer", "MultiVectorEncoder": "ColBERT"}
"""Other words for a kind; the second is PyLate's."""
OUTPUTS: dict[Reader, tuple[str, str, str]] = {
    embedding: ("feature-extraction", "last_hidden_state", "token_embeddings"),
    sparse: ("fill-mask", "logits", "token_embeddings"),
    multi_vector: ("feature-extraction", "last_hidden_state", "token_embeddings"),
    cross_encoder: ("sequence-classification", "logits", "scores"),
}
"""What the first module's settings may say of it: which of transformers' models, which of its outputs, under what name.

Source: `TRANSFORMER_TASK_DEFAULTS` of sentence-transformers 6.2.
"""


def read_pooling(file: Path, config: Mapping[str, Any]) -> Pooling:
    """The pooling mode, or several to concatenate; the mean, where an older form of the file names none that is on.

    Source: `Pooling.__init__` and `_convert_legacy_pooling_kwargs` of sentence-transformers 6.2.
    """
    keys = [*POOLINGS, *(key for key in config if key.startswith("pooling_mode_") and key not in POOLINGS)]
    on = [POOLINGS.get(key, key) for key in keys if config.get(key)]
    said = config.get("pooling_mode")
    named = (on or "mean") if said is None else said
    modes = [named] if isinstance(named, str) else checked(named, list, f"pooling_mode of {file}")
    modes = [checked(mode, str, f"a pooling_mode of {file}") for mode in modes]
    if not modes or not set(modes) <= set(POOLINGS.values()):
        raise Failure(
            f"{file} pools by {' and '.join(modes) or 'nothing'}, which is not served",
            fix=f"{', '.join(POOLINGS.values())} are, if the model was trained with them",
        )
    return cast(Pooling, modes[0] if len(modes) == 1 else tuple(modes))


def classifier(config: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a cross-encoder's `Checkpoint`: a classifier for pairs, whatever class its file names."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as CLASSES

    kind = value(config, "model_type", str, "")
    return {
        "task": "rerank" if scores(config) == 1 else "text-classification",
        "architecture": CLASSES.get(kind, f"{kind}ForSequenceClassification"),
    }


def is_cross_encoder(config: Mapping[str, Any]) -> bool:
    """Whether `config.json` has been through a `CrossEncoder` of versions before 6."""
    return "sentence_transformers" in config or "sbert_ce_default_activation_function" in config


def scores(config: Mapping[str, Any]) -> int:
    """How many a classifier gives; transformers leaves its usual two out of the file."""
    return len(value(config, "id2label", dict, {})) or value(config, "num_labels", int, 2)


def activation(root: Path, config: Mapping[str, Any]) -> str:
    """What a cross-encoder applies to its one score, by our name; a sigmoid where nothing is said.

    Source: `get_default_activation_fn` and `_parse_model_config` of sentence-transformers' `CrossEncoder`, which looks
    into the same places in this order, and without `trust_remote_code` makes only torch's own.

    Raises:
        Failure: something that is not served.
    """
    if scores(config) != 1:
        return "none"
    named = (
        value(load_if_there(root / MODEL), "activation_fn", str, "", MODEL)
        or value(value(config, "sentence_transformers", dict, {}), "activation_fn", str)
        or value(config, "sbert_ce_default_activation_function", str)
        or "torch.nn.Sigmoid"
    )
    known = OF_MODULES.get(named.rsplit(".", 1)[-1]) if named.startswith("torch.") else None
    if known is None:
        fix = f"torch.nn's {', '.join(OF_MODULES)} are served"
        raise Failure(f"{root} applies {named} to its score; its ranks would differ from sentence-transformers'", fix)
    return known
