"""Starts a server's Java again when it dies: `python -m scripts.server.supervise`, with a `Post` as JSON on stdin.

It is a process of its own, small, behind every server, below a `Keeper`; with `start --foreground` that is a child of
the command.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Event
from time import monotonic
from typing import Any

import msgspec

from handler.locks import is_locked, is_running, model_locks, owner, stop_note, write_restart
from scripts.console import Failure
from scripts.server import bound, draining, failed, java, lost, processes, restoring, services, unpacked
from scripts.server.keeper import Keeper, become_parent_of_orphans, begin_again
from scripts.server.state import Server

POLL_SECONDS = 0.2
FIRST_WAIT = 0.25
"""Seconds from the first death to the next start; doubled for each further one before a worker was ready."""
LONGEST_WAIT = 30.0
MOST_DEATHS = 5
"""Deaths in a row of a Java that never had a worker ready, after which it is left alone."""
LOST_SECONDS = 30.0
"""At most, for what workers of a server without its folder have begun."""
MODULE = "scripts.server.supervise"
LOCK = "supervising"
"""Locked by the supervisor of a server."""


class Post(msgspec.Struct, frozen=True):
    """What a supervisor is given to watch.

    Attributes:
        server: with process id 0 where Java is still to be started.
        environment: of Java.
    """

    server: Server
    environment: dict[str, str]


class Supervisor:
    """The one that watches a server."""

    def __init__(self, post: Post) -> None:
        self.keeper = os.getppid()
        self.watchers: dict[str, Any] = {
            "supervisor": os.getpid(),
            "supervised": processes.born(os.getpid()),
            "keeper": self.keeper,
            "kept": processes.born(self.keeper),
        }
        self.server = msgspec.structs.replace(post.server, **self.watchers)
        self.environment = post.environment
        self.ending = Event()
        self.deaths = 0
        self.was_ready = False
        self.gave_up = False
        self.cause = ""
        """Of the next death, where it is known."""
        self.restoring: Popen[bytes] | None = None
        self.kept: int | None = None
        self.lock = os.open(Path(post.server.folder) / LOCK, os.O_WRONLY | os.O_CREAT, 0o600)

    def begin(self) -> bool:
        """Start Java, or take over the one that runs; False where another supervisor has it already.

        Raises:
            Failure: it does not start.
        """
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        become_parent_of_orphans()
        self.keep()
        if self.server.pid:
            self.server = self.server.change(lambda now: msgspec.structs.replace(now, **self.watchers))
        else:
            self.server = java.start(self.server, self.environment)
        services.begin(self.server)
        return True

    def watch(self) -> None:
        """Until `ending` is set, the server is being stopped, or Java has died too often."""
        while not self.ending.wait(POLL_SECONDS):
            if os.getppid() != self.keeper:
                post = Post(self.server.current(), self.environment)
                begin_again(self.keeper, MODULE, stdin=msgspec.json.encode(post))
            if self.server.process() is not None:
                self.was_ready = self.was_ready or ready(self.server)
                self.end_lost()
                if self.restoring is not None:
                    self.restoring.poll()  # or it stays a zombie when it is done
            elif is_locked(stop_note(self.server.locks)) or not self.replace():
                return

    def end_lost(self) -> None:
        """End a Java whose temporary folder was deleted, when its workers have answered what they have begun."""
        cause = lost.cause(self.server)
        if cause and not is_locked(stop_note(self.server.locks)):
            self.cause = cause
            with draining.stopping(self.server) as note:
                draining.finish(self.server, note, LOST_SECONDS)
                java.end(processes.of(self.server.temporary))

    def replace(self) -> bool:
        """Start Java again, with the workers it had; False where it is given up, or somebody ends this server.

        A Java that does not even start is one that died.
        """
        how = java.reap(self.server.pid)
        cause = self.cause or bound.taken(self.server)
        why, self.cause = f": {cause}" if cause else "", ""
        self.deaths = 0 if self.was_ready else self.deaths + 1
        self.was_ready = False
        if self.deaths >= MOST_DEATHS:
            return self.give_up(how, why)
        wait = min(FIRST_WAIT * 2**self.deaths, LONGEST_WAIT)
        self.log(
            "server",
            f"Java (pid {self.server.pid}) ended {how}{why}; attempt {self.deaths + 1} to start it in {wait:g} s",
        )
        begun = monotonic()
        try:
            java.clear(self.server)
            self.keep()
            if self.ending.wait(max(0.0, wait - (monotonic() - begun))):
                return False
            self.server = self.server.current()
            for loaded in self.server.answering.values():
                unpacked.unpack(self.server, loaded)
            self.server = java.start(self.server, self.environment)
            self.restoring = restoring.begin(self.server)
        except (Failure, OSError) as error:  # a disk may be full for a while
            self.cause = str(error)
            self.log("supervisor", f"Java could not be started: {error}")
        return True

    def keep(self) -> None:
        """Hold a lock on the server's temporary folder for as long as this process lives, or until it is made again.

        Archives are unpacked there once and read by each new worker, and systemd-tmpfiles removes from `/tmp` what
        nobody has touched for ten days. It leaves a folder alone on which somebody has a lock of flock(2):
        tmpfiles.d(5), "Age".
        """
        if self.kept is not None:
            os.close(self.kept)
            self.kept = None
        with suppress(FileNotFoundError):  # it was deleted, and is made again with the next Java
            self.kept = os.open(self.server.temporary, os.O_RDONLY)
            fcntl.flock(self.kept, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def give_up(self, how: str, why: str) -> bool:
        """Write down why this server is started no more."""
        reason = f"Java ended {how}, {MOST_DEATHS} times in a row before every model had a worker{why}"
        self.log("supervisor", f"gives up: {reason}")
        failed.write(self.server, reason)
        self.gave_up = True
        return False

    def log(self, what: str, text: str) -> None:
        """A line for the operator; those of a `server` are counted as restarts."""
        write_restart(self.server.locks, what, text)

    def end(self) -> None:
        """Watch no longer; Java is left as it is."""
        self.ending.set()


def ready(server: Server) -> bool:
    """Whether each model has a worker that has loaded it: such a worker has a lock."""
    with suppress(FileNotFoundError):
        return all(any(is_running(owner(file)) for file in model_locks(server.locks, name)) for name in server.models)
    return False


def begin(server: Server, environment: Mapping[str, str]) -> Server:
    """Leave a supervisor; it starts the server's Java, or takes over the one that runs.

    Returns:
        The server as it is written down.

    Raises:
        Failure: Java does not start.
    """
    with java.private_log(server.logs / "restarts.log") as log:
        process = restoring.spawn(MODULE, stdin=PIPE, stdout=PIPE, stderr=log)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with process.stdin as post, process.stdout as said:
            post.write(msgspec.json.encode(Post(server, dict(environment))))
            post.close()
            began = said.readline()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if not began:
        raise java.not_started(server)
    return server.current()


def take_over(server: Server) -> Server:
    """Watch a server whose supervisor is gone; Java's own environment is the next one's, too."""
    process = server.process()
    return server if process is None else begin(server, process.environ())


def main() -> int:
    """Watch what stdin says; a line on stdout says that Java runs. SIGTERM ends the watch and leaves Java running."""
    return Keeper(partial(work, msgspec.json.decode(sys.stdin.buffer.read(), type=Post))).run()


def work(post: Post, again: bool) -> int:
    """Of one supervisor; in the place of one that was killed, for the server that is there now, if any."""
    if again and not post.server.remembered():
        return 0
    supervisor = Supervisor(Post(post.server.current(), post.environment) if again else post)
    signal.signal(signal.SIGTERM, lambda *_: supervisor.end())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        watches = supervisor.begin()
    except Failure:  # whoever waits for the line says so, with the console's last lines
        return 1
    sys.stdout.write("watching\n")
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever reads the line waits for the end of the pipe
    if watches:
        supervisor.watch()
    return 1 if supervisor.gave_up else 0


if __name__ == "__main__":
    sys.exit(main())
