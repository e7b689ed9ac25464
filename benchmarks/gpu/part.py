"""One part of the run, in a process of its own: `python -m benchmarks.gpu.part NAME --out FOLDER ...`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import monotonic
from traceback import format_exc

from benchmarks.gpu.context import Context
from benchmarks.gpu.sizes import SIZES


@dataclass(frozen=True, slots=True)
class Part:
    """Where its `run` is, and its share of the time; what a part leaves is the next one's."""

    module: str
    share: float


PARTS = {
    "host": Part("benchmarks.gpu.host", 0.06),
    "parity": Part("benchmarks.gpu.parity", 0.22),
    "rates": Part("benchmarks.gpu.rates", 0.27),
    "profile": Part("benchmarks.gpu.profiled", 0.07),
    "served": Part("benchmarks.gpu.served", 0.38),
}


def main() -> int:
    """Run it; what it raises is written down as its result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=list(PARTS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--sizes", choices=list(SIZES), required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    end = monotonic() + options.seconds
    context = Context(options.name, options.out, options.scratch, options.device, SIZES[options.sizes], end)
    try:
        import_module(PARTS[options.name].module).run(context)
    except Exception:
        context.add("failed", traceback=format_exc()[-4000:])
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
