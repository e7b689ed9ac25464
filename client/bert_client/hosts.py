"""Which of several servers a request goes to, and how it is noticed that one of them is gone.

It goes to the server with the fewest requests in flight, of those that answered last. One that did not is left alone
for a second, and twice as long each further time; then a single request tries it, and the others follow if it answers.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from urllib.parse import urlsplit

from bert_client.errors import BertError, Overloaded, TimedOut, UnknownModel, Unreachable, WrongAddress

FIRST_PAUSE = 1.0  # seconds, doubled each time
LONGEST_PAUSE = 10.0
CONNECT_SECONDS = 2.0
"""For a connection, where another server can be asked instead."""
DEAD_SECONDS = 3
"""Without an acknowledgement, after which a connection is lost. A machine acknowledges however busy its server is."""
OPTIONS = {
    "TCP_KEEPIDLE": 1,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": DEAD_SECONDS,
    "TCP_USER_TIMEOUT": 1000 * DEAD_SECONDS,
}
"""Options of a TCP socket, as Linux has them (tcp(7)); other systems have some of them."""
GONE = (Overloaded, Unreachable, UnknownModel)
"""Failures after which another server is better than this one: it is busy, not there, or starting."""
WRONG = (socket.gaierror, ssl.SSLCertVerificationError, ssl.SSLError)
"""What a wrong address leads to. Connections that break have errors of `ssl` that are derived from these."""
ALIVE = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),  # urllib3's own, which these take the place of
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in OPTIONS.items() if hasattr(socket, name)),
]
"""So that a host which is cut off is noticed while its answer is waited for."""


class Host:
    """One server.

    Attributes:
        url: its address, without a slash at the end.
        in_flight: requests that wait for its answer.
        failures: how often in a row it did not answer.
        last: how it failed last, if it has not answered since.
        rest: until when it is left alone.
        turn: of its last request, in the order of all.

    Raises:
        TypeError: it is no text.
        ValueError: it is no address of HTTP.
    """

    def __init__(self, url: str) -> None:
        if not isinstance(url, str):
            raise TypeError(f"{url!r} is no address of a server; it is a str such as 'http://localhost:8080'")
        if not url.lower().startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is no address of a server; it begins with http:// or https://")
        check_place(url)
        self.url = url.rstrip("/")
        self.in_flight = self.failures = self.turn = 0
        self.rest = 0.0
        self.last: BertError | None = None

    def usable(self) -> bool:
        """Whether a request may go there: to one that failed, one at a time."""
        return not self.failures or (monotonic() >= self.rest and not self.in_flight)


class Hosts:
    """Those of a client; safe to use from several threads.

    Args:
        urls: one or several, which have the same models.

    Raises:
        TypeError: one is no text.
        ValueError: there is none, or one is no address of HTTP.
    """

    def __init__(self, urls: str | Sequence[str]) -> None:
        self.all = [Host(url) for url in ([urls] if isinstance(urls, str | bytes | None) else urls)]
        if not self.all:
            raise ValueError("no address of a server was given")
        self.turns = 0
        self.lock = threading.Lock()

    @contextmanager
    def chosen(self) -> Iterator[Host]:
        """The server to ask now; where all are left alone, the one for which that is over first."""
        with self.lock:
            host = min(self.all, key=lambda each: (not each.usable(), *self.order(each)))
            host.in_flight += 1
            self.turns += 1
            host.turn = self.turns
        try:
            yield host
        finally:
            with self.lock:
                host.in_flight -= 1

    def order(self, host: Host) -> tuple[float, int, int]:
        """Who comes first among those that may be used, and among those that may not."""
        return (0.0 if host.usable() else host.rest, host.in_flight, host.turn)

    def answered(self, host: Host) -> None:
        """Note that it did, if only with an error of the caller's."""
        host.failures, host.last = 0, None

    def failed(self, host: Host, failure: BertError) -> bool:
        """Note how a server failed; whether another one should be asked at once."""
        if not isinstance(failure, GONE):
            self.answered(host)
            return False
        with self.lock:
            pause = min(FIRST_PAUSE * 2**host.failures, LONGEST_PAUSE)
            host.failures, host.last = host.failures + 1, failure
            host.rest = monotonic() + max(pause, failure.retry_after or 0)
            return any(each.usable() for each in self.all if each is not host)

    def undecided(self) -> bool:
        """Whether a server may have a model that others do not have: it was not asked yet, or is busy."""
        with self.lock:
            return any(each.last is None or isinstance(each.last, Overloaded) for each in self.all)

    def connect_seconds(self, seconds: float) -> float:
        """What a connection may take of the time for a try."""
        return min(seconds, CONNECT_SECONDS) if len(self.all) > 1 else seconds

    def unanswered(self, url: str, seconds: float, took: float, connecting: bool) -> Unreachable:
        """What a try is that had this much time and took that long: one that was lost before is made again."""
        if took < seconds or (connecting and len(self.all) > 1):
            return Unreachable(f"{url}: no connection, or none any more, after {took:.3g} s")
        return TimedOut(f"{url}: no answer within {seconds:.3g} s")


def check_place(url: str) -> None:
    """Refuse an address without a host, or with a port that is none: it would fail at each try, in a library's words.

    Raises:
        ValueError: see above.
    """
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and not any(map(str.isspace, parts.netloc)) and parts.port != 0
    except ValueError:  # a port that is no number of 16 bits, half of a pair of brackets
        sound = False
    if not sound:
        raise ValueError(f"{url!r} is no address of a server; it has the form http://HOST:PORT, ports are 1 to 65535")


def not_connected(url: str, error: BaseException) -> Unreachable:
    """What a try is that found nobody, or whose connection broke; the library's error has the system's as its cause."""
    cause: BaseException | None = error
    while cause is not None and type(cause) not in WRONG:
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return Unreachable(f"{url}: {type(error).__name__}; does the server run?")
    return WrongAddress(f"{url}: {cause}; is the address right, and that of a proxy?")
