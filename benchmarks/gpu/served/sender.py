"""One process of load: `python -m benchmarks.gpu.served.sender ORDER`, where the order is JSON.

It warms up, says `ready`, waits for a line, measures, and says what came of it: so several begin together.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from time import process_time

import msgspec
import orjson

from benchmarks.gpu.served import texts
from scripts.load.loops import Request, closed_loop

READY = b"ready\n"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to send.

    Attributes:
        url: of the OpenAI route.
        file: of texts.
        texts_each: request.
        in_flight: requests at all times.
        warm: seconds before measuring.
        seconds: of measuring.
        seed: of the order of texts, which differs from process to process.
    """

    url: str
    file: str
    texts_each: int
    in_flight: int
    warm: float
    seconds: float
    seed: int


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one process found.

    Attributes:
        seconds: from its first request to its last answer.
        latencies: of good answers, in seconds.
        errors: status or the exception's name -> how often.
        texts: in good answers.
        cpu: seconds of CPU time it took.
    """

    seconds: float
    latencies: list[float]
    errors: dict[str, int]
    texts: int
    cpu: float


def requests(order: Order, known: list[str]) -> list[Request]:
    """The texts as requests; all but the last few when they do not fill one."""
    shuffled = random.Random(order.seed).sample(known, len(known))
    each = min(order.texts_each, len(shuffled))
    groups = [shuffled[first : first + each] for first in range(0, len(shuffled) - each + 1, each)]
    fields = {"model": "bert", "encoding_format": "base64"}
    return [Request(order.url, orjson.dumps({"input": group, **fields}), each) for group in groups]


def main() -> None:
    """See the module."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    sent = requests(order, texts.read(Path(order.file)))
    closed_loop(sent, order.in_flight, order.warm, whole=False)
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    if not sys.stdin.buffer.readline():
        return  # whoever started this is gone
    before = process_time()
    outcome = closed_loop(sent, order.in_flight, order.seconds, whole=False)
    found = Share(
        seconds=outcome.seconds,
        latencies=outcome.latencies,
        errors=outcome.errors,
        texts=outcome.texts,
        cpu=process_time() - before,
    )
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
