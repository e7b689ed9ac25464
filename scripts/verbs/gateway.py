"""The verb `gateway`: HAProxy in front of servers."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from pathlib import Path
from time import sleep
from typing import Annotated, Any, Literal

import typer

from scripts.console import Failure, out
from scripts.deploy import systemd
from scripts.gateway import certificate, discovery, hosts, process, reload, report, state
from scripts.gateway.configuration import render
from scripts.gateway.haproxy import DRAIN_SECONDS, LOG
from scripts.gateway.settings import CLIENTS, DEFAULT_PORT, MAX_WAIT, MIB, Backend, Settings
from scripts.server import cors
from scripts.server import keys as key_files
from scripts.verbs.options import CorsOrigin, Insecure

LOOPBACK = ("127.0.0.1", "localhost", "::1")

Url = Annotated[
    list[str] | None,
    typer.Option(
        "--server",
        help="address of a server, such as http://10.0.0.5:8080; ?zone=ZONE says where it stands, ?in_flight=N how "
        "many requests may be inside it, ?addresses=N that it is a DNS name with up to N addresses that may change "
        "[default: all that run here]",
    ),
]
Servers = Annotated[
    Path | None,
    typer.Option(
        "--servers",
        exists=True,
        dir_okay=False,
        help="file of such addresses, one per line; changes apply without a restart",
    ),
]
Zone = Annotated[
    str, typer.Option("--zone", help="zone of the gateway: servers of others are asked when its own are gone or full")
]
Resolver = Annotated[
    list[str] | None,
    typer.Option("--resolver", help="HOST:PORT of a name server for ?addresses=N [default: those of /etc/resolv.conf]"),
]
Model = Annotated[list[str] | None, typer.Option("--model", help="name of a model on these servers, the default first")]
Rate = Annotated[
    list[str] | None,
    typer.Option(
        "--rate",
        help="requests per second of each key, or of each address without keys; NAME=N for one key [default: any]",
    ),
]


def gateway(
    action: Annotated[Literal["start", "stop", "reload"], typer.Argument(help="start, stop or reload")] = "start",
    server: Url = None,
    servers: Servers = None,
    model: Model = None,
    zone: Zone = "",
    resolver: Resolver = None,
    host: Annotated[str, typer.Option("--host", help="bind address")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65534, help="port for clients")] = DEFAULT_PORT,
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", help="port of HAProxy's own metrics [default: port + 1]"),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option("--metrics-host", help="bind address of these metrics, which ask for no key")
    ] = "127.0.0.1",
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            exists=True,
            dir_okay=False,
            help="file of API keys, lines NAME:KEY; changes apply without a restart",
        ),
    ] = None,
    rate: Rate = None,
    connections: Annotated[
        int,
        typer.Option(
            "--connections",
            min=0,
            help="connections that one address may have open, and may open in a second; 0 is without a limit",
        ),
    ] = CLIENTS // 2,
    cors_origin: CorsOrigin = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option("--tls-cert", exists=True, dir_okay=False, help="certificate and its key in one PEM file"),
    ] = None,
    max_body: Annotated[int, typer.Option("--max-body", min=1, max=64, help="MiB of a request at most")] = 1,
    max_wait: Annotated[
        int, typer.Option("--max-wait", min=10, help="milliseconds that requests may wait under load; more are refused")
    ] = MAX_WAIT,
    insecure: Insecure = False,
    foreground: Annotated[bool, typer.Option("--foreground", help="stay in the foreground until interrupted")] = False,
    unit: Annotated[bool, typer.Option("--unit", help="print a hardened systemd unit, and start nothing")] = False,
    show: Annotated[bool, typer.Option("--print", help="print HAProxy's configuration, and start nothing")] = False,
) -> None:
    """Put HAProxy in front of servers: one address, admission, retries, keys, TLS and limits.

    Examples: scripts/bert gateway; scripts/bert gateway --keys keys --rate 50;
    scripts/bert gateway reload --rate ada=5; scripts/bert gateway stop
    """
    if action == "stop":
        return stopped(port)
    everybody, single = rates(rate or [])
    if action == "reload":
        return reloaded(port, {"rate": everybody, "rates": single} if rate else {})
    if host not in LOOPBACK and not keys and not insecure:
        raise Failure(f"--host {host} is open to others", fix="--keys FILE, or --insecure")
    if keys:
        key_files.check(keys)
    if cors_origin is not None:
        cors.check(cors_origin)
    check_rates(single, keys)
    key = key_files.first(keys) if keys else ""
    if unit:
        if not (server or servers):
            raise Failure(
                "a gateway of systemd does not see which servers run here",
                fix="name them: --server http://127.0.0.1:8080 --model NAME",
            )
        options = {
            "--server": server,
            "--servers": servers,
            "--model": model,
            "--zone": zone or None,
            "--resolver": resolver,
            "--host": host,
            "--port": port,
            "--metrics-host": metrics_host,
            "--metrics-port": metrics_port,
            "--keys": keys,
            "--rate": rate,
            "--connections": str(connections),
            "--cors-origin": cors_origin,
            "--tls-cert": tls_cert,
            "--max-body": max_body,
            "--max-wait": max_wait,
            "--insecure": insecure,
        }
        sys.stdout.write(systemd.gateway(systemd.words(options), port, getpass.getuser(), DRAIN_SECONDS))
        return None
    if tls_cert:
        certificate.check(tls_cert)
    named = listed(server, servers)
    backends, models = discovery.named(named, model or [], key) if named else discovery.here()
    settings = Settings(
        host=host,
        port=port,
        metrics_host=metrics_host,
        metrics_port=metrics_port or port + 1,
        servers=backends,
        found=not named,
        servers_file=servers.resolve() if servers else None,
        zone=zone,
        resolvers=tuple(resolver or ()),
        models=models,
        tls_cert=tls_cert.resolve() if tls_cert else None,
        keys=keys,
        folder=state.folder(port),
        rate=everybody,
        rates=single,
        connections=connections,
        cors_origin=cors_origin,
        max_body=max_body * MIB,
        max_wait=max_wait,
    )
    if show:
        if port not in [each.port for each in state.running()]:  # whose HAProxy reads these files
            process.write_maps(settings)
        sys.stdout.write(render(settings, held=settings.max_body))
        return None
    return begun(settings, foreground)


def begun(settings: Settings, foreground: bool) -> None:
    """Start it, and say where it is."""
    there = next((each for each in state.running() if each.port == settings.port), None)
    if there:
        raise Failure(
            f"a gateway runs on port {there.port} already", fix=f"scripts/bert gateway stop --port {there.port}"
        )
    if reload.pid(settings.folder):
        raise report.unwatched(settings.url)
    started = process.start(settings)
    out.print(f"{started.url} answers for {', '.join(started.servers)}, models {', '.join(started.models)}")
    out.print(f"  metrics  {started.metrics}\n  log      {started.folder / LOG}")
    if not foreground:
        out.print(f"  stop it with scripts/bert gateway stop --port {started.port}")
        return
    try:
        while process.is_watched(started):
            sleep(0.2)
    except (SystemExit, KeyboardInterrupt):
        process.stop(started)
        raise SystemExit(0) from None
    raise Failure("the gateway ended by itself", fix=f"see {started.folder / LOG}")


def listed(urls: list[str] | None, file: Path | None) -> tuple[Backend, ...]:
    """The servers that were named; none where those of this machine are meant.

    Raises:
        Failure: they were named in both ways, or wrongly.
    """
    if urls and file:
        raise Failure(f"--server and --servers {file} both name servers", fix="put all of them into the file")
    return hosts.read(file) if file else hosts.parsed(urls or ())


def stopped(port: int) -> None:
    """End the one on that port."""
    there = next((each for each in state.remembered() if each.port == port), None)
    if there is None:
        others = [str(each.port) for each in state.running()]
        out.print(f"no gateway is running on port {port}" + (f"; --port {' or '.join(others)}" if others else ""))
        return
    process.stop(there)
    out.print(f"stopped {there.url}")


def reloaded(port: int, changes: dict[str, Any]) -> None:
    """Replace the HAProxy of the one on that port without a pause, with these settings changed."""
    there = next((each for each in state.running() if each.port == port), None)
    if there is None and reload.pid(state.folder(port)):
        raise report.unwatched(f"http://127.0.0.1:{port}")
    if there is None:
        raise Failure(f"no gateway is running on port {port}", fix="scripts/bert gateway")
    check_rates(changes.get("rates", {}), Path(there.keys) if there.keys else None)
    reload.ask(there, changes, more=True)
    out.print(f"another HAProxy answers at {there.url}")


def check_rates(single: Mapping[str, int], keys: Path | None) -> None:
    """Whether each key that has a rate of its own is there.

    Raises:
        Failure: one is not.
    """
    known = key_files.names(keys) if keys else []
    for name in single.keys() - set(known):
        there = f"{keys} has {', '.join(known)}" if keys else "there are none"
        raise Failure(
            f"--rate {name}={single[name]} is of no key: {there}", fix="--rate NAME=N with a name of --keys FILE"
        )


def rates(given: list[str]) -> tuple[int, dict[str, int]]:
    """`N` for everybody, and `NAME=N` for one key.

    Raises:
        Failure: what is given is no number.
    """
    everybody, single = 0, dict[str, int]()
    for text in given:
        name, _, number = text.rpartition("=")
        if not number.isdigit():
            raise Failure(f"--rate {text} is no number of requests per second", fix="--rate 50 or --rate ada=5")
        if name:
            single[name] = int(number)
        else:
            everybody = int(number)
    return everybody, single
