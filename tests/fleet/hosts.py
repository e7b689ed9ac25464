"""Three hosts under load, one of them lost, cut off, upgraded: `python -m tests.fleet.hosts`, as root.

Each host is a network namespace with a real TorchServe and the default model; see `network.py`. Clients ask a gateway
once and not again, and then the hosts themselves by `BertClient([url, url, url])`. No request may fail, and each answer
has to be one version's or the other's, byte by byte.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from scripts.client import BertClient
from scripts.gateway.state import Gateway
from scripts.packing import pack as packer
from scripts.paths import ROOT
from tests.e2e.conftest import wait_for
from tests.fleet.fleet import MODEL, TEXT, Ask, Fleet, Tally, asking, once
from tests.fleet.network import enter, network

CHECKPOINT = ROOT / ".cache" / "checkpoints" / "all-MiniLM-L6-v2"
CLIENTS = 12
VERSIONS = ("1.0", "2.0")
AWAY = 8.0
"""Seconds for which a host is cut off."""
RESULTS = Path(__file__).with_name("results")


class Scenarios:
    """What happens to hosts, and what clients got."""

    def __init__(self, fleet: Fleet, archive: Path, seconds: float) -> None:
        self.fleet, self.archive, self.seconds = fleet, archive, seconds
        self.answers: dict[bytes, str] = {}
        self.lines: list[str] = []
        self.good = True

    def say(self, line: str) -> None:
        """Print it, and keep it."""
        print(line, flush=True)
        self.lines.append(line)

    @contextmanager
    def under_load(self, what: str, clients: list[Ask]) -> Iterator[Tally]:
        """Run something while clients ask, and judge what they got."""
        with asking(clients, self.answers) as tally:
            time.sleep(self.seconds)
            yield tally
            time.sleep(self.seconds)
        good = set(tally.counts) <= set(VERSIONS) and tally.counts.total() > 0
        self.good = self.good and good
        self.say(f"{'ok    ' if good else 'FAILED'} {what}: {tally.line(VERSIONS)}")

    def learn(self) -> None:
        """What each version answers, at each kind of address."""
        first = self.fleet.hosts[0]
        for version in VERSIONS:
            if version == VERSIONS[1]:
                first("upgrade", MODEL, str(self.archive))
            answer = requests.post(f"{first.url}/predictions/{MODEL}", json={"inputs": TEXT}, timeout=60)
            self.answers[answer.content] = version
            with BertClient(first.url) as client:
                self.answers[client.embed(TEXT).tobytes()] = version
        first("rollback", MODEL)
        first("retire", MODEL)

    def through(self, gateway: Gateway) -> list[Ask]:
        """Clients of the gateway: half of them at an address without a version, which it chooses."""
        urls = (f"{gateway.url}/predictions/{MODEL}", f"{gateway.url}/embed")
        return [once(urls[number % 2]) for number in range(CLIENTS)]

    def killed(self, what: str, clients: list[Ask], back: Callable[[], None]) -> None:
        """Everything on the second host ends, and it is started again."""
        host = self.fleet.hosts[1]
        with self.under_load(f"{what}, a host killed and started again", clients):
            assert host.host.kill() > 2
            time.sleep(self.seconds)
            host.start()
            back()

    def cut(self, what: str, clients: list[Ask], back: Callable[[], None]) -> None:
        """The third host is cut off, and comes back."""
        host = self.fleet.hosts[2]
        with self.under_load(f"{what}, a host cut off for {AWAY:.0f} s", clients):
            self.fleet.network.cut(host.host)
            time.sleep(AWAY)
            self.fleet.network.mend(host.host)
            back()

    def with_a_gateway(self) -> None:
        """All that may happen behind one."""
        hosts = self.fleet.hosts
        with self.fleet.gateway() as gateway:
            clients = self.through(gateway)
            self.killed("gateway", clients, lambda: self.fleet.await_taken(hosts[1], gateway))
            self.cut("gateway", clients, lambda: self.fleet.await_taken(hosts[2], gateway))
            with self.under_load("gateway, HAProxy replaced five times", clients):
                for _ in range(5):
                    self.fleet.door("gateway", "reload", "--port", str(gateway.port))
            with self.under_load("gateway, each host stopped and started", clients):
                for host in hosts:
                    host("stop")
                    host.start()
                    self.fleet.await_taken(host, gateway)
            with self.under_load("gateway, a host taken out of the file and put back", clients):
                self.fleet.name(hosts[:2])
                wait_for(lambda: len(self.fleet.listed()) == 2, "two servers")
                hosts[2]("stop")
                hosts[2].start()
                self.fleet.name(hosts)
                self.fleet.await_taken(hosts[2], gateway)
            self.upgraded(gateway, clients)

    def upgraded(self, gateway: Gateway, clients: list[Ask]) -> None:
        """Host by host to the other version, and back."""
        for verb, words, version in (("upgrade", (str(self.archive),), "2.0"), ("rollback", (), "1.0")):
            with self.under_load(f"gateway, {verb} of all hosts one by one", clients):
                for host in self.fleet.hosts:
                    host(verb, MODEL, *words)
                wait_for(lambda version=version: self.chosen(gateway) == version, f"version {version} everywhere", 10)
        with self.under_load("gateway, the other version retired on all hosts", clients) as tally:
            for host in self.fleet.hosts:
                host("retire", MODEL)
        assert set(tally.counts) <= {"1.0"} or not self.good

    def chosen(self, gateway: Gateway) -> str:
        """The version that the gateway asks where an address names none."""
        answer = requests.get(f"{gateway.url}/v2/models/{MODEL}", timeout=10).json()
        return str(answer["versions"][0])

    def without_one(self) -> None:
        """The hosts themselves, by one client of many threads."""
        with BertClient([host.url for host in self.fleet.hosts]) as client:
            clients: list[Ask] = [lambda: client.embed(TEXT).tobytes()] * CLIENTS

            def back() -> None:
                wait_for(lambda: all(not host.failures for host in client.hosts.all), "all hosts", 60)

            self.killed("BertClient", clients, back)
            self.cut("BertClient", clients, back)


def main() -> int:
    """The exit status: 0 when nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of load before and after what happens")
    parser.add_argument("--write", action="store_true", help=f"keep the result in {RESULTS.name}/")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as here, network("bert-fleet", 3) as made:
        folder = Path(here)
        enter(made.door)
        packer.pack(CHECKPOINT, MODEL, "1.0", {}, folder / "store")
        packer.pack(CHECKPOINT, "next", "2.0", {"handler": {"pooling": "cls"}}, folder / "store")
        fleet = Fleet(made, folder, folder / "store")
        for host in fleet.hosts:
            host.start()
        scenarios = Scenarios(fleet, folder / "store" / "next.mar", given.seconds)
        scenarios.learn()
        scenarios.with_a_gateway()
        scenarios.without_one()
    if given.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "hosts.txt").write_text("\n".join(scenarios.lines) + "\n")
    return 0 if scenarios.good else 1


if __name__ == "__main__":
    sys.exit(main())
