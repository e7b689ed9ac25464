"""`Client` and `AsyncClient`: `embed`, `rerank`"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "voyageai==0.5.0",
# ]
# [tool.client]
# address = "`.../v1`"
# ///

import asyncio
import json
import sys
from pathlib import Path

import voyageai

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

bert, reranker = (
    {"api_key": "none", "base_url": f"{url}/predictions/{name}/1.0/v1", "max_retries": 0}
    for name in ("bert", "reranker")
)


def ranked(answer):
    """Scores in the order of the documents."""
    return [result.relevance_score for result in sorted(answer.results, key=lambda each: each.index)]


rerank = {"query": inputs["query"], "documents": inputs["documents"], "model": "reranker"}
embed = {"texts": inputs["texts"], "model": "bert"}
values = {
    "embeddings": voyageai.Client(**bert).embed(**embed).embeddings,
    "embeddings (async)": asyncio.run(voyageai.AsyncClient(**bert).embed(**embed)).embeddings,
    "embeddings (query)": voyageai.Client(**bert).embed(**embed, input_type="query").embeddings,
    "scores": ranked(voyageai.Client(**reranker).rerank(**rerank)),
    "scores (async)": ranked(asyncio.run(voyageai.AsyncClient(**reranker).rerank(**rerank))),
}
print(json.dumps(values))
