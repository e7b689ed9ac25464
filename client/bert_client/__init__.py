"""A client of BERT on TorchServe: `BertClient` for threads, `AsyncBertClient` for event loops, and their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bert_client.errors import (
    BertError,
    Invalid,
    NotAcceptable,
    Overloaded,
    TimedOut,
    TooLarge,
    Unauthorized,
    Undecodable,
    Unexpected,
    UnknownModel,
    UnknownTask,
    Unreachable,
    WrongAddress,
)
from bert_client.sync import BertClient

if TYPE_CHECKING:
    from bert_client.asynchronous import AsyncBertClient

__all__ = [
    "AsyncBertClient",
    "BertClient",
    "BertError",
    "Invalid",
    "NotAcceptable",
    "Overloaded",
    "TimedOut",
    "TooLarge",
    "Unauthorized",
    "Undecodable",
    "Unexpected",
    "UnknownModel",
    "UnknownTask",
    "Unreachable",
    "WrongAddress",
]


def __getattr__(name: str) -> Any:
    """`AsyncBertClient` when it is first asked for, since it needs httpx, which `BertClient` does not."""
    if name != "AsyncBertClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from bert_client.asynchronous import AsyncBertClient
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; pip install './client[async]' brings it", name=error.name) from None
    return AsyncBertClient
