"""TorchServe's adapter: its context in, its list of bodies out. The only file that knows TorchServe.

TorchServe imports this file by name from the archive's root and takes the one class it finds here. The rest of the
archive's code is imported in `initialize`, after its folder is put first on the path: a `handler` package on the
caller's PYTHONPATH must never take its place, and an import error here would be hidden by TorchServe's own search.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

GAUGE_SECONDS = 0.5


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
        from handler import loading

        manifest = context.manifest["model"]
        self.pipeline = loading.load(
            folder,
            context.model_name or manifest["modelName"],
            manifest["modelVersion"],
            context.model_yaml_config,
            properties.get("gpu_id"),
            counter(context.metrics),
            os.environ.get("BERT_LOCKS"),
            os.environ.get("BERT_KEYS"),
        )
        self.wire = connect()
        self.left, self.idle = perf_counter(), 0.0
        context.metrics.add_time = seldom(context.metrics.add_time)
        quiet()

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Answer one batch; errors travel as statuses, since an exception would fail every request of the batch."""
        from handler.call import Row, internal
        from handler.pipeline import failure

        idle = self.wire.idle - self.idle
        self.pipeline.telemetry.record_idle(idle, perf_counter() - self.left - idle)
        question = len(data) == 1 and described(data[0], context)
        if question:
            self.pipeline.workers.leave()
        try:
            rows = [row(item, context, index) for index, item in enumerate(data)]
            replies = self.pipeline.answer([Row({}, {}, "", "info", trusted=True)] if question else rows)
        except Exception as error:
            replies = [failure(internal(error))] * len(data)
        for index, reply in enumerate(replies):
            context.set_response_status(code=reply.status, idx=index)
            context.set_response_content_type(index, reply.content_type)
            for name, value in reply.headers.items():
                context.set_response_header(index, name, value)
        self.left, self.idle = perf_counter(), self.wire.idle
        return [reply.body for reply in replies]


def connect() -> Any:
    """Put our functions in the place of TorchServe's for its messages; none is half-read while a model loads."""
    from ts import service
    from ts.context import RequestProcessor
    from ts.protocol import otf_message_handler

    from handler.wire import Reader, written

    failed = service.create_predict_response

    def requests(batch: Any) -> tuple[list[Any], list[Any], dict[int, str]]:
        identities = {index: request.identity for index, request in enumerate(batch)}
        return [RequestProcessor(request.headers) for request in batch], [each.inputs for each in batch], identities

    def answers(bodies: Any, identities: Any, message: str, code: int, context: Any = None) -> Any:
        """TorchServe gives no context where `handle` raised, or its answer has another length."""
        return (failed if context is None else written)(bodies, identities, message, code, context)

    reader = Reader()
    otf_message_handler._retrieve_buffer = reader
    otf_message_handler._retrieve_inference_msg = reader.requests
    service.Service.retrieve_data_for_inference = staticmethod(requests)
    service.create_predict_response = answers
    return reader


def described(item: dict[str, Any], context: Any) -> bool:
    """Whether a request is TorchServe's own for what the model is; a client's comes with a note on explanations."""
    headers = context.get_all_request_header(0)
    return headers.get("describe") == "True" and "explain" not in headers and not any(item.values())


def row(item: dict[str, Any], context: Any, index: int) -> Any:
    """One request of TorchServe's batch."""
    from handler.call import Row

    given = context.get_all_request_header(index)
    headers = {name.lower(): value for name, value in given.items() if isinstance(value, str)}
    body = given.get("body")  # TorchServe keeps each parameter's media type among the headers, as a dictionary
    content_type = body.get("content-type", "") if isinstance(body, dict) else headers.get("content-type", "")
    return Row(item, headers, content_type.split(";")[0].strip().lower(), path(headers))


def path(headers: dict[str, str]) -> str:
    """What follows the model in the address. KServe's own routes come without one, but with a note on explanations."""
    if headers.get("explain") == "True":
        return "explanations"
    if "explain" in headers and "url_path" not in headers:
        return "kserve"
    return headers.get("url_path", "").strip("/")


def counter(metrics: Any) -> Any:
    """Add to one of TorchServe's counters."""
    from ts.metrics.metric_cache_errors import MetricsCacheKeyError
    from ts.metrics.metric_type_enum import MetricTypes

    known: dict[str, Any] = {}

    def declared(name: str, dimensions: list[str]) -> Any:
        try:
            return metrics.get_metric(name, MetricTypes.COUNTER)
        except MetricsCacheKeyError:  # a server with another metrics.yaml; its log keeps the line
            return metrics.add_metric_to_cache(name, "count", dimensions, MetricTypes.COUNTER)

    def emit(name: str, amount: float, dimensions: dict[str, str]) -> None:
        if name not in known:
            known[name] = declared(name, ["ModelName", *dimensions])
        known[name].add_or_update(amount, [metrics.model_name, *dimensions.values()])

    return emit


def seldom(add_time: Any) -> Any:
    """TorchServe writes the time of each batch as a line that Java reads; it is a gauge, so the latest will do."""
    last = 0.0

    def limited(*arguments: Any, **options: Any) -> None:
        nonlocal last
        if perf_counter() - last > GAUGE_SECONDS:
            last = perf_counter()
            add_time(*arguments, **options)

    return limited


def quiet() -> None:
    """TorchServe writes two lines per batch at INFO. Counters are INFO lines too, so their logger keeps that level."""
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("ts.metrics.caching_metric").setLevel(logging.INFO)
