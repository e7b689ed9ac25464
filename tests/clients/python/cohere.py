"""`Client`, `AsyncClient`, `ClientV2`, `AsyncClientV2`: `embed`, `rerank`"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "cohere==7.3.1",
# ]
# [tool.client]
# address = "`...`"
# ///

import asyncio
import json
import sys
from pathlib import Path

import cohere

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

bert, reranker = ({"api_key": "none", "base_url": f"{url}/predictions/{name}/1.0"} for name in ("bert", "reranker"))
embed = {"model": "bert", "texts": inputs["texts"], "input_type": "search_document"}
rerank = {"model": "reranker", "query": inputs["query"], "documents": inputs["documents"]}


def in_order(answer):
    """Scores in the order of the documents."""
    return [item.relevance_score for item in sorted(answer.results, key=lambda item: item.index)]


async def later():
    """By both async clients."""
    first = await cohere.AsyncClient(**bert).embed(**embed)
    second = await cohere.AsyncClientV2(**bert).embed(**embed, embedding_types=["float"])
    ranked = await cohere.AsyncClient(**reranker).rerank(**rerank)
    again = await cohere.AsyncClientV2(**reranker).rerank(**rerank)
    return {
        "embeddings (1, async)": first.embeddings,
        "embeddings (2, async)": second.embeddings.float_,
        "scores (1, async)": in_order(ranked),
        "scores (2, async)": in_order(again),
    }


def refused(base_url, text):
    """The class of the error."""
    try:
        cohere.ClientV2("none", base_url=base_url).embed(model="bert", texts=[text], input_type="search_query")
    except cohere.core.ApiError as error:
        return type(error).__name__


first, second = cohere.Client(**bert), cohere.ClientV2(**bert)
ranked = cohere.Client(**reranker).rerank(**rerank, return_documents=True)
values = {
    "embeddings (1)": first.embed(**embed).embeddings,
    "embeddings (1, float)": first.embed(**embed, embedding_types=["float"]).embeddings.float_,
    "embeddings (2)": second.embed(**embed, embedding_types=["float"]).embeddings.float_,
    "short embeddings": second.embed(**embed, embedding_types=["float"], output_dimension=64).embeddings.float_,
    "scores (1)": in_order(ranked),
    "best documents": [item.document.text for item in ranked.results],
    "scores (2)": in_order(cohere.ClientV2(**reranker).rerank(**rerank)),
    **asyncio.run(later()),
    "unknown model": refused(f"{url}/predictions/nobody/1.0", "Hello"),
    "empty text": refused(bert["base_url"], ""),
}
print(json.dumps(values))
