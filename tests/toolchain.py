"""What builds the page at `ui` from its sources: installed once, by whichever test comes first."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.paths import ROOT

SOURCES = ROOT / "ui"
ESBUILD = SOURCES / "node_modules" / ".bin" / "esbuild"
LOCK = ROOT / ".cache" / "ui.lock"
needs_npm = pytest.mark.skipif(not shutil.which("npm"), reason="npm is missing: apt-get install nodejs npm")


def install() -> None:
    """Packages of the lock file into `ui/node_modules`; other processes wait for it."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ESBUILD.exists():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=SOURCES, check=True, capture_output=True)


def run(program: str, given: Any, folder: Path) -> Any:
    """What an async function `(given, maths)` gives back in Node.

    Args:
        program: the function's source.
        given: its first argument, as JSON.
        folder: where what is built goes.
    """
    install()
    entry, built = folder / "entry.js", folder / "built.mjs"
    names = ("vectors", "pca", "tsne", "groups")
    exports = "\n".join(f"export * from {json.dumps(str(SOURCES / 'src' / 'maths' / f'{name}.ts'))};" for name in names)
    entry.write_text(exports)
    command = [ESBUILD, entry, "--bundle", "--format=esm", "--log-level=error", f"--outfile={built}"]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "given.json").write_text(json.dumps(given))
    main = folder / "main.mjs"
    main.write_text(
        f"""import * as maths from "./built.mjs";
import {{ readFileSync }} from "node:fs";
const given = JSON.parse(readFileSync(new URL("given.json", import.meta.url)));
console.log(JSON.stringify(await ({program})(given, maths)));"""
    )
    return json.loads(subprocess.run(["node", main], check=True, capture_output=True, text=True).stdout)
