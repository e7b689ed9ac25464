"""Answers of a batch against a model of TorchServe's frontend: `ModelResponseDecoder` and `BatchAggregator`, 0.12."""

import warnings
from struct import unpack_from

import pytest

from handler.messages import ROOM, STREAM_NEXT, encode_responses

PIECE = 65536  # the most that `AdaptiveRecvByteBufAllocator` of Netty reads at a time
MIB = 1 << 20


class Frontend:
    """What the frontend does with the bytes it receives; `copied` counts the bytes of bodies that it copies."""

    def __init__(self, identities):
        self.open = set(identities)
        self.answers, self.copied, self.done = {}, 0, False

    def receive(self, stream: bytes) -> None:
        buffer, at = b"", 0
        while at < len(stream):
            buffer, at = buffer + stream[at : at + PIECE], at + PIECE
            while (used := self.decode(buffer)) is not None:
                buffer = buffer[used:]
        assert not buffer

    def decode(self, buffer: bytes) -> int | None:
        found, at = [], 4

        def number() -> int:
            nonlocal at
            if len(buffer) < at + 4:
                raise EOFError
            (value,) = unpack_from("!i", buffer, at)
            at += 4
            return value

        def field(length: int | None = None) -> bytes:
            nonlocal at
            length = number() if length is None else length
            if len(buffer) < at + length:
                raise EOFError
            at += length
            return buffer[at - length : at]

        if len(buffer) < 9:
            return None
        try:
            field()
            while (length := number()) >= 0:
                identity, _ = field(length).decode(), field()
                status, _, headers = number(), field(), {}
                for _ in range(number()):
                    name = field().decode()
                    headers[name] = field().decode()
                body = field()
                self.copied += len(body)
                found.append((identity, status, headers, body))
        except EOFError:
            return None
        self.respond(found)
        return at

    def respond(self, found) -> None:
        assert not self.done, "the batch was taken for finished before its last answer"
        for identity, status, headers, body in found:
            more = headers.get(STREAM_NEXT)
            assert identity in self.open
            self.answers[identity] = self.answers.get(identity, b"") + body
            if more != "true":
                self.open.remove(identity)
            assert more is None or status == 200  # TorchServe closes the connection after the head of any other
        self.done = all(headers.get(STREAM_NEXT) != "true" for _, _, headers, _ in found)


@pytest.fixture
def context():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its import leaves a file open
        from ts.context import Context, RequestProcessor

    def make(statuses):
        made = Context("bert", "", {}, 4, None, "")
        made.request_processor = [RequestProcessor({}) for _ in statuses]
        for index, status in enumerate(statuses):
            made.set_response_status(status, idx=index)
            made.set_response_content_type(index, "application/json")
        return made

    return make


def serve(bodies, context) -> tuple[Frontend, list[bytes]]:
    identities = {index: f"request-{index}" for index in range(len(bodies))}
    messages = list(encode_responses(bodies, identities, "Prediction success", 200, context))
    frontend = Frontend(identities.values())
    frontend.receive(b"".join(messages))
    assert frontend.done
    assert not frontend.open
    assert frontend.answers == {identities[index]: body for index, body in enumerate(bodies)}
    return frontend, messages


def filled(*sizes):
    return [bytes([number]) * size for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    "sizes",
    [(3,), (0, 10, 5), (20 * MIB,), (5, 20 * MIB, 7), (100_000, 20 * MIB, 100_000)],
    ids=["one", "small", "large", "one large of three", "up to the room"],
)
def test_a_batch_with_at_most_one_large_answer_is_one_message_of_ordinary_responses(context, sizes):
    made = context([200] * len(sizes))
    frontend, messages = serve(filled(*sizes), made)
    assert len(messages) == 1
    assert not any(STREAM_NEXT in made.get_response_headers(index) for index in range(len(sizes)))
    assert frontend.copied <= sum(sizes) + ROOM * (max(sizes) // PIECE + 1)


def test_what_java_copies_grows_with_the_answers_and_not_with_their_square(context):
    sizes = [2 * MIB] * 16
    frontend, messages = serve(filled(*sizes), context([200] * 16))
    assert len(messages) == 16
    assert frontend.copied == sum(sizes)


def test_small_answers_go_first_and_only_the_largest_is_streamed(context):
    made = context([200] * 5)
    _, messages = serve(filled(MIB, 10, 3 * MIB, 20, 2 * MIB), made)
    streamed = [STREAM_NEXT in made.get_response_headers(index) for index in range(5)]
    assert streamed == [False, False, True, False, False]
    assert len(messages[0]) < MIB + ROOM
    assert b"request-1" in messages[0]
    assert b"request-3" in messages[0]


def test_an_error_never_keeps_a_batch_open(context):
    made = context([200, 413, 200])
    serve(filled(MIB, 3 * MIB, 2 * MIB), made)
    assert STREAM_NEXT not in made.get_response_headers(1)


def test_answers_of_grpc_alone_are_one_message(context):
    made = context([200, 200])
    for index in range(2):
        made.set_response_header(index, STREAM_NEXT, "false")
    _, messages = serve(filled(MIB, MIB), made)
    assert len(messages) == 1
