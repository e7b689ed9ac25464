"""Real servers: each in a folder of its own, on ports that were free a moment ago, stopped by id."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import requests

from scripts.packing import pack as packer
from scripts.paths import ROOT
from tests import heads
from tests.collector import Collector, collecting
from tests.e2e.sent import Sent, listening

PORTS = 20  # inference, management, metrics, gRPC twice, and what a test starts beside its server: a gateway's two
PARTS, PART_PORTS = 4, 3000


def free_port() -> int:
    """First of twenty free ports in a row, below the range that clients' own ends come from.

    Processes of one test run look in parts of their own: a port that one has found is not taken yet.
    """
    begin = 20000 + PART_PORTS * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % PARTS)
    for first in range(begin + os.getpid() % 100 * PORTS, begin + PART_PORTS, PORTS):
        sockets = [socket.socket() for _ in range(PORTS)]
        try:
            for offset, probe in enumerate(sockets):
                probe.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        finally:
            for probe in sockets:
                probe.close()
        return first
    raise RuntimeError("no free ports")


def wait_for(condition: Callable[[], Any], what: str, timeout: float = 60) -> Any:
    """Poll until the condition holds; its value."""
    deadline = monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert monotonic() < deadline, f"{what}: not within {timeout} s"
        sleep(0.05)


@dataclass
class Cli:
    """The `bert` command with folders of its own."""

    runs: Path
    store: Path
    port: int

    def __call__(self, *words: str, expect: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [ROOT / "scripts" / "bert", *words],
            cwd=ROOT,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert result.returncode == expect, result.stdout + result.stderr
        return result

    def environment(self, **more: str) -> dict[str, str]:
        """Of a command of this server."""
        own = {"BERT_RUNS": self.runs, "BERT_MODEL_STORE": self.store, "BERT_INFERENCE_PORT": self.port}
        return {**os.environ, **{name: str(value) for name, value in own.items()}, **more}

    @property
    def url(self) -> str:
        """Base address of the inference API."""
        return f"http://127.0.0.1:{self.port}"

    def workers(self, model: str) -> list[dict[str, Any]]:
        """As the management API shows them."""
        answer = requests.get(f"http://127.0.0.1:{self.port + 1}/models/{model}", timeout=30)
        return answer.json()[0]["workers"]

    def status(self) -> list[dict[str, Any]]:
        """What `status` says."""
        return [each for each in json.loads(self("status", "--json").stdout) if "gateway" not in each]


@contextmanager
def serving(folders: Mapping[str, Path], here: Path) -> Iterator[Cli]:
    """A server with an archive of each folder; `here` takes what is written."""
    store = here / "store"
    store.mkdir()
    for name, folder in folders.items():
        packer.pack(folder, name, "1.0", {}, store)
    command = Cli(here / "runs", store, free_port())
    command("start")
    try:
        yield command
    finally:
        command("stop")


PAGES = {
    "text-classification": "classes",
    "token-classification": "entities",
    "question-answering": "answers",
    "fill-mask": "words",
    "sparse-embedding": "words",
}
"""Archives of `many` whose page shows a task, where it is not that of `bert`."""


@pytest.fixture(scope="package", autouse=True)
def nothing_sent_is_logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After the tests of this folder no log has any text or key that one of them sent."""
    sent = Sent()
    with listening(sent):
        yield
    assert [*sent.logged([tmp_path_factory.getbasetemp()])] == []


@pytest.fixture(scope="session")
def store(tiny: Path, minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives of the real model and of the tiny one."""
    folder = tmp_path_factory.mktemp("store")
    packer.pack(minilm, "bert", "1.0", {}, folder)
    packer.pack(tiny, "tiny", "1.0", {}, folder)
    return folder


@pytest.fixture
def cli(store: Path, tmp_path: Path) -> Iterator[Cli]:
    """A command whose server, if it starts one, ends with the test."""
    command = Cli(tmp_path / "runs", store, free_port())
    yield command
    command("stop", "--drain", "0", BERT_INFERENCE_PORT="")


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """What `server` sends its traces to."""
    with collecting() as found:
        yield found


@pytest.fixture(scope="session")
def server(store: Path, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """One server with both archives, for all tests that only send requests; it writes down all it can of them."""
    command = Cli(tmp_path_factory.mktemp("runs"), store, free_port())
    command("start", "bert", "tiny", "--request-log", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    yield command
    command("stop")


@pytest.fixture(scope="session")
def folders(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints with heads, by the name of their archive."""
    return heads.one_of_each(minilm, tmp_path_factory.mktemp("heads"))


@pytest.fixture(scope="session")
def many(folders: dict[str, Path], minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """One server with an archive for each kind of work."""
    with serving({"bert": minilm, **folders}, tmp_path_factory.mktemp("many")) as command:
        yield command


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; imported here, as Playwright is an extra."""
    from tests.browser.chromium import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def visits(many: Cli, browser: Any) -> Iterator[dict[str, Any]]:
    """An archive's page in a browser, by the archive's name."""
    from tests.browser.chromium import Visit

    visits = {name: Visit(browser, f"{many.url}/predictions/{name}/1.0") for name in {"bert", *PAGES.values()}}
    yield visits
    for each in visits.values():
        each.context.close()


@pytest.fixture
def visit(visits: dict[str, Any]) -> Iterator[Callable[..., Any]]:
    """Whatever is done at an archive's page, it asks no other server and breaks no rule of its own."""
    used = []

    def visit(name: str = "bert") -> Any:
        used.append(visits[name])
        return used[-1]

    yield visit
    for each in used:
        each.page.unroute_all()
        each.leave()
        assert each.elsewhere == []
        assert each.complaints == []
