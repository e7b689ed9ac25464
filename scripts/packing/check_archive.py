"""Answers one request from an archive, as a TorchServe worker would. For a clean process: `python -I FILE ARCHIVE`."""

from __future__ import annotations

import json
import logging
import os
import runpy
import sys
import tempfile
import zipfile
from pathlib import Path
from socket import socketpair
from time import perf_counter
from typing import Any


def main(archive: str) -> None:
    """Unpack, load through TorchServe's own loader, answer, and print one line of JSON."""
    with tempfile.TemporaryDirectory(prefix="bert-check-") as folder:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
        sys.path.insert(0, folder)
        os.chdir(folder)
        with open("MAR-INF/MANIFEST.json") as file:
            model = json.load(file)["model"]
        print(json.dumps(answer(folder, model)))


SMOKE_TEST = Path(__file__).parents[1] / "smoke_test.py"
"""A file that needs nothing else, and is read as one: of what lies around it nothing is to be importable here."""


def answer(folder: str, model: dict[str, str]) -> dict[str, object]:
    """One request to the archive's own task."""
    import torch
    import ts
    from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
    from ts.model_loader import TsModelLoader

    metrics = MetricsCacheYamlImpl(str(Path(ts.__file__).parent / "configs" / "metrics.yaml"))
    metrics.model_name = model["modelName"]
    logging.disable(logging.INFO)  # a hundred lines of metrics, among which nobody finds the reason of a failure
    start = perf_counter()
    gpu = 0 if torch.cuda.is_available() else None
    service = TsModelLoader().load(
        model["modelName"], folder, model["handler"], gpu_id=gpu, batch_size=1, metrics_cache=metrics
    )
    loaded = perf_counter()
    info = json.loads(said(ask(service, {"task": "info"})))
    for body in runpy.run_path(str(SMOKE_TEST))["bodies"](info):
        ask(service, body)
    return {
        "model": model["modelName"],
        "status": 200,
        "tokens": int(service.context.get_response_headers(0)["x-tokens"]),
        "load_seconds": round(loaded - start, 3),
        "answer_seconds": round(perf_counter() - loaded, 3),
    }


def ask(service: Any, body: Any) -> bytes:
    """What the worker sends for one request.

    Raises:
        SystemExit: it is no answer, with what it is.
    """
    from handler.wire import Request  # the archive's own, in whose form its worker takes requests

    worker, frontend = socketpair()
    with worker, frontend:
        service.set_cl_socket(worker)
        content = bytearray(json.dumps(body).encode())
        service.predict([Request("check", {"body": {"content-type": "application/json"}}, {"body": content})])
        worker.close()
        response = frontend.makefile("rb").read()
    status, _ = service.context.get_response_status(0)
    if status != 200:
        raise SystemExit(f"status {status}: {said(response)}")
    return response


def said(response: bytes) -> str:
    """The JSON of an object, after the headers; the last four bytes end TorchServe's message."""
    return response[response.find(b'{"') : -4].decode(errors="replace")


if __name__ == "__main__":
    main(sys.argv[1])
