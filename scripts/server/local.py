"""Requests to a server of ours, which is on this machine: no proxy is asked, and no file adds a password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import requests


def session() -> requests.Session:
    """Kept connections to a server on this machine."""
    made = requests.Session()
    made.trust_env = False
    return made


def request(method: str, url: str, **options: Any) -> requests.Response:
    """As `requests.request`, without what the environment says of proxies, and without `~/.netrc`.

    A proxy that was asked for 127.0.0.1 would look for the server on its own machine.
    """
    with session() as once:
        return once.request(method, url, **options)


def socket_request(socket: Path, method: str, path: str, timeout: float, **options: Any) -> httpx.Response:
    """One request over a Unix socket.

    Raises:
        httpx.HTTPError: nobody listens there, or the answer did not come in time.
    """
    transport = httpx.HTTPTransport(uds=str(socket))
    with httpx.Client(transport=transport, base_url="http://localhost", trust_env=False, timeout=timeout) as client:
        return client.request(method, path, **options)
