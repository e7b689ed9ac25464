"""Looks at a server again and again, until interrupted."""

from __future__ import annotations

from time import sleep

from rich.live import Live
from rich.text import Text

from scripts.console import Failure, out
from scripts.server import listing
from scripts.server.state import Server
from scripts.top import moments, screen
from scripts.top.moments import Recent, Span

INTERVAL = 1.0


def once(server: Server, seconds: float) -> Span:
    """What happened within the next seconds.

    Raises:
        Failure: the server does not answer.
    """
    before = moments.look(server)
    sleep(seconds)
    return moments.compare(before, moments.look(server))


def watch(server: Server, seconds: float) -> None:
    """Show the last seconds, each second; a server that does not answer is asked again, in whatever process it is.

    Raises:
        Failure: there is none any more.
    """
    recent = Recent(seconds)
    recent.add(moments.look(server))
    with Live(screen.show(server, recent.span(), seconds), console=out, screen=True, auto_refresh=False) as live:
        while True:
            sleep(INTERVAL)
            try:
                recent.add(moments.look(server))
            except Failure as failure:
                server = listing.find(server.inference_port)
                live.update(Text(failure.what, style="red"), refresh=True)
                continue
            live.update(screen.show(server, recent.span(), seconds), refresh=True)
