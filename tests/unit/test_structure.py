"""The rules of the house: which way imports run, and how long a file may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEVELS = [
    {"bert_handler"},
    {"loading"},
    {"pipeline"},
    {"protocols", "runtimes"},
    {"tasks"},
    {"text", "batching", "telemetry", "workers", "wire"},
    {"cutting"},
    {"head", "poolings", "explanation"},
    {"device"},
    {"call"},
    {"config", "cores", "deadline", "kernels"},
    {"errors"},
]
"""Rooms of `handler`, top to bottom: a room imports from lower levels only."""

FILES = sorted((ROOT / "handler").rglob("*.py"))


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def level(name):
    return next((number for number, names in enumerate(LEVELS) if name in names), None)


def imported(file):
    """Modules a file imports when it runs; those for type checkers alone do not count."""
    tree = ast.parse(file.read_text())
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "handler":
                yield from (f"handler.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_run_one_way(file):
    own = room(".".join(file.relative_to(ROOT).with_suffix("").parts)) if file.name != "__init__.py" else None
    own = own or (file.parent.name if file.parent.name != "handler" else None)
    for module in imported(file):
        assert module.split(".")[0] != "scripts", f"{file.name} imports {module}"
        assert module.split(".")[0] != "ts" or file.name == "bert_handler.py"
        if own and module.startswith("handler."):
            other = room(module)
            assert level(other) is not None, f"{other} has no level"
            assert other == own or level(other) > level(own), f"{own} imports {other}"


def test_tasks_and_runtimes_never_meet():
    for folder, other in (("tasks", "runtimes"), ("runtimes", "tasks")):
        for file in (ROOT / "handler" / folder).glob("*.py"):
            assert not [module for module in imported(file) if module.startswith(f"handler.{other}")]


def test_the_rule_can_fail(tmp_path):
    file = tmp_path / "x.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nfrom handler.tasks import base\nif TYPE_CHECKING:\n    import ts\n"
    )
    assert list(imported(file)) == ["typing", "handler.tasks"]


@pytest.mark.parametrize("folder", ["handler", "scripts", "benchmarks", "tests"])
def test_no_file_is_longer_than_300_lines(folder):
    for file in (ROOT / folder).rglob("*.py"):
        assert len(file.read_text().splitlines()) <= 300, file


def test_the_command_line_starts_without_the_large_libraries():
    check = "import sys, scripts.cli; print({'torch', 'transformers', 'onnx', 'onnxruntime'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
