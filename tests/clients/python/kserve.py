"""`InferenceRESTClient`: versions 1 and 2, JSON and binary"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "kserve==0.21.0",
# ]
# [tool.client]
# address = "`http://localhost:8080`"
# ///

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

texts = inputs["texts"]


async def main():
    """Both versions of the protocol."""
    first = InferenceRESTClient(RESTConfig(protocol="v1", timeout=60))
    got = {"embeddings (1)": (await first.infer(url, {"instances": texts}, model_name="bert"))["predictions"]}
    second = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
    for name, binary in (("embeddings (2)", False), ("embeddings (2, binary)", True)):
        tensor = InferInput("text", [len(texts)], "BYTES")
        tensor.set_data_from_numpy(np.array([text.encode() for text in texts], dtype=object), binary_data=binary)
        request = InferRequest("bert", [tensor], parameters={"binary_data_output": True} if binary else {})
        answer = await second.infer(url, request, model_name="bert")
        got[name] = answer.outputs[0].as_numpy().tolist()
    print(json.dumps(got))


asyncio.run(main())
