"""Everything `bert kubernetes` prints, against schemas: `python -m tests.containers.schemas [--crd FILE ...]`.

It needs `kubernetes-validate`. With the package `kserve`, whose pins need an environment of their own, its models have
to know all that `--kserve` prints. `--crd` names CustomResourceDefinitions, such as the Prometheus operator's.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator

from scripts.deploy.archive import Archive
from scripts.deploy.kubernetes import Settings, kserve, manifests

VERSIONS = ("1.29", "1.37")
OWNERS = ("monitoring.coreos.com", "serving.kserve.io")
"""Groups of kinds that are not Kubernetes' own."""
CHOICES: dict[str, list[dict[str, Any]]] = {
    "who": [{"insecure": True}, {"keys_secret": "bert-keys"}],
    "from": [{}, {"volume": "models"}, {"pull": "https://models.example.com/bert.mar"}],
    "on": [{}, {"gpu": True, "cpus": 8}],
    "scale": [{}, {"scale_on": "queue"}],
    "else": [{}, {"namespaces": ("ingress", "batch"), "drain": 2.5, "timeout": 600.0, "replicas": (1, 1)}],
}


def archive(folder: Path) -> Archive:
    """One whose digest can be taken."""
    file = folder / "all-MiniLM_L6.v2.mar"
    file.write_bytes(b"weights")
    return Archive(file, file.stem, "1.0", 92_393_252, "auto")


def all_settings(one: Archive) -> Iterator[Settings]:
    """Every combination of choices."""
    for chosen in itertools.product(*CHOICES.values()):
        given = {key: value for choice in chosen for key, value in choice.items()}
        yield Settings(archive=one, image=f"registry.example.com/{one.tag}", monitor=True, **given)


def all_kserve(one: Archive) -> Iterator[Settings]:
    """The same for KServe, which fetches archives itself, and has no monitor."""
    for settings in all_settings(one):
        if not settings.volume and not settings.pull and settings.scale_on == "cpu":
            yield replace(settings, monitor=False)


def check_own(made: list[dict[str, Any]], version: str) -> int:
    """Kubernetes' own kinds, strictly: no key that the version does not know. Returns how many there were."""
    own = [each for each in made if not each["apiVersion"].startswith(OWNERS)]
    for each in own:
        kubernetes_validate.validate(each, version, strict=True)
    return len(own)


def definitions(files: list[Path]) -> dict[tuple[str, str], Draft202012Validator]:
    """Version and kind -> what checks an object, of CustomResourceDefinitions."""
    found = {}
    for file in files:
        definition = yaml.safe_load(file.read_text())["spec"]
        for version in definition["versions"]:
            name = f"{definition['group']}/{version['name']}", definition["names"]["kind"]
            found[name] = Draft202012Validator(closed(version["schema"]["openAPIV3Schema"]))
    return found


def closed(schema: Any) -> Any:
    """A schema that refuses the keys that Kubernetes would drop; `metadata` is Kubernetes' own."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: closed(value) for key, value in schema.items()}
    open_ended = kept.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in kept
    if isinstance(kept.get("properties"), dict) and kept.get("type") == "object" and not open_ended:
        kept["additionalProperties"] = False
    return kept


def check_models(made: list[dict[str, Any]]) -> None:
    """KServe's objects as its own models: every key is one of theirs, and none that they require is missing."""
    for each in made:
        read(each, f"{each['apiVersion'].partition('/')[2].capitalize()}{each['kind']}")


def read(value: Any, kind: str) -> Any:
    """A value as the model of that name, of KServe or Kubernetes; lists and what is no model as they are."""
    of_list = re.fullmatch(r"[Ll]ist\[(\w+)\]", kind)
    if of_list:
        return [read(each, of_list[1]) for each in value]
    rooms = (import_module("kserve.models"), import_module("kubernetes.client.models"))
    model = (
        next((found for room in rooms if (found := getattr(room, kind, None))), None) if kind.isidentifier() else None
    )
    if model is None:
        return value
    names = {key: name for name, key in model.attribute_map.items()}
    assert set(value) <= set(names), f"{kind} has no {set(value) - set(names)}"
    return model(**{names[key]: read(each, model.openapi_types[names[key]]) for key, each in value.items()})


def main() -> int:
    """All combinations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crd", type=Path, action="append", default=[])
    parser.add_argument("--folder", type=Path, required=True, help="for an archive of a few bytes")
    asked = parser.parse_args()
    one = archive(asked.folder)
    printed = [manifests(settings) for settings in all_settings(one)]
    for version in VERSIONS:
        count = sum(check_own(made, version) for made in printed)
        print(f"Kubernetes {version}: {count} objects of {len(printed)} printouts are valid")
    served = [kserve(settings) for settings in all_kserve(one)]
    for version in VERSIONS:
        count = sum(check_own(made, version) for made in served)
        print(f"Kubernetes {version}: {count} objects of {len(served)} printouts for KServe are valid")
    if find_spec("kserve"):
        for made in served:
            check_models([each for each in made if each["apiVersion"].startswith(OWNERS)])
        print(f"models of kserve: {len(served)} printouts are read")
    known = definitions(asked.crd)
    custom = [each for made in [*printed, *served] for each in made if each["apiVersion"].startswith(OWNERS)]
    for each in custom:
        if (each["apiVersion"], each["kind"]) in known:
            known[each["apiVersion"], each["kind"]].validate(each)
    print(f"definitions of {sorted(kind for _, kind in known)}: {len(custom)} objects are valid")
    return 0


if __name__ == "__main__":
    sys.exit(main())
