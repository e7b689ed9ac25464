"""`CohereEmbeddings`, sync and async; `CohereRerank`"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "langchain-cohere==0.6.0",
# ]
# [tool.client]
# address = "`...`"
# ///

import asyncio
import json
import sys
from pathlib import Path

from langchain_cohere import CohereEmbeddings, CohereRerank
from langchain_core.documents import Document

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

options = {"model": "bert", "cohere_api_key": "none", "base_url": f"{url}/predictions/bert/1.0"}
made = CohereEmbeddings(**options)
ranker = CohereRerank(**options | {"base_url": f"{url}/predictions/reranker/1.0"}, top_n=10)
ranked = ranker.rerank(inputs["documents"], inputs["query"])
best = ranker.compress_documents([Document(text) for text in inputs["documents"]], inputs["query"])
values = {
    "embeddings": made.embed_documents(inputs["texts"]),
    "query embedding": made.embed_query(inputs["query"]),
    "embeddings (async)": asyncio.run(CohereEmbeddings(**options).aembed_documents(inputs["texts"])),
    "scores": [item["relevance_score"] for item in sorted(ranked, key=lambda item: item["index"])],
    "best documents": [document.page_content for document in best],
}
print(json.dumps(values))
