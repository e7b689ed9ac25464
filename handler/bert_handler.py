"""TorchServe's adapter: its context in, its list of bodies out.

TorchServe imports this file by name from the archive's root and takes the one class it finds here. The rest of the
archive's code is imported in `initialize`, after its folder is put first on the path: a `handler` package on the
caller's PYTHONPATH must never take its place, and an import error here would be hidden by TorchServe's own search.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

TORCHSERVE = ("url_path", "explain", "describe")
"""Headers that TorchServe sets, in exactly these letters; a client's in others must not take their place."""


class BertHandler:
    """What TorchServe calls: `initialize` once, then `handle` for each batch of requests."""

    def initialize(self, context: Any) -> None:
        """Load the archive this worker was started for.

        Args:
            context: `ts.context.Context`.
        """
        properties = context.system_properties
        folder = Path(properties["model_dir"]).resolve()
        sys.path.insert(0, str(folder))
        if "BERT_VISIBLE_DEVICES" in os.environ:  # of a form that Java does not read; see `scripts/server/devices.py`
            os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["BERT_VISIBLE_DEVICES"]
        from handler import locks

        manifest, shared = context.manifest["model"], os.environ.get("BERT_LOCKS")
        name = context.model_name or manifest["modelName"]
        replaced = locks.be_born(Path(shared), name) if shared else 0
        from handler import torchserve

        count = torchserve.counter_emitter(context.metrics)
        count("bert_worker_restarts", replaced, {})  # at once: a worker that cannot load says nothing later
        from handler import loading

        self.pipeline = loading.load(
            folder,
            name,
            manifest["modelVersion"],
            context.model_yaml_config,
            properties.get("gpu_id"),
            count,
            shared,
            os.environ.get("BERT_KEYS"),
        )
        self.wire = torchserve.patch_torchserve()
        self.left, self.idle = perf_counter(), 0.0
        context.metrics.add_time = torchserve.rate_limited(context.metrics.add_time)
        torchserve.silence_info_logs()
        gc.collect()
        gc.freeze()  # torch's half a million objects stay anyway; a look at them takes 0.2 s, in the middle of a batch

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Answer one batch; errors travel as statuses, since an exception would fail every request of the batch."""
        from handler.call import log_internal_error
        from handler.pipeline import failure
        from handler.types import Row

        idle = self.wire.idle - self.idle
        self.pipeline.telemetry.record_idle(idle, perf_counter() - self.left - idle)
        describing = len(data) == 1 and is_describe_request(data[0], context)
        if describing:
            self.pipeline.workers.wait_if_draining()
        try:
            rows = [row(item, context, index) for index, item in enumerate(data)]
            replies = self.pipeline.answer([Row({}, {}, "", "info", trusted=True)] if describing else rows)
        except Exception as error:
            replies = [failure(log_internal_error(error))] * len(data)
        for index, reply in enumerate(replies):
            context.set_response_status(code=reply.status, idx=index)
            context.set_response_content_type(index, reply.content_type)
            for name, value in reply.headers.items():
                context.set_response_header(index, name, value)
            if is_grpc(context.get_all_request_header(index)):  # or Java's streaming calls cost the worker
                context.set_response_header(index, "ts_stream_next", "false")
        for item in data:
            item.clear()  # TorchServe keeps the batch until the next one has come
        self.left, self.idle = perf_counter(), self.wire.idle
        return [reply.body for reply in replies]


def is_describe_request(item: dict[str, Any], context: Any) -> bool:
    """Whether a request is TorchServe's own for what the model is: any other has a body, unless it is an empty form."""
    headers = context.get_all_request_header(0)
    forms = ("application/x-www-form-urlencoded", "multipart/form-data")
    form = any(value.lower().startswith(forms) for name, value in headers.items() if name.lower() == "content-type")
    return headers.get("describe") == "True" and not item and not form


def is_grpc(headers: dict[str, Any]) -> bool:
    """Whether a request came by gRPC, of which TorchServe hands on no metadata; it adds those of a sequence itself.

    One of HTTP always has a `content-length`, which TorchServe adds where the client sent none.
    """
    return all(name.startswith("ts_request_sequence") or isinstance(value, dict) for name, value in headers.items())


def row(item: dict[str, Any], context: Any, index: int) -> Any:
    """One request of TorchServe's batch."""
    from handler.types import Row

    given = context.get_all_request_header(index)
    texts = {name: value for name, value in given.items() if isinstance(value, str)}
    headers = {name.lower(): value for name, value in texts.items() if name.lower() not in TORCHSERVE}
    headers |= {name: texts[name] for name in TORCHSERVE if name in texts}
    body = given.get("body")  # TorchServe keeps each parameter's media type among the headers, as a dictionary
    content_type = body.get("content-type", "") if isinstance(body, dict) else headers.get("content-type", "")
    media_type = content_type.split(";")[0].strip().lower()
    return Row(item, headers, media_type, path(headers), identity=context.get_request_id(index) or "")


def path(headers: dict[str, str]) -> str:
    """What follows the model in the address. KServe's own routes come without one, but with a note on explanations."""
    if "explain" in headers and "url_path" not in headers:
        return "kserve/explanations" if headers["explain"] == "True" else "kserve"
    if headers.get("explain") == "True":
        return "explanations"
    return headers.get("url_path", "").strip("/")
