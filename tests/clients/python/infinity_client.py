"""`embeddings`, `rerank`, `classify`, `models`, sync and async"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "infinity-client==0.0.78",
# ]
# [tool.client]
# address = "`.../infinity`"
# ///

import asyncio
import json
import sys
from pathlib import Path

from infinity_client import Client
from infinity_client.api.default import classify, embeddings, models, rerank
from infinity_client.models import ClassifyInput, OpenAIEmbeddingInputText, RerankInput

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))


def client(name):
    """Of one archive."""
    return Client(base_url=f"{url}/predictions/{name}/1.0/infinity", raise_on_unexpected_status=True)


def vectors(answer):
    """In the order of the texts."""
    return [item.embedding for item in answer.data]


texts = OpenAIEmbeddingInputText(model="bert", input_=inputs["texts"])
documents = RerankInput(model="reranker", query=inputs["query"], documents=inputs["documents"], return_documents=True)
ranked = rerank.sync(client=client("reranker"), body=documents).results
labels = classify.sync(client=client("classes"), body=ClassifyInput(model="classes", input_=[inputs["sentence"]]))
values = {
    "embeddings": vectors(embeddings.sync(client=client("bert"), body=texts)),
    "embeddings (async)": vectors(asyncio.run(embeddings.asyncio(client=client("bert"), body=texts))),
    "scores": [item.relevance_score for item in sorted(ranked, key=lambda item: item.index)],
    "best documents": [item.document for item in ranked],
    "labels": {item.label: item.score for item in labels.data[0]},
    "models": [model.id for model in models.sync(client=client("bert")).data],
}
print(json.dumps(values))
