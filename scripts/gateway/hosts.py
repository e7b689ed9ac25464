"""Which servers there are, as an operator writes them: `http://HOST:PORT?zone=a`, on the command line or in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from scripts.console import Failure
from scripts.gateway.settings import NAMED, Backend
from scripts.server import agent

EXAMPLE = "http://10.0.0.5:8080"
HTTP = 80
MOST = 1000
"""Addresses behind a name, and requests inside a server."""


def number(text: str) -> int:
    """A positive one.

    Raises:
        ValueError: it is none.
    """
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise ValueError(f"{text!r} is no number from 1 to {MOST}")
    return int(text)


def name(text: str) -> str:
    """Of a zone.

    Raises:
        ValueError: it has characters that mean something to HAProxy.
    """
    if not NAMED.fullmatch(text):
        raise ValueError(f"{text!r} is not made of letters, digits, '.', '_' and '-'")
    return text


OPTIONS: dict[str, Callable[[str], Any]] = {"zone": name, "addresses": number, "in_flight": number}
"""What may follow the address: attributes of `Backend`, each with how it is read."""


def parse(url: str) -> Backend:
    """A server.

    Raises:
        Failure: this is not the address of one.
    """
    try:
        parts, port = urlsplit(url), urlsplit(url).port or HTTP
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        unknown = given.keys() - OPTIONS
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} is none of {', '.join(OPTIONS)}")
        options = {key: OPTIONS[key](value) for key, value in given.items()}
    except ValueError as error:  # a port beyond 65535, too
        raise Failure(f"server {url}: {error}", fix=f"{EXAMPLE} or {EXAMPLE}?zone=a&in_flight=48") from None
    if parts.scheme != "http" or not NAMED.fullmatch((parts.hostname or "").replace(":", "")) or parts.path.strip("/"):
        raise Failure(f"server {url} is not the address of a server", fix=EXAMPLE)
    return Backend(host=parts.hostname or "", port=port, agent=port + agent.OFFSET, **options)


def parsed(urls: Iterable[str]) -> tuple[Backend, ...]:
    """Servers in the order in which they are written.

    Raises:
        Failure: one is none, or is there twice.
    """
    found = tuple(map(parse, urls))
    twice = {each.address for each in found if [other.address for other in found].count(each.address) > 1}
    if twice:
        raise Failure(f"server {', '.join(sorted(twice))} is named twice", fix="name each server once")
    return found


def read(file: Path) -> tuple[Backend, ...]:
    """Those of a file with one on each line; empty lines and what follows a `#` mean nothing.

    Raises:
        Failure: it cannot be read, names none, or a line is wrong.
    """
    try:
        lines = [line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} cannot be read: {error}", fix="--servers FILE") from None
    found = parsed(filter(None, lines))
    if not found:
        raise Failure(f"{file} names no server", fix=f"a line for each, such as {EXAMPLE}")
    return found


def in_zone(servers: Iterable[Backend], zone: str) -> tuple[list[Backend], list[Backend]]:
    """Those to ask first, and those for when none of them has room; where nobody is in the zone, all come first."""
    everybody = list(servers)
    own = [each for each in everybody if each.zone == zone] if zone else everybody
    return (own, [each for each in everybody if each not in own]) if own else (everybody, [])
