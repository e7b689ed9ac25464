"""What is remembered of a running gateway: a folder under `.run`, named after its port."""

from __future__ import annotations

from pathlib import Path

import msgspec
import psutil

from scripts import paths
from scripts.files import private
from scripts.server import processes
from scripts.server.state import loopback

FILE = "gateway.json"


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that was started here.

    Attributes:
        pid: of the process that watches over HAProxy.
        created: when that was born, see `processes.born`; a reused pid has another time.
        keys: the operator's file of keys.
    """

    pid: int
    created: float
    url: str
    port: int
    metrics_host: str = "127.0.0.1"
    metrics_port: int
    servers: list[str]
    models: list[str]
    keys: str | None = None

    @property
    def folder(self) -> Path:
        """Its configuration, socket and log."""
        return folder(self.port)

    @property
    def metrics(self) -> str:
        """Counters in Prometheus' format."""
        return f"http://{loopback(self.metrics_host)}:{self.metrics_port}/metrics"

    def process(self) -> psutil.Process | None:
        """The process, unless it is gone."""
        return processes.living(self.pid, self.created)

    def save(self) -> None:
        """Write it into its folder, in one step: others may be reading."""
        private.write(self.folder / FILE, msgspec.json.encode(self))


def folder(port: int) -> Path:
    """Of the gateway on that port."""
    return paths.RUNS / f"gateway-{port}"


def read(folder: Path) -> Gateway | None:
    """What is written down in a gateway's folder; None while it is being started."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Gateway)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def rename(folder: Path, pid: int) -> None:
    """Write down that another process watches over HAProxy now."""
    if gateway := read(folder):
        msgspec.structs.replace(gateway, pid=pid, created=processes.born(pid)).save()


def remembered() -> list[Gateway]:
    """All that were started and not stopped, whether they live or not."""
    return [gateway for file in sorted(paths.RUNS.glob(f"gateway-*/{FILE}")) if (gateway := read(file.parent))]


def running() -> list[Gateway]:
    """Those that live."""
    return [gateway for gateway in remembered() if gateway.process()]
