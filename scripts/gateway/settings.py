"""What a gateway is asked for, and what it knows of the servers behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from scripts.files import private

DEFAULT_PORT = 8000
KEY_MAP, VERSION_MAP, READY_MAP = "keys.map", "versions.map", "ready.map"
"""HAProxy's own files in the folder of a gateway; see `maps.py`."""
FILE = "settings.json"
NAMED = re.compile(r"[A-Za-z0-9._-]+")
"""Hosts and zones: what is one word to HAProxy."""
DOOR = "BERT_DOOR"
"""Environment variable: the descriptor of a listening socket, as HAProxy's `bind` takes it; see `watch.py`."""
MIB = 1 << 20
IN_FLIGHT = 32
"""Requests inside a server of which nothing is known: two workers with a batch of 16 each."""
MAX_WAIT = 250
"""Milliseconds: `Settings.max_wait`."""
CLIENTS = 2000
"""Connections at the door; each may need another one within."""
BATCHES = 1.5
"""Per worker, inside a server: one that is computed, and half of one that is ready when it is done."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A server.

    Attributes:
        in_flight: requests that may be inside it; the others wait in the gateway, where a client may still leave.
        large: of these, how many may be; see `large.py`.
        agent: port on which `scripts.server.agent` says how it is; None where there is none.
        agent_host: where that is, if not where the server is.
        zone: where it stands; see `hosts.in_zone`.
        addresses: that its name may have at a time, looked up again and again; 1 is an address that stays.
    """

    host: str
    port: int
    in_flight: int = IN_FLIGHT
    large: int = 1
    agent: int | None = None
    agent_host: str = ""
    zone: str = ""
    addresses: int = 1

    @property
    def address(self) -> str:
        """As HAProxy writes it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Served:
    """A model, as its `info` describes it."""

    name: str
    version: str
    task: str = "embedding"
    dimensions: int | None = None

    @property
    def path(self) -> str:
        """Its address on a server."""
        return f"/predictions/{self.name}/*"

    def metadata(self) -> dict[str, Any]:
        """Of the Open Inference Protocol's `GET /v2/models/{model}`."""
        vectors = self.task == "embedding" and self.dimensions
        output: dict[str, Any] = {"name": self.task.replace("-", "_"), "datatype": "BYTES", "shape": [-1]}
        if vectors:
            output |= {"datatype": "FP32", "shape": [-1, self.dimensions]}
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": "torchserve_bert",
            "inputs": [{"name": "inputs", "datatype": "BYTES", "shape": [-1]}],
            "outputs": [output],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A gateway.

    Attributes:
        found: servers and models are those that ran on this machine; they are looked for again, see `reload.py`.
        models: what is served; routes without a name in them go to the first.
        folder: of its files; where it is not told, HAProxy's own current one.
        keys: the operator's file of keys; None where everybody may ask.
        rate: requests per second of one key, or of one address where there are no keys; 0 is without a limit.
        rates: those of single keys, by name.
        connections: that one address may have open, and may open in a second; 0 is without a limit.
        cors_origin: whose pages browsers let read the answers; None where that is for the servers to say.
        max_body: bytes; a whole request is kept in memory, so that it can be sent again.
        at_once: requests that are no overload, however small the servers are.
        max_wait: milliseconds that a request may be expected to take when others are waiting; later ones are refused.
        outage: seconds that requests wait for a server that is down.
        servers_file: names the servers, and is read again when it changes; None where they stay.
        zone: of the gateway: servers in it are asked first.
        resolvers: `HOST:PORT` of name servers; without any, those of `/etc/resolv.conf`.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    metrics_host: str = "127.0.0.1"
    metrics_port: int = DEFAULT_PORT + 1
    servers: tuple[Backend, ...]
    models: tuple[Served, ...]
    found: bool = False
    folder: Path = Path()
    tls_cert: Path | None = None
    keys: Path | None = None
    rate: int = 0
    rates: Mapping[str, int] = field(default_factory=dict)
    connections: int = CLIENTS // 2
    cors_origin: str | None = None
    max_body: int = MIB
    at_once: int = 64
    max_wait: int = MAX_WAIT
    outage: int = 60
    servers_file: Path | None = None
    zone: str = ""
    resolvers: tuple[str, ...] = ()

    @property
    def burst(self) -> int:
        """Requests that are let in before it is known how fast they are answered."""
        return max(self.at_once, 2 * sum(server.in_flight * server.addresses for server in self.servers))

    @property
    def url(self) -> str:
        """Where clients on this machine reach it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}"

    def save(self) -> None:
        """Write it into the folder, for when HAProxy is to have another configuration."""
        private.write(self.folder / FILE, msgspec.json.encode(self, enc_hook=str))


def load(folder: Path) -> Settings:
    """What `Settings.save` wrote."""
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Settings, dec_hook=lambda kind, value: kind(value))
