"""Infinity: `server.py CHECKPOINT PORT [ENGINE [MODEL]]`, where `MODEL` is the checkpoint as that engine reads it.

Its ONNX engine looks for a graph of its own optimizer beside the checkpoint, and its CTranslate2 engine for a converted
model in the hub's cache; both find the given one there, and convert nothing. All else is its default, except that it
does without BetterTransformer, which with this transformers only puts a slower attention in the place of torch's.
"""

import os
import sys
import tempfile
from pathlib import Path

folder, port, engine, model = (*sys.argv[1:], *("torch", "")[len(sys.argv) - 3 :])
command = os.path.join(os.path.dirname(sys.executable), "infinity_emb")
environment = {**os.environ, "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0", "HF_HUB_OFFLINE": "1"}
served = Path(tempfile.mkdtemp(prefix="infinity-")) / "bert"
served.mkdir()
for file in Path(folder).iterdir():
    (served / file.name).symlink_to(file)
if engine == "optimum":
    (served / "model_optimized.onnx").symlink_to(Path(model) / "model.onnx")
if engine == "ctranslate2":
    import ctranslate2

    cached = served.parent / f"ctranslate2_{ctranslate2.__version__}" / served.name
    cached.parent.mkdir()
    cached.symlink_to(model)
    environment |= dict.fromkeys(("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"), str(served.parent))  # it reads the older
options = ["v2", "--model-id", str(served), "--served-model-name", "bert", "--engine", engine, "--device", "cpu"]
options += ["--no-bettertransformer", "--pooling-method", "mean", "--host", "127.0.0.1", "--port", port]
os.execve(command, [command, *options], environment)
