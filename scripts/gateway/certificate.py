"""The gateway's certificate, looked at before HAProxy refuses it in words that name no remedy."""

from __future__ import annotations

import ssl
from pathlib import Path

from scripts.console import Failure


def check(file: Path) -> None:
    """That a file has a certificate and its key, and the key no password.

    Raises:
        Failure: it has not.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, password=lambda: "")
    except (OSError, ValueError) as error:  # an error of TLS is one of the system's, and no password is no value
        raise Failure(
            f"--tls-cert {file} has no certificate with its key: {error}",
            fix="one PEM file with the certificate, those that signed it, and a key without a password: "
            "cat CERTIFICATE CHAIN KEY > FILE",
        ) from None
