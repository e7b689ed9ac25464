"""A model as HTTP: where a call goes on a server, with which headers, and what an answer means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

from bert_client.calls import Answer, Call
from bert_client.errors import (
    ANSWERED,
    BertError,
    Overloaded,
    TooLarge,
    Unauthorized,
    UnknownModel,
    UnknownTask,
)

T = TypeVar("T")
TORCHSERVE: dict[str, type[BertError]] = {
    "InvalidKeyException": Unauthorized,  # a 400
    "ModelNotFoundException": UnknownModel,
    "ModelVersionNotFoundException": UnknownModel,
}
"""By the `type` of TorchServe's own answers."""
STATUSES: dict[int, type[BertError]] = {401: Unauthorized, 404: UnknownTask, 413: TooLarge, 429: Overloaded}
"""Of answers that name no type we know, TorchServe's or a proxy's; from 500 on they are `Overloaded`."""


LONGEST = 1000
"""Seconds from which on a request says nothing of how long it waits."""


class Request(NamedTuple):
    """A POST to be sent to a server."""

    path: str
    headers: dict[str, str]
    content: bytes


class Server:
    """One model of servers that have the same ones.

    Without a version the server's default one answers, and the task is in the body. `answered` says whether it has
    answered before, so that it is known to be there.
    """

    def __init__(self, model: str, version: str | None, api_key: str | None) -> None:
        self.address = f"/predictions/{quote(model, safe='')}"
        self.version = version
        self.headers = {"content-type": "application/json"}
        if api_key:
            self.headers["authorization"] = f"Bearer {api_key}"
        self.answered = False

    def request(self, call: Call[Any]) -> Request:
        """What asks for a call."""
        headers = self.headers | {"accept": call.accept}
        if self.version is None:
            return Request(self.address, headers, encode({**call.body, "task": call.task}))
        return Request(f"{self.address}/{quote(self.version, safe='')}/{call.task}", headers, encode(call.body))

    def read(self, call: Call[T], answer: Answer) -> T:
        """A call's result.

        Raises:
            BertError: the answer is an error.
        """
        if answer.status >= 400:
            raise to_exception(answer)
        result = call.read(answer)
        self.answered = True
        return result


def patience(seconds: float) -> dict[str, str]:
    """The header that lets a server leave undone what nobody waits for; it takes no more than six digits."""
    return {"x-request-timeout-ms": str(max(1, int(1000 * seconds)))} if seconds < LONGEST else {}


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine; a proxy, which is on another, must not be asked for it."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def encode(body: Mapping[str, Any]) -> bytes:
    """JSON. NaN is refused, as the server would; what is no Unicode is escaped, so that the server names it.

    Raises:
        ValueError, TypeError: the body has no form in JSON.
    """
    return json.dumps(body, allow_nan=False).encode()


def to_exception(answer: Answer) -> BertError:
    """The server's own words as the error they mean. A worker that died is `Overloaded`: it is started again."""
    try:
        said = json.loads(answer.content)
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}
    by_status = STATUSES.get(answer.status, Overloaded if answer.status >= 500 else BertError)
    kind = (ANSWERED | TORCHSERVE).get(str(said.get("error_type") or said.get("type")), by_status)
    words = said.get("error") or said.get("message") or answer.content.decode(errors="replace") or "no reason given"
    error = kind(f"{answer.status}: {words}", seconds(answer.headers.get("retry-after", "")))
    error.answer = answer
    return error


def seconds(header: str) -> float | None:
    """Of a `retry-after`; a date is not read."""
    return float(header) if header.isdecimal() else None
