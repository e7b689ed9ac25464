"""What `status` says of gateways: those that run, and those that ended and were not stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.console import Failure, out
from scripts.gateway import bodies, keys, reload, state
from scripts.gateway.haproxy import LOG
from scripts.gateway.state import Gateway

RUNNING, STARTING, ALONE, GONE = "running", "starting again", "not watched", "gone"

STATES = {(True, True): RUNNING, (True, False): STARTING, (False, True): ALONE, (False, False): GONE}
"""Whether somebody watches over HAProxy, and whether it answers."""


def report(gateway: Gateway) -> dict[str, Any]:
    """Of one that is remembered."""
    haproxy, watched = reload.pid(gateway.folder), gateway.process() is not None
    return {
        "gateway": gateway.url,
        "state": STATES[watched, haproxy > 0],
        "pid": gateway.pid if watched else None,
        "haproxy": haproxy or None,
        "bodies": reload.pid(gateway.folder, bodies.ADMIN) or None,
        "metrics": gateway.metrics,
        "servers": gateway.servers,
        "models": gateway.models,
        "keys": gateway.keys,
        "trouble": keys.read(Path(gateway.keys))[1] if gateway.keys else "",
        "log": str(gateway.folder / LOG),
    }


def reports() -> list[dict[str, Any]]:
    """Of all."""
    return [report(gateway) for gateway in state.remembered()]


def show(about: dict[str, Any]) -> None:
    """On a terminal."""
    if about["state"] == GONE:
        port = about["gateway"].rpartition(":")[2]
        Failure(
            f"the gateway at {about['gateway']} is gone, and nobody has stopped it: all of its processes ended",
            fix=f"see {about['log']}; then scripts/bert gateway with its options, or scripts/bert gateway stop "
            f"--port {port} to forget it",
        ).show()
        return
    words = "" if about["state"] == RUNNING else f"  HAProxy is {about['state']}, see {about['log']}"
    if about["state"] == ALONE:
        unwatched(about["gateway"]).show()
    out.print(f"gateway {about['gateway']}  pid {about['pid']}, in front of {', '.join(about['servers'])}{words}")

    if about["trouble"]:
        Failure(f"nobody may ask the gateway at {about['gateway']}: {about['trouble']}", fix=fix(about["keys"])).show()


def fix(key_file: str) -> str:
    """What makes a file of keys one that can be used."""
    return f"a line NAME:KEY for each key in {key_file}, and chmod 600 {key_file}; it applies without a restart"


def unwatched(url: str) -> Failure:
    """Of a gateway whose HAProxy goes on alone."""
    port = url.rpartition(":")[2]
    return Failure(
        f"nobody watches over HAProxy at {url}: it follows no upgrade, no scaling and no key, and is not started again",
        fix=f"scripts/bert gateway stop --port {port}, then scripts/bert gateway with its options",
    )


def warn() -> None:
    """Of gateways that do not follow what was done just now."""
    for about in reports():
        if about["state"] == ALONE:
            unwatched(about["gateway"]).show()
