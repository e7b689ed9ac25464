"""How much more three hosts answer than one behind the same gateway: `python -m tests.fleet.throughput`, as root.

The hosts share the cores of this machine, so each serves a stub: a real TorchServe and a real archive, whose handler
sleeps for `SERVICE` before each batch of a model that costs next to nothing. What is left to show is what the gateway
adds: whether it keeps all hosts busy. One host and three take turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import requests

from scripts.packing import pack as packer
from tests.conftest import SHAPE, save_tokenizer
from tests.fleet.fleet import MODEL, TEXT, Fleet, OnHost, asking, once
from tests.fleet.network import enter, network

SERVICE = 0.5
"""Seconds for a batch."""
BATCH = 16
CLIENTS = 60
"""Per host: fewer than the gateway lets in for it, and more than are inside it."""
LEAST = 2.7
"""Times one host's requests per second that three have to answer."""
BEFORE = b"        idle = self.wire.idle - self.idle\n"
"""A line in `BertHandler.handle`, behind which the handler sleeps."""
RESULTS = Path(__file__).with_name("results")


def stub(folder: Path, store: Path) -> None:
    """Pack a model of two small layers whose handler sleeps."""
    import torch
    from transformers import BertConfig, BertModel

    words = save_tokenizer(folder)
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=words, max_position_embeddings=40, **SHAPE)).save_pretrained(folder)
    packer.pack(folder, "plain", "1.0", {"batchSize": BATCH, "handler": {"task": "embedding"}}, store)
    with ZipFile(store / "plain.mar") as plain, ZipFile(store / f"{MODEL}.mar", "w") as slow:
        for entry in plain.infolist():
            content = plain.read(entry)
            if entry.filename == "bert_handler.py":
                assert content.count(BEFORE) == 1
                content = content.replace(BEFORE, b"        __import__('time').sleep(%f)\n" % SERVICE + BEFORE)
            slow.writestr(entry.filename, content)
    (store / "plain.mar").unlink()


def rate(fleet: Fleet, hosts: Sequence[OnHost], seconds: float) -> float:
    """Requests per second that a gateway in front of these hosts answers.

    Raises:
        AssertionError: a request failed, or was answered wrongly.
    """
    words = [word for host in hosts for word in ("--server", host.url)]
    with fleet.gateway(*words) as gateway:
        url = f"{gateway.url}/predictions/{MODEL}"
        answers = {requests.post(url, json={"inputs": TEXT}, timeout=60).content: "1.0"}
        with asking([once(url) for _ in range(CLIENTS * len(hosts))], answers) as tally:
            time.sleep(2)
            before, begun = tally.counts.total(), time.monotonic()
            time.sleep(seconds)
            found = (tally.counts.total() - before) / (time.monotonic() - begun)
    assert set(tally.counts) == {"1.0"}, tally.counts
    return found


def main() -> int:
    """The exit status: 0 when three hosts answer as many as they should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"keep the result in {RESULTS.name}/")
    given = parser.parse_args()
    one, three = list[float](), list[float]()
    with tempfile.TemporaryDirectory() as here, network("bert-rate", 3) as made:
        folder = Path(here)
        enter(made.door)
        stub(folder / "tiny", folder / "store")
        fleet = Fleet(made, folder, folder / "store")
        for host in fleet.hosts:
            host.start()
        for _ in range(given.rounds):
            one.append(rate(fleet, fleet.hosts[:1], given.seconds))
            three.append(rate(fleet, fleet.hosts, given.seconds))
    ratio = statistics.median(b / a for a, b in zip(one, three, strict=True))
    text = "\n".join(
        [
            f"stub behind a real TorchServe: {SERVICE} s per batch of {BATCH}, so {BATCH / SERVICE:.0f} requests per "
            f"second at most; {CLIENTS} clients per host",
            *(f"one host {a:.1f} per second, three hosts {b:.1f}" for a, b in zip(one, three, strict=True)),
            f"{'ok    ' if ratio >= LEAST else 'FAILED'} three hosts answer {ratio:.2f} times as many as one "
            f"(at least {LEAST})",
        ]
    )
    print(text)
    if given.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "throughput.txt").write_text(text + "\n")
    return 0 if ratio >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
