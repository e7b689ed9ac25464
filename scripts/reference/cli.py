"""`cli.md`: the verbs of `scripts/bert`, from the functions that define them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import Parameter, cleandoc, signature
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from scripts.cli import VERBS
from scripts.paths import ROOT
from scripts.reference.markdown import block, cell, code, page, table

GROUPS: dict[str, tuple[str, ...]] = {
    "Start and stop": ("up", "start", "stop", "gateway"),
    "Use and operate": (
        "predict",
        "embed",
        "status",
        "top",
        "scale",
        "upgrade",
        "rollback",
        "retire",
        "logs",
        "slow",
        "bench",
        "doctor",
    ),
    "Measure": ("evaluate", "compare"),
    "Deploy": ("plan", "service", "image", "kubernetes"),
    "Prepare models": ("pull", "pack", "inspect", "finetune", "convert", "export"),
}
INTRODUCTION = """\
`scripts/bert VERB --help` shows the same. Exit codes: 0 success, 1 failure, 2 wrong usage. An option takes precedence
over its environment variable."""
DEFAULT = re.compile(r"\s*\[default: ([^\]]*)\]")
FORMS = {int: "integer", float: "number", str: "text", Path: "path", bool: "flag"}

Verb = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Input:
    """An argument or option of a verb.

    Attributes:
        names: of an option; of an argument the one in the usage line.
    """

    names: tuple[str, ...]
    option: bool
    kind: str
    required: bool
    several: bool
    default: str
    meaning: str
    variable: str

    def cells(self) -> tuple[str, ...]:
        """Its line in a table."""
        default = "required" if self.required else self.default
        return ", ".join(map(code, self.names)), self.kind, default, self.meaning, code(self.variable)


def cli() -> str:
    """The page."""
    verbs = {verb.__name__: verb for verb in VERBS}
    parts = [INTRODUCTION]
    for title, names in GROUPS.items():
        parts.append(f"## {title}")
        rows = [(f"[`{name}`](#{name})", summary(verbs[name])) for name in names]
        parts.append(table(("verb", "what it does"), rows))
        parts += [section(verbs[name]) for name in names]
    return page("Command line", *parts)


def summary(verb: Verb) -> str:
    """The sentence of its help."""
    return cleandoc(verb.__doc__ or "").splitlines()[0]


def section(verb: Verb) -> str:
    """A verb."""
    words, _, examples = cleandoc(verb.__doc__ or "").rpartition("\n\n")
    shown = re.sub(r"^Examples?: ", "", " ".join(examples.split())).replace("; ", "\n")
    parts = [f"### {verb.__name__}", words, block(usage(verb), "text")]
    for title, option in (("argument", False), ("option", True)):
        rows = [each.cells() for each in inputs(verb) if each.option is option]
        if rows:
            parts.append(table((title, "type", "default", "meaning", "environment variable"), rows))
    return "\n\n".join([*parts, "Examples:", block(shown, "text")])


def usage(verb: Verb) -> str:
    """The line that begins `--help`."""
    words = ["scripts/bert", verb.__name__]
    for each in inputs(verb):
        if each.option and each.required:
            words.append(f"{each.names[0]} {each.kind.upper()}")
        elif not each.option:
            name = f"{each.names[0]}{' ...' if each.several else ''}"
            words.append(name if each.required else f"[{name}]")
    return " ".join([*words, "[OPTIONS]"])


def inputs(verb: Verb) -> Iterator[Input]:
    """What a verb takes, in the order of its signature."""
    hints = get_type_hints(verb, include_extras=True)
    for name, parameter in signature(verb).parameters.items():
        if hints[name] is typer.Context:  # what was given, and no input itself
            continue
        kind, about = get_args(hints[name])[:2]
        option = isinstance(about, OptionInfo)
        yield described(name.upper(), kind, parameter.default, about, option)


def described(name: str, kind: Any, default: Any, about: OptionInfo | ArgumentInfo, option: bool) -> Input:
    """One of them."""
    help_text = about.help or ""
    names = (str(about.default), *(about.param_decls or ())) if option else (name,)  # typer reads them like this, too
    stated = DEFAULT.search(help_text)
    return Input(
        names=names,
        option=option,
        kind=form(kind, about),
        required=default is Parameter.empty,
        several=any(get_origin(each) is list for each in (kind, *get_args(kind))),
        default=stated.group(1) if stated else shown(default, names[0]),
        meaning=cell(DEFAULT.sub("", help_text)),
        variable=about.envvar if isinstance(about.envvar, str) else "",
    )


def form(kind: Any, about: OptionInfo | ArgumentInfo) -> str:
    """A type in words, with its bounds."""
    origin = get_origin(kind)
    if origin is list:
        return f"{form(get_args(kind)[0], about)}, several"
    if origin is Literal:
        return ", ".join(map(code, get_args(kind)))
    if origin in (Union, UnionType):
        return " or ".join(form(each, about) for each in get_args(kind) if each is not type(None))
    bounds = [f"{sign} {bound}" for sign, bound in ((">=", about.min), ("<=", about.max)) if bound is not None]
    return " ".join([FORMS[kind], ", ".join(bounds)]).strip()


def shown(default: Any, name: str) -> str:
    """A default as one would type it; paths from the project's folder on, and of a pair of flags the one that holds."""
    if default is None or default is Parameter.empty or default == "":
        return ""
    if isinstance(default, Path):
        return code(str(default.relative_to(ROOT)))
    if isinstance(default, bool):
        return code(f"{name}/".split("/")[not default])
    return code(str(default))
