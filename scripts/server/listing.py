"""The servers of this machine, and what became of those that nobody stopped."""

from __future__ import annotations

from handler.locks import is_locked, stop_note
from scripts import paths
from scripts.console import Failure
from scripts.server import failed
from scripts.server.state import FILE, Server, flag, read

VANISHED = "Java and what starts it again are gone, and nobody stopped them: killed, or the machine was restarted"


def prune_and_list() -> list[Server]:
    """All servers that live, or are about to live again; what is left of others is removed, and noted as failed."""
    servers = []
    for server in filter(None, map(read, sorted(paths.RUNS.glob(f"*/{FILE}")))):
        if server.process() or server.watcher():
            servers.append(server)
        elif vanished(server):
            failed.write(server, VANISHED)
    return servers


def vanished(server: Server) -> bool:
    """Whether nobody is about to say himself what became of a server that has no process."""
    at_work = is_locked(server.starting) or is_locked(stop_note(server.locks))
    return not at_work and server.remembered()  # in this order: who stops it forgets it first


def find(inference_port: int | None = None) -> Server:
    """The server on that port; without a port, the only one there is.

    Raises:
        Failure: there is none, or several to choose from.
    """
    servers = prune_and_list()
    if inference_port is not None:
        servers = [server for server in servers if server.inference_port == inference_port]
    if not servers:
        for note in failed.listed(inference_port):
            raise Failure(f"the server on port {note.inference_port} has failed: {note.reason}", fix=failed.fix(note))
        where = f" on port {inference_port}" if inference_port else ""
        port = flag(inference_port) if inference_port else ""
        raise Failure(f"no server is running{where}", fix=f"scripts/bert start NAME{port}")
    if len(servers) > 1:
        ports = ", ".join(str(server.inference_port) for server in servers)
        raise Failure(f"{len(servers)} servers run, on ports {ports}", fix="name one with --inference-port")
    return servers[0]
