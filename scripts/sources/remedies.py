"""What is no checkpoint yet: what marks each kind, what it is, and the command that makes it one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from scripts.console import Failure
from scripts.files.json_files import load_if_there, value
from scripts.sources import adapters

PYTHON = ".venv/bin/python"
SHOWN = 12
"""Names of files in a message."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A row of a table; the first whose mark is found counts.

    Attributes:
        marks: patterns of paths within the folder, or of a file's own name.
        what: what such a folder or file is.
        fix: what makes it servable.

    Both texts may name `{folder}`, `{found}`, which is what the mark found, `{inner}`, its folder, and the `facts`.
    """

    marks: tuple[str, ...]
    what: str
    fix: str


OLDER = f"""\
{PYTHON} -m pip install --target .cache/{{module}} 'transformers<5' {{needs}} && \
PYTHONPATH=.cache/{{module}} {PYTHON} -c 'import sys, transformers; \
from transformers.{{module}} import {{function}} as load; \
Model = getattr(transformers, sys.argv[1]); model = Model(Model.config_class.from_pretrained(sys.argv[2])); \
load(model, sys.argv[3]).save_pretrained(sys.argv[2])' {{architecture}} {{folder}} {{found}}"""
"""Formats that transformers 5 no longer reads are converted by the last version before, whose `from_flax` fails."""


def older(needs: str, module: str, function: str) -> str:
    """The conversion by a function of an older transformers; what is left to name are the `facts`."""
    given = {"needs": needs, "module": module, "function": function}
    return OLDER.format_map(given | {key: f"{{{key}}}" for key in ("architecture", "folder", "found")})


ORIGINAL = (
    'take what it was exported from, with its model.safetensors: scripts/bert pack "$(scripts/bert pull {origin})"'
)
PLACES = (
    Remedy(
        ("adapter_config.json",),
        "it is a {peft} adapter of {base}, whose weights are elsewhere",
        'scripts/bert pack "$(scripts/bert pull {base})" --adapter {folder}',
    ),
    Remedy(
        ("gliner_config.json",),
        "it is a GLiNER, whose head over spans and labels of the request is not served",
        "serve it with the package gliner; a model with fixed labels is served by token-classification",
    ),
    Remedy(
        ("checkpoint-*/config.json", "checkpoint-*/adapter_config.json"),
        "it is the output of a training, whose newest checkpoint is {inner}",
        "scripts/bert pack {inner}",
    ),
    Remedy(
        ("snapshots/*/config.json", "*/config.json", "*/snapshots/*/config.json"),
        "the checkpoint lies in {inner}",
        "scripts/bert pack {inner}",
    ),
    Remedy(("*.zip",), "it has {found}", "unzip {found} -d {folder}"),
    Remedy(("*.tar.gz", "*.tgz", "*.tar"), "it has {found}", "tar -xf {found} -C {folder}"),
)
"""Where `config.json` is missing: somewhere else it may be."""
FORMATS = (
    Remedy(
        ("model.*.safetensors", "pytorch_model.*.bin"),
        "it has a variant of them, {found}",
        "cp {found} {folder}/{plain}",
    ),
    Remedy(
        ("model.safetensors.index.*.json", "pytorch_model.bin.index.*.json"),
        "it has a variant of them, {found}",
        "cp {found} {folder}/{plain}",
    ),
    Remedy(
        ("model-*-of-*.safetensors", "pytorch_model-*-of-*.bin"),
        "it has {found}, a part of them, and no index",
        "copy the file whose name ends in .index.json into the folder too",
    ),
    Remedy(
        ("tf_model.h5",),
        "it has them as {found}, for TensorFlow",
        older("tensorflow tf-keras", "modeling_tf_pytorch_utils", "load_tf2_checkpoint_in_pytorch_model"),
    ),
    Remedy(
        ("flax_model.msgpack",),
        "it has them as {found}, for Flax",
        older("flax", "modeling_flax_pytorch_utils", "load_flax_checkpoint_in_pytorch_model"),
    ),
    Remedy(
        ("*.ckpt.index",),
        "it has them as {found}, for TensorFlow 1",
        "scripts/bert convert {folder} --config {described} --out {folder}-converted, then scripts/bert pack "
        "{folder}-converted",
    ),
    Remedy(("*.onnx", "onnx/*.onnx"), "it has {found}, which was exported for ONNX Runtime", ORIGINAL),
    Remedy(("*.gguf",), "it has {found}, which was made for llama.cpp", ORIGINAL),
    Remedy(("openvino_model.xml", "openvino/*.xml"), "it has {found}, which was exported for OpenVINO", ORIGINAL),
    Remedy(
        ("*.safetensors",),
        "it has {found}",
        "if these are all of them: mv {found} {folder}/model.safetensors",
    ),
)
"""Where the weights are missing: as what else they may be there."""
TOKENIZERS = (
    Remedy(
        ("*.model",),
        "it has {found}, which sentencepiece has to read",
        f"{PYTHON} -m pip install sentencepiece, then the same command again",
    ),
    Remedy(
        ("*",),
        "it needs tokenizer.json, or vocab.txt, or vocab.json with merges.txt",
        f"take that of the model it was trained from: {PYTHON} -c 'import sys; from transformers import AutoTokenizer; "
        "AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])' {origin} {folder}",
    ),
)
"""Where there is nothing to make a tokenizer of."""
FILES = (
    Remedy(("*.zip",), "it is packed", "unzip {file} -d {stem}, then scripts/bert pack {stem}"),
    Remedy(
        ("*.tar.gz", "*.tgz", "*.tar"),
        "it is packed",
        "mkdir -p {stem} && tar -xf {file} -C {stem}, then scripts/bert pack {stem}",
    ),
    Remedy(("*.mar",), "it is an archive already", "scripts/bert start, for the archives of a model store"),
    Remedy(("*",), "a checkpoint is a folder", "name the folder it is in: {parent}"),
)
"""Where a file was named instead of a folder."""


def lacks(folder: Path, names: str, remedies: Sequence[Remedy] = PLACES) -> Failure:
    """A folder without something that a checkpoint has.

    Args:
        folder: that was looked at.
        names: what it lacks.
        remedies: a table.
    """
    if not folder.is_dir():  # modules.json names it
        return no_folder(folder)
    for remedy in remedies:
        found = newest(path for mark in remedy.marks for path in folder.glob(mark) if holds_model(path))
        if found:
            known = facts(folder, found)
            what = f"{folder} has no {names}: {remedy.what.format_map(known)}"
            return Failure(what, fix=remedy.fix.format_map({key: quote(each) for key, each in known.items()}))
    there = sorted(f"{path.name}{'/' * path.is_dir()}" for path in folder.iterdir())
    listed = f"{', '.join(there[:SHOWN])}{' and more' if len(there) > SHOWN else ''}" or "nothing"
    return Failure(f"{folder} has no {names}; it holds {listed}", fix="name a folder saved with save_pretrained")


def no_folder(file: Path) -> Failure:
    """A path that is no folder."""
    if not file.exists():
        return Failure(f"{file} does not exist", fix="name a checkpoint folder")
    remedy = next(each for each in FILES if any(file.match(mark) for mark in each.marks))
    stem = re.sub(r"(\.tar)?\.\w+$", "", str(file))
    known = {"file": quote(str(file)), "stem": quote(stem), "parent": quote(str(file.parent))}
    return Failure(f"{file} is a file: {remedy.what}", fix=remedy.fix.format_map(known))


def newest(paths: Iterable[Path]) -> Path | None:
    """The last one, by the numbers in its name: `checkpoint-1000` comes after `checkpoint-500`."""
    return max(paths, key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))], default=None)


def holds_model(path: Path) -> bool:
    """Whether a `config.json` is a model's, and not a pooling's; true of every other file."""
    return path.name != "config.json" or "model_type" in load_if_there(path)


def facts(folder: Path, found: Path) -> Mapping[str, str]:
    """What the texts of a table may name."""
    config = load_if_there(folder / "config.json")
    named = value(config, "architectures", list) or ["BertModel"]
    return {
        "folder": str(folder),
        "found": str(found),
        "inner": str(found.parent),
        "described": str(next(folder.glob("bert_config.json"), folder / "config.json")),
        "plain": re.sub(r"^(.+?)\.[^.]+(\.\w+)$", r"\1\2", found.name),
        "architecture": str(named[0]),
        "origin": value(config, "_name_or_path", str) or "HUB-ID",
        **adapters.facts(folder),
    }
