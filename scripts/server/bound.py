"""Ports that somebody holds, and who."""

from __future__ import annotations

import socket
from contextlib import suppress

import psutil

from scripts.server.state import Server


def refused(address: str, port: int) -> OSError | None:
    """Why nobody can listen there now; None if somebody can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error
    return None


def holder(port: int) -> str:
    """Who listens there, as far as this user may know."""
    with suppress(psutil.AccessDenied):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                with suppress(psutil.Error):
                    return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another process"


def taken(server: Server) -> str:
    """The first port that a Java which is gone had, and that somebody else has now; empty if none is."""
    ports = {
        "--inference-port": (server.host, server.inference_port),
        "--metrics-port": (server.metrics_host, server.metrics_port),
        "--grpc-port": (server.host, server.grpc_port),
    }
    for flag, (address, port) in ports.items():
        if error := refused(address, port):
            return f"port {port} ({flag}) is taken by {holder(port)} ({error.strerror})"
    return ""
