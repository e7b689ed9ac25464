"""A systemd unit for a server, which may do and see no more than it needs; see systemd.exec(5), systemd.service(5)."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
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

# State and logs in /var/lib/bert-{port}; everything else is read.
StateDirectory=bert-{port}
StateDirectoryMode=0700
Environment=BERT_RUNS=%S/bert-{port}
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
CapabilityBoundingSet=
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# Not MemoryDenyWriteExecute: Java compiles while it runs.

[Install]
WantedBy=multi-user.target
"""
CPU_ONLY = "PrivateDevices=yes\n"


def unit(options: Sequence[str], port: int, user: str, drain: float, timeout: float, gpu: bool) -> str:
    """The file's text.

    Args:
        options: arguments of `scripts/bert start`.
        port: inference port, which tells several servers apart.
        user: who runs it; must be able to read the project's folder.
        drain: seconds for accepted requests.
        timeout: seconds until the models have answered.
        gpu: whether it has to see the devices of GPUs.
    """
    words = [str(ROOT / "scripts" / "bert"), "start", *options, "--foreground", "--drain", f"{drain:g}"]
    return UNIT.format(
        port=port,
        root=quoted(str(ROOT)),
        user=f"User={user}\n" if user else "",
        command=" ".join(quoted(word) for word in words),
        drain=f"{drain:g}",
        start=f"{timeout + END_SECONDS:g}",
        stop=f"{drain + END_SECONDS:g}",
        devices="" if gpu else CPU_ONLY,
    )


def quoted(word: str) -> str:
    """A word of a unit file: `%` and `$` begin something there, and spaces end a word."""
    escaped = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    return f'"{escaped}"' if escaped != shlex.quote(word) else word


def path(given: Path) -> str:
    """A folder as the service, which starts elsewhere, will find it."""
    return str(given.resolve())
