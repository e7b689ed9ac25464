"""`embedding` and `rerank` with the providers openai, cohere, huggingface, infinity, hosted_vllm, jina_ai"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "litellm==1.110.2",
# ]
# [tool.client]
# address = "`.../v1`, `.../v2/embed`, `...`, `.../tei`, `.../infinity`"
# ///

import asyncio
import json
import sys
from pathlib import Path

import litellm

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

bert, reranker = f"{url}/predictions/bert/1.0", f"{url}/predictions/reranker/1.0"
EMBEDDING = {
    "openai/bert": "v1",
    "cohere/bert": "v2/embed",
    "huggingface/bert": "tei/embed",
    "infinity/bert": "infinity",
    "hosted_vllm/bert": "v1",
    "jina_ai/bert": "v1",
}
TASK = {"huggingface/bert": {"input_type": "feature-extraction"}}  # or it asks the hub which task the model has
RERANK = {
    "cohere/reranker": "",
    "huggingface/reranker": "tei",
    "infinity/reranker": "infinity",
    "hosted_vllm/reranker": "v1",
}


def said(function, **options):
    """What a call gave, or the error it raised: one provider's is not to hide the others'."""
    try:
        return function(**options, api_key="none")
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]


def embedded(**options):
    """Vectors."""
    return [item["embedding"] for item in litellm.embedding(**options, input=inputs["texts"]).data]


def ranked(**options):
    """Scores in the order of the documents."""
    answer = litellm.rerank(**options, query=inputs["query"], documents=inputs["documents"], top_n=4)
    return [item["relevance_score"] for item in sorted(answer.results, key=lambda item: item["index"])]


async def later(**options):
    """Vectors."""
    return [item["embedding"] for item in (await litellm.aembedding(**options, input=inputs["texts"])).data]


values = {
    f"embeddings ({model.partition('/')[0]})": said(
        embedded, model=model, api_base=f"{bert}/{path}", **TASK.get(model, {})
    )
    for model, path in EMBEDDING.items()
}
values |= {
    f"scores ({model.partition('/')[0]})": said(ranked, model=model, api_base=f"{reranker}/{path}".rstrip("/"))
    for model, path in RERANK.items()
}
jina = said(ranked, model="jina_ai/reranker", api_base=f"{reranker}/v1")
values["the path of the address is dropped (jina_ai, rerank)"] = str(jina).partition(":")[0]
values["embeddings (async)"] = said(
    lambda **more: asyncio.run(later(**more)), model="openai/bert", api_base=f"{bert}/v1"
)
print(json.dumps(values))
