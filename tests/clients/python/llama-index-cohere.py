"""`CohereEmbedding`, sync and async; `CohereRerank`"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "llama-index-embeddings-cohere==0.9.0",
#   "llama-index-postprocessor-cohere-rerank==0.10.0",
# ]
# [tool.client]
# address = "`...`"
# ///

import asyncio
import json
import sys
from pathlib import Path

from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.embeddings.cohere import CohereEmbedding
from llama_index.postprocessor.cohere_rerank import CohereRerank

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

options = {"api_key": "none", "base_url": f"{url}/predictions/bert/1.0"}  # its model names are a closed list
made = CohereEmbedding(**options, input_type="search_document")
nodes = [NodeWithScore(node=TextNode(text=text), score=0.0) for text in inputs["documents"]]
ranker = CohereRerank(api_key="none", base_url=f"{url}/predictions/reranker/1.0", model="reranker", top_n=len(nodes))
best = ranker.postprocess_nodes(nodes, query_str=inputs["query"])
by_text = {node.text: node.score for node in best}
values = {
    "embeddings": made.get_text_embedding_batch(inputs["texts"]),
    "query embedding": made.get_query_embedding(inputs["query"]),
    "embeddings (async)": asyncio.run(CohereEmbedding(**options).aget_text_embedding_batch(inputs["texts"])),
    "scores": [by_text[text] for text in inputs["documents"]],
    "best documents": [node.text for node in best],
}
print(json.dumps(values))
