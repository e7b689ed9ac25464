"""The operator's file for `--config`: keys of `model-config.yaml`, each checked where it can be blamed on the file."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from shlex import quote
from typing import Any, get_type_hints

import msgspec
import yaml

from handler.config import HandlerConfig, ModelConfig, describe
from handler.errors import ConfigError, unknown
from scripts.console import Failure
from scripts.packing import model_config

EXAMPLE = "write lines such as `batchSize: 16`; docs/reference/settings.md has all keys"


class Loader(yaml.SafeLoader):
    """PyYAML's, which refuses a key that is there twice; YAML 1.2 forbids it (section 3.2.1.1)."""


def mapping(loader: Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    """Keys and values.

    Raises:
        ConstructorError: a key is there twice.
    """
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.value in lines:
            said = f"the key {key.value} is in line {lines[key.value]} already"
            raise yaml.constructor.ConstructorError(None, None, said, key.start_mark)
        lines[key.value] = line
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


def read(file: Path) -> dict[str, Any]:
    """The keys, sections as sections.

    Raises:
        Failure: the file is no YAML, or a key is unknown, there twice, or has a value of another kind.
    """
    content = decoded(file)
    if not isinstance(content, dict | None):
        raise Failure(f"{file} holds a {type(content).__name__}, not keys", fix=EXAMPLE)
    try:
        found = model_config.nested(content or {})
    except ConfigError as error:
        raise Failure(f"{file}: {error}", fix="write the key once") from None
    check(file, "", found, ModelConfig)
    check(file, model_config.SECTION, found.get("handler") or {}, HandlerConfig)
    return found


def decoded(file: Path) -> Any:
    """What the YAML says."""
    content = file.read_bytes()
    try:
        return yaml.load(content, Loader)
    except yaml.reader.ReaderError as error:
        raise unreadable(file, content, error) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Failure(f"{file}{where}: {error.problem or error.context}", fix=EXAMPLE) from None


def unreadable(file: Path, content: bytes, error: yaml.reader.ReaderError) -> Failure:
    """Of bytes that are no text, and of characters that YAML forbids."""
    if error.encoding == "unicode":  # PyYAML's word for text that it has decoded
        line = content.decode("utf-8", "replace")[: error.position].count("\n") + 1
        return Failure(f"{file}, line {line}: the character U+{error.character:04X} is not allowed", fix="remove it")
    line, name = content[: error.position].count(b"\n") + 1, quote(str(file))
    return Failure(
        f"{file}, line {line}: the byte 0x{error.character:02x} is not {error.encoding.upper()}",
        fix=f"save it as UTF-8, from Latin-1: iconv -f latin1 -t utf-8 {name} -o {name}.new && mv {name}.new {name}",
    )


def check(file: Path, section: str, settings: Mapping[Any, Any], kind: type[msgspec.Struct]) -> None:
    """Refuse keys and values that no archive has, by what they mean."""
    known, hints = kind.__struct_fields__, get_type_hints(kind, include_extras=True)
    for key, value in settings.items():
        if key not in known:
            raise Failure(f"{file}: {unknown('key', f'{section}{key}', [f'{section}{each}' for each in known])}")
        if key == "handler":
            continue
        try:
            msgspec.convert(value, hints[key])
        except msgspec.ValidationError as error:
            words = describe(kind)[key]
            raise Failure(
                f"{file}: {section}{key}: {error}", fix=f"correct it, or leave it out; it is: {words}"
            ) from None
