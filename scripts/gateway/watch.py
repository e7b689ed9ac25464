"""The process beside HAProxy: starts it again should it die, follows keys, versions and servers, bounds log and memory.

`python -m scripts.gateway.watch FOLDER HOST PORT KEYS [DOORS]`. The socket of clients is not HAProxy's but
that of the `Keeper` above this process, so that they wait while HAProxy starts again, and nobody is refused; so is the
one of `bodies.py`. SIGHUP replaces HAProxy by another one. A watch that is killed is replaced, and the next one adopts
the HAProxy that goes on.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from types import FrameType

from scripts.console import Failure
from scripts.gateway import bodies, handover, keys, maps, readiness, reload, settings, state, versions
from scripts.gateway.configuration import render_bodies
from scripts.gateway.haproxy import CONFIG, LOG, OLD_LOG, Adopted, HAProxy, adopted, append, spawn, spawn_bodies, stop
from scripts.gateway.memory import Memory
from scripts.gateway.settings import KEY_MAP
from scripts.server import processes
from scripts.server.keeper import Keeper, begin_again, said

MODULE = "scripts.gateway.watch"
ARGUMENTS = 5
"""Words of its command line without the last one, `DOORS`."""
POLL_SECONDS = 0.5
SHORT_LIFE, LONGEST_WAIT = 5.0, 8.0
"""Seconds after which an HAProxy has lived well; and at most between two starts of one that does not."""
LONGEST_LOG = 64 << 20
BACKLOG = 1024


Doors = tuple[socket.socket, socket.socket]
"""Where clients connect, and where large bodies come to."""


class Ended(Exception):
    """A signal asked for the end."""


class Watch:
    """Of one gateway."""

    trouble = ""
    """Why the file of keys cannot be used, as it was said last."""

    def __init__(self, folder: Path, doors: Doors, key_file: Path | None, again: bool) -> None:
        self.folder, self.key_file, (self.door, self.inner) = folder, key_file, doors
        self.keeper = os.getppid()
        self.keys: tuple[int, ...] | None = None
        if not again:
            self.write_keys()
        self.servers = reload.stamp(folder)
        self.asked = False
        found = going_on(folder, CONFIG, maps.ADMIN) if again else []
        self.haproxy, self.begun = found.pop() if found else spawn(folder, self.door), monotonic()
        self.before = found
        """Those that finish what they have."""
        holding = going_on(folder, bodies.CONFIG, bodies.ADMIN) if again else []
        self.bodies = holding.pop() if holding else spawn_bodies(folder, self.inner)
        self.memories = [Memory(folder / admin) for admin in (maps.ADMIN, bodies.ADMIN)]
        self.wait = POLL_SECONDS
        """From a start to the next one."""

    def run(self) -> int:
        """Keep HAProxy running until a signal; then let it finish what it has."""
        signal.signal(signal.SIGHUP, self.ask)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        try:
            while True:
                self.turn()
        except Ended:
            pass
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            self.door.shutdown(socket.SHUT_RDWR)  # the keeper has it, too
            stop(self.folder, self.haproxy, self.bodies, self.before)
        return 0

    def turn(self) -> None:
        """Look at everything once; what HAProxy does not hear now is said again."""
        self.follow_keeper()
        with suppress(subprocess.TimeoutExpired):
            status = self.haproxy.wait(POLL_SECONDS)
            self.start_again(status)
        self.before = [each for each in self.before if each.poll() is None]
        if self.bodies.poll() is not None:
            self.hold_bodies()
        with suppress(OSError):
            self.follow_servers()
        with suppress(OSError):
            self.follow_keys()
        with suppress(OSError):
            versions.follow(self.folder)
        with suppress(OSError):
            readiness.follow(self.folder)
        with suppress(OSError):
            append()
            bound(self.folder / LOG)
        for memory, haproxy in zip(self.memories, (self.haproxy, self.bodies), strict=True):
            with suppress(OSError):
                memory.look(haproxy.pid)

    def follow_keeper(self) -> None:
        """Where the keeper was killed, this process is."""
        if os.getppid() != self.keeper:
            state.rename(self.folder, os.getpid())
            for door in (self.door, self.inner):
                door.set_inheritable(True)
            doors = f"{self.door.fileno()},{self.inner.fileno()}"
            begin_again(self.keeper, MODULE, *sys.argv[1:ARGUMENTS], doors)

    def write_keys(self) -> None:
        """Where HAProxy reads them when it starts."""
        if self.key_file:
            self.keys = keys.stamp(self.key_file)
            maps.write(self.folder / KEY_MAP, self.usable(self.key_file))

    def follow_keys(self) -> None:
        """Have HAProxy know other keys where the file has changed.

        Raises:
            OSError: HAProxy does not answer.
        """
        if self.key_file and (now := keys.stamp(self.key_file)) != self.keys:
            maps.exchange(self.folder, KEY_MAP, self.usable(self.key_file))
            self.keys = now

    def usable(self, key_file: Path) -> list[str]:
        """Keys for HAProxy; what is new about a file that cannot be used, or can again, is said."""
        lines, trouble = keys.read(key_file)
        if trouble != self.trouble:
            said(f"nobody may ask: {trouble}" if trouble else f"{key_file} can be used again")
        self.trouble = trouble
        return lines

    def start_again(self, status: int) -> None:
        """In the place of one that ended; later and later where none stays, or none can be started."""
        short = monotonic() - self.begun < SHORT_LIFE
        self.wait = min(2 * self.wait, LONGEST_WAIT) if short else POLL_SECONDS
        sleep(max(0.0, self.begun + self.wait - monotonic()))
        how = "by what is not known" if isinstance(self.haproxy, Adopted) else f"with status {status}"
        said(f"HAProxy ended {how} after {monotonic() - self.begun:.1f} s, and is started again")
        with suppress(OSError):  # HAProxy is more than keys that changed just now
            self.write_keys()
        self.begun = monotonic()
        try:
            self.haproxy = spawn(self.folder, self.door)
        except OSError as error:  # a machine may have no memory or no processes left for a while
            said(f"HAProxy cannot be started: {error}")

    def hold_bodies(self) -> None:
        """By another HAProxy in the place of the one that ended."""
        said("the HAProxy that holds large bodies ended, and is started again")
        try:
            self.bodies = spawn_bodies(self.folder, self.inner)
        except OSError as error:
            said(f"HAProxy cannot be started: {error}")

    def follow_servers(self) -> None:
        """Replace HAProxy where that was asked for, or the file of servers has changed.

        Raises:
            OSError: HAProxy does not answer.
        """
        now = reload.stamp(self.folder)
        if now == self.servers and not self.asked:
            return
        self.asked = False  # who asks meanwhile may want something that is not in the next one
        try:
            reload.prepare(self.folder)
            self.hand_over()
        except Failure as failure:  # it is looked at again when it changes again
            said(f"the servers stay as they were: {failure.what} {failure.why}")
        except OSError:
            self.asked = True
            raise
        self.servers = now

    def hand_over(self) -> None:
        """Have another HAProxy take over."""
        with handover.kept(self.folder) as before:
            following = spawn(self.folder, self.door, self.haproxy.pid)
            if not reload.await_successor(self.folder, following):
                said("another HAProxy did not come up, and the one before goes on")
                return
            self.before.append(self.haproxy)
            self.haproxy, self.begun = following, monotonic()
            with suppress(OSError):  # it had nothing to finish
                before.release()

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Of SIGHUP."""
        self.asked = True


def going_on(folder: Path, config: str, admin: str) -> list[HAProxy]:
    """Those of a watch before, the latest last: it answers, and is nobody's child where a keeper was killed, too."""
    pid = reload.pid(folder, admin)
    others: list[HAProxy] = [each for each in adopted(config) if each.pid != pid]
    return [*others, Adopted(processes.find(pid))] if pid else others


def end(number: int, frame: FrameType | None) -> None:
    """Of SIGTERM and SIGINT."""
    raise Ended


def listening(host: str, port: int) -> socket.socket:
    """Where clients connect."""
    return socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
    )


def bound(log: Path) -> None:
    """Begin a log anew when it is long; the one before is kept. HAProxy appends to the same file."""
    if log.stat().st_size > LONGEST_LOG:
        shutil.copyfile(log, log.with_name(OLD_LOG))
        with log.open("r+b") as file:
            file.truncate()


def main(folder: str, host: str, port: str, key_file: str = "", doors: str = "") -> int:
    """Watch, until a signal asks for the end; `doors` are the descriptors that a keeper before had, as `7,8`."""
    place, before = Path(folder), [socket.socket(fileno=int(number)) for number in filter(None, doors.split(","))]
    door = before[0] if before else listening(host, int(port))
    inner = before[1] if before[1:] else bodies.listening(place)
    (place / bodies.CONFIG).write_text(render_bodies(settings.load(place)))  # a keeper of before may have had none
    keys_of = Path(key_file) if key_file else None
    return Keeper(lambda again: Watch(place, (door, inner), keys_of, again).run(), bool(doors)).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
