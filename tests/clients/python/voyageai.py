"""`Client` and `AsyncClient`: `embed`; `rerank` asks the path of Cohere's and expects another answer"""

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


def refused():
    """The class of the error: it reads `data`, where Cohere's answer has `results`."""
    try:
        voyageai.Client(**reranker).rerank(query=inputs["query"], documents=inputs["documents"], model="reranker")
    except AttributeError as error:
        return type(error).__name__


embed = {"texts": inputs["texts"], "model": "bert"}
values = {
    "embeddings": voyageai.Client(**bert).embed(**embed).embeddings,
    "embeddings (async)": asyncio.run(voyageai.AsyncClient(**bert).embed(**embed)).embeddings,
    "embeddings (query)": voyageai.Client(**bert).embed(**embed, input_type="query").embeddings,
    "another answer is expected": refused(),
}
print(json.dumps(values))
