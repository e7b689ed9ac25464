"""Hosts of their own in network namespaces: a bridge in one namespace, and a cable from it to each of the others.

Nothing outside these namespaces is touched. A host that is cut off is one whose port of the bridge forwards nothing:
packets vanish, and nobody is told.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

DOOR = 1
"""Last part of the address of the namespace with the bridge, in which gateway and clients are."""
CLONE_NEWNET = 0x40000000
"""setns(2)."""
DISABLED, FORWARDING = 0, 3
"""States of a bridge's port (linux/if_bridge.h)."""


def ip(*words: str, program: str = "ip") -> str:
    """What `ip`, or another program of iproute2, says."""
    return subprocess.run([program, *words], check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Host:
    """One of them."""

    network: str
    number: int

    @property
    def name(self) -> str:
        """Of its namespace."""
        return f"{self.network}-{self.number}"

    @property
    def address(self) -> str:
        """Where the others reach it."""
        return f"10.77.0.{self.number}"

    def command(self, words: Sequence[str]) -> list[str]:
        """The same command on this host."""
        return ["ip", "netns", "exec", self.name, *words]

    def processes(self) -> list[int]:
        """All that run on it."""
        return [int(pid) for pid in ip("netns", "pids", self.name).split()]

    def kill(self) -> int:
        """End everything of it at once; how many processes that were."""
        killed = set[int]()
        while pids := self.processes():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
        return len(killed)


@dataclass(frozen=True)
class Network:
    """The bridge and its hosts."""

    name: str
    hosts: tuple[Host, ...]

    @property
    def door(self) -> Host:
        """The namespace of the bridge."""
        return Host(self.name, DOOR)

    def cut(self, host: Host) -> None:
        """Let no packet to a host or from it."""
        self.state(host, DISABLED)

    def mend(self, host: Host) -> None:
        """Let them pass again."""
        self.state(host, FORWARDING)

    def state(self, host: Host, state: int) -> None:
        """Of its port."""
        port = f"port{host.number}"
        ip("-n", self.door.name, "link", "set", "dev", port, "state", str(state), program="bridge")


@contextmanager
def network(name: str, hosts: int) -> Iterator[Network]:
    """Namespaces that go with everything in them when it ends."""
    made = Network(name, tuple(Host(name, 11 + number) for number in range(hosts)))
    everybody = (made.door, *made.hosts)
    try:
        for host in everybody:
            ip("netns", "add", host.name)
            ip("-n", host.name, "link", "set", "lo", "up")
        ip("-n", made.door.name, "link", "add", "bridge", "type", "bridge")
        for host in made.hosts:
            port = f"port{host.number}"
            ip("-n", made.door.name, "link", "add", port, "type", "veth", "peer", "eth0", "netns", host.name)
            ip("-n", made.door.name, "link", "set", port, "master", "bridge", "up")
            ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
            ip("-n", host.name, "link", "set", "eth0", "up")
        ip("-n", made.door.name, "address", "add", f"{made.door.address}/24", "dev", "bridge")
        ip("-n", made.door.name, "link", "set", "bridge", "up")
        for host in made.hosts:
            keep_known(made.door, host)
        yield made
    finally:
        for host in made.hosts:
            with suppress(subprocess.CalledProcessError):
                host.kill()
        for host in everybody:
            with suppress(subprocess.CalledProcessError):
                ip("netns", "delete", host.name)


def keep_known(door: Host, host: Host) -> None:
    """Let the door never ask who has an address: one that is cut off would be refused, and its packets not lost."""
    (about,) = json.loads(ip("-n", host.name, "-json", "link", "show", "eth0"))
    entry = (host.address, "lladdr", about["address"], "dev", "bridge", "nud", "permanent")
    ip("-n", door.name, "neighbour", "replace", *entry)


def enter(host: Host) -> None:
    """Move this thread, and those that it starts, to a host; before there are any."""
    with Path("/run/netns", host.name).open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {host.name}")
