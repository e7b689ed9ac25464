"""What is replaced of TorchServe's own code in a worker: reading and writing messages, counters, how much it logs."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Any

from ts import service
from ts.context import RequestProcessor
from ts.metrics.metric_cache_errors import MetricsCacheKeyError
from ts.metrics.metric_type_enum import MetricTypes
from ts.protocol import otf_message_handler

from handler.memory import Memory
from handler.messages import encode_responses
from handler.wire import Reader

GAUGE_SECONDS = 0.5


def patch_torchserve() -> Any:
    """Put our functions in the place of TorchServe's for its messages; none is half-read while a model loads."""
    failed = service.create_predict_response

    def requests(batch: Any) -> tuple[list[Any], list[Any], dict[int, str]]:
        identities = {index: request.identity for index, request in enumerate(batch)}
        return [RequestProcessor(request.headers) for request in batch], [each.inputs for each in batch], identities

    def answers(bodies: Any, identities: Any, message: str, code: int, context: Any = None) -> Any:
        """TorchServe sends what this gives; it has no context where `handle` raised, or gave too few answers."""
        if context is None:
            return failed(bodies, identities, message, code, context)
        for each in encode_responses(bodies, identities, message, code, context):
            context.cl_socket.sendall(each)
        bodies.clear()  # TorchServe keeps the list, and what this gives, until the next batch has come
        memory.give_back()
        return b""

    reader, memory = Reader(), Memory()
    otf_message_handler._retrieve_buffer = reader
    otf_message_handler._retrieve_inference_msg = reader.requests
    service.Service.retrieve_data_for_inference = staticmethod(requests)
    service.create_predict_response = answers
    return reader


def counter_emitter(metrics: Any) -> Any:
    """Add to one of TorchServe's counters."""
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


def rate_limited(add_time: Any) -> Any:
    """TorchServe writes the time of each batch as a line that Java reads; it is a gauge, so the latest will do."""
    last = 0.0

    def limited(*arguments: Any, **options: Any) -> None:
        nonlocal last
        if perf_counter() - last > GAUGE_SECONDS:
            last = perf_counter()
            add_time(*arguments, **options)

    return limited


def silence_info_logs() -> None:
    """TorchServe writes two lines per batch at INFO. Counters are INFO lines too, so their logger keeps that level."""
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("ts.metrics.caching_metric").setLevel(logging.INFO)
