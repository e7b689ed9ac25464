"""`OpenAITextEmbedder`, `OpenAIDocumentEmbedder`, `HuggingFaceAPITextEmbedder`, `HuggingFaceAPIDocumentEmbedder`.

`HuggingFaceTEIRanker` reaches only a server whose address has no path.
"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "haystack-ai==3.4.1",
#   "huggingface-api-haystack==3.1.0",
# ]
# [tool.client]
# address = "`.../v1`, `.../hf`, `.../tei`"
# ///

import json
import sys
from pathlib import Path

from haystack import Document
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.utils import Secret
from haystack_integrations.components.embedders.huggingface_api import (
    HuggingFaceAPIDocumentEmbedder,
    HuggingFaceAPITextEmbedder,
)
from haystack_integrations.components.rankers.huggingface_api import HuggingFaceTEIRanker

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))
bert, reranker = f"{url}/predictions/bert/1.0", f"{url}/predictions/reranker/1.0"
openai = {"api_base_url": f"{bert}/v1", "api_key": Secret.from_token("none"), "model": "bert"}


def hugging(api, path):
    """Arguments of its embedders."""
    return {
        "api_type": api,
        "api_params": {"url": f"{bert}/{path}"},
        "token": Secret.from_token("none"),
        "normalize": True,
    }


def documents(embedder):
    """Vectors in the order of the texts."""
    return [
        document.embedding
        for document in embedder.run([Document(content=text) for text in inputs["texts"]])["documents"]
    ]


def refused():
    """The class of the error: the ranker joins `/rerank` to the host alone."""
    try:
        HuggingFaceTEIRanker(url=f"{reranker}/tei", max_retries=1).run(inputs["query"], [Document(content="It rains.")])
    except RuntimeError as error:
        return type(error).__name__


tei, endpoint = hugging("text_embeddings_inference", "tei"), hugging("inference_endpoints", "hf")
values = {
    "embeddings (openai)": documents(OpenAIDocumentEmbedder(**openai)),
    "query embedding (openai)": OpenAITextEmbedder(**openai).run(inputs["query"])["embedding"],
    "embeddings (tei)": documents(HuggingFaceAPIDocumentEmbedder(**tei)),
    "query embedding (tei)": list(HuggingFaceAPITextEmbedder(**tei).run(inputs["query"])["embedding"]),
    "pooled embeddings (tei)": documents(HuggingFaceAPIDocumentEmbedder(**tei | {"normalize": False})),
    "embeddings (hf)": documents(HuggingFaceAPIDocumentEmbedder(**endpoint)),
    "query embedding (hf)": list(HuggingFaceAPITextEmbedder(**endpoint).run(inputs["query"])["embedding"]),
    "the path of the address is dropped (ranker)": refused(),
}
print(json.dumps(values))
