"""Which host a request goes to."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol


class Balancer(Protocol):
    """What stands in front of the hosts."""

    def choose(self) -> int:
        """The host of the next request, which it then has in flight."""
        ...

    def release(self, host: int) -> None:
        """A host has answered, or refused, one of its requests."""
        ...


class One:
    """Always the same host."""

    def choose(self) -> int:
        """The only one."""
        return 0

    def release(self, host: int) -> None:
        """Nothing is counted."""


class LeastConnections:
    """The host with the fewest requests in flight; of equals, the one that has been so for longest.

    HAProxy's `leastconn`, which the project's gateway uses. Hosts lie in one ordered set per number of requests, so
    that a request costs the same with thousands of them. A plain dictionary would step over the holes that removed
    hosts leave at its beginning.
    """

    def __init__(self, hosts: int) -> None:
        self.held = [0] * hosts
        self.levels: list[OrderedDict[int, None]] = [OrderedDict.fromkeys(range(hosts))]
        self.lowest = 0

    def choose(self) -> int:
        """The next one."""
        while not self.levels[self.lowest]:
            self.lowest += 1
        host = next(iter(self.levels[self.lowest]))
        self.move(host, self.lowest + 1)
        return host

    def release(self, host: int) -> None:
        """One less."""
        level = self.held[host] - 1
        self.move(host, level)
        self.lowest = min(self.lowest, level)

    def move(self, host: int, level: int) -> None:
        """To the end of another level."""
        del self.levels[self.held[host]][host]
        if level == len(self.levels):
            self.levels.append(OrderedDict())
        self.levels[level][host] = None
        self.held[host] = level
