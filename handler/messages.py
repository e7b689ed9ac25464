"""How the answers of a batch are cut into messages, so that Java's time for them stays in proportion to their size.

`ModelResponseDecoder` of TorchServe 0.12 starts again at a message's first byte with each 64 KiB that arrive, and each
time copies all answers of the message that are complete by then. So a message holds few bytes before its last answer.
`BatchAggregator.sendResponse` takes a batch for finished after the first message in which no answer has the header
`ts_stream_next: true`; so one answer of the batch is begun in the first message and ended in the last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handler.wire import encode_response

STREAM_NEXT = "ts_stream_next"
ROOM = 256 << 10
"""Bytes of complete answers before another one in its message; of 64 MiB that follow, Java copies them 1,024 times."""


def encode_responses(
    bodies: Sequence[bytes], identities: Mapping[int, str], message: str, code: int, context: Any
) -> Iterator[bytes]:
    """The answers to a batch, smallest first; one message unless there are several large ones.

    The largest answer is the one that keeps the batch open. Its client gets its head at once, its body last, and both
    as `transfer-encoding: chunked`; all others are ordinary responses.
    """
    order = sorted(identities, key=lambda index: len(bodies[index]))
    longest = next((index for index in reversed(order) if may_be_streamed(context, index)), None)
    others = [index for index in order if index != longest]

    def encoded(contents: Any, indices: Sequence[int]) -> bytes:
        return encode_response(contents, {index: identities[index] for index in indices}, message, code, context)

    if longest is None or sum(len(bodies[index]) for index in others) <= ROOM:
        yield encoded(bodies, order)
        return
    context.set_response_header(longest, STREAM_NEXT, "true")
    begun = {**dict(enumerate(bodies)), longest: b""}
    for some in groups(bodies, others):
        yield encoded(begun, [*some, longest])
    context.set_response_header(longest, STREAM_NEXT, "false")
    yield encoded(bodies, [longest])


def may_be_streamed(context: Any, index: int) -> bool:
    """Not an error, after which TorchServe may close the connection; nor gRPC's, which has this header for its end."""
    return context.get_response_status(index)[0] == 200 and STREAM_NEXT not in context.get_response_headers(index)


def groups(bodies: Sequence[bytes], order: Sequence[int]) -> Iterator[list[int]]:
    """The indices in this order, cut behind each answer with which there are more than `ROOM` bytes."""
    group: list[int] = []
    size = 0
    for index in order:
        group.append(index)
        size += len(bodies[index])
        if size > ROOM:
            yield group
            group, size = [], 0
    if group:
        yield group
