"""Kinds of odd calls, each made from a seed; a call takes a port and says the status it got."""

from __future__ import annotations

import gzip
import json
import random
import socket
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc

NOTHING = "nothing"
"""What the status of a call begins with that got no answer though it waited for one."""
SECONDS = 60
Call = Callable[[int], str]
MODEL = b"/predictions/bert"
BODY = b'{"inputs": "a", "dimensions": 1}'
INFER: dict[str, Any] = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}]}
NAMES = ["explain", "Explain", "url_path", "URL_PATH", "describe", "Describe", "customized", "ts_request_sequence_id"]
NAMES += ["ts_request_sequence_start", "ts_stream_next", "x-ts-any", "body", "data", "content-encoding", "accept", "X"]
NAMES += ["inference-header-content-length", "authorization", "content-type", "expect", "", "connection", "\u00e9"]
VALUES = ["True", "False", "tei/health", "v1/embeddings", "", "1", "gzip", "br", "\u00e9\u00ff", "a" * 7000, "a" * 9000]
VALUES += ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/html"]
VALUES += ["-1", "99999999999", "100-continue", "close", "application/x-npy", "keep-alive", "identity, gzip"]
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "NONE"]
PATHS = ["/predictions/bert", "/predictions/bert/1.0/{}", "/explanations/bert", "/invocations", "/models/bert/invoke"]
PATHS += ["/invocations?model_name=bert", "/bert/predict", "/bert/1.0/predict?inputs=a", "/v1/models/bert:predict"]
PATHS += ["/v1/models/bert:explain", "/v2/models/bert/infer", "/v2/models/bert/explain", "/v2/health/ready", "/ping"]
PATHS += ["/v2/models/bert/versions/1.0/infer", "/predictions/none", "/%zz", "/models/bert/invoke?a=b&a=c", "/v2"]
TASKS = ["embedding", "tokenize", "info", "v1/embeddings", "v2/rerank", "tei/embed", "hf/embedding", "%00", "../x"]
TYPES = ["BYTES", "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT64", "FP16", "FP32", "FP64", "COMPLEX"]
VALUE: list[Any] = ["a", "", 1, -1, 1.5, True, None, [], ["a"], {}, 2**63, 1e300, "\u00e9" * 50]
BOMB = gzip.compress(bytes(80 << 20), 1)


def choose(dice: random.Random) -> tuple[str, Call]:
    """A kind and a call of it."""
    make = dice.choice([http, http, headers, encoded, kserve, kserve, predictions, predictions, stream, cut, cancelled])
    return make.__name__, make(dice)


def send(raw: bytes, wait: bool = True) -> Call:
    """These bytes over a connection of their own."""

    def call(port: int) -> str:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            with suppress(OSError):  # a server that has refused the head does not read the rest
                connection.sendall(raw)
            return status(connection) if wait else "left"

    return call


def status(connection: socket.socket) -> str:
    """Of the answer; a connection that is reset after it is one all the same."""
    got = b""
    try:
        while b"\r\n" not in got or got.startswith(b"HTTP/1.1 100"):
            packet = connection.recv(1 << 16)
            if not packet:
                return f"{NOTHING}: closed"
            got = (got + packet).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    except ConnectionResetError:
        return (
            "reset"  # Netty closes without lingering, and what it wrote may be lost; the worker never saw the request
        )
    except OSError as error:
        return f"{NOTHING}: {error!r}"
    return got[9:12].decode()


def request(method: str, path: str, lines: list[tuple[str, str]], body: bytes, version: str = "1.1") -> bytes:
    """An HTTP request."""
    head = [f"{method} {path} HTTP/{version}", "connection: close"]
    head += [f"{name}: {value}" for name, value in lines]
    return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode("latin-1", "replace") + body


def http(dice: random.Random) -> Call:
    """Any method, any path, any body."""
    path = dice.choice(PATHS).replace("{}", dice.choice(TASKS))
    body = dice.choice(
        [b"", BODY, b"{", b"[" * 3000, bytes(dice.randrange(300)), json.dumps(INFER).encode(), b"a=b&=c"]
    )
    kind = dice.choice(
        ["application/json", "text/plain", "application/x-www-form-urlencoded", "x", "multipart/form-data"]
    )
    return send(request(dice.choice(METHODS), path, [("content-type", kind)], body, dice.choice(["1.0", "1.1", "1.1"])))


def headers(dice: random.Random) -> Call:
    """Headers that TorchServe, the handler or HTTP itself gives a meaning."""
    lines = [(dice.choice(NAMES), dice.choice(VALUES)) for _ in range(dice.randrange(1, 6))]
    path = dice.choice(PATHS[:11]).replace("{}", dice.choice(TASKS))
    return send(request("POST", path, [("content-type", "application/json"), *lines], dice.choice([BODY, b""])))


def encoded(dice: random.Random) -> Call:
    """Compressed bodies, whole, cut, of another coding, and such as hold more than anybody may send."""
    good = gzip.compress(BODY)
    body = dice.choice([good, zlib.compress(BODY), good[:-2], good + good, good + b"x", BODY, b"", BOMB])
    lines = [("content-encoding", dice.choice(["gzip", "deflate", "GZIP", "br", "gzip, gzip", "identity"]))]
    lines.append(("content-type", dice.choice(["application/json", "", "application/x-www-form-urlencoded"])))
    path = dice.choice(["/predictions/bert", "/v1/models/bert:predict", "/predictions/bert/1.0/v1/embeddings"])
    return send(request("POST", path, lines, body))


def kserve(dice: random.Random) -> Call:
    """Tensors of any type, shape and content, in JSON and behind it."""
    tensors: list[dict[str, Any]] = []
    for name in dice.sample(["text", "input_ids", "attention_mask", "task", "dimensions", "normalize", ""], 2):
        shape = dice.choice([[1], [1, 1], [0], [2], [-1], [2**40, 2**40], []])
        tensors.append({"name": name, "shape": shape, "datatype": dice.choice(TYPES), "data": dice.choices(VALUE, k=1)})
    tail = b""
    if dice.random() < 0.5:
        tail = struct.pack("<I", 1) + b"a" if dice.random() < 0.5 else dice.randbytes(dice.randrange(20))
        del tensors[0]["data"]
        tensors[0]["parameters"] = {"binary_data_size": dice.choice([len(tail), 0, 5, 2**50])}
    body: dict[str, Any] = {"id": "1", "inputs": tensors[: dice.choice([1, 1, 2])]}
    body["parameters"] = {dice.choice(["task", "priority", "binary_data_output", "steps"]): dice.choice(VALUE)}
    if dice.random() < 0.2:
        body = {"instances": dice.choices(VALUE, k=2)}
    if dice.random() < 0.3:
        body["outputs"] = [{"name": dice.choice(["embedding", "lengths"]), "parameters": {"binary_data": True}}]
    if dice.random() < 0.4:
        task = dice.choice(["embedding", "tokenize", "hidden-states", "none", 1])
        body, tail = {**INFER, "id": dice.choice(["1", 1, None]), "parameters": {"task": task}}, b""
    text = json.dumps(body).encode()
    length = dice.choice([len(text), len(text), len(text), 0, len(text) + 99])
    lines = [("content-type", "application/json"), ("inference-header-content-length", str(length))]
    return send(request("POST", dice.choice(PATHS[8:12]), lines, text + tail))


def cut(dice: random.Random) -> Call:
    """A client that leaves in the middle of its request, or before the answer."""
    whole = request("POST", "/predictions/bert", [("content-type", "application/json")], BODY)
    return send(whole[: dice.randrange(1, len(whole) + 1)], wait=False)


def part(number: int, payload: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


def varint(number: int) -> bytes:
    """As protocol buffers write numbers."""
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def message(dice: random.Random) -> bytes:
    """A request of TorchServe's inference.proto: model, perhaps a version, inputs, perhaps a sequence."""
    names = [b"body", b"body", b"data", b"", b"describe", b"explain", b"url_path", "\u00e9".encode(), b"ts_stream_next"]
    values = [BODY, BODY, b"", b"{", b"True", bytes(99), "\u00e9".encode()]
    inputs = [(dice.choice(names), dice.choice(values)) for _ in range(dice.choice([0, 1, 1, 1, 2]))]
    made = part(1, dice.choice([b"bert"] * 9 + [b"", b"none"]))
    made += b"".join(part(3, part(1, name) + part(2, value)) for name, value in inputs)
    made += part(2, dice.choice([b"1.0", b"9"])) if dice.random() < 0.3 else b""
    made += part(4, b"sequence") if dice.random() < 0.3 else b""
    return made if dice.random() < 0.95 else made[:-1]


def remote(name: str, sent: bytes, streams: int, seconds: float, metadata: list[tuple[str, str]]) -> Call:
    """A call of gRPC."""
    path = f"/org.pytorch.serve.grpc.inference.InferenceAPIsService/{name}"

    def call(port: int) -> str:
        with grpc.insecure_channel(f"127.0.0.1:{port + 3}") as channel:
            try:
                if streams == 0:
                    channel.unary_unary(path)(sent, timeout=seconds, metadata=metadata)
                elif streams == 1:
                    list(channel.unary_stream(path)(sent, timeout=seconds, metadata=metadata))
                else:
                    list(channel.stream_stream(path)(iter([sent, sent]), timeout=seconds, metadata=metadata))
            except grpc.RpcError as error:
                code = str(error.code().name)  # type: ignore[attr-defined]
                return f"{NOTHING}: {code}" if code == "DEADLINE_EXCEEDED" and seconds == SECONDS else code
        return "OK"

    return call


def predictions(dice: random.Random) -> Call:
    """gRPC's plain call."""
    return remote("Predictions", message(dice), 0, SECONDS, [(dice.choice(["explain", "describe", "a"]), "True")])


def stream(dice: random.Random) -> Call:
    """gRPC's calls that stream; the second is for sequences, which an archive of ours does not have."""
    name, streams = dice.choice([("StreamPredictions", 1), ("StreamPredictions", 1), ("StreamPredictions2", 2)])
    return remote(name, message(dice), streams, SECONDS, [])


def cancelled(dice: random.Random) -> Call:
    """A gRPC client that does not wait."""
    name, streams = dice.choice([("Predictions", 0), ("StreamPredictions", 1)])
    return remote(name, message(dice), streams, dice.random() / 100 + 0.001, [])
