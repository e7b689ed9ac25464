"""`tritonclient.http` and `tritonclient.http.aio`: `infer` with JSON and binary tensors"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "tritonclient[http]==2.73.0",
# ]
# [tool.client]
# address = "`http://localhost:8080`"
# ///

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.http as triton
from tritonclient.http import aio
from tritonclient.utils import InferenceServerException

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

host = url.removeprefix("http://")


def ask(binary=True):
    """Arguments of `infer`."""
    text = triton.InferInput("text", [len(inputs["texts"])], "BYTES")
    text.set_data_from_numpy(np.array([text.encode() for text in inputs["texts"]], dtype=object), binary_data=binary)
    return {"inputs": [text], "outputs": [triton.InferRequestedOutput("embedding", binary_data=binary)]}


async def later():
    """By the async client."""
    async with aio.InferenceServerClient(host) as client:
        return (await client.infer("bert", **ask())).as_numpy("embedding").tolist()


def refused(client):
    """The class of the error."""
    try:
        client.infer("nobody", **ask())
    except InferenceServerException as error:
        return type(error).__name__


client = triton.InferenceServerClient(host)
compressed = {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"}
values = {
    "embeddings (binary)": client.infer("bert", **ask()).as_numpy("embedding").tolist(),
    "embeddings (json)": client.infer("bert", **ask(binary=False)).as_numpy("embedding").tolist(),
    "embeddings (gzip)": client.infer("bert", **ask(), **compressed).as_numpy("embedding").tolist(),
    "embeddings (async)": client.async_infer("bert", **ask()).get_result().as_numpy("embedding").tolist(),
    "embeddings (aio)": asyncio.run(later()),
    "unknown model": refused(client),
}
client.close()
print(json.dumps(values))
