"""After Java was started again, each model gets the workers it had: `python -m scripts.server.restoring PORT`.

This is a process of its own, so that the supervisor stays as small as it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from scripts import paths
from scripts.console import Failure
from scripts.server.java import private_log
from scripts.server.state import Server


def begin(server: Server) -> subprocess.Popen[bytes]:
    """Start it; what it has to say goes to the server's console."""
    with private_log(server.logs / "console.log") as console:
        streams = {"stdin": subprocess.DEVNULL, "stdout": console, "stderr": console}
        return spawn("scripts.server.restoring", str(server.inference_port), **streams)


def spawn(module: str, *words: str, **streams: Any) -> subprocess.Popen[bytes]:
    """A module of this project as a process of its own, which finds servers where this one does."""
    environment = {**os.environ, "PYTHONPATH": str(paths.ROOT), "BERT_RUNS": str(paths.RUNS)}
    command = [sys.executable, "-P", "-m", module, *words]  # -P: nothing is imported from the current folder
    return subprocess.Popen(command, env=environment, start_new_session=True, **streams)


def main(port: int) -> int:
    """Scale each model to what `bert scale` wrote down last, and load the versions beside those that answer."""
    # requests is large, and the supervisor imports this file
    from scripts.server import listing, management, scaling, upgrade, versions

    server = listing.find(port)
    failures = 0
    for file in server.scaled.glob("*"):
        try:
            scaling.restore(server, file.name)
        except Failure as failure:
            failure.show()
            failures += 1
    now = server.current()
    others = [*now.previous.items(), *((name, canary.loaded) for name, canary in now.canary.items())]
    for name, loaded in others:
        try:
            versions.register(server, name, loaded)
            shared = name in now.canary and loaded == now.canary[name].loaded
            workers = len(management.describe(server, name)["workers"]) if shared else upgrade.KEPT_WORKERS
            scaling.scale(server, name, workers, version=loaded.version)
        except Failure as failure:
            failure.show()
            failures += 1
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
