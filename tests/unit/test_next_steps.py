"""What a started server's operator reads last."""

import json

import pytest

from scripts import smoke_test
from scripts.server import next_steps, report, state

INFO = {"model": "bert", "version": "1.0", "tasks": ["embedding"]}


def server(folder, **keys):
    known = {"pid": 1, "created": 0.0, "host": "127.0.0.1", "inference_port": 8080, "management_port": 8081}
    known |= {"metrics_port": 8082, "grpc_port": 7070, "models": ["bert"], "store": "s", "folder": str(folder)}
    return state.Server(**{**known, "temporary": "t", **keys})


def test_all_that_comes_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert next_steps.lines(server(tmp_path / ".run" / "8080"), "1.0") == [
        "  OpenAI's clients  base_url=http://127.0.0.1:8080/predictions/bert/1.0/v1",
        "  metrics           http://127.0.0.1:8082/metrics",
        "  logs              .run/8080/logs",
        "  your own model    scripts/bert pack FOLDER --name NAME, then",
        "                    scripts/bert start NAME",
        "  stop it with      scripts/bert stop",
    ]


def test_addresses_can_be_opened_and_commands_name_the_port(tmp_path):
    one = server(tmp_path, host="0.0.0.0", metrics_host="0.0.0.0", inference_port=9400, key_list="/k")
    text = "\n".join(next_steps.lines(one, "2.0"))
    assert "0.0.0.0" not in text
    assert "http://127.0.0.1:9400/predictions/bert/2.0/v1" in text
    assert "scripts/bert start NAME --inference-port 9400" in text
    assert "  keys              /k" in text
    assert (
        next_steps.page(one, "2.0") == "bert in a browser: http://127.0.0.1:9400/predictions/bert/2.0/ui"
    )  # asks for a key
    assert f"  logs              {tmp_path}/logs" in text


@pytest.mark.parametrize("info", ["a text", {"tasks": []}, None])
def test_an_archive_of_another_project_has_no_page(tmp_path, info):
    assert smoke_test.version(INFO) == "1.0"
    assert next_steps.page(server(tmp_path), smoke_test.version(info)) == ""
    text = "\n".join(next_steps.lines(server(tmp_path), smoke_test.version(info)))
    assert "OpenAI" not in text
    assert "metrics" in text


def test_the_whole_message(tmp_path, capsys):
    body = {"inputs": "Hello, how are you?"}
    report.show_started(server(tmp_path, host="0.0.0.0"), body, 5.4, [[0.5] * 8], "1.0")
    shown = capsys.readouterr().out
    assert shown.startswith("\nbert in a browser: http://127.0.0.1:8080/predictions/bert/1.0/ui\n")
    assert (
        "bert is served at http://127.0.0.1:8080/predictions/bert (on every address of this machine, 0.0.0.0)" in shown
    )
    assert "-> 1 x [0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, ...] (8 long)  (5 ms)" in shown
    assert f"-d '{json.dumps(body)}'" in shown
    assert shown.count("stop it with") == 1
