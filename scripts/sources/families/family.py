"""What has to be known of a family of encoders to pack one: what it calls its settings, its tensors and its heads.

Names of tensors are those of transformers' modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from handler.head import HeadType, Reads, Step
from scripts.files.json_files import value

Config = Mapping[str, Any]
"""A decoded `config.json`."""
Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class ConfigKeys:
    """Keys of `config.json`, empty for what is not configured; the defaults are BERT's.

    Attributes:
        usual_activation: where the configuration names none; so with `usual_eps`.
    """

    layers: str = "num_hidden_layers"
    heads: str = "num_attention_heads"
    hidden: str = "hidden_size"
    intermediate: str = "intermediate_size"
    activation: str = "hidden_act"
    eps: str = "layer_norm_eps"
    usual_activation: str = "gelu"
    usual_eps: float = 1e-12


def numbered(name: str) -> Callable[[Config, ConfigKeys], Sequence[str]]:
    """Layers that have weights of their own; `{}` of their modules' name is the number."""
    return lambda config, keys: [name.format(number) for number in range(config[keys.layers])]


def no_more(weights: Weights, config: Config) -> dict[str, Tensor]:
    """Of an encoder whose tensors are all taken as they are."""
    return {}


@dataclass(frozen=True, slots=True)
class WeightMapping:
    """Where an encoder keeps its weights, by the names that `packed.safetensors` has for them.

    Attributes:
        around: of tables, and of linears and normalisations outside of the layers.
        layers: modules of layers in the order they are computed, of a whole configuration; one may come many times.
        linears: of linears and normalisations within a layer; of several names, one linear with the outputs of all.
        qkv: the three projections.
        pooler: its linear.
        rms: whether its normalisations are by the root mean square, and so have no bias.
        derived: tensors of ours that are computed from others, or replace one.
        described: what `handler.encoders.description` is to say that is not so of BERT.
        turned: what becomes of the rows of queries and of keys, `(heads * size,)` or `(heads * size, hidden)`, so that
            angles turn the halves of each head.
    """

    around: Mapping[str, str]
    layers: Callable[[Config, ConfigKeys], Sequence[str]]
    linears: Mapping[str, str | Sequence[str]]
    qkv: Sequence[str]
    pooler: str = "pooler.dense"
    rms: bool = False
    derived: Callable[[Weights, Config], Mapping[str, Tensor]] = no_more
    described: Callable[[Config], Mapping[str, Any]] = lambda config: {}
    turned: Callable[[Tensor, Config], Tensor] = lambda rows, config: rows


READS: Mapping[str, Reads] = {"cls": "first", "bos": "first", "first": "first", "mean": "mean", "late": "all"}
"""What configurations call what a head reads."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The linears of a head.

    Attributes:
        steps: weights and norms named as transformers names the module; `config` as an activation is the model's own.
        reads: see `handler.head.HeadMetadata.reads`; or a key of `config.json` that has a key of `READS`.
        usual: that key of `READS` where the configuration names none.
        activation: key of `config.json` for the head's own activation; empty where it is the model's.
        otherwise: the chain in its place where that key of `config.json` is false; true is usual.
    """

    steps: tuple[Step, ...]
    reads: Reads | str = "first"
    usual: str = "cls"
    activation: str = ""
    otherwise: Mapping[str, Chain] = field(default_factory=dict)

    def of(self, config: Config) -> Chain:
        """The one that a checkpoint has."""
        return next((chain for key, chain in self.otherwise.items() if not value(config, key, bool, True)), self)


@dataclass(frozen=True, slots=True)
class Family:
    """What has to be known of a `model_type`.

    Attributes:
        encoder: None where only the transformers model itself can run it.
        heads: those that are served.
        keys: of its `config.json`.
        first_position: row of a first token's position; a key of `config.json` means the row behind the one it names.
        beyond: why a configuration needs more than the fast runtimes have; empty where it does not.
        endless: whether positions are computed, so that `max_position_embeddings` is not the end of them.
        layered: whether it has layers at all; else a text is the mean of rows of a table.
        blinded: whether a token that no other looks at looks at none itself, where others have it look as they do.
        further: heads of other classes that score a sequence, by what the names of these end with.
    """

    encoder: WeightMapping | None
    heads: Mapping[HeadType, Chain]
    keys: ConfigKeys = field(default_factory=ConfigKeys)
    first_position: int | str = 0
    beyond: Callable[[Config], str] = lambda config: ""
    endless: Callable[[Config], bool] = lambda config: False
    layered: bool = True
    blinded: bool = False
    further: Mapping[str, Chain] = field(default_factory=dict)


def linear(module: str, activation: str = "none", norm: str = "") -> Step:
    """A linear whose tensors are named after its module."""
    return Step(f"{module}.weight", f"{module}.bias", activation, norm)


TOKENS, SPAN = Chain((linear("classifier"),)), Chain((linear("qa_outputs"),))
"""What nearly all families have for tokens and for spans."""
CHOICE, NEXT = "ForMultipleChoice", "ForNextSentencePrediction"
POOLED = Chain((linear("classifier"),), reads="pooler")
"""What most families score a sequence by, or one of several choices."""
