"""text-embeddings-inference's routes, for clients whose base address is `.../predictions/{model}/{version}/tei`.

Schema: https://huggingface.github.io/text-embeddings-inference/openapi.json
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

from msgspec.structs import replace

from handler.call import Call
from handler.errors import BertError, Empty, Invalid, Overloaded, TooLarge, UnknownTask
from handler.model import LoadedModel
from handler.protocols import openai
from handler.protocols.base import Decoded, Tasks, dump
from handler.protocols.openai import EmbeddingsBody, EmbeddingsReply
from handler.protocols.routed import Nothing, Route, Routed, Switch, plain
from handler.protocols.tei_bodies import (
    DecodeBody,
    Embed,
    EmbedAll,
    EmbedSparse,
    Predict,
    RerankBody,
    SimilarityBody,
    TokenizeBody,
)
from handler.tasks.base import TextRequest
from handler.tasks.decode import Decode, DecodeRequest
from handler.tasks.embedding import Embedding, EmbeddingRequest
from handler.tasks.hidden_states import HiddenStates, HiddenStatesRequest
from handler.tasks.info import Info, InfoRequest
from handler.tasks.inputs import id_lists
from handler.tasks.rerank import Rerank, RerankRequest
from handler.tasks.response_schemas import Labelled
from handler.tasks.similarity import Similarity, SimilarityRequest
from handler.tasks.sparse_embedding import SparseEmbedding, SparseEmbeddingRequest
from handler.tasks.text_classification import TextClassification, TextClassificationRequest
from handler.tasks.tokenize import Tokenize, TokenizeRequest
from handler.types import Row, Side

METRICS = "tei/metrics"
SIDES: dict[str, Side] = {side: side for side in get_args(Side)}
"""Prompts that are those of a side, and choose its layers, too."""


def embed(wire: Embed) -> TextRequest:
    """With TEI's own default, vectors of length 1."""
    return EmbeddingRequest(
        inputs=texts_or_ids(wire.inputs),
        prompt_name=None if (side := SIDES.get(wire.prompt_name or "")) else wire.prompt_name,
        input_type=side,
        normalize=wire.normalize,
        dimensions=wire.dimensions,
        truncation=wire.policy,
    )


def texts_or_ids(inputs: str | list[str | int | list[int]]) -> str | list[str | list[int]]:
    """A flat list of ids is one input."""
    return inputs if isinstance(inputs, str) else id_lists("inputs", inputs)


def batched(wire: Predict) -> bool:
    """Whether a list of inputs was sent, and not one text or pair."""
    return not isinstance(wire.inputs, str) and any(isinstance(item, list) for item in wire.inputs)


def predict(wire: Predict) -> TextRequest:
    """One text or pair, or several."""
    items: list[Any] = list(wire.inputs) if batched(wire) or not wire.inputs else [wire.inputs]
    texts: list[Any] = [text_or_pair([item] if isinstance(item, str) else item) for item in items]
    function: Literal["none"] | None = "none" if wire.raw_scores else None
    return TextClassificationRequest(inputs=texts, function_to_apply=function, truncation=wire.policy)


def text_or_pair(item: list[str]) -> str | tuple[str, str]:
    """Lists of one and of two."""
    if len(item) not in (1, 2) or not all(isinstance(text, str) for text in item):
        raise Invalid(f'an item of "inputs" has {len(item)} texts; send one, or two for a pair')
    return item[0] if len(item) == 1 else (item[0], item[1])


def tokens(call: Call, model: LoadedModel) -> Any:
    """Perhaps without the special ones."""
    if call.protocol_state.add_special_tokens:
        return call.answer
    return [[token for token in text if not token["special"]] for text in call.answer]


def info(call: Call, model: LoadedModel) -> dict[str, Any]:
    """What TEI says of itself, as far as it applies."""
    config, head = model.config, model.head
    types: dict[str, Any] = {"embedding": {"pooling": "splade" if model.kind == "splade" else config.pooling}}
    if head is not None and model.kind in ("reranker", "classifier"):
        numbers = {name: number for number, name in enumerate(head.description.labels)}
        names = {str(number): name for name, number in numbers.items()}
        types = {model.kind: {"id2label": names, "label2id": numbers}}
    return {
        "model_id": model.name,
        "model_sha": None,
        "model_dtype": config.dtype,
        "model_type": types,
        "max_concurrent_requests": None,
        "max_input_length": config.max_length,
        "max_batch_tokens": config.token_budget,
        "max_batch_requests": None,
        "max_client_batch_size": config.max_texts,
        "auto_truncate": (config.truncation or "right") != "error",
        "tokenization_workers": None,
        "version": model.version,
        "sha": None,
        "docker_label": None,
    }


EMBED = Route(Embedding.name, Embed, embed, plain)
EMBED_SPARSE = Route(
    SparseEmbedding.name,
    EmbedSparse,
    lambda wire: SparseEmbeddingRequest(
        inputs=texts_or_ids(wire.inputs), input_type=wire.prompt_name, truncation=wire.policy
    ),
    plain,
)
PREDICT = Route(
    TextClassification.name,
    Predict,
    predict,
    lambda call, _: call.answer if batched(call.protocol_state) else call.answer[0],
    (list[Labelled], list[list[Labelled]]),
)
RERANK = Route(
    Rerank.name,
    RerankBody,
    lambda wire: RerankRequest(
        query=wire.query,
        texts=wire.texts,
        raw_scores=wire.raw_scores,
        return_text=wire.return_text,
        truncation=wire.policy,
    ),
    plain,
    blank="taken",  # beside a query: of a pair TEI refuses only one whose texts are both empty
)
HEALTH = Route(Info.name, Nothing, lambda _: InfoRequest(), lambda call, model: {}, (dict[str, Any],))
EMBEDDINGS = Route(
    Embedding.name,
    EmbeddingsBody,
    lambda wire: replace(openai.embeddings(wire), normalize=True),  # as TEI does there, whatever the model's default
    openai.embeddings_answer,
    (EmbeddingsReply,),
)


STATUSES: dict[type[BertError], int] = {Empty: 400, Overloaded: 429, BertError: 424}
"""Where its router's are others than ours; `From<&ErrorType> for StatusCode` in router/src/http/server.rs."""


class TEI(Routed):
    """Paths that begin with `tei/`, and `tei` itself, which is the one that the archive was made for."""

    statuses: ClassVar = STATUSES
    routes: ClassVar = {
        "tei": Switch({"reranker": RERANK, "classifier": PREDICT, "splade": EMBED_SPARSE, "": EMBED}),
        "tei/embed": EMBED,
        "tei/embed_all": Route(
            HiddenStates.name,
            EmbedAll,
            lambda wire: HiddenStatesRequest(inputs=texts_or_ids(wire.inputs), truncation=wire.policy),
            plain,
        ),
        "tei/embed_sparse": EMBED_SPARSE,
        "tei/predict": PREDICT,
        "tei/rerank": RERANK,
        "tei/similarity": Route(
            Similarity.name,
            SimilarityBody,
            lambda wire: SimilarityRequest(
                source=wire.inputs.source_sentence,
                sentences=wire.inputs.sentences,
                truncation=wire.parameters.policy,
            ),
            plain,
        ),
        "tei/tokenize": Route(Tokenize.name, TokenizeBody, lambda wire: TokenizeRequest(inputs=wire.inputs), tokens),
        "tei/decode": Route(
            Decode.name,
            DecodeBody,
            lambda wire: DecodeRequest(ids=wire.ids, skip_special_tokens=wire.skip_special_tokens),
            plain,
        ),
        "tei/info": Route(Info.name, Nothing, lambda _: InfoRequest(), info, (dict[str, Any],)),
        "tei/health": HEALTH,
        "tei/ping": HEALTH,
    }

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """See `Protocol.decode`.

        Metrics stay where TorchServe has them: a worker knows neither that port nor the other workers' figures, and who
        may ask a model need not see what others ask of it.
        """
        if row.path == METRICS:
            raise UnknownTask(
                "metrics are at /metrics of the server's metrics port, 8082 unless it was started on others"
            )
        return super().decode(row, tasks, default)

    def encode_error(self, error: BertError) -> bytes:
        """TEI's envelope and names."""
        return dump({"error": str(error), "error_type": error_type(error)})


class TEIEmbeddings(Routed):
    """TEI's routes with OpenAI's schema, whose errors are neither's: `OpenAICompatErrorResponse` of its router."""

    statuses: ClassVar = STATUSES
    routes: ClassVar = {"tei/embeddings": EMBEDDINGS, "tei/v1/embeddings": EMBEDDINGS}

    def encode_error(self, error: BertError) -> bytes:
        """TEI's names in another envelope."""
        return dump({"message": str(error), "code": self.status(error), "type": error_type(error)})


def error_type(error: BertError) -> str:
    """TEI's name for an error."""
    return ERROR_TYPES.get(type(error), "Backend" if error.status >= 500 else "Validation")


ERROR_TYPES: dict[type[BertError], str] = {Empty: "Empty", TooLarge: "Validation", Overloaded: "Overloaded"}
