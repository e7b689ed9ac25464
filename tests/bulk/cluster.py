"""Texts through a Ray cluster of two hosts, of which one is killed on the way: `python -m tests.bulk.cluster`, as root.

Each host is a network namespace of this machine (`tests.fleet.network`) with a node of one core and its own folder for
Ray. Inputs, archive and output lie on the disk that both see. Needs `scripts/setup ray`.
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
from tests.e2e.conftest import wait_for
from tests.fleet.network import Host, network

STORE = 200_000_000
"""Bytes of a node's store of objects; blocks hold no texts, so that little is in it."""
PORT = 6379
STARTED = "Ray runtime started."
"""What `ray start` says then."""
COMPUTING = "ray::MapWorker"
"""What Ray calls a process that holds an actor of its Data's pools."""


class Node:
    """A node of a cluster on a host of its own."""

    def __init__(self, made: Corpus, host: Host, *words: str) -> None:
        self.host = host
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus", "1",
                   "--node-ip-address", host.address, "--object-store-memory", str(STORE), "--disable-usage-stats",
                   "--temp-dir", str(made.here / f"ray-{host.number}"), *words]  # fmt: skip
        environment = {**os.environ, "BERT_CACHE": str(made.here / "cache")}
        file = made.here / f"{host.name}.log"
        with file.open("wb") as log:
            self.process = subprocess.Popen(
                host.command(command), cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        wait_for(lambda: STARTED in file.read_text() or self.process.poll() is not None, f"a node on {host.name}", 300)
        assert self.process.poll() is None, file.read_text()

    def computing(self) -> int:
        """How many processes of it compute blocks."""
        found = 0
        for pid in self.host.processes():
            try:
                found += COMPUTING in " ".join(psutil.Process(pid).cmdline())
            except psutil.NoSuchProcess:
                continue
        return found

    def kill(self) -> int:
        """Everything on its host at once; how many processes that were."""
        killed = self.host.kill()
        self.process.wait()
        return killed


@contextmanager
def two_nodes(made: Corpus) -> Iterator[tuple[Node, Node]]:
    """The cluster's head, and its other node."""
    with network("bert-ray", 2) as found:
        first, second = found.hosts
        head = Node(made, first, "--head", "--port", str(PORT), "--include-dashboard", "false")
        other = Node(made, second, "--address", address(head))
        try:
            yield head, other
        finally:
            other.kill()
            head.kill()


def address(head: Node) -> str:
    """Of the cluster."""
    return f"{head.host.address}:{PORT}"


def main() -> None:
    """On the cluster with a node killed, and here."""
    asked = corpus.options(__doc__)
    with tempfile.TemporaryDirectory(prefix="bert-") as name, corpus.log(asked) as say:
        made = corpus.make(Path(name), asked)
        folder = made.here / "cluster"
        with two_nodes(made) as (head, other):
            running = made.start(folder, "--ray", address(head), through=head.host.command)
            corpus.until(folder, made.parts // 3, running)
            wait_for(lambda: other.computing() or running.poll() is not None, "the second node to compute", 600)
            computing = other.computing()
            assert computing
            killed = other.kill()
            say(
                f"killed all {killed} processes of the host {other.host.address}, {computing} of which computed: "
                f"{corpus.written(folder) // 2} of {made.parts} parts were written"
            )
            said, _ = running.communicate()
            assert running.returncode == 0, f"embed ended with {running.returncode}: {said}"
            say(f"the run went on to its end on {head.host.address}: {json.loads(said)}")
        say(corpus.count(folder, made.rows))
        assert made.start(made.here / "whole").wait() == 0
        say(f"beside a run on this machine without Ray: {corpus.same(folder, made.here / 'whole')}")


if __name__ == "__main__":
    main()
