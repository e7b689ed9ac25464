"""`OpenAIEmbeddingFunction` in a collection, `HuggingFaceEmbeddingServer`"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "chromadb==1.5.9",
#   "openai==3.57.0",
# ]
# [tool.client]
# address = "`.../v1`, `.../tei/embed`"
# ///

import json
import sys
from pathlib import Path

import chromadb
from chromadb.utils.embedding_functions import HuggingFaceEmbeddingServer, OpenAIEmbeddingFunction

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

bert = f"{url}/predictions/bert/1.0"
openai = OpenAIEmbeddingFunction(api_key="none", api_base=f"{bert}/v1", model_name="bert")
hugging = HuggingFaceEmbeddingServer(url=f"{bert}/tei/embed")
collection = chromadb.EphemeralClient().create_collection("texts", embedding_function=openai)
collection.add(ids=["0", "1", "2"], documents=inputs["texts"])
kept = collection.get(ids=["0", "1", "2"], include=["embeddings"])
values = {
    "embeddings": [row.tolist() for row in openai(inputs["texts"])],
    "embeddings (a collection's)": kept["embeddings"].tolist(),
    "embeddings (tei)": [row.tolist() for row in hugging(inputs["texts"])],
    "query embedding": hugging.embed_query([inputs["query"]])[0].tolist(),
}
print(json.dumps(values))
