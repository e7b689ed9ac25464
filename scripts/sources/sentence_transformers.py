"""What sentence-transformers wrote into a folder: which modules it runs, and how."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from handler.activations import OF_MODULES
from scripts.console import Failure
from scripts.files.entries import leads_out
from scripts.files.json_files import checked, load_if_there, load_json, load_object, required, value
from scripts.sources import first_module, late_interaction, pooling, router, static, task_adapters, unserved
from scripts.sources.late_interaction import LateInteraction
from scripts.sources.router import name_of

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
    """Classes and folders of its modules; of a router those of documents."""
    routes = routed(root)
    return routes.document if routes else named(root)


def named(root: Path) -> list[tuple[str, Path]]:
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


def routed(root: Path) -> router.Routes | None:
    """What queries and documents go through, where one of its modules sends them apart."""
    return router.read(named(root), lambda folder: within(root, str(folder.relative_to(root))))


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
    layers, routes = dense(listed(root)), routed(root)
    if routes:
        own = routes.query[0] if routes.query[0] != routes.document[0] else None
        found["queries"] = router.Queries(own[1] if own else None, routes.default, dense(routes.query))
    if further is multi_vector:
        sides: LateInteraction = found["late_interaction"]  # type: ignore[assignment]
        return found | {"late_interaction": replace(sides, dense=layers)}
    return found | {"dense": layers, "normalize": names[-1] == "Normalize"}


def dense(modules: router.Modules) -> tuple[Path, ...]:
    """Folders of the layers among them."""
    return tuple(folder for kind, folder in modules if kind.endswith(("Dense", "LayerNorm")))


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
    routes = routed(root)
    clash = router.clash(routes) if routes else ""
    for pattern, further in MODULE_PATTERNS.items():
        if not clash and re.fullmatch(pattern, " ".join(names)):
            return further
    raise unserved.failure(root, [name_of(kind) for kind, _ in named(root)] if clash else names, clash)


def is_static(root: Path) -> bool:
    """Whether its model is a table of vectors."""
    return reader(root) is table if (root / "modules.json").exists() else static.marked(root)


def embedding(root: Path, found: Mapping[str, Any], modules: Mapping[str, Path]) -> dict[str, Any]:
    """Pooling."""
    file = modules["Pooling"] / "config.json"
    config = load_object(file)
    return {
        "task": "embedding",
        "pooling": pooling.read(file, config),
        "include_prompt": value(config, "include_prompt", bool, True, str(file)),
    }


def table(root: Path, found: Mapping[str, Any], modules: Mapping[str, Path]) -> dict[str, Any]:
    """Static embeddings, whose vectors are averaged."""
    return {"task": "embedding", "pooling": "mean"}


def sparse(root: Path, found: Mapping[str, Any], modules: Mapping[str, Path]) -> dict[str, Any]:
    """How words are pooled."""
    config, file = load_object(modules["SpladePooling"] / "config.json"), f"{modules['SpladePooling'].name}/config.json"
    chosen = value(config, "pooling_strategy", str, "max", file)
    activation = value(config, "activation_function", str, "relu", file)
    if chosen not in SPLADE or activation not in LOGARITHMS:
        raise Failure(
            f"{root} pools words by {chosen} and {activation}",
            fix=f"{' and '.join(SPLADE)} are served, with {' and '.join(LOGARITHMS)}",
        )
    most = value(load_if_there(root / MODEL), "max_active_dims", int, None, MODEL)
    if most is not None and most < 1:
        raise Failure(f"max_active_dims of {root / MODEL} is {most}; expected: 1 or more", fix="set it to null for all")
    return {
        "task": "sparse-embedding",
        "logarithms": LOGARITHMS[activation],
        "sparse_pooling": chosen,
        "active_dimensions": most,
    }


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
    r"StaticEmbedding( Dense| Dropout| LayerNorm)*( Normalize)?": table,
    r"(MLM)?Transformer SpladePooling": sparse,
    r"Transformer": cross_encoder,
    r"Transformer( Dense)* MultiVectorMask( Normalize)?": multi_vector,
    r"Transformer( Dense)* Normalize MultiVectorMask": multi_vector,
    r"Transformer( pylate\.models\.Dense\.Dense)+": multi_vector,
}
"""Modules that are served, and what reads them further."""
SPLADE = ("max", "sum")
LOGARITHMS = {"relu": 1, "log1p_relu": 2}
"""How often `SpladePooling` of sentence-transformers 6.2 takes a logarithm."""
KINDS: dict[Reader, str] = {
    embedding: "SentenceTransformer",
    table: "SentenceTransformer",
    sparse: "SparseEncoder",
    cross_encoder: "CrossEncoder",
    multi_vector: "MultiVectorEncoder",
}
ALSO = {"SparseEncoder": "SentenceTransformer", "MultiVectorEncoder": "ColBERT"}
"""Other words for a kind; the second is PyLate's."""
OUTPUTS: dict[Reader, tuple[str, str, str]] = {
    embedding: ("feature-extraction", "last_hidden_state", "token_embeddings"),
    table: ("feature-extraction", "last_hidden_state", "token_embeddings"),
    sparse: ("fill-mask", "logits", "token_embeddings"),
    multi_vector: ("feature-extraction", "last_hidden_state", "token_embeddings"),
    cross_encoder: ("sequence-classification", "logits", "scores"),
}
"""What the first module's settings may say of it: which of transformers' models, which of its outputs, under what name.

Source: `TRANSFORMER_TASK_DEFAULTS` of sentence-transformers 6.2.
"""


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
    """What a cross-encoder applies to its scores, by our name; where nothing is said, a sigmoid to a single one.

    Source: `get_default_activation_fn` and `_parse_model_config` of sentence-transformers' `CrossEncoder`, which looks
    into the same places in this order, and without `trust_remote_code` makes only torch's own.

    Raises:
        Failure: something that is not served.
    """
    named = (
        value(load_if_there(root / MODEL), "activation_fn", str, "", MODEL)
        or value(value(config, "sentence_transformers", dict, {}), "activation_fn", str)
        or value(config, "sbert_ce_default_activation_function", str)
        or ("torch.nn.Sigmoid" if scores(config) == 1 else "torch.nn.Identity")
    )
    known = OF_MODULES.get(named.rsplit(".", 1)[-1]) if named.startswith("torch.") else None
    if known is None:
        fix = f"torch.nn's {', '.join(OF_MODULES)} are served"
        raise Failure(f"{root} applies {named} to its scores; they would differ from sentence-transformers'", fix)
    return known
