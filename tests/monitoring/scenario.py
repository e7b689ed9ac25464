"""Some minutes of a server's life for the picture in the documents: `python -m tests.monitoring.scenario OUT.png`.

Calm traffic, then much of it, then more than the server takes while one of its workers is killed, then calm again;
through HAProxy, watched by Prometheus. `--python` is one with matplotlib, which draws what Prometheus has seen.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from threading import Timer

from scripts.packing import pack as packer
from scripts.paths import ROOT
from scripts.sources import pull
from tests.e2e.conftest import Cli, free_port, wait_for
from tests.monitoring import prometheus, traffic

PHASES = ((0.2, 2, 0.3), (0.3, 6, 0.05), (0.2, 48, 0.0), (0.3, 3, 0.15))
"""Share of the time, clients, and the seconds each of them waits between requests."""
CROWDED = 2
SMALL = {"jobQueueSize": 8, "batchSize": 4}
"""So that the crowd is more than the queue takes."""
INTERVAL = "5s"


def haproxy() -> str | None:
    """Where it is, also for users whose path has no programs of root's."""
    return shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def gateway(server: int) -> Iterator[tuple[int, int]]:
    """HAProxy in front of a server: its port, and that of its metrics."""
    port = free_port()
    settings = {"DOOR": str(port), "METRICS": str(port + 1), "SERVER": str(server)}
    command = [haproxy() or "haproxy", "-db", "-q", "-f", str(ROOT / "tests" / "monitoring" / "haproxy.cfg")]
    process = subprocess.Popen(command, env=os.environ | settings)
    try:
        wait_for(lambda: prometheus.answers(f"http://127.0.0.1:{port + 1}/metrics"), "HAProxy")
        yield port, port + 1
    finally:
        process.terminate()
        process.wait(30)


def kill_one(server: Cli) -> None:
    """One of the workers, as if it had run out of memory."""
    os.kill(server.status()[0]["models"][0]["workers"][0]["pid"], SIGKILL)


def main() -> None:
    """Serve, watch, ask, draw."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--python", default=sys.executable)
    given = parser.parse_args()
    seconds = 60 * given.minutes
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "store").mkdir()
        packer.pack(pull.pull("all-MiniLM-L6-v2"), "bert", "1.0", SMALL, here / "store")
        server = Cli(here / "runs", here / "store", free_port())
        server("start", "bert", "--workers", "2")
        try:
            with gateway(server.port) as (door, exporter):
                jobs = {"bert": f"127.0.0.1:{server.port + 2}", "gateway": f"127.0.0.1:{exporter}"}
                with prometheus.running(here / "prometheus", jobs, INTERVAL) as watched:
                    for number, (share, clients, pause) in enumerate(PHASES):
                        if number == CROWDED:
                            Timer(share * seconds / 2, kill_one, [server]).start()
                        traffic.send(f"http://127.0.0.1:{door}/predictions/bert", share * seconds, clients, pause)
                    script = str(ROOT / "tests" / "monitoring" / "draw.py")
                    minutes = str(given.minutes)
                    subprocess.run([given.python, script, watched.url, given.out, "--minutes", minutes], check=True)
        finally:
            server("stop", "--drain", "0")


if __name__ == "__main__":
    main()
