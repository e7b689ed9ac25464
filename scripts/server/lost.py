"""A server whose temporary folder was deleted while its Java lives, as by what clears temporary files.

Java goes on answering, but nothing can ask how it is, and no worker can be started: its socket and the unpacked
archives were in that folder, and Java makes neither again. So the supervisor starts another one.
"""

from __future__ import annotations

from pathlib import Path

from scripts.server.state import Server

TABLE = Path("/proc/net/unix")
"""Linux's table of sockets, with the path that each was bound to, which may be deleted: unix in proc(5)."""


def cause(server: Server) -> str:
    """What was deleted of a server whose Java lives; empty if nothing was."""
    if not server.unpacked.is_dir():
        return f"its temporary folder {server.temporary} was deleted"
    if not server.management_socket.exists() and listens(server):
        return f"its socket {server.management_socket} was deleted"
    return ""


def listens(server: Server) -> bool:
    """Whether Java has its socket: one that starts or ends has none. Only Linux can say this."""
    return TABLE.exists() and str(server.management_socket) in TABLE.read_text(errors="replace")
