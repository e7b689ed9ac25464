"""The rules of the house: which way imports run, and how long a file may be."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEVELS = [
    {"bert_handler", "engine"},
    {"loading", "torchserve"},
    {"pipeline", "messages"},
    {"observability"},
    {"protocols", "runtimes"},
    {"tasks"},
    {"model"},
    {"text", "batching", "output_cache", "telemetry", "workers", "wire", "memory"},
    {"excerpts", "late_interaction", "query_weights", "sides", "term_weights", "vocabulary_head"},
    {"truncation", "tokenizer_settings", "token_vectors", "other_workers"},
    {"head", "poolings", "explanation"},
    {"device"},
    {"call"},
    {"limits"},
    {"types"},
    {"encoders"},
    {
        "activations",
        "config",
        "cores",
        "deadline",
        "forks",
        "histograms",
        "kernels",
        "keys",
        "locks",
        "otel",
        "share",
        "unpacking",
    },
    {"errors"},
]
"""Rooms of `handler`, top to bottom: a room imports from lower levels only."""

SCRIPTS = [
    {"reference", "__main__"},
    {"cli"},
    {"verbs"},
    {"adapters"},
    {"evaluation", "planning"},
    {"bulk", "drawing", "finetuning", "gateway", "load", "top"},
    {"packing", "server", "deploy"},
    {"sources"},
    {"conversion"},
    {"files"},
    {"console", "client", "smoke_test"},
    {"paths"},
]
"""Rooms of `scripts`, in the same way."""
CLIENT = [
    {"sync", "asynchronous"},
    {"vector_file"},
    {"npy_rows", "digests"},
    {"server", "retrying", "hosts"},
    {"errors"},
    {"calls"},
]
"""Rooms of `client/bert_client`, in the same way."""
HOUSES = {"handler": LEVELS, "scripts": SCRIPTS, "bert_client": CLIENT}
REACH = {
    "handler": set(),
    "bert_client": set(),
    "scripts": {"handler", "bert_client"},
    "benchmarks": {"handler", "scripts", "bert_client"},
}
"""Which of each other each of them may import."""

FOLDERS = {house: ROOT / house for house in REACH} | {"bert_client": ROOT / "client" / "bert_client"}
FILES = sorted(file for folder in FOLDERS.values() for file in folder.rglob("*.py") if "servers" not in file.parts)


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def level(house, name):
    return next((number for number, names in enumerate(HOUSES[house]) if name in names), None)


def imported(file):
    """Modules a file imports, for type checkers alone among them."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module in REACH:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_run_one_way(file):
    house, *inner = file.relative_to(ROOT).with_suffix("").parts
    if house == "client":
        house, *inner = inner
    own = "" if inner == ["__init__"] else inner[0]
    for module in imported(file):
        other = module.split(".")[0]
        assert other != "ts" or file.name in ("torchserve.py", "check_archive.py")
        if other in REACH and other != house:
            assert other in REACH[house], f"{house} imports {module}"
        if other == house in HOUSES and own:
            to = room(module)
            assert level(house, to) is not None, f"{to} has no level"
            assert to == own or level(house, to) > level(house, own), f"{own} imports {to}"


def test_every_room_has_a_level_and_every_level_a_room():
    for house, levels in HOUSES.items():
        there = {
            path.stem for path in FOLDERS[house].iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
        }
        assert there - {"__init__"} == set().union(*levels)


def test_tasks_and_runtimes_never_meet():
    for folder, other in (("tasks", "runtimes"), ("runtimes", "tasks")):
        for file in (ROOT / "handler" / folder).glob("*.py"):
            assert not [module for module in imported(file) if module.startswith(f"handler.{other}")]


def test_the_rule_can_fail(tmp_path):
    file = tmp_path / "x.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nfrom handler.tasks import base\nif TYPE_CHECKING:\n    import ts\n"
    )
    assert list(imported(file)) == ["typing", "handler.tasks", "ts"]


@pytest.mark.parametrize("folder", ["handler", "scripts", "benchmarks", "client", "tests"])
def test_no_file_is_longer_than_300_lines(folder):
    files = [file for file in (ROOT / folder).rglob("*") if file.suffix in (".py", ".c", ".h") or file.name == "setup"]
    assert files
    for file in files:
        assert len(file.read_text().splitlines()) <= 300, file


def test_the_command_line_starts_without_the_large_libraries():
    check = "import sys, scripts.cli; print({'torch', 'transformers', 'onnx', 'onnxruntime'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def tree(kind):
    return [kind, *(below for child in kind.__subclasses__() for below in tree(child))]


def test_the_client_knows_every_error_of_a_worker_and_no_other():
    from bert_client.errors import ANSWERED
    from handler import errors

    ours = {kind.error_type: kind for kind in tree(errors.BertError) if kind is not errors.ConfigError}
    ours["invalid"] = errors.Invalid  # as which a client sees `Empty`
    assert {word: (kind.__name__, kind.status) for word, kind in ANSWERED.items()} == {
        word: (kind.__name__, kind.status) for word, kind in ours.items()
    }


def test_the_client_is_alone():
    """It imports nothing of the server, no large library, and httpx only for the async client; httpx imports rich."""
    check = (
        "import sys; sys.path.insert(0, 'client'); import bert_client; before = set(sys.modules)\n"
        "bert_client.AsyncBertClient; names = {'handler', 'scripts', 'benchmarks', 'torch', 'typer', 'rich', 'httpx'}\n"
        "print(names & before, names & set(sys.modules) - {'rich'})"
    )
    found = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set() {'httpx'}"


def test_the_client_has_the_projects_version_and_declares_what_it_imports():
    project, client = (tomllib.loads((ROOT / folder / "pyproject.toml").read_text()) for folder in (".", "client"))
    assert client["project"]["version"] == project["project"]["version"]
    declared = client["project"]["dependencies"] + client["project"]["optional-dependencies"]["async"]
    used = {module.split(".")[0] for file in FILES if "bert_client" in file.parts for module in imported(file)}
    third = used - set(sys.stdlib_module_names) - {"bert_client"}
    assert {re.split("[<>=]", line)[0] for line in declared} == third


def test_the_old_address_of_the_client_works_in_a_clone():
    check = "from scripts.client import BertClient; print(BertClient.__module__)"
    found = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "bert_client.sync"
