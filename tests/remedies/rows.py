"""Folders that `pack` refuses: what makes each, and what is done by hand where no command can."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests import folders
from tests.remedies import foreign
from tests.remedies.project import Project

Make = Callable[[Path, Path, Project], object]
"""Makes a folder of the small model, in the second one, with a project's environment."""


def nothing(folder: Path, whole: Path) -> None:
    """The commands do all."""


@dataclass(frozen=True, slots=True)
class Row:
    """A folder that is no checkpoint yet.

    Attributes:
        name: for people.
        make: what makes it.
        needs: whether packages are installed for it, which takes minutes.
        by_hand: what a person does where the advice has words instead of commands.
        states: whether `make` has left the states that are to come out, in `states.json` beside the folder.
    """

    name: str
    make: Make
    needs: bool = False
    by_hand: Callable[[Path, Path], None] = nothing
    states: bool = False


def inside(whole: Path, folder: Path, project: Project, inner: str) -> None:
    """A checkpoint further down."""
    shutil.copytree(whole, folder / inner)


def trainer(whole: Path, folder: Path, project: Project) -> None:
    """A training that was stopped; an earlier checkpoint has other weights."""
    inside(whole, folder, project, "checkpoint-1000")
    inside(whole, folder, project, "checkpoint-500")
    foreign.scale(folder / "checkpoint-500" / "model.safetensors")


def renamed(whole: Path, folder: Path, project: Project, name: str, to: str) -> None:
    """Its weights have another name."""
    make = {"pytorch_model.bin": folders.pickled, "model.safetensors.index.json": folders.sharded}
    make.get(name, shutil.copytree)(whole, folder)
    (folder / name).rename(folder / to)


def packed(whole: Path, folder: Path, project: Project, kind: str) -> None:
    """In an archive, which lies alone in the folder."""
    made = shutil.make_archive(str(folder.with_name("packed")), kind, whole)
    folder.mkdir()
    shutil.move(made, folder)


def exported(whole: Path, folder: Path, project: Project, name: str) -> None:
    """Weights for another engine alone; its configuration names what it was exported from, as optimum writes it."""
    shutil.copytree(whole, folder)
    (folder / "model.safetensors").unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"_name_or_path": str(whole)}))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"engine")


def no_tokenizer(whole: Path, folder: Path, project: Project) -> None:
    """Saved without one."""
    exported(whole, folder, project, "x")
    shutil.copy(whole / "model.safetensors", folder)
    for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json"):
        (folder / name).unlink(missing_ok=True)


def shards(whole: Path, folder: Path, project: Project, without: str) -> None:
    """A file of several is not there."""
    folders.sharded(whole, folder)
    next(folder.glob(without)).unlink()


def copy_shards(folder: Path, whole: Path) -> None:
    """What is missing, from where the folder is from."""
    again = folders.sharded(whole, folder.with_name("again"))
    shutil.copytree(again, folder, dirs_exist_ok=True)


def damaged(whole: Path, folder: Path, project: Project, size: int) -> None:
    """Weights that did not arrive whole."""
    shutil.copytree(whole, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])


def copy_weights(folder: Path, whole: Path) -> None:
    """Again."""
    shutil.copy(whole / "model.safetensors", folder)


def rows() -> Iterator[Row]:
    """All of them."""
    yield Row("a Trainer's checkpoint-1000 and checkpoint-500", trainer)
    for inner in ("mine", "snapshots/0a1b", "models--me--mine/snapshots/0a1b"):
        yield Row(f"a checkpoint in {inner}", partial(inside, inner=inner))
    for kind in ("zip", "gztar"):
        yield Row(f"a folder with a {kind}", partial(packed, kind=kind))
    for name, to in VARIANTS:
        yield Row(f"{name} as {to}", partial(renamed, name=name, to=to))
    for name in ENGINES:
        yield Row(f"{name} alone", partial(exported, name=name))
    yield Row("no tokenizer", no_tokenizer)
    yield Row("a shard is missing", partial(shards, without="model-*-of-*"), by_hand=copy_shards)
    yield Row("the index of shards is missing", partial(shards, without="*.index.json"), by_hand=copy_shards)
    yield Row("empty weights", partial(damaged, size=0), by_hand=copy_weights)
    yield Row("weights that were cut off", partial(damaged, size=9999), by_hand=copy_weights)
    yield Row("a pickle with a training's state", foreign.training_state)
    yield Row("a pickled model", foreign.pickled_model)
    yield Row("pointers of Git LFS", foreign.large_files)
    yield Row("a TensorFlow 1 checkpoint beside config.json", foreign.tensorflow_1, states=True)
    yield Row("a LoRA adapter", foreign.adapter, needs=True, states=True)
    yield Row("sentencepiece.bpe.model alone", foreign.sentencepiece, needs=True, states=True)
    yield Row("tf_model.h5 alone", partial(foreign.older, name="TFBertModel", needs="tensorflow tf-keras"), needs=True)
    yield Row("flax_model.msgpack alone", partial(foreign.older, name="FlaxBertModel", needs="flax"), needs=True)


VARIANTS = (
    ("model.safetensors", "model.fp16.safetensors"),
    ("pytorch_model.bin", "pytorch_model.fp16.bin"),
    ("model.safetensors.index.json", "model.safetensors.index.fp16.json"),
    ("model.safetensors", "weights.safetensors"),
)
"""Files, and what else they are called."""
ENGINES = ("onnx/model.onnx", "model.onnx", "openvino/openvino_model.xml", "openvino_model.xml", "model-q8_0.gguf")
"""Files that other engines read."""
