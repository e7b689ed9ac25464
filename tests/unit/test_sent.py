"""The search for what was sent finds it."""

import socket

import pytest
import requests

from tests.e2e.sent import METHODS, Sent, listening


@pytest.fixture
def sent():
    """With a server that accepts, and never answers."""
    found = Sent()
    with socket.create_server(("127.0.0.1", 0)) as server, listening(found):
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        for options in (
            {"json": {"inputs": ["a heron wades", "short"], "model": "all-MiniLM-L6-v2"}},
            {"data": {"text": "an egret naps 100%"}, "headers": {"authorization": "Bearer a-secret-key"}},
        ):
            with pytest.raises(requests.Timeout):
                requests.post(url, timeout=(60, 0.05), **options)
    return found


def test_texts_and_keys_are_kept(sent):
    assert sent.texts == {b"a heron wades", b"an egret naps 100%", b"a-secret-key"}


def test_a_search_within_a_search_leaves_everything_as_it_was():
    def methods():
        return [getattr(socket.socket, name) for name in METHODS]

    before = methods()
    with listening(Sent()):
        outer = methods()
        with listening(Sent()):
            assert methods() != outer != before
        assert methods() == outer
    assert methods() == before


def test_a_log_that_has_one_is_found(sent, tmp_path):
    (tmp_path / "logs").mkdir()
    for name, content in (("worker.log", "x\nfailed on 'a heron wades in mud'"), ("server.log", "short, a man")):
        (tmp_path / "logs" / name).write_text(content)
    assert [*sent.logged([tmp_path])] == [(tmp_path / "logs" / "worker.log", b"a heron wades")]
