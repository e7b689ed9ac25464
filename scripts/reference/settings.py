"""`settings.md`: keys of an archive, of TorchServe's configuration, and of the environment."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from handler.config import HandlerConfig, ModelConfig, describe
from scripts.reference.environment import ENVIRONMENT, INTERNAL, TRACING
from scripts.reference.markdown import block, code, page, table
from scripts.reference.properties import MEANINGS, entries
from scripts.reference.schemas import default, kind, properties
from scripts.server.environment import REMOVED, SET

ARCHIVE = """\
`pack` writes them to `model-config.yaml` inside the archive. To change some, write those keys to a YAML file and pack
with `--config FILE`. An unknown key is refused, and the error names the nearest known one."""
PROXIES = """\
The command asks its own server without a proxy and without `~/.netrc`, and the clients in `client/` ask no proxy for
a server on this machine. Downloads, and clients of servers elsewhere, use `HTTPS_PROXY` and the like."""
EXAMPLE = """\
batchSize: 32
handler:
  max_length: 128"""
DOTTED = "`handler.max_length: 128` at the top level means the same as the key in the section `handler`."
SERVER = """\
`scripts/bert start` reads `config/config.properties`, adds the addresses, ports and paths of the server that it starts,
and passes the result to TorchServe. The meanings name the option of `start` that overrides a key."""
TRACES = """\
For [traces](../observability.md#traces), after `scripts/setup otel`; OpenTelemetry's SDK reads [further
ones](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/):"""
DERIVED = {
    **dict.fromkeys(
        (
            *("task", "max_length", "min_length", "pooling", "include_prompt", "normalize", "dimensions"),
            *("prompts", "default_prompt"),
        ),
        "from the checkpoint",
    ),
    "truncation": "from the checkpoint, or by task",
    "token_budget": "by device",
}
"""What stands in the place of a default that `pack` or a worker finds out."""


def settings() -> str:
    """The page."""
    return page(
        "Settings",
        "## Archive",
        ARCHIVE,
        block(EXAMPLE, "yaml"),
        DOTTED,
        "### Handler",
        keys(HandlerConfig, "handler."),
        "### TorchServe",
        keys(ModelConfig, ""),
        "## TorchServe's configuration",
        SERVER,
        table(
            ("key", "value", "meaning", "comment in the file"),
            [(code(key), code(value), MEANINGS.get(key, ""), why) for key, value, why in entries()],
        ),
        "## Environment variables",
        variables(ENVIRONMENT),
        TRACES,
        variables(TRACING),
        "Internal, not to be set by users:",
        variables(INTERNAL),
        "A server and its workers get the rest of your environment without these:",
        table(("variable", "why it is left out"), [(code(name), why) for name, why in REMOVED.items()]),
        "and with these:",
        table(("variable", "what it is set to"), [(code(name), what) for name, what in SET.items()]),
        PROXIES,
    )


def keys(struct: type[msgspec.Struct], prefix: str) -> str:
    """A line per key that is a value."""
    schemas, components = properties(struct)
    meanings = describe(struct)
    rows = [
        (
            code(f"{prefix}{name}"),
            kind(schema, components),
            DERIVED.get(name) or default(struct, name),
            meanings.get(name, ""),
        )
        for name, schema in schemas.items()
        if name != "handler"
    ]
    return table(("key", "type", "default", "meaning"), rows)


def variables(registry: Mapping[str, str]) -> str:
    """A line per variable."""
    return table(("variable", "meaning"), [(code(name), meaning) for name, meaning in registry.items()])
