"""Why weights give no head, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from handler.runtimes.eager import listed
from scripts.console import Failure
from scripts.files.json_files import value
from scripts.packing.weights import Loaded, lacking, prefix_of, shapes
from scripts.sources.checkpoint import Checkpoint


def find(
    checkpoint: Checkpoint, loaded: Loaded, missing: Sequence[str], wrong: Sequence[str], scores: bool
) -> Failure | None:
    """Why the weights give no head; None where they do.

    Args:
        checkpoint: the folder.
        loaded: the model with its head.
        missing: names that the head needs and the files lack.
        wrong: names of what is of another shape, and that the head needs.
        scores: whether these are of the layer that has a row for each label.
    """
    if prefix_of(missing[:1], loaded.unexpected):
        why, fix = lacking(checkpoint, loaded, missing)
        return Failure(f"the head of {checkpoint.folder} does not load as {checkpoint.architecture}", fix, why)
    if missing:
        return Failure(
            f"{checkpoint.folder} says {checkpoint.architecture} and lacks {missing[0]} of its head",
            fix="take weights that have it, or name a task that needs no head, such as --task embedding",
            why=f"the weights lack {listed(missing)}",
        )
    if not wrong:
        return None
    found = {name: loaded.mismatched[name] for name in wrong}
    why, fix = shapes(found, loaded.model.config.to_dict())
    if scores:
        why, fix = miscounted(checkpoint.config, *(rows for rows, *_ in found[min(found)]))
    return Failure(f"the head of {checkpoint.folder} does not load as {checkpoint.architecture}", fix, why)


def miscounted(config: Mapping[str, Any], rows: int, expected: int) -> tuple[str, str]:
    """Another number of labels than of scores: what says so, and what to edit."""
    named, count = value(config, "id2label", dict), value(config, "num_labels", int)
    said = [
        *([f"{len(named)} labels in id2label"] if named else []),
        *([f"num_labels {count}"] if count is not None else []),
    ]
    words = f"has {' and '.join(said)}" if said else f"says nothing of labels, which means {expected}"
    why = f"the weights have {rows} scores, and config.json {words}"
    if named and len(named) == rows:
        return why, "remove num_labels from config.json"
    fix = f"name the {rows} labels, 0 to {rows - 1}, in id2label of config.json"
    return why, fix if count in (None, rows) else f"{fix}, and set num_labels to {rows}"
