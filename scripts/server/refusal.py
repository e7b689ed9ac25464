"""What TorchServe's own refusals mean here; its words send the reader to a document of its API."""

from __future__ import annotations

import requests

from scripts.console import Failure
from scripts.server import inference, management
from scripts.server.state import Server, flag

NOT_SERVED = ("ModelNotFoundException", "ModelVersionNotFoundException")
NO_ADDRESS = ("ResourceNotFoundException", "MethodNotAllowedException")


def explain(server: Server, name: str, answer: requests.Response) -> Failure:
    """A failure for an answer with a status of 400 or above to a request for `/predictions/{name}`."""
    body, port = inference.decoded(answer), flag(server.inference_port)
    kind = body.get("type") if isinstance(body, dict) else None
    if kind in NOT_SERVED or kind in NO_ADDRESS:
        what = "model or version" if kind in NOT_SERVED else "address"
        return Failure(
            f"no {what} {name} on port {server.inference_port}",
            why=f"this server serves {', '.join(served(server))}",
            fix=f"scripts/bert predict {server.models[0]} TEXT{port}; scripts/bert start {name}{port} adds a model",
        )
    if kind == "ServiceUnavailableException":
        return Failure(
            f"{name} takes no more requests now: its queue is full, or it has no worker",
            fix=f"scripts/bert status{port}; scripts/bert scale {name} N{port} starts more workers",
        )
    return Failure(f"{name} answered {answer.status_code}", why=answer.text.strip())


def served(server: Server) -> list[str]:
    """Names and versions of its models."""
    found = []
    for name in server.models:
        try:
            found.append(f"{name} ({management.describe(server, name)['modelVersion']})")
        except Failure:
            found.append(name)
    return found
