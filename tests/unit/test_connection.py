"""The load's HTTP connection, against a server that answers byte by byte as told."""

import asyncio

import pytest

from scripts.load import connection
from scripts.load.connection import Connection, UnknownLength

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nabcde"


def exchange(*scripts: list[bytes], requests: int = 1, pause: float = 0):
    """What `requests` posts over one connection give; each connection to the server follows one script of pieces."""
    heard = []
    waiting = iter(scripts)

    async def serve(reader, writer):
        try:
            for pieces in next(waiting):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                heard.append(await reader.readexactly(length))
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.005)
        finally:
            writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            client = Connection(*server.sockets[0].getsockname())
            found = []
            for number in range(requests):
                try:
                    found.append(await client.post("/route", b"body %d" % number))
                except OSError as error:
                    found.append(type(error))
                await asyncio.sleep(pause)
            client.close()
            return found

    return asyncio.run(run()), heard


def test_answers_come_whole_however_they_are_cut_and_the_connection_is_kept():
    pieces = [[OK], [OK[:10], OK[10:70], OK[70:]], [bytes([byte]) for byte in OK]]
    found, heard = exchange(pieces, requests=3)
    assert found == [200, 200, 200]
    assert heard == [b"body 0", b"body 1", b"body 2"]


def test_an_error_is_an_answer():
    assert exchange([[OK.replace(b"200 OK", b"413 Too Large")]])[0] == [413]


def test_a_connection_the_server_closes_after_its_answer_is_opened_again():
    closing = OK.replace(b"Content-Type", b"Connection: close\r\nContent-Type")
    assert exchange([[closing]], [[closing]], requests=2)[0] == [200, 200]
    assert exchange([[OK]], [[OK]], requests=2)[0][0] == 200


def test_an_answer_that_breaks_off_is_an_error_and_the_next_request_goes_on():
    assert exchange([[OK[:-1]]], [[OK]], requests=2)[0] == [ConnectionResetError, 200]


def test_an_answer_without_a_length_is_named():
    assert exchange([[b"HTTP/1.1 200 OK\r\n\r\n"]])[0] == [UnknownLength]


def test_an_answer_in_chunks_ends_with_the_last_one():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for parts in ([head + b"2\r\nab\r\n0\r\n\r\n"], [head, b"2\r\na", b"b\r\n0\r\n\r", b"\n"]):
        assert exchange([parts])[0] == [200]


def test_an_answer_that_does_not_come_is_given_up(monkeypatch):
    monkeypatch.setattr(connection, "TIMEOUT_SECONDS", 0.05)
    assert exchange([[OK[:-1], *[b""] * 20]])[0] == [TimeoutError]


def test_a_connection_left_idle_for_longer_still_gives_up(monkeypatch):
    monkeypatch.setattr(connection, "TIMEOUT_SECONDS", 0.05)
    never = [OK[:-1], *[b""] * 20]
    assert exchange([[OK], never], [never], requests=2, pause=0.1)[0] == [200, TimeoutError]


@pytest.mark.parametrize("length", [b"content-length:5", b"CONTENT-LENGTH:   5"])
def test_the_length_is_found_in_any_spelling(length):
    assert exchange([[OK.replace(b"Content-Length: 5", length)]])[0] == [200]
