"""Compiles `handler/kernels`, once per kind of CPU, with the pinned compiler that comes as a wheel."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from handler.kernels import FOLDER
from scripts.console import Failure, step
from scripts.paths import CACHE, HANDLER

SOURCES = HANDLER / "kernels"
TARGETS = {
    "avx512_bf16": "x86_64_v4+avx512vnni+avx512bf16-prefer_256_bit",
    "avx512_vnni": "x86_64_v4+avx512vnni-prefer_256_bit",
    "avx512": "x86_64_v4-prefer_256_bit",
    "avx_vnni": "x86_64_v3+avxvnni",
    "avx2": "x86_64_v3",
}
"""The compiler's names for `handler.kernels.ISA_LEVELS`. It would otherwise cut vectors of 512 bits in two."""
FLAGS = (
    "-O3",
    "-std=c11",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-shared",
    "-fPIC",
    "-nostdlib",
    "-Wall",
    "-Werror",
)


def build() -> Path:
    """The folder of the libraries, one per level; made when the sources or the compiler are others than last time.

    Raises:
        Failure: they do not compile.
    """
    digest = hashlib.sha256(repr((TARGETS, FLAGS, metadata.version("ziglang"))).encode())
    for file in sorted(SOURCES.glob("*.[ch]")):
        digest.update(file.read_bytes())
    folder = CACHE / "kernels" / digest.hexdigest()[:16] / FOLDER
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with step("compiling kernels"), tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            part = Path(temporary) / "part"
            part.mkdir()
            for level, target in TARGETS.items():
                compile_one(target, part / f"{level}.so", SOURCES / "encoder.c")
            try:
                part.rename(folder)
            except OSError:
                if not folder.exists():  # otherwise somebody else was faster
                    raise
    return folder


def compile_one(target: str, library: Path, source: Path) -> None:
    """One library, of a file that finds the kernels' headers. It needs little, and that from Python's C library."""
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu", f"-mcpu={target}", *FLAGS]
    caches = {f"ZIG_{kind}_CACHE_DIR": str(CACHE / "zig") for kind in ("LOCAL", "GLOBAL")}
    done = subprocess.run(
        [*command, f"-I{SOURCES}", str(source), "-o", str(library)],
        env={**os.environ, **caches},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Failure(f"{source} does not compile for {target}", why=done.stderr)
