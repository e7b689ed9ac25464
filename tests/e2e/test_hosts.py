"""Two servers that know nothing of each other, behind a gateway and behind one client: one goes, and both change."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from bert_client import BertClient
from scripts.packing import pack as packer
from tests.e2e.conftest import Cli, free_port, wait_for
from tests.fleet.fleet import MODEL, TEXT, asking, once
from tests.gateway import needs_haproxy

pytestmark = needs_haproxy
CLIENTS = 2


@pytest.fixture
def hosts(tiny: Path, tmp_path: Path) -> Iterator[list[Cli]]:
    """Each with folders of its own, as on two machines."""
    store = tmp_path / "store"
    store.mkdir()
    packer.pack(tiny, MODEL, "1.0", {"handler": {"task": "embedding"}}, store)
    packer.pack(tiny, "next", "2.0", {"handler": {"task": "embedding", "normalize": True}}, store)
    first = free_port()
    made = [Cli(tmp_path / name, store, first + 20 * number) for number, name in enumerate(("one", "two"))]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda host: host("start", MODEL, "--workers", "1"), made))
    yield made
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda host: host("stop", "--drain", "0"), made))


def java(host: Cli) -> psutil.Process:
    """Of a server."""
    return psutil.Process(host.status()[0]["pid"])


def test_no_request_fails_when_a_server_goes_and_when_both_are_upgraded(hosts, tmp_path):
    one, two = hosts
    body = {"inputs": TEXT}
    door, archive = Cli(tmp_path / "door", tmp_path, one.port), str(one.store / "next.mar")
    port = one.port + 8
    answers = {requests.post(f"{one.url}/predictions/{MODEL}", json=body, timeout=30).content: "1.0"}
    with BertClient([one.url, two.url]) as client:
        vectors = {client.embed(TEXT).tobytes(): "1.0"}
        named = [word for host in hosts for word in ("--server", host.url)]
        door("gateway", "--model", MODEL, "--port", str(port), "--max-wait", "5000", *named)
        try:
            url = f"http://127.0.0.1:{port}"
            clients = [once(f"{url}/predictions/{MODEL}") for _ in range(CLIENTS)]
            own = [lambda: client.embed(TEXT).tobytes()] * CLIENTS
            with asking(clients, answers) as through, asking(own, vectors) as direct:
                java(one).kill()
                wait_for(lambda: one.status()[0]["restarts"]["server"] == 1, "another Java")
            assert (set(through.counts), set(direct.counts)) == ({"1.0"}, {"1.0"})
            one("upgrade", MODEL, archive)
            answers[requests.post(f"{one.url}/predictions/{MODEL}", json=body, timeout=30).content] = "2.0"
            assert len(answers) == 2
            assert requests.get(f"{url}/v2/models/{MODEL}", timeout=60).json()["versions"] == ["1.0"]
            with asking([once(f"{url}/embed"), *clients], answers) as through:
                two("upgrade", MODEL, archive)
                wait_for(
                    lambda: requests.get(f"{url}/v2/models/{MODEL}", timeout=60).json()["versions"] == ["2.0"], "2.0"
                )
                one("retire", MODEL)
                two("retire", MODEL)
            assert set(through.counts) == {"1.0", "2.0"}
        finally:
            door("gateway", "stop", "--port", str(port))
