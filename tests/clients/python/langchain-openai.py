"""`OpenAIEmbeddings`, sync and async"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "langchain-openai==1.7.4",
# ]
# [tool.client]
# address = "`.../v1`"
# ///

import asyncio
import json
import sys
from pathlib import Path

from langchain_openai import OpenAIEmbeddings

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

# tiktoken would cut the texts into ids of OpenAI's vocabulary, which no other model has
options = {
    "base_url": f"{url}/predictions/bert/1.0/v1",
    "model": "bert",
    "api_key": "none",
    "check_embedding_ctx_length": False,
}
made = OpenAIEmbeddings(**options)
values = {
    "embeddings": made.embed_documents(inputs["texts"]),
    "query embedding": made.embed_query(inputs["query"]),
    "embeddings (async)": asyncio.run(OpenAIEmbeddings(**options).aembed_documents(inputs["texts"])),
    "short embeddings": OpenAIEmbeddings(**options, dimensions=64).embed_documents(inputs["texts"]),
}
print(json.dumps(values))
