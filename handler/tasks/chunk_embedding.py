"""`chunk-embedding`: a vector for each part of a text, and where in the text the part is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from handler.config import Pooling
from handler.device import HIDDEN, Reading
from handler.errors import Invalid, TooLarge
from handler.limits import numbered
from handler.poolings import listed
from handler.tasks import prompts
from handler.tasks.chunks import Span, by_size, by_spans, span_of, tokens_of, window_span
from handler.tasks.embedding import FORMATS, Embedding, EmbeddingRequest
from handler.tasks.inputs import as_list
from handler.tasks.vectors import Vectors, vectors
from handler.truncation import truncate
from handler.types import Encoding, Output, Text


class ChunkEmbeddingRequest(EmbeddingRequest, frozen=True, kw_only=True):
    """Body of `chunk-embedding`."""

    inputs: Annotated[  # type: ignore[assignment]  # token ids have no characters
        str | list[str], Meta(description="one text, or a list of texts", examples=["A text. Another."])
    ]
    spans: Annotated[
        list[list[Span]] | None,
        Meta(description="start and stop character of each chunk, a list per text", examples=[[[[0, 7], [8, 16]]]]),
    ] = None
    chunk_size: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="tokens of a chunk, instead of spans; default: what the model reads", examples=[128]),
    ] = None
    overlap: Annotated[int, Meta(ge=0, description="tokens that neighbouring chunks share, without spans")] = 0
    late_chunking: Annotated[
        bool, Meta(description="run the model over the whole text, and pool the token states of each chunk")
    ] = False


class ChunkEmbedding(Embedding):
    """A vector per chunk of a text with its characters; by late chunking, from one pass over the whole text.

    Late chunking (https://arxiv.org/abs/2409.04701): mean of the token states in a chunk.
    """

    name = "chunk-embedding"
    request = ChunkEmbeddingRequest
    numeric = False
    truncates = False
    truncation = "windows"
    needs_offsets = True

    def texts(self, request: EmbeddingRequest) -> list[Text]:
        """Each text, or each of its chunks where those are texts of their own."""
        assert isinstance(request, ChunkEmbeddingRequest)
        check(request, self.model.config.pooling)
        parts = [*chain.from_iterable(self.parts(request))]
        return super().texts(EmbeddingRequest(inputs=[*parts], **prompt_keys(request)))

    def parts(self, request: ChunkEmbeddingRequest) -> list[list[str]]:
        """Per text what the model reads one by one."""
        texts = as_list(request.inputs)
        if request.spans is None or request.late_chunking:
            return [[text] for text in texts]
        return [[text[start:stop] for start, stop in own] for text, own in zip(texts, request.spans, strict=True)]

    def place(self, request: EmbeddingRequest, index: int, total: int) -> str:
        """See `Task.place`."""
        assert isinstance(request, ChunkEmbeddingRequest)
        texts = [number for number, own in enumerate(self.parts(request)) for _ in own]
        chunk = f"chunk {index - texts.index(texts[index]) + 1} of " if request.spans else ""
        return chunk + numbered(texts[index], texts[-1] + 1)

    def fit(self, request: EmbeddingRequest, index: int, windows: list[Encoding], policy: str) -> list[Encoding]:
        """See `Task.fit`; `windows` is the whole text."""
        assert isinstance(request, ChunkEmbeddingRequest)
        prompt = self.prompt(request)
        return prompts.unpooled(self.model, prompt, self.chunks(request, windows[0], policy))

    def chunks(self, request: ChunkEmbeddingRequest, whole: Encoding, policy: str) -> list[Encoding]:
        """What the model reads of a text: all of it, or each chunk."""
        most = self.model.config.max_length
        if request.spans is not None or request.late_chunking:
            return truncate(whole, policy, most)
        size = min(most, (request.chunk_size or most) + sum(whole.special))
        kept = [whole] if policy == "windows" else truncate(whole, policy, most)
        return [chunk for each in kept for chunk in truncate(each, "windows", size, request.overlap)]

    def check_size(self, tokens: int, binary: bool) -> None:
        """See `Task.check_size`; late chunking keeps the states of all tokens."""
        size, limit = 4 * tokens * self.model.hidden_size, self.model.config.max_response_bytes
        if size > limit:
            raise TooLarge(
                f"states of {tokens} tokens x {self.model.hidden_size} take {size} bytes, the limit is {limit}; "
                "send fewer texts or raise handler.max_response_bytes"
            )

    def reading(self, request: EmbeddingRequest) -> Reading:
        """See `Task.reading`."""
        assert isinstance(request, ChunkEmbeddingRequest)
        return HIDDEN if request.late_chunking else super().reading(request)

    def answer(
        self, request: EmbeddingRequest, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]
    ) -> Any:
        """Per text `start`, `stop` and `embedding` of each chunk."""
        assert isinstance(request, ChunkEmbeddingRequest)
        make = self.late if request.late_chunking else self.separate
        places, found = make(request, encodings, outputs)
        embeddings = iter(FORMATS[request.encoding_format](self.finished(request, found)))
        return [
            [{"start": int(start), "stop": int(stop), "embedding": next(embeddings)} for start, stop in text]
            for text in places
        ]

    def separate(
        self,
        request: ChunkEmbeddingRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> tuple[list[list[Span]], Vectors]:
        """Chunks that ran as texts of their own: by spans, or a window each."""
        if request.spans is not None:
            return request.spans, vectors(self.model, outputs, request.pooling, request.input_type)
        before = len(self.prompt(request))
        places = [[window_span(window, before) for window in windows] for windows in encodings]
        apart = [[window] for windows in outputs for window in windows]
        return places, vectors(self.model, apart, request.pooling, request.input_type)

    def late(
        self,
        request: ChunkEmbeddingRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> tuple[list[list[Span]], Vectors]:
        """Chunks of states of whole texts."""
        before = len(self.prompt(request))
        places: list[list[Span]] = []
        means: list[Vectors] = []
        for number, text in enumerate(zip(encodings, outputs, strict=True)):
            tokens = tokens_of(*text, before)
            own = (
                by_spans(request.spans[number], tokens, number)
                if request.spans
                else by_size(request.chunk_size, request.overlap, tokens, number)
            )
            places.append(request.spans[number] if request.spans else [span_of(tokens.places[each]) for each in own])
            means.extend(tokens.states[each].mean(axis=0) for each in own)
        pooled: Vectors = np.asarray(means, dtype=np.float32)
        layers = self.model.layers(request.input_type)
        return places, layers(pooled) if layers else pooled


def prompt_keys(request: EmbeddingRequest) -> dict[str, Any]:
    """What a request says of its prompt."""
    return {key: getattr(request, key) for key in ("prompt", "prompt_name", "input_type")}


def check(request: ChunkEmbeddingRequest, pooling: Pooling) -> None:
    """Refuse chunks that no text has, and late chunking of models that do not pool by the mean.

    Raises:
        Invalid: see above.
    """
    if request.late_chunking and (request.pooling or pooling) != "mean":
        raise Invalid(
            '"late_chunking" takes the mean of token states, and this model pools by '
            f"{listed(request.pooling or pooling)}; its vectors could not be compared with those of queries"
        )
    if request.spans is None:
        if request.chunk_size is not None and request.overlap >= request.chunk_size:
            raise Invalid(f'"overlap" is {request.overlap}, and "chunk_size" {request.chunk_size}; overlap by less')
        return
    texts = as_list(request.inputs)
    if request.chunk_size is not None or request.overlap:
        raise Invalid('"spans" say where chunks are; leave out "chunk_size" and "overlap"')
    if len(request.spans) != len(texts):
        raise Invalid(f'"spans" has {len(request.spans)} lists, and there are {len(texts)} texts; send one for each')
    for number, (text, own) in enumerate(zip(texts, request.spans, strict=True)):
        wrong = next((span for span in own if not 0 <= span[0] < span[1] <= len(text)), None)
        if wrong or not own:
            said = f"has the span {list(wrong)}" if wrong else "has no span"
            raise Invalid(
                f"text {number + 1} has {len(text)} characters and {said}; spans are start and stop within it"
            )
