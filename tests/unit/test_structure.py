"""The rules of the house: which way imports run, and how long a file may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEVELS = [
    {"bert_handler"},
    {"loading", "torchserve"},
    {"pipeline"},
    {"protocols", "runtimes"},
    {"tasks"},
    {"model"},
    {"text", "batching", "telemetry", "workers", "wire"},
    {"truncation"},
    {"head", "poolings", "explanation"},
    {"device"},
    {"call"},
    {"limits"},
    {"types"},
    {"activations", "config", "cores", "deadline", "kernels", "keys", "locks"},
    {"errors"},
]
"""Rooms of `handler`, top to bottom: a room imports from lower levels only."""

SCRIPTS = [
    {"reference"},
    {"cli"},
    {"verbs"},
    {"finetuning", "load"},
    {"packing", "server"},
    {"sources"},
    {"conversion"},
    {"files"},
    {"client"},
    {"digests", "rows"},
    {"console"},
    {"paths"},
]
"""Rooms of `scripts`, in the same way."""
HOUSES = {"handler": LEVELS, "scripts": SCRIPTS}
REACH = {"handler": set(), "scripts": {"handler"}, "benchmarks": {"handler", "scripts"}}
"""Which of each other each of them may import."""

FILES = sorted(file for house in REACH for file in (ROOT / house).rglob("*.py") if "peers" not in file.parts)


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
            path.stem for path in (ROOT / house).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
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


@pytest.mark.parametrize("folder", ["handler", "scripts", "benchmarks", "tests"])
def test_no_file_is_longer_than_300_lines(folder):
    for file in (ROOT / folder).rglob("*.py"):
        assert len(file.read_text().splitlines()) <= 300, file


def test_the_command_line_starts_without_the_large_libraries():
    check = "import sys, scripts.cli; print({'torch', 'transformers', 'onnx', 'onnxruntime'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
