"""Fixtures of the clients' tests."""

import pytest

from bert_client import asynchronous, sync
from tests.serving import CLIENTS


@pytest.fixture(params=list(CLIENTS))
def connect(request):
    """The class of a client, sync and async in turn."""
    return CLIENTS[request.param]


@pytest.fixture
def waits(monkeypatch):
    """The waits between tries, which take no time."""
    waits = []

    async def later(seconds):
        waits.append(seconds)

    monkeypatch.setattr(sync, "sleep", waits.append)
    monkeypatch.setattr(asynchronous, "sleep", later)
    return waits
