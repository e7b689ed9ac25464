"""A process that holds a GPU's memory: `python -m benchmarks.gpu.served.holder LEFT`, bytes that it leaves.

It says `holding` and how much, and gives everything back when its input ends.
"""

from __future__ import annotations

import sys

import torch

CHUNKS = (1 << 30, 1 << 26, 1 << 22)
"""Bytes of one allocation: large ones first, so that there are few."""


def hold(device: str, left: int) -> list[torch.Tensor]:
    """Allocate until no more than that is free; smaller pieces where a large one does not fit."""
    held: list[torch.Tensor] = []
    for chunk in CHUNKS:
        while torch.cuda.mem_get_info(device)[0] >= left + chunk:
            try:
                held.append(torch.empty(chunk, dtype=torch.uint8, device=device))
            except torch.OutOfMemoryError:
                break
    return held


def main() -> None:
    """See the module."""
    held = hold("cuda:0", int(sys.argv[1]))
    free = torch.cuda.mem_get_info("cuda:0")[0]
    print(f"holding {sum(piece.numel() for piece in held)} bytes, {free} are free", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
