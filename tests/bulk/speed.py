"""What of the engine's own rate `embed` keeps: `python -m tests.bulk.speed`.

The engine's rate is that of an archive opened in one process with all cores, over the same texts in memory. Runs of
both alternate, since a machine with other work is not the same from minute to minute. `embed` is measured twice: from
its start to its end, and from its first parts to its last, which is what counts for many rows.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic

from tests.bulk import corpus
from tests.bulk.corpus import Corpus

ROUNDS = 3
KEPT = 0.95
"""Of the engine's rate, without the start."""
ENGINE = """
import json, sys
from time import monotonic, process_time
from handler import open_archive
texts = [json.loads(line)["text"] for line in open(sys.argv[2])]
with open_archive(sys.argv[1]) as bert:
    bert.embed(texts[:512])
    begin = monotonic()
    bert.embed(texts)
    print(len(texts) / (monotonic() - begin))
"""


def engine(made: Corpus) -> float:
    """Texts per second of an archive that has them in memory."""
    environment = {**os.environ, "BERT_CACHE": str(made.here / "cache"), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-c", ENGINE, str(made.archive), str(made.texts)]
    return float(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout)


def bulk(made: Corpus, folder: Path) -> tuple[float, float]:
    """Texts per second of `embed`: of all of it, and from the first part of each process to the last."""
    begin = monotonic()
    assert made.start(folder).wait() == 0
    return made.rows / (monotonic() - begin), steady(made, folder)


def steady(made: Corpus, folder: Path) -> float:
    """Texts per second between the first part of each process and the last part, by the times of their files."""
    times = sorted(part.stat().st_mtime for part in folder.glob("part-*.npy"))
    first = os.cpu_count() or 1
    return made.rows * (len(times) - first) / len(times) / (times[-1] - times[first - 1])


def compare(made: Corpus, say: Callable[[str], None]) -> bool:
    """Engine, `embed` and engine again, `ROUNDS` times; whether the median of what is kept is enough."""
    shares = []
    for number in range(ROUNDS):
        before, (whole, after_start), after = engine(made), bulk(made, made.here / f"speed-{number}"), engine(made)
        own = (before + after) / 2
        shares.append(after_start / own)
        say(
            f"engine {before:,.0f} and {after:,.0f} texts/s; embed {whole:,.0f} with its start, {after_start:,.0f} "
            f"after: {whole / own:.2f} and {after_start / own:.2f} of the engine's"
        )
    good = median(shares) >= KEPT
    say(f"{'ok    ' if good else 'FAILED'} embed keeps {median(shares):.2f} of the engine's rate (at least {KEPT})")
    return good


def main() -> int:
    """The exit status: 0 when enough is kept."""
    asked = corpus.options(__doc__)
    with tempfile.TemporaryDirectory(prefix="bert-bulk-") as name, corpus.log(asked) as say:
        return 0 if compare(corpus.make(Path(name), asked), say) else 1


if __name__ == "__main__":
    sys.exit(main())
