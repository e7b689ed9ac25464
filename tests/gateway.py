"""What tests of the gateway share: whether HAProxy is there, and a certificate for it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.gateway import haproxy

needs_haproxy = pytest.mark.skipif(not shutil.which(haproxy.program()), reason="HAProxy is not installed")


def certificate(folder: Path) -> Path:
    """One of our own for 127.0.0.1, with its key, in one file."""
    key, cert, both = (folder / name for name in ("key.pem", "cert.pem", "both.pem"))
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    command = [*made.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    return both
