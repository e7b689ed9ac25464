"""`OpenAILikeEmbedding`, sync and async"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "llama-index-embeddings-openai-like==0.4.0",
# ]
# [tool.client]
# address = "`.../v1`"
# ///

import asyncio
import json
import sys
from pathlib import Path

from llama_index.embeddings.openai_like import OpenAILikeEmbedding

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

options = {"model_name": "bert", "api_base": f"{url}/predictions/bert/1.0/v1", "api_key": "none"}
made = OpenAILikeEmbedding(**options)
values = {
    "embeddings": made.get_text_embedding_batch(inputs["texts"]),
    "query embedding": made.get_query_embedding(inputs["query"]),
    "embeddings (async)": asyncio.run(OpenAILikeEmbedding(**options).aget_text_embedding_batch(inputs["texts"])),
    "short embeddings": OpenAILikeEmbedding(**options, dimensions=64).get_text_embedding_batch(inputs["texts"]),
}
print(json.dumps(values))
