"""`python -m benchmarks.gpu --out FOLDER`: everything a GPU host is asked, in a given time.

Each part is a process of its own with its own limit, so that one that is slow or fails costs the others nothing.
Results come line by line; `gpu.json`, `chart.svg` and the logs are there after each part. `--device cpu --sizes tiny`
rehearses the whole of it on a machine without a GPU.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import monotonic

from benchmarks.gpu import part, summary
from scripts import paths
from scripts.console import Failure
from scripts.paths import ROOT
from scripts.server import listing, stop
from scripts.server.gpu import diagnose, probe

GRACE = 1 / 12
"""Of a part's time, from its own end to SIGTERM, and from that to SIGKILL: it may have a server to stop."""
LINES = 200  # of each log of a server


def main() -> int:
    """Run the parts, and say what failed."""
    options = parsed()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    found = probe() if options.device != "cpu" else None
    if found and not found.usable:
        Failure(f"no GPU can be used: {diagnose(found).detail}", fix="--device cpu --sizes tiny rehearses").show()
        return 2
    folder = options.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.json*"), *folder.glob("*.txt"), *folder.glob("*.svg")):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="bert-gpu-") as scratch:
        return run(options, folder, Path(scratch))


def run(options: argparse.Namespace, folder: Path, scratch: Path) -> int:
    """All parts; what one leaves of its time is shared by those that follow. 1 if one failed."""
    end, left, failed = monotonic() + options.seconds, options.parts or list(part.PARTS), False
    while left:
        limit = (end - monotonic()) * part.PARTS[left[0]].share / sum(part.PARTS[name].share for name in left)
        name, began = left.pop(0), monotonic()
        try:
            status = start(name, options, folder, scratch, limit)
        finally:
            stop_servers(scratch, folder / "servers.txt")
        failed |= status != 0
        summary.note(folder, name, monotonic() - began, limit, status)
        summary.write(folder, options.device)
        print(f"{name}: {monotonic() - began:.0f} of {limit:.0f} s, exit status {status}", flush=True)
    return int(failed)


def start(name: str, options: argparse.Namespace, folder: Path, scratch: Path, limit: float) -> int:
    """One part in a process group of its own; its exit status."""
    command = [sys.executable, "-m", "benchmarks.gpu.part", name, "--out", str(folder), "--scratch", str(scratch)]
    command += ["--device", options.device, "--sizes", options.sizes, "--seconds", str(limit * (1 - 2 * GRACE))]
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            return process.wait(max(1.0, limit * (1 - GRACE)))
        except subprocess.TimeoutExpired:
            pass
        finally:  # also when this process is interrupted: the part would go on in its own session
            end(process, limit * GRACE)
        return process.returncode


def end(process: subprocess.Popen[bytes], grace: float) -> None:
    """SIGTERM, and after the grace SIGKILL, to what still runs of a part."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, kind)
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(1.0, grace))


def stop_servers(scratch: Path, file: Path) -> None:
    """End what a killed part has left running, TorchServe being in no process group of ours; keep the ends of logs."""
    paths.RUNS = scratch
    for server in listing.prune_and_list():
        stop.terminate(server)
    with file.open("a") as kept:
        for log in sorted(scratch.rglob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-LINES:]
            kept.write("\n".join([f"==> {log.relative_to(scratch)}", *lines, ""]))
            log.unlink()


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for results")
    parser.add_argument("--device", default="cuda:0", help="or cpu, to rehearse")
    parser.add_argument("--sizes", choices=["full", "tiny"], default="full")
    parser.add_argument("--seconds", type=float, default=460, help="for all parts together")
    parser.add_argument("--parts", nargs="*", choices=list(part.PARTS), help="only these")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
