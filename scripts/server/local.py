"""Requests to a server of ours, which is on this machine: no proxy is asked, and no file adds a password."""

from __future__ import annotations

from typing import Any

import requests


def session() -> requests.Session:
    """Kept connections to a server on this machine."""
    made = requests.Session()
    made.trust_env = False
    return made


def request(method: str, url: str, given: requests.Session | None = None, **options: Any) -> requests.Response:
    """As `requests.request`, without what the environment says of proxies, and without `~/.netrc`.

    A connection that is kept is used if it is given.

    A proxy that was asked for 127.0.0.1 would look for the server on its own machine.
    """
    if given is not None:
        return given.request(method, url, **options)
    with session() as once:
        return once.request(method, url, **options)
