"""The settings of an archive: `model-config.yaml`, checked once and frozen.

TorchServe reads the keys of `ModelConfig` (all but `handler`); the handler reads the section `handler`. The
descriptions are the comments that the packer writes beside each key and docs/reference/settings.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from handler.errors import ConfigError, unknown

CHECKPOINT = "checkpoint"
"""Folder of an archive that holds weights, model configuration and tokenizer."""
ORIGIN, NOTES = "origin.json", "notes.json"
"""File of that folder that says where the checkpoint came from."""

Mode = Literal["mean", "cls", "max", "pooler", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
Pooling = Mode | Annotated[tuple[Mode, ...], Meta(min_length=1)]
"""Of several, their vectors one behind the other."""
Truncation = Literal["right", "left", "error", "windows"]
Dtype = Literal["float32", "float16", "bfloat16", "int8"]
Precision = Dtype | Literal["auto"]
"""What an archive may ask for."""

Count = Annotated[int, Meta(ge=1)]
MOST_RETRY_SECONDS = 2_147_483
"""TorchServe counts them in milliseconds of 32 bits (`Model.maxRetryTimeoutInMill`): 24 days."""
SHORTEST = 4
"""Tokens of the least `max_length`: the special tokens of a pair alone are 3 or 4."""


class HandlerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `handler:`, what this project's own code reads."""

    task: Annotated[str, Meta(description="task of requests to /predictions/{model} that name none")]
    max_length: Annotated[
        int, Meta(ge=SHORTEST, description="maximum sequence length in tokens, special tokens included")
    ]
    min_length: Annotated[
        Count, Meta(description="shortest sequence the model runs, in tokens; a text of fewer is refused with 422")
    ] = 1
    runtime: Annotated[
        str,
        Meta(
            description="inference engine: native, packed, onnx, torchscript, eager, static; auto selects the fastest"
        ),
    ] = "auto"
    dtype: Annotated[
        Precision,
        Meta(
            description="precision: float32; bfloat16; float16 on a GPU; int8 on a CPU; "
            "auto: 16 bits on a GPU, float32 on a CPU"
        ),
    ] = "float32"
    pooling: Annotated[
        Pooling,
        Meta(
            description="pooling of token states into one vector: "
            "mean, cls, max, pooler, mean_sqrt_len_tokens, weightedmean, lasttoken; of a list, all of them concatenated"
        ),
    ] = "mean"
    include_prompt: Annotated[bool, Meta(description="pool the tokens of a prompt, too")] = True
    normalize: Annotated[bool, Meta(description="L2-normalize embeddings")] = False
    dimensions: Annotated[
        Count | None, Meta(description="truncate embeddings to the first n dimensions, after normalization")
    ] = None
    prompts: Annotated[
        dict[str, str], Meta(description="prompts by name; a request selects one to prepend to its texts")
    ] = {}
    default_prompt: Annotated[str | None, Meta(description="prompt of requests that select none")] = None
    max_active_dims: Annotated[
        Count | None, Meta(description="words of a sparse embedding, those of the largest weights; default: all")
    ] = None
    truncation: Annotated[
        Truncation | None,
        Meta(
            description="truncation of texts over max_length: right, left (the end that is cut), error, windows; "
            "default: by task"
        ),
    ] = None
    token_budget: Annotated[
        Count | None,
        Meta(description="maximum tokens per forward pass; default: 1024 on a CPU, measured at worker start on a GPU"),
    ] = None
    rerank: Annotated[
        bool,
        Meta(
            description="offer rerank: by a head with one score, else by cosine; false for a classifier with several "
            "labels and for a cross-encoder without its head"
        ),
    ] = True
    equal_lengths: Annotated[
        bool, Meta(description="batch only sequences of equal length, for models whose states padding changes")
    ] = False
    max_texts: Annotated[Count, Meta(description="maximum texts per request; more are refused with 413")] = 2048
    max_characters: Annotated[Count, Meta(description="maximum characters per request; more are refused with 413")] = (
        2_000_000
    )
    max_response_bytes: Annotated[
        Count,
        Meta(description="maximum response size in bytes; must stay below max_response_size of config.properties"),
    ] = 64 << 20
    cache_bytes: Annotated[
        int,
        Meta(
            ge=0,
            description="bytes per worker for outputs of texts that may be asked for again, on a CPU; 0: none are kept",
        ),
    ] = 0
    threads: Annotated[
        int, Meta(ge=0, description="compute threads per worker; 0 divides the cores among busy workers")
    ] = 0


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole `model-config.yaml`."""

    handler: HandlerConfig
    minWorkers: Annotated[Count, Meta(description="worker processes started per model")] = 1
    maxWorkers: Annotated[
        Count, Meta(description="maximum number of workers, at least minWorkers; TorchServe does not autoscale")
    ] = 1
    batchSize: Annotated[Count, Meta(description="maximum requests per batch")] = 16
    maxBatchDelay: Annotated[
        Count,
        Meta(description="milliseconds TorchServe waits to fill a batch, at least 1; servers of `bert` take 1 for 0"),
    ] = 1
    jobQueueSize: Annotated[Count, Meta(description="maximum queued requests per model; more are refused with 503")] = (
        64
    )
    responseTimeout: Annotated[
        Count, Meta(description="timeout of one batch in seconds; TorchServe kills a worker that exceeds it")
    ] = 120
    startupTimeout: Annotated[Count, Meta(description="timeout for loading the model in seconds")] = 300
    maxRetryTimeoutInSec: Annotated[
        int,
        Meta(
            ge=1,
            le=MOST_RETRY_SECONDS,
            description="seconds during which TorchServe keeps restarting a worker that dies, with longer and longer "
            "pauses, of 27 minutes at most; nothing starts it again after them",
        ),
    ] = MOST_RETRY_SECONDS
    clientTimeoutInMills: Annotated[
        int, Meta(ge=0, description="milliseconds after which a queued request is dropped without a response; 0: never")
    ] = 0
    deviceType: Annotated[
        Literal["cpu", "gpu"] | None, Meta(description="cpu or gpu; default: a GPU if there is one")
    ] = None
    deviceIds: Annotated[
        list[int] | None, Meta(description="GPUs to use, by index; default: all, assigned to workers in turn")
    ] = None


def load(settings: object) -> ModelConfig:
    """Check a decoded `model-config.yaml`.

    Raises:
        ConfigError: a key is unknown (the nearest known one is named), missing, or of the wrong kind.
    """
    if not isinstance(settings, Mapping):
        what = "it is empty" if settings is None else f"it holds a {type(settings).__name__}"
        raise ConfigError(f"model-config.yaml: {what}, and has to hold keys and values")
    refuse_unknown("model-config.yaml", settings, ModelConfig.__struct_fields__)
    section = settings.get("handler")
    if isinstance(section, Mapping):
        refuse_unknown("model-config.yaml, handler", section, HandlerConfig.__struct_fields__)
    try:
        config = msgspec.convert(settings, ModelConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"model-config.yaml: {error}") from None
    if config.maxWorkers < config.minWorkers:
        raise ConfigError(
            f"model-config.yaml: maxWorkers {config.maxWorkers} is below minWorkers {config.minWorkers}; "
            f"set maxWorkers to {config.minWorkers} or more"
        )
    named, known = config.handler.default_prompt, prompts(config.handler)
    if named is not None and named not in known:
        raise ConfigError(f"model-config.yaml, handler.default_prompt: {unknown('prompt', named, known)}")
    return config


def prompts(config: HandlerConfig) -> dict[str, str]:
    """An archive's prompts by name.

    A model without a prompt for queries, or for documents, has an empty one: `_default_prompts` and
    `_validate_prompts` of `SentenceTransformer`, version 6.2.
    """
    return {"query": "", "document": ""} | config.prompts


def refuse_unknown(where: str, settings: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Raise `ConfigError` for the first key that is not known, naming the nearest one."""
    for key in settings:
        if key not in known:
            raise ConfigError(f"{where}: {unknown('key', str(key), known)}")


@cache
def describe(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Key -> description, for the keys that have one."""
    found = {}
    for name, annotation in get_type_hints(kind, include_extras=True).items():
        for extra in get_args(annotation)[1:] if get_origin(annotation) is not None else ():
            if isinstance(extra, Meta) and extra.description:
                found[name] = extra.description
    return found
