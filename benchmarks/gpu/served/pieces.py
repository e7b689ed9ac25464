"""The order of things, the most important first; when one of them fails, that is written down and the next goes on."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.gpu.context import Context
from benchmarks.gpu.served import archives, rates, smi
from benchmarks.gpu.served.archives import MAIN, RUNTIMES, WIDE, Archives
from benchmarks.gpu.served.changes import killed, scaled
from benchmarks.gpu.served.memory import memory
from benchmarks.gpu.served.mixed import mixed
from benchmarks.gpu.served.plain import plain
from benchmarks.gpu.served.server import info, options, serving, url, workers
from benchmarks.gpu.served.wires import wires
from scripts.server import doctor, local
from scripts.server.state import Server

ASKED = 24  # texts of the comparison with transformers
WHY = 3000  # characters of a reason that are kept
VISIBLE = "CUDA_VISIBLE_DEVICES"


def run(context: Context) -> None:
    """All pieces; a SIGTERM ends them and the servers they started."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ended)
    folder = context.scratch
    (folder / "plain").mkdir()
    for runtime in RUNTIMES:
        with tempfile.TemporaryDirectory(prefix="bert-gpu-") as temporary:
            if attempt(context, "server", lambda: serve(context, runtime, Path(temporary), folder)):  # noqa: B023
                return
        if context.left <= 0:
            return
        if context.gpu:  # Java takes numbers only, and without any it asks nvidia-smi, which may be missing
            os.environ[VISIBLE] = "0"


def ended(number: int, frame: Any) -> None:
    """SIGTERM, once: what stops the servers must not be interrupted by a second one."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def attempt(context: Context, kind: str, piece: Callable[[], None], seconds: float = 0) -> bool:
    """Run a piece, unless it is too late; what it raises is a result, too.

    Args:
        context: for results.
        kind: of its results.
        piece: what to run.
        seconds: it takes about that long.

    Returns:
        Whether it ran to its end.
    """
    if context.late(kind):
        return False
    if context.left < seconds:
        context.skip(kind, f"takes about {seconds:.0f} s, {context.left:.0f} are left")
        return False
    begin = monotonic()
    try:
        piece()
    except Exception as error:
        context.add(kind, failed=f"{type(error).__name__}: {error}", why=str(getattr(error, "why", ""))[-WHY:])
        return False
    finally:
        context.add("took", piece=kind, seconds=round(monotonic() - begin, 1))
    return True


def serve(context: Context, runtime: str, temporary: Path, folder: Path) -> None:
    """Pack, start, ask, stop. What is asked fails on its own; what is raised here is that there is no server."""
    begin = monotonic()
    made = archives.make(context, runtime, temporary)
    packed, begin = monotonic() - begin, monotonic()
    with serving(made, folder) as server:
        about = {"runtime": runtime, "seconds_to_pack": round(packed, 1)}
        about |= {"seconds_to_first_answer": round(monotonic() - begin, 1)}
        ask(context, server, made, about, temporary, folder)


def ask(context: Context, server: Server, made: Archives, about: dict[str, Any], temporary: Path, folder: Path) -> None:
    """All that is asked of the server, and beside it of another one started the plain way."""
    attempt(context, "start", lambda: first(context, server, made, about))
    attempt(context, "doctor", lambda: examined(context, server, made))
    attempt(context, "plain", lambda: plain(context, made, folder / "plain"), seconds=20)
    texts = rates.make(context, made.checkpoint, made.longest, temporary)
    some = texts[context.sizes.served.tokens[0]].texts
    attempt(context, "wire", lambda: wires(context, server, made, some[:ASKED]))
    attempt(context, "rate", lambda: rates.rates(context, server, texts))
    attempt(context, "mixed", lambda: mixed(context, server, made, some))
    attempt(context, "scaled", lambda: scaled(context, server, some[0]), seconds=20)
    attempt(context, "killed", lambda: killed(context, server, some[0]), seconds=15)
    attempt(context, "second", lambda: second(context, server))
    attempt(context, "memory", lambda: memory(context, server, some[0]), seconds=15)


def first(context: Context, server: Server, made: Archives, about: dict[str, Any]) -> None:
    """Where it computes, and who is there.

    Raises:
        RuntimeError: not where it should, or in another dtype.
    """
    said = info(server)
    shown = {model: workers(server, model) for model in (MAIN, WIDE)}
    found = {"device": said["device"], "dtype": said["dtype"], "java": server.pid, "workers": shown}
    where = {"visible": os.environ.get(VISIBLE), "nvidia_smi": shutil.which("nvidia-smi") is not None}
    context.add("start", **about, **found, **where, gpu_processes=smi.processes(), gpu_memory=smi.memory())
    right = said["device"].startswith("cuda") == context.gpu and said["dtype"] == made.dtype
    if not right or any(worker["gpu"] != context.gpu for worker in shown[MAIN]):
        raise RuntimeError(f"{said['dtype']} on {said['device']} instead of {made.dtype} on {context.device}")


def examined(context: Context, server: Server, made: Archives) -> None:
    """What `bert doctor` says."""
    findings = doctor.as_json(doctor.examine(options(made, server.inference_port)))
    context.add("doctor", wrong=[found for found in findings if not found["ok"]], findings=findings)


def second(context: Context, server: Server) -> None:
    """Both models answer, one after the other and again."""
    found = {}
    for turn in range(2):
        for model in (MAIN, WIDE):
            answer = local.request("POST", url(server, model), json={"inputs": "Hello, how are you?"}, timeout=60)
            found[f"{model}, {turn + 1}"] = answer.status_code
    context.add("second", statuses=found, devices={model: info(server, model)["device"] for model in (MAIN, WIDE)})
