import gc
import importlib
import socket
import warnings
from struct import pack
from threading import Thread

import pytest

from handler.wire import MOST_PARTS, Reader, encode_response


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    with near, far:
        yield near, far


@pytest.fixture(scope="module")
def torchserve():
    """TorchServe's own functions, against which ours are held."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its import leaves a file open
        module = importlib.import_module("ts.protocol.otf_message_handler")
        gc.collect()
    return module


def field(content: bytes) -> bytes:
    return pack("!i", len(content)) + content


END = pack("!i", -1)
HEADERS = {"explain": "False", "url_path": "v1/embeddings", "x-empty": "", "x-name": "Zürich"}


def request(number: int, inputs: dict[str, tuple[str, bytes]]) -> bytes:
    """As `ModelRequestEncoder` in TorchServe's frontend writes one."""
    headers = b"".join(field(name.encode()) + field(value.encode()) for name, value in HEADERS.items())
    parts = (field(name.encode()) + field(kind.encode()) + field(body) for name, (kind, body) in inputs.items())
    return field(f"id-{number}".encode()) + headers + END + b"".join(parts) + END


BATCH = [
    {"body": ("application/json", b'{"inputs": "a"}')},
    {"a": ("text/plain", b"one"), "b": ("application/octet-stream", bytes(range(256)))},
    {"body": ("text/plain", b"")},
    {},
]
MESSAGE = b"".join(request(number, inputs) for number, inputs in enumerate(BATCH)) + END


def test_a_batch_is_read_as_torchserve_reads_it(pair, torchserve, monkeypatch):
    near, far = pair
    monkeypatch.setenv("TS_DECODE_INPUT_REQUEST", "false")
    far.sendall(MESSAGE)
    ours = Reader().requests(near)
    far.sendall(MESSAGE)
    from ts.service import Service

    headers, inputs, identities = Service.retrieve_data_for_inference(torchserve._retrieve_inference_msg(near))
    assert [each.headers for each in ours] == [each.get_request_properties() for each in headers]
    assert [each.inputs for each in ours] == inputs
    assert dict(enumerate(each.identity for each in ours)) == identities


def test_a_header_with_the_name_of_an_input_wins_as_in_torchserve(pair):
    near, far = pair
    headers = field(b"body") + field(b"mine") + END
    far.sendall(field(b"id") + headers + field(b"body") + field(b"text/plain") + field(b"x") + END + END)
    (found,) = Reader().requests(near)
    assert (found.headers, found.inputs) == ({"body": "mine"}, {"body": b"x"})


@pytest.mark.parametrize("step", [1, 2, 3, 7, 50])
def test_messages_may_be_cut_anywhere_and_follow_each_other_closely(pair, step):
    near, far = pair
    stream = b"I" + MESSAGE + b"I" + MESSAGE

    class Trickle:
        def __init__(self):
            self.at = 0

        def setsockopt(self, *options):
            pass

        def recv(self, size):
            self.at += step
            return stream[self.at - step : self.at]

    far.sendall(MESSAGE)
    whole = Reader().requests(near)
    read, slow = Reader(), Trickle()
    for _ in range(2):
        assert read(slow, 1) == b"I"
        assert read.requests(slow) == whole


def test_a_field_may_be_larger_than_one_read(pair):
    near, far = pair
    large = bytes(3_000_000)
    sender = Thread(target=far.sendall, args=(request(0, {"body": ("text/plain", large)}) + END,))
    sender.start()
    assert Reader().requests(near)[0].inputs["body"] == large
    sender.join()


def test_one_system_call_serves_a_whole_batch(pair):
    near, far = pair
    far.sendall(b"I" + MESSAGE)
    calls = []

    class Counting:
        def setsockopt(self, *options):
            near.setsockopt(*options)

        def recv(self, size):
            calls.append(size)
            return near.recv(size)

    read = Reader()
    assert read(Counting(), 1) == b"I"
    assert len(read.requests(Counting())) == len(BATCH)
    assert len(calls) == 1


def test_a_frontend_that_has_gone_ends_the_worker(pair):
    near, far = pair
    far.sendall(MESSAGE[:20])
    far.close()
    with pytest.raises(SystemExit):
        Reader().requests(near)


def test_answers_are_written_as_torchserve_writes_them(torchserve):
    from ts.context import Context, RequestProcessor

    bodies = [b'{"a": 1}', b"", bytes(range(256))]
    context = Context("bert", "", {}, 4, None, "")
    context.request_processor = [RequestProcessor({}) for _ in bodies]
    for index, status in enumerate((200, 413, 200)):
        context.set_response_status(status, idx=index)
        context.set_response_content_type(index, "application/json")
        for number in range(index):
            context.set_response_header(index, f"x-{number}", "Zürich")
    told = (bodies, {0: "first", 1: "second", 2: "third"}, "Prediction success", 200, context)
    assert encode_response(*told) == torchserve.create_predict_response(*told)


def test_what_is_replaced_is_still_there(torchserve):
    from ts import service

    assert service.create_predict_response is torchserve.create_predict_response
    assert callable(service.Service.retrieve_data_for_inference)
    assert callable(torchserve._retrieve_buffer)
    assert callable(torchserve._retrieve_inference_msg)


def test_answers_get_a_larger_buffer_than_the_system_gives(pair):
    near, far = pair
    before = near.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    far.sendall(b"ab")
    assert Reader()(near, 2) == b"ab"
    assert near.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > before


@pytest.mark.parametrize("step", [7, 100_000])
@pytest.mark.parametrize(("count", "excess"), [(MOST_PARTS, False), (MOST_PARTS + 1, True), (5 * MOST_PARTS, True)])
def test_of_a_form_with_many_fields_only_the_first_are_kept(count, excess, step):
    parts = {f"f{number}": ("", b"v") for number in range(count)}
    stream = request(0, parts) + request(1, BATCH[0]) + END

    class Cut:
        at = 0

        def setsockopt(self, *options):
            pass

        def recv(self, size):
            self.at += step
            return stream[self.at - step : self.at]

    first, second = Reader().requests(Cut())
    assert list(first.inputs) == list(parts)[:MOST_PARTS]
    assert first.inputs.excess is excess
    assert second.inputs == {"body": b'{"inputs": "a"}'}
    assert second.inputs.excess is False
