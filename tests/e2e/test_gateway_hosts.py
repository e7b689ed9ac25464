"""A gateway in front of several hosts: a file that changes, zones, names, and what agents say; stand-ins serve."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from scripts.gateway.settings import VERSION_MAP
from scripts.server import agent
from tests.e2e.conftest import Cli, free_port, wait_for
from tests.fleet.names import Names
from tests.gateway import needs_haproxy
from tests.stand_ins import MANY, StandIn

pytestmark = needs_haproxy
ASKED = "/predictions/bert"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command, with folders of its own."""
    return Cli(tmp_path / "runs", tmp_path / "store", free_port())


@pytest.fixture
def stand_in() -> Iterator[Callable[..., StandIn]]:
    """Starts servers that end with the test."""
    found = list[StandIn]()

    def start(port: int, host: str = "127.0.0.1") -> StandIn:
        found.append(StandIn(port, host))
        found[-1].gate.release(10**6)  # as many as a client under load may ask
        return found[-1]

    yield start
    for each in found:
        each.gate.release(MANY)
        each.close()


@contextmanager
def gateway(cli: Cli, *words: str) -> Iterator[str]:
    """One with these options; its address."""
    port = cli.port + 16
    cli("gateway", "--model", "bert", "--port", str(port), "--max-wait", "5000", *words)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        cli("gateway", "stop", "--port", str(port))


@contextmanager
def load(url: str, clients: int = 4) -> Iterator[Counter[str]]:
    """Clients that ask again and again over connections that they keep; what they got."""
    found, over = Counter[str](), threading.Event()

    def one() -> None:
        with requests.Session() as session:
            while not over.is_set():
                try:
                    found[str(session.post(url, json={}, timeout=30).status_code)] += 1
                except requests.RequestException as error:
                    found[repr(error)] += 1

    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(one) for _ in range(clients)]
        try:
            yield found
        finally:
            over.set()
        for each in running:
            each.result()


def grows(seen: Sequence[str]) -> None:
    """Return when a server has had another request."""
    before = len(seen)
    wait_for(lambda: len(seen) > before, "a request")


def test_a_file_of_servers_may_change_and_haproxy_be_replaced(cli, stand_in, tmp_path):
    one, two = stand_in(cli.port), stand_in(cli.port + 1)
    file = tmp_path / "servers"
    file.write_text(f"http://127.0.0.1:{cli.port}\n")
    with gateway(cli, "--servers", str(file)) as url, load(url + ASKED) as found:
        grows(one.seen)
        assert two.seen == []
        file.write_text(f"http://127.0.0.1:{cli.port}\nhttp://127.0.0.1:{cli.port + 1}\n")
        grows(two.seen)
        grows(one.seen)
        for _ in range(3):
            cli("gateway", "reload", "--port", str(cli.port + 16))
        file.write_text("http://127.0.0.1\nno address\n")  # it stays as it is
        refused = cli("gateway", "reload", "--port", str(cli.port + 16), expect=1)
        assert "server no address is not the address of a server" in refused.stderr
        file.write_text(f"http://127.0.0.1:{cli.port + 1}\n")
        log = cli.runs / f"gateway-{cli.port + 16}" / "gateway.json"
        wait_for(lambda: f"127.0.0.1:{cli.port}" not in log.read_text().replace(str(cli.port + 1), ""), "one server")

        def has_ended() -> bool:
            """Nothing arrives any more, but what a process that was replaced had accepted."""
            before, goal = len(one.seen), len(two.seen) + 50
            wait_for(lambda: len(two.seen) > goal, "requests")
            return len(one.seen) == before

        wait_for(has_ended, "the end of what goes to a server that is not in the file")
    assert set(found) == {"200"}, found


def test_the_own_zone_comes_first_and_another_when_it_is_full_or_gone(cli, stand_in):
    own, other = stand_in(cli.port), stand_in(cli.port + 1)
    words = [f"http://127.0.0.1:{cli.port}?zone=a&in_flight=2", f"http://127.0.0.1:{cli.port + 1}?zone=b"]
    with gateway(cli, "--server", words[0], "--server", words[1], "--zone", "a") as url:
        other.seen.clear()  # both are asked for the key when the gateway starts
        with load(url + ASKED, 1) as found:
            wait_for(lambda: len(own.seen) > 20, "requests")
        assert other.seen == []
        own.gate = threading.Semaphore(0)
        before = len(own.seen)
        with ThreadPoolExecutor(3) as pool:
            inside = [pool.submit(requests.post, url + ASKED, json={}, timeout=30) for _ in range(2)]
            wait_for(lambda: len(own.seen) == before + 2, "two inside")
            assert pool.submit(requests.post, url + ASKED, json={}, timeout=30).result().status_code == 200
            assert len(other.seen) == 1
            own.gate.release(MANY)
            assert {each.result().status_code for each in inside} == {200}
        own.close()
        with load(url + ASKED, 1) as gone:
            wait_for(lambda: len(other.seen) > 20, "requests")
    assert {*found, *gone} == {"200"}


def test_a_name_is_as_many_servers_as_it_has_addresses(cli, stand_in):
    two, three = stand_in(cli.port, "127.0.0.2"), stand_in(cli.port, "127.0.0.3")
    names = Names(["127.0.0.2"])
    server = f"http://bert.internal:{cli.port}?addresses=3"
    first = f"http://127.0.0.2:{cli.port}"  # by which the model is known: this machine's own names are others
    try:
        words = ("--server", first, "--server", server, "--resolver", names.address)
        with gateway(cli, *words) as url, load(url + ASKED) as found:
            grows(two.seen)
            assert three.seen == []
            names.addresses = ["127.0.0.3", "127.0.0.2"]
            grows(three.seen)
            names.addresses = ["127.0.0.2"]
            wait_for(lambda: quiet(three.seen), "no more requests for the address that is gone")
            grows(two.seen)
    finally:
        names.close()
    assert set(found) == {"200"}, found


def quiet(seen: Sequence[str]) -> bool:
    """Whether nothing comes for a moment."""
    before = len(seen)
    threading.Event().wait(0.5)
    return len(seen) == before


def test_versions_are_those_that_all_agents_say(cli, stand_in):
    servers = [stand_in(cli.port), stand_in(cli.port + 1)]
    words = ['{"answering":{"bert":"1.0"}}', '{"answering":{"bert":"1.0"}}']

    def saying(number: int) -> Callable[[bytes, str], str]:
        return lambda question, asker: words[number] if question == agent.VERSIONS else "ready up 100%"

    listeners = [agent.listen(saying(number), cli.port + number + agent.OFFSET) for number in range(2)]
    named = [word for server in servers for word in ("--server", f"http://127.0.0.1:{server.server_port}")]
    file = cli.runs / f"gateway-{cli.port + 16}" / VERSION_MAP
    try:
        cli("gateway", "--model", "bert", "--port", str(cli.port + 16), *named)
        words[0] = '{"answering":{"bert":"2.0"},"previous":{"bert":"1.0"}}'
        requests.post(f"http://127.0.0.1:{cli.port + 16}/embed", json={}, timeout=60)
        assert servers[0].paths[-1] == "/predictions/bert/1.0/tei/embed"
        assert file.read_text() == "bert 1.0\n"
        words[1] = words[0]
        wait_for(lambda: file.read_text() == "bert 2.0\n", "version 2.0")
        requests.post(f"http://127.0.0.1:{cli.port + 16}/embed", json={}, timeout=60)
        assert {*servers[0].paths, *servers[1].paths} >= {"/predictions/bert/2.0/tei/embed"}
    finally:
        cli("gateway", "stop", "--port", str(cli.port + 16))
        for listener in listeners:
            listener.shutdown()
            listener.server_close()


def test_a_model_is_ready_while_a_server_has_a_worker_for_it(cli, stand_in):
    words = ['{"answering":{"bert":"1.0"},"working":["bert"]}']
    server = stand_in(cli.port)
    listener = agent.listen(
        lambda question, asker: words[0] if question == agent.VERSIONS else "ready up 100%", cli.port + agent.OFFSET
    )
    try:
        with gateway(cli, "--server", f"http://127.0.0.1:{server.server_port}") as url:

            def told() -> list[tuple[int, str]]:
                paths = ("/v2/models/bert/ready", "/v1/models/bert", "/v2/health/ready")
                answers = [requests.get(url + path, timeout=60) for path in paths]
                return [(each.status_code, each.json().get("error", "")) for each in answers]

            assert told() == [(200, "")] * 3
            words[0] = '{"answering":{"bert":"1.0"},"working":[]}'
            wait_for(lambda: told() == [(503, "bert has no worker")] * 2 + [(200, "")], "a model without a worker")
            words[0] = '{"answering":{"bert":"1.0"}}'  # of an agent that does not say it
            wait_for(lambda: told() == [(200, "")] * 3, "a model that may have one")
    finally:
        listener.shutdown()
        listener.server_close()
