"""ONNX Runtime, which tells its maker of each process and model unless it is told not to before it is imported."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

NAMES = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "GITHUB_ACTIONS", "TF_BUILD", "XDG_CACHE_HOME")
"""Ours, what else keeps it from sending, and where it keeps an id of the machine."""


@pytest.mark.parametrize("module", ["handler", "handler.runtimes.onnx", "scripts.load.ceiling"])
def test_what_imports_it_has_told_it(module, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    environment["HOME"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", f"import {module}; import onnxruntime"], env=environment, check=True)
    assert not [*tmp_path.rglob("*onnxruntime*")]


def test_the_name_is_that_of_the_library():
    folder = Path(str(find_spec("onnxruntime").origin)).parent / "capi"
    assert any(b"ORT_DISABLE_TELEMETRY" in file.read_bytes() for file in folder.glob("*.so*"))
