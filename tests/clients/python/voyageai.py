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


def said(call):
    """What a call gave, or the error it raised: one call's is not to hide the others'."""
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]


def scores(answer):
    """In the order of the documents."""
    return [item.relevance_score for item in sorted(answer.results, key=lambda item: item.index)]


embed = {"texts": inputs["texts"], "model": "bert"}
rank = {"query": inputs["query"], "documents": inputs["documents"], "model": "reranker"}
values = {
    "embeddings": said(lambda: voyageai.Client(**bert).embed(**embed).embeddings),
    "embeddings (async)": said(lambda: asyncio.run(voyageai.AsyncClient(**bert).embed(**embed)).embeddings),
    "scores": said(lambda: scores(voyageai.Client(**reranker).rerank(**rank))),
    "scores (async)": said(lambda: scores(asyncio.run(voyageai.AsyncClient(**reranker).rerank(**rank)))),
}
print(json.dumps(values))
