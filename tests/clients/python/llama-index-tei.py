"""`TextEmbeddingsInference`, sync and async; `TextEmbeddingInference`, the reranker"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "llama-index-embeddings-text-embeddings-inference==0.6.0",
#   "llama-index-postprocessor-tei-rerank==0.6.0",
# ]
# [tool.client]
# address = "`.../tei`"
# ///

import asyncio
import json
import sys
from pathlib import Path

from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference
from llama_index.postprocessor.tei_rerank import TextEmbeddingInference

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

made = TextEmbeddingsInference(
    model_name="bert", base_url=f"{url}/predictions/bert/1.0/tei", query_instruction="", text_instruction=""
)
nodes = [NodeWithScore(node=TextNode(text=text), score=0.0) for text in inputs["documents"]]
ranker = TextEmbeddingInference(base_url=f"{url}/predictions/reranker/1.0/tei", top_n=len(nodes))
best = ranker.postprocess_nodes(nodes, query_str=inputs["query"])
values = {
    "embeddings": made.get_text_embedding_batch(inputs["texts"]),
    "query embedding": made.get_query_embedding(inputs["query"]),
    "embeddings (async)": asyncio.run(made.aget_text_embedding_batch(inputs["texts"])),
    "scores": [node.score for node in nodes],
    "best documents": [node.text for node in best],
}
print(json.dumps(values))
