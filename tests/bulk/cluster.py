"""Texts through a Ray cluster of two nodes, of which one is killed on the way: `python -m tests.bulk.cluster`.

Both nodes are on this machine, a core each. Needs `scripts/setup ray`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from scripts.paths import ROOT
from tests.bulk import corpus
from tests.bulk.corpus import Corpus
from tests.e2e.conftest import free_port, wait_for

STORE = 200_000_000
"""Bytes of a node's store of objects; blocks hold no texts, so that little is in it."""
BLOCK = 2048
COMPUTING = "ray::MapWorker"
"""What Ray calls a process that holds an actor of its Data's pools."""


class Node:
    """A node of a cluster, with everything it started."""

    def __init__(self, made: Corpus, *words: str) -> None:
        environment = {**os.environ, "BERT_CACHE": str(made.here / "cache")}
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus", "1",
                   "--object-store-memory", str(STORE), "--disable-usage-stats", *words]  # fmt: skip
        self.log = (made.here / f"node-{len(words)}.log").open("wb")
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True
        )

    def processes(self) -> list[psutil.Process]:
        """All of them, the first last."""
        first = psutil.Process(self.process.pid)
        return [*first.children(recursive=True), first]

    def computing(self) -> int:
        """How many processes of it compute blocks."""
        return sum(COMPUTING in " ".join(process.cmdline()) for process in self.processes())

    def kill(self) -> None:
        """Everything at once, by id."""
        if self.process.poll() is None:
            for process in self.processes():
                process.kill()
            self.process.wait()
        self.log.close()


@contextmanager
def two_nodes(made: Corpus) -> Iterator[tuple[str, Node]]:
    """The cluster's address and its second node."""
    address = f"127.0.0.1:{free_port()}"
    head = Node(made, "--head", "--node-ip-address", "127.0.0.1", "--port", address.rpartition(":")[2],
                "--include-dashboard", "false", "--temp-dir", str(made.here / "ray"))  # fmt: skip
    try:
        second = Node(made, "--address", address, "--node-ip-address", "127.0.0.2")  # the driver belongs to the first
        try:
            yield address, second
        finally:
            second.kill()
    finally:
        head.kill()


def main() -> None:
    """On the cluster with a node killed, and here."""
    asked = corpus.options(__doc__)
    with tempfile.TemporaryDirectory(prefix="bert-") as name:
        made = corpus.make(Path(name), asked)
        parts = -(-made.rows // BLOCK)
        folder = made.here / "cluster"
        with two_nodes(made) as (address, second):
            running = made.start(folder, "--ray", address)
            corpus.until(folder, parts // 3, running)
            wait_for(lambda: second.computing() or running.poll() is not None, "the second node to compute", 600)
            computing = second.computing()
            second.kill()
            there = f"{corpus.written(folder) // 2} of {parts} parts were written"
            print(f"killed a node with {computing} process that computed; {there}", flush=True)
            assert computing
            said, _ = running.communicate()
            assert running.returncode == 0, f"embed ended with {running.returncode}: {said}"
            print(f"the run went on to its end: {json.loads(said)}", flush=True)
        print(corpus.count(folder, made.rows))
        assert made.start(made.here / "whole").wait() == 0
        print(f"beside a run on this machine: {corpus.same(folder, made.here / 'whole')}")


if __name__ == "__main__":
    main()
