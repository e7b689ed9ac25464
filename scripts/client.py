"""The client's old address: `from scripts.client import BertClient`. It is a package of its own now, `client/`."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from scripts.paths import ROOT

if find_spec("bert_client") is None:  # a clone need not have it installed: it is a folder beside this one
    sys.path.append(str(ROOT / "client"))

from bert_client import (
    BertClient,
    BertError,
    Invalid,
    NotAcceptable,
    Overloaded,
    TooLarge,
    Unauthorized,
    Undecodable,
    Unexpected,
    UnknownModel,
    UnknownTask,
    Unreachable,
)
from bert_client.calls import PROVENANCE, Call
from bert_client.server import content_of

__all__ = [
    "PROVENANCE",
    "BertClient",
    "BertError",
    "Call",
    "Invalid",
    "NotAcceptable",
    "Overloaded",
    "TooLarge",
    "Unauthorized",
    "Undecodable",
    "Unexpected",
    "UnknownModel",
    "UnknownTask",
    "Unreachable",
    "content_of",
]
