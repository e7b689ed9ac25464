"""What becomes of one folder: made, packed, loaded as a worker loads it, asked, compared."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import yaml

from handler import loading
from handler.pipeline import Pipeline
from scripts.console import Failure
from scripts.packing import pack
from tests.layouts.comparing import Found, compare
from tests.layouts.layout import Layout
from tests.layouts.references import Reference

EQUAL, REFUSED, BEYOND = "equal", "refused", "not by transformers either"
WRONG, STARTLESS, TRACEBACK, KILLED = "WRONG", "DOES NOT START", "TRACEBACK", "KILLED"
FAULTS = (WRONG, STARTLESS, TRACEBACK, KILLED)
VERDICTS = (*FAULTS, BEYOND, REFUSED, EQUAL)
"""Worst first."""
OUR_CLASSES = re.compile(r"Traceback|\b(ConfigError|BertError|Failure|HeadMetadata)\b|\b(handler|scripts)\.\w+\.\w+\b")
"""What no message of ours should say."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one folder.

    Attributes:
        title: of its layout.
        said: one of `VERDICTS`.
        detail: the message, or what differs.
        remedy: of a refusal.
        runtime: that the archive was packed for.
        largest: difference.
        compared: answers.
        seconds: making, packing and comparing it.
    """

    title: str
    said: str
    detail: str = ""
    remedy: str = ""
    runtime: str = ""
    largest: float = 0.0
    compared: int = 0
    seconds: float = field(default=0.0, compare=False)


def judge(layout: Layout, here: Path) -> Verdict:
    """Everything, in a folder of its own; never an exception."""
    began = monotonic()
    try:
        layout.make(here / "folder")
    except Exception as error:  # of any kind, as transformers' own classes fail
        detail = " ".join(f"{type(error).__name__}: {error}".split())  # a row is one line
        return Verdict(layout.title, BEYOND, f"no such model can be made: {detail}", seconds=monotonic() - began)
    found = packed(layout.title, here, {})
    if found.said == REFUSED:
        found = after_refusal(found, here)
    return replace(found, detail=tidy(found.detail, here), remedy=tidy(found.remedy, here), seconds=monotonic() - began)


def packed(title: str, here: Path, settings: Mapping[str, Any]) -> Verdict:
    """Pack it, and go on with the archive."""
    try:
        archive, _ = pack.pack(
            here / "folder", "layout", "1.0", {"handler": {"threads": 1, **settings}}, here / "store"
        )
    except Failure as failure:
        detail = f"{failure.what} {failure.why}".strip()
        said = TRACEBACK if OUR_CLASSES.search(f"{detail} {failure.fix}") else REFUSED
        return Verdict(title, said, detail, failure.fix)
    except Exception as error:
        return Verdict(title, TRACEBACK, f"{type(error).__name__}: {error}")
    try:
        pipeline = load(archive, here / "unpacked")
    except Exception as error:
        return Verdict(title, STARTLESS, f"{type(error).__name__}: {error}")
    return judged(title, pipeline, compare(pipeline, Reference(here / "folder")))


def judged(title: str, pipeline: Pipeline, found: Found) -> Verdict:
    """By what was compared."""
    task, runtime = pipeline.config.task, pipeline.runtime.name
    if found.wrong:
        return Verdict(title, WRONG, found.wrong, "", runtime, found.largest, found.compared)
    said = EQUAL if found.compared else BEYOND
    detail = task if not found.beyond else f"{task}; not by the reference: {found.beyond}"
    return Verdict(title, said, detail, "", runtime, found.largest, found.compared)


def load(archive: Path, folder: Path) -> Pipeline:
    """As a worker does."""
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    settings = yaml.safe_load((folder / "model-config.yaml").read_text())
    return loading.load(folder, "layout", "1.0", settings, None, lambda *_: None)


def after_refusal(found: Verdict, here: Path) -> Verdict:
    """What is left of it: by the task that the message offers, or by the reference."""
    if "--task" in found.remedy:
        rest = packed(found.title, here, {"task": "hidden-states"})
        if rest.said == EQUAL:
            return replace(found, runtime=rest.runtime, largest=rest.largest, compared=rest.compared)
        if rest.said in FAULTS:
            return replace(rest, detail=f"with --task hidden-states: {rest.detail}")
        return found
    try:
        Reference(here / "folder").states("ferry")
    except Exception as error:  # of any kind
        theirs = " ".join(f"{type(error).__name__}: {error}".split())
        return replace(found, said=BEYOND, detail=f"{found.detail} [reference: {theirs}]")
    return found


def tidy(text: str, here: Path) -> str:
    """On one line, without this machine's folders."""
    text = re.sub(r"^Traceback.*\n(?=\S)", "", text, flags=re.S)
    text = text.replace(f"{here}/", "").replace(str(here), "")
    return " ".join(re.sub(r"(?<![\w.])/\S+/(?=[\w.-]+)", "", text).split())[:300]
