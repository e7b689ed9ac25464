"""Versions of a model on a running server, by TorchServe's management API."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from scripts import smoke_test
from scripts.console import Failure
from scripts.server import inference, management, own_store, scaling, temporary, unpacked
from scripts.server.state import Loaded, Server

MOST_MODELS = 10_000
"""TorchServe lists a hundred unless it is asked for more."""


def models(server: Server) -> list[str]:
    """Names of the models that the server holds."""
    answer = management.manage(server, "GET", f"/models?limit={MOST_MODELS}")
    return [str(each["modelName"]) for each in answer["models"]]


def registered(server: Server, model: str) -> list[str]:
    """Versions of the model that the server holds; none if it has no such model."""
    try:
        return [str(each["modelVersion"]) for each in management.manage(server, "GET", f"/models/{model}/all")]
    except management.Refused as refused:
        if refused.status == management.NOT_FOUND:
            return []
        raise


def bring_up(server: Server, model: str, archive: Path, workers: int | None, timeout: float) -> Loaded:
    """Register an archive beside what runs, start its workers, and ask it; what fails leaves nothing behind.

    Without a number there are as many workers as the archive says, and one where it says none.

    Raises:
        Failure: it does not load, does not answer, or answers what is not a finite number.
    """
    version = own_store.version(archive)
    if version in registered(server, model):
        raise Failure(
            f"the server on port {server.inference_port} holds version {version} of {model} already",
            fix="pack the other one with another --version, or scripts/bert rollback goes back to the version before",
        )
    temporary.check_space(Path(server.temporary), [archive])
    loaded, begin = own_store.add(server.own_store, model, archive), management.logged(server)
    try:
        register(server, model, loaded)
        alone = management.describe(server, model, version)["minWorkers"] > 0
        if alone:
            await_worker(server, model, version, timeout, begin)
        if workers is not None or not alone:
            scaling.scale(server, model, workers or 1, timeout, version)
        check_answer(server, model, version)
    except BaseException:
        take_down(server, model, loaded)
        raise
    return loaded


def register(server: Server, model: str, loaded: Loaded) -> None:
    """Load a version from the server's own store; it starts as many workers as its archive says, and returns before.

    TorchServe would wait for them in a thread that also answers a part of the clients (`ApiUtils.updateModelWorkers`).

    Raises:
        Failure: the archive is damaged, or Java cannot read it, or knows it already.
    """
    begin = management.logged(server)
    unpacked.unpack(server, loaded)
    name = unpacked.folder(server, loaded).name
    try:
        management.manage(server, "POST", "/models", url=name, model_name=model, synchronous="false")
    except management.Refused as refused:
        trouble = management.traceback(server, model, loaded.version, begin)
        raise Failure(
            f"TorchServe could not load version {loaded.version} of {model}; nothing was changed",
            why=trouble or refused.why,
        ) from None


def await_worker(server: Server, model: str, version: str, timeout: float, begin: int) -> None:
    """Wait until a worker of that version has loaded the model.

    Its log from `begin` on is looked at: one of the same number may have failed before.

    Raises:
        Failure: a worker failed, with its traceback, or time is up.
    """
    deadline = monotonic() + timeout
    while not management.ready(management.describe(server, model, version)):
        trouble = management.traceback(server, model, version, begin)
        if trouble:
            raise Failure(
                f"version {version} of {model} does not start; nothing was changed",
                why=trouble,
                fix="scripts/bert pack --check shows more",
            )
        if monotonic() > deadline:
            raise Failure(f"version {version} of {model} is not ready after {timeout:.0f} s", fix="raise --timeout")
        sleep(scaling.POLL_SECONDS)


def check_answer(server: Server, model: str, version: str) -> None:
    """Ask a version by its own task.

    Raises:
        Failure: it refuses, or a number of its answer is not finite.
    """
    address = f"/predictions/{model}/{version}"
    info = inference.info(server, address)
    for body in smoke_test.bodies(info):
        answer = inference.post(server, address, body)
        if answer.status_code != 200:
            raise Failure(
                f"version {version} of {model} answers {answer.status_code}; nothing was changed", why=answer.text[:500]
            )
        if not finite(inference.decoded(answer)):
            raise Failure(f"version {version} of {model} answers with numbers that are not finite; nothing was changed")


def finite(answer: Any) -> bool:
    """Whether each number of an answer is one; JSON has null for one that is not."""
    if isinstance(answer, dict):
        return all(map(finite, answer.values()))
    if isinstance(answer, list):
        return all(map(finite, answer))
    return answer is not None and (not isinstance(answer, float) or math.isfinite(answer))


def answer_by_default(server: Server, model: str, version: str) -> None:
    """Let a version answer at the addresses that name none."""
    management.manage(server, "PUT", f"/models/{model}/{version}/set-default")


def take_down(server: Server, model: str, loaded: Loaded) -> None:
    """Unregister a version that does not answer by default, as far as it is there, and remove its file."""
    workers = list[int]()
    with suppress(Failure):
        workers = management.pids(management.describe(server, model, loaded.version))
        management.manage(server, "DELETE", management.address(model, loaded.version))
    for pid in workers:  # they have not died
        (server.births / f"{model}.{pid}").unlink(missing_ok=True)
    (server.own_store / loaded.file).unlink(missing_ok=True)
    unpacked.remove(server, loaded)
    if model not in server.answering:
        (server.scaled / model).unlink(missing_ok=True)
