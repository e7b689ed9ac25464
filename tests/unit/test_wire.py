import ast
import socket
from importlib.metadata import files
from threading import Thread

import pytest

from handler.wire import Buffered


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_fields_come_out_as_they_went_in_however_they_were_cut(pair):
    near, far = pair
    fields = [bytes([number % 251]) * (number * 37 % 5000) for number in range(200)]

    def send():
        whole = b"".join(fields)
        for start in range(0, len(whole), 1733):
            far.sendall(whole[start : start + 1733])

    sender = Thread(target=send)
    sender.start()
    read = Buffered()
    assert [bytes(read(near, len(field))) for field in fields] == fields
    sender.join()


def test_a_field_may_be_larger_than_one_read(pair):
    near, far = pair
    large = bytes(3_000_000)
    sender = Thread(target=far.sendall, args=(large,))
    sender.start()
    assert len(Buffered()(near, len(large))) == len(large)
    sender.join()


def test_one_system_call_serves_many_fields(pair):
    near, far = pair
    far.sendall(b"abcdef")
    calls = []

    class Counting:
        def setsockopt(self, *options):
            near.setsockopt(*options)

        def recv(self, size):
            calls.append(size)
            return near.recv(size)

    read = Buffered()
    assert [bytes(read(Counting(), 2)) for _ in range(3)] == [b"ab", b"cd", b"ef"]
    assert len(calls) == 1


def test_a_frontend_that_has_gone_ends_the_worker(pair):
    near, far = pair
    far.close()
    with pytest.raises(SystemExit):
        Buffered()(near, 1)


def test_torchserve_still_has_the_function_this_replaces():
    (file,) = [path for path in files("torchserve") or [] if path.name == "otf_message_handler.py"]
    tree = ast.parse(file.read_text())  # read and not imported: TorchServe's import leaves a file open
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [argument.arg for argument in found["_retrieve_buffer"].args.args] == ["conn", "length"]


def test_answers_get_a_larger_buffer_than_the_system_gives(pair):
    near, far = pair
    before = near.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    far.sendall(b"ab")
    assert Buffered()(near, 2) == b"ab"
    assert near.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > before
