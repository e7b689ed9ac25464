"""`tritonclient.grpc`: `infer`, which TorchServe answers `UNIMPLEMENTED`, since it has no `GRPCInferenceService`"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "tritonclient[grpc]==2.73.0",
# ]
# [tool.client]
# address = "none: use HTTP"
# ///

import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

url, inputs = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))

host, _, port = url.removeprefix("http://").rpartition(":")
client = triton.InferenceServerClient(f"{host}:{int(port) + 3}")
text = triton.InferInput("text", [len(inputs["texts"])], "BYTES")
text.set_data_from_numpy(np.array([text.encode() for text in inputs["texts"]], dtype=object))
try:
    client.infer("bert", [text])
except InferenceServerException as error:
    said = error.status()
client.close()
print(json.dumps({"no such service": said}))
