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
    Unexpected,
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
STATUSES: dict[int, type[BertError]] = {401: Unauthorized, 413: TooLarge, 429: Overloaded}
"""Of answers that name no type we know, TorchServe's or a proxy's; from 500 on they are `Overloaded`."""
OURS: dict[int, type[BertError]] = {404: UnknownTask}
"""Of such answers of a worker, whose protocol has its owner's form of an error; all others are `BertError`."""
TIMED = "x-decode-time"
"""A header of whatever a worker answers, in any protocol."""
WORDS = 200
"""Characters of an unexpected answer that its error repeats."""

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
        if answer.status >= 300:
            raise to_exception(answer)
        try:
            result = call.read(answer)
        except Exception:  # of numpy or json; nothing but the answer can be the reason
            raise placed(
                Unexpected(f"{answer.status}, and no answer to {call.task}: {words(answer)}"), answer
            ) from None
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
    kind = (ANSWERED | TORCHSERVE).get(str(said.get("error_type") or said.get("type"))) or by_status(answer)
    reason = said.get("error") or said.get("message") or words(answer) or "no reason given"
    return placed(kind(f"{answer.status}: {reason}", seconds(answer.headers.get("retry-after", ""))), answer)


def by_status(answer: Answer) -> type[BertError]:
    """What an answer means that names no type we know."""
    if answer.status in STATUSES or answer.status >= 500:
        return STATUSES.get(answer.status, Overloaded)
    return OURS.get(answer.status, BertError) if is_worker(answer) else Unexpected


def is_worker(answer: Answer) -> bool:
    """Whether a model's worker gave an answer, and nothing on the way to it."""
    return TIMED in answer.headers


def content_of(answer: Answer) -> bytes:
    """The body of what a worker answers on any route.

    Raises:
        ValueError: it is neither JSON nor a worker's.
    """
    if not is_worker(answer):
        json.loads(answer.content)
    return answer.content


def words(answer: Answer) -> str:
    """How an answer's text begins, and where it sends to."""
    text = " ".join(answer.content[: 4 * WORDS].decode(errors="replace").split())
    return f"{text[:WORDS]} {answer.headers.get('location', '')}".strip()


def placed(error: BertError, answer: Answer) -> BertError:
    """An error with the answer that says so."""
    error.answer = answer
    return error


def seconds(header: str) -> float | None:
    """Of a `retry-after`; a date is not read."""
    return float(header) if header.isdecimal() else None
