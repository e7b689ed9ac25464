"""Which of several servers tells a gateway about a model."""

from urllib.parse import urlsplit

import pytest

from scripts.console import Failure
from scripts.gateway import discovery
from scripts.gateway.settings import Backend
from tests.serving import fake_server

STARTING = 404, b'{"code": 404, "type": "ModelNotFoundException", "message": "Model not found: bert"}'
FULL = 503, b'{"error": "late", "error_type": "overloaded"}'


def backend(server):
    return Backend("127.0.0.1", urlsplit(server.url).port)


@pytest.mark.parametrize("answer", [STARTING, FULL, None, (200, b"<html>")])
def test_another_server_is_asked_when_the_first_cannot_say(answer):
    with fake_server() as first, fake_server() as second:
        first.answers[:] = [answer]
        second.about.update(version="1.0", task="embedding", dimensions=384)
        servers = [backend(first), backend(second)]
        found = discovery.first(servers, "bert", {})
        assert (found.version, found.task, found.dimensions) == ("1.0", "embedding", 384)
        first.answers[:], second.answers[:] = [answer], [STARTING]
        with pytest.raises(Failure, match="predictions/bert answers 404 and not its info"):
            discovery.first(servers, "bert", {})
