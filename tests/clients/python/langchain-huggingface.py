"""`HuggingFaceEndpointEmbeddings`, sync and async, whose `model` may not be an address: its clients are set"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "langchain-huggingface==1.2.3",
#   "numpy==2.4.6",
# ]
# [tool.client]
# address = "`.../hf`"
# ///

import asyncio
import json
import sys
from pathlib import Path

from huggingface_hub import AsyncInferenceClient, InferenceClient
from langchain_huggingface import HuggingFaceEndpointEmbeddings

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

address = f"{url}/predictions/bert/1.0/hf"
try:
    HuggingFaceEndpointEmbeddings(model=address)
except ValueError as error:  # of pydantic
    refused = type(error).__name__
made = HuggingFaceEndpointEmbeddings(model="bert/bert", huggingfacehub_api_token="none")
made.client, made.async_client = InferenceClient(address), AsyncInferenceClient(address)
values = {
    "address as model": refused,
    "embeddings": made.embed_documents(inputs["texts"]),
    "query embedding": made.embed_query(inputs["query"]),
    "embeddings (async)": asyncio.run(made.aembed_documents(inputs["texts"])),
}
print(json.dumps(values))
