"""How each task is drawn."""

from __future__ import annotations

from scripts.drawing.drawn import Draw
from scripts.drawing.tasks import (
    chunk_embedding,
    decode,
    embedding,
    explanations,
    fill_mask,
    hidden_states,
    hybrid_embedding,
    info,
    multi_vector,
    question_answering,
    rerank,
    similarity,
    sparse_embedding,
    text_classification,
    token_classification,
    tokenize,
    word_vectors,
)

DRAWINGS: dict[str, Draw] = {
    "hidden-states": hidden_states.draw,
    "embedding": embedding.draw,
    "chunk-embedding": chunk_embedding.draw,
    "multi-vector": multi_vector.draw,
    "similarity": similarity.draw,
    "rerank": rerank.draw,
    "text-classification": text_classification.draw,
    "zero-shot-classification": text_classification.draw,
    "token-classification": token_classification.draw,
    "question-answering": question_answering.draw,
    "fill-mask": fill_mask.draw,
    "sparse-embedding": sparse_embedding.draw,
    "hybrid-embedding": hybrid_embedding.draw,
    "explanations": explanations.draw,
    "word-vectors": word_vectors.draw,
    "tokenize": tokenize.draw,
    "decode": decode.draw,
    "info": info.draw,
}
"""By task; see `handler.tasks.TASKS`. One that is not here is shown as JSON."""
