"""Kubernetes objects from YAML files: `$name` stands for a value, and an overlay is merged into what is there."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Any

import yaml

from scripts.paths import CONFIG

FOLDER = CONFIG / "kubernetes"


def load(name: str, values: Mapping[str, object]) -> list[dict[str, Any]]:
    """The objects of a file, filled in after it is parsed: no value can be read as YAML.

    Args:
        name: of a file in `config/kubernetes`, without `.yaml`.
        values: by the names that the file has after `$`; where nothing stands beside one, it keeps its type.
    """
    with (FOLDER / f"{name}.yaml").open(encoding="utf-8") as file:
        return [fill(each, values) for each in yaml.safe_load_all(file)]


def fill(node: Any, values: Mapping[str, object]) -> Any:
    """A part of an object with its values."""
    if isinstance(node, dict):
        return {key: fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [fill(each, values) for each in node]
    if not isinstance(node, str):
        return node
    return values[node[1:]] if node[:1] == "$" and node[1:] in values else Template(node).substitute(values)


def merge(base: Any, overlay: Any) -> Any:
    """An object with what an overlay adds: keys, and items of lists; those with an equal `name` become one."""
    if isinstance(base, dict) and isinstance(overlay, dict):
        return base | {key: merge(base[key], value) if key in base else value for key, value in overlay.items()}
    if not isinstance(base, list) or not isinstance(overlay, list):
        return overlay
    merged = list(base)
    for item in overlay:
        twin = next((each for each in merged if named(each) == named(item) is not None), None)
        if twin is None:
            merged.append(item)
        else:
            merged[merged.index(twin)] = merge(twin, item)
    return merged


def named(item: Any) -> str | None:
    """What tells items of a list apart."""
    return item.get("name") if isinstance(item, dict) else None
