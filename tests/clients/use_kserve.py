"""Uses kserve's own client, in an environment of its own. The argument is the server's address; prints JSON."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def main(url: str) -> None:
    """Both versions of the protocol, JSON and binary."""
    texts = ["Hello, how are you?", "a cat 🙂"]
    first = InferenceRESTClient(RESTConfig(protocol="v1", timeout=60))
    got = {"v1": (await first.infer(url, {"instances": texts}, model_name="bert"))["predictions"]}
    second = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
    for name, binary in (("v2", False), ("v2 binary", True)):
        tensor = InferInput("text", [len(texts)], "BYTES")
        tensor.set_data_from_numpy(np.array([text.encode() for text in texts], dtype=object), binary_data=binary)
        request = InferRequest("bert", [tensor], parameters={"binary_data_output": True} if binary else {})
        answer = await second.infer(url, request, model_name="bert")
        got[name] = answer.outputs[0].as_numpy().tolist()
    print(json.dumps(got))


asyncio.run(main(sys.argv[1]))
