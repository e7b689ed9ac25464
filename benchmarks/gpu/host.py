"""Part `host`: what is there, and what it can do at most."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from statistics import median
from time import perf_counter

import torch

from benchmarks.gpu.context import Context
from handler.config import Dtype
from scripts.server import processor
from scripts.server.gpu import hardware

PACKAGES = ("torch", "triton", "transformers", "tokenizers", "safetensors", "numpy", "onnxruntime", "torchserve")
REPEATS = 7


def run(context: Context) -> None:
    """Facts, the peak of matrix products in each dtype, and rates of copies."""
    facts(context)
    for dtype in ("bfloat16", "float16", "float32"):
        if not context.late("peak", dtype=dtype):
            context.add("peak", dtype=dtype, tflops=round(peak(context.device, dtype, context.sizes.square) / 1e12, 2))
    if not context.gpu:
        context.skip("copy", "there is no other memory to copy to")
        return
    for pinned in (True, False):
        for there in (True, False):
            rate = copied(context.device, context.sizes.copied, pinned, there)
            context.add("copy", pinned=pinned, to="device" if there else "host", gib_per_second=round(rate, 1))


def facts(context: Context) -> None:
    """Names and versions, and the device's memory."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = ""
    about = {"cpu": processor.name(), "cores": os.cpu_count(), "python": platform.python_version(), "packages": found}
    if not context.gpu:
        context.add("facts", gpu="", **about)
        return
    card = torch.cuda.get_device_properties(context.device)
    context.add(
        "facts",
        gpu=card.name,
        driver=hardware(),
        cuda=torch.version.cuda,
        capability=f"{card.major}.{card.minor}",
        multiprocessors=card.multi_processor_count,
        gib=round(card.total_memory / (1 << 30), 1),
        **about,
    )


def peak(device: str, dtype: Dtype, size: int) -> float:
    """FLOP/s of one large matrix product; float32 without TF32.

    Random values: zeros take less power, and a card runs faster on them than on anything real.
    """
    torch.set_float32_matmul_precision("highest")
    left, right = (torch.randn(size, size, device=device).to(getattr(torch, dtype)) for _ in range(2))
    times = []
    for _ in range(REPEATS + 2):
        start = perf_counter()
        (left @ right)[0, 0].item()  # waits for the device
        times.append(perf_counter() - start)
    return 2.0 * size**3 / median(times[2:])


def copied(device: str, size: int, pinned: bool, there: bool) -> float:
    """GiB/s of a copy between host and device."""
    host = torch.empty(size, dtype=torch.uint8, pin_memory=pinned)
    card = torch.empty(size, dtype=torch.uint8, device=device)
    source, target = (host, card) if there else (card, host)
    times = []
    for _ in range(REPEATS):
        torch.cuda.synchronize(device)
        start = perf_counter()
        target.copy_(source)
        torch.cuda.synchronize(device)
        times.append(perf_counter() - start)
    return size / median(times) / (1 << 30)
