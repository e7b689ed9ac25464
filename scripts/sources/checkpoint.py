"""What a checkpoint folder holds: the model, its task, and how sentence-transformers would use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import msgspec

from handler.config import Pooling
from handler.head import HeadType
from scripts.console import Failure
from scripts.files.entries import leads_out
from scripts.files.json_files import MALFORMED, checked, load_if_there, load_object, required, value
from scripts.sources import damage, first_module, late_interaction, lengths, published, remedies, static, variants
from scripts.sources import sentence_transformers as modules
from scripts.sources.families import family
from scripts.sources.families.family import CHOICE, NEXT
from scripts.sources.late_interaction import LateInteraction
from scripts.sources.router import Queries

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt"),
    *("sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model"),
)
"""Files from which transformers makes a tokenizer; each may change its ids."""
VOCABULARIES = (("tokenizer.json",), ("vocab.txt",), ("vocab.json", "merges.txt"))
"""Those of which one has to be there."""
HEAD_TYPES: dict[str, HeadType] = {
    "ForSequenceClassification": "sequence",
    "ForTokenClassification": "tokens",
    "ForQuestionAnswering": "span",
    "ForQuestionAnsweringSimple": "span",
    "ForMaskedLM": "vocabulary",
    "WithLMHeadModel": "vocabulary",
    "ForPreTraining": "vocabulary",
    CHOICE: "sequence",
    NEXT: "sequence",
}
"""Ends of class names, and the head such a class has."""
TASKS: dict[HeadType | None, str] = {
    "sequence": "text-classification",
    "tokens": "token-classification",
    "span": "question-answering",
    "vocabulary": "fill-mask",
}


class Cut(msgspec.Struct):
    """The section `truncation` of a `tokenizer.json`."""

    direction: str = "Right"


class Sections(msgspec.Struct):
    """What is read of a `tokenizer.json`, whose vocabulary is large."""

    truncation: Cut | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint folder, understood.

    Attributes:
        root: where it is.
        folder: where its model is; within the root in what older versions of sentence-transformers saved, and elsewhere
            where `published` has translated its configuration.
        architecture: name of the class it was saved from.
        max_length: longest sequence, in tokens, that it was made for.
        positions: longest sequence that it has positions for; None where there is no end to them.
        task: what it is for; empty for a head that is not served.
        pooling: of a sentence-transformers folder, else `mean`.
        include_prompt: whether the tokens of a prompt are pooled, too.
        dense: folders of the dense layers after pooling.
        normalize: whether its embeddings have length 1.
        dimensions: how many of an embedding's are kept; None for all.
        lower_case: whether texts are lower-cased whatever the tokenizer does.
        truncation: which end of a long text its tokenizer cuts.
        prompts: what may go before a text, by name.
        default_prompt: name of the one that does.
        rerank: what a cross-encoder applies to its scores; see `HeadMetadata`.
        length_said: the file that says `max_length`, and its key.
        late_interaction: how states of tokens become vectors; None for other models.
        terms: file of the layer that gives each token a weight.
        logarithms: of a sparse model's scores; see `HeadMetadata`.
        sparse_pooling: of a sparse model's scores; see `HeadMetadata.pooling`.
        active_dimensions: how many words of a text a sparse model keeps; None for all.
        queries: where the weights of a query's words are; None where queries go through the model.
        variant: of its files of weights; None where they have their plain names. See `variants`.
    """

    root: Path
    folder: Path
    architecture: str
    max_length: int
    positions: int | None
    task: str
    pooling: Pooling = "mean"
    include_prompt: bool = True
    dense: tuple[Path, ...] = ()
    normalize: bool = False
    dimensions: int | None = None
    lower_case: bool = False
    truncation: str = "right"
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    rerank: str = "sigmoid"
    length_said: tuple[Path, str] = (Path("config.json"), "max_position_embeddings")
    variant: str | None = None
    late_interaction: LateInteraction | None = None
    terms: Path | None = None
    logarithms: int = 1
    sparse_pooling: Literal["max", "sum"] = "max"
    active_dimensions: int | None = None
    queries: Queries | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The decoded `config.json`."""
        return load_object(self.folder / "config.json")

    @property
    def ending(self) -> str:
        """What the name of its class ends with, a key of `HEAD_TYPES`; empty for one without a head that is known."""
        return next(filter(self.architecture.endswith, HEAD_TYPES), "")

    @property
    def head(self) -> HeadType | None:
        """What kind of head its class has; None for none, and for one that is not known."""
        return HEAD_TYPES.get(self.ending)

    @property
    def bare(self) -> bool:
        """Whether its class is an encoder without a head."""
        return self.head is None and self.architecture.endswith(("Model", "Encoder"))

    @property
    def weights(self) -> list[Path]:
        """Files of weights; of sharded ones also the index."""
        names = (variants.named(name, self.variant) for name in WEIGHTS)
        weights = next(self.folder / name for name in names if (self.folder / name).exists())
        if weights.suffix != ".json":
            return [weights]
        shards = required(load_object(weights), "weight_map", dict, weights).values()
        parts = sorted({checked(each, str, f"{weights}") for each in shards})
        astray = next(filter(leads_out, parts), None)
        if astray is not None:
            raise Failure(
                f"{weights} has weights in {astray!r}, which is no file of the folder",
                fix="copy the file into the folder, and name it there by its name alone",
            )
        return [weights, *(self.folder / part for part in parts)]


def read(folder: Path) -> Checkpoint:
    """Understand a folder.

    Raises:
        Failure: a file is missing or does not decode, or its pooling cannot be reproduced.
    """
    if not folder.is_dir():
        raise remedies.no_folder(folder)
    try:
        found = understand(folder)
    except (AttributeError, LookupError, StopIteration, TypeError, ValueError) as error:
        raise Failure(f"{folder}: a file does not hold what it should ({type(error).__name__}: {error})") from None
    for file in (*found.weights, *(found.folder / name for name in TOKENIZER_FILES if (found.folder / name).exists())):
        damage.check(file)
    return found


def understand(root: Path) -> Checkpoint:
    """`read`, for files that are what they should be."""
    folder = modules.transformer(root)
    folder = static.translated(folder) if modules.is_static(root) else published.translated(folder)
    if not (folder / "config.json").exists():
        raise remedies.lacks(folder, "config.json")
    config = load_object(folder / "config.json")
    variant = None if any((folder / name).exists() for name in WEIGHTS) else variants.find(folder, WEIGHTS)
    if variant is None and not any((folder / name).exists() for name in WEIGHTS):
        raise remedies.lacks(folder, "weights for transformers", remedies.PLACES + remedies.FORMATS)
    check_vocabulary(folder)
    named = config.get("architectures") or ["BertModel"]
    listed = [named] if isinstance(named, str) else checked(named, list, "architectures of config.json")
    architecture = checked(listed[0], str, "the first of architectures of config.json")
    found = lengths.read(folder, config)
    tokenizer = load_if_there(folder / "tokenizer_config.json")
    rerank = modules.activation(root, config)
    file, settings = first_module.settings(folder)
    settings = settings if (root / "modules.json").exists() else {}
    longest, (name, key) = found.longest(settings, tokenizer, file.name)
    plain = Checkpoint(root, folder, architecture, longest, found.positions, "", rerank=rerank, variant=variant)
    plain = replace(plain, length_said=(folder / name, key))
    plain = replace(plain, truncation=truncation_side(folder, tokenizer))
    if (root / "modules.json").exists():
        read = modules.read(root)
        further = late_interaction.bge_m3(root) if read["task"] == "embedding" else {}
        return shortened(replace(plain, **read, **further))
    if not family(config).layered:
        return replace(plain, task="embedding", normalize=value(config, "normalize", bool, False))
    if architecture == late_interaction.STANFORD:
        from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

        kind = value(config, "model_type", str, "bert")
        plain = replace(plain, architecture=str(MODEL_MAPPING_NAMES.get(kind, architecture)))
        return shortened(replace(plain, **late_interaction.stanford(root)))
    if modules.is_cross_encoder(config):
        return replace(plain, **modules.classifier(config))
    if plain.ending == CHOICE:
        return replace(plain, task="rerank", rerank="none")
    return replace(plain, task="hidden-states" if plain.bare else TASKS.get(plain.head, ""))


def shortened(found: Checkpoint) -> Checkpoint:
    """With the length of its longer side, where queries and documents have lengths of their own."""
    sides = found.late_interaction
    if sides is None or sides.document_length is None:
        return found
    expanded = sides.expansion.length if sides.expansion else 0
    query = expanded if sides.expansion and sides.expansion.fixed else max(sides.query_length or 0, expanded)
    return replace(found, max_length=min(found.max_length, max(sides.document_length, query or found.max_length)))


def check_vocabulary(folder: Path) -> None:
    """Refuse a folder of whose files no tokenizer can be made."""
    if any(all((folder / name).exists() for name in names) for names in VOCABULARIES):
        return
    if any(folder.glob("*.model")) and find_spec("sentencepiece"):
        return
    raise remedies.lacks(folder, "tokenizer", remedies.TOKENIZERS)


def truncation_side(folder: Path, tokenizer: Mapping[str, Any]) -> str:
    """Which end of a long text is cut: what its settings say, or the section `truncation` of `tokenizer.json`."""
    said = value(tokenizer, "truncation_side", str, "", "tokenizer_config.json")
    if said or not (folder / "tokenizer.json").exists():
        return said or "right"
    try:
        read = msgspec.json.decode((folder / "tokenizer.json").read_bytes(), type=Sections)
    except MALFORMED:  # the packer says what is wrong with it
        return "right"
    return read.truncation.direction.lower() if read.truncation else "right"
