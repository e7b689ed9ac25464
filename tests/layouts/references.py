"""What sentence-transformers and transformers answer for a folder: float32, one text at a time, nothing padded."""

from __future__ import annotations

import json
import warnings
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES as TEXT_ENCODERS

Pair = tuple[str, str]
EXACT = {"dtype": torch.float32}
ROWS = 1000
"""More than any of the models has words."""

CHOICE, NEXT = "ForMultipleChoice", "ForNextSentencePrediction"
"""Ends of classes that no pipeline runs; what their scores are called is this project's."""


class Reference:
    """A folder, as the libraries that made it read it."""

    def __init__(self, root: Path) -> None:
        warnings.simplefilter("ignore")
        transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        self.root = root
        listed = json.loads((root / "modules.json").read_text()) if (root / "modules.json").exists() else []
        self.routed = any(module["type"].endswith(".Router") for module in listed)
        if self.routed and listed[0]["type"].endswith(".Router"):
            listed = of_documents(root / listed[0]["path"]) + listed[1:]
        self.modules = [module["type"].rsplit(".", 1)[-1] for module in listed]
        self.folder = root / listed[0]["path"] if listed else root
        self.exact = {"variant": "fp16", **EXACT} if (self.folder / "model.fp16.safetensors").exists() else EXACT

    @cached_property
    def config(self) -> Any:
        """Of the model."""
        return transformers.AutoConfig.from_pretrained(self.folder)

    @cached_property
    def tokenizer(self) -> Any:
        """Of the folder; one of static embeddings has its file and no configuration."""
        if "StaticEmbedding" in self.modules:
            return transformers.PreTrainedTokenizerFast(tokenizer_file=str(self.folder / "tokenizer.json"))
        return transformers.AutoTokenizer.from_pretrained(self.folder)

    @property
    def embeds(self) -> bool:
        """Whether sentence-transformers makes a vector of a text."""
        return not {"Pooling", "StaticEmbedding"}.isdisjoint(self.modules)

    @cached_property
    def sentences(self) -> Any:
        """The folder as sentence-transformers reads it; a plain one gets a mean over tokens."""
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(self.root), device="cpu", model_kwargs=dict(self.exact))

    @cached_property
    def longest(self) -> int:
        """Tokens of a text, special ones included."""
        if "Pooling" in self.modules:
            return int(self.sentences.max_seq_length)
        limits = [self.tokenizer.model_max_length, getattr(self.config, "max_position_embeddings", None) or 512]
        found = int(min(limit for limit in limits if limit > 0))
        if self.runs(found):
            return found
        return next(length for length in range(found, 0, -1) if self.runs(length))  # positions may begin behind 0

    def runs(self, length: int) -> bool:
        """Whether the model takes so many tokens."""
        try:
            self.run(self.encoder, {"input_ids": torch.full((1, length), 9), "attention_mask": torch.ones(1, length)})
        except (IndexError, RuntimeError):
            return False
        return True

    def encoded(self, text: str, pair: str | None = None) -> dict[str, torch.Tensor]:
        """Ids as transformers cuts them."""
        found = self.tokenizer(text, pair, truncation=True, max_length=self.longest, return_tensors="pt")
        return dict(found)

    @cached_property
    def encoder(self) -> Any:
        """The bare model, the encoder alone where the family has a decoder."""
        text = TEXT_ENCODERS.get(self.config.model_type, "").endswith("EncoderModel")
        auto = transformers.AutoModelForTextEncoding if text else transformers.AutoModel
        return auto.from_pretrained(self.folder, **self.exact).eval()

    def head(self, auto: str) -> Any:
        """The model with a head."""
        return getattr(transformers, auto).from_pretrained(self.folder, **self.exact).eval()

    def run(self, model: Any, inputs: dict[str, torch.Tensor]) -> Any:
        """Its outputs."""
        taken = signature(model.forward).parameters
        with torch.inference_mode():
            return model(**{name: value for name, value in inputs.items() if name in taken})

    def states(self, text: str) -> Any:
        """`(tokens, hidden)`."""
        if "Pooling" in self.modules:
            return self.sentences.encode([text], output_value="token_embeddings", prompt="")[0].cpu().numpy()
        return self.run(self.encoder, self.encoded(text)).last_hidden_state[0].numpy()

    def vector(self, text: str, side: str = "") -> Any:
        """One per text; the mean of states where sentence-transformers has something else for the folder."""
        if self.modules and not self.embeds:
            return self.states(text).mean(0)
        return encoding(self.sentences, side)([text])[0]

    def cosines(self, query: str, texts: list[str]) -> list[float]:
        """By vectors, with the prompts of either side."""
        from sentence_transformers.util import cos_sim

        asked = self.sentences.encode_query([query]), np.stack([self.sentences.encode([each])[0] for each in texts])
        return [float(each) for each in cos_sim(*asked)[0]]

    def relevance(self, pair: Pair) -> float:
        """Of a cross-encoder, or of a choice."""
        if self.ends(CHOICE):
            return float(self.logits(*pair)[0])
        return float(self.cross_encoder.predict([pair])[0])

    @cached_property
    def cross_encoder(self) -> Any:
        """The folder as sentence-transformers reads it."""
        from sentence_transformers import CrossEncoder

        return CrossEncoder(str(self.root), device="cpu", model_kwargs=EXACT)

    @cached_property
    def sparse_encoder(self) -> Any:
        """The folder as sentence-transformers reads it."""
        from sentence_transformers import SparseEncoder

        return SparseEncoder(str(self.root), device="cpu", model_kwargs=EXACT)

    def weights(self, text: str, side: str = "") -> Any:
        """Of all words."""
        if "SpladePooling" not in self.modules and "MaskedLM" not in str(self.config.architectures):
            raise TypeError(f"sentence-transformers makes no SPLADE of {self.config.architectures}")
        found = encoding(self.sparse_encoder, side)([text]).to_dense().cpu().numpy()[0]
        return np.pad(found, (0, ROWS - len(found)))

    @cached_property
    def labelling(self) -> Any:
        """The pipeline for texts and pairs."""
        return self.pipeline("text-classification", "AutoModelForSequenceClassification", top_k=None)

    @cached_property
    def tagging(self) -> Any:
        """The pipeline for tokens."""
        return self.pipeline("token-classification", "AutoModelForTokenClassification", ignore_labels=[])

    @cached_property
    def filling(self) -> Any:
        """The pipeline for masks."""
        return self.pipeline("fill-mask", "AutoModelForMaskedLM")

    def pipeline(self, task: str, auto: str, **options: Any) -> Any:
        """On this machine's CPU, with the exact weights."""
        model, words = self.head(auto), self.tokenizer
        return transformers.pipeline(task, model=model, tokenizer=words, device="cpu", **options)  # type: ignore[call-overload]

    def labels(self, text: str, pair: str | None = None) -> dict[str, float]:
        """Scores by label."""
        if self.ends(CHOICE):
            return {"choice": float(self.logits(text, pair).sigmoid()[0])}
        if self.ends(NEXT):
            return dict(zip(("is_next", "not_next"), self.logits(text, pair).softmax(0).tolist(), strict=True))
        if self.activates:
            scores = self.cross_encoder.activation_fn(self.logits(text, pair)).tolist()
            return dict(zip(self.config.id2label.values(), scores, strict=True))
        asked = text if pair is None else {"text": text, "text_pair": pair}
        found = self.labelling(asked, truncation=True, max_length=self.longest)
        rows = found[0] if isinstance(found[0], list) else found
        return {row["label"]: row["score"] for row in rows}

    @property
    def activates(self) -> bool:
        """Whether it is a cross-encoder of several labels that names what makes scores of them."""
        named = "sentence_transformers" in self.config.to_dict() or (self.root / "modules.json").exists()
        several = self.ends("ForSequenceClassification") and self.config.num_labels > 1
        return named and several and not isinstance(self.cross_encoder.activation_fn, torch.nn.Identity)

    def ends(self, end: str) -> bool:
        """Whether the folder's class has such a name."""
        return str((self.config.architectures or [""])[0]).endswith(end)

    def logits(self, text: str, pair: str | None) -> torch.Tensor:
        """Of a head without a pipeline; a choice is one of a list."""
        found = {name: row.unsqueeze(0) if self.ends(CHOICE) else row for name, row in self.encoded(text, pair).items()}
        scores: torch.Tensor = self.run(self.further, found).logits
        return scores[0]

    @cached_property
    def further(self) -> Any:
        """The model with that head."""
        return self.head(f"AutoModel{next(filter(self.ends, (CHOICE, NEXT)), 'ForSequenceClassification')}")

    @cached_property
    def spanning(self) -> Any:
        """The model for questions, which has no pipeline any more."""
        return self.head("AutoModelForQuestionAnswering")

    def span(self, question: str, context: str) -> float:
        """The score of the likeliest span of 15 tokens at most, by the rule of the pipeline of transformers 5.2."""
        found = self.tokenizer(question, context, return_tensors="pt")
        of = np.array([0 if side == 1 else -10000.0 for side in found.sequence_ids(0)])
        of[0] = 0
        outputs = self.run(self.spanning, dict(found))
        start, end = (
            torch.softmax(torch.from_numpy(logits[0].numpy() + of), 0).numpy()
            for logits in (outputs.start_logits, outputs.end_logits)
        )
        start[0] = end[0] = 0
        return float(np.tril(np.triu(np.outer(start, end)), 14).max())


def encoding(model: Any, side: str) -> Any:
    """The method for queries or for documents, or the one that knows no sides."""
    return getattr(model, f"encode_{side}" if side else "encode")


def of_documents(router: Path) -> list[dict[str, Any]]:
    """Modules of that route, as `modules.json` has them."""
    said = json.loads((router / "router_config.json").read_text())
    return [{"type": said["types"][name], "path": router / name} for name in said["structure"]["document"]]
