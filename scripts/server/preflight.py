"""What must be true before a server is started: address, device, archives, ports."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import yaml

from handler import otel
from handler.cores import cores
from scripts.console import Failure, err
from scripts.files import entries
from scripts.server import bound, cors, devices, environment, keys, state
from scripts.server.gpu import diagnose, probe

MOST_WORKERS = 8
SHOWN = 3
"""Names in a message."""
SETTINGS, MANIFEST = "model-config.yaml", "MAR-INF/MANIFEST.json"
"""Of an archive: what it is packed with, and where TorchServe reads about it."""
HANDLER, KEYS = "bert_handler.py", "handler/keys.py"
"""Of this project's own archives: what answers, and what of it looks at keys."""
WORKERS_PER_GPU = 2
"""One reads and writes requests while the other's are computed. Each holds the weights once."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to start; the ports follow the inference port unless they are given."""

    store: Path
    models: Sequence[str] = ()
    host: str = "127.0.0.1"
    inference_port: int = 8080
    management_port: int | None = None
    metrics_port: int | None = None
    grpc_port: int | None = None
    workers: int | None = None
    device: str | None = None
    auth: bool = False
    insecure: bool = False
    timeout: float = 300
    metrics_host: str = "127.0.0.1"
    keys: Path | None = None
    cors_origin: str | None = None
    request_log: bool = False
    agent_host: str = "127.0.0.1"

    def ports(self) -> dict[str, int]:
        """Flag -> port."""
        first = self.inference_port
        grpc = self.grpc_port or (7070 if first == 8080 else first + 3)
        return {
            "--inference-port": first,
            "--management-port": self.management_port or first + 1,
            "--metrics-port": self.metrics_port or first + 2,
            "--grpc-port": grpc,
        }

    def bound(self, flag: str) -> tuple[str, str]:
        """Which option says where that port is bound, and its value; management is always on loopback."""
        if flag == "--metrics-port":
            return "--metrics-host", self.metrics_host
        return "--host", self.host if flag in ("--inference-port", "--grpc-port") else "127.0.0.1"


def check(options: Options) -> list[str]:
    """Run all checks, and return the names of the models to serve.

    Raises:
        Failure: the first one that does not hold, with the flag that helps.
    """
    check_place(options)
    untraced = otel.obstacle(os.environ)
    if untraced:
        err.print(untraced)
    return archives(options)


def check_place(options: Options) -> None:
    """All checks but those of archives, which may still have to be made.

    Raises:
        Failure: see `check`.
    """
    check_address(options)
    environment.check_names(
        {"--model-store": options.store, "the server's folder": state.folder(options.inference_port)}
    )
    check_keys(options)
    if options.cors_origin is not None:
        cors.check(options.cors_origin)
    check_device(options)
    check_ports(options)


def default_workers(options: Options, models: Sequence[str]) -> int:
    """For a single model one worker per core, at most `MOST_WORKERS`, or two per GPU; 0 to leave the archive's number.

    Measured on two cores: two workers answer about a fifth more than one worker with two threads.
    """
    if len(models) > 1:
        return 0
    return devices.usable(options.device) * WORKERS_PER_GPU or min(cores(), MOST_WORKERS)


def check_address(options: Options) -> None:
    """Refuse to be reachable by others without a key."""
    with suppress(ValueError):
        if ipaddress.ip_address(options.host).is_loopback:
            return
    if options.host != "localhost" and not options.auth and not options.keys and not options.insecure:
        raise Failure(
            f"--host {options.host} lets every machine that reaches this one use the model",
            fix="add --keys FILE or --auth to ask for a key, or --insecure if a proxy in front does that",
        )


def check_keys(options: Options) -> None:
    """Refuse a file of keys that is none, and two of them."""
    if options.keys and options.auth:
        raise Failure(
            f"--auth makes a file of keys, and --keys (or BERT_KEYS) gives {options.keys}", fix="leave one of them out"
        )
    if options.keys:
        keys.check(options.keys)


def check_device(options: Options) -> None:
    """Refuse a device that does not exist."""
    if options.device not in (None, "cpu", "gpu"):
        raise Failure(f"--device {options.device} is not known", fix="choose cpu or gpu")
    if options.device == "gpu":
        found = probe()
        if not found.usable:
            raise Failure(f"--device gpu: {diagnose(found).detail}", fix=diagnose(found).fix or "leave --device out")


def archives(options: Options) -> list[str]:
    """Names of the models to serve: those asked for, or all there are; each of them is opened."""
    there = sorted(path.stem for path in options.store.glob("*.mar"))
    missing = [name for name in options.models if name not in there]
    if missing or not there:
        wanted = f"no archive {missing[0]}.mar" if missing else "no archives"
        raise Failure(
            f"{wanted} in {options.store}" + (f"; there are: {', '.join(there)}" if there else ""),
            fix="scripts/bert up, or scripts/bert pack DIR --name NAME",
        )
    for name in options.models or there:
        check_archive(options.store / f"{name}.mar", options.device, options.auth or options.keys is not None)
    return list(options.models) or there


def check_archive(archive: Path, device: str | None, keyed: bool = False) -> None:
    """Refuse what cannot be served so.

    Args:
        archive: which may be cut off, or no archive.
        device: that it is to run on.
        keyed: whether its workers are to ask for keys.

    Raises:
        Failure: it is damaged, packed for another device, or asks for no keys.
    """
    try:
        with ZipFile(archive) as packed:
            manifest = packed.read(MANIFEST)
            names, astray = packed.namelist(), entries.unsafe(packed.infolist())
            settings = packed.read(SETTINGS) if SETTINGS in names else b""
            for entry in packed.infolist():
                packed.open(entry).close()  # compares its name with that before its bytes, which is what Java reads
    except FileNotFoundError:
        raise Failure(f"{archive} does not exist", fix="pack it: scripts/bert pack FOLDER --name NAME") from None
    except (BadZipFile, KeyError, OSError, RuntimeError) as error:
        raise Failure(f"{archive} is damaged or no archive: {error}", fix="pack it again: scripts/bert pack") from None
    if astray:
        shown = ", ".join(map(repr, astray[:SHOWN])) + (f" and {len(astray) - SHOWN} more" if astray[SHOWN:] else "")
        raise Failure(
            f"{archive} has {shown}, which TorchServe would write outside of the folder it unpacks archives into",
            fix="find out who made it; pack the checkpoint again: scripts/bert pack",
        )
    if keyed and not asks_for_keys(manifest, names):
        raise Failure(
            f"{archive} was not packed by this project, and what answers in it asks for no keys",
            fix="pack its checkpoint: scripts/bert pack FOLDER --name NAME; or serve it by a server of its own on "
            "loopback, behind a proxy that asks",
        )
    wanted = device_type(settings)
    if device and wanted and device != wanted:
        raise Failure(
            f"--device {device}, and {archive.name} was packed with deviceType: {wanted}",
            fix="leave --device out, or pack it again without deviceType",
        )
    if wanted == "gpu" and not devices.usable(device):
        raise Failure(
            f"{archive.name} was packed with deviceType: gpu, and no GPU can be used: {diagnose(probe()).detail}",
            fix="scripts/bert doctor; or pack it again without deviceType",
        )


def asks_for_keys(manifest: bytes, names: Sequence[str]) -> bool:
    """Whether what answers in an archive is this project's own, and one that knows of keys."""
    try:
        return KEYS in names and json.loads(manifest)["model"]["handler"] == HANDLER
    except (ValueError, KeyError, TypeError):
        return False


def device_type(settings: bytes) -> str | None:
    """Of a `model-config.yaml`; None also where it does not decode, which its worker will say."""
    try:
        config = yaml.safe_load(settings)
    except yaml.YAMLError:
        return None
    return config.get("deviceType") if isinstance(config, dict) else None


def check_ports(options: Options) -> None:
    """Refuse a port that somebody else holds, and say who; and one port for two things."""
    ports = options.ports()
    for flag, port in ports.items():
        twin = next(name for name, other in ports.items() if other == port)
        if twin != flag or not 0 < port < 1 << 16:
            clash = (
                f"{twin} and {flag} are both {port}" if twin != flag else f"{flag} {port} is not between 1 and 65535"
            )
            raise Failure(clash, fix=f"choose another with {flag}")
        option, address = options.bound(flag)
        error = bound.refused(address, port)
        if error and error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise Failure(
                f"{option} {address} is no IPv4 address of this machine ({error.strerror})",
                fix="use 127.0.0.1, 0.0.0.0, or an address that `ip -4 address` shows",
            )
        if error:
            raise Failure(
                f"port {port} is taken by {bound.holder(port)} ({error.strerror})",
                fix=f"choose another with {flag}",
            )
