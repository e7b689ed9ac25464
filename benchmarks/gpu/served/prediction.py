"""`Predictions` of TorchServe's inference.proto, written by hand: no stubs have to be made for two messages."""

from __future__ import annotations

from importlib import import_module

METHOD = "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions"
SECONDS = 60
DELIMITED = 2  # wire type of strings, bytes and messages


def predict(port: int, model: str, body: bytes) -> bytes:
    """Ask a model by gRPC.

    Raises:
        ImportError: there is no grpc here.
    """
    grpc = import_module("grpc")  # of the tests and clients, not of the server
    with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.max_receive_message_length", -1)]) as channel:
        answer: bytes = channel.unary_unary(METHOD)(request(model, body), timeout=SECONDS)
    return prediction(answer)


def request(model: str, body: bytes) -> bytes:
    """Field 1 is the model's name, field 3 a map of inputs with the entry `body`."""
    return field(1, model.encode()) + field(3, field(1, b"body") + field(2, body))


def prediction(message: bytes) -> bytes:
    """Field 1 of the answer, which has no other.

    Raises:
        ValueError: it begins with something else.
    """
    if not message or message[0] != (1 << 3 | DELIMITED):
        raise ValueError(f"no prediction in {message[:40]!r}")
    size, shift, position = 0, 0, 1
    while True:
        byte = message[position]
        size |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return message[position : position + size]


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return bytes([number << 3 | DELIMITED]) + varint(len(payload)) + payload


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)
