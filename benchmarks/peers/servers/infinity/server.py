"""Infinity with its torch engine and its own defaults."""

import os
import sys

folder, port = sys.argv[1:3]
command = os.path.join(os.path.dirname(sys.executable), "infinity_emb")
options = ["v2", "--model-id", folder, "--served-model-name", "bert", "--engine", "torch", "--device", "cpu"]
environment = {**os.environ, "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0", "HF_HUB_OFFLINE": "1"}
os.execve(command, [command, *options, "--host", "127.0.0.1", "--port", port], environment)
