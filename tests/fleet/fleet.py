"""Servers of ours on the hosts of a network, a gateway in front of them, and what clients get meanwhile."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from scripts.gateway.state import Gateway, read
from scripts.paths import ROOT
from tests.e2e.conftest import Cli, wait_for
from tests.fleet.network import Host, Network

PORT, GATEWAY = 8080, 8000
MODEL = "bert"
TEXT = "A man is eating food."


@dataclass
class OnHost(Cli):
    """The `bert` command on one of the hosts."""

    host: Host

    def __call__(self, *words: str, expect: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            self.host.command([str(ROOT / "scripts" / "bert"), *words]),
            cwd=ROOT,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert result.returncode == expect, result.stdout + result.stderr
        return result

    def environment(self, **more: str) -> dict[str, str]:
        """Temporary files lie with the others, for a host that is killed leaves them."""
        temporary = self.runs / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        return super().environment(TMPDIR=str(temporary), **more)

    @property
    def url(self) -> str:
        """As the other hosts reach it."""
        return f"http://{self.host.address}:{PORT}"

    def start(self) -> None:
        """A server that other hosts may ask, and its agent, too; nobody else is in their network."""
        address = self.host.address
        self("start", MODEL, "--host", address, "--agent-host", address, "--insecure", "--workers", "1")


@dataclass
class Tally:
    """What clients got.

    Attributes:
        counts: by the version that answered, `wrong`, a status, or the name of an exception.
        slowest: seconds of the slowest request.
    """

    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, seconds: float) -> None:
        """One request."""
        with self.lock:
            self.counts[what] += 1
            self.slowest = max(self.slowest, seconds)

    def line(self, right: Sequence[str]) -> str:
        """In words."""
        total, good = self.counts.total(), sum(self.counts[version] for version in right)
        wrong = self.counts["wrong"]
        others = {what: count for what, count in sorted(self.counts.items()) if what not in right}
        return (
            f"{total} requests, {total - good - wrong} failed, {wrong} wrong, slowest {self.slowest:.1f} s"
            f"{f' {others}' if others else ''}"
        )


Ask = Callable[[], bytes]
"""One request of one client; raises what a client would see."""


@contextmanager
def asking(clients: Sequence[Ask], answers: Mapping[bytes, str]) -> Iterator[Tally]:
    """Clients that ask again and again, each in a thread of its own, until it ends."""
    tally, over = Tally(), threading.Event()

    def one(ask: Ask) -> None:
        while not over.is_set():
            begun = time.monotonic()
            try:
                what = answers.get(ask(), "wrong")
            except Exception as error:  # whatever it is, a client sees it
                what = f"{type(error).__name__}: {error}"[:200]
            tally.add(what, time.monotonic() - begun)

    threads = [threading.Thread(target=one, args=(ask,)) for ask in clients]
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        over.set()
        for thread in threads:
            thread.join()


def once(url: str) -> Ask:
    """A client that keeps its connection, and asks nobody twice."""
    session = requests.Session()
    session.trust_env = False

    def ask() -> bytes:
        answer = session.post(url, json={"inputs": TEXT}, timeout=60)
        answer.raise_for_status()
        return answer.content

    return ask


class Fleet:
    """Everything."""

    def __init__(self, network: Network, folder: Path, store: Path) -> None:
        self.network, self.folder = network, folder
        self.hosts = [OnHost(folder / host.name, store, PORT, host) for host in network.hosts]
        self.door = Cli(folder / "door", store, PORT)
        self.file = folder / "servers"
        self.name(self.hosts)

    def name(self, hosts: Sequence[OnHost]) -> None:
        """Write the file of servers."""
        self.file.write_text("".join(f"{host.url}\n" for host in hosts))

    @contextmanager
    def gateway(self, *words: str) -> Iterator[Gateway]:
        """One in the namespace of the bridge, where this process is."""
        named = words or ("--servers", str(self.file))
        self.door("gateway", "--model", MODEL, "--max-wait", "5000", "--port", str(GATEWAY), *named)
        folder = self.door.runs / f"gateway-{GATEWAY}"
        try:
            found = read(folder)
            assert found is not None
            yield found
        except BaseException:
            print((folder / "gateway.log").read_text()[-3000:])
            raise
        finally:
            self.door("gateway", "stop", "--port", str(GATEWAY))

    def listed(self) -> list[str]:
        """The servers that the gateway has now."""
        found = read(self.door.runs / f"gateway-{GATEWAY}")
        return found.servers if found else []

    def takes(self, host: OnHost, gateway: Gateway) -> float:
        """Answers of a host that came through the gateway so far."""
        text = requests.get(gateway.metrics, timeout=5).text
        label = f'proxy="servers",server="{host.host.address}_{PORT}",code="2xx"'
        line = next(
            (line for line in text.splitlines() if "server_http_responses_total" in line and label in line), "0"
        )
        return float(line.split()[-1])

    def await_taken(self, host: OnHost, gateway: Gateway) -> None:
        """Return when the gateway has had an answer from a host after now."""
        before = self.takes(host, gateway)
        wait_for(lambda: self.takes(host, gateway) > before, f"an answer of {host.host.name}", 120)
