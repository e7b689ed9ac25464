"""What is remembered of a running server: one folder per server under `.run`, named after its inference port."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from handler.locks import births, drain_notes, notable_requests
from scripts import paths
from scripts.console import err
from scripts.files import private
from scripts.server import processes

FILE, LOCK, STARTING = "server.json", "server.lock", "starting"
DEFAULT_PORT = 8080


class Loaded(msgspec.Struct, frozen=True):
    """A version of a model, and the name of its archive in the server's own store."""

    version: str
    file: str


class Canary(msgspec.Struct, frozen=True):
    """A version that does not answer by default and gets a share of the requests from a gateway."""

    loaded: Loaded
    percent: int


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A TorchServe process this command started.

    Attributes:
        pid: of the Java process.
        created: when that process was born, see `processes.born`; a reused pid has another time.
        host: address of the inference API.
        models: names of the archives it was started with.
        store: folder of its archives.
        folder: holds its configuration, logs and locks; relative paths of TorchServe start here.
        temporary: holds unpacked archives, and Unix sockets, whose paths may have 107 characters: it is short.
        metrics_host: address of the metrics.
        agent_host: address of the agent for HAProxy; see `agent.py`.
        supervisor: of the process that starts Java again when it dies; 0 for none. `supervised` is when it was born.
        keeper: of the process that replaces the supervisor; see `keeper.py`. `kept` is when it was born.
        key_list: the file of keys that workers look at; None where they ask for none.
        request_log: whether its workers write a line for each request.
        answering: name -> the version that answers where an address names none.
        previous: name -> the version that answered before, and still does at its own address.
        canary: name -> the version that is being tried.
    """

    pid: int
    created: float
    host: str
    inference_port: int
    management_port: int
    metrics_port: int
    grpc_port: int
    models: list[str]
    store: str
    folder: str
    temporary: str
    metrics_host: str = "127.0.0.1"
    agent_host: str = "127.0.0.1"
    key_list: str | None = None
    supervisor: int = 0
    supervised: float = 0
    keeper: int = 0
    kept: float = 0
    request_log: bool = False
    answering: dict[str, Loaded] = {}
    previous: dict[str, Loaded] = {}
    canary: dict[str, Canary] = {}

    @property
    def inference(self) -> str:
        """Base address of the inference API, as a client on this machine reaches it."""
        return f"http://{loopback(self.host)}:{self.inference_port}"

    @property
    def metrics(self) -> str:
        """Counters in Prometheus' format, as a client on this machine reaches them."""
        return f"http://{loopback(self.metrics_host)}:{self.metrics_port}/metrics"

    @property
    def management(self) -> str:
        """Base address of the management API for people, always on loopback; see `management_port.py`."""
        return f"http://127.0.0.1:{self.management_port}"

    @property
    def management_socket(self) -> Path:
        """Where TorchServe's management API listens: in a folder that only the server's user can enter."""
        return management_socket(Path(self.temporary))

    @property
    def own_store(self) -> Path:
        """Copies of the archives that this server loads; see `own_store.py`."""
        return Path(self.folder) / "archives"

    @property
    def unpacked(self) -> Path:
        """These archives as folders; see `unpacked.py`."""
        return Path(self.temporary) / "archives"

    @property
    def locks(self) -> Path:
        """Folder with one lock per worker; see `handler.workers.WorkerRegistry.busy`."""
        return Path(self.folder) / "locks"

    @property
    def drain_notes(self) -> Path:
        """Folder with a note for each worker that is to end; see `scripts/server/scaling.py`."""
        return drain_notes(self.locks)

    @property
    def births(self) -> Path:
        """Folder with a file per worker, of those that are loading, too; see `handler.locks.be_born`."""
        return births(self.locks)

    @property
    def starting(self) -> Path:
        """Locked while a `start` on its port is under way."""
        return Path(self.folder) / STARTING

    @property
    def scaled(self) -> Path:
        """Folder with a file for each model, which holds the number of workers it was last scaled to."""
        return Path(self.folder) / "scaled"

    @property
    def notable(self) -> Path:
        """Folder with a file of each worker's slow and failed requests, those that ended included."""
        return notable_requests(self.locks)

    @property
    def asked(self) -> Path:
        """Folder with a file for each address from which the agent is asked; see `heard.py`."""
        return Path(self.folder) / "asked"

    @property
    def logs(self) -> Path:
        """Folder of log files."""
        return Path(self.folder) / "logs"

    def process(self) -> psutil.Process | None:
        """The Java process, unless it is gone."""
        return processes.living(self.pid, self.created)

    def watcher(self) -> psutil.Process | None:
        """The process that starts Java again when it dies, or else the one that replaces it, unless both are gone."""
        return processes.living(self.supervisor, self.supervised) or processes.living(self.keeper, self.kept)

    def current(self) -> Server:
        """As it is written down now: Java has another process id after it was started again."""
        return read(Path(self.folder) / FILE) or self

    def remembered(self) -> bool:
        """Whether it is still the server of its port; each has another temporary folder."""
        now = read(Path(self.folder) / FILE)
        return now is not None and now.temporary == self.temporary

    def change(self, change: Callable[[Server], Server]) -> Server:
        """Write down what becomes of what is written down: of itself where that is another server, or nothing.

        Others wait meanwhile: a supervisor notes a new Java while somebody upgrades one model and adds another.
        """
        with (Path(self.folder) / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            changed = change(self.current() if self.remembered() else self)
            changed.save()
        return changed

    def save(self) -> None:
        """Write it into its folder, in one step: others may be reading."""
        private.write(Path(self.folder) / FILE, msgspec.json.encode(self))

    def forget(self) -> None:
        """Remove what only a running server needs; its logs stay."""
        (Path(self.folder) / FILE).unlink(missing_ok=True)
        for folder in (
            self.own_store,
            self.locks,
            self.births,
            self.drain_notes,
            self.scaled,
            self.notable,
            self.asked,
        ):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(self.temporary, ignore_errors=True)


def management_socket(temporary: Path) -> Path:
    """The socket of the management API, in a server's folder for temporary files."""
    return temporary / "management.sock"


def loopback(host: str) -> str:
    """An address on which a server bound to `host` is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)


def flag(inference_port: int) -> str:
    """What a command needs to mean the server on that port, with a space before it; nothing for the usual one."""
    usual = os.environ.get("BERT_INFERENCE_PORT", str(DEFAULT_PORT))
    return "" if str(inference_port) == usual else f" --inference-port {inference_port}"


def folder(inference_port: int) -> Path:
    """The folder of the server on that port."""
    return paths.RUNS / str(inference_port)


def read(file: Path) -> Server | None:
    """What is written down there; None where there is nothing, or nothing readable."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Server)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:  # of another version, or damaged
        err.print(f"{file} is not readable and was skipped")
        return None
