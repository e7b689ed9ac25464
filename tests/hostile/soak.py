"""An hour of mixed tasks at seven tenths of what the machine can do: `python -m tests.hostile.soak --minutes 60`.

Good where every request was answered, no process was replaced, and after the first ten minutes the memory of Java and
of the workers, their descriptors, and the temporary files have not grown by more than three per cent. A process has a
third of the time's samples at both ends, of which the medians are compared: single ones differ by what is in flight.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from argparse import ArgumentParser
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic

import orjson
import psutil

from scripts.load.loops import Request, closed_loop, open_loop
from scripts.sources import pull
from tests import heads
from tests.e2e.conftest import Cli, serving

SHARE, SLICE, WARM = 0.7, 30.0, 600.0
"""Of capacity; seconds between two looks; seconds that may grow."""
MOST = 1.03
CLIENTS = 8
TEXT = "A man is eating food, and a woman is playing the violin while a cheetah runs behind its prey."
TEXTS = [" ".join(TEXT.split()[: 3 + number % 17]) for number in range(32)]
MIX: list[tuple[str, str, object]] = [
    *(("bert", "", {"inputs": text}) for text in TEXTS),
    *(("bert", "", {"inputs": TEXTS[number : number + 8]}) for number in range(8)),
    ("bert", "/1.0/v1/embeddings", {"input": TEXTS[:4], "model": "bert"}),
    ("bert", "/1.0/tei/embed", {"inputs": TEXTS[:4]}),
    ("bert", "/1.0/similarity", {"source": TEXT, "sentences": TEXTS[:4]}),
    ("bert", "/1.0/rerank", {"query": TEXT, "texts": TEXTS[:8]}),
    ("bert", "/1.0/hidden-states", {"inputs": TEXT * 2}),
    ("bert", "/1.0/tokenize", {"inputs": TEXTS}),
    ("classes", "", {"inputs": TEXT}),
    ("entities", "", {"inputs": TEXT}),
    ("answers", "", {"inputs": {"question": "Who eats?", "context": TEXT}}),
    ("words", "", {"inputs": "A man is eating [MASK]."}),
    ("words", "/1.0/sparse-embedding", {"inputs": TEXT, "top_k": 64}),
    ("reranker", "/1.0/rerank", {"query": TEXT, "texts": TEXTS[:4]}),
]


@dataclass(frozen=True, slots=True)
class Sample:
    """What there was at one time.

    Attributes:
        seconds: since the start.
        memory: resident bytes of a process, by name and id.
        descriptors: that all of them have open.
        files: below the server's temporary folder and in shared memory, and `log`, the bytes of its logs.
    """

    seconds: float
    memory: dict[str, int]
    descriptors: int
    files: int
    log: int


def look(server: Cli, begun: float) -> Sample:
    """Now."""
    about = json.loads((server.runs / str(server.port) / "server.json").read_text())
    java = psutil.Process(about["pid"])
    family = [psutil.Process(about["supervisor"]), java, *java.children(recursive=True)]
    names = ["supervisor", "java", *("worker" for _ in family[2:])]
    return Sample(
        monotonic() - begun,
        {f"{name} {each.pid}": each.memory_info().rss for name, each in zip(names, family, strict=True)},
        sum(each.num_fds() for each in family),
        sum(len(files) for _, _, files in os.walk(about["temporary"])) + len(list(Path("/dev/shm").iterdir())),
        sum(file.stat().st_size for file in Path(about["folder"]).rglob("*.log")),
    )


def growth(samples: list[Sample]) -> dict[str, float]:
    """The last third's median in times of the first's, of each process and of what they all have."""
    third = max(1, len(samples) // 3)

    def ratio(values: list[int]) -> float:
        return median(values[-third:]) / median(values[:third])

    found = {name: ratio([each.memory[name] for each in samples]) for name in samples[0].memory}
    descriptors, files = [each.descriptors for each in samples], [each.files for each in samples]
    return found | {"descriptors": ratio(descriptors), "temporary files": ratio(files)}


def requests(server: Cli) -> list[Request]:
    """The mix, once."""
    return [
        Request(
            f"{server.url}/predictions/{model}{path}", orjson.dumps(body), head="content-type: application/json\r\n"
        )
        for model, path, body in MIX
    ]


def soak(server: Cli, seconds: float) -> tuple[Counter[str], list[Sample], float]:
    """What became of the requests, the samples, and requests per second."""
    mix = requests(server)
    closed_loop(mix, CLIENTS, 5)
    capacity = closed_loop(mix, CLIENTS, 20)
    rate = SHARE * len(capacity.latencies) / capacity.seconds
    counts, samples, begun = Counter[str](capacity.errors), [], monotonic()
    slice_of = mix * max(1, round(SLICE * rate / len(mix)))
    print(f"capacity {rate / SHARE:.0f} requests per second; {rate:.0f} from now on", flush=True)
    while monotonic() - begun < seconds:
        outcome = open_loop(slice_of, rate, len(samples))
        counts.update({"answered": len(outcome.latencies), **outcome.errors})
        samples.append(look(server, begun))
        if len(samples) % 10 == 1:
            mib = {name: size >> 20 for name, size in samples[-1].memory.items()}
            print(f"{samples[-1].seconds:.0f} s: {dict(counts)}, MiB {mib}, log {samples[-1].log} bytes", flush=True)
    return counts, samples, rate


def main() -> int:
    """The exit status: 0 where nothing grew and nothing was lost."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        minilm = pull.pull("all-MiniLM-L6-v2")
        with serving({"bert": minilm, **heads.one_of_each(minilm, here)}, here) as server:
            counts, samples, rate = soak(server, 60 * options.minutes)
    late = [each for each in samples if each.seconds > WARM] or samples
    same = all(each.memory.keys() == late[0].memory.keys() for each in late)
    grown = growth(late) if same else {}
    log = (late[-1].log - late[0].log) / max(1.0, rate * (late[-1].seconds - late[0].seconds))
    print(f"{options.minutes:g} minutes at {rate:.0f} requests per second: {dict(counts)}")
    print(f"after {WARM / 60:g} minutes, last third in times of the first, of {len(late)} samples:")
    print("\n".join(f"  {name} x {times:.3f}" for name, times in sorted(grown.items())))
    print(f"log: {log:.2f} bytes per request; processes {'the same' if same else 'REPLACED'}")
    good = same and counts.keys() <= {"answered"} and all(times <= MOST for times in grown.values())
    print(json.dumps({"good": good}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
