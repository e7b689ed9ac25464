"""Packs, starts, asks, scales and stops a tiny archive in each of `tests/hostile/cases.py`.

`python -m tests.hostile.environments --folder DIR [--port N] [--jobs N] [WORD ...]`; words choose cases by their names.
It uses the command as a user has it, prints a table, and ends with 1 when something is not as it should be.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from scripts.paths import ROOT
from tests.conftest import SHAPE, save_tokenizer
from tests.hostile.cases import CASES, Case

PORTS_EACH = 6
STEPS = ("pack", "start", "status", "predict", "scale", "stop")
LEFT_OUT = {".git", ".venv", ".cache", ".run", "model_store", "__pycache__"}


def checkpoint(folder: Path) -> Path:
    """A BERT of two layers with random weights."""
    import torch
    from transformers import BertConfig, BertModel

    words = save_tokenizer(folder)
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=words, max_position_embeddings=40, **SHAPE)).save_pretrained(folder)
    return folder


def project(case: Case, here: Path) -> Path:
    """The project whose command is used: this one, or a copy with its packages linked."""
    if not case.copy:
        return ROOT
    copy = here / case.copy
    shutil.copytree(ROOT, copy, ignore=lambda _, names: LEFT_OUT.intersection(names))
    (copy / ".venv").symlink_to(ROOT / ".venv")
    (copy / ".cache").symlink_to(ROOT / ".cache")
    return copy


def environment(case: Case, here: Path) -> dict[str, str]:
    """A plain one with what is unusual in it; folders that it names are made."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    made = kept | {"BERT_RUNS": str(here / "runs"), "BERT_MODEL_STORE": str(here / case.store)}
    for name, value in case.variables.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = value.replace("{here}", str(here))
            if "{here}" in value:
                Path(made[name]).mkdir(parents=True, exist_ok=True)
    (here / "shadow").mkdir(exist_ok=True)
    (here / "shadow" / "json.py").write_text("raise ImportError('a json.py of somebody else')\n")
    return made


def commands(port: int, folder: Path) -> dict[str, list[str]]:
    """Each step's words."""
    at = ["--inference-port", str(port)]
    return {
        "pack": ["pack", str(folder), "--name", "tiny"],
        "start": ["start", "tiny", *at, "--workers", "1", "--timeout", "45"],
        "status": ["status", *at],
        "predict": ["predict", "tiny", "hello you", *at],
        "scale": ["scale", "tiny", "2", *at],
        "stop": ["stop", *at],
    }


def run(case: Case, here: Path, port: int, folder: Path) -> dict[str, str]:
    """What became of each step: `ok`, `refused` where that is right, or its last words."""
    if case.skip:
        return {"pack": f"skipped: {case.skip}"}
    here.mkdir(parents=True)
    (here / case.store).mkdir()
    words, said = [str(project(case, here) / "scripts" / "bert")], dict[str, str]()
    for step, arguments in commands(port, folder).items():
        if step not in ("pack", "start", "stop") and said.get("start") != "ok":
            continue
        result = subprocess.run(
            ["sh", "-c", f'{case.shell}; exec "$@"', "sh", *words, *arguments],
            env=environment(case, here),
            cwd=case.folder.replace("{here}", str(here)),
            capture_output=True,
            timeout=300,
        )
        text = (result.stderr + result.stdout).decode(errors="replace")
        (here / f"{step}.txt").write_text(text, "utf-8")
        said[step] = verdict(case, step, result.returncode, text)
    return said


def verdict(case: Case, step: str, status: int, text: str) -> str:
    """Whether that is as it should be."""
    if step == "start" and case.refused:
        return "refused" if status and case.refused in text else f"NOT REFUSED: {status}"
    failed = [line for line in text.splitlines() if line.startswith("failed: ")] or text.splitlines()[-1:]
    return "ok" if status == 0 else f"FAILED: {' '.join(failed)[:110]}"


def table(rows: Sequence[tuple[Case, dict[str, str]]]) -> str:
    """Markdown."""
    lines = [f"| environment | {' | '.join(STEPS)} |", "|---|" + "---|" * len(STEPS)]
    lines += [f"| {case.name} | {' | '.join(said.get(step, '') for step in STEPS)} |" for case, said in rows]
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Run what is chosen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="of the names of cases; default: all")
    parser.add_argument("--folder", type=Path, required=True, help="a new one, for everything that is written")
    parser.add_argument("--port", type=int, default=29700, help="first of the ports; each job has six")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time")
    given = parser.parse_args(words)
    chosen = [case for case in CASES if not given.words or any(word in case.name for word in given.words)]
    folder = given.folder.resolve()
    folder.mkdir(parents=True)
    tiny = checkpoint(folder / "tiny")
    ports: Queue[int] = Queue()
    for job in range(given.jobs):
        ports.put(given.port + PORTS_EACH * job)

    def one(number: int) -> dict[str, str]:
        port = ports.get()
        try:
            return run(chosen[number], folder / str(number), port, tiny)
        finally:
            ports.put(port)

    with ThreadPoolExecutor(given.jobs) as pool:
        rows = list(zip(chosen, pool.map(one, range(len(chosen))), strict=True))
    print(table(rows))
    return any("FAILED" in text or "NOT" in text for _, said in rows for text in said.values())


if __name__ == "__main__":
    sys.exit(main())
