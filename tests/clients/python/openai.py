"""`OpenAI` and `AsyncOpenAI`: `embeddings.create`, `models.list`, `models.retrieve`"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "openai==3.57.0",
# ]
# [tool.client]
# address = "`.../v1`"
# ///

import asyncio
import json
import sys
from pathlib import Path

import openai

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

options = {"base_url": f"{url}/predictions/bert/1.0/v1", "api_key": "none"}
client = openai.OpenAI(**options)


def vectors(**more):
    """By the sync client, which asks for base64 unless it is told otherwise."""
    return [item.embedding for item in client.embeddings.create(model="bert", **{"input": inputs["texts"]} | more).data]


async def later():
    """By the async client."""
    async with openai.AsyncOpenAI(**options) as other:
        answer = await other.embeddings.create(model="bert", input=inputs["texts"])
    return [item.embedding for item in answer.data]


def refused(base_url, **more):
    """The class of the error."""
    try:
        openai.OpenAI(base_url=base_url, api_key="none").embeddings.create(model="bert", **more)
    except openai.OpenAIError as error:
        return type(error).__name__


values = {
    "embeddings": vectors(),
    "embeddings (float)": vectors(encoding_format="float"),
    "embeddings (async)": asyncio.run(later()),
    "query embedding": vectors(input=inputs["query"])[0],
    "short embeddings": vectors(dimensions=64),
    "models": [model.id for model in client.models.list()],
    "models (retrieve)": [client.models.retrieve("bert").id],
    "unknown model": refused(f"{url}/predictions/nobody/1.0/v1", input="Hello"),
    "empty text": refused(options["base_url"], input=""),
}
print(json.dumps(values))
