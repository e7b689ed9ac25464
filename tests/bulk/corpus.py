"""What the scripts here share: an archive, many texts, `embed` in a process of its own, and what a folder must hold."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from scripts.load import workload
from scripts.packing import pack
from scripts.paths import ROOT
from scripts.sources import pull
from tests.conftest import SHAPE, save_tokenizer
from tests.e2e.conftest import wait_for

SEED = 19
PARTS = 24
"""At least."""
RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Corpus:
    """An archive in a store, and a file of texts with their numbers."""

    here: Path
    archive: Path
    texts: Path
    rows: int

    def command(self, folder: Path, *words: str) -> list[str]:
        """`embed` of all texts."""
        store = str(self.archive.parent)
        return [sys.executable, "-m", "scripts", "embed", str(self.texts), "--out", str(folder), "--model-store",
                store, "--block-rows", str(self.block), "--json", *words]  # fmt: skip

    @property
    def block(self) -> int:
        """Rows of a part: the usual number, and fewer where there would be few parts."""
        return min(2048, self.rows // PARTS)

    @property
    def parts(self) -> int:
        """Of all rows."""
        return -(-self.rows // self.block)

    def first(self, rows: int) -> Corpus:
        """The same archive with the first texts only."""
        texts = self.here / f"first-{rows}.jsonl"
        with self.texts.open() as all_texts:
            texts.write_text("".join(islice(all_texts, rows)))
        return replace(self, texts=texts, rows=min(rows, self.rows))

    def start(
        self, folder: Path, *words: str, through: Callable[[Sequence[str]], list[str]] = list
    ) -> subprocess.Popen[str]:
        """`embed`, as a process that is to be waited for; `through` makes its command one for another host."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "BERT_CACHE": str(self.here / "cache")}
        command = through(self.command(folder, *words))
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def options(about: str) -> Namespace:
    """What each script takes."""
    parser = ArgumentParser(description=about)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--words", type=float, default=24, help="per text, on average")
    parser.add_argument(
        "--model", choices=MODELS, default="all-MiniLM-L6-v2", help="tiny: 2 layers of 32 with random weights"
    )
    parser.add_argument("--write", action="store_true", help=f"keep what is said in {RESULTS.name}/")
    return parser.parse_args()


@contextmanager
def log(asked: Namespace) -> Iterator[Callable[[str], None]]:
    """What a script says with: its command line comes first, and nothing is kept of one that failed."""
    script, lines = Path(sys.argv[0]).stem, list[str]()

    def say(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    words = " ".join(word for word in sys.argv[1:] if word != "--write")
    say(f"python -m tests.bulk.{script} {words}".rstrip() + "\n")
    yield say
    say(f"load average of this machine with {os.cpu_count()} cores: {os.getloadavg()[0]:.1f}")
    if asked.write:
        (RESULTS / f"{script}.txt").write_text("\n".join(lines) + "\n")


def tiny(here: Path) -> Path:
    """A model that computes next to nothing, so that everything else is what takes time."""
    import torch
    from transformers import BertConfig, BertModel

    words = save_tokenizer(here / "tiny")
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=words, max_position_embeddings=40, **SHAPE)).save_pretrained(here / "tiny")
    return here / "tiny"


MODELS: dict[str, Callable[[Path], Path]] = {
    "all-MiniLM-L6-v2": lambda here: pull.pull("all-MiniLM-L6-v2"),
    "tiny": tiny,
}


def make(here: Path, asked: Namespace) -> Corpus:
    """An archive and texts made from a seed, log-normal in length."""
    rows, words = asked.rows, asked.words
    (archive, *_) = pack.pack(MODELS[asked.model](here), "bert", "1.0", {}, here)
    known = workload.whole_words(workload.read_archive(archive).tokenizer)
    rng = np.random.default_rng(SEED)
    spread = workload.WORDS_SIGMA
    sizes = np.clip(rng.lognormal(np.log(words) - spread**2 / 2, spread, rows), 1, workload.WORDS_MOST).astype(int)
    texts = here / "texts.jsonl"
    with texts.open("w") as file:
        for number, size in enumerate(sizes):
            text = " ".join(known[word] for word in rng.integers(len(known), size=size))
            file.write(json.dumps({"id": number, "text": text}) + "\n")
    return Corpus(here, archive, texts, rows)


def content(folder: Path) -> dict[str, bytes]:
    """Files by name."""
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def count(folder: Path, rows: int) -> str:
    """Whether every row is there once, with a vector; a sentence about it.

    Raises:
        AssertionError: one is not.
    """
    seen: Counter[int] = Counter()
    for part in sorted(folder.glob("part-*.npy")):
        ids = [json.loads(line)["id"] for line in part.with_suffix(".jsonl").read_text().splitlines()]
        vectors = np.load(part)
        assert len(vectors) == len(ids)
        assert np.isfinite(vectors).all()
        seen.update(ids)
    assert seen == Counter(range(rows)), f"{rows} rows, {len(seen)} there, the commonest {seen.most_common(1)}"
    return f"{rows:,} rows, each there once with its vector"


def same(folder: Path, other: Path) -> str:
    """Whether two folders hold the same files with the same bytes; a sentence about it.

    Raises:
        AssertionError: they do not.
    """
    one, two = content(folder), content(other)
    different = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
    assert not different, f"{folder} and {other} differ in {different[:5]}"
    return f"{len(one)} files with {sum(map(len, one.values())):,} bytes, the same in both"


def moments(parts: int, times: int) -> list[int]:
    """How many parts are written when a run is cut off, each time: drawn from a seed."""
    return sorted(random.Random(SEED).sample(range(1, parts - 1), times))


def written(folder: Path) -> int:
    """Parts so far."""
    return len(list(folder.glob("part-*")))


def until(folder: Path, parts: int, running: subprocess.Popen[str]) -> None:
    """Wait until so many parts are written.

    Raises:
        AssertionError: the run ended before.
    """
    wait_for(lambda: written(folder) >= 2 * parts or running.poll() is not None, f"{parts} parts", 3600)
    assert running.poll() is None, f"ended with {running.returncode} before {parts} parts were written"
