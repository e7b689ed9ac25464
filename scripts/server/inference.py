"""Requests to a server's inference API, with the key that it wants."""

from __future__ import annotations

from typing import Any

import requests

from scripts.server import local
from scripts.server.management import auth_header, unreachable
from scripts.server.state import Server


def post(server: Server, path: str, body: Any, timeout: float = 120) -> requests.Response:
    """Send JSON.

    Raises:
        Failure: no connection.
    """
    try:
        return local.request(
            "POST", f"{server.inference}{path}", json=body, headers=auth_header(server), timeout=timeout
        )
    except requests.RequestException as error:
        raise unreachable(server, error) from None


def decoded(answer: requests.Response) -> Any:
    """JSON, or whatever text came instead."""
    try:
        return answer.json()
    except ValueError:
        return answer.text


def info(server: Server, path: str, timeout: float = 120) -> Any:
    """What an archive says of itself; one of another project may say anything.

    Raises:
        Failure: no connection.
    """
    return decoded(post(server, path, {"task": "info"}, timeout))
