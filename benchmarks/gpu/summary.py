"""All results of a run in one `gpu.json`, what was wanted beside what was found, and a chart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu import context
from scripts.load import machine, report

RESULT, CHART = "gpu.json", "chart.svg"
Rows = list[dict[str, Any]]

SHARES = {"bert-base": 0.50, "bert-large": 0.60}
"""Of the peak of matrix products, wanted at 128 and 512 tokens in full batches."""
PADDED, SERVED = 3.0, 1_000_000
"""Wanted: times transformers padded in order of arrival, on mixed lengths; tokens/s with 64 texts per request."""


def note(folder: Path, part: str, seconds: float, limit: float, status: int) -> None:
    """Write down how a part ended."""
    context.append(folder, part, "ended", seconds=round(seconds, 1), limit=round(limit, 1), status=status)


def write(folder: Path, device: str) -> dict[str, Any]:
    """`gpu.json` and the chart, from what there is so far."""
    lines = context.read(folder)
    parts: dict[str, dict[str, Rows]] = {}
    for line in lines:
        kinds = parts.setdefault(line["part"], {})
        kinds.setdefault(line["kind"], []).append({key: line[key] for key in line if key not in ("part", "kind")})
    result = {"machine": machine.describe(), "device": device, "wanted": list(verdicts(parts)), "parts": parts}
    report.save(result, folder / RESULT)
    draw(parts.get("rates", {}).get("rate", []), folder / CHART)
    return result


def verdicts(parts: dict[str, dict[str, Rows]]) -> Iterator[dict[str, Any]]:
    """A line per figure that was wanted."""
    cells = [row for row in parts.get("parity", {}).get("cell", []) if "skipped" not in row]
    for dtype in dict.fromkeys(row["dtype"] for row in cells):
        own = [row for row in cells if row["dtype"] == dtype]
        found = max((row["difference"] for row in own if row.get("difference") is not None), default=None)
        bad = sum(not row["ok"] for row in own)
        yield verdict(f"parity, {dtype}: largest difference of {len(own)} cells", own[0]["bound"], found, bad == 0)
    rates = [row for row in parts.get("rates", {}).get("rate", []) if "share_of_peak" in row]
    for model, share in SHARES.items():
        for length in ("128", "512"):
            best = max((row["share_of_peak"] for row in ours(rates, model, length)), default=None)
            yield verdict(f"share of the peak, {model} at {length} tokens", share, best, at_least(best, share))
    for model in dict.fromkeys(row["model"] for row in rates):
        best = max((row["tokens_per_second"] for row in ours(rates, model, "mixed")), default=0)
        padded = [
            row for row in rates if row["model"] == model and row["workload"] == "mixed" and "arrival" in row["name"]
        ]
        ratio = round(best / padded[0]["tokens_per_second"], 2) if padded else None
        yield verdict(f"times transformers padded, {model}, mixed", PADDED, ratio, at_least(ratio, PADDED))
    served = parts.get("served", {})
    full = [row for row in served.get("rate", []) if row.get("texts_each") == 64 and "tokens_per_second" in row]
    fastest = max((row["tokens_per_second"] for row in full), default=None)
    yield verdict("tokens per second served, 64 texts a request", SERVED, fastest, at_least(fastest, SERVED))
    for row in served.get("mixed", []):
        faults = row.get("wrong", 0) + row.get("server_errors", 0) if "wrong" in row else None
        yield verdict("wrong answers and 5xx in the mixed load", 0, faults, faults == 0)


def ours(rates: Rows, model: str, workload: str) -> Rows:
    """Rows of the `packed` runtime."""
    about = (model, workload)
    return [row for row in rates if (row["model"], row["workload"]) == about and row["name"].startswith("packed")]


def at_least(found: float | None, wanted: float) -> bool:
    """Whether it was measured, and is enough."""
    return found is not None and found >= wanted


def verdict(line: str, wanted: float, found: float | None, ok: bool) -> dict[str, Any]:
    """One row; `found` is None where nothing was measured."""
    return {"line": line, "wanted": wanted, "found": found, "ok": ok}


def draw(rates: Rows, file: Path) -> None:
    """Bars of tokens per second: a group per workload of each shape."""
    rows = [row for row in rates if "tokens_per_second" in row]
    if rows:
        found = {(f"{row['model']}, {row['workload']}", row["name"]): row["tokens_per_second"] for row in rows}
        names = list(dict.fromkeys(row["name"] for row in rows))
        report.bars(found, names, "Tokens per second, engine in process", "padding is not counted", file)
