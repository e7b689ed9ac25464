"""Units of systemd.service(5) for servers and gateways, which may do no more than they need: systemd.exec(5)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.paths import ROOT

END_SECONDS = 15
"""Beside the drain, for the end of Java and its workers."""
UNIT = """\
[Unit]
Description=BERT on TorchServe, port {port}
After=network.target
StartLimitIntervalSec=10min
StartLimitBurst=5

[Service]
Type=notify
# Ready when every model has answered; a large one takes a while.
TimeoutStartSec={start}
{user}ExecStart={command}
# SIGTERM goes to the command alone: it answers what was accepted, within {drain} s, and ends Java and the workers.
KillMode=mixed
TimeoutStopSec={stop}
# The command itself starts Java again; it ends with 1 when that is no use, and then with a pause.
Restart=on-failure
RestartSec=5
# A worker that the kernel ends for its memory is replaced: that is no reason to end the others.
OOMPolicy=continue
LimitNOFILE=65536

{hardened}
[Install]
WantedBy=multi-user.target
"""
GATEWAY = """\
[Unit]
Description=Gateway of BERT on TorchServe, port {port}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=10min
StartLimitBurst=5

[Service]
Type=exec
{user}ExecStart={command}
ExecReload={reload}
# SIGTERM goes to the command alone: requests in flight have their answers first, within {drain} s.
KillMode=mixed
TimeoutStopSec={stop}
# The command ends with 1 when the process beside HAProxy has ended.
Restart=on-failure
RestartSec=1
LimitNOFILE=65536
{bind}
{hardened}
[Install]
WantedBy=multi-user.target
"""
HARDENED = """\
# State and logs in /var/lib/{name}; everything else is read.
StateDirectory={name}
StateDirectoryMode=0700
Environment=BERT_RUNS=%S/{name}
ReadOnlyPaths={root}
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
{devices}ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
CapabilityBoundingSet={capabilities}
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# Not MemoryDenyWriteExecute: Java compiles while it runs.
"""
LOW_PORTS = 1024
"""The first port that everybody may bind."""
CAPABILITY = "CAP_NET_BIND_SERVICE"
BIND = f"AmbientCapabilities={CAPABILITY}\n"
CPU_ONLY = "PrivateDevices=yes\n"


def unit(options: Sequence[str], port: int, user: str, drain: float, timeout: float, gpu: bool) -> str:
    """The file's text for a server.

    Args:
        options: arguments of `scripts/bert start`.
        port: inference port, which tells several servers apart.
        user: who runs it; must be able to read the project's folder.
        drain: seconds for accepted requests.
        timeout: seconds until the models have answered.
        gpu: whether it has to see the devices of GPUs.
    """
    return UNIT.format(
        port=port,
        user=running_as(user),
        command=command("start", *options, "--foreground", "--drain", f"{drain:g}"),
        drain=f"{drain:g}",
        start=f"{timeout + END_SECONDS:g}",
        stop=f"{drain + END_SECONDS:g}",
        hardened=hardened(f"bert-{port}", "" if gpu else CPU_ONLY),
    )


def gateway(options: Sequence[str], port: int, user: str, drain: float) -> str:
    """The file's text for a gateway.

    Args:
        options: arguments of `scripts/bert gateway`.
        port: for clients, which tells several gateways apart.
        user: who runs it.
        drain: seconds for requests in flight.
    """
    return GATEWAY.format(
        port=port,
        user=running_as(user),
        command=command("gateway", *options, "--foreground"),
        reload=command("gateway", "reload", "--port", str(port)),
        drain=f"{drain:g}",
        stop=f"{drain + END_SECONDS:g}",
        bind=BIND if port < LOW_PORTS else "",
        hardened=hardened(f"bert-gateway-{port}", CPU_ONLY, CAPABILITY if port < LOW_PORTS else ""),
    )


def hardened(name: str, devices: str, capabilities: str = "") -> str:
    """What it may do and see, with a folder for its state of that name."""
    return HARDENED.format(name=name, root=quoted(str(ROOT)), devices=devices, capabilities=capabilities)


def running_as(user: str) -> str:
    """The line that says who runs it."""
    return f"User={user}\n" if user else ""


def command(*words: str) -> str:
    """A line of `scripts/bert`."""
    return " ".join(quoted(word) for word in (str(ROOT / "scripts" / "bert"), *words))


def words(options: Mapping[str, object]) -> list[str]:
    """Options as a command line has them; a list is given again and again, and what is None or False not at all."""
    found: list[str] = []
    for option, value in options.items():
        for each in value if isinstance(value, list) else [value]:
            if each is True:
                found.append(option)
            elif each not in (None, False):
                found += [option, path(each) if isinstance(each, Path) else str(each)]
    return found


def quoted(word: str) -> str:
    """A word of a unit file: `%` and `$` begin something there, and spaces end a word."""
    escaped = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    return f'"{escaped}"' if escaped != shlex.quote(word) else word


def path(given: Path) -> str:
    """A folder as the service, which starts elsewhere, will find it."""
    return str(given.resolve())
