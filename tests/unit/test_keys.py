"""Who may ask: keys of a file that changes, and what everybody else gets."""

import logging
import os

import orjson
import pytest

from handler.errors import Unauthorized
from handler.keys import Keys, parse
from handler.types import Row
from scripts.console import Failure
from scripts.server import keys as files

ADA, BOB = "a" * 24, "b" * 24


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"# people\n\nada:{ADA}\nbob:{BOB}\n")
    file.chmod(0o600)
    return file


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def refused(keys, headers):
    with pytest.raises(Unauthorized) as caught:
        keys.check(headers)
    assert 'send the header "authorization: Bearer KEY"' in str(caught.value)
    return str(caught.value)


def test_every_key_of_the_file_may_ask_and_no_other(file):
    keys = Keys(str(file))
    for headers in (bearer(ADA), bearer(BOB), {"authorization": f"bearer  {ADA} "}):
        keys.check(headers)
    for headers in ({}, {"authorization": ADA}, {"authorization": f"Basic {ADA}"}, {"authorization": "Bearer "}):
        assert "requires an API key" in refused(keys, headers)
    for wrong in (ADA[:-1], ADA + "a", "é" * 24, f"ada:{ADA}", "x" * 100_000):
        assert "unknown or revoked" in refused(keys, bearer(wrong))
    Keys(None).check({})


def test_changes_of_the_file_count_at_once(file):
    keys = Keys(str(file))
    keys.check(bearer(BOB))
    file.write_text(f"ada:{ADA}\n")
    keys.check(bearer(ADA))
    refused(keys, bearer(BOB))
    file.unlink()
    refused(keys, bearer(ADA))
    file.write_text(f"bob:{BOB}\n")
    keys.check(bearer(BOB))


def test_logs_hold_counts_and_no_key(file, caplog):
    caplog.set_level(logging.DEBUG)
    keys = Keys(str(file))
    keys.check(bearer(ADA))
    file.write_text(f"ada {ADA}\nbob:{BOB}\n")
    refused(keys, bearer(ADA))
    file.unlink()
    refused(keys, bearer(ADA))
    refused(keys, bearer(ADA))
    assert "1 keys loaded; invalid lines: [1]" in caplog.text
    assert caplog.text.count("cannot be read") == 1
    assert ADA not in caplog.text
    assert BOB not in caplog.text


ENVELOPES = {
    "": lambda body: body["error_type"] == "unauthorized",
    "embedding": lambda body: body["error_type"] == "unauthorized",
    "v1/embeddings": lambda body: body["error"]["code"] == "invalid_api_key",
    "v2/embed": lambda body: body["message"],
    "tei/embed": lambda body: body["error"],
    "hf": lambda body: body["error"],
    "kserve": lambda body: body["error"],
    "openapi.json": lambda body: body["error_type"] == "unauthorized",
    "info": lambda body: body["error_type"] == "unauthorized",
}


@pytest.mark.parametrize("path", ENVELOPES)
def test_each_protocol_says_it_in_its_own_words(make_pipeline, file, path):
    pipeline = make_pipeline()
    pipeline.keys = Keys(str(file))
    (reply,) = pipeline.answer([Row({"body": b'{"inputs": "b"}'}, bearer("c" * 24), "application/json", path)])
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert ENVELOPES[path](orjson.loads(reply.body))


def test_rows_with_and_without_a_key_share_a_batch(make_pipeline, file):
    pipeline = make_pipeline()
    pipeline.keys = Keys(str(file))
    body = {"body": b'{"inputs": "b"}'}
    rows = [Row(body, bearer(ADA), "application/json"), Row(body, {}, "application/json")]
    rows += [Row({}, {}, "", "tei/health"), Row({}, {}, "", "info", trusted=True)]
    assert [reply.status for reply in pipeline.answer(rows)] == [200, 401, 200, 200]


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (f"ada:{ADA}\n", 0o640, "others may read"),
        ("", 0o600, "holds no line NAME:KEY"),
        (f"ada:{ADA}\nbob:short\n", 0o600, "line 2 of"),
        (f"ada {ADA}\n", 0o600, "line 1 of"),
        (f"ada:{ADA}\nada:{BOB}\n", 0o600, "one name twice"),
        (f"ada:{ADA}\nbob:{ADA}\n", 0o600, "one key twice"),
    ],
)
def test_a_file_that_is_no_list_of_keys_is_refused_without_showing_it(file, text, mode, words):
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(Failure, match=words) as caught:
        files.check(file)
    assert ADA not in caught.value.what + caught.value.fix


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file of root's")
def test_a_secret_of_kubernetes_is_roots_and_its_group_reads_it(file, monkeypatch):
    file.chmod(0o440)
    with pytest.raises(Failure, match="others may read"):
        files.check(file)
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    files.check(file)
    file.chmod(0o444)
    with pytest.raises(Failure, match="others may read"):
        files.check(file)


def test_keys_are_made_once_and_for_their_user_alone(tmp_path):
    made = files.made(tmp_path / "keys")
    assert made.stat().st_mode & 0o777 == 0o600
    content = made.read_text()
    (inference, one), (management, other) = parse(content)[0]
    assert (inference, management) == ("inference", "management")
    assert one != other
    assert files.made(made).read_text() == content
    made.write_text("nothing\n")
    with pytest.raises(Failure, match="line 1 of"):
        files.made(made)


def test_the_key_of_one_name_opens_management(file):
    assert not files.manages(file, f"Bearer {ADA}")
    with file.open("a") as more:
        more.write(f"management:{'m' * 24}\n")
    assert files.manages(file, f"Bearer {'m' * 24}")
    for other in (f"Bearer {ADA}", "m" * 24, f"Bearer {'m' * 23}", "Bearer ", ""):
        assert not files.manages(file, other)
    file.unlink()
    assert not files.manages(file, f"Bearer {'m' * 24}")


def test_the_command_asks_with_the_first_key(file):
    files.check(file)
    assert files.first(file) == ADA
    assert parse(file.read_text()) == ([("ada", ADA), ("bob", BOB)], [])
    file.unlink()
    with pytest.raises(Failure, match="no longer holds a key"):
        files.first(file)


def test_why_workers_know_no_key(tmp_path):
    file = tmp_path / "keys"
    assert files.trouble(file) == f"{file} cannot be read: No such file or directory"
    file.write_text("# nobody\n")
    assert files.trouble(file) == f"{file} holds no key"
    file.write_text(f"ada:{'k' * 24}\n")
    assert files.trouble(file) == ""
