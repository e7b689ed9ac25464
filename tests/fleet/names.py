"""A name server for tests: who asks for the address of anything gets all of a list (RFC 1035, sections 4.1 and 3.4)."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Sequence

A, INTERNET = 1, 1
ANSWER, AUTHORITATIVE = 1 << 15, 1 << 10
HEADER = struct.Struct(">6H")
"""Id, flags, and how many questions, answers, authorities and additional records there are."""
TO_QUESTION = b"\xc0\x0c"
"""A name that is that of the question: a pointer to the byte behind the header."""


class Names:
    """Answers over UDP on loopback in a thread, until `close`; `addresses` may change meanwhile."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = list(addresses)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self.serve, name="names", daemon=True).start()

    @property
    def address(self) -> str:
        """`HOST:PORT`."""
        return "{}:{}".format(*self.socket.getsockname())

    def serve(self) -> None:
        """Every question."""
        while True:
            try:
                question, asker = self.socket.recvfrom(512)
            except OSError:  # closed
                return
            if question:
                self.socket.sendto(self.answer(question), asker)

    def answer(self, question: bytes) -> bytes:
        """All addresses, where IPv4 ones are asked for; their order is another each time."""
        number, *_ = HEADER.unpack_from(question)
        end = question.index(0, HEADER.size) + 5
        kind, _ = struct.unpack(">2H", question[end - 4 : end])
        found = self.addresses if kind == A else []
        self.addresses = self.addresses[1:] + self.addresses[:1]
        head = HEADER.pack(number, ANSWER | AUTHORITATIVE, 1, len(found), 0, 0)
        record = TO_QUESTION + struct.pack(">2HIH", A, INTERNET, 1, 4)
        return head + question[HEADER.size : end] + b"".join(record + socket.inet_aton(each) for each in found)

    def close(self) -> None:
        """End it."""
        self.socket.close()
