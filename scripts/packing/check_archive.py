"""Answers one request from an archive, as a TorchServe worker would. For a clean process: `python -I FILE ARCHIVE`."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from socket import socketpair
from time import perf_counter


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


def answer(folder: str, model: dict[str, str]) -> dict[str, object]:
    """One `embedding` request, which every archive can do."""
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
    from handler.wire import Request  # the archive's own, in whose form its worker takes requests

    loaded = perf_counter()
    body = b'{"task": "embedding", "inputs": "Hello, how are you?"}'
    worker, frontend = socketpair()
    with worker, frontend:
        service.set_cl_socket(worker)
        request = Request("check", {"body": {"content-type": "application/json"}}, {"body": bytearray(body)})
        service.predict([request])
        worker.close()
        response = frontend.makefile("rb").read()
    status, _ = service.context.get_response_status(0)
    if status != 200:
        said = response[response.find(b'{"') : -4]  # after the headers; the last four bytes end TorchServe's message
        raise SystemExit(f"status {status}: {said.decode(errors='replace')}")
    return {
        "model": model["modelName"],
        "status": status,
        "tokens": int(service.context.get_response_headers(0)["x-tokens"]),
        "load_seconds": round(loaded - start, 3),
        "answer_seconds": round(perf_counter() - loaded, 3),
    }


if __name__ == "__main__":
    main(sys.argv[1])
