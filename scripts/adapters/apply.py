"""`pack --adapter`: which adapter a name means, and a checkpoint folder with it merged into the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from handler.config import ORIGIN
from scripts.adapters import peft
from scripts.console import Failure
from scripts.files import provenance
from scripts.files.json_files import load_if_there, load_json
from scripts.files.links import substitute
from scripts.sources import published, task_adapters
from scripts.sources import sentence_transformers as modules


def apply(folder: Path, name: str) -> Path:
    """A folder in the place of a checkpoint's, until the process ends.

    Args:
        folder: of the checkpoint.
        name: a folder that peft wrote, within the checkpoint's or anywhere; or one of Jina v3's tasks.

    Raises:
        Failure: there is no such adapter, or it is of a kind that is not merged.
    """
    if not folder.is_dir():
        return folder  # the packer says what is wrong with it
    config = load_if_there(modules.transformer(folder) / "config.json")
    tasks = task_adapters.names(config)
    if name in tasks:
        return described(with_task(folder, config, name), folder, name, {})
    found = next((each for each in (folder / name, Path(name)) if (each / peft.CONFIG).exists()), None)
    if found is None:
        there = [*tasks, *sorted(file.parent.name for file in folder.glob(f"*/{peft.CONFIG}"))]
        raise Failure(
            f"no adapter {name}: no folder of it has {peft.CONFIG}, and {folder.name} has {', '.join(there) or 'none'}",
            fix="name a folder that peft's save_pretrained wrote" + (", or one of these" if there else ""),
        )
    files = provenance.digests(found, provenance.checkpoint_files(found))
    return described(peft.merged(folder, found), folder, found.resolve().name, files)


def described(made: Path, folder: Path, name: str, files: Mapping[str, str]) -> Path:
    """The folder, which says what it was made from."""
    base = provenance.read_verified(folder)
    source = f"{base.source} with the adapter {name}"
    (made / ORIGIN).unlink(missing_ok=True)
    parts = base.files | {f"{name}/{file}": digest for file, digest in files.items()}
    provenance.write(msgspec.structs.replace(base, source=source, files={}, made_from=parts), made)
    return made


def with_task(folder: Path, config: Mapping[str, Any], task: str) -> Path:
    """One of Jina v3's tasks: its adapter merged, and its instruction before each text, as its `encode` does."""
    inner = task_adapters.substitute_for(folder, published.jina(config), task)
    instructions = config.get("task_instructions")
    written: dict[str, Any] = {}
    if (folder / "modules.json").exists():
        first, *others = load_json(folder / "modules.json")
        written["modules.json"] = [first | {"type": modules.TRANSFORMER}, *others]
    if isinstance(instructions, dict) and task in instructions:
        said = load_if_there(folder / modules.MODEL)
        written[modules.MODEL] = said | {"prompts": instructions, "default_prompt_name": task}
    made = substitute(inner, list(written))
    for name, content in written.items():
        (made / name).write_text(json.dumps(content, indent=2))
    return made
